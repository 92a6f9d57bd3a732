/* Descriptors and names of files.
 *
 * SPDX-License-Identifier: MIT */
#include "gyre/file.h"

#include "pool/fd.h"
#include "pool/request.h"

#include <errno.h>
#include <fcntl.h>

/* ---- open and close */

static void close_dropped(void *value)
{
    (void)fd_close((int)(intptr_t)value);
}

static int run_open(struct gyre_job *job, struct file_request *r)
{
    int fd = fd_open_at(AT_FDCWD, r->path, r->flags, r->mode);

    if (fd < 0)
        return fd;
    gyre_job_return(job, (void *)(intptr_t)fd, close_dropped);
    return 0;
}

struct gyre_future *gyre_file_open(struct gyre_loop *loop, struct gyre_pool *pool, const char *path,
                                   int flags, unsigned mode)
{
    struct file_request model = {
        .run = run_open,
        .path = path,
        .flags = flags,
        .mode = (mode_t)mode,
    };

    return path ? file_submit(loop, pool, 0, &model) : file_refuse(loop, -EINVAL);
}

static int run_close(struct gyre_job *job, struct file_request *r)
{
    (void)job;
    return fd_close(r->fd);
}

static void close_lost(struct file_request *r)
{
    (void)fd_close(r->fd);
}

struct gyre_future *gyre_file_close(struct gyre_loop *loop, struct gyre_pool *pool, int fd)
{
    struct file_request model = { .run = run_close, .lost = close_lost, .fd = fd };

    return file_submit(loop, pool, 0, &model);
}

/* ---- read and write */

/* An offset behind which `size` bytes can be counted as the system does, or NO_OFFSET. */
static off_t checked_offset(uint64_t offset, size_t size)
{
    off_t end = (off_t)(offset + size);
    bool is_fine = size <= UINT64_MAX - offset && end >= 0 && (uint64_t)end == offset + size;

    return is_fine ? (off_t)offset : NO_OFFSET;
}

/* Submit a transfer between a file and the caller's memory. */
static struct gyre_future *submit_transfer(struct gyre_loop *loop, struct gyre_pool *pool,
                                           struct file_request *model)
{
    bool has_memory = model->buf || model->data || model->size == 0;

    if (!has_memory || model->size > INTPTR_MAX)
        return file_refuse(loop, -EINVAL);
    return file_submit(loop, pool, GYRE_JOB_BORROWS, model);
}

static int run_read(struct gyre_job *job, struct file_request *r)
{
    size_t done = 0;
    ssize_t n;

    do {
        n = fd_read(r->fd, memory_behind(r->buf, done), r->size - done,
                    r->offset == NO_OFFSET ? NO_OFFSET : r->offset + (off_t)done);
        done += n > 0 ? (size_t)n : 0;
    } while (n > 0 && done < r->size && !gyre_job_cancelled(job));
    if (n < 0 && done == 0)
        return (int)n;
    gyre_job_return(job, (void *)done, NULL);
    return 0;
}

struct gyre_future *gyre_file_read(struct gyre_loop *loop, struct gyre_pool *pool, int fd,
                                   void *buf, size_t size)
{
    struct file_request model = {
        .run = run_read, .fd = fd, .buf = buf, .size = size, .offset = NO_OFFSET
    };

    return submit_transfer(loop, pool, &model);
}

struct gyre_future *gyre_file_pread(struct gyre_loop *loop, struct gyre_pool *pool, int fd,
                                    void *buf, size_t size, uint64_t offset)
{
    struct file_request model = {
        .run = run_read, .fd = fd, .buf = buf, .size = size, .offset = checked_offset(offset, size)
    };

    if (model.offset == NO_OFFSET)
        return file_refuse(loop, -EINVAL);
    return submit_transfer(loop, pool, &model);
}

static int run_write(struct gyre_job *job, struct file_request *r)
{
    size_t done;
    int err = fd_write_all(r->fd, r->data, r->size, r->offset, &done);

    gyre_job_return(job, (void *)done, NULL);
    return err;
}

struct gyre_future *gyre_file_write(struct gyre_loop *loop, struct gyre_pool *pool, int fd,
                                    const void *buf, size_t size)
{
    struct file_request model = {
        .run = run_write, .fd = fd, .data = buf, .size = size, .offset = NO_OFFSET
    };

    return submit_transfer(loop, pool, &model);
}

struct gyre_future *gyre_file_pwrite(struct gyre_loop *loop, struct gyre_pool *pool, int fd,
                                     const void *buf, size_t size, uint64_t offset)
{
    struct file_request model = { .run = run_write,
                                  .fd = fd,
                                  .data = buf,
                                  .size = size,
                                  .offset = checked_offset(offset, size) };

    if (model.offset == NO_OFFSET)
        return file_refuse(loop, -EINVAL);
    return submit_transfer(loop, pool, &model);
}

static int run_sync(struct gyre_job *job, struct file_request *r)
{
    (void)job;
    return fd_sync(r->fd);
}

struct gyre_future *gyre_file_sync(struct gyre_loop *loop, struct gyre_pool *pool, int fd)
{
    struct file_request model = { .run = run_sync, .fd = fd };

    return file_submit(loop, pool, 0, &model);
}

/* ---- stat */

static int run_stat(struct gyre_job *job, struct file_request *r)
{
    struct stat *st = value_make(value_allocator(r), sizeof(*st));

    if (!st)
        return -ENOMEM;
    int err = r->path ? fd_stat_at(AT_FDCWD, r->path, st, 0) : fd_stat(r->fd, st);
    if (err < 0)
        gyre_file_free(st);
    else
        gyre_job_return(job, st, gyre_file_free);
    return err;
}

struct gyre_future *gyre_file_stat(struct gyre_loop *loop, struct gyre_pool *pool, const char *path)
{
    struct file_request model = { .run = run_stat, .path = path };

    return path ? file_submit(loop, pool, 0, &model) : file_refuse(loop, -EINVAL);
}

struct gyre_future *gyre_file_fstat(struct gyre_loop *loop, struct gyre_pool *pool, int fd)
{
    struct file_request model = { .run = run_stat, .fd = fd };

    return file_submit(loop, pool, 0, &model);
}

/* ---- names */

static int run_rename(struct gyre_job *job, struct file_request *r)
{
    (void)job;
    return fd_rename_at(AT_FDCWD, r->path, AT_FDCWD, r->to);
}

struct gyre_future *gyre_file_rename(struct gyre_loop *loop, struct gyre_pool *pool,
                                     const char *from, const char *to)
{
    struct file_request model = { .run = run_rename, .path = from, .to = to };

    return from && to ? file_submit(loop, pool, 0, &model) : file_refuse(loop, -EINVAL);
}

static int run_unlink(struct gyre_job *job, struct file_request *r)
{
    (void)job;
    return fd_unlink_at(AT_FDCWD, r->path, r->flags);
}

static struct gyre_future *submit_unlink(struct gyre_loop *loop, struct gyre_pool *pool,
                                         const char *path, int flags)
{
    struct file_request model = { .run = run_unlink, .path = path, .flags = flags };

    return path ? file_submit(loop, pool, 0, &model) : file_refuse(loop, -EINVAL);
}

struct gyre_future *gyre_file_unlink(struct gyre_loop *loop, struct gyre_pool *pool,
                                     const char *path)
{
    return submit_unlink(loop, pool, path, 0);
}

struct gyre_future *gyre_file_rmdir(struct gyre_loop *loop, struct gyre_pool *pool,
                                    const char *path)
{
    return submit_unlink(loop, pool, path, AT_REMOVEDIR);
}

static int run_mkdir(struct gyre_job *job, struct file_request *r)
{
    (void)job;
    return fd_mkdir_at(AT_FDCWD, r->path, r->mode);
}

struct gyre_future *gyre_file_mkdir(struct gyre_loop *loop, struct gyre_pool *pool,
                                    const char *path, unsigned mode)
{
    struct file_request model = { .run = run_mkdir, .path = path, .mode = (mode_t)mode };

    return path ? file_submit(loop, pool, 0, &model) : file_refuse(loop, -EINVAL);
}

/* ---- values */

void gyre_file_free(void *value)
{
    value_free(value);
}
