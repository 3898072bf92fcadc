
/*
 * The outbound client of a worker: HTTP, HTTPS and mail to the servers of
 * others, which may be slow, wrong or away.
 *
 * A peer is one such server, made when the configuration is read.  Operations
 * of a peer wait in a bounded queue, some at a time are under way, and each
 * has one deadline that counts from its submission.  Who does not answer opens
 * the breaker of the peer.  Names are resolved by nginx's resolver, or when
 * the configuration is read if there is none: nothing here blocks a worker.
 */


#ifndef _NGX_BO_OUTBOUND_H_INCLUDED_
#define _NGX_BO_OUTBOUND_H_INCLUDED_


#include <openssl/ssl.h>

#include "ngx_bo_upstream.h"


/* Schemes, as bits: what a directive allows. */

#define NGX_BO_OUTBOUND_HTTP      0x1
#define NGX_BO_OUTBOUND_HTTPS     0x2
#define NGX_BO_OUTBOUND_SMTP      0x4
#define NGX_BO_OUTBOUND_SMTPS     0x8

#define NGX_BO_OUTBOUND_WEB       (NGX_BO_OUTBOUND_HTTP                       \
                                   |NGX_BO_OUTBOUND_HTTPS)
#define NGX_BO_OUTBOUND_MAIL      (NGX_BO_OUTBOUND_SMTP                       \
                                   |NGX_BO_OUTBOUND_SMTPS)

/* Bounds of what lives in the shared zone. */

#define NGX_BO_OUTBOUND_NAME      31    /* bytes of a peer's name */
#define NGX_BO_OUTBOUND_PEERS     48    /* peers that are counted */
#define NGX_BO_OUTBOUND_WORKERS   32    /* workers with gauges of their own */
#define NGX_BO_OUTBOUND_BUCKETS   12


typedef struct ngx_bo_outbound_client_s  ngx_bo_outbound_client_t;
typedef struct ngx_bo_outbound_op_s      ngx_bo_outbound_op_t;


/* What a worker says of itself and a peer. */

typedef struct {
    uint32_t                 waiting;
    uint32_t                 inflight;
    uint32_t                 open;          /* its breaker */
} ngx_bo_outbound_gauges_t;


/* Counters of a peer, in shared memory. */

typedef struct {
    char                     name[NGX_BO_OUTBOUND_NAME + 1];

    ngx_atomic_t             verdicts[3];   /* by ngx_bo_verdict_e */
    ngx_atomic_t             errors;        /* answers of 400 and above */
    ngx_atomic_t             opened;        /* times that a breaker opened */
    ngx_atomic_t             bucket[NGX_BO_OUTBOUND_BUCKETS + 1];
    ngx_atomic_t             sum;           /* msec, of all in the buckets */

    /* gauges: each worker writes its own, so that a killed one leaves none */
    ngx_bo_outbound_gauges_t  worker[NGX_BO_OUTBOUND_WORKERS];
} ngx_bo_outbound_stats_t;


extern const ngx_msec_t  ngx_bo_outbound_bucket_msec[NGX_BO_OUTBOUND_BUCKETS];


/* What a directive says of a peer; lives as long as the configuration. */

typedef struct {
    ngx_str_t                name;          /* of logs and metrics */
    ngx_str_t                url;           /* as written */
    ngx_uint_t               scheme;        /* one of the bits */
    ngx_str_t                host;          /* without brackets */
    in_port_t                port;
    ngx_str_t                base;          /* scheme, host, port, path without
                                             * a '/' at its end */
    ngx_str_t                username;      /* empty: no authentication */
    ngx_str_t                password;
    ngx_msec_t               timeout;       /* msec, > 0, of an operation */
    ngx_uint_t               most;          /* under way at once in a worker */
    ngx_uint_t               queue;         /* waiting in a worker, bound */
    size_t                   answer;        /* bytes of a body that are kept */
    ngx_str_t                ca;            /* file of trusted certificates;
                                             * empty: those of the system */
    unsigned                 verify:1;      /* the certificate and its name */
    unsigned                 starttls:1;    /* smtp: or there is no mail */

    /* set by ngx_bo_outbound_init() */
    ngx_addr_t              *addrs;         /* NULL: asked of the resolver */
    ngx_uint_t               naddrs;
    X509_STORE              *trusted;

    /* set in a worker */
    ngx_bo_outbound_client_t  *client;
    ngx_bo_outbound_stats_t   *stats;
} ngx_bo_outbound_peer_t;


/* All peers of a configuration. */

typedef struct {
    ngx_array_t              peers;         /* ngx_bo_outbound_peer_t * */
    ngx_resolver_t          *resolver;      /* NULL: there is none */
    ngx_msec_t               resolver_timeout;
} ngx_bo_outbound_t;


/* Keys of AWS, for what is signed by Signature Version 4. */

typedef struct {
    ngx_str_t                region;        /* "eu-central-1" */
    ngx_str_t                service;       /* "sqs" */
    ngx_str_t                access_key;
    ngx_str_t                secret_key;
    ngx_str_t                session_token; /* empty: none */
} ngx_bo_outbound_aws_t;


/* What to send.  Everything is copied by the submission. */

typedef struct {
    /* http, https */
    ngx_str_t                method;        /* "GET", "POST", ... */
    ngx_str_t                path;          /* follows the peer's base; "" or
                                             * "/..." with its query, escaped */
    ngx_keyval_t            *headers;       /* key: the name */
    ngx_uint_t               nheaders;
    ngx_bo_outbound_aws_t   *aws;           /* NULL: not signed; a path with
                                             * a query cannot be */
    /* smtp, smtps */
    ngx_str_t                from;          /* address, without <> */
    ngx_str_t               *rcpts;         /* the same; the server takes all
                                             * or none */
    ngx_uint_t               nrcpts;

    /* both: the body, or the mail with its header, lines ended by CRLF */
    ngx_str_t                body;

    ngx_msec_t               timeout;       /* msec; 0: the peer's */
} ngx_bo_outbound_request_t;


/* What came back; valid during the call of the handler only. */

typedef struct {
    ngx_uint_t               status;        /* of HTTP, or SMTP's last reply;
                                             * 0 when there was none */
    ngx_str_t                body;          /* of HTTP; what was kept of it */
    ngx_uint_t               truncated;     /* 1: there was more of it */
    time_t                   retry_after;   /* seconds that the server asks us
                                             * to wait, 0 when it does not */
    const char              *error;         /* why not DONE, fit for logs: it
                                             * quotes nothing; else NULL */
    void                    *handle;        /* for _header() */
} ngx_bo_outbound_answer_t;


/*
 * Called exactly once for each operation that was not cancelled, and never
 * from inside the call that submitted it.
 *
 * NGX_BO_DONE: the server answered, and answer->status says what.  A body that
 * was too large is cut off, and the status still counts.
 * NGX_BO_NOT_SENT: it did not happen: not a byte of the request has left, or
 * not the end of the mail.
 * NGX_BO_UNKNOWN: it may have happened: no answer came, or half of one.
 */
typedef void (*ngx_bo_outbound_handler_pt)(void *data,
    ngx_bo_verdict_e verdict, ngx_bo_outbound_answer_t *answer);


/*
 * Adds a peer, for the setter of a directive; schemes are those that it
 * allows.  url is "scheme://host[:port][/path]"; name has to be of the letters
 * a-z, digits, '-' and '_', and the only one of its name.  The rest of the
 * peer has its defaults (10 s, 16 at once, 1024 waiting, 64 KiB, the system's
 * certificates, verified; smtp: STARTTLS), to be changed by the setter until
 * the configuration is read.
 * Returns NULL, or an error text for the directive's message.
 */
char *ngx_bo_outbound_add(ngx_conf_t *cf, ngx_bo_outbound_t *outbound,
    ngx_str_t *name, ngx_str_t *url, ngx_uint_t schemes,
    ngx_bo_outbound_peer_t **peer);

/*
 * Takes one of the parameters that all directives of peers have in common:
 * timeout=time, connections=1..256, queue=number, ca=file, verify=on|off,
 * starttls=on|off.
 * NGX_OK; NGX_DECLINED: it is none of them; NGX_ERROR: its value is wrong.
 */
ngx_int_t ngx_bo_outbound_option(ngx_conf_t *cf, ngx_bo_outbound_peer_t *peer,
    ngx_str_t *value);

/*
 * For the end of the configuration: reads certificates, and resolves the names
 * of peers when resolver is NULL.  NGX_OK, or NGX_ERROR after a message.
 */
ngx_int_t ngx_bo_outbound_init(ngx_conf_t *cf, ngx_bo_outbound_t *outbound,
    ngx_resolver_t *resolver, ngx_msec_t resolver_timeout);

/*
 * For the master, when the shared zone is there: gives each peer its counters
 * in stats[NGX_BO_OUTBOUND_PEERS], which keeps those of a former configuration
 * by name.  Peers beyond that number are not counted.
 */
void ngx_bo_outbound_count(ngx_bo_outbound_t *outbound,
    ngx_bo_outbound_stats_t *stats);

/*
 * For init_process: makes the clients of this worker.  NGX_OK or NGX_ERROR.
 * ngx_bo_outbound_stop() is for exit_process: operations end with the clients
 * and must not be cancelled any more.
 */
ngx_int_t ngx_bo_outbound_start(ngx_cycle_t *cycle,
    ngx_bo_outbound_t *outbound);
void ngx_bo_outbound_stop(ngx_bo_outbound_t *outbound);

/*
 * Submits a request to a peer.  Returns the operation, whose handler will be
 * called once, or NULL when it was refused and nothing happened (queue full,
 * breaker open, no memory, a control character where none may be): then the
 * handler is not called.  A handler that is NULL is for what nobody waits for.
 *
 * The operation is the client's: the pointer is good until its handler is
 * called, or until ngx_bo_outbound_cancel().
 */
ngx_bo_outbound_op_t *ngx_bo_outbound_submit(ngx_bo_outbound_peer_t *peer,
    ngx_bo_outbound_request_t *request, ngx_bo_outbound_handler_pt handler,
    void *data);

/*
 * The handler will not be called any more.  An operation that was not begun is
 * dropped; one that was still happens, until its deadline.  Not for one whose
 * handler has been called.
 */
void ngx_bo_outbound_cancel(ngx_bo_outbound_op_t *op);

/*
 * A header of an HTTP answer by its name; of several, the last.  NGX_OK, or
 * NGX_DECLINED when there is none.
 */
ngx_int_t ngx_bo_outbound_header(ngx_bo_outbound_answer_t *answer,
    const char *name, ngx_str_t *value);

/* 0 while the breaker of this worker is open (for those who would choose). */
ngx_uint_t ngx_bo_outbound_ready(ngx_bo_outbound_peer_t *peer);


#endif /* _NGX_BO_OUTBOUND_H_INCLUDED_ */
