/* What cancel hooks, drop functions, error hooks and continuations may do to futures made of others,
 * while one of those is being settled, cancelled or freed: everything.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

static struct gyre_future *in[OP_LIMIT];
static struct gyre_future *f; /* the one that the hooks work on */
static struct gyre_future *made;

static struct gyre_future *all(size_t count)
{
    f = gyre_all(fixture->loop, count, in);
    return f;
}

/* ------------------------------------------------------------------ in cancel hooks */

static void fail_the_next(struct op *op)
{
    fail_op(op->id + 1, -EPIPE);
}

static void hook_may_fail_the_sibling_that_is_asked_next(void **state)
{
    (void)state;
    make_ops(3, in);
    ops[0].inside = fail_the_next;
    all(3);
    fail_op(2, -EIO);
    ASSERT_TRACE(fixture, CANCEL + 0);
    assert_failed(f, -EIO);
    ASSERT_FAILURES(f, 2, 1);
    gyre_future_unref(f);
}

static void resolve_the_next(struct op *op)
{
    resolve_traced(op->id + 1);
}

static void hook_may_resolve_the_sibling_that_is_asked_next(void **state)
{
    (void)state;
    make_ops(2, in);
    ops[0].inside = resolve_the_next;
    all(2);
    gyre_future_cancel(f);
    ASSERT_TRACE(fixture, CANCEL + 0);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_value(in[1], 1);
    gyre_future_unref(f);
}

static void resolve_itself(struct op *op)
{
    resolve_op(op->id);
}

static void hook_may_resolve_its_own_future(void **state)
{
    (void)state;
    make_ops(2, in);
    ops[0].inside = ops[1].inside = resolve_itself;
    all(2);
    gyre_future_cancel(f);
    assert_ok(f);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1);
    gyre_future_unref(f);
}

static void unref_f(struct op *op)
{
    (void)op;
    gyre_future_unref(f);
}

static void hook_may_give_back_the_last_reference_to_the_whole(void **state)
{
    (void)state;
    make_ops(3, in);
    ops[1].inside = unref_f;
    all(3);
    gyre_future_cancel(f);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1, CANCEL + 2);
}

static void hook_may_give_back_the_last_reference_after_a_failure(void **state)
{
    (void)state;
    make_ops(2, in);
    ops[1].inside = unref_f;
    all(2);
    fail_op(0, -EIO);
    ASSERT_TRACE(fixture, CANCEL + 1);
    assert_int_equal(report_count, 1);
}

static void cancel_f(struct op *op)
{
    (void)op;
    assert_true(gyre_future_cancel(f));
}

static void hook_may_cancel_the_whole_again(void **state)
{
    (void)state;
    make_ops(3, in);
    ops[0].inside = cancel_f;
    all(3);
    fail_op(1, -EIO);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 2);
    assert_failed(f, -EIO);
    gyre_future_unref(f);
}

static void make_another(struct op *op)
{
    struct gyre_future *others[2] = { ops[op->id + 10].f, ops[op->id + 11].f };

    made = gyre_all(fixture->loop, 2, others);
    assert_int_equal(gyre_future_count(made), 2);
}

static void hook_may_make_futures_of_settled_and_pending_ones(void **state)
{
    (void)state;
    make_op(10);
    make_op(11);
    resolve_op(10);
    in[0] = make_op(0);
    ops[0].inside = make_another;
    all(1);
    gyre_future_cancel(f);
    assert_pending(made);
    resolve_op(11);
    assert_ok(made);
    gyre_future_unref(made);
    gyre_future_unref(f);
}

static void hook_may_make_a_future_that_fails_at_once(void **state)
{
    (void)state;
    make_op(10);
    make_op(11);
    fail_op(11, -EIO);
    in[0] = make_op(0);
    ops[0].inside = make_another;
    all(1);
    gyre_future_cancel(f);
    assert_failed(made, -EIO);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 10);
    gyre_future_unref(made);
    gyre_future_unref(f);
}

static void make_of_itself(struct op *op)
{
    struct gyre_future *self[1] = { gyre_future_ref(op->f) };

    made = gyre_wait(fixture->loop, GYRE_WAIT_ALL, 1, self, GYRE_NEVER);
    gyre_future_unref(self[0]);
}

static void hook_may_wait_for_the_future_that_is_being_cancelled(void **state)
{
    (void)state;
    in[0] = make_op(0);
    ops[0].inside = make_of_itself;
    all(1);
    gyre_future_cancel(f);
    assert_ok(made);
    gyre_future_unref(made);
    gyre_future_unref(f);
}

static void cancel_the_next(struct op *op)
{
    assert_true(gyre_future_cancel(ops[op->id + 1].f));
}

static void hook_that_cancels_the_next_sibling_asks_it_once(void **state)
{
    (void)state;
    make_ops(4, in);
    for (int i = 0; i < 3; i++)
        ops[i].inside = cancel_the_next;
    all(4);
    gyre_future_cancel(f);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1, CANCEL + 2, CANCEL + 3);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    gyre_future_unref(f);
}

static struct gyre_scope scope;

static void cancel_the_scope(struct op *op)
{
    (void)op;
    assert_true(gyre_scope_cancel(&scope));
}

static void hook_may_cancel_the_scope_of_it_all(void **state)
{
    (void)state;
    memset(&scope, 0, sizeof(scope));
    assert_int_equal(gyre_scope_init(&scope, fixture->loop, NULL), 0);
    assert_int_equal(gyre_scope_enter(&scope), 0);
    make_ops(3, in);
    ops[0].inside = cancel_the_scope;
    all(3);
    assert_int_equal(gyre_scope_leave(&scope), 0);
    fail_op(1, -EIO);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 2);
    assert_failed(f, -EIO);
    gyre_future_unref(f);
    gyre_scope_fini(&scope);
}

/* ------------------------------------------------------------------ in drop and error hooks */

static void unref_f_in_drop(void *value)
{
    drop_value(value);
    gyre_future_unref(f);
}

static void drop_function_may_free_another_future(void **state)
{
    (void)state;
    make_ops(1, in);
    all(1);
    make_op(5);
    assert_int_equal(gyre_future_resolve(ops[5].f, value_of(5), unref_f_in_drop), 0);
    gyre_future_unref(ops[5].f);
    ASSERT_TRACE(fixture, DROP + 5, CANCEL + 0);
}

static void drop_function_of_an_input_may_free_another_future(void **state)
{
    (void)state;
    in[0] = make_op(0);
    struct gyre_future *outer = gyre_all(fixture->loop, 1, in);
    in[0] = make_op(1);
    all(1);
    assert_int_equal(gyre_future_resolve(ops[0].f, value_of(0), unref_f_in_drop), 0);
    gyre_future_unref(outer);
    ASSERT_TRACE(fixture, DROP + 0, CANCEL + 1);
}

static void settle_a_sibling(void *value)
{
    drop_value(value);
    resolve_op(1);
    resolve_op(2);
}

static void drop_of_a_value_that_came_too_late_may_settle_the_siblings(void **state)
{
    (void)state;
    make_ops(3, in);
    gyre_future_ref(in[0]);
    all(3);
    resolve_op(0);
    assert_int_equal(gyre_future_resolve(in[0], value_of(9), settle_a_sibling), -EALREADY);
    assert_ok(f);
    ASSERT_TRACE(fixture, DROP + 9);
    gyre_future_unref(f);
    gyre_future_unref(in[0]);
}

static void make_and_drop(void *value)
{
    drop_value(value);
    in[0] = make_op(7);
    gyre_future_unref(gyre_within(gyre_all(fixture->loop, 1, in), GYRE_MS(1)));
}

static void drop_function_may_make_and_free_new_ones(void **state)
{
    (void)state;
    make_op(0);
    assert_int_equal(gyre_future_resolve(ops[0].f, value_of(0), make_and_drop), 0);
    gyre_future_unref(ops[0].f);
    ASSERT_TRACE(fixture, DROP + 0, CANCEL + 7);
}

static void unref_on_report(struct gyre_loop *loop, const struct gyre_loop_error *error, void *arg)
{
    note_report(loop, error, arg);
    gyre_future_unref(f);
    f = NULL;
}

static void error_hook_may_free_other_futures(void **state)
{
    (void)state;
    assert_int_equal(gyre_loop_on_error(fixture->loop, unref_on_report, NULL), 0);
    in[0] = make_op(0);
    all(1);
    make_op(1);
    fail_op(1, -EIO);
    gyre_future_unref(ops[1].f);
    assert_int_equal(report_count, 1);
    ASSERT_TRACE(fixture, CANCEL + 0);
}

/* ------------------------------------------------------------------ in continuations */

static void unref_input_and_whole(struct gyre_call *call, void *arg)
{
    (void)call;
    record(fixture, DONE + (int)(intptr_t)arg);
    gyre_future_unref(f);
    f = NULL;
}

static void continuation_of_an_input_may_free_what_is_made_of_it(void **state)
{
    struct gyre_call call = { 0 };

    (void)state;
    make_ops(2, in);
    assert_int_equal(gyre_call_init(&call, fixture->loop, unref_input_and_whole, value_of(0)), 0);
    assert_int_equal(gyre_future_on_done(in[0], &call), 0);
    all(2);
    watch(f, 9);
    resolve_traced(0);
    run_ready(fixture);
    ASSERT_TRACE(fixture, DONE + 0, CANCEL + 1, DROP + 0, DONE + 9);
}

static void continuation_may_free_the_whole_after_all_have_settled(void **state)
{
    struct gyre_call call = { 0 };

    (void)state;
    make_ops(2, in);
    assert_int_equal(gyre_call_init(&call, fixture->loop, unref_input_and_whole, value_of(0)), 0);
    assert_int_equal(gyre_future_on_done(in[0], &call), 0);
    all(2);
    resolve_traced(0);
    resolve_traced(1);
    run_ready(fixture);
    ASSERT_TRACE(fixture, DONE + 0, DROP + 0, DROP + 1);
}

/* ------------------------------------------------------------------ detached */

static struct gyre_future *start_op(void *arg)
{
    (void)arg;
    return make_op(1);
}

static void join_that_was_detached_does_not_cancel_its_group(void **state)
{
    struct gyre_group *group;

    (void)state;
    assert_int_equal(gyre_group_create(fixture->loop, 0, &group), 0);
    assert_int_equal(gyre_group_spawn(group, start_op, NULL, NULL), 0);
    struct gyre_future *join = gyre_group_join(group);
    gyre_group_unref(group);
    gyre_future_detach(join);
    run_ready(fixture);
    assert_int_equal(fixture->trace_count, 0);
    resolve_traced(1);
    ASSERT_TRACE(fixture, DROP + 1);
}

/* Ten times, then no more. */
static struct gyre_future *go_on(struct gyre_future *done, void *arg)
{
    int *rounds = arg;

    (void)done;
    return ++*rounds < 10 ? gyre_sleep(fixture->loop, GYRE_MS(1)) : NULL;
}

static void detached_repeat_goes_on(void **state)
{
    int rounds = 0;

    (void)state;
    gyre_future_detach(gyre_repeat(fixture->loop, go_on, &rounds));
    advance(GYRE_S(1));
    assert_int_equal(rounds, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(hook_may_fail_the_sibling_that_is_asked_next),
        OP_TEST(hook_may_resolve_the_sibling_that_is_asked_next),
        OP_TEST(hook_may_resolve_its_own_future),
        OP_TEST(hook_may_give_back_the_last_reference_to_the_whole),
        OP_TEST(hook_may_give_back_the_last_reference_after_a_failure),
        OP_TEST(hook_may_cancel_the_whole_again),
        OP_TEST(hook_may_make_futures_of_settled_and_pending_ones),
        OP_TEST(hook_may_make_a_future_that_fails_at_once),
        OP_TEST(hook_may_wait_for_the_future_that_is_being_cancelled),
        OP_TEST(hook_that_cancels_the_next_sibling_asks_it_once),
        OP_TEST(hook_may_cancel_the_scope_of_it_all),
        OP_TEST(drop_function_may_free_another_future),
        OP_TEST(drop_function_of_an_input_may_free_another_future),
        OP_TEST(drop_of_a_value_that_came_too_late_may_settle_the_siblings),
        OP_TEST(drop_function_may_make_and_free_new_ones),
        OP_TEST(error_hook_may_free_other_futures),
        OP_TEST(continuation_of_an_input_may_free_what_is_made_of_it),
        OP_TEST(continuation_may_free_the_whole_after_all_have_settled),
        OP_TEST(join_that_was_detached_does_not_cancel_its_group),
        OP_TEST(detached_repeat_goes_on),
    };

    return cmocka_run_group_tests_name("reentry", tests, NULL, NULL);
}
