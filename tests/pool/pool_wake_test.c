/* A worker wakes a loop that sleeps without the lock of the pool: what may happen meanwhile.
 *
 * SPDX-License-Identifier: MIT */
#include "tasks.h"

#include "os/sys.h"

/* Holds what a worker writes to wake a loop. */
static struct gate wake_gate = GATE_INIT;
static int writing; /* workers that do; atomic */
static pthread_t loop_thread;
static struct sys_table table;
static const struct sys_table *below;

static ssize_t held_write(int fd, const void *buf, size_t size)
{
    if (pthread_equal(pthread_self(), loop_thread))
        return below->write(fd, buf, size);
    __atomic_add_fetch(&writing, 1, __ATOMIC_SEQ_CST);
    gate_pass(&wake_gate);
    ssize_t result = below->write(fd, buf, size);
    __atomic_sub_fetch(&writing, 1, __ATOMIC_SEQ_CST);
    return result;
}

static int workers_writing(void)
{
    return __atomic_load_n(&writing, __ATOMIC_SEQ_CST);
}

static int wake_setup(void **state)
{
    int err = pool_setup_bare(state);

    gate_close(&gate);
    gate_close(&wake_gate);
    loop_thread = pthread_self();
    below = sys;
    table = *sys;
    table.write = held_write;
    sys = &table;
    return err;
}

static int wake_teardown(void **state)
{
    gate_open(&gate);
    gate_open(&wake_gate);
    return pool_teardown(state);
}

/* Let the task end now that the loop sleeps, and wait until its worker is about to wake it. */
static void end_task_in_sleep(void *arg)
{
    (void)arg;
    gate_open(&gate);
    gate_await(&wake_gate, 1);
}

/* Submit task 0 to a new pool, and run the loop until it has ended and its worker is held as it
 * wakes the loop, which has woken by itself. */
static void leave_worker_waking(struct fixture *f, unsigned threads)
{
    pool = make_pool(threads);
    (void)submit(f, 0, hold);
    at_next_wait(end_task_in_sleep, NULL);
    while (f->trace_count == 0)
        assert_int_not_equal(gyre_loop_run_once(f->loop, GYRE_MS(1)), -EDEADLK);
    ASSERT_TRACE(f, 0);
    assert_int_equal(workers_writing(), 1);
}

static void job_ends_though_its_worker_is_not_back(void **state)
{
    struct fixture *f = fixture_of(state);

    leave_worker_waking(f, 1);
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(stats_of(pool).busy, 0);
    assert_int_equal(stats_of(pool).completed, 1);
    gate_open(&wake_gate);
    end_pool();
}

static void worker_that_is_not_back_takes_the_next_job(void **state)
{
    struct fixture *f = fixture_of(state);

    leave_worker_waking(f, 4);
    (void)submit(f, 1, NULL);
    assert_int_equal(stats_of(pool).threads, 1);
    gate_open(&wake_gate);
    run_all(f);
    ASSERT_TRACE(f, 0, 1);
    assert_int_equal(stats_of(pool).max_threads, 1);
    end_pool();
}

static void others_take_what_it_cannot(void **state)
{
    struct fixture *f = fixture_of(state);

    leave_worker_waking(f, 4);
    gate_close(&gate);
    submit_all(f, 1, 4, hold);
    gate_await(&gate, 3); /* one is left for it */
    assert_int_equal(workers_writing(), 1);
    gate_open(&wake_gate);
    gate_await(&gate, 4);
    gate_open(&gate);
    run_all(f);
    assert_int_equal(f->trace_count, 5);
    end_pool();
}

/* When the loop has begun to close, as a running job is told, let the worker go on. */
static int let_go_at_close(struct gyre_job *job, void *arg)
{
    (void)arg;
    while (!gyre_job_cancelled(job))
        (void)sched_yield();
    gate_open(&wake_gate);
    return 0;
}

static void close_waits_for_a_worker_that_wakes_the_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *job;

    pool = make_pool(2);
    job = gyre_offload(f->loop, pool, 0, let_go_at_close, NULL, NULL);
    (void)submit(f, 0, hold);
    at_next_wait(end_task_in_sleep, NULL);
    while (f->trace_count == 0)
        (void)gyre_loop_run_once(f->loop, GYRE_MS(1));
    assert_int_equal(workers_writing(), 1);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(workers_writing(), 0);
    gyre_future_unref(job);
    end_pool();
}

#define WAKE_TEST(name) cmocka_unit_test_setup_teardown(name, wake_setup, wake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WAKE_TEST(job_ends_though_its_worker_is_not_back),
        WAKE_TEST(worker_that_is_not_back_takes_the_next_job),
        WAKE_TEST(others_take_what_it_cannot),
        WAKE_TEST(close_waits_for_a_worker_that_wakes_the_loop),
    };

    return cmocka_run_group_tests_name("pool wake", tests, NULL, NULL);
}
