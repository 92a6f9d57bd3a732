/* gyre_race and gyre_settled: the first that is OK, and all of them whatever happens.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

static struct gyre_future *in[OP_LIMIT];

static struct gyre_future *race(size_t count)
{
    return gyre_race(fixture->loop, count, in);
}

static struct gyre_future *settled(size_t count)
{
    return gyre_settled(fixture->loop, count, in);
}

/* ------------------------------------------------------------------ race: won */

static void first_value_wins_and_the_others_are_cancelled_in_order(void **state)
{
    (void)state;
    make_ops(4, in);
    struct gyre_future *f = race(4);
    resolve_traced(2);
    assert_value(f, 2);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1, CANCEL + 3);
    assert_cancelled(in[0], GYRE_REASON_SIBLING);
    assert_null(gyre_future_failure(f, 0));
    fixture->trace_count = 0;
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 2);
}

static void race_settles_when_the_last_loser_has(void **state)
{
    (void)state;
    make_slow_ops(3, in);
    struct gyre_future *f = race(3);
    resolve_op(1);
    assert_pending(f);
    op_undone(2);
    assert_pending(f);
    op_undone(0);
    assert_value(f, 1);
    gyre_future_unref(f);
}

static void loser_that_completes_too_is_dropped_and_the_first_stays_first(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    struct gyre_future *f = race(2);
    resolve_traced(1);
    resolve_traced(0);
    assert_ptr_equal(gyre_future_take(f), value_of(1));
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, CANCEL + 0, DROP + 0);
}

static void failures_do_not_end_a_race_and_are_seen_once_it_is_won(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = race(3);
    fail_op(1, -EIO);
    gyre_future_cancel(in[0]);
    assert_pending(f);
    resolve_op(2);
    assert_value(f, 2);
    ASSERT_FAILURES(f, 1, 0);
    gyre_future_unref(f);
    assert_int_equal(report_count, 0);
}

static void input_that_is_ok_already_wins_at_once(void **state)
{
    (void)state;
    make_ops(4, in);
    fail_op(0, -EIO);
    resolve_op(2);
    resolve_op(1);
    struct gyre_future *f = race(4);
    assert_value(f, 1); /* the first in the order of the arguments */
    ASSERT_TRACE(fixture, CANCEL + 3);
    gyre_future_unref(f);
}

static void input_given_twice_races_once(void **state)
{
    (void)state;
    in[0] = in[1] = make_op(0);
    struct gyre_future *f = race(2);
    resolve_traced(0);
    assert_value(f, 0);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 0);
}

static void won_race_that_is_cancelled_keeps_the_value(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    struct gyre_future *f = race(2);
    resolve_op(0);
    assert_true(gyre_future_cancel(f));
    op_undone(1);
    assert_value(f, 0);
    ASSERT_TRACE(fixture, CANCEL + 1);
    gyre_future_unref(f);
}

/* ------------------------------------------------------------------ race: lost, cancelled */

static void race_that_all_lose_fails_with_the_first_error(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = race(3);
    fail_op(2, -EIO);
    fail_op(0, -EPIPE);
    assert_pending(f);
    fail_op(1, -ENOSPC);
    assert_failed(f, -EIO);
    ASSERT_FAILURES(f, 2, 0, 1);
    gyre_future_unref(f);
    assert_int_equal(report_count, 0);
    assert_int_equal(fixture->trace_count, 0);
}

static void race_whose_inputs_others_have_cancelled_fails(void **state)
{
    (void)state;
    make_ops(2, in);
    struct gyre_future *f = race(2);
    gyre_future_cancel(in[0]);
    gyre_future_cancel(in[1]);
    assert_failed(f, -ECANCELED);
    ASSERT_FAILURES(f, 0, 1);
    gyre_future_unref(f);
}

static void race_without_inputs_is_refused(void **state)
{
    (void)state;
    assert_refused(race(0), -EINVAL);
}

static void cancelled_race_cancels_its_inputs(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    struct gyre_future *f = race(2);
    assert_true(gyre_future_cancel(f));
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1);
    op_undone(0);
    assert_pending(f);
    op_undone(1);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    gyre_future_unref(f);
}

static void cancelled_race_is_won_by_an_input_that_completes_nevertheless(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    struct gyre_future *f = race(2);
    gyre_future_cancel(f);
    resolve_op(1);
    op_undone(0);
    assert_value(f, 1);
    assert_null(gyre_future_failure(f, 0));
    gyre_future_unref(f);
}

static void cancelled_race_in_which_one_failed_is_cancelled(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    struct gyre_future *f = race(2);
    gyre_future_cancel(f);
    op_undone(0);
    fail_op(1, -EIO);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    ASSERT_FAILURES(f, 1);
    gyre_future_unref(f);
    assert_int_equal(report_count, 0);
}

static void dropped_race_cancels_its_inputs(void **state)
{
    (void)state;
    make_ops(2, in);
    gyre_future_unref(race(2));
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1);
}

static void nested_race_loses_as_one(void **state)
{
    struct gyre_future *outer[2];

    (void)state;
    make_ops(3, in);
    outer[0] = race(2);
    outer[1] = in[2];
    struct gyre_future *f = gyre_race(fixture->loop, 2, outer);
    resolve_op(2);
    assert_value(f, 2);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1);
    assert_cancelled(outer[0], GYRE_REASON_SIBLING);
    gyre_future_unref(f);
}

/* ------------------------------------------------------------------ settled */

static void settled_waits_for_all_whatever_becomes_of_each(void **state)
{
    (void)state;
    make_ops(4, in);
    struct gyre_future *f = settled(4);
    fail_op(2, -EIO);
    resolve_op(0);
    gyre_future_cancel(in[1]);
    assert_pending(f);
    fail_op(3, -EPIPE);
    assert_ok(f);
    ASSERT_FAILURES(f, 2, 1, 3);
    assert_value(gyre_future_at(f, 0), 0);
    assert_failed(gyre_future_at(f, 2), -EIO);
    assert_failed(gyre_future_at(f, 3), -EPIPE);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, CANCEL + 1);
    assert_int_equal(report_count, 0);
}

static void errors_in_settled_that_nobody_looks_at_are_reported(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = settled(3);
    for (int i = 0; i < 3; i++)
        fail_op(i, -EIO);
    assert_failed(gyre_future_at(f, 1), -EIO);
    assert_int_equal(report_count, 0);
    gyre_future_unref(f);
    assert_int_equal(report_count, 2);
}

static void settled_of_nothing_or_of_settled_ones_is_ok_at_once(void **state)
{
    (void)state;
    struct gyre_future *f = settled(0);
    assert_ok(f);
    gyre_future_unref(f);
    make_ops(2, in);
    resolve_op(0);
    fail_op(1, -EIO);
    f = settled(2);
    assert_ok(f);
    ASSERT_FAILURES(f, 1);
    assert_failed(in[1], -EIO);
    gyre_future_unref(f);
}

static void input_given_twice_to_settled_counts_once(void **state)
{
    (void)state;
    in[0] = in[1] = make_op(0);
    struct gyre_future *f = settled(2);
    fail_op(0, -EIO);
    assert_ok(f);
    ASSERT_FAILURES(f, 0);
    assert_failed(gyre_future_at(f, 1), -EIO);
    gyre_future_unref(f);
}

static void cancelled_settled_cancels_its_inputs_and_waits(void **state)
{
    (void)state;
    make_slow_ops(3, in);
    struct gyre_future *f = settled(3);
    assert_true(gyre_future_cancel(f));
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1, CANCEL + 2);
    resolve_op(0);
    fail_op(1, -EIO);
    op_undone(2);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_failed(in[1], -EIO);
    gyre_future_unref(f);
}

static void cancelled_settled_with_nothing_undone_is_ok(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    struct gyre_future *f = settled(2);
    gyre_future_cancel(f);
    resolve_op(0);
    fail_op(1, -EIO);
    assert_ok(f);
    assert_failed(in[1], -EIO);
    gyre_future_unref(f);
}

static void settled_in_an_all_is_cancelled_with_its_siblings(void **state)
{
    struct gyre_future *outer[2];

    (void)state;
    make_ops(3, in);
    outer[0] = settled(2);
    outer[1] = in[2];
    struct gyre_future *f = gyre_all(fixture->loop, 2, outer);
    fail_op(2, -EIO);
    assert_cancelled(outer[0], GYRE_REASON_SIBLING);
    assert_failed(f, -EIO);
    ASSERT_FAILURES(f, 2);
    gyre_future_unref(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(first_value_wins_and_the_others_are_cancelled_in_order),
        OP_TEST(race_settles_when_the_last_loser_has),
        OP_TEST(loser_that_completes_too_is_dropped_and_the_first_stays_first),
        OP_TEST(failures_do_not_end_a_race_and_are_seen_once_it_is_won),
        OP_TEST(input_that_is_ok_already_wins_at_once),
        OP_TEST(input_given_twice_races_once),
        OP_TEST(won_race_that_is_cancelled_keeps_the_value),
        OP_TEST(race_that_all_lose_fails_with_the_first_error),
        OP_TEST(race_whose_inputs_others_have_cancelled_fails),
        OP_TEST(race_without_inputs_is_refused),
        OP_TEST(cancelled_race_cancels_its_inputs),
        OP_TEST(cancelled_race_is_won_by_an_input_that_completes_nevertheless),
        OP_TEST(cancelled_race_in_which_one_failed_is_cancelled),
        OP_TEST(dropped_race_cancels_its_inputs),
        OP_TEST(nested_race_loses_as_one),
        OP_TEST(settled_waits_for_all_whatever_becomes_of_each),
        OP_TEST(errors_in_settled_that_nobody_looks_at_are_reported),
        OP_TEST(settled_of_nothing_or_of_settled_ones_is_ok_at_once),
        OP_TEST(input_given_twice_to_settled_counts_once),
        OP_TEST(cancelled_settled_cancels_its_inputs_and_waits),
        OP_TEST(cancelled_settled_with_nothing_undone_is_ok),
        OP_TEST(settled_in_an_all_is_cancelled_with_its_siblings),
    };

    return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
