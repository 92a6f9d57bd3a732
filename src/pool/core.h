/* A pool from inside, and what a loop knows of the pools it uses.
 *
 * A job is a gyre_work, in the user's memory or in a block of offload.c. From submission until it
 * ends on its loop it is in the list `works` of its user, which belongs to the loop's thread. All
 * else about it is guarded by the pool's lock: its state, the list that call.link puts it in, and
 * user->loop, which a worker has to find set before it may send the job home. Workers hand it over
 * under the lock, so that gyre_loop_close, which takes the lock to clear user->loop, cannot overtake
 * them; to wake a loop that sleeps they let go of it, and close waits for that.
 *
 * Invariants: a job is in a queue, or in a list of those that wait for the pool, exactly if its
 * state is WORK_QUEUED, or WORK_WAITING. While jobs are queued, and workers sleep or could be
 * started, somebody is on the way to the queue: one that was signalled (`waking`), or for each job
 * one that was started (`starting`) or has run another one (`returning`). Whoever takes a job and
 * leaves others behind calls the next worker. So short jobs are done by few workers, which need not
 * be woken for each, and long ones still get all.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_POOL_CORE_H
#define GYRE_POOL_CORE_H

#include "base/list.h"
#include "base/util.h"
#include "gyre/pool.h"
#include "loop/attach.h"
#include "os/thread.h"
#include "os/worker.h"

#include <errno.h>

enum { POOL_NAME_SIZE = 16, POOL_THREADS_LIMIT = 1024, POOL_PRIORITIES = 2 };

/* In call.repeats, which only timers use. */
enum work_state {
    WORK_IDLE,
    WORK_QUEUED,
    WORK_WAITING, /* for the pool: for room in its queue, or its end */
    WORK_RUNNING,
    WORK_ENDED, /* on its way home, or home and not called yet */
};

struct gyre_pool {
    pthread_mutex_t lock;
    pthread_cond_t work_came;  /* what sleeping workers wait for */
    pthread_cond_t work_ended; /* a job or a thread has ended, and somebody waits for that */
    unsigned refs;             /* the handle, each thread and each user */
    uint32_t forks;            /* of the process that made it */
    bool is_of_loop;           /* a loop's own, which ends with the loop */
    bool is_shut;              /* no more jobs */
    bool is_destroyed;         /* no more idle threads; atomic for those who run jobs */
    bool is_alone;             /* gyre_pool_destroy has returned */
    bool has_last;             /* `last` has ended and is not joined */
    pthread_t last;
    unsigned threads;
    unsigned sleeping;
    unsigned waking;
    unsigned starting;  /* threads that have not looked at the queue yet */
    unsigned returning; /* threads that are about to look again; atomic, changed without the lock */
    unsigned busy;
    unsigned waiting_for_end; /* threads in work_ended */
    struct gyre_link queue[POOL_PRIORITIES];
    size_t queued;
    struct gyre_link room_waiters; /* works that are to end when the queue has room */
    struct gyre_link end_waiters;  /* works that are to end when all jobs have */
    char name[POOL_NAME_SIZE];
    struct gyre_pool_options opt;
    struct gyre_allocator allocator;
    struct gyre_pool_stats stats;
};

/* One loop's use of one pool. */
struct gyre_pool_user {
    struct gyre_pool *pool;
    struct gyre_loop *loop;   /* NULL: closed */
    struct gyre_link in_loop; /* pools.users */
    struct gyre_link works;   /* gyre_work.sibling */
    size_t orphans;           /* jobs that still run though the loop is closed */
    unsigned wakers;          /* workers that wake the loop, without the lock */
    uint32_t forks;           /* of the process it works in */
    struct gyre_allocator allocator;
};

/* The pools of a loop. */
struct pools {
    struct room room;
    struct gyre_loop *loop;
    struct gyre_pool *own;
    struct gyre_pool *resolver;
    struct gyre_link users;
    struct gyre_link calls; /* of gyre_loop_call, that have begun */
};

static inline struct gyre_work *work_of_call(struct gyre_call *call)
{
    return container_of(call, struct gyre_work, call);
}

static inline enum work_state work_state_of(const struct gyre_work *work)
{
    return (enum work_state)work->call.repeats;
}

static inline void work_set_state(struct gyre_work *work, enum work_state state)
{
    work->call.repeats = (uint8_t)state;
}

static inline void pool_lock(struct gyre_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
}

static inline void pool_unlock(struct gyre_pool *pool)
{
    (void)pthread_mutex_unlock(&pool->lock);
}

/* ---- pool.c */

/* As gyre_pool_destroy, also for a loop's own pool. */
int pool_destroy(struct gyre_pool *pool, uint64_t max_wait);

/* ---- pool.c: all of these with the lock held */

/* One reference less; unlocks, and frees the pool with the last. */
void pool_unref_and_unlock(struct gyre_pool *pool);

/* A job has ended, or a place in the queue is free: tell those who wait for that. */
void pool_tell_waiters(struct gyre_pool *pool);

/* A job has ended, with `status`. Who sends it home must not touch it afterwards. */
static inline void work_set_ended(struct gyre_work *work, int status)
{
    work_set_state(work, WORK_ENDED);
    work->status = status;
}

/* Let a job end on its loop with `status`; it is in no list. */
void work_send_home(struct gyre_work *work, int status);

/* Cancel all jobs that wait. */
void pool_cancel_queued(struct gyre_pool *pool);

/* ---- worker.c, likewise */

/* Without the lock: put a work into the queue and see to it that somebody takes it: 0 or why not. */
int pool_submit(struct gyre_pool *pool, struct gyre_work *work, unsigned flags);

/* The pool whose worker the calling thread is, or NULL. */
struct gyre_pool *worker_pool(void);

/* ---- users.c: on the loop's thread */

/* The pools of a loop, attached at the first use; NULL: no memory. */
struct pools *pools_of(struct gyre_loop *loop);

/* The loop's use of `pool`, NULL being its own; 0 or why there is none. */
int pool_user_find(struct gyre_loop *loop, struct gyre_pool *pool, struct gyre_pool_user **user);

/* The pool for names, `*pool` if that is one, and its allocator: 0 or why there is none. */
int resolver_find(struct gyre_loop *loop, struct gyre_pool **pool,
                  struct gyre_allocator *allocator);

/* With the lock and a reference held: an orphan has ended. */
void pool_user_orphan_ended(struct gyre_pool_user *user);

/* ---- work.c */

/* What the loop calls for a work that has come home. */
gyre_call_fn work_fire;

/* On the loop's thread: hand a work to the pool, for its queue with `flags`, or for one of its lists
 * of those that wait: 0 or why not. */
int work_submit(struct gyre_work *work, struct gyre_pool_user *user, unsigned flags);
int work_wait(struct gyre_work *work, struct gyre_pool_user *user, struct gyre_link *list);

/* Whether it was given to a pool of the process from which this one was forked, whose lock may be
 * held for ever, or which is freed. */
static inline bool work_is_lost(const struct gyre_work *work)
{
    return work->user->forks != thread_forks;
}

/* On the loop's thread: take it back before it begins, or tell it that it is cancelled. False: it has
 * begun or ended, or was not submitted. */
bool work_withdraw(struct gyre_work *work);

/* On the loop's thread: nobody waits for it any more, the loop neither. */
void work_abandon(struct gyre_work *work);

/* With the lock held: take it out of the list it waits in, if any. */
void work_unqueue(struct gyre_work *work);

static inline void work_tell_cancelled(struct gyre_work *work)
{
    __atomic_store_n(&work->call.sent, 1, __ATOMIC_RELAXED);
}

/* ---- offload.c, wait.c: works whose memory is the library's */

gyre_work_done_fn job_done;
gyre_work_done_fn waiter_done;

static inline bool work_is_ours(const struct gyre_work *work)
{
    return work->done == job_done || work->done == waiter_done;
}

/* Whether the job uses memory that goes when its loop is closed. */
bool job_borrows(const struct gyre_work *work);

/* Whether gyre_loop_close has to wait for it while it runs. */
static inline bool work_is_awaited(const struct gyre_work *work)
{
    return !work_is_ours(work) || (work->done == job_done && job_borrows(work));
}

/* ---- loop_call.c */

/* The loop is closed, or the process was forked and the callers are not here: end all calls. */
void loop_calls_end(struct gyre_link *calls);

/* ---- offload.c, wait.c */

/* The loop of one of these is closed, and it has ended or will never run: free it. On the loop's
 * thread or on the worker that has run it. */
void work_lost(struct gyre_work *work);
void job_lost(struct gyre_work *work);
void waiter_lost(struct gyre_work *work);

#endif
