/* The way home: from a pool to the loop that a job belongs to.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/core.h"

/* With the lock held: send a work to its loop, which is there. True: that sleeps, and has to be woken. */
static bool put_home(struct gyre_pool_user *user, struct gyre_work *work)
{
    return mailbox_put(&user->ended, &work->call.link) > 0 && loop_call_for(user->loop);
}

/* ---- on a worker */

/* Without the lock, which the loop will want as soon as it is awake. */
static void wake_loop(struct gyre_pool *pool, struct gyre_pool_user *user)
{
    struct gyre_loop *loop = user->loop;

    user->wakers++; /* keeps both */
    pool_unlock(pool);
    loop_wake(loop);
    pool_lock(pool);
    user->wakers--;
}

/* The loop does not know yet that there is something to take; or it is closed, and then a job is this
 * thread's to take care of. */
static void end_and_tell(struct worker *worker, struct gyre_work *work)
{
    struct gyre_pool *pool = worker->pool;
    struct gyre_pool_user *user = work->user;

    if (likely(user->loop)) {
        if (put_home(user, work))
            wake_loop(pool, user);
        return;
    }
    if (work_is_awaited(work)) {
        work_set_state(work, WORK_ENDED); /* gyre_loop_close takes care of it */
        return;
    }
    worker_stay_away(worker); /* a drop function of the user's may take its time */
    pool_tell_waiters(pool);
    pool_release(pool);
    work_lost(work);
    pool_lock(pool);
    pool_user_orphan_ended(user);
}

void work_end(struct worker *worker, struct gyre_work *work)
{
    if (likely(mailbox_put_quietly(&work->user->ended, &work->call.link)))
        return;
    pool_lock(worker->pool);
    end_and_tell(worker, work);
    pool_tell_waiters(worker->pool);
    pool_unlock(worker->pool);
}

void work_lost(struct gyre_work *work)
{
    if (work->done == job_done)
        job_lost(work);
    else
        waiter_lost(work);
}

/* ---- under the lock, on any thread */

void work_send_home(struct gyre_work *work, int status)
{
    struct gyre_pool_user *user = work->user;

    work_set_ended(work, status);
    if (put_home(user, work))
        loop_wake(user->loop);
}

/* ---- on the loop */

void user_collect(struct gyre_pool_user *user)
{
    loop_append(user->loop, mailbox_take(&user->ended, MAILBOX_IDLE));
}

void user_close(struct gyre_pool_user *user)
{
    user->loop = NULL;
    for (struct gyre_link *link = mailbox_close(&user->ended); link; link = link->next)
        work_set_state(work_of_link(link), WORK_ENDED);
}
