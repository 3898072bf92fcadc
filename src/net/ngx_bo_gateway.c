
/*
 * The development gateway.
 */


#include "ngx_bo_gateway.h"


static ngx_int_t ngx_bo_gateway_mock_verdict(ngx_str_t *payment);


ngx_bo_gateway_t  ngx_bo_gateway_mock = {
    ngx_string("mock"),
    ngx_bo_gateway_mock_verdict
};


static ngx_int_t
ngx_bo_gateway_mock_verdict(ngx_str_t *payment)
{
    static ngx_str_t  captured = ngx_string("mock-ok-");
    static ngx_str_t  declined = ngx_string("mock-declined-");

    if (payment->len > captured.len
        && ngx_strncmp(payment->data, captured.data, captured.len) == 0)
    {
        return NGX_OK;
    }

    if (payment->len > declined.len
        && ngx_strncmp(payment->data, declined.data, declined.len) == 0)
    {
        return NGX_DECLINED;
    }

    return NGX_ERROR;
}
