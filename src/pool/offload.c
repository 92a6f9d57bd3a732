/* gyre_offload: jobs as futures.
 *
 * A job is a block of the pool's allocator. It belongs to the loop's thread before it is submitted
 * and after it has come home, to the worker in between; only `future` is always the loop's. The one
 * who frees it is whoever sees it last: the loop's thread, or the worker if the loop is closed.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "pool/core.h"

struct gyre_job {
    struct gyre_work work;
    struct gyre_future *future; /* NULL: nobody waits for it any more */
    struct gyre_allocator allocator;
    bool is_abandoned; /* guarded by the pool's lock */
    unsigned flags;
    gyre_job_fn *fn;
    gyre_drop_fn *drop;
    void *arg;
    int result;
    void *value;
    gyre_drop_fn *value_drop;
};

static struct gyre_job *job_of(struct gyre_work *work)
{
    return container_of(work, struct gyre_job, work);
}

bool job_borrows(const struct gyre_work *work)
{
    return container_of((uintptr_t)work, struct gyre_job, work)->flags & GYRE_JOB_BORROWS;
}

/* ---- on the worker */

static void run_job(struct gyre_work *work, void *arg)
{
    struct gyre_job *job = arg;

    (void)work;
    job->result = job->fn(job, job->arg);
}

void gyre_job_return(struct gyre_job *job, void *value, gyre_drop_fn *drop)
{
    if (job->value_drop)
        job->value_drop(job->value);
    job->value = value;
    job->value_drop = drop;
}

bool gyre_job_cancelled(const struct gyre_job *job)
{
    return gyre_work_cancelled(&job->work);
}

int gyre_job_post(struct gyre_job *job, gyre_fn *fn, gyre_drop_fn *drop, void *arg)
{
    struct gyre_pool_user *user = job->work.user;

    if (!fn)
        return -EINVAL;
    /* Under the lock the loop cannot go away. */
    pool_lock(user->pool);
    bool is_heard = user->loop && !job->is_abandoned;
    int err = is_heard ? gyre_call_soon_threadsafe(user->loop, fn, drop, arg) : -ESHUTDOWN;
    pool_unlock(user->pool);
    return err;
}

/* ---- the end */

static void free_job(struct gyre_job *job)
{
    struct gyre_allocator allocator = job->allocator;

    memory_free(&allocator, job, sizeof(*job));
}

/* Whether fn has run, so that `arg` is no longer there to be dropped, or runs in another process. */
static bool has_begun(const struct gyre_job *job)
{
    switch (work_state_of(&job->work)) {
    case WORK_IDLE:
    case WORK_QUEUED:
    case WORK_QUEUED_LOW:
    case WORK_WAITING:
    case WORK_HELD:
        return false;
    case WORK_RUNNING:
        return true;
    case WORK_ENDED:
        return job->work.status == 0;
    }
    return false;
}

/* What nobody has taken. */
static void drop_rest(struct gyre_job *job)
{
    if (!has_begun(job) && job->drop)
        job->drop(job->arg);
    if (job->value_drop)
        job->value_drop(job->value);
}

void job_lost(struct gyre_work *work)
{
    drop_rest(job_of(work));
    free_job(job_of(work));
}

static void settle_job(struct gyre_job *job, int status)
{
    struct gyre_future *f = job->future;

    bool was_told = status == -ECANCELED || gyre_job_cancelled(job);

    if (status == 0)
        status = job->result;
    if (status == -ECANCELED && was_told) { /* by its pool, if not by us */
        job->flags &= ~(unsigned)GYRE_JOB_ABANDON;
        (void)gyre_future_cancel(f);
    }
    if (status == -ECANCELED && gyre_future_is_cancelling(f)) {
        gyre_future_abandon(f);
        return;
    }
    gyre_drop_fn *drop = job->value_drop;
    job->value_drop = NULL;
    if (status < 0)
        (void)gyre_future_fail_with(f, status, NULL, job->value, drop);
    else
        (void)gyre_future_resolve(f, job->value, drop);
}

void job_done(struct gyre_work *work, int status, void *arg)
{
    struct gyre_job *job = arg;

    (void)work;
    if (job->future)
        settle_job(job, status);
    drop_rest(job);
    free_job(job);
}

static void abandon_job(struct gyre_job *job)
{
    struct gyre_pool *pool = job->work.user->pool;

    job->future = NULL;
    work_abandon(&job->work);
    if (work_is_lost(&job->work))
        return;
    pool_lock(pool);
    job->is_abandoned = true;
    pool_unlock(pool);
}

static int cancel_job(struct gyre_future *f, void *op)
{
    struct gyre_job *job = op;

    (void)f;
    if (work_withdraw(&job->work)) {
        job->future = NULL; /* what is left is to be freed in the next tick */
        return 0;
    }
    if (!(job->flags & GYRE_JOB_ABANDON))
        return -EINPROGRESS;
    abandon_job(job);
    return 0;
}

/* No drop: the room of pools is closed first, and has taken care of the job. */
static const struct gyre_future_ops offload_ops = { .cancel = cancel_job };

/* ---- the begin */

/* Make a job and submit it: 0 or why not. */
static int submit_job(const struct gyre_job *model, struct gyre_loop *loop,
                      struct gyre_pool_user *user)
{
    struct gyre_job *job = memory_alloc(&user->allocator, sizeof(*job));

    if (!job)
        return -ENOMEM;
    *job = *model;
    job->allocator = user->allocator;
    (void)gyre_work_init(&job->work, loop, run_job, job_done, job);
    (void)gyre_future_set_cancel(job->future, &offload_ops, job);

    int err = work_submit(&job->work, user, job->flags);
    if (err < 0)
        free_job(job);
    return err;
}

struct gyre_future *gyre_offload(struct gyre_loop *loop, struct gyre_pool *pool, unsigned flags,
                                 gyre_job_fn *fn, gyre_drop_fn *drop, void *arg)
{
    struct gyre_future *f = gyre_future_create(loop);
    struct gyre_job model = { .future = f, .flags = flags, .fn = fn, .drop = drop, .arg = arg };
    struct gyre_pool_user *user;

    if (gyre_future_state(f) == GYRE_FUTURE_CANCELLED && drop)
        drop(arg);
    if (gyre_future_state(f) != GYRE_FUTURE_PENDING)
        return f;

    const unsigned contradiction = GYRE_JOB_ABANDON | GYRE_JOB_BORROWS;
    bool is_bad =
        !fn || flags & ~(contradiction | GYRE_JOB_LOW) || (flags & contradiction) == contradiction;
    int err = is_bad ? -EINVAL : pool_user_find(loop, pool, &user);
    if (err == 0)
        err = submit_job(&model, loop, user);
    if (err < 0)
        (void)gyre_future_fail(f, err);
    return f;
}
