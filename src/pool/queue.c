/* The queue of a pool: how jobs get in, who is called for them, and how they are taken out.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/core.h"

/* ---- from the intake to the queue */

/* Enqueue works linked by `next`, the newest first. */
static void enqueue_all(struct gyre_pool *pool, struct gyre_link *newest)
{
    struct gyre_link fresh[POOL_PRIORITIES];
    struct gyre_link *next;

    for (int i = 0; i < POOL_PRIORITIES; i++)
        list_init(&fresh[i]);
    for (struct gyre_link *link = newest; link; link = next) {
        struct gyre_work *work = work_of_link(link);

        trail_follow(link);
        next = link->next;
        list_prepend(&fresh[work_state_of(work) == WORK_QUEUED_LOW], link);
        pool->queued++;
    }
    for (int i = 0; i < POOL_PRIORITIES; i++)
        list_splice(&pool->queue[i], &fresh[i]);
    if (pool->queued > pool->stats.max_queued)
        pool->stats.max_queued = pool->queued;
}

static void take_in(struct gyre_pool *pool)
{
    if (mailbox_has_mail(&pool->intake))
        enqueue_all(pool, mailbox_take(&pool->intake, NULL));
}

void pool_shut(struct gyre_pool *pool)
{
    pool->is_shut = true;
    enqueue_all(pool, mailbox_close(&pool->intake));
}

/* ---- hands */

static struct gyre_work *take_from_slot(struct gyre_work **slot)
{
    return __atomic_load_n(slot, __ATOMIC_RELAXED)
               ? __atomic_exchange_n(slot, NULL, __ATOMIC_ACQ_REL)
               : NULL;
}

struct gyre_work *worker_next(struct worker *worker)
{
    while (worker->tried < worker->held) {
        struct gyre_work *work = take_from_slot(&worker->hand[worker->tried++]);

        if (work) {
            work_set_state(work, WORK_RUNNING);
            return work;
        }
    }
    return NULL;
}

/* Put what a worker has not begun before all others in the queue again. */
static void put_back(struct gyre_pool *pool, struct worker *worker)
{
    for (unsigned i = worker->held; i-- > 0;) {
        struct gyre_work *work = take_from_slot(&worker->hand[i]);

        if (!work)
            continue;
        work_set_state(work, WORK_QUEUED);
        list_prepend(&pool->queue[0], &work->call.link);
        pool->queued++;
    }
    worker_leave_hands(worker);
}

/* Put back what has been in a hand since `time` or longer; of several the newest first, as each goes
 * before all others. */
static void put_back_since(struct gyre_pool *pool, uint64_t time)
{
    struct gyre_link *before;

    for (struct gyre_link *link = pool->hands.prev; link != &pool->hands; link = before) {
        struct worker *worker = container_of(link, struct worker, in_hands);

        before = link->prev;
        if ((int64_t)(worker->filled - time) <= 0)
            put_back(pool, worker);
    }
}

static void put_all_back(struct gyre_pool *pool)
{
    while (!list_is_empty(&pool->hands))
        put_back(pool, container_of(pool->hands.prev, struct worker, in_hands));
}

static size_t jobs_in_hands(const struct gyre_pool *pool)
{
    size_t jobs = 0;

    for (struct gyre_link *link = pool->hands.next; link != &pool->hands; link = link->next) {
        const struct worker *worker = container_of(link, struct worker, in_hands);

        for (unsigned i = 0; i < worker->held; i++)
            jobs += __atomic_load_n(&worker->hand[i], __ATOMIC_RELAXED) != NULL;
    }
    return jobs;
}

bool pool_needs_watcher(const struct gyre_pool *pool)
{
    return pool->watching == 0 && jobs_in_hands(pool) > 0;
}

static void put_in_hand(struct gyre_pool *pool, struct worker *worker)
{
    struct gyre_work **slot = &worker->hand[worker->held++];
    struct gyre_link *link = list_pop(&pool->queue[0]);
    struct gyre_work *work = work_of_link(link);

    pool->queued--;
    link->prev = (struct gyre_link *)(void *)slot; /* where to look for it */
    work_set_state(work, WORK_HELD);
    __builtin_prefetch(&work->user);
    __atomic_store_n(slot, work, __ATOMIC_RELEASE);
}

/* How many jobs a worker is to take along. In a bounded queue each place counts. */
static unsigned hand_size(const struct gyre_pool *pool, const struct worker *worker)
{
    if (worker->pace == 0 || pool->opt.queue_limit > 0)
        return 0;
    uint64_t size = WAKE_TIME / worker->pace;
    return size < HAND_SIZE ? (unsigned)size : HAND_SIZE;
}

static void fill_hand(struct gyre_pool *pool, struct worker *worker)
{
    unsigned size = hand_size(pool, worker);

    worker->held = worker->tried = 0;
    while (worker->held < size && !list_is_empty(&pool->queue[0]))
        put_in_hand(pool, worker);
    worker->filled = worker->now;
    if (worker->held > 0)
        list_append(&pool->hands, &worker->in_hands);
}

/* End all that is in the queue without running it. */
static void end_queued(struct gyre_pool *pool, int status)
{
    pool->stats.cancelled += pool->queued;
    pool->queued = 0;
    for (int i = 0; i < POOL_PRIORITIES; i++)
        while (!list_is_empty(&pool->queue[i]))
            work_send_home(work_of_link(list_pop(&pool->queue[i])), status);
    pool_tell_waiters(pool);
}

/* ---- calling: one sleeping worker at a time, which calls the next if there is more to do */

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

/* Whether more jobs wait than workers are on the way. If not, from now on whoever submits another one
 * calls somebody, should there be as many as jobs. */
static bool needs_worker(struct gyre_pool *pool)
{
    for (;;) {
        size_t waiting = pool->queued + pool_needs_watcher(pool);
        size_t coming = pool->starting + __atomic_load_n(&pool->returning, __ATOMIC_RELAXED);

        if (waiting > coming)
            return true;
        if (waiting < coming || mailbox_set_idle(&pool->intake))
            return false;
        take_in(pool);
    }
}

/* See to it that somebody looks at what waits, in the queue and in hands: who is about to anyway, a
 * sleeping worker, new ones, or those that are busy now. True: signal a sleeping one. */
static bool call_worker(struct gyre_pool *pool)
{
    if (pool->waking > 0)
        return false;
    while (pool->sleeping > 0 || pool->threads < pool->opt.max_threads) {
        if (!needs_worker(pool))
            return false;
        if (pool->sleeping > 0) {
            pool->waking++;
            return true;
        }
        if (start_worker(pool) == 0)
            continue;
        if (pool->threads > 0)
            return false; /* the others have to do */
        end_queued(pool, -EAGAIN);
    }
    return false;
}

void pool_release(struct gyre_pool *pool)
{
    bool is_called = call_worker(pool);

    pool_unlock(pool);
    if (is_called)
        (void)pthread_cond_signal(&pool->work_came);
}

/* ---- taking */

bool pool_has_jobs(struct gyre_pool *pool, uint64_t now)
{
    take_in(pool);
    /* A long job among short ones must not keep those behind it from the other workers. */
    put_back_since(pool, now - HAND_PATIENCE);
    if (list_is_empty(&pool->queue[0]) && pool->queued > 0)
        put_all_back(pool); /* those of low priority come after them */
    return pool->queued > 0;
}

void pool_note_running(struct gyre_pool *pool)
{
    size_t running = pool->busy > pool->stats.max_busy ? pool_running(pool) : 0;

    if (running > pool->stats.max_busy)
        pool->stats.max_busy = (unsigned)running;
}

struct gyre_work *pool_take(struct gyre_pool *pool, struct worker *worker)
{
    struct gyre_work *work = work_of_link(list_pop(&pool->queue[list_is_empty(&pool->queue[0])]));
    pool->queued--;
    work_set_state(work, WORK_RUNNING);
    __atomic_store_n(&worker->is_running, true, __ATOMIC_RELAXED);
    pool->busy++;
    pool_note_running(pool);
    fill_hand(pool, worker);
    pool_tell_waiters(pool);
    pool_release(pool);
    return work;
}

/* Cancel what is in the hand of a worker, if it still is. */
static bool take_out_of_hand(struct gyre_work *work)
{
    struct gyre_link *link = __atomic_load_n(&work->call.link.prev, __ATOMIC_ACQUIRE);
    struct gyre_work **slot = (struct gyre_work **)(void *)link;
    struct gyre_work *expected = work;

    if (work_state_of(work) != WORK_HELD)
        return false; /* it may have run since, and the link is what it went home with */
    if (!__atomic_compare_exchange_n(slot, &expected, NULL, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
        return false;
    work_set_state(work, WORK_QUEUED);
    return true;
}

bool work_unqueue(struct gyre_work *work)
{
    struct gyre_pool *pool = work->user->pool;
    bool has_it = true;

    take_in(pool);
    switch (work_state_of(work)) {
    case WORK_QUEUED:
    case WORK_QUEUED_LOW:
        pool->queued--;
        list_remove(&work->call.link);
        break;
    case WORK_HELD:
        has_it = take_out_of_hand(work);
        break;
    case WORK_WAITING:
        list_remove(&work->call.link);
        return true;
    case WORK_IDLE:
    case WORK_RUNNING:
    case WORK_ENDED:
        return false;
    }
    pool->stats.cancelled += has_it;
    return has_it;
}

void pool_cancel_queued(struct gyre_pool *pool)
{
    take_in(pool);
    put_all_back(pool);
    end_queued(pool, -ECANCELED);
}

/* ---- submitting */

/* Nobody is there to run the jobs: refuse one that is in the queue, and end those that others have
 * put there meanwhile. */
static int refuse_job(struct gyre_pool *pool, struct gyre_work *work)
{
    list_remove(&work->call.link);
    pool->queued--;
    work_set_state(work, WORK_IDLE);
    end_queued(pool, -EAGAIN);
    return -EAGAIN;
}

static bool work_is_queued(const struct gyre_work *work)
{
    return work_state_of(work) == WORK_QUEUED || work_state_of(work) == WORK_QUEUED_LOW;
}

/* The work has been put into an idle intake. */
static int call_for(struct gyre_pool *pool, struct gyre_work *work)
{
    int err = 0;

    pool_lock(pool);
    take_in(pool);
    if (pool->threads == 0 && work_is_queued(work) && start_worker(pool) < 0)
        err = refuse_job(pool, work);
    pool_release(pool);
    return err;
}

static int submit_bounded(struct gyre_pool *pool, struct gyre_work *work)
{
    int err = 0;

    pool_lock(pool);
    if (pool->is_shut)
        err = -ESHUTDOWN;
    else if (pool->queued >= pool->opt.queue_limit)
        err = -EAGAIN;
    else if (pool->threads == 0 && start_worker(pool) < 0)
        err = -EAGAIN;
    if (err == 0) {
        work->call.link.next = NULL;
        enqueue_all(pool, &work->call.link);
    }
    pool_release(pool);
    return err;
}

int pool_submit(struct gyre_pool *pool, struct gyre_work *work, unsigned flags)
{
    work->status = 0;
    work->submitted = coarse(loop_time(work->call.loop));
    work_set_state(work, flags & GYRE_JOB_LOW ? WORK_QUEUED_LOW : WORK_QUEUED);
    if (pool->opt.queue_limit > 0)
        return submit_bounded(pool, work);

    int err = mailbox_put(&pool->intake, &work->call.link);
    return err > 0 ? call_for(pool, work) : err;
}

/* ---- counting */

size_t pool_waiting(struct gyre_pool *pool)
{
    take_in(pool);
    return pool->queued + jobs_in_hands(pool);
}

size_t pool_running(const struct gyre_pool *pool)
{
    size_t running = 0;

    for (struct gyre_link *link = pool->workers.next; link != &pool->workers; link = link->next)
        running += __atomic_load_n(&container_of(link, struct worker, in_pool)->is_running,
                                   __ATOMIC_RELAXED);
    return running;
}
