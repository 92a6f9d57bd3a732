/* The pointer to the table of system calls, and the members of it that POSIX alone can provide.
 *
 * SPDX-License-Identifier: MIT */
#include "os/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

const struct sys_table *sys = &sys_real;

int sys_is_open(int fd)
{
    return fcntl(fd, F_GETFD);
}

static int set_flags(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -1;
    return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int sys_pipe(int fds[2])
{
    if (pipe(fds) < 0)
        return -1;
    if (set_flags(fds[0]) == 0 && set_flags(fds[1]) == 0)
        return 0;

    int err = errno;
    (void)close(fds[0]);
    (void)close(fds[1]);
    errno = err;
    return -1;
}

int sys_no_timer_slack(uint64_t ns)
{
    (void)ns;
    return 0;
}

/* In the table a function with an ellipsis will not do. */
int sys_open_at(int dir, const char *path, int flags, mode_t mode)
{
    return openat(dir, path, flags, mode);
}

ssize_t sys_no_copy_range(int from, int to, size_t size)
{
    (void)from;
    (void)to;
    (void)size;
    errno = ENOSYS;
    return -1;
}
