/* Whole files: read into memory, replaced by memory.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/draft.h"
#include "pool/fd.h"
#include "pool/request.h"

#include <errno.h>
#include <fcntl.h>

enum {
    FIRST_CAPACITY = 4096, /* where the size is not known before */
    WRITE_STEP = 4 << 20,  /* so many bytes between two looks for a cancellation */
};

/* ---- gyre_file_read_all */

/* The value under construction; there is room for one byte behind `capacity`. */
struct contents {
    struct gyre_buffer is;
    char bytes[];
};

/* Make room for `capacity` bytes; 0 or -ENOMEM. */
static int reserve_contents(struct contents **contents, const struct gyre_allocator *allocator,
                            size_t capacity)
{
    size_t size = sizeof(struct contents) + capacity + 1;
    struct contents *grown = NULL;

    if (size > capacity)
        grown = *contents ? value_resize(*contents, size) : value_make(allocator, size);
    if (!grown)
        return -ENOMEM;
    *contents = grown;
    return 0;
}

/* How much room to begin with: so much that a file of known size is read at once, and its end is
 * seen. */
static int first_capacity(int fd, size_t limit, size_t *capacity)
{
    struct stat st;

    int err = fd_stat(fd, &st);
    if (err < 0)
        return err;
    bool is_known = S_ISREG(st.st_mode) && st.st_size > 0;
    if (is_known && (uintmax_t)st.st_size > limit)
        return -EFBIG;
    *capacity = is_known ? (size_t)st.st_size : FIRST_CAPACITY;
    return 0;
}

/* Read to the end: the number of bytes in `size`. One more than `limit` is too many. */
static int read_to_end(struct gyre_job *job, const struct file_request *r, int fd, size_t capacity,
                       struct contents **contents, size_t *size)
{
    int err = reserve_contents(contents, value_allocator(r), capacity);

    *size = 0;
    while (err == 0) {
        if (gyre_job_cancelled(job))
            return -ECANCELED;
        ssize_t n = fd_read(fd, (*contents)->bytes + *size, capacity + 1 - *size, NO_OFFSET);
        if (n <= 0)
            return (int)n;
        *size += (size_t)n;
        if (*size > r->size)
            return -EFBIG;
        if (*size <= capacity)
            continue;
        capacity = capacity < SIZE_MAX / 4 ? capacity * 2 : SIZE_MAX;
        err = reserve_contents(contents, value_allocator(r), capacity);
    }
    return err;
}

static int run_read_all(struct gyre_job *job, struct file_request *r)
{
    struct contents *contents = NULL;
    size_t size = 0;
    size_t capacity = 0;
    int fd = fd_open_at(AT_FDCWD, r->path, O_RDONLY, 0);

    if (fd < 0)
        return fd;
    int err = first_capacity(fd, r->size, &capacity);
    if (err == 0)
        err = read_to_end(job, r, fd, capacity, &contents, &size);
    (void)fd_close(fd);
    if (err < 0) {
        gyre_file_free(contents);
        return err;
    }
    contents->bytes[size] = '\0';
    contents->is = (struct gyre_buffer){ .size = size, .data = contents->bytes };
    gyre_job_return(job, &contents->is, gyre_file_free);
    return 0;
}

struct gyre_future *gyre_file_read_all(struct gyre_loop *loop, struct gyre_pool *pool,
                                       const char *path, size_t limit)
{
    struct file_request model = { .run = run_read_all, .path = path, .size = limit };

    return path ? file_submit(loop, pool, 0, &model) : file_refuse(loop, -EINVAL);
}

/* ---- gyre_file_write_atomic */

static int write_draft(struct gyre_job *job, const struct file_request *r, int fd)
{
    for (size_t sum = 0; sum < r->size;) {
        size_t left = r->size - sum;
        size_t done;

        if (gyre_job_cancelled(job))
            return -ECANCELED;
        int err = fd_write_all(fd, (const char *)r->data + sum,
                               left < WRITE_STEP ? left : WRITE_STEP, NO_OFFSET, &done);
        if (err < 0)
            return err;
        sum += done;
    }
    return gyre_job_cancelled(job) ? -ECANCELED : 0;
}

static int run_write_atomic(struct gyre_job *job, struct file_request *r)
{
    struct draft draft;
    bool is_there;
    int err = draft_begin(&draft, (char *)(uintptr_t)r->path, r->mode, false); /* our own copy */

    if (err < 0)
        return err;
    err = write_draft(job, r, draft.fd);
    if (err < 0) {
        draft_discard(&draft);
        return err;
    }
    err = draft_commit(&draft, true, &is_there);
    gyre_job_return(job, (void *)(uintptr_t)is_there, NULL);
    return err;
}

struct gyre_future *gyre_file_write_atomic(struct gyre_loop *loop, struct gyre_pool *pool,
                                           const char *path, const void *data, size_t size,
                                           unsigned mode)
{
    struct file_request model = {
        .run = run_write_atomic, .path = path, .data = data, .size = size, .mode = (mode_t)mode
    };

    if (!path || (!data && size > 0))
        return file_refuse(loop, -EINVAL);
    return file_submit(loop, pool, GYRE_JOB_BORROWS, &model);
}
