/* The system calls of FreeBSD, NetBSD, OpenBSD, DragonFly and macOS.
 *
 * SPDX-License-Identifier: MIT */
#include "os/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/event.h>
#include <unistd.h>

static int bsd_kqueue(void)
{
    int fd = kqueue();

    if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
        return fd;

    int err = errno;
    (void)close(fd);
    errno = err;
    return -1;
}

/* NetBSD counts events in size_t, the others in int. */
static int bsd_kevent(int kq, const struct kevent *changes, int change_count, struct kevent *events,
                      int event_count, const struct timespec *timeout)
{
#ifdef __NetBSD__
    return kevent(kq, changes, (size_t)change_count, events, (size_t)event_count, timeout);
#else
    return kevent(kq, changes, change_count, events, event_count, timeout);
#endif
}

void sys_name_thread(const char *name)
{
#if defined(__APPLE__)
    (void)pthread_setname_np(name);
#elif defined(__NetBSD__)
    (void)pthread_setname_np(pthread_self(), "%s", (void *)(uintptr_t)name);
#else
    (void)name;
#endif
}

const struct sys_table sys_real = {
    .read = read,
    .write = write,
    .close = close,
    .is_open = sys_is_open,
    .wake_pair = sys_pipe,
    .poll = poll,
    .sigaction = sigaction,
    .clock_gettime = clock_gettime,
    .timer_slack = sys_no_timer_slack,
    .thread_create = pthread_create,
    .getaddrinfo = getaddrinfo,
    .freeaddrinfo = freeaddrinfo,
    .getnameinfo = getnameinfo,
    .kqueue = bsd_kqueue,
    .kevent = bsd_kevent,
};
