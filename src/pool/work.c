/* Works: jobs in the user's memory.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/core.h"

void work_fire(struct gyre_call *call, void *arg)
{
    struct gyre_work *work = work_of_call(call);

    list_remove(&work->sibling);
    if (call->weight > 0)
        loop_unhold(call->loop);
    if (!work_is_ours(work)) { /* whose memory may be reused now */
        work_set_state(work, WORK_IDLE);
        work->user = NULL;
    }
    work->done(work, work->status, arg);
}

/* ---- to the pool and back */

/* The work is the pool's from now on. */
static void lend(struct gyre_work *work, struct gyre_pool_user *user)
{
    work->user = user;
    __atomic_store_n(&work->call.sent, 0, __ATOMIC_RELAXED);
    list_append(&user->works, &work->sibling);
    loop_hold(user->loop);
}

static void take_back(struct gyre_work *work)
{
    list_remove(&work->sibling);
    loop_unhold(work->call.loop);
    call_lose(&work->call);
}

int work_submit(struct gyre_work *work, struct gyre_pool_user *user, unsigned flags)
{
    int err = call_lend(&work->call);

    if (err < 0)
        return err;
    lend(work, user);
    err = pool_submit(user->pool, work, flags);
    if (unlikely(err < 0))
        take_back(work);
    return err;
}

int work_wait(struct gyre_work *work, struct gyre_pool_user *user, struct gyre_link *list)
{
    int err = call_lend(&work->call);

    if (err < 0)
        return err;
    lend(work, user);
    pool_lock(user->pool);
    work_set_state(work, WORK_WAITING);
    list_append(list, &work->call.link);
    pool_tell_waiters(user->pool);
    pool_unlock(user->pool);
    return 0;
}

bool work_withdraw(struct gyre_work *work)
{
    struct gyre_pool *pool = work->user->pool;

    if (unlikely(work_is_lost(work))) {
        work_tell_cancelled(work);
        return false;
    }
    pool_lock(pool);
    bool waits = work_unqueue(work);
    if (waits) {
        work_set_ended(work, -ECANCELED);
        pool_tell_waiters(pool);
    } else {
        work_tell_cancelled(work);
    }
    pool_unlock(pool);
    if (waits)
        call_queue(&work->call);
    return waits;
}

void work_abandon(struct gyre_work *work)
{
    work->call.weight = 0;
    loop_unhold(work->call.loop);
}

/* ---- public */

int gyre_work_init(struct gyre_work *work, struct gyre_loop *loop, gyre_work_fn *run,
                   gyre_work_done_fn *done, void *arg)
{
    if (!work || !run || !done)
        return -EINVAL;

    int err = gyre_call_init(&work->call, loop, work_fire, arg);
    if (err < 0)
        return err;
    work->run = run;
    work->done = done;
    work->user = NULL;
    return 0;
}

int gyre_work_submit(struct gyre_work *work, struct gyre_pool *pool, unsigned flags)
{
    struct gyre_pool_user *user;

    if (!work || flags & ~(unsigned)GYRE_JOB_LOW)
        return -EINVAL;
    int err = call_check(&work->call);
    if (err == 0)
        err = pool_user_find(work->call.loop, pool, &user);
    return err < 0 ? err : work_submit(work, user, flags);
}

bool gyre_work_cancel(struct gyre_work *work)
{
    /* The check tells a loop that rests in a foreign one that it has work. */
    return gyre_work_is_started(work) && call_check(&work->call) == 0 && work_withdraw(work);
}

static bool pool_is_ending(const struct gyre_work *work)
{
    return work->user && !work_is_lost(work) &&
           __atomic_load_n(&work->user->pool->is_destroyed, __ATOMIC_RELAXED);
}

bool gyre_work_cancelled(const struct gyre_work *work)
{
    return work && (__atomic_load_n(&work->call.sent, __ATOMIC_RELAXED) || pool_is_ending(work));
}

bool gyre_work_is_started(const struct gyre_work *work)
{
    return work && gyre_call_is_started(&work->call);
}
