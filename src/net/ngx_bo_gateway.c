
/*
 * The development gateway.
 */


#include "ngx_bo_gateway.h"


#define NGX_BO_PAYMENT_ID_MAX  64


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


ngx_uint_t
ngx_bo_payment_id_valid(ngx_str_t *payment)
{
    u_char  *p, *last;

    if (payment->len == 0 || payment->len > NGX_BO_PAYMENT_ID_MAX) {
        return 0;
    }

    last = payment->data + payment->len;

    for (p = payment->data; p < last; p++) {
        if (!((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z')
              || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_'))
        {
            return 0;
        }
    }

    return 1;
}
