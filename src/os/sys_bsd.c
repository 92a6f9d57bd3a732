/* The system calls of FreeBSD, NetBSD, OpenBSD, DragonFly and macOS.
 *
 * SPDX-License-Identifier: MIT */
#include "os/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/event.h>
#include <unistd.h>
#ifdef __FreeBSD__
#include <sys/param.h>
#endif

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

static ssize_t bsd_copy_range(int from, int to, size_t size)
{
#if defined(__FreeBSD__) && __FreeBSD_version >= 1300000
    return copy_file_range(from, NULL, to, NULL, size, 0);
#else
    return sys_no_copy_range(from, to, size);
#endif
}

/* macOS: fsync leaves it in the drive's cache. Not every file system there can do better. */
static int bsd_sync(int fd)
{
#ifdef F_FULLFSYNC
    if (fcntl(fd, F_FULLFSYNC) == 0)
        return 0;
#endif
    return fsync(fd);
}

static mode_t bsd_entry_type(const struct dirent *entry)
{
    return (mode_t)DTTOIF(entry->d_type);
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
    SYS_POSIX_MEMBERS,
    .wake_pair = sys_pipe,
    .timer_slack = sys_no_timer_slack,
    .copy_range = bsd_copy_range,
    .sync = bsd_sync,
    .entry_type = bsd_entry_type,
    .kqueue = bsd_kqueue,
    .kevent = bsd_kevent,
};
