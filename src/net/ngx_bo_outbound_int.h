
/*
 * What the files of the outbound client share; nobody else includes it.
 *
 * An operation waits, has the name of its server resolved, and runs in a
 * transport: libcurl for HTTP, a session of our own for mail.  It ends once,
 * and its handler is called from a posted event.
 */


#ifndef _NGX_BO_OUTBOUND_INT_H_INCLUDED_
#define _NGX_BO_OUTBOUND_INT_H_INCLUDED_


#include <ngx_event_connect.h>
#include <curl/curl.h>

#include "ngx_bo_outbound.h"


#define NGX_BO_OUTBOUND_ADDRS  8        /* addresses of a name that are tried */


typedef enum {
    NGX_BO_OUTBOUND_WAITING = 0,
    NGX_BO_OUTBOUND_RESOLVING,
    NGX_BO_OUTBOUND_RUNNING,
    NGX_BO_OUTBOUND_ENDED               /* its handler is to be called */
} ngx_bo_outbound_state_e;


typedef struct ngx_bo_outbound_mail_s  ngx_bo_outbound_mail_t;


struct ngx_bo_outbound_op_s {
    ngx_queue_t                  queue;     /* of the client, by state */
    ngx_pool_t                  *pool;
    ngx_bo_outbound_client_t    *client;
    ngx_bo_outbound_handler_pt   handler;
    void                        *data;
    ngx_bo_outbound_request_t    request;   /* a copy of its own */
    ngx_bo_outbound_state_e      state;
    ngx_msec_t                   submitted; /* ngx_current_msec */
    ngx_event_t                  deadline;
    ngx_resolver_ctx_t          *resolve;   /* while RESOLVING */

    ngx_addr_t                  *addrs;     /* where to go */
    ngx_uint_t                   naddrs;

    ngx_bo_verdict_e             verdict;
    ngx_bo_outbound_answer_t     answer;

    /* HTTP: libcurl's handle and what it reads from and writes to */
    CURL                        *easy;
    struct curl_slist           *headers;
    struct curl_slist           *names;     /* for CURLOPT_RESOLVE */
    size_t                       sent;      /* bytes of the body */
    size_t                       received;  /* bytes of header lines */
    size_t                       space;     /* of answer.body.data */

    ngx_bo_outbound_mail_t      *mail;

    unsigned                     running:1; /* it holds one of the places */
};


struct ngx_bo_outbound_client_s {
    ngx_bo_outbound_peer_t      *peer;
    ngx_bo_outbound_t           *outbound;
    ngx_log_t                   *log;
    ngx_bo_breaker_t             breaker;

    ngx_queue_t                  waiting;
    ngx_queue_t                  running;   /* RESOLVING and RUNNING */
    ngx_queue_t                  ended;
    ngx_uint_t                   nwaiting;
    ngx_uint_t                   nrunning;

    ngx_event_t                  turn;      /* posted: begins and ends */
    ngx_event_t                  idle;      /* closes what is kept open */

    /* HTTP */
    CURLM                       *multi;     /* NULL until it is needed */
    ngx_event_t                  timer;     /* libcurl's */
    ngx_uint_t                   nfree;
    CURL                       **free;      /* peer->most of them at most */

    /* mail */
    ngx_queue_t                  kept;      /* sessions without a mail */
    ngx_ssl_t                    ssl;

    unsigned                     warned:1;  /* of a failure, until a success */
};


/*
 * For a transport: op is over.  error is a constant that is fit for logs, or
 * NULL with NGX_BO_DONE.  The memory stays until the handler was called.
 */
void ngx_bo_outbound_end(ngx_bo_outbound_op_t *op, ngx_bo_verdict_e verdict,
    const char *error);

/* Ends everything of a client, for a worker that may not go on. */
void ngx_bo_outbound_abort(ngx_bo_outbound_client_t *client);


/*
 * The transports.  _begin() has op->addrs; it may end the op at once.
 * _stop() takes an op that is RUNNING out of the transport, and says whether
 * it may have happened: NGX_BO_NOT_SENT or NGX_BO_UNKNOWN.  _free() gives back
 * what the op has of it.
 */
void ngx_bo_outbound_http_begin(ngx_bo_outbound_op_t *op);
ngx_bo_verdict_e ngx_bo_outbound_http_stop(ngx_bo_outbound_op_t *op);
void ngx_bo_outbound_http_free(ngx_bo_outbound_op_t *op);

/* Closes the connections that are kept for later, and forgets libcurl. */
void ngx_bo_outbound_http_close(ngx_bo_outbound_client_t *client);

ngx_int_t ngx_bo_outbound_mail_init(ngx_bo_outbound_client_t *client);
void ngx_bo_outbound_mail_done(ngx_bo_outbound_client_t *client);
void ngx_bo_outbound_mail_begin(ngx_bo_outbound_op_t *op);
ngx_bo_verdict_e ngx_bo_outbound_mail_stop(ngx_bo_outbound_op_t *op);
void ngx_bo_outbound_mail_close_kept(ngx_bo_outbound_client_t *client);


#endif /* _NGX_BO_OUTBOUND_INT_H_INCLUDED_ */
