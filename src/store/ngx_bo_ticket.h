
/*
 * Tickets: the keys that sign them, and a seat's code as text and as picture.
 *
 * Ed25519 by OpenSSL, which the module is linked with anyway: signatures are
 * deterministic, so a ticket is the same text whenever it is asked for, and
 * OpenSSL takes no second signature for a text (RFC 8032, 5.1.7: S below the
 * order of the group).
 */


#ifndef _NGX_BO_TICKET_H_INCLUDED_
#define _NGX_BO_TICKET_H_INCLUDED_


#include <openssl/evp.h>

#include "booking/bo_entry.h"
#include "ngx_bo_shows.h"


#define NGX_BO_TICKET_PUBLIC  32        /* bytes of a public key */
#define NGX_BO_TICKET_KID     43        /* of its name: base64url, SHA-256 */
#define NGX_BO_TICKET_KEYS    16


typedef struct {
    EVP_PKEY                *pkey;
    u_char                   id[BO_ENTRY_KEY];  /* as tickets name it */
    u_char                   kid[NGX_BO_TICKET_KID];
    unsigned                 private:1;
} ngx_bo_ticket_key_t;


/* Lives as long as the configuration; the first key signs. */

struct ngx_bo_ticket_keys_s {
    ngx_uint_t               n;
    ngx_bo_ticket_key_t      key[NGX_BO_TICKET_KEYS];
    ngx_str_t                jwks;      /* RFC 7517: all of them, public */
    ngx_str_t                etag;      /* of that, quoted */
};


/*
 * Reads PEM files of Ed25519 keys, one each: the first is a private key, and
 * signs; the others are private or public, and good for what was signed.
 * Returns NULL with *keys set, or an error text, and *bad is the path that it
 * is about.
 */
char *ngx_bo_ticket_read(ngx_conf_t *cf, ngx_str_t *paths, ngx_uint_t n,
    ngx_bo_ticket_keys_t **keys, ngx_str_t *bad);

/*
 * Signs: fills entry->key, and writes up to BO_ENTRY_TEXT_MAX bytes, *len.
 * Some 75 usec.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_bo_ticket_sign(ngx_bo_ticket_keys_t *keys, bo_entry_t *entry,
    u_char *text, size_t *len);

/*
 * Reads and checks what a scanner read.  NGX_OK; NGX_DECLINED: it is no code
 * of this form; NGX_ABORT: it is, and none of our keys signed it.  Whether
 * its seat is still sold to its order, only PostgreSQL knows.
 */
ngx_int_t ngx_bo_ticket_verify(ngx_bo_ticket_keys_t *keys, ngx_str_t *text,
    bo_entry_t *entry);

/*
 * A row of order_tickets() as what is signed; its columns are from "first" on
 * as NGX_BO_TICKET_COLUMNS says.  NGX_OK; NGX_DECLINED when there is no seat
 * in the row; NGX_ERROR when its values are no ticket's.
 */
ngx_int_t ngx_bo_ticket_from_row(bo_entry_t *entry, PGresult *res,
    ngx_int_t row, int first);

#define NGX_BO_TICKET_COLUMNS                                                 \
    "order_id, show_id, ticket_code, starts_ms, ends_ms, seat_no, seat_id"

/* All seats of an order that is confirmed; see sql/016_checkins.sql. */

#define NGX_BO_TICKET_ROWS                                                    \
    " from boxoffice.order_tickets($1::uuid, $2::int, $3::text, $4::boolean)"

/*
 * The QR of a seat's signed code as a PNG, in the pool: 456 pixels square,
 * with its quiet zone, some 2 KB; some 0.5 msec.  NGX_OK; NGX_DECLINED when no
 * key is configured; NGX_ERROR.
 */
ngx_int_t ngx_bo_ticket_png(ngx_bo_store_t *store, bo_entry_t *entry,
    ngx_pool_t *pool, ngx_str_t *png);


#endif /* _NGX_BO_TICKET_H_INCLUDED_ */
