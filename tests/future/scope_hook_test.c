/* Scopes that are cancelled from functions of the user's: cancel hooks, drop functions, the error
 * hook. Futures made of others are in scope_owner_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "future/scopes.h"

/* ------------------------------------------------------------------ cancel hooks */

static void cancel_scope_1(struct op *op)
{
    (void)op;
    cancel_scope(1);
}

static void scope_can_be_cancelled_from_a_cancel_hook(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    start_op_in(f, 0, 1)->then = cancel_scope_1;
    start_op_in(f, 0, 2);
    start_op_in(f, 1, 3);
    cancel_scope(0);
    ASSERT_TRACE(f, 1, 2, 3);
    assert_true(gyre_scope_caused(&scopes[1], ops[3].future));
    release_ops(1, 3);
    end_scopes(2);
}

/* Scope 1 is the one under way. */
static void cancel_all_scopes(struct op *op)
{
    (void)op;
    for (int id = 0; id < 3; id++)
        assert_int_equal(gyre_scope_cancel(&scopes[id]), id != 1);
}

static void hook_that_cancels_the_scopes_around_it_is_called_once(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    make_scope(f, 2, 1);
    start_op_in(f, 2, 1)->then = cancel_all_scopes;
    start_op_in(f, 2, 2);
    cancel_scope(1);
    ASSERT_TRACE(f, 1, 2);
    release_ops(1, 2);
    end_scopes(3);
}

static void end_scope_0(struct op *op)
{
    (void)op;
    gyre_scope_fini(&scopes[0]);
    memset(&scopes[0], 0xDD, sizeof(scopes[0]));
}

static void scope_can_end_in_the_hook_of_its_own_operation(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_op_in(f, 0, 1)->then = end_scope_0;
    start_op_in(f, 0, 2);
    start_op_in(f, 0, 3);
    cancel_scope(0);
    ASSERT_TRACE(f, 1, 2, 3);
    for (int id = 1; id <= 3; id++)
        assert_op_state(id, GYRE_FUTURE_CANCELLED);
    release_ops(1, 3);
}

static void start_op_5_here(struct op *op)
{
    start_op_in(op->f, 0, 5);
    assert_op_state(5, GYRE_FUTURE_CANCELLED);
}

static void operation_started_by_a_hook_is_cancelled_from_the_start(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_op_in(f, 0, 1)->then = start_op_5_here;
    cancel_scope(0);
    ASSERT_TRACE(f, 1);
    assert_true(gyre_scope_caused(&scopes[0], ops[5].future));
    release_ops(1, 1);
    release_ops(5, 5);
    end_scopes(1);
}

static void cancel_next_op(struct op *op)
{
    assert_true(gyre_future_cancel(ops[op->id + 1].future));
}

static void hook_that_cancels_the_next_operation_does_not_ask_it_twice(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    for (int id = 1; id <= 3; id++)
        start_op_in(f, 0, id)->then = id < 3 ? cancel_next_op : NULL;
    cancel_scope(0);
    ASSERT_TRACE(f, 1, 2, 3);
    assert_true(gyre_scope_caused(&scopes[0], ops[3].future));
    release_ops(1, 3);
    end_scopes(1);
}

static void resolve_next_op(struct op *op)
{
    assert_int_equal(gyre_future_resolve(ops[op->id + 1].future, NULL, NULL), 0);
}

static void operation_that_a_hook_completes_is_ok_and_not_asked(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_op_in(f, 0, 1)->then = resolve_next_op;
    start_op_in(f, 0, 2);
    start_op_in(f, 0, 3);
    cancel_scope(0);
    ASSERT_TRACE(f, 1, 3);
    assert_op_state(2, GYRE_FUTURE_OK);
    release_ops(1, 3);
    end_scopes(1);
}

static void release_all_ops(struct op *op)
{
    (void)op;
    release_ops(1, 3);
}

static void hook_may_give_up_all_operations_of_the_scope(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    for (int id = 1; id <= 3; id++)
        start_op_in(f, 0, id)->then = id == 2 ? release_all_ops : NULL;
    cancel_scope(0);
    ASSERT_TRACE(f, 1, 2, 3);
    end_scopes(1);
}

/* ------------------------------------------------------------------ drop functions, the error hook */

static void drop_by_cancelling(void *value)
{
    assert_true(gyre_scope_cancel(value));
}

static void scope_can_be_cancelled_from_a_drop_function(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_op(f, 1);
    start_op_in(f, 0, 2);
    assert_int_equal(gyre_future_resolve(ops[1].future, &scopes[0], drop_by_cancelling), 0);
    assert_int_equal(f->trace_count, 0);
    release_ops(1, 1);
    ASSERT_TRACE(f, 2);
    release_ops(2, 2);
    end_scopes(1);
}

static void scope_can_be_cancelled_by_the_drop_of_a_value_that_came_too_late(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_op_in(f, 0, 1);
    start_op(f, 2);
    assert_int_equal(gyre_future_resolve(ops[2].future, NULL, NULL), 0);
    assert_int_equal(gyre_future_resolve(ops[2].future, &scopes[0], drop_by_cancelling), -EALREADY);
    ASSERT_TRACE(f, 1);
    release_ops(1, 2);
    end_scopes(1);
}

static void error_cancels(struct gyre_loop *loop, const struct gyre_loop_error *error, void *arg)
{
    (void)loop;
    assert_int_equal(error->err, -EIO);
    assert_true(gyre_scope_cancel(arg));
}

static void scope_can_be_cancelled_from_the_error_hook(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_op(f, 1);
    start_op_in(f, 0, 2);
    assert_int_equal(gyre_loop_on_error(f->loop, error_cancels, &scopes[0]), 0);
    assert_int_equal(gyre_future_fail(ops[1].future, -EIO), 0);
    release_ops(1, 1);
    ASSERT_TRACE(f, 2);
    assert_op_state(2, GYRE_FUTURE_CANCELLED);
    release_ops(2, 2);
    end_scopes(1);
}

static void close_drops_the_operations_of_a_scope_without_asking_them(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_op_in(f, 0, 1);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(ops[1].dropped, 1);
    assert_int_equal(ops[1].asked, 0);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_CLOSED);
    assert_false(gyre_scope_cancel(&scopes[0]));
    release_ops(1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCOPE_TEST(scope_can_be_cancelled_from_a_cancel_hook),
        SCOPE_TEST(hook_that_cancels_the_scopes_around_it_is_called_once),
        SCOPE_TEST(scope_can_end_in_the_hook_of_its_own_operation),
        SCOPE_TEST(operation_started_by_a_hook_is_cancelled_from_the_start),
        SCOPE_TEST(hook_that_cancels_the_next_operation_does_not_ask_it_twice),
        SCOPE_TEST(operation_that_a_hook_completes_is_ok_and_not_asked),
        SCOPE_TEST(hook_may_give_up_all_operations_of_the_scope),
        SCOPE_TEST(scope_can_be_cancelled_from_a_drop_function),
        SCOPE_TEST(scope_can_be_cancelled_by_the_drop_of_a_value_that_came_too_late),
        SCOPE_TEST(scope_can_be_cancelled_from_the_error_hook),
        SCOPE_TEST(close_drops_the_operations_of_a_scope_without_asking_them),
    };

    return cmocka_run_group_tests_name("scope_hook", tests, NULL, NULL);
}
