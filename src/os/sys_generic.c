/* The system calls of a system that has poll(2) and nothing better.
 *
 * SPDX-License-Identifier: MIT */
#include "os/sys.h"

#include <unistd.h>

void sys_name_thread(const char *name)
{
    (void)name;
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
};
