
/*
 * Payment gateways.  One is built in: the development gateway, which moves no
 * money.  What it says about a payment stands in the payment's id:
 * "mock-ok-..." was captured, "mock-declined-..." was declined.
 */


#ifndef _NGX_BO_GATEWAY_H_INCLUDED_
#define _NGX_BO_GATEWAY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_str_t            name;          /* as in the payments table */

    /*
     * What became of a payment.  NGX_OK: captured; NGX_DECLINED: declined;
     * NGX_ERROR: the gateway does not know this payment.
     */
    ngx_int_t          (*verdict)(ngx_str_t *payment);
} ngx_bo_gateway_t;


extern ngx_bo_gateway_t  ngx_bo_gateway_mock;


#endif /* _NGX_BO_GATEWAY_H_INCLUDED_ */
