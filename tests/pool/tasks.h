/* Works and a pool for tests: what ran, how it ended, and where to hold a worker.
 *
 * Task i is tasks[i], static for the reason that gates are. A task writes its number into the
 * fixture's trace when it ends on the loop, and into `ran` on the worker.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_TASKS_H
#define GYRE_TEST_TASKS_H

#include "base/util.h"
#include "gate.h"
#include "gyre/pool.h"
#include "loop/core.h"
#include "support/fault.h"
#include "support/fixture.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TASK_LIMIT = 80, WATCHDOG_S = 110 };

struct task {
    struct gyre_work work;
    struct fixture *f;
    int id;
    int runs;                          /* on a worker; atomic */
    int ends;                          /* on the loop, */
    int status;                        /* the last time so */
    void (*inside)(struct task *task); /* what it does on the worker, if anything, */
    void (*after)(struct task *task);  /* and when it has ended */
};

static struct task tasks[TASK_LIMIT];
static struct gyre_pool *pool;

/* Holds what runs `hold`. */
static struct gate gate = GATE_INIT;

/* The numbers of the first tasks in the order in which they began. */
static int ran[TASK_LIMIT];
static int ran_count;

static inline void hold(struct task *task)
{
    (void)task;
    gate_pass(&gate);
}

static inline void run_task(struct gyre_work *work, void *arg)
{
    struct task *task = arg;

    int count = __atomic_fetch_add(&ran_count, 1, __ATOMIC_SEQ_CST);

    (void)work;
    if (count < TASK_LIMIT)
        ran[count] = task->id;
    __atomic_add_fetch(&task->runs, 1, __ATOMIC_SEQ_CST);
    if (task->inside)
        task->inside(task);
}

static inline void end_task(struct gyre_work *work, int status, void *arg)
{
    struct task *task = arg;

    assert_ptr_equal(work, &task->work);
    task->ends++;
    task->status = status;
    record(task->f, task->id);
    if (task->after)
        task->after(task);
}

static inline int runs_of(int i)
{
    return __atomic_load_n(&tasks[i].runs, __ATOMIC_SEQ_CST);
}

/* ------------------------------------------------------------------ the pool */

static inline struct gyre_pool_options pool_options(unsigned max_threads)
{
    return (struct gyre_pool_options){
        .size = sizeof(struct gyre_pool_options),
        .max_threads = max_threads,
        .allocator = &test_allocator,
    };
}

static inline struct gyre_pool *make_pool(unsigned max_threads)
{
    struct gyre_pool_options opt = pool_options(max_threads);
    struct gyre_pool *made = NULL;

    assert_int_equal(gyre_pool_create(&opt, &made), 0);
    return made;
}

/* Destroy `pool`, and wait for what runs. */
static inline void end_pool(void)
{
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
    pool = NULL;
}

static inline struct gyre_pool_stats stats_of(struct gyre_pool *p)
{
    struct gyre_pool_stats stats = { .size = sizeof(stats) };

    assert_int_equal(gyre_pool_get_stats(p, &stats), 0);
    return stats;
}

/* ------------------------------------------------------------------ tasks */

/* Wait until one that has run is on its way to the loop, which its count in the statistics comes
 * before. */
static inline void await_news(const struct gyre_loop *loop)
{
    while (!inbox_has_news(&loop->inbox))
        (void)sched_yield();
}

/* Tie task i to a loop. */
static inline struct task *init_task(struct fixture *f, struct gyre_loop *loop, int i,
                                     void (*inside)(struct task *))
{
    struct task *task = &tasks[i];

    task->f = f;
    task->id = i;
    task->inside = inside;
    assert_int_equal(gyre_work_init(&task->work, loop, run_task, end_task, task), 0);
    return task;
}

static inline struct task *submit(struct fixture *f, int i, void (*inside)(struct task *))
{
    struct task *task = init_task(f, f->loop, i, inside);

    assert_int_equal(gyre_work_submit(&task->work, pool, 0), 0);
    return task;
}

/* Tasks `from` to `to`, that one included. */
static inline void submit_all(struct fixture *f, int from, int to, void (*inside)(struct task *))
{
    for (int i = from; i <= to; i++)
        (void)submit(f, i, inside);
}

/* Run the loop until all that was submitted has ended. */
static inline void run_all(struct fixture *f)
{
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
}

/* Give others the processor, for a test that asks again and again. */
static inline void pause_a_little(void)
{
    static const struct timespec moment = { .tv_nsec = 1000000 };

    (void)nanosleep(&moment, NULL);
}

/* ------------------------------------------------------------------ setup and teardown */

static inline void reset_tasks(void)
{
    memset(tasks, 0, sizeof(tasks));
    ran_count = 0;
    gate_close(&gate);
    (void)alarm(WATCHDOG_S);
}

/* A loop, and a pool of one thread. */
static inline int pool_setup(void **state)
{
    reset_tasks();
    if (setup(state) < 0)
        return -1;
    pool = make_pool(1);
    return 0;
}

static inline int pool_setup_virtual(void **state)
{
    reset_tasks();
    if (setup_virtual(state) < 0)
        return -1;
    pool = make_pool(1);
    return 0;
}

/* The same without a pool. */
static inline int pool_setup_bare(void **state)
{
    reset_tasks();
    return setup(state);
}

/* What the test has not ended: the pool, and with the loop all the rest. */
static inline int pool_teardown(void **state)
{
    disarm_faults();
    gate_open(&gate);
    (void)gyre_pool_destroy(pool, GYRE_NEVER);
    pool = NULL;
    int err = teardown(state);
    (void)alarm(0);
    return err;
}

#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, pool_setup, pool_teardown)
#define VIRTUAL_POOL_TEST(name) \
    cmocka_unit_test_setup_teardown(name, pool_setup_virtual, pool_teardown)
#define POOLLESS_TEST(name) cmocka_unit_test_setup_teardown(name, pool_setup_bare, pool_teardown)

#endif
