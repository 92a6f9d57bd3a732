/* Jobs as futures: their values and errors, cancelling, abandoning and progress.
 *
 * SPDX-License-Identifier: MIT */
#include "tasks.h"

/* What one job does, and what became of its argument and values. Static for the reason that gates
 * are. */
static struct {
    int runs;           /* atomic */
    int drops;          /* of the argument */
    int values_dropped; /* atomic */
    bool was_told;
    pthread_t dropped_on;
    int result; /* what the job returns */
} job;

static int job_setup(void **state)
{
    memset(&job, 0, sizeof(job));
    return pool_setup(state);
}

static int job_setup_virtual(void **state)
{
    memset(&job, 0, sizeof(job));
    return pool_setup_virtual(state);
}

#define JOB_TEST(name) cmocka_unit_test_setup_teardown(name, job_setup, pool_teardown)
#define VIRTUAL_JOB_TEST(name) \
    cmocka_unit_test_setup_teardown(name, job_setup_virtual, pool_teardown)

static void drop_arg(void *arg)
{
    assert_ptr_equal(arg, &job);
    job.drops++;
}

static void drop_value(void *value)
{
    (void)value;
    job.dropped_on = pthread_self();
    __atomic_add_fetch(&job.values_dropped, 1, __ATOMIC_SEQ_CST);
}

static int values_dropped(void)
{
    return __atomic_load_n(&job.values_dropped, __ATOMIC_SEQ_CST);
}

static void begin_job(void)
{
    __atomic_add_fetch(&job.runs, 1, __ATOMIC_SEQ_CST);
}

static int runs(void)
{
    return __atomic_load_n(&job.runs, __ATOMIC_SEQ_CST);
}

/* Passes the gate, returns a value and `result`. */
static int held_job(struct gyre_job *j, void *arg)
{
    begin_job();
    gate_pass(&gate);
    gyre_job_return(j, arg, drop_value);
    return job.result;
}

/* Runs until it is cancelled, and says so. */
static int obedient_job(struct gyre_job *j, void *arg)
{
    (void)arg;
    begin_job();
    while (!gyre_job_cancelled(j))
        (void)sched_yield();
    return -ECANCELED;
}

static struct gyre_future *offload(struct fixture *f, unsigned flags, gyre_job_fn *fn)
{
    return gyre_offload(f->loop, pool, flags, fn, drop_arg, &job);
}

/* Have the pool's only thread wait at the gate. */
static void keep_busy(struct fixture *f)
{
    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
}

/* ------------------------------------------------------------------ outcomes */

static void value_of_the_job_is_the_futures(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, 0, held_job);

    gate_open(&gate);
    assert_int_equal(gyre_loop_run_until(f->loop, future), GYRE_RUN_DONE);
    assert_int_equal(gyre_future_error(future), 0);
    assert_ptr_equal(gyre_future_peek(future), &job);
    assert_int_equal(values_dropped(), 0);
    gyre_future_unref(future);
    assert_int_equal(values_dropped(), 1);
    assert_int_equal(job.drops, 0); /* fn had the argument */
}

static void taken_value_is_not_dropped(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, 0, held_job);

    gate_open(&gate);
    run_all(f);
    assert_ptr_equal(gyre_future_take(future), &job);
    gyre_future_unref(future);
    assert_int_equal(values_dropped(), 0);
}

static void error_of_the_job_is_the_futures_and_its_value_the_detail(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, 0, held_job);

    job.result = -EIO;
    gate_open(&gate);
    run_all(f);
    assert_int_equal(gyre_future_error(future), -EIO);
    assert_null(gyre_future_peek(future));
    assert_ptr_equal(gyre_future_detail(future), &job);
    assert_int_equal(values_dropped(), 0);
    gyre_future_unref(future);
    assert_int_equal(values_dropped(), 1);
}

static int job_without_value(struct gyre_job *j, void *arg)
{
    (void)j;
    (void)arg;
    return 0;
}

static void job_without_a_value_is_ok(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, 0, job_without_value);

    run_all(f);
    assert_int_equal(gyre_future_state(future), GYRE_FUTURE_OK);
    assert_null(gyre_future_peek(future));
    gyre_future_unref(future);
}

static int indecisive_job(struct gyre_job *j, void *arg)
{
    gyre_job_return(j, NULL, drop_value);
    gyre_job_return(j, j, drop_value);
    gyre_job_return(j, arg, drop_value);
    return 0;
}

static void replaced_values_are_dropped_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, 0, indecisive_job);

    while (stats_of(pool).completed == 0)
        (void)sched_yield();
    assert_int_equal(values_dropped(), 2);
    run_all(f);
    assert_ptr_equal(gyre_future_peek(future), &job);
    gyre_future_unref(future);
    assert_int_equal(values_dropped(), 3);
}

static void detached_job_goes_on_and_its_value_is_dropped(void **state)
{
    struct fixture *f = fixture_of(state);

    gyre_future_detach(offload(f, 0, held_job));
    gate_open(&gate);
    run_all(f);
    assert_int_equal(runs(), 1);
    assert_int_equal(values_dropped(), 1);
    assert_true(pthread_equal(job.dropped_on, pthread_self()));
}

/* ------------------------------------------------------------------ refusals: the argument stays yours */

static void assert_refused(struct gyre_future *future, int err)
{
    assert_int_equal(gyre_future_error(future), err);
    gyre_future_unref(future);
    assert_int_equal(job.drops, 0);
    assert_int_equal(runs(), 0);
}

static void bad_arguments_are_refused(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_refused(gyre_offload(NULL, pool, 0, held_job, drop_arg, &job), -EINVAL);
    assert_refused(gyre_offload(f->loop, pool, 0, NULL, drop_arg, &job), -EINVAL);
    assert_refused(offload(f, GYRE_JOB_ABANDON | GYRE_JOB_BORROWS, held_job), -EINVAL);
    assert_refused(offload(f, 8, held_job), -EINVAL);
    assert_int_equal(stats_of(pool).threads, 0);
}

static void full_queue_refuses(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool_options opt = pool_options(1);

    end_pool();
    opt.queue_limit = 1;
    assert_int_equal(gyre_pool_create(&opt, &pool), 0);
    keep_busy(f);
    (void)submit(f, 1, NULL);
    assert_refused(offload(f, 0, held_job), -EAGAIN);
    gate_open(&gate);
    run_all(f);
}

static void pool_that_was_shut_down_refuses(void **state)
{
    struct fixture *f = fixture_of(state);

    gyre_future_unref(gyre_pool_shutdown(f->loop, pool, GYRE_POOL_DRAIN, GYRE_NEVER));
    assert_refused(offload(f, 0, held_job), -ESHUTDOWN);
    run_all(f);
}

static void closed_loop_refuses(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_refused(offload(f, 0, held_job), -ESHUTDOWN);
}

/* ------------------------------------------------------------------ cancelled before it begins */

static void waiting_job_that_is_cancelled_never_runs(void **state)
{
    struct fixture *f = fixture_of(state);

    keep_busy(f);
    struct gyre_future *future = offload(f, 0, held_job);
    assert_true(gyre_future_cancel(future));
    assert_int_equal(gyre_future_state(future), GYRE_FUTURE_CANCELLED); /* D21: at once */
    assert_int_equal(gyre_future_reason(future), GYRE_REASON_REQUEST);
    (void)run_ready(f);
    assert_int_equal(job.drops, 1);
    gate_open(&gate);
    run_all(f);
    assert_int_equal(runs(), 0);
    gyre_future_unref(future);
}

static void waiting_job_goes_with_the_last_reference(void **state)
{
    struct fixture *f = fixture_of(state);

    keep_busy(f);
    gyre_future_unref(offload(f, 0, held_job));
    gate_open(&gate);
    run_all(f);
    assert_int_equal(runs(), 0);
    assert_int_equal(job.drops, 1);
}

static void job_whose_pool_is_destroyed_before_it_begins_is_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);

    keep_busy(f);
    struct gyre_future *future = offload(f, 0, held_job);
    struct gyre_future *other = offload(f, GYRE_JOB_ABANDON, held_job);
    assert_int_equal(gyre_pool_destroy(pool, 0), 1);
    pool = NULL;
    (void)run_ready(f);
    assert_int_equal(gyre_future_state(future), GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_state(other), GYRE_FUTURE_CANCELLED);
    assert_int_equal(job.drops, 2);
    gate_open(&gate);
    run_all(f);
    assert_int_equal(runs(), 0);
    gyre_future_unref(future);
    gyre_future_unref(other);
}

/* ------------------------------------------------------------------ cancelled while it runs */

static void running_job_is_told_and_may_agree(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, 0, obedient_job);

    while (runs() == 0)
        (void)sched_yield();
    assert_true(gyre_future_cancel(future));
    assert_true(gyre_future_is_cancelling(future));
    run_all(f);
    assert_int_equal(gyre_future_state(future), GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(future), GYRE_REASON_REQUEST);
    assert_int_equal(job.drops, 0);
    gyre_future_unref(future);
}

/* D9 */
static void running_job_that_completes_is_ok_although_it_was_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, 0, held_job);

    gate_await(&gate, 1);
    assert_true(gyre_future_cancel(future));
    gate_open(&gate);
    run_all(f);
    assert_int_equal(gyre_future_state(future), GYRE_FUTURE_OK);
    assert_ptr_equal(gyre_future_take(future), &job);
    gyre_future_unref(future);
}

/* D9 */
static void job_that_has_ended_but_is_not_home_is_ok_although_it_was_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, 0, held_job);

    gate_open(&gate);
    await_news(f->loop);
    assert_true(gyre_future_cancel(future));
    run_all(f);
    assert_int_equal(gyre_future_state(future), GYRE_FUTURE_OK);
    gyre_future_unref(future);
    assert_int_equal(values_dropped(), 1);
}

static void job_that_says_cancelled_without_being_asked_has_failed(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, 0, held_job);

    job.result = -ECANCELED;
    gate_open(&gate);
    run_all(f);
    assert_int_equal(gyre_future_state(future), GYRE_FUTURE_ERR);
    assert_int_equal(gyre_future_error(future), -ECANCELED);
    gyre_future_unref(future);
}

static void running_job_is_told_that_its_pool_ends(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, 0, obedient_job);

    while (runs() == 0)
        (void)sched_yield();
    end_pool();
    run_all(f);
    assert_int_equal(gyre_future_state(future), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(future);
}

/* ------------------------------------------------------------------ abandoned */

static void abandoned_job_is_cancelled_at_once_and_its_value_dropped_on_the_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, GYRE_JOB_ABANDON, held_job);

    gate_await(&gate, 1);
    assert_true(gyre_future_cancel(future));
    assert_int_equal(gyre_future_state(future), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(future);
    gate_open(&gate);
    await_news(f->loop);
    assert_int_equal(values_dropped(), 0);
    (void)run_ready(f);
    assert_int_equal(values_dropped(), 1);
    assert_true(pthread_equal(job.dropped_on, pthread_self()));
    assert_int_equal(job.drops, 0);
}

/* Nobody waits for it. */
static void abandoned_job_does_not_keep_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *future = offload(f, GYRE_JOB_ABANDON, held_job);

    gate_await(&gate, 1);
    assert_true(gyre_loop_is_alive(f->loop));
    assert_true(gyre_future_cancel(future));
    gyre_future_unref(future);
    run_all(f);
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 0);
    gate_open(&gate);
    await_news(f->loop);
    run_all(f);
    assert_int_equal(values_dropped(), 1);
}

static void virtual_clock_jumps_over_abandoned_jobs_but_no_others(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);
    struct gyre_future *sleep = gyre_sleep(f->loop, GYRE_S(60));
    struct gyre_future *future = offload(f, GYRE_JOB_ABANDON, held_job);

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    gate_await(&gate, 1);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_MS(1)), 0);
    assert_int_equal(gyre_loop_now(f->loop), begin);
    assert_true(gyre_future_cancel(future));
    gyre_future_unref(future);
    assert_int_equal(gyre_loop_run_until(f->loop, sleep), GYRE_RUN_DONE);
    assert_int_equal(gyre_loop_now(f->loop), begin + GYRE_S(60));
    gyre_future_unref(sleep);
    gate_open(&gate);
}

static void waiting_job_that_may_be_abandoned_is_taken_back_like_any_other(void **state)
{
    struct fixture *f = fixture_of(state);

    keep_busy(f);
    struct gyre_future *future = offload(f, GYRE_JOB_ABANDON, held_job);
    assert_true(gyre_future_cancel(future));
    gyre_future_unref(future);
    gate_open(&gate);
    run_all(f);
    assert_int_equal(job.drops, 1);
    assert_int_equal(runs(), 0);
}

/* ------------------------------------------------------------------ progress */

static struct fixture *progress_fixture;
static int late_post;

static void on_progress(void *arg)
{
    record(progress_fixture, (int)(intptr_t)arg);
}

static int reporting_job(struct gyre_job *j, void *arg)
{
    (void)arg;
    for (intptr_t i = 1; i <= 3; i++)
        (void)gyre_job_post(j, on_progress, NULL, (void *)i);
    return 0;
}

static void on_settled(struct gyre_call *call, void *arg)
{
    (void)call;
    record(arg, 99);
}

static void progress_comes_in_order_and_before_the_result(void **state)
{
    struct fixture *f = progress_fixture = fixture_of(state);
    struct gyre_future *future = offload(f, 0, reporting_job);
    struct gyre_call then = { 0 };

    assert_int_equal(gyre_call_init(&then, f->loop, on_settled, f), 0);
    assert_int_equal(gyre_future_on_done(future, &then), 0);
    run_all(f);
    ASSERT_TRACE(f, 1, 2, 3, 99);
    gyre_future_unref(future);
}

static int late_job(struct gyre_job *j, void *arg)
{
    begin_job();
    gate_pass(&gate);
    late_post = gyre_job_post(j, on_progress, drop_value, arg);
    return gyre_job_post(j, NULL, NULL, NULL) == -EINVAL ? 0 : -EIO;
}

static void progress_of_an_abandoned_job_is_refused(void **state)
{
    struct fixture *f = progress_fixture = fixture_of(state);
    struct gyre_future *future = offload(f, GYRE_JOB_ABANDON, late_job);

    gate_await(&gate, 1);
    assert_true(gyre_future_cancel(future));
    gyre_future_unref(future);
    gate_open(&gate);
    while (stats_of(pool).completed == 0)
        (void)sched_yield();
    (void)run_ready(f);
    assert_int_equal(late_post, -ESHUTDOWN);
    assert_int_equal(values_dropped(), 0);
    assert_int_equal(f->trace_count, 0);
}

static void progress_of_a_job_that_is_being_cancelled_is_heard(void **state)
{
    struct fixture *f = progress_fixture = fixture_of(state);
    struct gyre_future *future = offload(f, 0, late_job);

    gate_await(&gate, 1);
    assert_true(gyre_future_cancel(future));
    gate_open(&gate);
    run_all(f);
    assert_int_equal(late_post, 0);
    assert_int_equal(f->trace_count, 1);
    assert_int_equal(gyre_future_error(future), 0);
    gyre_future_unref(future);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        JOB_TEST(value_of_the_job_is_the_futures),
        JOB_TEST(taken_value_is_not_dropped),
        JOB_TEST(error_of_the_job_is_the_futures_and_its_value_the_detail),
        JOB_TEST(job_without_a_value_is_ok),
        JOB_TEST(replaced_values_are_dropped_at_once),
        JOB_TEST(detached_job_goes_on_and_its_value_is_dropped),
        JOB_TEST(bad_arguments_are_refused),
        JOB_TEST(full_queue_refuses),
        JOB_TEST(pool_that_was_shut_down_refuses),
        JOB_TEST(closed_loop_refuses),
        JOB_TEST(waiting_job_that_is_cancelled_never_runs),
        JOB_TEST(waiting_job_goes_with_the_last_reference),
        JOB_TEST(job_whose_pool_is_destroyed_before_it_begins_is_cancelled),
        JOB_TEST(running_job_is_told_and_may_agree),
        JOB_TEST(running_job_that_completes_is_ok_although_it_was_cancelled),
        JOB_TEST(job_that_has_ended_but_is_not_home_is_ok_although_it_was_cancelled),
        JOB_TEST(job_that_says_cancelled_without_being_asked_has_failed),
        JOB_TEST(running_job_is_told_that_its_pool_ends),
        JOB_TEST(abandoned_job_is_cancelled_at_once_and_its_value_dropped_on_the_loop),
        JOB_TEST(abandoned_job_does_not_keep_the_loop_alive),
        VIRTUAL_JOB_TEST(virtual_clock_jumps_over_abandoned_jobs_but_no_others),
        JOB_TEST(waiting_job_that_may_be_abandoned_is_taken_back_like_any_other),
        JOB_TEST(progress_comes_in_order_and_before_the_result),
        JOB_TEST(progress_of_an_abandoned_job_is_refused),
        JOB_TEST(progress_of_a_job_that_is_being_cancelled_is_heard),
    };

    return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
