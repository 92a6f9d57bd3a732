/* Calls for files as jobs.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/request.h"

#include "base/memory.h"
#include "pool/core.h"

#include <string.h>

static int run_request(struct gyre_job *job, void *arg)
{
    struct file_request *r = arg;
    int err = r->run(job, r);

    value_free(r);
    return err;
}

static void lose_request(void *arg)
{
    struct file_request *r = arg;

    if (r->lost)
        r->lost(r);
    value_free(r);
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static struct file_request *copy_request(const struct gyre_allocator *allocator,
                                         const struct file_request *model)
{
    size_t path_size = text_size(model->path);
    size_t to_size = text_size(model->to);
    struct file_request *r = value_make(allocator, sizeof(*r) + path_size + to_size);

    if (!r)
        return NULL;
    *r = *model;
    if (path_size > 0)
        r->path = memcpy(r + 1, model->path, path_size);
    if (to_size > 0)
        r->to = memcpy((char *)(r + 1) + path_size, model->to, to_size);
    return r;
}

struct gyre_future *file_refuse(struct gyre_loop *loop, int err)
{
    struct gyre_future *f = gyre_future_create(loop);

    (void)gyre_future_fail(f, err);
    return f;
}

struct gyre_future *file_refuse_request(struct gyre_loop *loop, int err, struct file_request *model)
{
    struct gyre_future *f = file_refuse(loop, err);

    if (!file_was_refused(f) && model->lost)
        model->lost(model);
    return f;
}

struct gyre_future *file_submit(struct gyre_loop *loop, struct gyre_pool *pool, unsigned flags,
                                struct file_request *model)
{
    struct file_request *r = copy_request(pool ? &pool->allocator : &memory_default, model);

    if (!r)
        return file_refuse_request(loop, -ENOMEM, model);
    struct gyre_future *f = gyre_offload(loop, pool, flags, run_request, lose_request, r);
    if (file_was_refused(f))
        value_free(r);
    return f;
}
