
/*
 * Requests at a steady rate, whether or not the server keeps up (open loop):
 *
 *     pace PORT RATE SECONDS CONNECTIONS < REQUESTS
 *
 * REQUESTS: one a line, its parts with a tab in between: "GET /path", headers
 * ("x-user-id: ann"), and a body of JSON, which begins with "{"; they are sent
 * in this order, again from the first one when they are used up.  Request
 * i is due i/RATE seconds after the start.  It leaves on a connection that is
 * idle, and waits for one if none is; how long it took counts from when it was
 * due, so that a server that stalls is not asked less.
 *
 * RATE 0: as many as the server answers (closed loop).  Each connection asks
 * again as soon as it has its answer, whose text is thrown away unread: with
 * answers of many kilobytes, a load that copies them takes more of a machine
 * than the server.
 *
 * Writes one JSON object: requests answered, in how many microseconds, their
 * bytes, microseconds at some percentiles, answers by status, connections that
 * broke, and the number of requests that left a millisecond late or more.
 */


#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>


#define HEADER     4096             /* of an answer, at the most */
#define PATIENCE   30000000000      /* ns after the last request */


typedef struct {
    int        fd;
    int        idle;
    uint64_t   due;                 /* ns, of what is under way */
    size_t     in;                  /* bytes of buf */
    int64_t    left;                /* of the body; -1: in the header */
    int        status;
    int        closes;
    char       buf[HEADER];
} conn_t;

typedef struct {
    char      *text;
    size_t     len;
} request_t;


static int         port, epfd, timer;
static conn_t     *conns;
static size_t      nconns;
static request_t  *requests;
static size_t      nrequests;
static double      rate;

static uint64_t    start, end, total, sent, answered, broken, waited, bytes;
static uint32_t   *took;            /* us */
static size_t      ntook;
static uint64_t    status[600];


static void reopen(conn_t *c);


static void
fail(const char *what)
{
    perror(what);
    exit(1);
}


static void *
need(void *p)
{
    if (p == NULL) {
        fail("memory");
    }

    return p;
}


static uint64_t
now_ns(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


static uint64_t
due_ns(uint64_t i)
{
    return start + (uint64_t) ((double) i * 1e9 / rate);
}


/* A line of REQUESTS as it leaves. */

static request_t
make_request(char *line)
{
    char       *part, *body, *rest;
    FILE       *out;
    request_t   r;

    body = NULL;
    out = need(open_memstream(&r.text, &r.len));

    part = strtok_r(line, "\t", &rest);
    fprintf(out, "%s HTTP/1.1\r\nHost: localhost\r\n", part ? part : "");

    while ((part = strtok_r(NULL, "\t", &rest))) {
        if (*part == '{') {
            body = part;

        } else {
            fprintf(out, "%s\r\n", part);
        }
    }

    if (body) {
        fprintf(out, "Content-Type: application/json\r\n"
                "Content-Length: %zu\r\n", strlen(body));
    }

    fprintf(out, "\r\n%s", body ? body : "");

    if (fclose(out) != 0) {
        fail("memory");
    }

    return r;
}


static void
read_requests(void)
{
    char    *line = NULL;
    size_t   room = 0, size = 0;

    while (getline(&line, &room, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';

        if (nrequests == size) {
            size = size ? 2 * size : 1024;
            requests = need(realloc(requests, size * sizeof(request_t)));
        }

        requests[nrequests++] = make_request(line);
    }

    free(line);

    if (nrequests == 0) {
        fprintf(stderr, "pace: no requests\n");
        exit(1);
    }
}


static void
watch(int fd, void *data)
{
    struct epoll_event  ev;

    ev.events = EPOLLIN;
    ev.data.ptr = data;

    if (epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) != 0) {
        fail("epoll_ctl");
    }
}


static void
open_conn(conn_t *c)
{
    int                 one = 1;
    struct sockaddr_in  to;

    memset(&to, 0, sizeof(to));
    to.sin_family = AF_INET;
    to.sin_port = htons((uint16_t) port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (c->fd < 0 || connect(c->fd, (struct sockaddr *) &to, sizeof(to)) != 0) {
        fail("connect");
    }

    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0) {
        fail("fcntl");
    }

    watch(c->fd, c);

    c->idle = 1;
    c->in = 0;
    c->left = -1;
}


/* The next request leaves, which was due then. */

static void
ask(conn_t *c, uint64_t due)
{
    request_t  *r = &requests[sent % nrequests];

    sent++;
    c->idle = 0;
    c->due = due;

    /* requests are small, and the connection is idle: there is room */

    if (send(c->fd, r->text, r->len, MSG_NOSIGNAL) != (ssize_t) r->len) {
        reopen(c);
    }
}


/* At the limit it asks again, as wrk does: see answer() for those that end. */

static void
reopen(conn_t *c)
{
    int  lost = !c->idle;

    close(c->fd);
    open_conn(c);

    if (lost) {
        broken++;

        if (rate == 0 && now_ns() < end) {
            ask(c, now_ns());
        }
    }
}


/* Sends what is due; 1 when what is left waits for a connection. */

static int
send_due(void)
{
    size_t          i;
    uint64_t        now = now_ns();
    static size_t   next;

    for ( ;; ) {
        if (sent == total || due_ns(sent) > now) {
            return 0;
        }

        for (i = 0; i < nconns && !conns[(next + i) % nconns].idle; i++) {
            /* void */
        }

        if (i == nconns) {
            return 1;
        }

        waited += now - due_ns(sent) > 1000000;

        ask(&conns[(next + i) % nconns], due_ns(sent));
        next = (next + i + 1) % nconns;
    }
}


static void
answer(conn_t *c)
{
    uint64_t  now = now_ns(), us = (now - c->due) / 1000;

    if (answered == ntook) {
        ntook = 2 * ntook;
        took = need(realloc(took, ntook * sizeof(uint32_t)));
    }

    took[answered++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t) us;
    status[c->status]++;

    c->idle = 1;
    c->in = 0;
    c->left = -1;

    if (c->closes) {
        reopen(c);
    }

    if (rate == 0 && now < end) {
        ask(c, now);
    }
}


/* A header that is complete; what is behind it is of the body. */

static void
read_header(conn_t *c, char *stop)
{
    char  *line;

    c->status = atoi(c->buf + 9);
    c->closes = 0;
    c->left = 0;

    if (c->in < 12 || c->status < 100 || c->status > 599) {
        fprintf(stderr, "pace: no answer: %.60s\n", c->buf);
        exit(1);
    }

    *stop = '\0';

    for (line = strstr(c->buf, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;

        if (strncasecmp(line, "content-length:", 15) == 0) {
            c->left = atoll(line + 15);

        } else if (strncasecmp(line, "connection: close", 17) == 0) {
            c->closes = 1;

        } else if (strncasecmp(line, "transfer-encoding:", 18) == 0) {
            fprintf(stderr, "pace: an answer without a length\n");
            exit(1);
        }
    }

    c->left -= (int64_t) (c->in - (size_t) (stop + 4 - c->buf));
}


static void
receive(conn_t *c)
{
    char     *stop;
    ssize_t   n;

    while (!c->idle) {

        /* what is left of an answer is not looked at, nor copied */

        n = c->left < 0
            ? recv(c->fd, c->buf + c->in, HEADER - 1 - c->in, 0)
            : recv(c->fd, NULL, (size_t) c->left, MSG_TRUNC);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }

        if (n <= 0) {
            reopen(c);
            return;
        }

        bytes += (uint64_t) n;

        if (c->left >= 0) {
            c->left -= n;

        } else {
            c->in += (size_t) n;
            c->buf[c->in] = '\0';
            stop = strstr(c->buf, "\r\n\r\n");

            if (stop == NULL) {
                continue;
            }

            read_header(c, stop);
        }

        if (c->left <= 0) {
            answer(c);
            return;
        }
    }

    /* it is idle: the server has closed it */

    reopen(c);
}


/* A time that has come meanwhile ends the wait at once. */

static void
arm(int blocked)
{
    uint64_t           at;
    struct itimerspec  its;

    memset(&its, 0, sizeof(its));

    at = sent < total && !blocked ? due_ns(sent) : end + PATIENCE;
    its.it_value.tv_sec = (time_t) (at / 1000000000);
    its.it_value.tv_nsec = (long) (at % 1000000000);

    if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &its, NULL) != 0) {
        fail("timerfd_settime");
    }
}


static int
by_size(const void *a, const void *b)
{
    uint32_t  x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return x < y ? -1 : x > y;
}


static uint32_t
percentile(double share)
{
    return answered ? took[(size_t) (share * (double) (answered - 1))] : 0;
}


static void
report(void)
{
    int          i;
    uint64_t     us = (now_ns() - start) / 1000;
    const char  *comma = "";

    qsort(took, answered, sizeof(uint32_t), by_size);

    printf("{\"requests\":%llu,\"us\":%llu,\"bytes\":%llu,"
           "\"unanswered\":%llu,\"broken\":%llu,\"waited\":%llu,"
           "\"p50\":%u,\"p90\":%u,\"p99\":%u,\"p999\":%u,\"max\":%u,"
           "\"statuses\":{",
           (unsigned long long) answered, (unsigned long long) us,
           (unsigned long long) bytes,
           (unsigned long long) ((rate == 0 ? sent : total) - answered),
           (unsigned long long) broken, (unsigned long long) waited,
           percentile(0.5), percentile(0.9), percentile(0.99),
           percentile(0.999), percentile(1));

    for (i = 0; i < 600; i++) {
        if (status[i]) {
            printf("%s\"%d\":%llu", comma, i, (unsigned long long) status[i]);
            comma = ",";
        }
    }

    printf("}}\n");
}


static void
prepare(char **argv)
{
    size_t    k;
    uint64_t  length;

    port = atoi(argv[1]);
    rate = atof(argv[2]);
    length = (uint64_t) (atof(argv[3]) * 1e9);
    total = (uint64_t) (rate * atof(argv[3]));
    nconns = (size_t) atol(argv[4]);
    read_requests();

    ntook = rate == 0 ? 1024 * 1024 : total + 1;
    took = need(malloc(ntook * sizeof(uint32_t)));
    conns = need(calloc(nconns, sizeof(conn_t)));
    epfd = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

    if (epfd < 0 || timer < 0) {
        fail("epoll");
    }

    for (k = 0; k < nconns; k++) {
        open_conn(&conns[k]);
    }

    watch(timer, NULL);

    start = now_ns() + (rate == 0 ? 0 : 10000000);
    end = start + length;
}


/* Whether there is something to wait for still. */

static int
under_way(void)
{
    return rate == 0 ? now_ns() < end || answered + broken < sent
                     : answered + broken < total;
}


int
main(int argc, char **argv)
{
    int                  i, n;
    size_t               k;
    uint64_t             expired;
    struct epoll_event   events[64];

    if (argc != 5) {
        fprintf(stderr, "usage: pace PORT RATE SECONDS CONNECTIONS\n");
        return 2;
    }

    prepare(argv);

    for (k = 0; k < nconns && rate == 0; k++) {
        ask(&conns[k], now_ns());
    }

    arm(1);

    while (under_way()) {
        if (rate != 0) {
            arm(send_due());
        }

        n = epoll_wait(epfd, events, 64, -1);

        for (i = 0; i < n; i++) {
            if (events[i].data.ptr) {
                receive(events[i].data.ptr);
                continue;
            }

            (void) !read(timer, &expired, sizeof(expired));

            if (now_ns() >= end + PATIENCE) {
                report();
                return 0;
            }
        }
    }

    report();

    return 0;
}
