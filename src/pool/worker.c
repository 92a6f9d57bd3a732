/* Workers: the threads of a pool, and the queue they take jobs from.
 *
 * SPDX-License-Identifier: MIT */
#include "os/clock.h"
#include "os/sys.h"
#include "os/thread.h"
#include "pool/core.h"

static THREAD_LOCAL struct gyre_pool *this_pool;

struct gyre_pool *worker_pool(void)
{
    return this_pool;
}

/* ---- time, in units of 1024 ns, as a work remembers it */

static uint32_t coarse(uint64_t time)
{
    return (uint32_t)(time >> 10);
}

static void count_time(uint64_t *histogram, uint64_t time)
{
    unsigned bucket = time > 0 ? 63u - (unsigned)__builtin_clzll(time) : 0;

    histogram[bucket < GYRE_POOL_BUCKETS ? bucket : GYRE_POOL_BUCKETS - 1]++;
}

/* ---- calling: one sleeping worker at a time, which calls the next if there is more to do */

static void *worker_main(void *arg);

static int start_worker(struct gyre_pool *pool)
{
    pthread_t thread;
    int err = worker_start(&thread, pool->opt.stack_size, worker_main, pool);

    if (err < 0)
        return err;
    pool->refs++;
    pool->starting++;
    if (++pool->threads > pool->stats.max_threads)
        pool->stats.max_threads = pool->threads;
    return 0;
}

/* See to it that somebody looks at what is in the queue: who is about to anyway, a sleeping worker, a
 * new one, or those that are busy now. True: signal a sleeping one. */
static bool call_worker(struct gyre_pool *pool)
{
    unsigned coming = pool->starting + __atomic_load_n(&pool->returning, __ATOMIC_RELAXED);

    if (pool->queued <= coming || pool->waking > 0)
        return false;
    if (pool->sleeping > 0) {
        pool->waking++;
        return true;
    }
    if (pool->threads < pool->opt.max_threads)
        (void)start_worker(pool); /* if it fails the others have to do */
    return false;
}

/* Let go of the lock and call a worker, who finds it free, for what is in the queue. */
static void unlock_and_call(struct gyre_pool *pool)
{
    bool is_called = call_worker(pool);

    pool_unlock(pool);
    if (is_called)
        (void)pthread_cond_signal(&pool->work_came);
}

/* Without the lock: say that this worker will look at the queue in a moment, so that nobody else need
 * be called for it; then take the lock again, and do so. */
static void announce_return(struct gyre_pool *pool)
{
    __atomic_add_fetch(&pool->returning, 1, __ATOMIC_RELAXED);
}

static void lock_on_return(struct gyre_pool *pool)
{
    pool_lock(pool);
    __atomic_sub_fetch(&pool->returning, 1, __ATOMIC_RELAXED);
}

/* ---- taking and running; with the lock held, but for the user's function */

static struct gyre_work *take_work(struct gyre_pool *pool)
{
    struct gyre_link *queue = &pool->queue[list_is_empty(&pool->queue[0])];
    struct gyre_work *work = work_of_call(container_of(list_pop(queue), struct gyre_call, link));

    pool->queued--;
    work_set_state(work, WORK_RUNNING);
    if (++pool->busy > pool->stats.max_busy)
        pool->stats.max_busy = pool->busy;
    return work;
}

/* Without the lock, which the loop will want as soon as it is awake. */
static void wake_loop(struct gyre_pool *pool, struct gyre_pool_user *user)
{
    struct gyre_loop *loop = user->loop;

    user->wakers++; /* keeps both */
    announce_return(pool);
    pool_unlock(pool);
    loop_wake(loop);
    lock_on_return(pool);
    user->wakers--;
}

/* Send it home, or find that its loop is closed; then a job is this thread's to take care of. */
static void end_work(struct gyre_pool *pool, struct gyre_work *work)
{
    struct gyre_pool_user *user = work->user;

    pool->busy--;
    pool->stats.completed++;
    work_set_ended(work, 0);
    if (likely(user->loop)) {
        if (call_hand_over(&work->call) > 0)
            wake_loop(pool, user);
        return;
    }
    if (work_is_awaited(work))
        return;            /* gyre_loop_close waits, and takes care of it */
    unlock_and_call(pool); /* a drop function of the user's may take its time */
    work_lost(work);
    pool_lock(pool);
    pool_user_orphan_ended(user);
}

/* Run a work; `now` is the time before, and becomes that after. */
static void run_work(struct gyre_pool *pool, uint64_t *now)
{
    struct gyre_work *work = take_work(pool);
    uint64_t start = *now;

    int32_t waited = (int32_t)(coarse(start) - work->submitted);
    count_time(pool->stats.wait_time, waited > 0 ? (uint64_t)waited << 10 : 0);
    pool_tell_waiters(pool);
    unlock_and_call(pool);
    work->run(work, work->call.arg);
    announce_return(pool);
    *now = clock_now();
    lock_on_return(pool);
    count_time(pool->stats.run_time, *now - start);
    end_work(pool, work);
    pool_tell_waiters(pool);
}

/* Sleep until there is work. False: this thread is to end. */
static bool sleep_for_work(struct gyre_pool *pool)
{
    uint64_t deadline = gyre_time_add(clock_now(), pool->opt.idle_time);
    bool is_idle = false; /* for long enough */

    while (pool->queued == 0 && !pool->is_destroyed) {
        bool stays = pool->threads <= pool->opt.min_threads;

        if (is_idle && !stays)
            return false;
        pool->sleeping++;
        is_idle = !worker_cond_wait(&pool->work_came, &pool->lock, stays ? GYRE_NEVER : deadline);
        pool->sleeping--;
        if (pool->waking > 0)
            pool->waking--;
    }
    return pool->queued > 0;
}

/* End this thread. Each one joins the one that ended before it, so that no more than one is left to
 * be joined; when the handle is gone, nobody is left to do that either. */
static void leave_pool(struct gyre_pool *pool)
{
    bool has_last = pool->has_last;
    pthread_t last = pool->last;

    pool->threads--;
    pool->has_last = !pool->is_alone;
    if (pool->is_alone)
        (void)pthread_detach(pthread_self());
    else
        pool->last = pthread_self();
    pool_tell_waiters(pool);
    pool_unref_and_unlock(pool);
    if (has_last)
        (void)pthread_join(last, NULL);
}

static void *worker_main(void *arg)
{
    struct gyre_pool *pool = arg;

    this_pool = pool;
    sys_name_thread(pool->name);
    pool_lock(pool);
    pool->starting--;
    uint64_t now = clock_now();
    while (pool->queued > 0 || sleep_for_work(pool)) {
        do
            run_work(pool, &now);
        while (pool->queued > 0);
        now = clock_now();
    }
    leave_pool(pool);
    return NULL;
}

/* ---- the queue */

/* Whether it may be queued now: 0 or why not. */
static int check_queue(struct gyre_pool *pool)
{
    if (pool->is_shut)
        return -ESHUTDOWN;
    if (pool->opt.queue_limit > 0 && pool->queued >= pool->opt.queue_limit)
        return -EAGAIN;
    return pool->threads == 0 && start_worker(pool) < 0 ? -EAGAIN : 0;
}

static void enqueue(struct gyre_pool *pool, struct gyre_work *work, unsigned flags)
{
    work_set_state(work, WORK_QUEUED);
    work->submitted = coarse(clock_now());
    list_append(&pool->queue[flags & GYRE_JOB_LOW ? 1 : 0], &work->call.link);
    if (++pool->queued > pool->stats.max_queued)
        pool->stats.max_queued = pool->queued;
}

int pool_submit(struct gyre_pool *pool, struct gyre_work *work, unsigned flags)
{
    pool_lock(pool);
    int err = check_queue(pool);
    if (err == 0)
        enqueue(pool, work, flags);
    unlock_and_call(pool);
    return err;
}
