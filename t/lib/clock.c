/*
 * To be preloaded: the time of day, of this process and its children, is moved
 * by as many seconds as stand in the file that CLOCK_FILE names, from the
 * moment they stand there.  The monotonic clock goes on, as it does when
 * somebody sets a real clock.
 */


#define _GNU_SOURCE

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


static volatile int64_t  *moved;


__attribute__((constructor)) static void
clock_open(void)
{
    int          fd;
    void        *p;
    const char  *file = getenv("CLOCK_FILE");

    fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);

    if (p != MAP_FAILED) {
        moved = p;
    }
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc = syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && moved && (id == CLOCK_REALTIME
                             || id == CLOCK_REALTIME_COARSE))
    {
        ts->tv_sec += *moved;
    }

    return rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec  ts;

    (void) zone;

    if (clock_gettime(CLOCK_REALTIME, &ts) != 0) {
        return -1;
    }

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *t)
{
    struct timespec  ts;

    if (clock_gettime(CLOCK_REALTIME, &ts) != 0) {
        return (time_t) -1;
    }

    if (t) {
        *t = ts.tv_sec;
    }

    return ts.tv_sec;
}
