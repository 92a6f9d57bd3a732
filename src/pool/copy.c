/* Copying files.
 *
 * SPDX-License-Identifier: MIT */
#include "os/sys.h"
#include "pool/draft.h"
#include "pool/fd.h"
#include "pool/request.h"

#include <errno.h>
#include <fcntl.h>

enum {
    RANGE_STEP = 4 << 20,    /* inside the kernel: between two looks for a cancellation */
    COPY_BUFFER = 128 << 10, /* through memory */
};

struct copy {
    struct gyre_job *job;
    int from;
    int to;
    uint64_t done;
};

/* Copy inside the kernel as long as it does. It stops at the end of the file, but also at the begin of
 * one whose size the system does not know, and at whatever it cannot do: see copy_by_memory. */
static void copy_by_kernel(struct copy *c)
{
    while (!gyre_job_cancelled(c->job)) {
        ssize_t n = sys->copy_range(c->from, c->to, RANGE_STEP);

        if (n <= 0 && (n == 0 || errno != EINTR))
            return;
        c->done += n > 0 ? (uint64_t)n : 0;
    }
}

/* Copy what is left. If the kernel gave up for a reason that matters, it will be met here again. */
static int copy_by_memory(struct copy *c, char *buffer)
{
    while (!gyre_job_cancelled(c->job)) {
        size_t written;
        ssize_t n = fd_read(c->from, buffer, COPY_BUFFER, NO_OFFSET);

        if (n <= 0)
            return (int)n;
        int err = fd_write_all(c->to, buffer, (size_t)n, NO_OFFSET, &written);
        if (err < 0)
            return err;
        c->done += written;
    }
    return -ECANCELED;
}

static int check_source(const struct stat *st)
{
    if (S_ISREG(st->st_mode))
        return 0;
    return S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL;
}

/* Open the source, if it is one that can be copied, and tell its mode. What is no file is not opened,
 * which can have effects; should it take the place of one in between, it is not waited for. */
static int open_source(const char *path, mode_t *mode)
{
    struct stat st;
    int err = fd_stat_at(AT_FDCWD, path, &st, 0);

    if (err == 0)
        err = check_source(&st);
    if (err < 0)
        return err;
    int fd = fd_open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    err = fd_stat(fd, &st);
    if (err == 0)
        err = check_source(&st);
    if (err < 0)
        (void)fd_close(fd);
    else
        *mode = st.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
    return err < 0 ? err : fd;
}

/* Copy from an open file into a draft, and end that. */
static int copy_into(struct gyre_job *job, const struct file_request *r, int from,
                     struct draft *draft)
{
    struct copy c = { .job = job, .from = from, .to = draft->fd };
    char *buffer = value_make(value_allocator(r), COPY_BUFFER);
    bool is_there;

    int err = buffer ? 0 : -ENOMEM;
    if (err == 0) {
        copy_by_kernel(&c);
        err = copy_by_memory(&c, buffer);
    }
    gyre_file_free(buffer);
    if (err < 0) {
        draft_discard(draft);
        return err;
    }
    err = draft_commit(draft, r->flags & GYRE_COPY_SYNC, &is_there);
    gyre_job_return(job, (void *)(uintptr_t)(err < 0 ? is_there : c.done), NULL);
    return err;
}

static int run_copy(struct gyre_job *job, struct file_request *r)
{
    mode_t mode = 0;
    struct draft draft;
    int from = open_source(r->path, &mode);

    if (from < 0)
        return from;
    /* The path is our own copy. */
    int err = draft_begin(&draft, (char *)(uintptr_t)r->to, mode, r->flags & GYRE_COPY_NEW);
    if (err == 0)
        err = copy_into(job, r, from, &draft);
    (void)fd_close(from);
    return err;
}

struct gyre_future *gyre_file_copy(struct gyre_loop *loop, struct gyre_pool *pool, const char *from,
                                   const char *to, unsigned flags)
{
    struct file_request model = { .run = run_copy, .path = from, .to = to, .flags = (int)flags };

    if (!from || !to || flags & ~(unsigned)(GYRE_COPY_NEW | GYRE_COPY_SYNC))
        return file_refuse(loop, -EINVAL);
    return file_submit(loop, pool, 0, &model);
}
