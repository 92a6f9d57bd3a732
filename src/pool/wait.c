/* Waiting for a pool: for room in its queue, and for its end.
 *
 * Who waits is a work that never runs: the pool sends it home when it is time.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "pool/core.h"

struct waiter {
    struct gyre_work work;
    struct gyre_future *future; /* NULL: cancelled */
    struct gyre_timer timer;    /* the deadline of a shutdown */
    struct gyre_allocator allocator;
    bool is_end; /* of the pool; its value is how many jobs are left */
};

static void never_run(struct gyre_work *work, void *arg)
{
    (void)work;
    (void)arg;
}

static void free_waiter(struct waiter *waiter)
{
    struct gyre_allocator allocator = waiter->allocator;

    (void)gyre_timer_stop(&waiter->timer);
    memory_free(&allocator, waiter, sizeof(*waiter));
}

void waiter_lost(struct gyre_work *work)
{
    free_waiter(container_of(work, struct waiter, work));
}

static size_t jobs_left(struct gyre_pool *pool)
{
    pool_lock(pool);
    size_t left = pool_waiting(pool) + pool_running(pool);
    pool_unlock(pool);
    return left;
}

void waiter_done(struct gyre_work *work, int status, void *arg)
{
    struct waiter *waiter = arg;
    size_t left = waiter->is_end && !work_is_lost(work) ? jobs_left(work->user->pool) : 0;

    if (waiter->future && status == -EOWNERDEAD)
        (void)gyre_future_fail(waiter->future, status);
    else if (waiter->future)
        (void)gyre_future_resolve(waiter->future, (void *)left, NULL);
    free_waiter(waiter);
}

static int cancel_waiter(struct gyre_future *f, void *op)
{
    struct waiter *waiter = op;

    (void)f;
    waiter->future = NULL;
    (void)work_withdraw(&waiter->work);
    return 0;
}

static const struct gyre_future_ops waiter_ops = { .cancel = cancel_waiter };

static void shutdown_is_late(struct gyre_timer *timer, void *arg)
{
    struct waiter *waiter = arg;

    (void)timer;
    (void)work_withdraw(&waiter->work);
}

/* What is to settle `f`, at `deadline` at the latest; NULL: no memory. */
static struct waiter *new_waiter(struct gyre_pool_user *user, struct gyre_future *f, bool is_end,
                                 uint64_t deadline)
{
    struct waiter *waiter = memory_alloc(&user->allocator, sizeof(*waiter));

    if (!waiter)
        return NULL;
    *waiter = (struct waiter){ .future = f, .allocator = user->allocator, .is_end = is_end };
    (void)gyre_work_init(&waiter->work, user->loop, never_run, waiter_done, waiter);
    (void)gyre_timer_init(&waiter->timer, user->loop, shutdown_is_late, waiter);
    if (deadline != GYRE_NEVER)
        (void)gyre_timer_start_at(&waiter->timer, deadline);
    (void)gyre_future_set_cancel(f, &waiter_ops, waiter);
    return waiter;
}

/* A future that is to be settled by a pool; NULL: return `f` as it is. */
static struct gyre_pool_user *begin_wait(struct gyre_loop *loop, struct gyre_pool *pool,
                                         struct gyre_future **f)
{
    struct gyre_pool_user *user = NULL;

    *f = gyre_future_create(loop);
    if (gyre_future_state(*f) != GYRE_FUTURE_PENDING)
        return NULL;
    int err = pool_user_find(loop, pool, &user);
    if (err == 0)
        return user;
    (void)gyre_future_fail(*f, err);
    return NULL;
}

struct gyre_future *gyre_pool_room(struct gyre_loop *loop, struct gyre_pool *pool)
{
    struct gyre_future *f;
    struct gyre_pool_user *user = begin_wait(loop, pool, &f);
    struct waiter *waiter = user ? new_waiter(user, f, false, GYRE_NEVER) : NULL;

    if (waiter)
        (void)work_wait(&waiter->work, user, &user->pool->room_waiters);
    else if (user)
        (void)gyre_future_fail(f, -ENOMEM);
    return f;
}

static void shut_pool(struct gyre_pool *pool, enum gyre_pool_mode mode)
{
    pool_lock(pool);
    pool_shut(pool);
    if (mode == GYRE_POOL_CANCEL_QUEUED)
        pool_cancel_queued(pool);
    pool_tell_waiters(pool);
    pool_unlock(pool);
}

struct gyre_future *gyre_pool_shutdown(struct gyre_loop *loop, struct gyre_pool *pool,
                                       enum gyre_pool_mode mode, uint64_t deadline)
{
    struct gyre_future *f;

    if (!pool || (unsigned)mode > GYRE_POOL_CANCEL_QUEUED) {
        f = gyre_future_create(loop);
        (void)gyre_future_fail(f, -EINVAL);
        return f;
    }
    struct gyre_pool_user *user = begin_wait(loop, pool, &f);
    struct waiter *waiter = user ? new_waiter(user, f, true, deadline) : NULL;
    if (waiter) {
        shut_pool(pool, mode); /* first: nobody may submit between the end and the news of it */
        (void)work_wait(&waiter->work, user, &pool->end_waiters);
    } else if (user) {
        (void)gyre_future_fail(f, -ENOMEM);
    }
    return f;
}
