/* See fd.h.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/fd.h"

#include "os/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>

/* Whether a call with this result was interrupted. */
static bool was_interrupted(ssize_t result)
{
    return result < 0 && errno == EINTR;
}

static int or_errno(int result)
{
    return result < 0 ? -errno : result;
}

/* ---- descriptors */

int fd_open_at(int dir, const char *path, int flags, mode_t mode)
{
    int fd;

    do
        fd = sys->open_at(dir, path, flags | O_CLOEXEC, mode);
    while (was_interrupted(fd));
    return or_errno(fd);
}

int fd_close(int fd)
{
    int result = sys->file_close(fd);

    /* Interrupted, it is closed nevertheless, and the number may be another file's by now. */
    return was_interrupted(result) ? 0 : or_errno(result);
}

int fd_sync(int fd)
{
    int result;

    do
        result = sys->sync(fd);
    while (was_interrupted(result));
    return or_errno(result);
}

int fd_stat(int fd, struct stat *st)
{
    int result;

    do
        result = sys->fstat(fd, st);
    while (was_interrupted(result));
    return or_errno(result);
}

/* ---- transfers */

static size_t at_most(size_t size)
{
    return size < TRANSFER_LIMIT ? size : TRANSFER_LIMIT;
}

ssize_t fd_read(int fd, void *buf, size_t size, off_t offset)
{
    ssize_t n;

    do
        n = offset == NO_OFFSET ? sys->file_read(fd, buf, at_most(size))
                                : sys->pread(fd, buf, at_most(size), offset);
    while (was_interrupted(n));
    return n < 0 ? -errno : n;
}

static ssize_t write_some(int fd, const void *buf, size_t size, off_t offset)
{
    ssize_t n;

    do
        n = offset == NO_OFFSET ? sys->file_write(fd, buf, at_most(size))
                                : sys->pwrite(fd, buf, at_most(size), offset);
    while (was_interrupted(n));
    if (n == 0 && size > 0)
        return -EIO; /* a file that takes nothing would take it for ever */
    return n < 0 ? -errno : n;
}

int fd_write_all(int fd, const void *buf, size_t size, off_t offset, size_t *done)
{
    *done = 0;
    do {
        ssize_t n = write_some(fd, memory_behind(buf, *done), size - *done,
                               offset == NO_OFFSET ? offset : offset + (off_t)*done);
        if (n < 0)
            return (int)n;
        *done += (size_t)n;
    } while (*done < size);
    return 0;
}

/* ---- names */

int fd_stat_at(int dir, const char *path, struct stat *st, int flags)
{
    int result;

    do
        result = sys->stat_at(dir, path, st, flags);
    while (was_interrupted(result));
    return or_errno(result);
}

int fd_rename_at(int from_dir, const char *from, int to_dir, const char *to)
{
    int result;

    do
        result = sys->rename_at(from_dir, from, to_dir, to);
    while (was_interrupted(result));
    return or_errno(result);
}

int fd_unlink_at(int dir, const char *path, int flags)
{
    int result;

    do
        result = sys->unlink_at(dir, path, flags);
    while (was_interrupted(result));
    return or_errno(result);
}

int fd_mkdir_at(int dir, const char *path, mode_t mode)
{
    int result;

    do
        result = sys->mkdir_at(dir, path, mode);
    while (was_interrupted(result));
    return or_errno(result);
}
