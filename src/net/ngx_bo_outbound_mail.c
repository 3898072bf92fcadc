
/*
 * Outbound mail: SMTP (RFC 5321) with STARTTLS (RFC 3207), or over TLS, on
 * nginx's event loop.
 *
 * libcurl speaks SMTP, too, but says QUIT whenever it closes a connection and
 * waits for the answer there and then, with the worker.
 */


#include "ngx_bo_outbound_int.h"
#include "bo_smtp.h"


#define NGX_BO_OUTBOUND_REPLY  4096         /* bytes of a reply */


typedef enum {
    NGX_BO_MAIL_CONNECT = 0,
    NGX_BO_MAIL_TLS,
    NGX_BO_MAIL_GREETING,                   /* from here on: what is awaited */
    NGX_BO_MAIL_EHLO,
    NGX_BO_MAIL_STARTTLS,
    NGX_BO_MAIL_PLAIN,
    NGX_BO_MAIL_LOGIN,
    NGX_BO_MAIL_LOGIN_USER,
    NGX_BO_MAIL_LOGIN_PASSWORD,
    NGX_BO_MAIL_FROM,
    NGX_BO_MAIL_RCPT,
    NGX_BO_MAIL_DATA,
    NGX_BO_MAIL_BODY,
    NGX_BO_MAIL_KEPT                        /* nothing; for the next mail */
} ngx_bo_mail_step_e;


/* A session: one connection, one mail at a time. */

struct ngx_bo_outbound_mail_s {
    ngx_queue_t                  queue;     /* client->kept, while KEPT */
    ngx_bo_outbound_client_t    *client;
    ngx_bo_outbound_op_t        *op;        /* NULL while KEPT */
    ngx_pool_t                  *pool;
    ngx_connection_t            *c;
    ngx_uint_t                   addr;      /* the one that is tried */
    ngx_bo_mail_step_e           step;
    unsigned                     offers;    /* BO_SMTP_* */
    ngx_uint_t                   rcpt;
    ngx_int_t                    needs;     /* BO_SMTP_8BIT, or not */

    u_char                      *out;       /* what is left to be sent */
    u_char                      *last;

    unsigned                     tls:1;
    unsigned                     used:1;    /* it has taken a mail before */
    unsigned                     given:1;   /* the whole mail has left */

    size_t                       nin;
    u_char                       in[NGX_BO_OUTBOUND_REPLY];
};


static void ngx_bo_mail_open(ngx_bo_outbound_op_t *op);
static void ngx_bo_mail_connect(ngx_bo_outbound_mail_t *mail);
static void ngx_bo_mail_next_address(ngx_bo_outbound_mail_t *mail);
static void ngx_bo_mail_connected(ngx_event_t *ev);
static void ngx_bo_mail_tls(ngx_bo_outbound_mail_t *mail);
static void ngx_bo_mail_handshaken(ngx_connection_t *c);
static const char *ngx_bo_mail_distrust(ngx_bo_outbound_mail_t *mail);
static void ngx_bo_mail_listen(ngx_bo_outbound_mail_t *mail,
    ngx_bo_mail_step_e step);
static void ngx_bo_mail_read(ngx_event_t *rev);
static ngx_int_t ngx_bo_mail_replies(ngx_bo_outbound_mail_t *mail);
static ngx_int_t ngx_bo_mail_reply(ngx_bo_outbound_mail_t *mail,
    bo_smtp_reply_t *reply);
static ngx_uint_t ngx_bo_mail_expected(ngx_bo_mail_step_e step,
    ngx_uint_t code);
static ngx_int_t ngx_bo_mail_ready(ngx_bo_outbound_mail_t *mail);
static ngx_int_t ngx_bo_mail_login(ngx_bo_outbound_mail_t *mail);
static ngx_int_t ngx_bo_mail_from(ngx_bo_outbound_mail_t *mail);
static ngx_uint_t ngx_bo_mail_utf8(ngx_str_t *address);
static ngx_int_t ngx_bo_mail_rcpt(ngx_bo_outbound_mail_t *mail);
static ngx_int_t ngx_bo_mail_body(ngx_bo_outbound_mail_t *mail);
static ngx_int_t ngx_bo_mail_taken(ngx_bo_outbound_mail_t *mail,
    ngx_uint_t code);
static ngx_int_t ngx_bo_mail_say(ngx_bo_outbound_mail_t *mail,
    ngx_bo_mail_step_e step, const char *fmt, ...);
static ngx_int_t ngx_bo_mail_encoded(ngx_bo_outbound_mail_t *mail,
    ngx_bo_mail_step_e step, const char *before, ngx_str_t *secret);
static void ngx_bo_mail_write(ngx_event_t *wev);
static ngx_int_t ngx_bo_mail_send(ngx_bo_outbound_mail_t *mail);
static ngx_int_t ngx_bo_mail_fail(ngx_bo_outbound_mail_t *mail,
    const char *error);
static void ngx_bo_mail_close(ngx_bo_outbound_mail_t *mail, ngx_uint_t quit);
static ngx_uint_t ngx_bo_mail_shut(ngx_bo_outbound_mail_t *mail);


ngx_int_t
ngx_bo_outbound_mail_init(ngx_bo_outbound_client_t *client)
{
    ngx_bo_outbound_peer_t  *peer = client->peer;

    ngx_queue_init(&client->kept);

    if (peer->scheme != NGX_BO_OUTBOUND_SMTPS
        && (peer->scheme != NGX_BO_OUTBOUND_SMTP || !peer->starttls))
    {
        return NGX_OK;
    }

    client->ssl.log = client->log;

    if (ngx_ssl_create(&client->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (peer->trusted) {
        SSL_CTX_set1_cert_store(client->ssl.ctx, peer->trusted);
    }

    return NGX_OK;
}


void
ngx_bo_outbound_mail_done(ngx_bo_outbound_client_t *client)
{
    ngx_bo_outbound_mail_close_kept(client);

    if (client->ssl.ctx) {
        ngx_ssl_cleanup_ctx(&client->ssl);
    }
}


void
ngx_bo_outbound_mail_close_kept(ngx_bo_outbound_client_t *client)
{
    ngx_queue_t             *q;
    ngx_bo_outbound_mail_t  *mail;

    while (!ngx_queue_empty(&client->kept)) {
        q = ngx_queue_head(&client->kept);
        mail = ngx_queue_data(q, ngx_bo_outbound_mail_t, queue);

        ngx_bo_mail_close(mail, 1);
    }
}


void
ngx_bo_outbound_mail_begin(ngx_bo_outbound_op_t *op)
{
    ngx_int_t                  needs;
    ngx_queue_t               *q;
    ngx_bo_outbound_mail_t    *mail;
    ngx_bo_outbound_client_t  *client = op->client;

    needs = bo_smtp_check((char *) op->request.body.data,
                          op->request.body.len);

    if (needs == -1 || op->request.nrcpts == 0) {
        ngx_bo_outbound_end(op, NGX_BO_NOT_SENT, "this is no mail");
        return;
    }

    if (ngx_queue_empty(&client->kept)) {
        ngx_bo_mail_open(op);
        return;
    }

    q = ngx_queue_head(&client->kept);
    mail = ngx_queue_data(q, ngx_bo_outbound_mail_t, queue);

    ngx_queue_remove(q);

    mail->c->idle = 0;
    mail->op = op;
    mail->needs = needs;
    op->mail = mail;

    (void) ngx_bo_mail_from(mail);
}


ngx_bo_verdict_e
ngx_bo_outbound_mail_stop(ngx_bo_outbound_op_t *op)
{
    ngx_bo_verdict_e         verdict;
    ngx_bo_outbound_mail_t  *mail = op->mail;

    if (mail == NULL) {
        return NGX_BO_NOT_SENT;
    }

    verdict = mail->given ? NGX_BO_UNKNOWN : NGX_BO_NOT_SENT;

    ngx_bo_mail_close(mail, 0);

    return verdict;
}


static void
ngx_bo_mail_open(ngx_bo_outbound_op_t *op)
{
    ngx_pool_t              *pool;
    ngx_bo_outbound_mail_t  *mail;

    pool = ngx_create_pool(1024, op->client->log);
    mail = pool ? ngx_pcalloc(pool, sizeof(ngx_bo_outbound_mail_t)) : NULL;

    if (mail == NULL) {
        if (pool) {
            ngx_destroy_pool(pool);
        }

        ngx_bo_outbound_end(op, NGX_BO_NOT_SENT, "no memory");
        return;
    }

    mail->pool = pool;
    mail->client = op->client;
    mail->op = op;
    mail->needs = bo_smtp_check((char *) op->request.body.data,
                                op->request.body.len);
    op->mail = mail;

    ngx_bo_mail_connect(mail);
}


static void
ngx_bo_mail_connect(ngx_bo_outbound_mail_t *mail)
{
    ngx_int_t                rc;
    ngx_addr_t              *addr;
    ngx_connection_t        *c;
    ngx_peer_connection_t    pc;

    for ( ;; ) {

        if (mail->addr == mail->op->naddrs) {
            (void) ngx_bo_mail_fail(mail, "no connection could be made");
            return;
        }

        addr = &mail->op->addrs[mail->addr];

        ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

        pc.sockaddr = addr->sockaddr;
        pc.socklen = addr->socklen;
        pc.name = &mail->client->peer->url;
        pc.get = ngx_event_get_peer;
        pc.log = mail->client->log;
        pc.log_error = NGX_ERROR_ERR;

        rc = ngx_event_connect_peer(&pc);

        if (rc == NGX_OK || rc == NGX_AGAIN) {
            break;
        }

        if (pc.connection) {
            ngx_close_connection(pc.connection);
        }

        mail->addr++;
    }

    c = pc.connection;

    c->data = mail;
    c->pool = mail->pool;
    c->sendfile = 0;
    c->read->handler = ngx_bo_mail_connected;
    c->write->handler = ngx_bo_mail_connected;

    mail->c = c;

    if (rc == NGX_OK) {
        ngx_bo_mail_connected(c->write);
    }
}


static void
ngx_bo_mail_connected(ngx_event_t *ev)
{
    int                      err;
    socklen_t                len;
    ngx_connection_t        *c = ev->data;
    ngx_bo_outbound_mail_t  *mail = c->data;

    if (ngx_bo_mail_shut(mail)) {
        return;
    }

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_bo_mail_next_address(mail);
        return;
    }

    if (mail->client->peer->scheme == NGX_BO_OUTBOUND_SMTPS) {
        ngx_bo_mail_tls(mail);
        return;
    }

    ngx_bo_mail_listen(mail, NGX_BO_MAIL_GREETING);
}


static void
ngx_bo_mail_next_address(ngx_bo_outbound_mail_t *mail)
{
    ngx_close_connection(mail->c);

    mail->c = NULL;
    mail->addr++;

    ngx_bo_mail_connect(mail);
}


static void
ngx_bo_mail_tls(ngx_bo_outbound_mail_t *mail)
{
    u_char                  *name;
    ngx_int_t                rc;
    ngx_str_t               *host;
    ngx_addr_t               addr;
    ngx_connection_t        *c = mail->c;

    mail->step = NGX_BO_MAIL_TLS;
    mail->tls = 1;

    if (ngx_ssl_create_connection(&mail->client->ssl, c,
                                  NGX_SSL_BUFFER|NGX_SSL_CLIENT)
        != NGX_OK)
    {
        (void) ngx_bo_mail_fail(mail, "TLS could not be begun");
        return;
    }

    host = &mail->client->peer->host;

    if (ngx_parse_addr(mail->pool, &addr, host->data, host->len) != NGX_OK) {

        /* an address is no name for SNI (RFC 6066, 3) */

        name = ngx_pnalloc(mail->pool, host->len + 1);

        if (name == NULL) {
            (void) ngx_bo_mail_fail(mail, "no memory");
            return;
        }

        (void) ngx_cpystrn(name, host->data, host->len + 1);

        if (SSL_set_tlsext_host_name(c->ssl->connection, (char *) name) == 0)
        {
            (void) ngx_bo_mail_fail(mail, "TLS could not be begun");
            return;
        }
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_bo_mail_handshaken;
        return;
    }

    ngx_bo_mail_handshaken(c);
}


static void
ngx_bo_mail_handshaken(ngx_connection_t *c)
{
    const char              *error;
    ngx_bo_outbound_mail_t  *mail = c->data;

    if (ngx_bo_mail_shut(mail)) {
        return;
    }

    if (!c->ssl->handshaked) {
        (void) ngx_bo_mail_fail(mail, "the TLS handshake failed");
        return;
    }

    error = ngx_bo_mail_distrust(mail);

    if (error) {
        (void) ngx_bo_mail_fail(mail, error);
        return;
    }

    if (mail->client->peer->scheme == NGX_BO_OUTBOUND_SMTPS) {
        ngx_bo_mail_listen(mail, NGX_BO_MAIL_GREETING);
        return;
    }

    /* what the server offered in the clear may have been anybody's offer */

    mail->offers = 0;

    ngx_bo_mail_listen(mail, NGX_BO_MAIL_EHLO);
    (void) ngx_bo_mail_say(mail, NGX_BO_MAIL_EHLO, "EHLO %V",
                           &ngx_cycle->hostname);
}


static const char *
ngx_bo_mail_distrust(ngx_bo_outbound_mail_t *mail)
{
    X509                    *cert;
    ngx_uint_t               ours;
    ngx_addr_t               addr;
    ngx_connection_t        *c = mail->c;
    ngx_bo_outbound_peer_t  *peer = mail->client->peer;

    if (!peer->verify) {
        return NULL;
    }

    if (SSL_get_verify_result(c->ssl->connection) != X509_V_OK) {
        return "the certificate is not trusted";
    }

    if (ngx_parse_addr(mail->pool, &addr, peer->host.data, peer->host.len)
        != NGX_OK)
    {
        ours = ngx_ssl_check_host(c, &peer->host) == NGX_OK;

    } else {
        cert = SSL_get_peer_certificate(c->ssl->connection);
        ours = cert
               && X509_check_ip(cert, addr.sockaddr->sa_family == AF_INET6
                                ? (u_char *) &((struct sockaddr_in6 *)
                                               addr.sockaddr)->sin6_addr
                                : (u_char *) &((struct sockaddr_in *)
                                               addr.sockaddr)->sin_addr,
                                addr.sockaddr->sa_family == AF_INET6 ? 16 : 4,
                                0) == 1;
        X509_free(cert);
    }

    return ours ? NULL : "the certificate is for another name";
}


/* Waits for the server's next reply. */

static void
ngx_bo_mail_listen(ngx_bo_outbound_mail_t *mail, ngx_bo_mail_step_e step)
{
    mail->step = step;
    mail->c->read->handler = ngx_bo_mail_read;
    mail->c->write->handler = ngx_bo_mail_write;

    /* something may be there that will not be reported again */

    ngx_post_event(mail->c->read, &ngx_posted_events);
}


static void
ngx_bo_mail_read(ngx_event_t *rev)
{
    ssize_t                  n;
    ngx_connection_t        *c = rev->data;
    ngx_bo_outbound_mail_t  *mail = c->data;

    if (ngx_bo_mail_shut(mail)) {
        return;
    }

    for ( ;; ) {

        if (mail->nin == NGX_BO_OUTBOUND_REPLY) {
            (void) ngx_bo_mail_fail(mail, "a reply is too long");
            return;
        }

        n = c->recv(c, mail->in + mail->nin,
                    NGX_BO_OUTBOUND_REPLY - mail->nin);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {
            (void) ngx_bo_mail_fail(mail, "the server closed the connection");
            return;
        }

        mail->nin += n;

        if (ngx_bo_mail_replies(mail) != NGX_OK) {
            return;
        }
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        (void) ngx_bo_mail_fail(mail, "the event could not be set");
    }
}


/* NGX_OK, or NGX_DONE when the session is gone or in other hands. */

static ngx_int_t
ngx_bo_mail_replies(ngx_bo_outbound_mail_t *mail)
{
    ptrdiff_t        n;
    bo_smtp_reply_t  reply;

    while (mail->nin) {
        n = bo_smtp_reply((char *) mail->in, mail->nin, &reply);

        if (n == 0) {
            return NGX_OK;
        }

        if (n < 0) {
            return ngx_bo_mail_fail(mail, "a reply is no SMTP");
        }

        mail->nin -= n;
        ngx_memmove(mail->in, mail->in + n, mail->nin);

        /* it speaks once, when it was asked */

        if (mail->nin || mail->out != mail->last
            || mail->step == NGX_BO_MAIL_KEPT)
        {
            return ngx_bo_mail_fail(mail, "the server speaks out of turn");
        }

        if (ngx_bo_mail_reply(mail, &reply) != NGX_OK) {
            return NGX_DONE;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_bo_mail_reply(ngx_bo_outbound_mail_t *mail, bo_smtp_reply_t *reply)
{
    ngx_bo_outbound_peer_t  *peer = mail->client->peer;

    if (reply->code >= 400) {

        /* whatever it was, there is no mail */

        return ngx_bo_mail_taken(mail, reply->code);
    }

    if (!ngx_bo_mail_expected(mail->step, reply->code)) {
        return ngx_bo_mail_fail(mail, "a reply was not to be expected");
    }

    switch (mail->step) {

    case NGX_BO_MAIL_GREETING:
        return ngx_bo_mail_say(mail, NGX_BO_MAIL_EHLO, "EHLO %V",
                               &ngx_cycle->hostname);

    case NGX_BO_MAIL_EHLO:
        mail->offers = reply->offers;
        return ngx_bo_mail_ready(mail);

    case NGX_BO_MAIL_STARTTLS:
        ngx_bo_mail_tls(mail);
        return NGX_DONE;

    case NGX_BO_MAIL_LOGIN:
        return ngx_bo_mail_encoded(mail, NGX_BO_MAIL_LOGIN_USER, "",
                                   &peer->username);

    case NGX_BO_MAIL_LOGIN_USER:
        return ngx_bo_mail_encoded(mail, NGX_BO_MAIL_LOGIN_PASSWORD, "",
                                   &peer->password);

    case NGX_BO_MAIL_PLAIN:
    case NGX_BO_MAIL_LOGIN_PASSWORD:
        return ngx_bo_mail_from(mail);

    case NGX_BO_MAIL_FROM:
        mail->rcpt = 0;
        return ngx_bo_mail_rcpt(mail);

    case NGX_BO_MAIL_RCPT:
        mail->rcpt++;
        return ngx_bo_mail_rcpt(mail);

    case NGX_BO_MAIL_DATA:
        return ngx_bo_mail_body(mail);

    default: /* NGX_BO_MAIL_BODY */
        return ngx_bo_mail_taken(mail, reply->code);
    }
}


static ngx_uint_t
ngx_bo_mail_expected(ngx_bo_mail_step_e step, ngx_uint_t code)
{
    switch (step) {

    case NGX_BO_MAIL_GREETING:
    case NGX_BO_MAIL_STARTTLS:
        return code == 220;

    case NGX_BO_MAIL_LOGIN:
    case NGX_BO_MAIL_LOGIN_USER:
        return code == 334;

    case NGX_BO_MAIL_PLAIN:
    case NGX_BO_MAIL_LOGIN_PASSWORD:
        return code == 235;

    case NGX_BO_MAIL_DATA:
        return code == 354;

    case NGX_BO_MAIL_CONNECT:
    case NGX_BO_MAIL_TLS:
    case NGX_BO_MAIL_KEPT:
        return 0;

    default: /* EHLO, MAIL, RCPT, the end of the mail */
        return code / 100 == 2;
    }
}


/* After EHLO: TLS first, then the password, then the mail. */

static ngx_int_t
ngx_bo_mail_ready(ngx_bo_outbound_mail_t *mail)
{
    ngx_bo_outbound_peer_t  *peer = mail->client->peer;

    if (peer->starttls && !mail->tls) {
        if (!(mail->offers & BO_SMTP_STARTTLS)) {
            return ngx_bo_mail_fail(mail, "the server offers no STARTTLS");
        }

        return ngx_bo_mail_say(mail, NGX_BO_MAIL_STARTTLS, "STARTTLS");
    }

    return peer->username.len ? ngx_bo_mail_login(mail)
                              : ngx_bo_mail_from(mail);
}


/* RFC 4954; PLAIN is RFC 4616: zero, user, zero, password. */

static ngx_int_t
ngx_bo_mail_login(ngx_bo_outbound_mail_t *mail)
{
    ngx_str_t                secret;
    ngx_bo_outbound_peer_t  *peer = mail->client->peer;

    if (!(mail->offers & BO_SMTP_PLAIN)) {

        if (!(mail->offers & BO_SMTP_LOGIN)) {
            return ngx_bo_mail_fail(mail, "the server takes no password");
        }

        return ngx_bo_mail_say(mail, NGX_BO_MAIL_LOGIN, "AUTH LOGIN");
    }

    secret.len = peer->username.len + peer->password.len + 2;
    secret.data = ngx_pnalloc(mail->op->pool, secret.len);

    if (secret.data == NULL) {
        return ngx_bo_mail_fail(mail, "no memory");
    }

    (void) ngx_sprintf(secret.data, "%Z%V%Z%V", &peer->username,
                       &peer->password);

    return ngx_bo_mail_encoded(mail, NGX_BO_MAIL_PLAIN, "AUTH PLAIN ",
                               &secret);
}


static ngx_int_t
ngx_bo_mail_from(ngx_bo_outbound_mail_t *mail)
{
    ngx_uint_t                  i, utf8;
    ngx_bo_outbound_request_t  *request = &mail->op->request;

    utf8 = ngx_bo_mail_utf8(&request->from);

    for (i = 0; i < request->nrcpts; i++) {
        utf8 |= ngx_bo_mail_utf8(&request->rcpts[i]);
    }

    if (utf8 && !(mail->offers & BO_SMTP_SMTPUTF8)) {
        return ngx_bo_mail_fail(mail, "the server takes ASCII addresses only");
    }

    if (mail->needs == BO_SMTP_8BIT && !(mail->offers & BO_SMTP_8BITMIME)) {
        return ngx_bo_mail_fail(mail, "the server takes 7 bits only");
    }

    return ngx_bo_mail_say(mail, NGX_BO_MAIL_FROM, "MAIL FROM:<%V>%s%s",
                           &request->from,
                           mail->needs == BO_SMTP_8BIT ? " BODY=8BITMIME" : "",
                           utf8 ? " SMTPUTF8" : "");
}


static ngx_uint_t
ngx_bo_mail_utf8(ngx_str_t *address)
{
    size_t  i;

    for (i = 0; i < address->len; i++) {
        if (address->data[i] > 0x7f) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_bo_mail_rcpt(ngx_bo_outbound_mail_t *mail)
{
    ngx_bo_outbound_request_t  *request = &mail->op->request;

    if (mail->rcpt < request->nrcpts) {
        return ngx_bo_mail_say(mail, NGX_BO_MAIL_RCPT, "RCPT TO:<%V>",
                               &request->rcpts[mail->rcpt]);
    }

    return ngx_bo_mail_say(mail, NGX_BO_MAIL_DATA, "DATA");
}


static ngx_int_t
ngx_bo_mail_body(ngx_bo_outbound_mail_t *mail)
{
    size_t      size;
    ngx_str_t  *body = &mail->op->request.body;

    size = bo_smtp_room((char *) body->data, body->len);

    mail->out = ngx_palloc(mail->op->pool, size);

    if (mail->out == NULL) {
        mail->last = NULL;
        return ngx_bo_mail_fail(mail, "no memory");
    }

    mail->last = mail->out + bo_smtp_write((char *) mail->out,
                                           (char *) body->data, body->len);
    mail->step = NGX_BO_MAIL_BODY;

    return ngx_bo_mail_send(mail);
}


/* The server has decided about the mail; a good session is kept. */

static ngx_int_t
ngx_bo_mail_taken(ngx_bo_outbound_mail_t *mail, ngx_uint_t code)
{
    ngx_bo_outbound_op_t      *op = mail->op;
    ngx_bo_outbound_client_t  *client = mail->client;

    op->mail = NULL;
    op->answer.status = code;

    mail->op = NULL;
    mail->used = 1;
    mail->given = 0;

    ngx_bo_outbound_end(op, NGX_BO_DONE, NULL);

    if (code >= 400 || ngx_exiting || ngx_terminate) {
        ngx_bo_mail_close(mail, 1);
        return NGX_DONE;
    }

    mail->step = NGX_BO_MAIL_KEPT;
    mail->c->idle = 1;
    ngx_queue_insert_head(&client->kept, &mail->queue);

    return NGX_OK;
}


static ngx_int_t
ngx_bo_mail_say(ngx_bo_outbound_mail_t *mail, ngx_bo_mail_step_e step,
    const char *fmt, ...)
{
    u_char   *p;
    size_t    size;
    va_list   args;

    /* a line has 512 bytes (RFC 5321, 4.5.3.1.4); a name and words fit */

    size = 1024;
    p = ngx_pnalloc(mail->op->pool, size);

    if (p == NULL) {
        return ngx_bo_mail_fail(mail, "no memory");
    }

    mail->step = step;
    mail->out = p;

    va_start(args, fmt);
    p = ngx_vslprintf(p, p + size, fmt, args);
    va_end(args);

    if (p > mail->out + size - 2) {
        mail->out = NULL;
        mail->last = NULL;
        return ngx_bo_mail_fail(mail, "an address is too long");
    }

    *p++ = CR;
    *p++ = LF;
    mail->last = p;

    return ngx_bo_mail_send(mail);
}


static ngx_int_t
ngx_bo_mail_encoded(ngx_bo_outbound_mail_t *mail, ngx_bo_mail_step_e step,
    const char *before, ngx_str_t *secret)
{
    ngx_str_t  encoded;

    encoded.data = ngx_pnalloc(mail->op->pool,
                               ngx_base64_encoded_length(secret->len));
    if (encoded.data == NULL) {
        return ngx_bo_mail_fail(mail, "no memory");
    }

    ngx_encode_base64(&encoded, secret);

    return ngx_bo_mail_say(mail, step, "%s%V", before, &encoded);
}


static void
ngx_bo_mail_write(ngx_event_t *wev)
{
    ngx_connection_t        *c = wev->data;
    ngx_bo_outbound_mail_t  *mail = c->data;

    if (ngx_bo_mail_shut(mail)) {
        return;
    }

    (void) ngx_bo_mail_send(mail);
}


static ngx_int_t
ngx_bo_mail_send(ngx_bo_outbound_mail_t *mail)
{
    ssize_t            n;
    ngx_connection_t  *c = mail->c;

    while (mail->out != mail->last) {

        n = c->send(c, mail->out, mail->last - mail->out);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR) {
            return ngx_bo_mail_fail(mail, "the connection broke");
        }

        mail->out += n;
    }

    /* before its last byte has left, the server has no mail */

    if (mail->out == mail->last && mail->step == NGX_BO_MAIL_BODY) {
        mail->given = 1;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        return ngx_bo_mail_fail(mail, "the event could not be set");
    }

    return NGX_OK;
}


/* Ends the mail, if there is one, and the session.  Always NGX_DONE. */

static ngx_int_t
ngx_bo_mail_fail(ngx_bo_outbound_mail_t *mail, const char *error)
{
    ngx_uint_t             again;
    ngx_bo_verdict_e       verdict;
    ngx_bo_outbound_op_t  *op = mail->op;

    /*
     * A session that was kept may have ended on the other side; nothing has
     * happened then, and a new one is what the mail should have had.
     */

    again = mail->used && mail->step == NGX_BO_MAIL_FROM;
    verdict = mail->given ? NGX_BO_UNKNOWN : NGX_BO_NOT_SENT;

    ngx_bo_mail_close(mail, 0);

    if (op == NULL) {
        return NGX_DONE;
    }

    if (again) {
        ngx_bo_mail_open(op);

    } else {
        ngx_bo_outbound_end(op, verdict, error);
    }

    return NGX_DONE;
}


/* Says QUIT, when that is polite; nobody waits for the answer. */

static void
ngx_bo_mail_close(ngx_bo_outbound_mail_t *mail, ngx_uint_t quit)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c = mail->c;

    static u_char  bye[] = "QUIT\r\n";

    if (mail->step == NGX_BO_MAIL_KEPT) {
        ngx_queue_remove(&mail->queue);
    }

    if (mail->op) {
        mail->op->mail = NULL;
    }

    if (c) {
        if (quit) {
            (void) c->send(c, bye, sizeof(bye) - 1);
        }

        if (c->ssl) {
            c->ssl->no_wait_shutdown = 1;
            c->error = !quit;

            if (ngx_ssl_shutdown(c) == NGX_AGAIN) {

                /* it does not take even that; without it, then */

                c->error = 1;
                (void) ngx_ssl_shutdown(c);
            }
        }

        ngx_close_connection(c);
    }

    pool = mail->pool;
    ngx_destroy_pool(pool);
}


/* For a worker that exits and has waited long enough. */

static ngx_uint_t
ngx_bo_mail_shut(ngx_bo_outbound_mail_t *mail)
{
    if (!mail->c->close) {
        return 0;
    }

    if (mail->op == NULL) {
        ngx_bo_mail_close(mail, 1);

    } else {
        ngx_bo_outbound_abort(mail->client);
    }

    return 1;
}
