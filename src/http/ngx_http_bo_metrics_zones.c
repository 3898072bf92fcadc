
/*
 * /metrics: what the shared zones have, and what is left of it.
 */


#include "ngx_http_bo.h"


static ngx_slab_pool_t *ngx_http_bo_zone_pool(ngx_shm_zone_t *zone);


/* Zones of all directives of ours; more than there are is of no harm. */

ngx_uint_t
ngx_http_bo_zones_lines(void)
{
    ngx_uint_t        n;
    ngx_list_part_t  *part;

    n = 0;

    for (part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;
         part;
         part = part->next)
    {
        n += part->nelts;
    }

    return 2 * (1 + n);
}


u_char *
ngx_http_bo_put_zones(u_char *p, ngx_uint_t left)
{
    ngx_uint_t        i;
    ngx_shm_zone_t   *zone;
    ngx_list_part_t  *part;
    ngx_slab_pool_t  *pool;

    p = ngx_http_bo_put_metric(p, left ? "zone_free_bytes" : "zone_bytes",
                               left ? "Whole pages that are free in a zone"
                                    : "Size of a shared zone", "gauge");

    for (part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;
         part;
         part = part->next)
    {
        zone = part->elts;

        for (i = 0; i < part->nelts; i++) {
            pool = ngx_http_bo_zone_pool(&zone[i]);

            if (pool) {
                p = ngx_sprintf(p, "boxoffice_zone_%sbytes{zone=\"%V\"} %uz\n",
                                left ? "free_" : "", &zone[i].shm.name,
                                left ? pool->pfree * ngx_pagesize
                                     : zone[i].shm.size);
            }
        }
    }

    return p;
}


/* Others' zones are theirs to tell. */

static ngx_slab_pool_t *
ngx_http_bo_zone_pool(ngx_shm_zone_t *zone)
{
    return zone->tag == &ngx_http_boxoffice_module
           ? (ngx_slab_pool_t *) zone->shm.addr : NULL;
}
