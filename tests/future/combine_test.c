/* gyre_all: when it settles, how, and what becomes of its inputs. For gyre_settled and gyre_race see
 * race_test.c, for what a hook may do reentry_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

static struct gyre_future *in[OP_LIMIT];

static struct gyre_future *all(size_t count)
{
    return gyre_all(fixture->loop, count, in);
}

/* ------------------------------------------------------------------ OK */

static void all_is_ok_when_the_last_input_is(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = all(3);
    resolve_op(2);
    resolve_op(0);
    assert_pending(f);
    resolve_op(1);
    assert_ok(f);
    assert_null(gyre_future_failure(f, 0));
    gyre_future_unref(f);
}

static void all_has_its_inputs_in_the_order_of_the_arguments(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = all(3);
    for (int i = 2; i >= 0; i--)
        resolve_op(i);
    assert_int_equal(gyre_future_count(f), 3);
    for (int i = 0; i < 3; i++)
        assert_value(gyre_future_at(f, (size_t)i), i);
    assert_null(gyre_future_at(f, 3));
    gyre_future_unref(f);
}

static void array_of_inputs_is_copied(void **state)
{
    (void)state;
    make_ops(2, in);
    struct gyre_future *f = all(2);
    memset(in, 0xDD, sizeof(in));
    resolve_op(0);
    resolve_op(1);
    assert_value(gyre_future_at(f, 1), 1);
    gyre_future_unref(f);
}

static void all_without_inputs_is_ok(void **state)
{
    (void)state;
    struct gyre_future *f = gyre_all(fixture->loop, 0, NULL);
    assert_ok(f);
    assert_int_equal(gyre_future_count(f), 0);
    watch(f, 1);
    assert_int_equal(run_ready(fixture), 1);
    gyre_future_unref(f);
}

static void all_of_settled_inputs_is_ok_at_once(void **state)
{
    (void)state;
    make_ops(3, in);
    for (int i = 0; i < 3; i++)
        resolve_op(i);
    struct gyre_future *f = all(3);
    assert_ok(f);
    gyre_future_unref(f);
}

static void input_given_twice_counts_once_and_fills_both_places(void **state)
{
    (void)state;
    in[0] = in[2] = make_op(0);
    in[1] = in[3] = make_op(1);
    struct gyre_future *f = all(4);
    resolve_traced(0);
    assert_pending(f);
    resolve_op(1);
    assert_ok(f);
    assert_int_equal(gyre_future_count(f), 4);
    assert_ptr_equal(gyre_future_at(f, 2), ops[0].f);
    assert_ptr_equal(gyre_future_at(f, 3), ops[1].f);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 0);
}

static void input_given_twice_fails_once(void **state)
{
    (void)state;
    in[0] = in[1] = in[3] = make_op(0);
    in[2] = make_op(1);
    struct gyre_future *f = all(4);
    fail_op(0, -EIO);
    assert_failed(f, -EIO);
    ASSERT_FAILURES(f, 0);
    ASSERT_TRACE(fixture, CANCEL + 1);
    gyre_future_unref(f);
}

static void settled_input_given_twice_counts_once(void **state)
{
    (void)state;
    in[0] = in[1] = make_op(0);
    fail_op(0, -EIO);
    struct gyre_future *f = all(2);
    assert_failed(f, -EIO);
    ASSERT_FAILURES(f, 0);
    gyre_future_unref(f);
}

static void all_takes_a_thousand_inputs(void **state)
{
    struct gyre_future *many[1000];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = gyre_future_create(fixture->loop);
    struct gyre_future *f = gyre_all(fixture->loop, ARRAY_LEN(many), many);
    for (size_t i = ARRAY_LEN(many); i-- > 0;) {
        assert_pending(f);
        assert_int_equal(gyre_future_resolve(many[i], value_of((int)i), NULL), 0);
    }
    assert_value(gyre_future_at(f, 777), 777);
    gyre_future_unref(f);
}

/* ------------------------------------------------------------------ a failure */

static void first_failure_cancels_the_others_in_order_and_at_once(void **state)
{
    (void)state;
    make_ops(4, in);
    struct gyre_future *f = all(4);
    fail_op(2, -EIO);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1, CANCEL + 3);
    assert_failed(f, -EIO);
    assert_cancelled(in[0], GYRE_REASON_SIBLING);
    assert_cancelled(in[3], GYRE_REASON_SIBLING);
    gyre_future_unref(f);
}

static void inputs_that_are_settled_are_not_cancelled(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = all(3);
    resolve_op(0);
    fail_op(1, -EIO);
    ASSERT_TRACE(fixture, CANCEL + 2);
    assert_value(in[0], 0);
    gyre_future_unref(f);
}

static void failed_all_settles_when_the_last_input_has(void **state)
{
    (void)state;
    make_slow_ops(3, in);
    struct gyre_future *f = all(3);
    fail_op(1, -EIO);
    assert_pending(f);
    assert_false(gyre_future_is_cancelling(f));
    op_undone(2);
    assert_pending(f);
    resolve_op(0);
    assert_failed(f, -EIO);
    assert_ok(in[0]);
    gyre_future_unref(f);
}

static void all_fails_with_the_first_error_and_has_every_one_in_order(void **state)
{
    (void)state;
    make_slow_ops(4, in);
    struct gyre_future *f = all(4);
    fail_op(3, -EIO);
    fail_op(0, -EPIPE);
    op_undone(2);
    fail_op(1, -ENOSPC);
    assert_failed(f, -EIO);
    ASSERT_FAILURES(f, 3, 0, 1);
    gyre_future_unref(f);
}

static void siblings_that_all_has_cancelled_itself_are_no_failures(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = all(3);
    fail_op(1, -EIO);
    ASSERT_FAILURES(f, 1);
    gyre_future_unref(f);
}

static void message_of_the_first_error_is_that_of_all(void **state)
{
    (void)state;
    make_ops(2, in);
    struct gyre_future *f = all(2);
    assert_int_equal(gyre_future_fail_with(in[1], -EIO, "the disk is gone", NULL, NULL), 0);
    assert_string_equal(gyre_future_message(f), "the disk is gone");
    gyre_future_unref(f);
}

static void input_that_failed_before_cancels_those_given_before_it_too(void **state)
{
    (void)state;
    make_ops(3, in);
    fail_op(1, -EIO);
    struct gyre_future *f = all(3);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 2);
    assert_failed(f, -EIO);
    gyre_future_unref(f);
}

static void input_cancelled_by_somebody_else_is_a_failure(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = all(3);
    assert_true(gyre_future_cancel(in[1]));
    assert_failed(f, -ECANCELED);
    ASSERT_FAILURES(f, 1);
    ASSERT_TRACE(fixture, CANCEL + 1, CANCEL + 0, CANCEL + 2);
    gyre_future_unref(f);
}

static void error_after_an_input_cancelled_by_somebody_else_is_the_second_failure(void **state)
{
    (void)state;
    in[0] = make_slow_op(0);
    in[1] = make_op(1);
    struct gyre_future *f = all(2);
    gyre_future_cancel(in[1]);
    fail_op(0, -EIO);
    assert_failed(f, -ECANCELED);
    ASSERT_FAILURES(f, 1, 0);
    gyre_future_unref(f);
}

static void refused_future_as_an_input_is_a_failure(void **state)
{
    (void)state;
    in[0] = make_op(0);
    in[1] = gyre_race(fixture->loop, 0, NULL); /* refused: it belongs to no loop */
    struct gyre_future *f = all(2);
    assert_failed(f, -EINVAL);
    assert_ptr_equal(gyre_future_at(f, 1), in[1]);
    assert_ptr_equal(gyre_future_failure(f, 0), in[1]);
    ASSERT_TRACE(fixture, CANCEL + 0);
    gyre_future_unref(f);
}

/* ------------------------------------------------------------------ cancelled */

static void cancel_of_all_cancels_its_inputs_in_order(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = all(3);
    assert_true(gyre_future_cancel(f));
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1, CANCEL + 2);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_cancelled(in[1], GYRE_REASON_REQUEST);
    assert_false(gyre_future_cancel(f));
    gyre_future_unref(f);
}

static void cancelled_all_settles_when_its_last_input_has(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    struct gyre_future *f = all(2);
    assert_true(gyre_future_cancel(f));
    assert_true(gyre_future_is_cancelling(f));
    op_undone(0);
    assert_true(gyre_future_cancel(f)); /* again: asks nobody */
    op_undone(1);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1);
    gyre_future_unref(f);
}

static void cancelled_all_fails_if_an_input_fails_while_it_is_undone(void **state)
{
    (void)state;
    make_slow_ops(3, in);
    struct gyre_future *f = all(3);
    gyre_future_cancel(f);
    op_undone(0);
    fail_op(1, -EIO);
    op_undone(2);
    assert_failed(f, -EIO);
    ASSERT_FAILURES(f, 1);
    gyre_future_unref(f);
}

static void cancelled_all_is_ok_if_its_inputs_complete_nevertheless(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    struct gyre_future *f = all(2);
    gyre_future_cancel(f);
    resolve_op(0);
    resolve_op(1);
    assert_ok(f);
    gyre_future_unref(f);
}

static void cancel_after_a_failure_leaves_the_error(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    struct gyre_future *f = all(2);
    fail_op(0, -EIO);
    assert_true(gyre_future_cancel(f));
    op_undone(1);
    assert_failed(f, -EIO);
    ASSERT_TRACE(fixture, CANCEL + 1);
    gyre_future_unref(f);
}

static void all_in_a_cancelled_scope_cancels_its_inputs(void **state)
{
    struct gyre_scope scope = { 0 };

    (void)state;
    make_ops(2, in);
    assert_int_equal(gyre_scope_init(&scope, fixture->loop, NULL), 0);
    gyre_scope_cancel(&scope);
    assert_int_equal(gyre_scope_enter(&scope), 0);
    struct gyre_future *f = all(2);
    assert_int_equal(gyre_scope_leave(&scope), 0);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_true(gyre_scope_caused(&scope, f));
    gyre_future_unref(f);
    gyre_scope_fini(&scope);
}

/* ------------------------------------------------------------------ nested, order */

static void nested_all_fails_and_cancels_within_the_call(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *inner = all(2);
    struct gyre_future *f = gyre_all(fixture->loop, 2, (struct gyre_future *[]){ inner, in[2] });
    fail_op(1, -EIO);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 2);
    assert_failed(f, -EIO);
    assert_ptr_equal(gyre_future_failure(f, 0), inner);
    gyre_future_unref(f);
    assert_int_equal(report_count, 0);
}

static void failure_outside_cancels_what_is_nested(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *inner = all(2);
    struct gyre_future *f = gyre_all(fixture->loop, 2, (struct gyre_future *[]){ inner, in[2] });
    fail_op(2, -EIO);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1);
    assert_cancelled(inner, GYRE_REASON_SIBLING);
    assert_failed(f, -EIO);
    ASSERT_FAILURES(f, 2);
    gyre_future_unref(f);
}

static void continuations_run_before_those_of_futures_made_of_theirs(void **state)
{
    (void)state;
    make_ops(2, in);
    struct gyre_future *f = all(2);
    struct gyre_future *outer = gyre_all(fixture->loop, 1, &f);
    watch(outer, 5);
    watch(f, 4);
    watch(in[1], 1);
    watch(in[0], 0);
    resolve_op(0);
    resolve_op(1);
    assert_int_equal(gyre_loop_run_once(fixture->loop, 0), 4);
    ASSERT_TRACE(fixture, DONE + 0, DONE + 1, DONE + 4, DONE + 5);
    gyre_future_unref(outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(all_is_ok_when_the_last_input_is),
        OP_TEST(all_has_its_inputs_in_the_order_of_the_arguments),
        OP_TEST(array_of_inputs_is_copied),
        OP_TEST(all_without_inputs_is_ok),
        OP_TEST(all_of_settled_inputs_is_ok_at_once),
        OP_TEST(input_given_twice_counts_once_and_fills_both_places),
        OP_TEST(input_given_twice_fails_once),
        OP_TEST(settled_input_given_twice_counts_once),
        OP_TEST(all_takes_a_thousand_inputs),
        OP_TEST(first_failure_cancels_the_others_in_order_and_at_once),
        OP_TEST(inputs_that_are_settled_are_not_cancelled),
        OP_TEST(failed_all_settles_when_the_last_input_has),
        OP_TEST(all_fails_with_the_first_error_and_has_every_one_in_order),
        OP_TEST(siblings_that_all_has_cancelled_itself_are_no_failures),
        OP_TEST(message_of_the_first_error_is_that_of_all),
        OP_TEST(input_that_failed_before_cancels_those_given_before_it_too),
        OP_TEST(input_cancelled_by_somebody_else_is_a_failure),
        OP_TEST(error_after_an_input_cancelled_by_somebody_else_is_the_second_failure),
        OP_TEST(refused_future_as_an_input_is_a_failure),
        OP_TEST(cancel_of_all_cancels_its_inputs_in_order),
        OP_TEST(cancelled_all_settles_when_its_last_input_has),
        OP_TEST(cancelled_all_fails_if_an_input_fails_while_it_is_undone),
        OP_TEST(cancelled_all_is_ok_if_its_inputs_complete_nevertheless),
        OP_TEST(cancel_after_a_failure_leaves_the_error),
        OP_TEST(all_in_a_cancelled_scope_cancels_its_inputs),
        OP_TEST(nested_all_fails_and_cancels_within_the_call),
        OP_TEST(failure_outside_cancels_what_is_nested),
        OP_TEST(continuations_run_before_those_of_futures_made_of_theirs),
    };

    return cmocka_run_group_tests_name("combine", tests, NULL, NULL);
}
