
/*
 * Choices by the map.
 */


#include "ngx_bo_pick.h"


/* How long the map may take to have a hold of ours; msec. */

#define NGX_BO_PICK_KEPT  300

#define NGX_BO_PICK_MAP   ((BO_LAYOUT_MAX_SEATS + 3) / 4)


static void ngx_bo_picks_expire(ngx_bo_show_t *show);
static void ngx_bo_picks_mark(ngx_bo_show_t *show, ngx_msec_t asked,
    u_char *taken, size_t size);


ngx_int_t
ngx_bo_pick_best(ngx_bo_show_t *show, bo_best_want_t *want,
    ngx_bo_pick_t **pick)
{
    size_t          size;
    bo_best_t       best;
    ngx_msec_t      asked;
    ngx_bo_pick_t  *p;

    static u_char   map[NGX_BO_PICK_MAP], taken[NGX_BO_PICK_MAP];

    size = bo_map_size(show->layout.nseats);

    if (ngx_bo_seatmap_bits(show, map, size, &asked) == 0) {
        return NGX_AGAIN;
    }

    ngx_bo_picks_expire(show);
    ngx_bo_picks_mark(show, asked, taken, size);

    want->taken = taken;

    if (bo_best(&show->layout, map, size, want, &best) != 0) {
        want->taken = NULL;

        return bo_best(&show->layout, map, size, want, &best) == 0
               ? NGX_BUSY : NGX_DECLINED;
    }

    p = ngx_alloc(sizeof(ngx_bo_pick_t), show->store->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p->seats = best.seats;
    p->held = 0;

    ngx_queue_insert_tail(&show->picks, &p->queue);
    *pick = p;

    return NGX_OK;
}


/*
 * One that was held stays for a while, at the end of the queue: so the queue
 * is in the order of their ends, but for those under way.
 */

void
ngx_bo_pick_done(ngx_bo_show_t *show, ngx_bo_pick_t *pick, ngx_uint_t held)
{
    ngx_queue_remove(&pick->queue);

    if (!held) {
        ngx_free(pick);
        return;
    }

    pick->held = ngx_max(ngx_current_msec, 1);
    ngx_queue_insert_tail(&show->picks, &pick->queue);
}


static void
ngx_bo_picks_expire(ngx_bo_show_t *show)
{
    ngx_queue_t    *q, *next;
    ngx_bo_pick_t  *pick;

    for (q = ngx_queue_head(&show->picks);
         q != ngx_queue_sentinel(&show->picks);
         q = next)
    {
        next = ngx_queue_next(q);
        pick = ngx_queue_data(q, ngx_bo_pick_t, queue);

        if (pick->held
            && ngx_current_msec - pick->held >= NGX_BO_PICK_KEPT)
        {
            ngx_queue_remove(q);
            ngx_free(pick);
        }
    }
}


/*
 * What the map has, it has: seats that were held before it was read, and are
 * free in it, were given back.
 */

static void
ngx_bo_picks_mark(ngx_bo_show_t *show, ngx_msec_t asked, u_char *taken,
    size_t size)
{
    uint32_t        i;
    ngx_queue_t    *q;
    ngx_bo_pick_t  *pick;

    ngx_memzero(taken, size);

    for (q = ngx_queue_head(&show->picks);
         q != ngx_queue_sentinel(&show->picks);
         q = ngx_queue_next(q))
    {
        pick = ngx_queue_data(q, ngx_bo_pick_t, queue);

        if (pick->held && (ngx_msec_int_t) (asked - pick->held) > 0) {
            continue;
        }

        for (i = 0; i < pick->seats.n; i++) {
            (void) bo_map_set(taken, size, pick->seats.no[i], BO_SEAT_HELD);
        }
    }
}


void
ngx_bo_picks_free(ngx_bo_show_t *show)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&show->picks)) {
        q = ngx_queue_head(&show->picks);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_bo_pick_t, queue));
    }
}


ngx_int_t
ngx_bo_pick_allowed(ngx_bo_show_t *show, const bo_seats_t *seats,
    const bo_seats_t *own, bo_seats_t *stranded)
{
    size_t         size;

    static u_char  map[NGX_BO_PICK_MAP];

    size = bo_map_size(show->layout.nseats);

    if (ngx_bo_seatmap_bits(show, map, size, NULL) == 0) {
        return NGX_AGAIN;
    }

    return bo_orphan(&show->layout, map, size, seats, own, stranded) == 0
           ? NGX_OK : NGX_DECLINED;
}
