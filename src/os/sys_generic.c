/* The system calls of a system that has poll(2) and nothing better.
 *
 * SPDX-License-Identifier: MIT */
#include "os/sys.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

void sys_name_thread(const char *name)
{
    (void)name;
}

/* POSIX has no member for it. */
static mode_t generic_entry_type(const struct dirent *entry)
{
    (void)entry;
    return 0;
}

const struct sys_table sys_real = {
    SYS_POSIX_MEMBERS,
    .wake_pair = sys_pipe,
    .timer_slack = sys_no_timer_slack,
    .copy_range = sys_no_copy_range,
    .sync = fsync,
    .entry_type = generic_entry_type,
};
