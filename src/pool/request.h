/* A call for a file, on its way to a worker.
 *
 * Invariant: a request is a value (value.h). It belongs to the loop's thread until it is submitted,
 * then to its job, and is freed by whoever ends that.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_REQUEST_H
#define GYRE_REQUEST_H

#include "gyre/file.h"
#include "pool/value.h"

#include <sys/types.h>

struct file_request {
    /* On the worker: 0, with the value given to gyre_job_return, or a negative errno. */
    int (*run)(struct gyre_job *job, struct file_request *r);

    /* It has been accepted and will never run. May be NULL. */
    void (*lost)(struct file_request *r);

    const char *path; /* copied; as `to` */
    const char *to;
    int fd;
    int flags;
    mode_t mode;
    void *buf;
    const void *data;
    size_t size;
    off_t offset; /* NO_OFFSET: none */
    struct gyre_dir *dir;
};

/* Have a copy of `model` run on a worker. A future that has failed already when this returns is a
 * refusal. */
struct gyre_future *file_submit(struct gyre_loop *loop, struct gyre_pool *pool, unsigned flags,
                                struct file_request *model);

/* A future that has failed with `err`, or is cancelled by its scope. */
struct gyre_future *file_refuse(struct gyre_loop *loop, int err);

/* The same for a call that may own something: one that is cancelled counts as accepted, so that is
 * lost. */
struct gyre_future *file_refuse_request(struct gyre_loop *loop, int err,
                                        struct file_request *model);

static inline bool file_was_refused(const struct gyre_future *f)
{
    return gyre_future_state(f) == GYRE_FUTURE_ERR;
}

#endif
