
/*
 * The crowd of a flash sale: people who arrive whether or not the server is
 * ready (open loop), wait, buy or leave; and bots who try to walk round.
 *
 *     crowd PORT PEOPLE SECONDS CONNECTIONS SHOW LEAVE BOTS SEED
 *
 * LEAVE and BOTS are shares in percent.  Their requests travel on CONNECTIONS
 * kept connections, as through a load balancer, several at a time on each.
 *
 * Writes a line for each tenth of a second to standard error,
 *
 *     ms arrived answered waiting admitted sold refused
 *
 * and at the end one JSON object with the figures to standard output.  What a
 * person is told is taken from the answers and from nowhere else.
 */


#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define TOKEN       63
#define UUID        36
#define DEPTH       32              /* requests under way on a connection */
#define SLOT        2               /* ms of a slot of the wheel */
#define SLOTS       30000           /* a minute */
#define OUT         32768
#define IN          262144
#define LATEST      300000          /* ms after which the run is given up */


typedef enum {
    JOIN = 0, POLL, HOLD, HOLD_ONE, ORDER, CONFIRM, LEAVE,
    BOT_HOLD,                       /* without a pass */
    BOT_SHARE,                      /* with somebody's pass */
    BOT_REPLAY,                     /* with a pass that is spent */
    BOT_FORGE,                      /* with a ticket that was altered */
    BOT_HASTE,                      /* asks again at once */
    OPS
} op_e;

static const char  *op_names[OPS] = {
    "join", "poll", "hold", "hold_one", "order", "confirm", "leave",
    "bot_hold", "bot_share",
    "bot_replay", "bot_forge", "bot_haste"
};

enum { HUMAN = 0, LEAVER, JUMPER, SHARER, REPLAYER, FORGER, HASTY };

enum { COMING = 0, WAITING, BUYING, DONE };


typedef struct {
    uint32_t   next;                /* in a slot, + 1 */
    uint32_t   due;                 /* ms: when it wanted to ask */
    uint32_t   joined;              /* ms: when it had its place */
    uint8_t    kind;
    uint8_t    state;
    uint8_t    op;                  /* what it does next */
    uint8_t    tries;
    uint8_t    seats;               /* that it holds */
    char       ticket[TOKEN];
    char      *more;                /* pass, hold, order */
} person_t;

/* in more */

#define PASS   0
#define THING  TOKEN
#define MORE   (TOKEN + UUID)


typedef struct {
    int        fd;
    int        connected;
    size_t     out, sent;           /* bytes of obuf */
    size_t     in, taken;           /* bytes of ibuf */
    unsigned   first, n;            /* FIFO of what is under way */
    uint32_t   who[DEPTH];
    uint8_t    op[DEPTH];
    uint32_t   at[DEPTH];           /* ms: when it should have left */
    char       obuf[OUT];
    char       ibuf[IN];
} conn_t;


static int        port, epfd;
static uint32_t   people, seconds, nconns;
static const char  *show;
static person_t  *person;
static conn_t    *conns;
static uint32_t  *wheel;            /* first person of a slot, + 1 */
static uint32_t  *ready;            /* ring of those who ask now */
static uint64_t   ready_first, ready_last;
static uint32_t   slot_now;         /* all slots below are over */
static uint64_t   start_ns;
static uint32_t   rng;

static struct {
    uint64_t  arrived, joined, told, admitted, sold, gone, left, soldout;
    uint64_t  answers, status[6], op[OPS], refused[OPS], hist[OPS][2000];
    uint64_t  violations, errors, reconnects, asks;
    uint32_t  last_arrival, first_admission, last_sale, last_told, sold_out_at;
    uint64_t  empty_handed;         /* admitted, and nothing was left */
} count;


static uint64_t
now_ns(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


static uint32_t
now_ms(void)
{
    return (uint32_t) ((now_ns() - start_ns) / 1000000);
}


static uint32_t
below(uint32_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 17;
    rng ^= rng << 5;

    return rng % n;
}


static void
die(const char *what)
{
    fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
    exit(1);
}


/* Asks op at that time, or as soon as the wheel comes round. */

static void
plan(uint32_t who, op_e op, uint32_t at)
{
    uint32_t  slot;

    person[who].op = (uint8_t) op;
    person[who].due = at;

    slot = (at / SLOT < slot_now ? slot_now : at / SLOT) % SLOTS;
    person[who].next = wheel[slot];
    wheel[slot] = who + 1;
}


static void
finish(uint32_t who)
{
    if (person[who].state != DONE) {
        person[who].state = DONE;
        count.gone++;
    }
}


static void
open_conn(conn_t *c)
{
    int                 one = 1;
    struct sockaddr_in  sin;
    struct epoll_event  ev;

    c->fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, 0);
    if (c->fd < 0) {
        die("socket");
    }

    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (connect(c->fd, (struct sockaddr *) &sin, sizeof(sin)) != 0
        && errno != EINPROGRESS)
    {
        die("connect");
    }

    c->out = c->sent = c->in = c->taken = 0;
    c->first = c->n = 0;
    c->connected = 1;

    ev.events = EPOLLIN|EPOLLOUT|EPOLLET;
    ev.data.ptr = c;

    if (epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev) != 0) {
        die("epoll_ctl");
    }
}


/* What was under way is asked again by whoever asked. */

static void
reopen_conn(conn_t *c)
{
    unsigned  i;

    count.reconnects++;
    close(c->fd);

    for (i = 0; i < c->n; i++) {
        plan(c->who[(c->first + i) % DEPTH],
             c->op[(c->first + i) % DEPTH], now_ms() + 500 + below(1000));
    }

    open_conn(c);
}


static void
put(conn_t *c, const char *format, ...)
{
    int      n;
    va_list  args;

    va_start(args, format);
    n = vsnprintf(c->obuf + c->out, OUT - c->out, format, args);
    va_end(args);

    c->out += (size_t) n;
}


static void
put_hold(conn_t *c, uint32_t who, const char *pass, unsigned seats,
    unsigned key)
{
    char  body[160];
    int   n;

    n = snprintf(body, sizeof(body),
                 "{\"showId\":\"%s\",\"bestAvailable\":{\"count\":%u}}", show,
                 seats);

    put(c, "POST /api/v1/holds HTTP/1.1\r\nHost: l\r\nx-user-id: u%u\r\n"
        "Idempotency-Key: h%u-%u\r\nContent-Type: application/json\r\n"
        "Content-Length: %d\r\n", who, who, key, n);

    if (pass) {
        put(c, "x-boxoffice-pass: %.63s\r\n", pass);
    }

    put(c, "\r\n%s", body);
}


static void
put_request(conn_t *c, uint32_t who, op_e op)
{
    int        n;
    char       body[256], token[TOKEN + 1];
    person_t  *p = &person[who];

    switch (op) {

    case JOIN:
        put(c, "POST /api/v1/waiting-rooms/sale/join HTTP/1.1\r\nHost: l\r\n"
            "x-user-id: u%u\r\nContent-Length: 0\r\n\r\n", who);
        return;

    case POLL:
    case BOT_HASTE:
        put(c, "GET /api/v1/waiting-rooms/sale/place HTTP/1.1\r\nHost: l\r\n"
            "x-user-id: u%u\r\nx-boxoffice-ticket: %.63s\r\n\r\n", who,
            p->ticket);
        return;

    case BOT_FORGE:
        memcpy(token, p->ticket, TOKEN);
        token[TOKEN] = '\0';
        token[20] = token[20] == 'A' ? 'B' : 'A';
        put(c, "GET /api/v1/waiting-rooms/sale/place HTTP/1.1\r\nHost: l\r\n"
            "x-user-id: u%u\r\nx-boxoffice-ticket: %s\r\n\r\n", who, token);
        return;

    case HOLD:
        put_hold(c, who, p->more + PASS, 2, p->tries);
        return;

    case HOLD_ONE:
        put_hold(c, who, p->more + PASS, 1, p->tries);
        return;

    case LEAVE:
        put(c, "DELETE /api/v1/waiting-rooms/sale/place HTTP/1.1\r\n"
            "Host: l\r\nx-user-id: u%u\r\nx-boxoffice-ticket: %.63s\r\n"
            "\r\n", who, p->ticket);
        return;

    case BOT_HOLD:
        put_hold(c, who, NULL, 2, 99);
        return;

    case BOT_SHARE:
        put_hold(c, who + people, p->more + PASS, 2, 98);
        return;

    case BOT_REPLAY:
        put_hold(c, who, p->more + PASS, 2, 97);
        return;

    case ORDER:
        n = snprintf(body, sizeof(body), "{\"holdId\":\"%.36s\","
                     "\"paymentMethod\":\"UPI\",\"customer\":{\"name\":\"A\","
                     "\"email\":\"a@example.com\"}}", p->more + THING);
        put(c, "POST /api/v1/orders HTTP/1.1\r\nHost: l\r\nx-user-id: u%u\r\n"
            "Idempotency-Key: o%u\r\nContent-Type: application/json\r\n"
            "Content-Length: %d\r\n\r\n%s", who, who, n, body);
        return;

    case CONFIRM:
        n = snprintf(body, sizeof(body), "{\"paymentId\":\"mock-ok-%.36s\"}",
                     p->more + THING);
        put(c, "POST /api/v1/orders/%.36s/confirm-payment HTTP/1.1\r\n"
            "Host: l\r\nx-user-id: u%u\r\nIdempotency-Key: c%u\r\n"
            "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
            p->more + THING, who, who, n, body);
        return;

    default:
        abort();
    }
}


/* The value of a JSON string, or NULL. */

static const char *
text_of(const char *body, size_t len, const char *name)
{
    const char  *p;

    p = memmem(body, len, name, strlen(name));

    return p ? p + strlen(name) : NULL;
}


static long
number_of(const char *body, size_t len, const char *name, long otherwise)
{
    const char  *p;

    p = text_of(body, len, name);

    return p ? strtol(p, NULL, 10) : otherwise;
}


static char *
more_of(person_t *p)
{
    if (p->more == NULL) {
        p->more = calloc(1, MORE);
        if (p->more == NULL) {
            die("memory");
        }
    }

    return p->more;
}


/* An answer that should not be. */

static void
strange(uint32_t who, op_e op, unsigned status, const char *body, size_t len)
{
    count.errors++;
    fprintf(stderr, "%s: %u %.*s\n", op_names[op], status, (int) len, body);
    finish(who);
}


/* How somebody stands, after a join or a poll. */

static void
placed(uint32_t who, const char *body, size_t len, uint32_t now)
{
    long         poll;
    const char  *t;
    person_t    *p = &person[who];

    t = text_of(body, len, "\"ticket\":\"");

    if (t) {
        memcpy(p->ticket, t, TOKEN);
    }

    if (p->state == COMING) {
        p->state = WAITING;
        p->joined = now;
        count.joined++;
    }

    t = text_of(body, len, "\"pass\":\"");

    if (t) {
        memcpy(more_of(p) + PASS, t, TOKEN);

        if (count.first_admission == 0) {
            count.first_admission = now;
        }

        count.admitted++;
        p->state = BUYING;

        if (p->kind == SHARER) {
            plan(who, BOT_SHARE, now + 1);

        } else {
            plan(who, HOLD, now + 1 + below(200));
        }

        return;
    }

    if (text_of(body, len, "\"soldOut\":true")) {
        count.soldout++;
        count.last_told = now;
        finish(who);
        return;
    }

    if (p->kind == LEAVER) {
        count.left++;
        finish(who);
        return;
    }

    if (p->kind == FORGER && p->tries++ == 0) {
        plan(who, BOT_FORGE, now + 1);
        return;
    }

    if (p->kind == HASTY && p->tries++ == 0) {
        plan(who, BOT_HASTE, now + 1);
        return;
    }

    poll = number_of(body, len, "\"pollAfter\":", 2000);
    plan(who, POLL, now + (uint32_t) poll);
}


/* Holds and what comes after. */

static void
bought(uint32_t who, op_e op, unsigned status, const char *body, size_t len,
    uint32_t now)
{
    const char  *t;
    person_t    *p = &person[who];

    t = text_of(body, len, op == HOLD || op == HOLD_ONE
                           ? "\"holdId\":\"" : "\"orderId\":\"");

    if (status == 503 && p->tries < 20) {
        p->tries++;
        plan(who, op, now + 500 + below(1000));
        return;
    }

    if (status >= 300) {

        /* there are not two together any more, or none at all */

        if (op == HOLD) {
            plan(who, HOLD_ONE, now + 1);
            return;
        }

        if (op == HOLD_ONE) {
            count.empty_handed++;
            plan(who, LEAVE, now + 1);
            return;
        }

        strange(who, op, status, body, len);
        return;
    }

    if (op == CONFIRM) {
        count.sold += p->seats;
        count.last_sale = now;

        if (p->kind == REPLAYER) {
            plan(who, BOT_REPLAY, now + 300);

        } else {
            finish(who);
        }

        return;
    }

    if (t == NULL) {
        count.errors++;
        finish(who);
        return;
    }

    if (op != ORDER) {
        p->seats = op == HOLD ? 2 : 1;
    }

    memcpy(more_of(p) + THING, t, UUID);
    plan(who, op != ORDER ? ORDER : CONFIRM, now + 1 + below(200));
}


/* A bot must be refused; then it does as everybody does. */

static void
tried(uint32_t who, op_e op, unsigned status, uint32_t now)
{
    if (status < 400) {
        count.violations++;
        fprintf(stderr, "%s of %u was answered %u\n", op_names[op], who,
                status);
    } else {
        count.refused[op]++;
    }

    switch (op) {

    case BOT_HOLD:
        plan(who, JOIN, now + 1);
        return;

    case BOT_SHARE:
        plan(who, HOLD, now + 1);
        return;

    case BOT_REPLAY:
        finish(who);
        return;

    default:
        plan(who, POLL, now + 2500);
    }
}


static void
answered(uint32_t who, op_e op, unsigned status, const char *body, size_t len,
    uint32_t since)
{
    uint32_t  now, took;

    now = now_ms();
    took = now - since;
    count.answers++;
    count.status[status / 100 % 6]++;
    count.op[op]++;
    count.hist[op][took < 1999 ? took : 1999]++;

    switch (op) {

    case JOIN:
    case POLL:

        if (status == 200) {
            placed(who, body, len, now);
            return;
        }

        count.refused[op]++;

        if (status == 410) {
            count.soldout++;
            count.last_told = now;
            finish(who);
            return;
        }

        if (status == 429 || status == 503) {
            plan(who, op, now + 1000 + below(2000));
            return;
        }

        strange(who, op, status, body, len);
        return;

    case LEAVE:
        finish(who);
        return;

    case HOLD:
    case HOLD_ONE:
    case ORDER:
    case CONFIRM:
        bought(who, op, status, body, len, now);
        return;

    default:
        tried(who, op, status, now);
    }
}


/* Takes whole answers out of the buffer. */

static int
take(conn_t *c)
{
    long         length;
    char        *head, *end, *p;
    size_t       left;
    unsigned     status, i;

    for ( ;; ) {
        head = c->ibuf + c->taken;
        left = c->in - c->taken;

        if (left < 16) {
            break;
        }

        end = memmem(head, left, "\r\n\r\n", 4);
        if (end == NULL) {
            break;
        }

        status = (unsigned) atoi(head + 9);
        p = memmem(head, (size_t) (end - head), "Content-Length: ", 16);
        length = p ? strtol(p + 16, NULL, 10) : 0;
        end += 4;

        if ((size_t) (end - head) + (size_t) length > left) {
            break;
        }

        if (c->n == 0) {
            return -1;
        }

        i = c->first;
        c->first = (c->first + 1) % DEPTH;
        c->n--;
        c->taken += (size_t) (end - head) + (size_t) length;

        answered(c->who[i], c->op[i], status, end, (size_t) length, c->at[i]);
    }

    if (c->taken) {
        memmove(c->ibuf, c->ibuf + c->taken, c->in - c->taken);
        c->in -= c->taken;
        c->taken = 0;
    }

    return 0;
}


static int
read_conn(conn_t *c)
{
    ssize_t  n;

    for ( ;; ) {
        n = recv(c->fd, c->ibuf + c->in, IN - c->in, 0);

        if (n == 0) {
            return -1;
        }

        if (n < 0) {
            return errno == EAGAIN ? 0 : -1;
        }

        c->in += (size_t) n;

        if (take(c) != 0) {
            return -1;
        }
    }
}


static int
write_conn(conn_t *c)
{
    ssize_t  n;

    while (c->sent < c->out) {
        n = send(c->fd, c->obuf + c->sent, c->out - c->sent, MSG_NOSIGNAL);

        if (n < 0) {
            return errno == EAGAIN || errno == ENOTCONN ? 0 : -1;
        }

        c->sent += (size_t) n;
    }

    c->out = c->sent = 0;

    return 0;
}


/* Those whose time has come stand in line for a connection. */

static void
turn(uint32_t now)
{
    uint32_t   who, next, slot;

    while ((slot_now + 1) * SLOT <= now) {
        slot = slot_now++;
        who = wheel[slot % SLOTS];
        wheel[slot % SLOTS] = 0;

        for ( ; who; who = next) {
            next = person[who - 1].next;

            if (person[who - 1].due / SLOT > slot) {
                plan(who - 1, person[who - 1].op, person[who - 1].due);
                continue;
            }

            ready[ready_last++ % people] = who - 1;
        }
    }
}


static void
arrive(uint32_t *next, uint32_t now)
{
    uint64_t   should;
    person_t  *p;

    should = now >= seconds * 1000 ? people
                                   : (uint64_t) people * now / (seconds * 1000);

    while (*next < should) {
        p = &person[*next];
        p->op = p->kind == JUMPER ? BOT_HOLD : JOIN;
        p->due = (uint32_t) ((uint64_t) *next * seconds * 1000 / people);
        ready[ready_last++ % people] = (*next)++;
        count.arrived++;
        count.last_arrival = now;
    }
}


static void
serve(unsigned *at)
{
    conn_t    *c;
    unsigned   i, slot;
    uint32_t   who;

    for (i = 0; i < nconns && ready_first < ready_last; i++) {
        c = &conns[*at];
        *at = (*at + 1) % nconns;

        while (ready_first < ready_last && c->n < DEPTH
               && c->out + 1024 < OUT)
        {
            who = ready[ready_first++ % people];
            slot = (c->first + c->n++) % DEPTH;

            c->who[slot] = who;
            c->op[slot] = person[who].op;
            c->at[slot] = person[who].due;
            count.asks++;

            put_request(c, who, person[who].op);
        }

        if (c->out > c->sent && write_conn(c) != 0) {
            reopen_conn(c);
        }
    }
}


static double
percentile(op_e op, double share)
{
    unsigned  i;
    uint64_t  n, sum;

    n = 0;

    for (i = 0; i < 2000; i++) {
        n += count.hist[op][i];
    }

    sum = 0;

    for (i = 0; i < 2000; i++) {
        sum += count.hist[op][i];

        if ((double) sum >= share * (double) n && n) {
            return i;
        }
    }

    return 0;
}


static void
tell(uint32_t now)
{
    unsigned  i;

    printf("{\"people\":%u,\"arrived\":%lu,\"joined\":%lu,\"admitted\":%lu,"
           "\"sold\":%lu,\"soldOut\":%lu,\"left\":%lu,\"emptyHanded\":%lu,"
           "\"answers\":%lu,\"violations\":%lu,\"errors\":%lu,"
           "\"reconnects\":%lu,\"ms\":%u,\"lastArrival\":%u,"
           "\"firstAdmission\":%u,\"lastSale\":%u,\"lastTold\":%u,"
           "\"status\":{\"2\":%lu,\"4\":%lu,\"5\":%lu}",
           people, count.arrived, count.joined, count.admitted, count.sold,
           count.soldout, count.left, count.empty_handed, count.answers,
           count.violations, count.errors, count.reconnects, now,
           count.last_arrival, count.first_admission, count.last_sale,
           count.last_told, count.status[2], count.status[4],
           count.status[5]);

    for (i = 0; i < OPS; i++) {
        printf(",\"%s\":{\"n\":%lu,\"refused\":%lu,\"p50\":%.0f,\"p99\":%.0f}",
               op_names[i], count.op[i], count.refused[i],
               percentile((op_e) i, 0.5), percentile((op_e) i, 0.99));
    }

    printf("}\n");
}


int
main(int argc, char **argv)
{
    int                  i, n;
    conn_t              *c;
    unsigned             leave, bots, at, dice;
    uint32_t             next, now, told;
    struct epoll_event   events[256];

    if (argc != 9) {
        fprintf(stderr, "usage: crowd PORT PEOPLE SECONDS CONNECTIONS SHOW "
                "LEAVE BOTS SEED\n");
        return 2;
    }

    port = atoi(argv[1]);
    people = (uint32_t) atoi(argv[2]);
    seconds = (uint32_t) atoi(argv[3]);
    nconns = (uint32_t) atoi(argv[4]);
    show = argv[5];
    leave = (unsigned) atoi(argv[6]);
    bots = (unsigned) atoi(argv[7]);
    rng = (uint32_t) atoi(argv[8]) * 2654435761u + 1;

    person = calloc(people, sizeof(person_t));
    ready = calloc(people, sizeof(uint32_t));
    wheel = calloc(SLOTS, sizeof(uint32_t));
    conns = calloc(nconns, sizeof(conn_t));

    if (!person || !ready || !wheel || !conns) {
        die("memory");
    }

    for (next = 0; next < people; next++) {
        dice = below(100);

        if (dice < bots) {
            person[next].kind = (uint8_t) (JUMPER + below(5));

        } else if (dice < bots + leave) {
            person[next].kind = LEAVER;
        }
    }

    epfd = epoll_create1(0);
    start_ns = now_ns();

    for (i = 0; i < (int) nconns; i++) {
        open_conn(&conns[i]);
    }

    next = 0;
    told = 0;
    at = 0;

    while (count.gone < people) {
        now = now_ms();

        if (now > LATEST) {
            fprintf(stderr, "crowd: it takes too long\n");
            break;
        }

        arrive(&next, now);
        turn(now);
        serve(&at);

        if (now >= told) {
            fprintf(stderr, "%u %lu %lu %lu %lu %lu %lu\n", now, count.arrived,
                    count.joined, count.joined - count.admitted
                                  - count.left - count.soldout,
                    count.admitted, count.sold, count.soldout);
            told = now - now % 100 + 100;
        }

        n = epoll_wait(epfd, events, 256, ready_first < ready_last ? 0 : 1);

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            if ((events[i].events & (EPOLLERR|EPOLLHUP))
                || ((events[i].events & EPOLLIN) && read_conn(c) != 0)
                || ((events[i].events & EPOLLOUT) && write_conn(c) != 0))
            {
                reopen_conn(c);
            }
        }
    }

    now = now_ms();
    fprintf(stderr, "%u %lu %lu 0 %lu %lu %lu\n", now, count.arrived,
            count.joined, count.admitted, count.sold, count.soldout);
    tell(now);

    return 0;
}
