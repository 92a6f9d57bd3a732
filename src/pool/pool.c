/* Pools: made, ended, and what can be asked of them.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "base/options.h"
#include "os/clock.h"
#include "os/thread.h"
#include "pool/core.h"

#include <limits.h>
#include <string.h>

enum { LEAST_THREADS = 4 };

#define IDLE_TIME GYRE_S(10)

/* ---- made */

static unsigned default_threads(void)
{
    unsigned count = worker_processors();

    if (count < LEAST_THREADS)
        return LEAST_THREADS;
    return count < POOL_THREADS_LIMIT ? count : POOL_THREADS_LIMIT;
}

static int copy_pool_options(struct gyre_pool_options *copy, const struct gyre_pool_options *opt)
{
    *copy = (struct gyre_pool_options){ .size = sizeof(*copy) };
    int err = opt ? options_copy(copy, sizeof(*copy), opt, opt->size) : 0;

    if (err < 0)
        return err;
    if (copy->max_threads == 0)
        copy->max_threads = default_threads();
    if (copy->idle_time == 0)
        copy->idle_time = IDLE_TIME;
    if (!copy->name)
        copy->name = "gyre";
    if (copy->max_threads > POOL_THREADS_LIMIT || copy->min_threads > copy->max_threads)
        return -EINVAL;
    if (copy->stack_size > 0 && !worker_may_have_stack(copy->stack_size))
        return -EINVAL;
    return copy->allocator ? options_check_allocator(copy->allocator) : 0;
}

static int init_locks(struct gyre_pool *pool)
{
    int err = -pthread_mutex_init(&pool->lock, NULL);

    if (err < 0)
        return err;
    err = worker_cond_init(&pool->work_came);
    if (err == 0) {
        err = worker_cond_init(&pool->work_ended);
        if (err == 0)
            return 0;
        (void)pthread_cond_destroy(&pool->work_came);
    }
    (void)pthread_mutex_destroy(&pool->lock);
    return err;
}

int gyre_pool_create(const struct gyre_pool_options *opt, struct gyre_pool **out)
{
    struct gyre_pool_options copy;

    if (!out)
        return -EINVAL;
    int err = copy_pool_options(&copy, opt);
    if (err == 0)
        err = thread_watch_forks();
    if (err < 0)
        return err;

    struct gyre_allocator allocator = copy.allocator ? *copy.allocator : memory_default;
    struct gyre_pool *pool = memory_alloc(&allocator, sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    *pool = (struct gyre_pool){ .refs = 1,
                                .forks = thread_forks,
                                .opt = copy,
                                .allocator = allocator,
                                .intake.head = MAILBOX_IDLE };
    err = init_locks(pool);
    if (err < 0) {
        memory_free(&allocator, pool, sizeof(*pool));
        return err;
    }
    strncpy(pool->name, copy.name, POOL_NAME_SIZE - 1);
    for (int i = 0; i < POOL_PRIORITIES; i++)
        list_init(&pool->queue[i]);
    list_init(&pool->workers);
    list_init(&pool->hands);
    list_init(&pool->room_waiters);
    list_init(&pool->end_waiters);
    *out = pool;
    return 0;
}

/* ---- ended */

static void free_pool(struct gyre_pool *pool)
{
    struct gyre_allocator allocator = pool->allocator;

    memory_free(&allocator, pool, sizeof(*pool));
}

void pool_unref_and_unlock(struct gyre_pool *pool)
{
    bool is_last = --pool->refs == 0;

    pool_unlock(pool);
    if (!is_last)
        return;
    (void)pthread_cond_destroy(&pool->work_ended);
    (void)pthread_cond_destroy(&pool->work_came);
    (void)pthread_mutex_destroy(&pool->lock);
    free_pool(pool);
}

static void send_all_home(struct gyre_link *list)
{
    while (!list_is_empty(list))
        work_send_home(work_of_link(list_pop(list)), 0);
}

static bool pool_has_room(const struct gyre_pool *pool)
{
    return pool->opt.queue_limit == 0 || pool->queued < pool->opt.queue_limit;
}

void pool_tell_waiters(struct gyre_pool *pool)
{
    if (unlikely(!list_is_empty(&pool->room_waiters)) && (pool_has_room(pool) || pool->is_shut))
        send_all_home(&pool->room_waiters);
    if (unlikely(!list_is_empty(&pool->end_waiters)) && pool->queued + pool->busy == 0)
        send_all_home(&pool->end_waiters);
    if (unlikely(pool->waiting_for_end > 0))
        (void)pthread_cond_broadcast(&pool->work_ended);
}

/* Wait until the idle threads have ended, and those that are busy or `deadline` has come. */
static void wait_for_threads(struct gyre_pool *pool, uint64_t deadline)
{
    bool is_time = true;

    pool->waiting_for_end++;
    while (pool->threads > (is_time ? 0 : pool_running(pool)))
        if (!worker_cond_wait(&pool->work_ended, &pool->lock, is_time ? deadline : GYRE_NEVER))
            is_time = false;
    pool->waiting_for_end--;
}

int gyre_pool_destroy(struct gyre_pool *pool, uint64_t max_wait)
{
    return pool && pool->is_of_loop ? -EPERM : pool_destroy(pool, max_wait);
}

int pool_destroy(struct gyre_pool *pool, uint64_t max_wait)
{
    if (!pool)
        return 0;
    if (pool->forks !=
        thread_forks) { /* a child has none of its threads, and perhaps a held lock */
        free_pool(pool);
        return 0;
    }
    if (worker_pool() == pool)
        return -EDEADLK;

    uint64_t deadline = max_wait == 0 ? 0 : gyre_time_add(clock_now(), max_wait);
    pool_lock(pool);
    pool_shut(pool);
    __atomic_store_n(&pool->is_destroyed, true, __ATOMIC_RELAXED);
    pool_cancel_queued(pool);
    (void)pthread_cond_broadcast(&pool->work_came);
    wait_for_threads(pool, deadline);

    int left = (int)pool->threads; /* not those that run jobs, who may be done by now */
    bool has_last = pool->has_last;
    pthread_t last = pool->last;
    pool->has_last = false;
    pool->is_alone = true;
    pool_unref_and_unlock(pool);
    if (has_last)
        (void)pthread_join(last, NULL);
    return left;
}

/* ---- questions */

static struct pool_counts count_all(const struct gyre_pool *pool)
{
    struct pool_counts sum = pool->counts;

    for (struct gyre_link *link = pool->workers.next; link != &pool->workers; link = link->next)
        pool_counts_add(&sum, &container_of(link, struct worker, in_pool)->counts);
    return sum;
}

int gyre_pool_get_stats(struct gyre_pool *pool, struct gyre_pool_stats *stats)
{
    if (!pool || !stats || stats->size < sizeof(*stats))
        return -EINVAL;
    if (pool->forks != thread_forks)
        return -EOWNERDEAD;

    size_t size = stats->size;
    pool_lock(pool);
    size_t waiting = pool_waiting(pool); /* first: it may be more than ever */
    *stats = pool->stats;
    stats->threads = pool->threads;
    stats->busy = (unsigned)pool_running(pool);
    stats->queued = waiting;
    struct pool_counts counts = count_all(pool);
    pool_unlock(pool);
    stats->size = size;
    stats->completed = counts.completed;
    memcpy(stats->wait_time, counts.wait_time, sizeof(counts.wait_time));
    memcpy(stats->run_time, counts.run_time, sizeof(counts.run_time));
    return 0;
}
