
/*
 * The keys that sign tickets: their directive, and GET /ticket-keys, from
 * which scanners take the public ones before they go where there is no
 * network.
 */


#include "ngx_http_bo_tickets.h"
#include "ngx_http_bo_conf.h"


static void ngx_http_bo_ticket_keys(ngx_http_bo_ctx_t *ctx);


ngx_http_bo_action_t  ngx_http_bo_ticket_keys_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string, 0,
      ngx_http_bo_ticket_keys },

    { 0, 0, ngx_null_string, 0, NULL }
};


char *
ngx_http_bo_ticket_key_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    char       *error;
    ngx_str_t  *value, bad;

    if (mcf->tickets) {
        return "is duplicate";
    }

    value = cf->args->elts;

    error = ngx_bo_ticket_read(cf, &value[1], cf->args->nelts - 1,
                               &mcf->tickets, &bad);

    return error ? ngx_http_bo_invalid(cf, cmd, &bad, error) : NGX_CONF_OK;
}


/* RFC 7517, RFC 8037.  A new key is added well before it begins to sign. */

static void
ngx_http_bo_ticket_keys(ngx_http_bo_ctx_t *ctx)
{
    ngx_bo_ticket_keys_t     *keys;
    ngx_http_bo_main_conf_t  *mcf;

    static ngx_str_t  control = ngx_string("public, max-age=300");

    mcf = ngx_http_get_module_main_conf(ctx->request,
                                        ngx_http_boxoffice_module);
    keys = mcf->tickets;

    if (ngx_http_bo_etag(ctx, &keys->etag, &control) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    if (ngx_http_bo_etag_known(ctx, &keys->etag)) {
        ngx_http_bo_send(ctx, NGX_HTTP_NOT_MODIFIED, NULL);
        return;
    }

    ngx_str_set(&ctx->type, "application/jwk-set+json");
    ngx_http_bo_send(ctx, NGX_HTTP_OK, &keys->jwks);
}
