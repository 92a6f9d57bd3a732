/* The pool from its own source, and what makes twins of it that have one mistake each.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_MODEL_POOL_TWINS_H
#define GYRE_MODEL_POOL_TWINS_H

#include "model/pool_system.h"

enum pool_mistake pool_mistake;

#include "pool/queue.c"

/* As if the worker had not counted itself. */
static void mistaken_wake(struct gyre_loop *l)
{
    struct gyre_pool_user *user = the_users[l - loops];
    unsigned count = pool_mistake == UNCOUNTED_WAKER;

    user->wakers -= count;
    loop_wake(l);
    user->wakers += count;
}

#define loop_wake mistaken_wake

#include "pool/home.c"

#undef loop_wake

static bool mistaken_set_idle(struct mailbox *box)
{
    return mailbox_set_idle(box) || pool_mistake == ARM_WITHOUT_LOOK;
}

static struct gyre_work *mistaken_take(struct gyre_pool *p, struct worker *worker)
{
    explore_forget(1); /* from here on a worker is as it lies in memory */
    worker->now = GYRE_S(1);
    if (pool_mistake != NO_CALL_FOR_THE_REST)
        return pool_take(p, worker);

    unsigned waking = p->waking;
    p->waking = 1;
    struct gyre_work *work = pool_take(p, worker);
    p->waking = waking;
    return work;
}

static struct gyre_work *mistaken_next(struct worker *worker)
{
    explore_forget(2);
    if (pool_mistake != TAKE_BY_READING)
        return worker_next(worker);

    while (worker->tried < worker->held) {
        struct gyre_work **slot = &worker->hand[worker->tried++];
        struct gyre_work *work = __atomic_load_n(slot, __ATOMIC_SEQ_CST);

        __atomic_store_n(slot, NULL, __ATOMIC_SEQ_CST);
        if (!work)
            continue;
        work_set_state(work, WORK_RUNNING);
        return work;
    }
    return NULL;
}

/* Whether it has put the work into the mailbox. */
static bool end_without_lock(struct gyre_work *work)
{
    struct gyre_pool_user *user = work->user;
    int is_first = mailbox_put(&user->ended, &work->call.link);

    if (is_first > 0 && loop_call_for(user->loop))
        loop_wake(user->loop);
    return is_first >= 0;
}

static void mistaken_end(struct worker *worker, struct gyre_work *work)
{
    bool is_late = pool_mistake == LATE_ANNOUNCEMENT && !worker->is_running;

    if (is_dead(work)) {
        world_blame("a work was sent home after it had ended");
        stop();
    }
    if (pool_mistake == END_WITHOUT_LOCK && end_without_lock(work))
        return;
    if (is_late)
        worker->pool->returning--;
    work_end(worker, work);
    if (is_late)
        __atomic_add_fetch(&worker->pool->returning, 1, __ATOMIC_SEQ_CST);
}

#define mailbox_set_idle mistaken_set_idle
#define pool_take        mistaken_take
#define worker_next      mistaken_next
#define work_end         mistaken_end

#include "pool/worker.c"

#undef mailbox_set_idle
#undef pool_take
#undef worker_next
#undef work_end

static bool mistaken_unqueue(struct gyre_work *work)
{
    if (pool_mistake != CANCEL_BY_STORING || work_state_of(work) != WORK_HELD)
        return work_unqueue(work);

    struct gyre_work **slot = (struct gyre_work **)(void *)work->call.link.prev;
    if (__atomic_load_n(slot, __ATOMIC_SEQ_CST) != work)
        return false;
    __atomic_store_n(slot, NULL, __ATOMIC_SEQ_CST);
    work_set_state(work, WORK_QUEUED);
    work->user->pool->stats.cancelled++;
    return true;
}

static void mistaken_close(struct gyre_pool_user *user)
{
    if (pool_mistake != OPEN_MAILBOX) {
        user_close(user);
        return;
    }
    user->loop = NULL;
    for (struct gyre_link *link = mailbox_take(&user->ended, NULL); link; link = link->next)
        work_set_state(work_of_link(link), WORK_ENDED);
}

static void mistaken_shut(struct gyre_pool *p)
{
    if (pool_mistake != TORN_SHUT) {
        pool_shut(p);
        return;
    }
    struct gyre_link *head = mailbox_head(&p->intake);
    p->is_shut = true;
    __atomic_store_n(&p->intake.head, MAILBOX_CLOSED, __ATOMIC_SEQ_CST);
    enqueue_all(p, head == MAILBOX_IDLE || head == MAILBOX_CLOSED ? NULL : head);
}

#define work_unqueue mistaken_unqueue
#define user_close   mistaken_close
#define pool_shut    mistaken_shut

#include "pool/pool.c"
#include "pool/users.c"
#include "pool/work.c"

#endif
