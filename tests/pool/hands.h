/* Workers of the test's own: no thread runs them, so that each of their steps is the test's to make.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_HANDS_H
#define GYRE_TEST_HANDS_H

#include "os/clock.h"
#include "pool/core.h"
#include "tasks.h"

enum { WORKER_LIMIT = 3, NO_TASK = -1 };

static struct worker workers[WORKER_LIMIT];
static int runs_now[WORKER_LIMIT]; /* what each has taken last and has not run */
static bool is_out[WORKER_LIMIT];  /* it has taken something, and has not come back */
static int worker_count;

/* So that a worker takes `count` jobs along. */
static inline void set_pace(int i, unsigned count)
{
    workers[i].pace = count > 0 ? WAKE_TIME / count : WAKE_TIME + 1;
}

/* What it has in hand has been there for too long only if the test says so: for worker `by`. */
static inline void put_off(int i)
{
    workers[i].filled += GYRE_S(1000);
}

static inline void lose_patience(int by, int i)
{
    workers[by].now = workers[i].filled + HAND_PATIENCE;
}

/* Make a pool whose threads are `count` workers, whose jobs have been short so far, and perhaps
 * others. */
static inline void hire_with(struct gyre_pool_options opt, int count)
{
    assert_int_equal(gyre_pool_create(&opt, &pool), 0);
    pool_lock(pool);
    for (worker_count = 0; worker_count < count; worker_count++) {
        struct worker *worker = &workers[worker_count];

        *worker = (struct worker){ .pool = pool, .now = clock_now(), .pace = 1 };
        list_init(&worker->in_hands);
        list_append(&pool->workers, &worker->in_pool);
        pool->threads++;
        pool->refs++;
        runs_now[worker_count] = NO_TASK;
        is_out[worker_count] = false;
    }
    pool_unlock(pool);
}

static inline void hire(int count)
{
    hire_with(pool_options((unsigned)count), count);
}

static inline int number_of(struct gyre_work *work)
{
    return work ? container_of(work, struct task, work)->id : NO_TASK;
}

/* Let worker i take what there is from the queue: the number of the task that it is to run. */
static inline int take(int i)
{
    pool_lock(pool);
    if (!pool_has_jobs(pool, workers[i].now)) {
        pool_unlock(pool);
        return NO_TASK;
    }
    is_out[i] = true;
    return runs_now[i] = number_of(pool_take(pool, &workers[i]));
}

/* The next one that it has in hand. */
static inline int take_next(int i)
{
    return runs_now[i] = number_of(worker_next(&workers[i]));
}

/* Let it run what it has taken. */
static inline void run(int i)
{
    struct gyre_work *work = &tasks[runs_now[i]].work;

    runs_now[i] = NO_TASK;
    worker_run(&workers[i], work);
}

/* It has done what it took. */
static inline void come_back(int i)
{
    is_out[i] = false;
    worker_come_back(&workers[i]);
    pool_unlock(workers[i].pool);
}

/* Let it do all that it has taken. */
static inline void finish(int i)
{
    for (; runs_now[i] != NO_TASK; (void)take_next(i))
        run(i);
    come_back(i);
}

/* Let it take what there is, and do it, until there is no more. */
static inline void work_on(int i)
{
    while (take(i) != NO_TASK)
        finish(i);
}

/* How many tasks it has in hand. */
static inline size_t held_by(int i)
{
    size_t held = 0;

    for (unsigned slot = 0; slot < workers[i].held; slot++)
        held += workers[i].hand[slot] != NULL;
    return held;
}

static inline void assert_ran(const int *expected, int count)
{
    assert_int_equal(ran_count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(ran[i], expected[i]);
}

#define ASSERT_RAN(...)                      \
    assert_ran((const int[]){ __VA_ARGS__ }, \
               (int)(sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int)))

/* Let all workers do what they have taken, and end as threads do. */
static inline void dismiss(void)
{
    for (; worker_count > 0; worker_count--) {
        struct worker *worker = &workers[worker_count - 1];
        struct gyre_pool *p = worker->pool;

        if (is_out[worker_count - 1])
            finish(worker_count - 1);
        pool_lock(p);
        list_remove(&worker->in_pool);
        p->threads--;
        pool_tell_waiters(p);
        pool_unref_and_unlock(p);
    }
}

static inline int hand_teardown(void **state)
{
    dismiss();
    return pool_teardown(state);
}

#define HAND_TEST(name) cmocka_unit_test_setup_teardown(name, pool_setup_bare, hand_teardown)

#endif
