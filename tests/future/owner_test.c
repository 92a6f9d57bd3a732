/* What holds for every future that takes others over: whose the references, values and errors are, and
 * what is refused.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

static struct gyre_future *in[OP_LIMIT];

static struct gyre_future *all(size_t count)
{
    return gyre_all(fixture->loop, count, in);
}

/* ------------------------------------------------------------------ references, values, reports */

static void all_without_references_cancels_its_inputs(void **state)
{
    (void)state;
    make_ops(2, in);
    gyre_future_ref(in[1]);
    gyre_future_unref(all(2));
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1);
    assert_cancelled(in[1], GYRE_REASON_DROPPED);
    gyre_future_unref(in[1]);
}

static void all_without_references_lasts_until_slow_inputs_have_settled(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    gyre_future_unref(all(2));
    resolve_traced(0);
    assert_int_equal(fixture->trace_count, 2);
    op_undone(1);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1, DROP + 0);
}

static void detached_all_goes_on(void **state)
{
    (void)state;
    make_ops(2, in);
    gyre_future_detach(all(2));
    resolve_traced(0);
    assert_int_equal(fixture->trace_count, 0);
    resolve_traced(1);
    ASSERT_TRACE(fixture, DROP + 0, DROP + 1);
}

static void values_are_dropped_with_all_unless_they_were_taken(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = all(3);
    for (int i = 0; i < 3; i++)
        resolve_traced(i);
    assert_ptr_equal(gyre_future_take(gyre_future_at(f, 1)), value_of(1));
    assert_int_equal(fixture->trace_count, 0);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 0, DROP + 2);
}

static void input_with_a_reference_of_its_own_outlasts_all(void **state)
{
    (void)state;
    make_ops(1, in);
    gyre_future_ref(in[0]);
    struct gyre_future *f = all(1);
    resolve_traced(0);
    gyre_future_unref(f);
    assert_int_equal(fixture->trace_count, 0);
    gyre_future_unref(in[0]);
    ASSERT_TRACE(fixture, DROP + 0);
}

static void input_is_free_for_others_once_its_owner_is_gone(void **state)
{
    (void)state;
    make_ops(1, in);
    gyre_future_ref(in[0]);
    struct gyre_future *first = all(1);
    resolve_op(0);
    assert_refused(all(1), -EBUSY);
    gyre_future_unref(first);
    struct gyre_future *second = all(1);
    assert_ok(second);
    gyre_future_unref(second);
}

static void input_that_another_all_has_cancelled_is_a_failure(void **state)
{
    (void)state;
    make_ops(2, in);
    gyre_future_ref(in[1]);
    struct gyre_future *first = all(2);
    fail_op(0, -EIO);
    assert_failed(first, -EIO);
    assert_cancelled(in[1], GYRE_REASON_SIBLING);
    gyre_future_unref(first);
    in[0] = in[1];
    struct gyre_future *second = all(1);
    assert_failed(second, -ECANCELED);
    ASSERT_FAILURES(second, 1);
    gyre_future_unref(second);
}

static void input_of_which_one_looks_on_stays_its_owners(void **state)
{
    (void)state;
    make_ops(1, in);
    struct gyre_future *owner = all(1);
    gyre_future_unref(gyre_wait(fixture->loop, GYRE_WAIT_ALL, 1, in, GYRE_NEVER));
    assert_refused(all(1), -EBUSY);
    resolve_op(0);
    gyre_future_unref(owner);
}

static void errors_of_inputs_are_seen_once_they_are_those_of_all(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    struct gyre_future *f = all(2);
    fail_op(0, -EIO);
    fail_op(1, -EPIPE);
    assert_failed(f, -EIO); /* looks */
    gyre_future_unref(f);
    assert_int_equal(report_count, 0);
}

static void error_of_all_that_nobody_looks_at_is_reported_once(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    struct gyre_future *f = all(2);
    fail_op(0, -EIO);
    fail_op(1, -EPIPE);
    gyre_future_unref(f);
    assert_int_equal(report_count, 1);
    assert_int_equal(last_report, -EIO);
}

static void error_during_the_cleanup_of_a_dropped_all_is_reported(void **state)
{
    (void)state;
    make_slow_ops(2, in);
    gyre_future_unref(all(2));
    op_undone(0);
    fail_op(1, -EIO);
    assert_int_equal(report_count, 1);
    assert_int_equal(last_report, -EIO);
}

/* ------------------------------------------------------------------ refused */

typedef struct gyre_future *make_fn(struct gyre_loop *loop, size_t count,
                                    struct gyre_future *const *futures);

static make_fn *const makers[] = { gyre_all, gyre_settled, gyre_race };

/* The refused call has left input 0 as it was: nobody owns it, and the reference is the test's. */
static void assert_untouched(int id)
{
    assert_pending(ops[id].f);
    assert_false(gyre_future_is_cancelling(ops[id].f));
    struct gyre_future *f = gyre_within(ops[id].f, GYRE_NEVER);
    resolve_traced(id);
    assert_value(f, id);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + id);
    fixture->trace_count = 0;
}

static void input_of_another_loop_is_refused_and_nothing_changes(void **state)
{
    (void)state;
    struct gyre_loop *other = make_loop();
    in[1] = gyre_sleep(other, GYRE_S(1));
    for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
        in[0] = make_op((int)i);
        assert_refused(makers[i](fixture->loop, 2, in), -EXDEV);
        assert_untouched((int)i);
    }
    assert_pending(in[1]);
    gyre_future_unref(in[1]);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

static void input_that_somebody_has_taken_over_is_refused_and_nothing_changes(void **state)
{
    (void)state;
    in[1] = make_op(9);
    struct gyre_future *owner = gyre_all(fixture->loop, 1, &in[1]);
    for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
        in[0] = make_op((int)i);
        assert_refused(makers[i](fixture->loop, 2, in), -EBUSY);
        assert_untouched((int)i);
    }
    resolve_op(9);
    assert_ok(owner);
    gyre_future_unref(owner);
}

static void missing_input_is_refused_and_nothing_changes(void **state)
{
    (void)state;
    in[1] = NULL;
    for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
        in[0] = make_op((int)i);
        assert_refused(makers[i](fixture->loop, 2, in), -EINVAL);
        assert_refused(makers[i](fixture->loop, 1, NULL), -EINVAL);
        assert_refused(makers[i](NULL, 1, in), -EINVAL);
        assert_untouched((int)i);
    }
}

static void closed_loop_is_refused(void **state)
{
    (void)state;
    make_ops(1, in);
    assert_int_equal(gyre_loop_close(fixture->loop), 0);
    for (size_t i = 0; i < ARRAY_LEN(makers); i++)
        assert_refused(makers[i](fixture->loop, 1, in), -ESHUTDOWN);
    assert_cancelled(in[0], GYRE_REASON_CLOSED);
    gyre_future_unref(in[0]);
}

static void close_of_the_loop_settles_them_without_continuations(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
        in[0] = make_op((int)i);
        ops[10 + i].f = makers[i](fixture->loop, 1, in);
        watch(ops[10 + i].f, 10 + (int)i);
    }
    assert_int_equal(gyre_loop_close(fixture->loop), 0);
    for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
        assert_cancelled(ops[10 + i].f, GYRE_REASON_CLOSED);
        gyre_future_unref(ops[10 + i].f);
    }
    assert_int_equal(fixture->trace_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(all_without_references_cancels_its_inputs),
        OP_TEST(all_without_references_lasts_until_slow_inputs_have_settled),
        OP_TEST(detached_all_goes_on),
        OP_TEST(values_are_dropped_with_all_unless_they_were_taken),
        OP_TEST(input_with_a_reference_of_its_own_outlasts_all),
        OP_TEST(input_is_free_for_others_once_its_owner_is_gone),
        OP_TEST(input_that_another_all_has_cancelled_is_a_failure),
        OP_TEST(input_of_which_one_looks_on_stays_its_owners),
        OP_TEST(errors_of_inputs_are_seen_once_they_are_those_of_all),
        OP_TEST(error_of_all_that_nobody_looks_at_is_reported_once),
        OP_TEST(error_during_the_cleanup_of_a_dropped_all_is_reported),
        OP_TEST(input_of_another_loop_is_refused_and_nothing_changes),
        OP_TEST(input_that_somebody_has_taken_over_is_refused_and_nothing_changes),
        OP_TEST(missing_input_is_refused_and_nothing_changes),
        OP_TEST(closed_loop_is_refused),
        OP_TEST(close_of_the_loop_settles_them_without_continuations),
    };

    return cmocka_run_group_tests_name("owner", tests, NULL, NULL);
}
