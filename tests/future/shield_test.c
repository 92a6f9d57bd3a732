/* gyre_shield: the outcome of a future, without the power to cancel it.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

static struct gyre_future *kept; /* the test's own reference to what is shielded */

static struct gyre_future *shield_op(int id)
{
    kept = gyre_future_ref(make_op(id));
    return gyre_shield(kept);
}

static void value_can_be_seen_from_both_and_taken_once(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct gyre_future *f = shield_op(1);
        resolve_traced(1);
        assert_value(f, 1);
        assert_value(kept, 1);
        assert_ptr_equal(gyre_future_take(i == 0 ? f : kept), value_of(1));
        assert_null(gyre_future_take(f));
        assert_null(gyre_future_take(kept));
        assert_ok(f);
        gyre_future_unref(f);
        gyre_future_unref(kept);
    }
    assert_int_equal(fixture->trace_count, 0);
}

static void value_is_dropped_with_the_last_of_both(void **state)
{
    (void)state;
    struct gyre_future *f = shield_op(1);
    resolve_traced(1);
    gyre_future_unref(kept);
    assert_value(f, 1);
    assert_int_equal(fixture->trace_count, 0);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 1);
    f = shield_op(2);
    resolve_traced(2);
    gyre_future_unref(f);
    assert_value(kept, 2);
    gyre_future_unref(kept);
    ASSERT_TRACE(fixture, DROP + 1, DROP + 2);
}

static void settled_future_can_be_shielded(void **state)
{
    (void)state;
    make_op(1);
    resolve_op(1);
    struct gyre_future *f = gyre_shield(ops[1].f);
    assert_value(f, 1);
    gyre_future_unref(f);
}

static void error_can_be_seen_from_both_with_its_words(void **state)
{
    (void)state;
    struct gyre_future *f = shield_op(1);
    assert_int_equal(gyre_future_fail_with(kept, -EIO, "no disk", value_of(7), drop_value), 0);
    assert_failed(f, -EIO);
    assert_failed(kept, -EIO);
    assert_string_equal(gyre_future_message(f), "no disk");
    assert_ptr_equal(gyre_future_detail(f), value_of(7));
    assert_ptr_equal(gyre_future_detail(kept), value_of(7));
    gyre_future_unref(kept);
    assert_int_equal(fixture->trace_count, 0);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 7);
}

static void error_that_nobody_looks_at_is_reported_once(void **state)
{
    (void)state;
    struct gyre_future *f = shield_op(1);
    fail_op(1, -EIO);
    gyre_future_unref(f);
    gyre_future_unref(kept);
    assert_int_equal(report_count, 1);
    assert_int_equal(last_report, -EIO);
}

static void cancellation_inside_is_one_outside(void **state)
{
    (void)state;
    struct gyre_future *f = shield_op(1);
    gyre_future_cancel(kept);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    gyre_future_unref(f);
    gyre_future_unref(kept);
}

/* ------------------------------------------------------------------ cancelled */

static void cancelled_shield_is_cancelled_at_once_and_the_inner_goes_on(void **state)
{
    (void)state;
    struct gyre_future *f = shield_op(1);
    assert_true(gyre_future_cancel(f));
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_pending(kept);
    assert_false(gyre_future_is_cancelling(kept));
    resolve_op(1);
    assert_value(kept, 1);
    gyre_future_unref(f);
    gyre_future_unref(kept);
    assert_int_equal(fixture->trace_count, 0);
}

static void inner_without_other_references_goes_on_detached(void **state)
{
    (void)state;
    struct gyre_future *f = gyre_shield(make_op(1));
    gyre_future_cancel(f);
    gyre_future_unref(f);
    assert_int_equal(fixture->trace_count, 0);
    resolve_traced(1);
    ASSERT_TRACE(fixture, DROP + 1);
}

static void dropped_shield_lets_the_inner_go_on(void **state)
{
    (void)state;
    gyre_future_unref(gyre_shield(make_op(1)));
    assert_int_equal(fixture->trace_count, 0);
    resolve_traced(1);
    ASSERT_TRACE(fixture, DROP + 1);
}

static void error_inside_after_the_cancel_is_reported_if_nobody_looks(void **state)
{
    (void)state;
    gyre_future_unref(gyre_shield(make_op(1)));
    fail_op(1, -EIO);
    assert_int_equal(report_count, 1);
    struct gyre_future *f = shield_op(2);
    gyre_future_cancel(f);
    gyre_future_unref(f);
    fail_op(2, -EIO);
    assert_failed(kept, -EIO);
    gyre_future_unref(kept);
    assert_int_equal(report_count, 1);
}

static void inner_can_be_taken_over_by_another_after_the_cancel(void **state)
{
    (void)state;
    struct gyre_future *f = shield_op(1);
    assert_refused(gyre_within(kept, GYRE_MS(1)), -EBUSY);
    gyre_future_cancel(f);
    gyre_future_unref(f);
    f = gyre_within(kept, GYRE_MS(1));
    advance(GYRE_MS(1));
    assert_failed(f, -ETIMEDOUT);
    ASSERT_TRACE(fixture, CANCEL + 1);
    gyre_future_unref(f);
}

static void cancelled_shield_has_no_input_any_more(void **state)
{
    (void)state;
    struct gyre_future *f = shield_op(1);
    assert_ptr_equal(gyre_future_at(f, 0), kept);
    gyre_future_cancel(f);
    assert_null(gyre_future_at(f, 0));
    gyre_future_unref(f);
    gyre_future_unref(kept);
}

static void shield_in_an_all_keeps_the_inner_from_its_siblings(void **state)
{
    struct gyre_future *in[2];

    (void)state;
    in[0] = shield_op(0);
    in[1] = make_op(1);
    struct gyre_future *f = gyre_all(fixture->loop, 2, in);
    fail_op(1, -EIO);
    assert_failed(f, -EIO);
    assert_pending(kept);
    gyre_future_unref(f);
    resolve_op(0);
    assert_value(kept, 0);
    gyre_future_unref(kept);
    assert_int_equal(fixture->trace_count, 0);
}

static void limit_in_time_on_a_shield_leaves_the_inner(void **state)
{
    (void)state;
    struct gyre_future *f = gyre_within(shield_op(1), GYRE_MS(1));
    advance(GYRE_MS(1));
    assert_failed(f, -ETIMEDOUT);
    gyre_future_unref(f);
    resolve_op(1);
    assert_value(kept, 1);
    gyre_future_unref(kept);
}

static void scope_of_the_shield_is_cancelled_without_the_inner(void **state)
{
    struct gyre_scope scope = { 0 };

    (void)state;
    assert_int_equal(gyre_scope_init(&scope, fixture->loop, NULL), 0);
    kept = gyre_future_ref(make_op(1));
    assert_int_equal(gyre_scope_enter(&scope), 0);
    struct gyre_future *f = gyre_shield(kept);
    assert_int_equal(gyre_scope_leave(&scope), 0);
    gyre_scope_cancel(&scope);
    assert_true(gyre_scope_caused(&scope, f));
    assert_pending(kept);
    gyre_future_unref(f);
    gyre_future_unref(kept);
    gyre_scope_fini(&scope);
}

/* ------------------------------------------------------------------ what is made of a shield */

static void value_goes_from_shield_to_shield_and_through_others(void **state)
{
    (void)state;
    struct gyre_future *f = gyre_shield(gyre_within(gyre_shield(shield_op(1)), GYRE_MS(1)));
    f = gyre_race(fixture->loop, 1, &f);
    resolve_traced(1);
    assert_value(f, 1);
    assert_value(kept, 1);
    gyre_future_unref(kept);
    assert_ptr_equal(gyre_future_take(f), value_of(1));
    gyre_future_unref(f);
    assert_int_equal(fixture->trace_count, 0);
}

static void detail_goes_from_shield_to_others_and_is_dropped_once(void **state)
{
    (void)state;
    struct gyre_future *f = gyre_within(gyre_shield(shield_op(1)), GYRE_MS(1));
    assert_int_equal(gyre_future_fail_with(kept, -EIO, NULL, value_of(7), drop_value), 0);
    gyre_future_unref(kept);
    assert_failed(f, -EIO);
    assert_ptr_equal(gyre_future_detail(f), value_of(7));
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 7);
}

static void shield_refuses_and_passes_refusals_on(void **state)
{
    (void)state;
    assert_refused(gyre_shield(NULL), -EINVAL);
    assert_refused(gyre_shield(gyre_race(fixture->loop, 0, NULL)), -EINVAL);
    make_op(1);
    assert_int_equal(gyre_loop_close(fixture->loop), 0);
    assert_refused(gyre_shield(ops[1].f), -ESHUTDOWN);
    gyre_future_unref(ops[1].f);
}

static void close_of_the_loop_settles_both(void **state)
{
    (void)state;
    struct gyre_future *f = shield_op(1);
    assert_int_equal(gyre_loop_close(fixture->loop), 0);
    assert_cancelled(f, GYRE_REASON_CLOSED);
    assert_cancelled(kept, GYRE_REASON_CLOSED);
    gyre_future_unref(kept);
    gyre_future_unref(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(value_can_be_seen_from_both_and_taken_once),
        OP_TEST(value_is_dropped_with_the_last_of_both),
        OP_TEST(settled_future_can_be_shielded),
        OP_TEST(error_can_be_seen_from_both_with_its_words),
        OP_TEST(error_that_nobody_looks_at_is_reported_once),
        OP_TEST(cancellation_inside_is_one_outside),
        OP_TEST(cancelled_shield_is_cancelled_at_once_and_the_inner_goes_on),
        OP_TEST(inner_without_other_references_goes_on_detached),
        OP_TEST(dropped_shield_lets_the_inner_go_on),
        OP_TEST(error_inside_after_the_cancel_is_reported_if_nobody_looks),
        OP_TEST(inner_can_be_taken_over_by_another_after_the_cancel),
        OP_TEST(cancelled_shield_has_no_input_any_more),
        OP_TEST(shield_in_an_all_keeps_the_inner_from_its_siblings),
        OP_TEST(limit_in_time_on_a_shield_leaves_the_inner),
        OP_TEST(scope_of_the_shield_is_cancelled_without_the_inner),
        OP_TEST(value_goes_from_shield_to_shield_and_through_others),
        OP_TEST(detail_goes_from_shield_to_others_and_is_dropped_once),
        OP_TEST(shield_refuses_and_passes_refusals_on),
        OP_TEST(close_of_the_loop_settles_both),
    };

    return cmocka_run_group_tests_name("shield", tests, NULL, NULL);
}
