/* A pool from inside, and what a loop knows of the pools it uses.
 *
 * A job is a gyre_work, in the user's memory or in a block of offload.c. From submission until it
 * ends on its loop it is in the list `works` of its user, which belongs to the loop's thread.
 * Meanwhile it goes round, and only one has it at any time:
 *
 *     pool->intake        a mailbox; loops put it in without the lock
 *     pool->queue         a list for each priority, under the lock, as what follows to
 *     worker->hand        the jobs that a worker takes along: as many as it will have run before
 *                         another one were awake. Who exchanges the slot for NULL has the job: that
 *                         worker to run it, without the lock; or, with the lock, another worker that
 *                         finds it has waited there for too long, or the loop that cancels it
 *     the worker          runs it
 *     user->ended         a mailbox; the worker puts it in without the lock, the loop takes it out
 *
 * A mailbox is idle if nobody is on the way to it: who puts the first job into an idle one takes the
 * lock and calls a worker, or the loop. For that the loop has to be there: user->loop is cleared
 * under the lock by gyre_loop_close, which also closes user->ended. To wake a loop that sleeps
 * workers let go of the lock, and close waits for that.
 *
 * Invariant: while jobs wait in the queue, and workers sleep or could be started, somebody is on the
 * way to the queue: one that was signalled (`waking`), or for each job one that was started
 * (`starting`) or has run its last one (`returning`). If jobs wait in a hand, it is enough that
 * somebody watches. Whoever takes a job and leaves others behind calls the next worker. So short
 * jobs are done by few workers, which need not be woken for each, and long ones still get all.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_POOL_CORE_H
#define GYRE_POOL_CORE_H

#include "base/list.h"
#include "base/util.h"
#include "gyre/pool.h"
#include "loop/attach.h"
#include "os/mailbox.h"
#include "os/thread.h"
#include "os/worker.h"

#include <errno.h>

enum { POOL_NAME_SIZE = 16, POOL_THREADS_LIMIT = 1024, POOL_PRIORITIES = 2, HAND_SIZE = 64 };

/* About what it takes until a worker that sleeps is awake. */
#define WAKE_TIME GYRE_US(10)

/* A hand is left alone for so long. */
#define HAND_PATIENCE GYRE_MS(1)

/* In call.repeats, which only timers use. Changed with the lock, but for what a worker does with
 * what it has in hand. */
enum work_state {
    WORK_IDLE,
    WORK_QUEUED,     /* in the intake or the queue */
    WORK_QUEUED_LOW, /* the same of those of low priority */
    WORK_WAITING,    /* in a list of the pool: for room in its queue, or its end */
    WORK_HELD,       /* in a hand, or just taken out of one */
    WORK_RUNNING,    /* or has run, and goes home as it is, which spares the worker writing to it */
    WORK_ENDED,      /* without running; or has run, while its loop was closed */
};

/* What workers count. Each writes its own, atomically, so that they can be added up at any time. */
struct pool_counts {
    uint64_t completed;
    uint64_t wait_time[GYRE_POOL_BUCKETS];
    uint64_t run_time[GYRE_POOL_BUCKETS];
};

/* A thread of a pool. Lives on its stack. */
struct worker {
    struct gyre_pool *pool;
    struct gyre_link in_pool;          /* pool.workers */
    struct gyre_link in_hands;         /* pool.hands, or by itself */
    struct gyre_work *hand[HAND_SIZE]; /* atomic */
    unsigned held;                     /* slots that were filled, */
    unsigned tried;                    /* and those from which it has taken */
    uint64_t filled;                   /* when */
    uint64_t now;                      /* when it began, or has ended a job */
    uint64_t pace;   /* what one of its latest jobs took, on average; 0: none yet */
    bool is_running; /* a job; atomic */
    struct pool_counts counts;
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
    struct gyre_link workers;
    struct gyre_link hands; /* workers that have taken several jobs, the longest gone first */
    unsigned threads;
    unsigned sleeping;
    unsigned watching; /* of them, those that will soon look for jobs that wait in a hand */
    unsigned waking;
    unsigned starting;  /* threads that have not looked at the queue yet */
    unsigned returning; /* threads that are about to look again; atomic, changed without the lock */
    unsigned busy;      /* threads that have jobs */
    unsigned waiting_for_end; /* threads in work_ended */
    struct gyre_link queue[POOL_PRIORITIES];
    size_t queued;
    struct gyre_link room_waiters; /* works that are to end when the queue has room */
    struct gyre_link end_waiters;  /* works that are to end when all jobs have */
    char name[POOL_NAME_SIZE];
    struct gyre_pool_options opt;
    struct gyre_allocator allocator;
    struct gyre_pool_stats stats; /* but for what is counted by workers, */
    struct pool_counts counts;    /* and this is of those that have ended */

    char padding_before[64];
    struct mailbox intake; /* idle: a job that comes needs a worker called */
    char padding_after[64];
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

    char padding_before[64];
    struct mailbox ended; /* idle: the loop does not know yet of a job that comes */
    char padding_after[64];
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

static inline struct gyre_work *work_of_link(struct gyre_link *link)
{
    return work_of_call(container_of(link, struct gyre_call, link));
}

static inline enum work_state work_state_of(const struct gyre_work *work)
{
    return (enum work_state)__atomic_load_n(&work->call.repeats, __ATOMIC_RELAXED);
}

static inline void work_set_state(struct gyre_work *work, enum work_state state)
{
    __atomic_store_n(&work->call.repeats, (uint8_t)state, __ATOMIC_RELAXED);
}

/* With the lock held: it has no more jobs in hand. */
static inline void worker_leave_hands(struct worker *worker)
{
    list_remove(&worker->in_hands);
    list_init(&worker->in_hands);
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

/* ---- all of these with the lock held, but where it says otherwise: pool.c */

/* One reference less; unlocks, and frees the pool with the last. */
void pool_unref_and_unlock(struct gyre_pool *pool);

/* A job has ended, or a place in the queue is free: tell those who wait for that. */
void pool_tell_waiters(struct gyre_pool *pool);

/* ---- queue.c: the way to the worker */

/* Without the lock: put a work into the queue and see to it that somebody takes it: 0 or why not. */
int pool_submit(struct gyre_pool *pool, struct gyre_work *work, unsigned flags);

/* Take a work that has not begun out of where it waits; false: it has begun, or ended. */
bool work_unqueue(struct gyre_work *work);

/* Accept no more jobs. */
void pool_shut(struct gyre_pool *pool);

/* Cancel all jobs that wait. */
void pool_cancel_queued(struct gyre_pool *pool);

/* How many jobs wait, and run. */
size_t pool_waiting(struct gyre_pool *pool);
size_t pool_running(const struct gyre_pool *pool);

/* Whether there is a job in the queue; takes those there that wait too long in a hand, as of `now`. */
bool pool_has_jobs(struct gyre_pool *pool, uint64_t now);

/* Whether nobody will find out if a job waits too long in a hand. */
bool pool_needs_watcher(const struct gyre_pool *pool);

/* One more runs: it may be more than ever. */
void pool_note_running(struct gyre_pool *pool);

/* Take a job out of the queue for `worker` to run, and perhaps more into its hand; lets go of the
 * lock. */
struct gyre_work *pool_take(struct gyre_pool *pool, struct worker *worker);

/* Without the lock: the next one that is in its hand, or NULL. */
struct gyre_work *worker_next(struct worker *worker);

/* Let go of the lock, and see to it that somebody comes for the jobs that wait. */
void pool_release(struct gyre_pool *pool);

/* Times of works, in units of 1024 ns. */
static inline uint32_t coarse(uint64_t time)
{
    return (uint32_t)(time >> 10);
}

/* ---- worker.c */

/* What each thread of a pool does; the same, but for what is about threads: take jobs until it is to
 * end. */
void *worker_main(void *arg);
void worker_live(struct worker *worker);

/* Its steps, without the lock: run a job and send it home; be back with the lock, with no job. */
void worker_run(struct worker *worker, struct gyre_work *work);
void worker_come_back(struct worker *worker);

/* With the lock: something has come in between, and it counts as running a job until it is back. */
void worker_stay_away(struct worker *worker);

/* The pool whose worker the calling thread is, or NULL. */
struct gyre_pool *worker_pool(void);

void pool_counts_add(struct pool_counts *sum, const struct pool_counts *more);

/* ---- home.c: the way back */

/* On a worker, without the lock: it has run. It must not be touched afterwards. */
void work_end(struct worker *worker, struct gyre_work *work);

/* Let a job that is in no list end on its loop with `status`, without having run. */
void work_send_home(struct gyre_work *work, int status);

static inline void work_set_ended(struct gyre_work *work, int status)
{
    work_set_state(work, WORK_ENDED);
    work->status = status;
}

/* On the loop's thread, without the lock: put what has ended into its queue. */
void user_collect(struct gyre_pool_user *user);

/* The loop is closed: from now on workers know. */
void user_close(struct gyre_pool_user *user);

/* ---- users.c: on the loop's thread */

/* The pools of a loop, attached at the first use; NULL: refused, or no memory. */
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

/* On the loop's thread: hand an idle work to the pool, for its queue with `flags`, or for one of its
 * lists of those that wait: 0 or why not. */
int work_submit(struct gyre_work *work, struct gyre_pool_user *user, unsigned flags);
int work_wait(struct gyre_work *work, struct gyre_pool_user *user, struct gyre_link *list);

/* Whether it was given to a pool of the process from which this one was forked, whose lock may be
 * held for ever, or which is freed. */
static inline bool work_is_lost(const struct gyre_work *work)
{
    return work->user->forks != thread_forks;
}

/* On the loop's thread: take it back before it begins, and let it end in the next tick; or tell it that
 * it is cancelled. False: it has begun or ended, or was not submitted. */
bool work_withdraw(struct gyre_work *work);

/* On the loop's thread: nobody waits for it any more, the loop neither. */
void work_abandon(struct gyre_work *work);

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
