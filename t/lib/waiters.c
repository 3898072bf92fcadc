
/*
 * waiters ADDRESS PORT ROOM PREFIX COUNT: so many people who join a waiting
 * room, each over a connection of its own, and then listen to its events with
 * their ticket, over the same.  Who loses the connection comes back.
 *
 * Says "open N" when all listen.  For each line on its input it answers:
 *
 *     until CURSOR   "at TIME N": when the last one had heard of a cursor that
 *                    is no lower (seconds since 1970), and how many have
 *     count          "count OPEN BACK": connections that listen, and how often
 *                    somebody came back
 */


#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define TICKET   63
#define PENDING  256                /* that connect at a time */


typedef struct {
    int       fd;
    int       listens;
    uint64_t  cursor;
    double    back;                 /* when to come back, 0: not away */
    char      ticket[TICKET + 1];
} person_t;


static const char  *address, *room, *prefix;
static int          port, count, epfd;
static person_t    *person;
static int          nlisten, npending, nback;
static uint64_t     wanted;
static int          asked, nthere;     /* that have heard of it */


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_REALTIME, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static void
die(const char *what)
{
    fprintf(stderr, "waiters: %s: %s\n", what, strerror(errno));
    exit(1);
}


/* A new one joins; who has a ticket listens at once. */

static void
come(person_t *p)
{
    int                 n, one = 1;
    char                text[512];
    struct sockaddr_in  sin;
    struct epoll_event  ev;

    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (p->fd < 0) {
        die("socket");
    }

    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    inet_pton(AF_INET, address, &sin.sin_addr);

    if (connect(p->fd, (struct sockaddr *) &sin, sizeof(sin)) != 0) {
        close(p->fd);
        p->fd = -1;
        p->back = now() + 0.5;
        return;
    }

    if (p->ticket[0]) {
        n = snprintf(text, sizeof(text),
                     "GET /api/v1/waiting-rooms/%s/events HTTP/1.1\r\n"
                     "Host: l\r\nx-boxoffice-ticket: %s\r\n\r\n",
                     room, p->ticket);
    } else {
        n = snprintf(text, sizeof(text),
                     "POST /api/v1/waiting-rooms/%s/join HTTP/1.1\r\n"
                     "Host: l\r\nx-user-id: %s%d\r\nContent-Length: 0\r\n"
                     "\r\n", room, prefix, (int) (p - person));
    }

    if (send(p->fd, text, (size_t) n, MSG_NOSIGNAL) != n) {
        die("send");
    }

    fcntl(p->fd, F_SETFL, O_NONBLOCK);

    ev.events = EPOLLIN;
    ev.data.ptr = p;

    if (epoll_ctl(epfd, EPOLL_CTL_ADD, p->fd, &ev) != 0) {
        die("epoll_ctl");
    }

    p->back = 0;
    npending++;
}


static void
gone(person_t *p)
{
    close(p->fd);
    p->fd = -1;

    if (p->listens) {
        p->listens = 0;
        nlisten--;
        nback++;

    } else {
        npending--;
    }

    p->back = now() + 0.5 + (double) (rand() % 1000) / 1000;
}


static void
listen_to(person_t *p, char *ticket)
{
    int   n;
    char  text[512];

    memcpy(p->ticket, ticket, TICKET);

    n = snprintf(text, sizeof(text),
                 "GET /api/v1/waiting-rooms/%s/events HTTP/1.1\r\n"
                 "Host: l\r\nx-boxoffice-ticket: %s\r\n\r\n",
                 room, p->ticket);

    if (send(p->fd, text, (size_t) n, MSG_NOSIGNAL) != n) {
        gone(p);
    }
}


static void
hear(person_t *p)
{
    char      buf[16384], *at, *next;
    ssize_t   n;
    uint64_t  cursor;

    n = recv(p->fd, buf, sizeof(buf) - 1, 0);

    if (n < 0 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        gone(p);
        return;
    }

    buf[n] = '\0';

    at = strstr(buf, "\"ticket\":\"");
    if (at) {
        listen_to(p, at + 10);
        return;
    }

    if (strncmp(buf, "HTTP/1.1 ", 9) == 0 && strncmp(buf + 9, "200", 3) != 0) {
        gone(p);
        return;
    }

    /* the last message counts */

    for (at = NULL, next = buf;
         (next = strstr(next, "\"cursor\":")) != NULL;
         next++)
    {
        at = next;
    }

    if (at) {
        cursor = strtoull(at + 9, NULL, 10);
        nthere += asked && p->cursor < wanted && cursor >= wanted;
        p->cursor = cursor;

        if (!p->listens) {
            p->listens = 1;
            nlisten++;
            npending--;
        }
    }
}


static void
answer(void)
{
    if (nthere == count) {
        printf("at %.6f %d\n", now(), nthere);
        fflush(stdout);
        asked = 0;
    }
}


static void
told(void)
{
    int   i;
    char  line[256];

    if (fgets(line, sizeof(line), stdin) == NULL) {
        exit(0);
    }

    if (strncmp(line, "until ", 6) == 0) {
        wanted = strtoull(line + 6, NULL, 10);
        asked = 1;
        nthere = 0;

        for (i = 0; i < count; i++) {
            nthere += person[i].cursor >= wanted;
        }

        return;
    }

    printf("count %d %d\n", nlisten, nback);
    fflush(stdout);
}


int
main(int argc, char **argv)
{
    int                 i, n, said, next;
    struct pollfd       in = { 0, POLLIN, 0 };
    struct epoll_event  events[1024];

    if (argc != 6) {
        fprintf(stderr, "usage: waiters ADDRESS PORT ROOM PREFIX COUNT\n");
        return 2;
    }

    address = argv[1];
    port = atoi(argv[2]);
    room = argv[3];
    prefix = argv[4];
    count = atoi(argv[5]);

    person = calloc((size_t) count, sizeof(person_t));
    epfd = epoll_create1(0);
    said = 0;
    next = 0;

    if (person == NULL || epfd < 0) {
        die("start");
    }

    for (i = 0; i < count; i++) {
        person[i].fd = -1;
        person[i].back = 1;
    }

    for ( ;; ) {

        /* those who are not there come, some at a time */

        for (i = 0;
             i < count && npending < PENDING && nlisten + npending < count;
             i++)
        {
            next = (next + 1) % count;

            if (person[next].fd < 0 && person[next].back <= now()) {
                come(&person[next]);
            }
        }

        n = epoll_wait(epfd, events, 1024, 2);

        for (i = 0; i < n; i++) {
            hear(events[i].data.ptr);
        }

        if (!said && nlisten == count) {
            printf("open %d\n", count);
            fflush(stdout);
            said = 1;
        }

        if (asked) {
            answer();
        }

        if (poll(&in, 1, 0) > 0) {
            told();
        }
    }
}
