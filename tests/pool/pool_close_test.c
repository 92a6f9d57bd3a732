/* Loops that are closed while their jobs wait, run, are on their way home, or home.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/core.h"
#include "tasks.h"

static int value_drops; /* atomic */
static int arg_drops;   /* atomic */
static pthread_t dropped_on;
static int job_post_result;

static struct gate drop_gate = GATE_INIT;

static int close_setup(void **state)
{
    value_drops = arg_drops = 0;
    return pool_setup(state);
}

static int close_teardown(void **state)
{
    gate_open(&drop_gate);
    return pool_teardown(state);
}

#define CLOSE_TEST(name) cmocka_unit_test_setup_teardown(name, close_setup, close_teardown)

static void drop_value(void *value)
{
    (void)value;
    dropped_on = pthread_self();
    __atomic_add_fetch(&value_drops, 1, __ATOMIC_SEQ_CST);
}

static void drop_arg(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&arg_drops, 1, __ATOMIC_SEQ_CST);
}

static void never_called(void *arg)
{
    (void)arg;
    fail();
}

/* A job with a value, which is held, and tries to post when it goes on. */
static int held_job(struct gyre_job *job, void *arg)
{
    gate_pass(&gate);
    if (arg)
        job_post_result = gyre_job_post(job, never_called, NULL, NULL);
    gyre_job_return(job, arg, drop_value);
    return 0;
}

static struct gyre_future *offload(struct fixture *f, unsigned flags)
{
    return gyre_offload(f->loop, pool, flags, held_job, drop_arg, f);
}

static void close_loop(struct fixture *f)
{
    assert_int_equal(gyre_loop_close(f->loop), 0);
}

static void destroy_loop(struct fixture *f)
{
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
}

static void await_completed(uint64_t count)
{
    while (stats_of(pool).completed < count)
        (void)sched_yield();
}

/* ------------------------------------------------------------------ works, in the user's memory */

static void waiting_work_is_given_back_and_never_runs(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    (void)init_task(f, other, 0, hold);
    assert_int_equal(gyre_work_submit(&tasks[0].work, pool, 0), 0);
    gate_await(&gate, 1);
    submit_all(f, 1, 3, NULL);
    close_loop(f);
    memset(&tasks[1], 0x55, sizeof(tasks[1])); /* it is mine */
    assert_int_equal(stats_of(pool).queued, 0);
    assert_int_equal(stats_of(pool).cancelled, 3);
    gate_open(&gate);
    assert_int_equal(gyre_loop_run(other), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 0);
    assert_int_equal(runs_of(2) + runs_of(3), 0);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

static void run_until_told(struct task *task)
{
    gate_pass(&gate);
    while (!gyre_work_cancelled(&task->work))
        (void)sched_yield();
}

static void close_tells_running_work_and_waits_for_it(void **state)
{
    struct fixture *f = fixture_of(state);

    gate_open(&gate);
    (void)submit(f, 0, run_until_told);
    gate_await(&gate, 1);
    close_loop(f);
    assert_int_equal(stats_of(pool).busy, 0);
    assert_int_equal(f->trace_count, 0); /* done is not called */
    memset(&tasks[0], 0x55, sizeof(tasks[0]));
}

/* A worker must not begin it when the first one, for which the close waits, has ended. */
static void work_behind_one_that_close_waits_for_never_runs(void **state)
{
    struct fixture *f = fixture_of(state);

    gate_open(&gate);
    submit_all(f, 0, 3, run_until_told);
    gate_await(&gate, 1);
    close_loop(f);
    assert_int_equal(runs_of(0), 1);
    assert_int_equal(runs_of(1) + runs_of(2) + runs_of(3), 0);
    assert_int_equal(stats_of(pool).completed, 1);
}

static void work_on_its_way_home_is_given_back(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, NULL);
    await_news(f->loop);
    close_loop(f);
    assert_int_equal(f->trace_count, 0);
    assert_false(gyre_work_is_started(&tasks[0].work));
}

static void cancelled_work_that_was_not_called_yet_is_given_back(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    submit_all(f, 1, 2, NULL);
    assert_true(gyre_work_cancel(&tasks[1].work));
    assert_true(gyre_work_cancel(&tasks[2].work));
    gate_open(&gate);
    close_loop(f);
    assert_int_equal(f->trace_count, 0);
    assert_false(gyre_work_is_started(&tasks[1].work));
    assert_false(gyre_work_cancel(&tasks[2].work));
}

static void work_of_a_closed_loop_can_be_used_on_another(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, NULL);
    await_completed(1);
    destroy_loop(f);
    f->loop = make_loop();
    (void)submit(f, 0, NULL);
    run_all(f);
    ASSERT_TRACE(f, 0);
    assert_int_equal(runs_of(0), 2);
}

/* ------------------------------------------------------------------ jobs, in the library's */

static void waiting_job_never_runs_and_its_argument_is_dropped(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    (void)init_task(f, other, 0, hold);
    assert_int_equal(gyre_work_submit(&tasks[0].work, pool, 0), 0);
    gate_await(&gate, 1);
    struct gyre_future *future = offload(f, 0);
    close_loop(f);
    assert_int_equal(arg_drops, 1);
    assert_int_equal(gyre_future_reason(future), GYRE_REASON_CLOSED);
    gyre_future_unref(future);
    gate_open(&gate);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

/* D21: it is detached; its value is dropped on the worker, the loop being gone. */
static void running_job_goes_on_alone(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, 0);

    gate_await(&gate, 1);
    destroy_loop(f);
    assert_int_equal(gyre_future_reason(future), GYRE_REASON_CLOSED);
    gyre_future_unref(future);
    assert_int_equal(value_drops, 0);
    gate_open(&gate);
    end_pool();
    assert_int_equal(value_drops, 1);
    assert_int_equal(arg_drops, 0);
    assert_int_equal(job_post_result, -ESHUTDOWN);
    assert_false(pthread_equal(dropped_on, pthread_self()));
}

static int job_until_told(struct gyre_job *job, void *arg)
{
    (void)arg;
    gate_pass(&gate);
    while (!gyre_job_cancelled(job))
        (void)sched_yield();
    return 0;
}

static void running_job_is_told_that_its_loop_is_closed(void **state)
{
    struct fixture *f = fixture_of(state);

    gate_open(&gate);
    gyre_future_detach(gyre_offload(f->loop, pool, 0, job_until_told, NULL, NULL));
    gate_await(&gate, 1);
    close_loop(f);
    await_completed(1);
}

/* The loop waits for a work of the user's meanwhile. */
static int job_that_ends_first(struct gyre_job *job, void *arg)
{
    gate_pass(&gate);
    while (!gyre_job_cancelled(job))
        (void)sched_yield();
    gyre_job_return(job, arg, drop_value);
    return 0;
}

static void run_until_the_job_has_ended(struct task *task)
{
    gate_pass(&gate);
    while (!gyre_work_cancelled(&task->work))
        (void)sched_yield();
    while (__atomic_load_n(&value_drops, __ATOMIC_SEQ_CST) == 0)
        (void)sched_yield();
}

static void job_may_end_while_close_waits_for_a_work(void **state)
{
    struct fixture *f = fixture_of(state);

    end_pool();
    pool = make_pool(2);
    gate_open(&gate);
    (void)submit(f, 0, run_until_the_job_has_ended);
    gyre_future_detach(gyre_offload(f->loop, pool, 0, job_that_ends_first, NULL, f));
    gate_await(&gate, 2);
    close_loop(f);
    assert_int_equal(value_drops, 1);
}

static void close_waits_for_a_job_that_borrows(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future =
        gyre_offload(f->loop, pool, GYRE_JOB_BORROWS, job_that_ends_first, drop_arg, f);

    gate_open(&gate);
    gate_await(&gate, 1);
    close_loop(f);
    assert_int_equal(stats_of(pool).busy, 0);
    assert_int_equal(value_drops, 1);
    assert_true(pthread_equal(dropped_on, pthread_self()));
    assert_int_equal(gyre_future_reason(future), GYRE_REASON_CLOSED);
    gyre_future_unref(future);
}

static void job_that_borrows_and_waits_is_dropped_like_any_other(void **state)
{
    struct fixture *f = fixture_of(state);

    gyre_future_detach(offload(f, 0));
    gate_await(&gate, 1);
    struct gyre_future *future = offload(f, GYRE_JOB_BORROWS);
    close_loop(f);
    assert_int_equal(arg_drops, 1);
    gyre_future_unref(future);
}

static void job_on_its_way_home_is_dropped_on_the_loops_thread(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, 0);

    gate_open(&gate);
    await_news(f->loop);
    close_loop(f);
    assert_int_equal(value_drops, 1);
    assert_true(pthread_equal(dropped_on, pthread_self()));
    gyre_future_unref(future);
}

static void abandoned_job_is_dropped_on_the_worker(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, GYRE_JOB_ABANDON);

    gate_await(&gate, 1);
    assert_true(gyre_future_cancel(future));
    gyre_future_unref(future);
    destroy_loop(f);
    gate_open(&gate);
    end_pool();
    assert_int_equal(value_drops, 1);
    assert_false(pthread_equal(dropped_on, pthread_self()));
}

static void release(void *arg)
{
    gyre_future_unref(arg);
}

/* What is dropped may hold the last reference of a future that is settled, or is not yet. */
static void dropped_argument_may_let_go_of_futures(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *settled = gyre_future_create(f->loop);
    struct gyre_future *pending = gyre_sleep(f->loop, GYRE_S(5));

    assert_int_equal(gyre_future_resolve(settled, f, drop_value), 0);
    (void)submit(f, 0, run_until_told);
    gate_await(&gate, 1);
    gyre_future_detach(gyre_offload(f->loop, pool, 0, held_job, release, settled));
    gyre_future_detach(gyre_offload(f->loop, pool, 0, held_job, release, pending));
    gate_open(&gate);
    close_loop(f);
    assert_int_equal(value_drops, 1);
}

static void drop_slowly(void *value)
{
    gate_pass(&drop_gate);
    drop_value(value);
}

static int job_of_slow_value(struct gyre_job *job, void *arg)
{
    gate_pass(&gate);
    gyre_job_return(job, arg, drop_slowly);
    return 0;
}

static unsigned workers_asleep(void)
{
    pool_lock(pool);
    unsigned count = pool->sleeping;
    pool_unlock(pool);
    return count;
}

/* Two threads: one drops the value of task 0, whose loop is closed, the other is idle. Its jobs go
 * to the loop that is returned. */
static struct gyre_loop *leave_worker_dropping(struct fixture *f)
{
    struct gyre_loop *other = make_loop();

    end_pool();
    pool = make_pool(2);
    gate_close(&drop_gate);
    gyre_future_detach(gyre_offload(f->loop, pool, 0, job_of_slow_value, NULL, f));
    (void)init_task(f, other, 1, hold);
    assert_int_equal(gyre_work_submit(&tasks[1].work, pool, 0), 0);
    gate_await(&gate, 2);
    close_loop(f);
    gate_open(&gate);
    gate_await(&drop_gate, 1);
    assert_int_equal(gyre_loop_run(other), GYRE_RUN_DONE);
    while (workers_asleep() == 0)
        (void)sched_yield();
    return other;
}

/* It may take its time. */
static void jobs_do_not_wait_for_a_worker_that_drops_a_value(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = leave_worker_dropping(f);

    (void)init_task(f, other, 2, NULL);
    assert_int_equal(gyre_work_submit(&tasks[2].work, pool, 0), 0);
    for (int i = 0; i < 2000 && runs_of(2) == 0; i++)
        pause_a_little();
    assert_int_equal(runs_of(2), 1);
    gate_open(&drop_gate);
    assert_int_equal(gyre_loop_run(other), GYRE_RUN_DONE);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

static void destroy_without_waiting_leaves_a_worker_that_drops_a_value_alone(void **state)
{
    struct gyre_loop *other = leave_worker_dropping(fixture_of(state));

    assert_int_equal(stats_of(pool).busy, 1);
    assert_int_equal(gyre_pool_destroy(pool, 0), 1);
    pool = NULL;
    assert_int_equal(value_drops, 0);
    gate_open(&drop_gate);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

/* ------------------------------------------------------------------ several loops */

static void loops_of_one_pool_close_without_each_other(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    end_pool();
    pool = make_pool(2);
    gyre_future_detach(offload(f, 0));
    (void)init_task(f, other, 1, hold);
    assert_int_equal(gyre_work_submit(&tasks[1].work, pool, 0), 0);
    gate_await(&gate, 2);
    (void)init_task(f, other, 2, NULL);
    assert_int_equal(gyre_work_submit(&tasks[2].work, pool, 0), 0);
    gyre_future_detach(offload(f, 0));
    destroy_loop(f);
    gate_open(&gate);
    assert_int_equal(gyre_loop_run(other), GYRE_RUN_DONE);
    assert_int_equal(tasks[1].ends + tasks[2].ends, 2);
    assert_int_equal(gyre_loop_destroy(other), 0);
    await_completed(3);
    assert_int_equal(arg_drops, 1);
}

static void own_pool_ends_with_its_loop(void **state)
{
    struct fixture *f = fixture_of(state);

    end_pool();
    for (int i = 0; i < 8; i++)
        (void)submit(f, i, NULL);
    run_all(f);
    assert_true(count_threads() > f->threads_before);
    destroy_loop(f); /* teardown counts the threads */
}

static void pool_destroyed_before_the_loop_is_closed(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    gyre_future_detach(offload(f, 0));
    struct gyre_future *end = gyre_pool_shutdown(f->loop, pool, GYRE_POOL_DRAIN, GYRE_NEVER);
    assert_int_equal(gyre_pool_destroy(pool, 0), 1);
    pool = NULL;
    gate_open(&gate);
    destroy_loop(f);
    assert_int_equal(arg_drops, 1);
    assert_int_equal(gyre_future_reason(end), GYRE_REASON_CLOSED);
    gyre_future_unref(end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLOSE_TEST(waiting_work_is_given_back_and_never_runs),
        CLOSE_TEST(close_tells_running_work_and_waits_for_it),
        CLOSE_TEST(work_behind_one_that_close_waits_for_never_runs),
        CLOSE_TEST(work_on_its_way_home_is_given_back),
        CLOSE_TEST(cancelled_work_that_was_not_called_yet_is_given_back),
        CLOSE_TEST(work_of_a_closed_loop_can_be_used_on_another),
        CLOSE_TEST(waiting_job_never_runs_and_its_argument_is_dropped),
        CLOSE_TEST(running_job_goes_on_alone),
        CLOSE_TEST(running_job_is_told_that_its_loop_is_closed),
        CLOSE_TEST(job_may_end_while_close_waits_for_a_work),
        CLOSE_TEST(close_waits_for_a_job_that_borrows),
        CLOSE_TEST(job_that_borrows_and_waits_is_dropped_like_any_other),
        CLOSE_TEST(job_on_its_way_home_is_dropped_on_the_loops_thread),
        CLOSE_TEST(abandoned_job_is_dropped_on_the_worker),
        CLOSE_TEST(dropped_argument_may_let_go_of_futures),
        CLOSE_TEST(jobs_do_not_wait_for_a_worker_that_drops_a_value),
        CLOSE_TEST(destroy_without_waiting_leaves_a_worker_that_drops_a_value_alone),
        CLOSE_TEST(loops_of_one_pool_close_without_each_other),
        CLOSE_TEST(own_pool_ends_with_its_loop),
        CLOSE_TEST(pool_destroyed_before_the_loop_is_closed),
    };

    return cmocka_run_group_tests_name("pool close", tests, NULL, NULL);
}
