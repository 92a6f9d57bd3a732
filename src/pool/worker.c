/* Workers: the threads of a pool.
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

/* ---- counting; others may read at any time */

static void count(uint64_t *counter)
{
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static void count_time(uint64_t *histogram, uint64_t time)
{
    unsigned bucket = time > 0 ? 63u - (unsigned)__builtin_clzll(time) : 0;

    count(&histogram[bucket < GYRE_POOL_BUCKETS ? bucket : GYRE_POOL_BUCKETS - 1]);
}

static void count_wait(struct worker *worker, const struct gyre_work *work)
{
    int32_t waited = (int32_t)(coarse(worker->now) - work->submitted);

    count_time(worker->counts.wait_time, waited > 0 ? (uint64_t)waited << 10 : 0);
}

void pool_counts_add(struct pool_counts *sum, const struct pool_counts *more)
{
    sum->completed += __atomic_load_n(&more->completed, __ATOMIC_RELAXED);
    for (int i = 0; i < GYRE_POOL_BUCKETS; i++) {
        sum->wait_time[i] += __atomic_load_n(&more->wait_time[i], __ATOMIC_RELAXED);
        sum->run_time[i] += __atomic_load_n(&more->run_time[i], __ATOMIC_RELAXED);
    }
}

/* ---- running, without the lock */

static bool has_more(const struct worker *worker)
{
    for (unsigned i = worker->tried; i < worker->held; i++)
        if (__atomic_load_n(&worker->hand[i], __ATOMIC_RELAXED))
            return true;
    return false;
}

/* Say that this worker will look at the queue in a moment, so that nobody else need be called for a
 * job that its loop submits as soon as it hears of this one. */
static void announce_return(struct worker *worker)
{
    __atomic_add_fetch(&worker->pool->returning, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&worker->is_running, false, __ATOMIC_RELAXED);
}

/* With the lock: it does now, or will not in a moment. */
static void withdraw_announcement(struct worker *worker)
{
    if (!worker->is_running)
        __atomic_sub_fetch(&worker->pool->returning, 1, __ATOMIC_RELAXED);
}

void worker_stay_away(struct worker *worker)
{
    withdraw_announcement(worker);
    __atomic_store_n(&worker->is_running, true, __ATOMIC_RELAXED);
    pool_note_running(worker->pool);
}

void worker_run(struct worker *worker, struct gyre_work *work)
{
    uint64_t start = worker->now;

    count_wait(worker, work);
    work->run(work, work->call.arg);
    worker->now = clock_now();
    count_time(worker->counts.run_time, worker->now - start);
    count(&worker->counts.completed);
    if (!has_more(worker))
        announce_return(worker);
    work_end(worker, work);
}

void worker_come_back(struct worker *worker)
{
    struct gyre_pool *pool = worker->pool;

    pool_lock(pool);
    withdraw_announcement(worker);
    __atomic_store_n(&worker->is_running, false, __ATOMIC_RELAXED);
    worker_leave_hands(worker);
    pool->busy--;
    pool_tell_waiters(pool);
}

/* Take what this worker is to do from the queue, and do it. */
static void run_works(struct worker *worker)
{
    uint64_t start = worker->now;
    uint64_t done = 0;

    for (struct gyre_work *work = pool_take(worker->pool, worker); work;
         work = worker_next(worker)) {
        worker_run(worker, work);
        done++;
    }
    worker->pace = (worker->now - start) / done + 1;
    worker_come_back(worker);
}

/* ---- the life of a thread, with the lock */

/* Sleep until called, or there is another reason to look; this may be one who watches the hands. */
static void sleep_or_watch(struct worker *worker, uint64_t deadline)
{
    struct gyre_pool *pool = worker->pool;
    bool watches = pool_needs_watcher(pool);

    if (watches)
        deadline = gyre_time_add(worker->now, HAND_PATIENCE);
    pool->sleeping++;
    pool->watching += watches;
    (void)worker_cond_wait(&pool->work_came, &pool->lock, deadline);
    pool->watching -= watches;
    pool->sleeping--;
    if (pool->waking > 0)
        pool->waking--;
    worker->now = clock_now();
}

/* If there is no work, sleep until there is. False: this thread is to end. */
static bool wait_for_work(struct worker *worker)
{
    struct gyre_pool *pool = worker->pool;
    uint64_t deadline = gyre_time_add(worker->now, pool->opt.idle_time);

    while (!pool_has_jobs(pool, worker->now) && !pool->is_destroyed) {
        bool stays = pool->threads <= pool->opt.min_threads;

        if (!mailbox_set_idle(&pool->intake))
            continue;
        if (!stays && worker->now >= deadline && !pool_needs_watcher(pool))
            return false;
        sleep_or_watch(worker, stays ? GYRE_NEVER : deadline);
    }
    return pool->queued > 0;
}

/* End this thread. Each one joins the one that ended before it, so that no more than one is left to
 * be joined; when the handle is gone, nobody is left to do that either. */
static void leave_pool(struct worker *worker)
{
    struct gyre_pool *pool = worker->pool;
    bool has_last = pool->has_last;
    pthread_t last = pool->last;

    list_remove(&worker->in_pool);
    pool_counts_add(&pool->counts, &worker->counts);
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

void worker_live(struct worker *worker)
{
    struct gyre_pool *pool = worker->pool;

    list_init(&worker->in_hands);
    pool_lock(pool);
    list_append(&pool->workers, &worker->in_pool);
    pool->starting--;
    while (wait_for_work(worker))
        run_works(worker);
    leave_pool(worker);
}

void *worker_main(void *arg)
{
    struct worker worker = { .pool = arg, .now = clock_now() };

    this_pool = arg;
    sys_name_thread(worker.pool->name);
    worker_live(&worker);
    return NULL;
}
