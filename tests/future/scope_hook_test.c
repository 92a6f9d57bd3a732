/* Scopes that are cancelled while futures made of others are in them, and from functions of the
 * user's: cancel hooks, drop functions, the error hook.
 *
 * SPDX-License-Identifier: MIT */
#include "future/scopes.h"

#include "base/util.h"

/* ------------------------------------------------------------------ futures made of others */

static int keep_value(void **value, gyre_drop_fn **drop, void *arg)
{
    (void)value;
    (void)drop;
    (void)arg;
    return 0;
}

static struct gyre_future *start_nothing(struct gyre_future *done, void *arg)
{
    (void)done;
    (void)arg;
    return NULL;
}

/* Each is made of operations 1 and 2, or 1 alone, whose references stay with the test. */
static struct gyre_future *const *both(void)
{
    static struct gyre_future *inputs[2];

    for (int i = 0; i < 2; i++)
        inputs[i] = gyre_future_ref(ops[i + 1].future);
    return inputs;
}

static struct gyre_future *make_all(struct fixture *f)
{
    return gyre_all(f->loop, 2, both());
}

static struct gyre_future *make_settled(struct fixture *f)
{
    return gyre_settled(f->loop, 2, both());
}

static struct gyre_future *make_race(struct fixture *f)
{
    return gyre_race(f->loop, 2, both());
}

static struct gyre_future *make_within(struct fixture *f)
{
    (void)f;
    return gyre_within(gyre_future_ref(ops[1].future), 10);
}

static struct gyre_future *make_then(struct fixture *f)
{
    (void)f;
    return gyre_then(gyre_future_ref(ops[1].future), keep_value, NULL);
}

static struct gyre_future *make_then_start(struct fixture *f)
{
    (void)f;
    return gyre_then_start(gyre_future_ref(ops[1].future), start_nothing, NULL);
}

static struct gyre_future *make_shield(struct fixture *f)
{
    (void)f;
    return gyre_shield(gyre_future_ref(ops[1].future));
}

static struct gyre_future *make_wait(struct fixture *f)
{
    struct gyre_future *const inputs[] = { ops[1].future, ops[2].future };

    return gyre_wait(f->loop, GYRE_WAIT_ALL, 2, inputs, 10);
}

typedef struct gyre_future *make_fn(struct fixture *f);

static make_fn *const kinds[] = { make_all,  make_settled,    make_race,   make_within,
                                  make_then, make_then_start, make_shield, make_wait };

/* The last two do not forward the request to their inputs; a wait is not made of them. */
enum { FORWARDING = ARRAY_LEN(kinds) - 2, MADE_OF_OTHERS = ARRAY_LEN(kinds) - 1 };

static void start_inputs_in(struct fixture *f, int scope, bool is_slow)
{
    memset(ops, 0, sizeof(ops));
    for (int id = 1; id <= 2; id++)
        start_op_in(f, scope, id)->is_slow = is_slow;
}

static struct gyre_future *make_in(struct fixture *f, int scope, make_fn *make)
{
    enter(scope);
    struct gyre_future *made = make(f);
    leave(scope);
    return made;
}

static void future_made_of_others_is_cancelled_with_them_and_has_not_failed(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < MADE_OF_OTHERS; i++) {
        make_scope(f, 0, -1);
        start_inputs_in(f, 0, false);
        struct gyre_future *made = make_in(f, 0, kinds[i]);
        assert_state(made, GYRE_FUTURE_PENDING);
        cancel_scope(0);
        assert_state(made, GYRE_FUTURE_CANCELLED);
        assert_true(gyre_scope_caused(&scopes[0], made));
        assert_int_equal(gyre_future_reason(made), GYRE_REASON_REQUEST);
        assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
        assert_int_equal(ops[1].asked, 1);
        assert_false(gyre_loop_is_alive(f->loop));
        gyre_future_unref(made);
        release_ops(1, 2);
        end_scopes(1);
    }
}

static void future_made_of_others_waits_for_those_that_are_slow_to_undo(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < FORWARDING; i++) {
        make_scope(f, 0, -1);
        start_inputs_in(f, 0, true);
        struct gyre_future *made = make_in(f, 0, kinds[i]);
        cancel_scope(0);
        assert_true(gyre_future_is_cancelling(made));
        end_op(2);
        assert_state(made, GYRE_FUTURE_PENDING);
        end_op(1);
        assert_state(made, GYRE_FUTURE_CANCELLED);
        assert_true(gyre_scope_caused(&scopes[0], made));
        gyre_future_unref(made);
        release_ops(1, 2);
        end_scopes(1);
    }
}

static void request_reaches_inputs_that_are_in_no_cancelled_scope(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < FORWARDING; i++) {
        make_scope(f, 0, -1);
        make_scope(f, 1, -1);
        start_inputs_in(f, 1, false);
        struct gyre_future *made = make_in(f, 0, kinds[i]);
        cancel_scope(0);
        assert_state(made, GYRE_FUTURE_CANCELLED);
        assert_op_state(1, GYRE_FUTURE_CANCELLED);
        assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
        gyre_future_unref(made);
        release_ops(1, 2);
        end_scopes(2);
    }
}

static void shield_and_wait_let_go_of_inputs_that_are_in_no_cancelled_scope(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t i = FORWARDING; i < ARRAY_LEN(kinds); i++) {
        make_scope(f, 0, -1);
        make_scope(f, 1, -1);
        start_inputs_in(f, 1, false);
        struct gyre_future *made = make_in(f, 0, kinds[i]);
        cancel_scope(0);
        assert_state(made, GYRE_FUTURE_CANCELLED);
        assert_op_state(1, GYRE_FUTURE_PENDING);
        gyre_future_unref(made);
        assert_int_equal(f->trace_count, 2 * (int)(i - FORWARDING));
        release_ops(1, 2);
        end_scopes(2);
    }
}

static void future_made_in_a_cancelled_scope_is_cancelled_from_the_start(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < MADE_OF_OTHERS; i++) {
        make_scope(f, 0, -1);
        cancel_scope(0);
        start_inputs_in(f, 0, false);
        struct gyre_future *made = make_in(f, 0, kinds[i]);
        assert_state(made, GYRE_FUTURE_CANCELLED);
        assert_true(gyre_scope_caused(&scopes[0], made));
        assert_false(gyre_loop_is_alive(f->loop));
        gyre_future_unref(made);
        release_ops(1, 2);
        end_scopes(1);
    }
}

static void error_reported(struct gyre_loop *loop, const struct gyre_loop_error *error, void *arg)
{
    (void)loop;
    record(arg, -error->err);
}

/* Nobody could tell the error from one of the operations. */
static void cancelled_scope_leaves_no_error_to_report(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_on_error(f->loop, error_reported, f), 0);
    make_scope(f, 0, -1);
    cancel_scope(0);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        start_inputs_in(f, 0, false);
        gyre_future_unref(make_in(f, 0, kinds[i]));
        release_ops(1, 2);
    }
    assert_int_equal(f->trace_count, 0);
    end_scopes(1);
}

/* To the futures outside it is a failure, of which somebody has to think. */
static void all_of_a_scope_that_others_cancel_has_failed(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_inputs_in(f, 0, false);
    struct gyre_future *all = make_all(f);
    cancel_scope(0);
    assert_int_equal(gyre_future_error(all), -ECANCELED);
    assert_state(all, GYRE_FUTURE_ERR);
    gyre_future_unref(all);
    release_ops(1, 2);
    end_scopes(1);
}

static void result_that_is_there_is_delivered_in_a_cancelled_scope(void **state)
{
    struct fixture *f = fixture_of(state);
    static make_fn *const make[] = { make_all, make_settled, make_race, make_within, make_shield };

    for (size_t i = 0; i < ARRAY_LEN(make); i++) {
        make_scope(f, 0, -1);
        start_inputs_in(f, 0, false);
        for (int id = 1; id <= 2; id++)
            assert_int_equal(gyre_future_resolve(ops[id].future, NULL, NULL), 0);
        cancel_scope(0);
        struct gyre_future *made = make_in(f, 0, make[i]);
        assert_state(made, GYRE_FUTURE_OK);
        gyre_future_unref(made);
        release_ops(1, 2);
        end_scopes(1);
    }
}

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
        SCOPE_TEST(future_made_of_others_is_cancelled_with_them_and_has_not_failed),
        SCOPE_TEST(future_made_of_others_waits_for_those_that_are_slow_to_undo),
        SCOPE_TEST(request_reaches_inputs_that_are_in_no_cancelled_scope),
        SCOPE_TEST(shield_and_wait_let_go_of_inputs_that_are_in_no_cancelled_scope),
        SCOPE_TEST(future_made_in_a_cancelled_scope_is_cancelled_from_the_start),
        SCOPE_TEST(cancelled_scope_leaves_no_error_to_report),
        SCOPE_TEST(all_of_a_scope_that_others_cancel_has_failed),
        SCOPE_TEST(result_that_is_there_is_delivered_in_a_cancelled_scope),
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
