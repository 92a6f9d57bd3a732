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
    .file_read = read,
    .file_write = write,
    .pread = pread,
    .pwrite = pwrite,
    .copy_range = sys_no_copy_range,
    .open_at = sys_open_at,
    .file_close = close,
    .sync = fsync,
    .fstat = fstat,
    .stat_at = fstatat,
    .rename_at = renameat,
    .unlink_at = unlinkat,
    .mkdir_at = mkdirat,
    .open_dir = fdopendir,
    .read_dir = readdir,
    .close_dir = closedir,
    .entry_type = generic_entry_type,
};
