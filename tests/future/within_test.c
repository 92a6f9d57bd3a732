/* gyre_within: every order in which a result, the time and a cancellation can come.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

static struct gyre_future *within(struct gyre_future *f, uint64_t delay)
{
    return gyre_within(f, delay);
}

/* ------------------------------------------------------------------ in time */

static void result_in_time_is_the_result(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_op(1), GYRE_MS(10));
    advance(GYRE_MS(9));
    resolve_traced(1);
    assert_value(f, 1);
    advance(GYRE_MS(9));
    assert_value(f, 1);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 1);
}

static void error_in_time_is_the_error(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_op(1), GYRE_MS(10));
    fail_op(1, -EIO);
    assert_failed(f, -EIO);
    gyre_future_unref(f);
    assert_int_equal(report_count, 0);
}

static void cancellation_of_the_input_is_a_cancellation(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_op(1), GYRE_MS(10));
    gyre_future_cancel(ops[1].f);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    gyre_future_unref(f);
}

static void timer_does_not_keep_the_loop_alive_once_it_is_settled(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_op(1), GYRE_MS(10));
    assert_true(gyre_loop_is_alive(fixture->loop));
    resolve_op(1);
    assert_false(gyre_loop_is_alive(fixture->loop));
    gyre_future_unref(f);
}

static void limit_of_never_has_no_timer(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_op(1), GYRE_NEVER);
    struct gyre_future *g = gyre_within_until(make_op(2), GYRE_NEVER);
    assert_false(gyre_loop_is_alive(fixture->loop));
    advance(GYRE_S(1000000));
    assert_pending(f);
    assert_pending(g);
    gyre_future_unref(f);
    gyre_future_unref(g);
}

static void settled_input_goes_through_whatever_the_time(void **state)
{
    static const uint64_t delays[] = { 0, GYRE_MS(10), GYRE_NEVER };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
        make_op(1);
        resolve_op(1);
        struct gyre_future *f = within(ops[1].f, delays[i]);
        assert_value(f, 1);
        assert_false(gyre_loop_is_alive(fixture->loop));
        gyre_future_unref(f);
        make_op(2);
        fail_op(2, -EIO);
        f = gyre_within_until(ops[2].f, delays[i]);
        assert_failed(f, -EIO);
        gyre_future_unref(f);
    }
}

static void refused_input_is_the_result(void **state)
{
    (void)state;
    assert_refused(within(gyre_race(fixture->loop, 0, NULL), 0), -EINVAL);
    assert_refused(within(NULL, 0), -EINVAL);
    assert_refused(gyre_within_until(NULL, 0), -EINVAL);
}

static void input_with_an_owner_is_refused(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_op(1), GYRE_MS(10));
    assert_refused(within(ops[1].f, GYRE_MS(1)), -EBUSY);
    advance(GYRE_MS(5));
    assert_pending(f);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, CANCEL + 1);
}

/* ------------------------------------------------------------------ out of time */

static void input_is_cancelled_when_the_time_is_over(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_op(1), GYRE_MS(10));
    gyre_future_ref(ops[1].f);
    advance(GYRE_MS(10) - 1);
    assert_pending(f);
    advance(1);
    ASSERT_TRACE(fixture, CANCEL + 1);
    assert_failed(f, -ETIMEDOUT);
    assert_cancelled(ops[1].f, GYRE_REASON_TIMEOUT);
    gyre_future_unref(ops[1].f);
    gyre_future_unref(f);
}

static void loop_waits_no_longer_than_the_limit(void **state)
{
    (void)state;
    uint64_t begin = gyre_loop_now(fixture->loop);
    struct gyre_future *f = within(make_op(1), GYRE_MS(10));
    assert_int_equal(gyre_test_autojump(fixture->loop, true), 0);
    assert_int_equal(gyre_loop_run_until(fixture->loop, f), GYRE_RUN_DONE);
    assert_int_equal(gyre_loop_now(fixture->loop) - begin, GYRE_MS(10));
    assert_failed(f, -ETIMEDOUT);
    gyre_future_unref(f);
}

static void deadline_is_loop_time(void **state)
{
    (void)state;
    advance(GYRE_MS(3));
    uint64_t deadline = gyre_time_add(gyre_loop_now(fixture->loop), GYRE_MS(7));
    struct gyre_future *f = gyre_within_until(make_op(1), deadline);
    advance(GYRE_MS(7) - 1);
    assert_pending(f);
    advance(1);
    assert_failed(f, -ETIMEDOUT);
    gyre_future_unref(f);
}

static void deadline_in_the_past_cancels_at_once(void **state)
{
    (void)state;
    struct gyre_future *f = gyre_within_until(make_op(1), gyre_loop_now(fixture->loop));
    assert_failed(f, -ETIMEDOUT);
    gyre_future_unref(f);
    f = gyre_within_until(make_op(2), 0);
    assert_failed(f, -ETIMEDOUT);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, CANCEL + 1, CANCEL + 2);
}

static void delay_of_0_cancels_a_pending_input_at_once(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_op(1), 0);
    ASSERT_TRACE(fixture, CANCEL + 1);
    assert_failed(f, -ETIMEDOUT);
    gyre_future_unref(f);
}

static void delay_of_0_waits_for_an_input_that_takes_time(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_slow_op(1), 0);
    assert_pending(f);
    op_undone(1);
    assert_failed(f, -ETIMEDOUT);
    gyre_future_unref(f);
}

static void late_value_is_the_result(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_slow_op(1), GYRE_MS(10));
    advance(GYRE_MS(10));
    assert_pending(f);
    resolve_op(1);
    assert_value(f, 1);
    gyre_future_unref(f);
}

static void late_error_is_the_error(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_slow_op(1), GYRE_MS(10));
    advance(GYRE_MS(10));
    fail_op(1, -EIO);
    assert_failed(f, -EIO);
    gyre_future_unref(f);
}

static void timeout_that_nobody_looks_at_is_reported(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_op(1), GYRE_MS(10));
    advance(GYRE_MS(10));
    gyre_future_unref(f);
    assert_int_equal(report_count, 1);
    assert_int_equal(last_report, -ETIMEDOUT);
}

static void timeout_runs_the_continuations(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_op(1), GYRE_MS(10));
    watch(f, 5);
    watch(ops[1].f, 4);
    advance(GYRE_MS(10));
    ASSERT_TRACE(fixture, CANCEL + 1, DONE + 4, DONE + 5);
    assert_failed(f, -ETIMEDOUT);
    gyre_future_unref(f);
}

/* ------------------------------------------------------------------ cancelled from outside */

static void cancel_before_the_time_is_over_is_a_cancellation(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_op(1), GYRE_MS(10));
    gyre_future_cancel(f);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_false(gyre_loop_is_alive(fixture->loop));
    gyre_future_unref(f);
}

static void cancel_before_the_time_is_over_wins_over_a_later_timeout(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_slow_op(1), GYRE_MS(10));
    gyre_future_cancel(f);
    advance(GYRE_MS(20));
    op_undone(1);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, CANCEL + 1);
}

static void cancel_after_the_time_is_over_wins_over_the_timeout(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_slow_op(1), GYRE_MS(10));
    advance(GYRE_MS(20));
    assert_true(gyre_future_cancel(f));
    op_undone(1);
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, CANCEL + 1);
}

static void input_that_others_have_cancelled_before_the_time_is_over_is_no_timeout(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_slow_op(1), GYRE_MS(10));
    advance(GYRE_MS(5));
    gyre_future_cancel(ops[1].f);
    advance(GYRE_MS(10));
    op_undone(1);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, CANCEL + 1);
}

static void cancelled_scope_wins_over_the_timeout_and_is_the_cause(void **state)
{
    struct gyre_scope scope = { 0 };

    (void)state;
    assert_int_equal(gyre_scope_init(&scope, fixture->loop, NULL), 0);
    assert_int_equal(gyre_scope_enter(&scope), 0);
    struct gyre_future *f = within(make_slow_op(1), GYRE_MS(10));
    assert_int_equal(gyre_scope_leave(&scope), 0);
    gyre_scope_cancel(&scope);
    advance(GYRE_MS(20));
    op_undone(1);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_true(gyre_scope_caused(&scope, f));
    gyre_future_unref(f);
    gyre_scope_fini(&scope);
}

static void unref_stops_the_timer_and_cancels_the_input(void **state)
{
    (void)state;
    make_op(1);
    gyre_future_ref(ops[1].f);
    gyre_future_unref(within(ops[1].f, GYRE_MS(10)));
    assert_cancelled(ops[1].f, GYRE_REASON_DROPPED);
    assert_false(gyre_loop_is_alive(fixture->loop));
    gyre_future_unref(ops[1].f);
}

static void detached_within_still_ends_in_time(void **state)
{
    (void)state;
    gyre_future_detach(within(make_op(1), GYRE_MS(10)));
    advance(GYRE_MS(10));
    ASSERT_TRACE(fixture, CANCEL + 1);
    assert_int_equal(last_report, -ETIMEDOUT);
}

/* ------------------------------------------------------------------ the same tick */

static void input_that_completes_before_the_timeout_in_one_tick_is_ok(void **state)
{
    (void)state;
    struct gyre_future *f = within(gyre_sleep(fixture->loop, GYRE_MS(10)), GYRE_MS(10));
    advance(GYRE_MS(10));
    assert_ok(f);
    gyre_future_unref(f);
}

static void finish(void *arg)
{
    (void)gyre_future_resolve(arg, value_of(1), drop_value);
}

static void input_that_takes_time_and_completes_after_the_timeout_in_one_tick_is_ok(void **state)
{
    (void)state;
    struct gyre_future *f = within(make_op(1), GYRE_MS(10));
    gyre_future_ref(ops[1].f);
    ops[1].is_slow = true; /* so that its side ends with the result */
    assert_int_equal(gyre_call_later(fixture->loop, GYRE_MS(10), finish, ops[1].f), 0);
    advance(GYRE_MS(10));
    assert_value(f, 1); /* it completed nevertheless */
    gyre_future_unref(f);
    gyre_future_unref(ops[1].f);
    ASSERT_TRACE(fixture, CANCEL + 1, DROP + 1);
}

static void input_undone_by_the_timeout_makes_a_result_of_that_tick_too_late(void **state)
{
    (void)state;
    struct gyre_future *promise = gyre_future_create(fixture->loop); /* without a hook */
    struct gyre_future *f = within(gyre_future_ref(promise), GYRE_MS(10));
    assert_int_equal(gyre_call_later(fixture->loop, GYRE_MS(10), finish, promise), 0);
    advance(GYRE_MS(10));
    assert_failed(f, -ETIMEDOUT);
    ASSERT_TRACE(fixture, DROP + 1);
    gyre_future_unref(promise);
    gyre_future_unref(f);
}

static void timer_that_is_due_is_stopped_by_a_result_of_the_same_tick(void **state)
{
    (void)state;
    make_op(1);
    assert_int_equal(gyre_call_later(fixture->loop, GYRE_MS(10), finish, ops[1].f), 0);
    struct gyre_future *f = within(ops[1].f, GYRE_MS(10));
    assert_int_equal(gyre_test_advance(fixture->loop, GYRE_MS(10)), 1); /* only `finish` */
    assert_value(f, 1);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 1);
}

static struct gyre_future *to_unref;

static void give_back(void *arg)
{
    (void)arg;
    gyre_future_unref(to_unref);
}

static void timer_that_is_due_is_stopped_by_an_unref_of_the_same_tick(void **state)
{
    (void)state;
    make_op(1);
    assert_int_equal(gyre_call_later(fixture->loop, GYRE_MS(10), give_back, NULL), 0);
    to_unref = within(ops[1].f, GYRE_MS(10));
    assert_int_equal(gyre_test_advance(fixture->loop, GYRE_MS(10)), 1);
    ASSERT_TRACE(fixture, CANCEL + 1);
}

/* ------------------------------------------------------------------ nested */

static void outer_limit_that_is_shorter_is_a_timeout(void **state)
{
    (void)state;
    struct gyre_future *inner = within(make_op(1), GYRE_MS(20));
    struct gyre_future *f = within(inner, GYRE_MS(10));
    gyre_future_ref(inner);
    advance(GYRE_MS(10));
    assert_failed(f, -ETIMEDOUT);
    assert_cancelled(inner, GYRE_REASON_TIMEOUT);
    gyre_future_unref(inner);
    gyre_future_unref(f);
}

static void inner_limit_that_is_shorter_is_the_error_of_both(void **state)
{
    (void)state;
    struct gyre_future *f = within(within(make_op(1), GYRE_MS(10)), GYRE_MS(20));
    advance(GYRE_MS(10));
    assert_failed(f, -ETIMEDOUT);
    assert_false(gyre_loop_is_alive(fixture->loop));
    gyre_future_unref(f);
    assert_int_equal(report_count, 0);
}

static void two_limits_at_one_moment_are_one_timeout(void **state)
{
    (void)state;
    struct gyre_future *f = within(within(make_slow_op(1), GYRE_MS(10)), GYRE_MS(10));
    advance(GYRE_MS(10));
    op_undone(1);
    assert_failed(f, -ETIMEDOUT);
    ASSERT_TRACE(fixture, CANCEL + 1);
    gyre_future_unref(f);
}

/* The scope hears of the end when the time is over already, but what it asked to stop is its own. */
static void scope_that_cancels_what_has_timed_out_is_the_cause(void **state)
{
    (void)state;
    struct gyre_scope scope = { 0 };
    assert_int_equal(gyre_scope_init(&scope, fixture->loop, NULL), 0);
    gyre_scope_enter(&scope);
    struct gyre_future *f = within(make_slow_op(1), GYRE_MS(10));
    gyre_scope_leave(&scope);
    advance(GYRE_MS(10));
    assert_true(gyre_scope_cancel(&scope));
    assert_true(gyre_scope_caused(&scope, f));
    op_undone(1);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_true(gyre_scope_caused(&scope, f));
    gyre_future_unref(f);
    gyre_scope_fini(&scope);
}

static void limit_of_nothing_in_a_cancelled_scope_is_cancelled_by_it(void **state)
{
    (void)state;
    struct gyre_scope scope = { 0 };
    assert_int_equal(gyre_scope_init(&scope, fixture->loop, NULL), 0);
    gyre_scope_cancel(&scope);
    struct gyre_future *op = make_op(1);
    gyre_scope_enter(&scope);
    struct gyre_future *f = within(op, 0);
    gyre_scope_leave(&scope);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_true(gyre_scope_caused(&scope, f));
    gyre_future_unref(f);
    gyre_scope_fini(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(result_in_time_is_the_result),
        OP_TEST(error_in_time_is_the_error),
        OP_TEST(cancellation_of_the_input_is_a_cancellation),
        OP_TEST(timer_does_not_keep_the_loop_alive_once_it_is_settled),
        OP_TEST(limit_of_never_has_no_timer),
        OP_TEST(settled_input_goes_through_whatever_the_time),
        OP_TEST(refused_input_is_the_result),
        OP_TEST(input_with_an_owner_is_refused),
        OP_TEST(input_is_cancelled_when_the_time_is_over),
        OP_TEST(loop_waits_no_longer_than_the_limit),
        OP_TEST(deadline_is_loop_time),
        OP_TEST(deadline_in_the_past_cancels_at_once),
        OP_TEST(delay_of_0_cancels_a_pending_input_at_once),
        OP_TEST(delay_of_0_waits_for_an_input_that_takes_time),
        OP_TEST(late_value_is_the_result),
        OP_TEST(late_error_is_the_error),
        OP_TEST(timeout_that_nobody_looks_at_is_reported),
        OP_TEST(timeout_runs_the_continuations),
        OP_TEST(cancel_before_the_time_is_over_is_a_cancellation),
        OP_TEST(cancel_before_the_time_is_over_wins_over_a_later_timeout),
        OP_TEST(cancel_after_the_time_is_over_wins_over_the_timeout),
        OP_TEST(input_that_others_have_cancelled_before_the_time_is_over_is_no_timeout),
        OP_TEST(cancelled_scope_wins_over_the_timeout_and_is_the_cause),
        OP_TEST(unref_stops_the_timer_and_cancels_the_input),
        OP_TEST(detached_within_still_ends_in_time),
        OP_TEST(input_that_completes_before_the_timeout_in_one_tick_is_ok),
        OP_TEST(input_that_takes_time_and_completes_after_the_timeout_in_one_tick_is_ok),
        OP_TEST(input_undone_by_the_timeout_makes_a_result_of_that_tick_too_late),
        OP_TEST(timer_that_is_due_is_stopped_by_a_result_of_the_same_tick),
        OP_TEST(timer_that_is_due_is_stopped_by_an_unref_of_the_same_tick),
        OP_TEST(outer_limit_that_is_shorter_is_a_timeout),
        OP_TEST(inner_limit_that_is_shorter_is_the_error_of_both),
        OP_TEST(two_limits_at_one_moment_are_one_timeout),
        OP_TEST(scope_that_cancels_what_has_timed_out_is_the_cause),
        OP_TEST(limit_of_nothing_in_a_cancelled_scope_is_cancelled_by_it),
    };

    return cmocka_run_group_tests_name("within", tests, NULL, NULL);
}
