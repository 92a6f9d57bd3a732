/* gyre_pool_shutdown: both modes, their deadlines, and what may happen while it waits.
 *
 * SPDX-License-Identifier: MIT */
#include "tasks.h"

static struct gyre_future *shut(struct fixture *f, enum gyre_pool_mode mode, uint64_t deadline)
{
    return gyre_pool_shutdown(f->loop, pool, mode, deadline);
}

/* The future is OK, and so many jobs were left; ends it. */
static void assert_left(struct gyre_future *end, intptr_t left)
{
    assert_int_equal(gyre_future_error(end), 0);
    assert_int_equal((intptr_t)gyre_future_peek(end), left);
    gyre_future_unref(end);
}

static void assert_pending(struct gyre_future *end)
{
    assert_int_equal(gyre_future_state(end), GYRE_FUTURE_PENDING);
}

/* One runs and is held, tasks 1 to 3 wait. */
static void hold_one_of_four(struct fixture *f)
{
    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    submit_all(f, 1, 3, NULL);
}

/* ------------------------------------------------------------------ modes */

static void drain_runs_what_waits(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_one_of_four(f);
    struct gyre_future *end = shut(f, GYRE_POOL_DRAIN, GYRE_NEVER);
    (void)run_ready(f);
    assert_pending(end);
    gate_open(&gate);
    run_all(f);
    assert_left(end, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(tasks[i].status, 0);
}

static void cancel_queued_ends_what_waits_and_awaits_what_runs(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_one_of_four(f);
    struct gyre_future *end = shut(f, GYRE_POOL_CANCEL_QUEUED, GYRE_NEVER);
    (void)run_ready(f);
    ASSERT_TRACE(f, 1, 2, 3);
    assert_pending(end);
    gate_open(&gate);
    run_all(f);
    assert_left(end, 0);
    assert_int_equal(tasks[0].status, 0);
    assert_int_equal(tasks[3].status, -ECANCELED);
    assert_int_equal(runs_of(3), 0);
}

static void jobs_are_refused_from_then_on(void **state)
{
    for (int mode = GYRE_POOL_DRAIN; mode <= GYRE_POOL_CANCEL_QUEUED; mode++) {
        struct fixture *f = fixture_of(state);

        pool = make_pool(1);
        struct gyre_future *end = shut(f, (enum gyre_pool_mode)mode, GYRE_NEVER);
        (void)init_task(f, f->loop, 0, NULL);
        assert_int_equal(gyre_work_submit(&tasks[0].work, pool, 0), -ESHUTDOWN);
        assert_false(gyre_work_is_started(&tasks[0].work));
        run_all(f);
        assert_left(end, 0);
        end_pool();
    }
}

/* The job that ended is on its way home before the news of the end, so it is called first. */
static void end_is_told_after_the_last_job(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    struct gyre_future *end = shut(f, GYRE_POOL_DRAIN, GYRE_NEVER);
    gate_open(&gate);
    assert_int_equal(gyre_loop_run_until(f->loop, end), GYRE_RUN_DONE);
    assert_int_equal(tasks[0].ends, 1);
    assert_left(end, 0);
}

static void idle_pool_has_ended_in_the_next_tick(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *end = shut(f, GYRE_POOL_DRAIN, GYRE_NEVER);

    assert_pending(end);
    (void)run_ready(f);
    assert_left(end, 0);
}

static void bad_arguments_are_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *bad[] = {
        gyre_pool_shutdown(f->loop, NULL, GYRE_POOL_DRAIN, 0),
        gyre_pool_shutdown(NULL, pool, GYRE_POOL_DRAIN, 0),
        shut(f, (enum gyre_pool_mode)(GYRE_POOL_CANCEL_QUEUED + 1), 0),
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(gyre_future_error(bad[i]), -EINVAL);
        gyre_future_unref(bad[i]);
    }
    (void)submit(f, 0, NULL); /* it has not been shut down */
    run_all(f);
}

/* ------------------------------------------------------------------ deadlines */

static void deadline_tells_how_many_are_left(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_one_of_four(f);
    struct gyre_future *end = shut(f, GYRE_POOL_DRAIN, gyre_loop_now(f->loop) + GYRE_S(5));
    assert_return_code(gyre_test_advance(f->loop, GYRE_S(4)), 0);
    assert_pending(end);
    assert_return_code(gyre_test_advance(f->loop, GYRE_S(1)), 0);
    assert_left(end, 4);
    gate_open(&gate); /* they go on */
    run_all(f);
    ASSERT_TRACE(f, 0, 1, 2, 3);
}

static void deadline_of_the_past_is_one_that_has_come(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_one_of_four(f);
    struct gyre_future *end = shut(f, GYRE_POOL_CANCEL_QUEUED, 0);
    assert_pending(end);
    (void)run_ready(f);
    assert_left(end, 1);
    gate_open(&gate);
}

static void end_before_the_deadline_leaves_no_timer(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, NULL);
    struct gyre_future *end = shut(f, GYRE_POOL_DRAIN, gyre_loop_now(f->loop) + GYRE_S(5));
    run_all(f); /* and would be -EDEADLK if it had to wait for the clock */
    assert_left(end, 0);
}

/* D27: news may come at any moment. */
static void virtual_clock_does_not_jump_to_the_deadline(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    struct gyre_future *end = shut(f, GYRE_POOL_DRAIN, begin + GYRE_S(5));
    assert_return_code(gyre_loop_run_once(f->loop, GYRE_MS(1)), 0);
    assert_pending(end);
    gate_open(&gate);
    run_all(f);
    assert_int_equal(gyre_loop_now(f->loop), begin);
    assert_left(end, 0);
}

/* ------------------------------------------------------------------ what else may end */

static void cancelled_shutdown_does_not_open_the_pool_again(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_one_of_four(f);
    struct gyre_future *end = shut(f, GYRE_POOL_DRAIN, gyre_loop_now(f->loop) + GYRE_S(5));
    assert_true(gyre_future_cancel(end));
    assert_int_equal(gyre_future_state(end), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(end);
    (void)init_task(f, f->loop, 4, NULL);
    assert_int_equal(gyre_work_submit(&tasks[4].work, pool, 0), -ESHUTDOWN);
    gate_open(&gate);
    run_all(f);
    ASSERT_TRACE(f, 0, 1, 2, 3);
}

static void several_may_wait_for_the_same_end(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    hold_one_of_four(f);
    struct gyre_future *drain = shut(f, GYRE_POOL_DRAIN, GYRE_NEVER);
    struct gyre_future *cancel = shut(f, GYRE_POOL_CANCEL_QUEUED, GYRE_NEVER);
    struct gyre_future *there = gyre_pool_shutdown(other, pool, GYRE_POOL_DRAIN, GYRE_NEVER);
    gate_open(&gate);
    run_all(f);
    assert_left(drain, 0);
    assert_left(cancel, 0);
    assert_int_equal(gyre_loop_run(other), GYRE_RUN_DONE);
    assert_left(there, 0);
    assert_int_equal(tasks[1].status, -ECANCELED);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

static void shutdown_wakes_those_who_wait_for_room(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool_options opt = pool_options(1);

    opt.queue_limit = 1;
    assert_int_equal(gyre_pool_create(&opt, &pool), 0);
    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    (void)submit(f, 1, NULL);
    struct gyre_future *room = gyre_pool_room(f->loop, pool);
    struct gyre_future *end = shut(f, GYRE_POOL_DRAIN, GYRE_NEVER);
    (void)run_ready(f);
    assert_int_equal(gyre_future_error(room), 0); /* to be refused, rather than wait for ever */
    gyre_future_unref(room);
    gate_open(&gate);
    run_all(f);
    assert_left(end, 0);
}

static void destroy_while_it_waits_tells_it_when_the_last_job_ends(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_one_of_four(f);
    struct gyre_future *end = shut(f, GYRE_POOL_DRAIN, gyre_loop_now(f->loop) + GYRE_S(5));
    assert_int_equal(gyre_pool_destroy(pool, 0), 1);
    pool = NULL;
    (void)run_ready(f);
    assert_pending(end);
    gate_open(&gate);
    run_all(f);
    assert_left(end, 0);
    ASSERT_TRACE(f, 1, 2, 3, 0);
}

static void deadline_after_destroy_still_counts(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_one_of_four(f);
    struct gyre_future *end = shut(f, GYRE_POOL_DRAIN, gyre_loop_now(f->loop) + GYRE_S(5));
    assert_int_equal(gyre_pool_destroy(pool, 0), 1);
    pool = NULL;
    assert_return_code(gyre_test_advance(f->loop, GYRE_S(5)), 0);
    assert_left(end, 1);
    gate_open(&gate);
    run_all(f);
}

static void closed_loop_waits_no_longer(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    hold_one_of_four(f);
    struct gyre_future *end =
        gyre_pool_shutdown(other, pool, GYRE_POOL_DRAIN, gyre_loop_now(other) + GYRE_S(500));
    struct gyre_future *room = gyre_pool_room(other, pool);
    assert_int_equal(gyre_loop_close(other), 0);
    assert_int_equal(gyre_future_reason(end), GYRE_REASON_CLOSED);
    assert_int_equal(gyre_future_reason(room), GYRE_REASON_CLOSED);
    assert_int_equal(gyre_loop_destroy(other), 0);
    gate_open(&gate);
    run_all(f);
    ASSERT_TRACE(f, 0, 1, 2, 3);
    gyre_future_unref(end);
    gyre_future_unref(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(drain_runs_what_waits),
        POOL_TEST(cancel_queued_ends_what_waits_and_awaits_what_runs),
        POOLLESS_TEST(jobs_are_refused_from_then_on),
        POOL_TEST(end_is_told_after_the_last_job),
        POOL_TEST(idle_pool_has_ended_in_the_next_tick),
        POOL_TEST(bad_arguments_are_refused),
        VIRTUAL_POOL_TEST(deadline_tells_how_many_are_left),
        VIRTUAL_POOL_TEST(deadline_of_the_past_is_one_that_has_come),
        VIRTUAL_POOL_TEST(end_before_the_deadline_leaves_no_timer),
        VIRTUAL_POOL_TEST(virtual_clock_does_not_jump_to_the_deadline),
        VIRTUAL_POOL_TEST(cancelled_shutdown_does_not_open_the_pool_again),
        POOL_TEST(several_may_wait_for_the_same_end),
        POOLLESS_TEST(shutdown_wakes_those_who_wait_for_room),
        VIRTUAL_POOL_TEST(destroy_while_it_waits_tells_it_when_the_last_job_ends),
        VIRTUAL_POOL_TEST(deadline_after_destroy_still_counts),
        POOL_TEST(closed_loop_waits_no_longer),
    };

    return cmocka_run_group_tests_name("pool shutdown", tests, NULL, NULL);
}
