/* System calls for files: negative errno, begun again when a signal has interrupted them, and in
 * pieces that every system takes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_FD_H
#define GYRE_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum {
    NO_OFFSET = -1,           /* where the file stands */
    TRANSFER_LIMIT = 1 << 30, /* macOS refuses more than INT_MAX */
};

/* Close-on-exec. */
int fd_open_at(int dir, const char *path, int flags, mode_t mode);

/* Close it; it is closed also on failure. */
int fd_close(int fd);

/* Where to go on in memory after `done` bytes. Nothing may be read or written at NULL, but no bytes
 * further than NULL is no place at all. */
static inline void *memory_behind(const void *memory, size_t done)
{
    return done > 0 ? (char *)(uintptr_t)memory + done : (void *)(uintptr_t)memory;
}

int fd_sync(int fd);
int fd_stat(int fd, struct stat *st);

/* One transfer. */
ssize_t fd_read(int fd, void *buf, size_t size, off_t offset);

/* All of it; `done` receives how much that was, also on failure. */
int fd_write_all(int fd, const void *buf, size_t size, off_t offset, size_t *done);

/* ---- names, as the system calls */

int fd_stat_at(int dir, const char *path, struct stat *st, int flags);
int fd_rename_at(int from_dir, const char *from, int to_dir, const char *to);
int fd_unlink_at(int dir, const char *path, int flags);
int fd_mkdir_at(int dir, const char *path, mode_t mode);

#endif
