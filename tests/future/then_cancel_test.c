/* gyre_then and gyre_then_start, cancelled and given up: before, while and after the function runs.
 *
 * SPDX-License-Identifier: MIT */
#include "then.h"

/* ------------------------------------------------------------------ cancel: when */

static void cancel_before_the_input_settles_cancels_the_input(void **state)
{
    (void)state;
    struct gyre_future *f = then_map(make_op(1));
    assert_true(gyre_future_cancel(f));
    assert_cancelled(f, GYRE_REASON_REQUEST);
    ASSERT_TRACE(fixture, CANCEL + 1);
    gyre_future_unref(f);
}

static void input_that_completes_nevertheless_goes_through_the_function(void **state)
{
    (void)state;
    struct gyre_future *f = then_map(make_slow_op(1));
    gyre_future_cancel(f);
    assert_true(gyre_future_is_cancelling(f));
    resolve_traced(1);
    run_ready(fixture);
    assert_value(f, 11);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, CANCEL + 1, MAP + 1, DROP + 11);
}

static void input_that_completes_nevertheless_starts_nothing_new(void **state)
{
    (void)state;
    struct gyre_future *f = then_start(make_slow_op(1), NULL);
    gyre_future_cancel(f);
    resolve_traced(1);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_int_equal(run_ready(fixture), 0);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, CANCEL + 1, DROP + 1);
}

static void cancel_while_the_function_is_queued_prevents_it(void **state)
{
    (void)state;
    struct gyre_future *f = then_map(make_op(1));
    resolve_traced(1);
    assert_true(gyre_future_cancel(f));
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_int_equal(run_ready(fixture), 0);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 1);
}

static void cancel_result(struct plan *p)
{
    assert_true(gyre_future_cancel(p->result));
    assert_true(gyre_future_is_cancelling(p->result));
}

static void cancel_while_map_runs_comes_too_late(void **state)
{
    (void)state;
    struct gyre_future *f = then_map(make_op(1));
    plan.inside = cancel_result;
    resolve_op(1);
    run_ready(fixture);
    assert_value(f, 11);
    gyre_future_unref(f);
}

static void cancel_while_next_runs_cancels_what_it_returns(void **state)
{
    (void)state;
    struct gyre_future *f = then_start(make_op(1), make_op(2));
    plan.inside = cancel_result;
    resolve_op(1);
    run_ready(fixture);
    ASSERT_TRACE(fixture, NEXT + 1, CANCEL + 2);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    gyre_future_unref(f);
}

static void cancel_after_next_has_run_cancels_what_it_returned(void **state)
{
    (void)state;
    struct gyre_future *f = then_start(make_op(1), make_slow_op(2));
    resolve_op(1);
    run_ready(fixture);
    gyre_future_cancel(f);
    ASSERT_TRACE(fixture, NEXT + 1, CANCEL + 2);
    assert_pending(f);
    op_undone(2);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    gyre_future_unref(f);
}

static void cancel_when_it_is_settled_changes_nothing(void **state)
{
    (void)state;
    struct gyre_future *f = then_map(make_op(1));
    resolve_op(1);
    run_ready(fixture);
    assert_false(gyre_future_cancel(f));
    assert_value(f, 11);
    gyre_future_unref(f);
}

/* ------------------------------------------------------------------ references */

static void unref_result(struct plan *p)
{
    gyre_future_unref(p->result);
}

static void unref_while_the_function_is_queued_prevents_it(void **state)
{
    (void)state;
    gyre_future_unref(then_map(make_op(1)));
    ASSERT_TRACE(fixture, CANCEL + 1);
    then_map(make_op(2));
    resolve_traced(2);
    unref_result(&plan);
    assert_int_equal(run_ready(fixture), 0);
    ASSERT_TRACE(fixture, CANCEL + 1, DROP + 2);
}

static void map_may_give_back_the_last_reference_to_its_own_result(void **state)
{
    (void)state;
    then_map(make_op(1));
    plan.inside = unref_result;
    resolve_traced(1);
    run_ready(fixture);
    ASSERT_TRACE(fixture, MAP + 1, DROP + 11);
}

static void map_that_fails_may_give_back_the_last_reference_too(void **state)
{
    (void)state;
    then_map(make_op(1));
    plan.inside = unref_result;
    plan.err = -EIO;
    resolve_traced(1);
    run_ready(fixture);
    ASSERT_TRACE(fixture, MAP + 1, DROP + 11);
    assert_int_equal(report_count, 1);
}

static void next_that_gives_back_the_last_reference_has_its_future_cancelled(void **state)
{
    (void)state;
    then_start(make_op(1), make_op(2));
    plan.inside = unref_result;
    resolve_traced(1);
    run_ready(fixture);
    ASSERT_TRACE(fixture, NEXT + 1, CANCEL + 2, DROP + 1);
}

static void detach_result(struct plan *p)
{
    gyre_future_detach(p->result);
}

static void detached_then_goes_on(void **state)
{
    (void)state;
    then_start(make_op(1), make_op(2));
    detach_result(&plan);
    resolve_op(1);
    run_ready(fixture);
    resolve_traced(2);
    ASSERT_TRACE(fixture, NEXT + 1, DROP + 2);
}

static void then_detached_by_its_own_function_goes_on(void **state)
{
    (void)state;
    then_start(make_op(1), make_op(2));
    plan.inside = detach_result;
    resolve_op(1);
    run_ready(fixture);
    resolve_traced(2);
    ASSERT_TRACE(fixture, NEXT + 1, DROP + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        THEN_TEST(cancel_before_the_input_settles_cancels_the_input),
        THEN_TEST(input_that_completes_nevertheless_goes_through_the_function),
        THEN_TEST(input_that_completes_nevertheless_starts_nothing_new),
        THEN_TEST(cancel_while_the_function_is_queued_prevents_it),
        THEN_TEST(cancel_while_map_runs_comes_too_late),
        THEN_TEST(cancel_while_next_runs_cancels_what_it_returns),
        THEN_TEST(cancel_after_next_has_run_cancels_what_it_returned),
        THEN_TEST(cancel_when_it_is_settled_changes_nothing),
        THEN_TEST(unref_while_the_function_is_queued_prevents_it),
        THEN_TEST(map_may_give_back_the_last_reference_to_its_own_result),
        THEN_TEST(map_that_fails_may_give_back_the_last_reference_too),
        THEN_TEST(next_that_gives_back_the_last_reference_has_its_future_cancelled),
        THEN_TEST(detached_then_goes_on),
        THEN_TEST(then_detached_by_its_own_function_goes_on),
    };

    return cmocka_run_group_tests_name("then_cancel", tests, NULL, NULL);
}
