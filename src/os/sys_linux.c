/* The system calls of Linux.
 *
 * epoll_pwait2 is called by number: glibc before 2.35 and musl do not know it. The kernel's own
 * layout of a timespec has 64-bit members on every machine, unlike the C library's.
 *
 * SPDX-License-Identifier: MIT */
#include "os/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441 /* the same on every architecture */
#endif

struct kernel_timespec {
    int64_t tv_sec;
    int64_t tv_nsec;
};

/* An eventfd; a pipe where a sandbox forbids it. */
static int linux_wake_pair(int fds[2])
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd >= 0) {
        fds[0] = fds[1] = fd;
        return 0;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
        return -1;
    return pipe2(fds, O_CLOEXEC | O_NONBLOCK);
}

static int linux_timer_slack(uint64_t ns)
{
    return prctl(PR_SET_TIMERSLACK, (unsigned long)ns, 0, 0, 0);
}

static int linux_epoll_create(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

static int linux_epoll_pwait2(int epfd, struct epoll_event *events, int max, uint64_t timeout_ns)
{
    struct kernel_timespec ts = {
        .tv_sec = (int64_t)(timeout_ns / 1000000000u),
        .tv_nsec = (int64_t)(timeout_ns % 1000000000u),
    };

    return (int)syscall(SYS_epoll_pwait2, epfd, events, max, &ts, NULL, (size_t)0);
}

static int linux_timerfd_create(void)
{
    return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

static int linux_timerfd_settime(int fd, uint64_t delay_ns)
{
    struct itimerspec its = {
        .it_value.tv_sec = (time_t)(delay_ns / 1000000000u),
        .it_value.tv_nsec = (long)(delay_ns % 1000000000u),
    };

    return timerfd_settime(fd, 0, &its, NULL);
}

/* By number as well: older C libraries do not have it. */
static ssize_t linux_copy_range(int from, int to, size_t size)
{
#ifdef SYS_copy_file_range
    return syscall(SYS_copy_file_range, from, NULL, to, NULL, size, 0u);
#else
    return sys_no_copy_range(from, to, size);
#endif
}

static mode_t linux_entry_type(const struct dirent *entry)
{
    return (mode_t)DTTOIF(entry->d_type);
}

void sys_name_thread(const char *name)
{
    (void)pthread_setname_np(pthread_self(), name);
}

const struct sys_table sys_real = {
    SYS_POSIX_MEMBERS,
    .wake_pair = linux_wake_pair,
    .timer_slack = linux_timer_slack,
    .copy_range = linux_copy_range,
    .sync = fsync,
    .entry_type = linux_entry_type,
    .epoll_create = linux_epoll_create,
    .epoll_ctl = epoll_ctl,
    .epoll_wait = epoll_wait,
    .epoll_pwait2 = linux_epoll_pwait2,
    .timerfd_create = linux_timerfd_create,
    .timerfd_settime = linux_timerfd_settime,
};
