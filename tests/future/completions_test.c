/* gyre_completions: futures in the order in which they settle.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

static struct gyre_future *in[OP_LIMIT];
static struct gyre_future *all;

static struct gyre_future *completions(size_t count)
{
    all = gyre_completions(fixture->loop, count, in);
    return all;
}

static struct gyre_future *next(void)
{
    return gyre_completions_next(all);
}

/* `f`, a next, has got operation `id`. */
static void assert_got(struct gyre_future *f, int id)
{
    assert_ok(f);
    assert_ptr_equal(gyre_future_peek(f), ops[id].f);
    gyre_future_unref(f);
}

static void assert_next_is(int id)
{
    assert_got(next(), id);
}

static void assert_end(void)
{
    struct gyre_future *f = next();

    assert_failed(f, -ENOENT);
    gyre_future_unref(f);
}

static void unref_all(int count)
{
    gyre_future_unref(all);
    for (int i = 0; i < count; i++)
        gyre_future_unref(in[i]);
}

/* ------------------------------------------------------------------ order */

static void futures_come_in_the_order_in_which_they_settle(void **state)
{
    (void)state;
    make_ops(4, in);
    completions(4);
    resolve_op(2);
    fail_op(0, -EIO);
    assert_next_is(2);
    gyre_future_cancel(in[3]);
    assert_next_is(0);
    assert_next_is(3);
    resolve_op(1);
    assert_next_is(1);
    assert_end();
    assert_end();
    assert_failed(in[0], -EIO);
    unref_all(4);
}

static void futures_that_had_settled_before_come_in_the_order_of_the_arguments(void **state)
{
    (void)state;
    make_ops(3, in);
    resolve_op(2);
    resolve_op(0);
    completions(3);
    assert_next_is(0);
    assert_next_is(2);
    resolve_op(1);
    assert_next_is(1);
    assert_end();
    unref_all(3);
}

static void object_is_ok_when_all_are_settled(void **state)
{
    (void)state;
    make_ops(2, in);
    completions(2);
    resolve_op(0);
    assert_pending(all);
    fail_op(1, -EIO);
    assert_ok(all);
    assert_next_is(0);
    assert_next_is(1);
    assert_failed(in[1], -EIO);
    unref_all(2);
}

static void completions_of_nothing_have_ended(void **state)
{
    (void)state;
    completions(0);
    assert_ok(all);
    assert_end();
    unref_all(0);
}

static void future_given_twice_comes_once(void **state)
{
    (void)state;
    in[0] = in[1] = in[3] = make_op(0);
    in[2] = make_op(1);
    completions(4);
    struct gyre_future *first = next();
    struct gyre_future *second = next();
    struct gyre_future *third = next();
    resolve_op(0);
    assert_pending(second);
    resolve_op(1);
    assert_got(first, 0);
    assert_got(second, 1);
    assert_failed(third, -ENOENT);
    gyre_future_unref(third);
    gyre_future_unref(all);
    gyre_future_unref(in[0]);
    gyre_future_unref(in[2]);
}

static void refused_future_has_settled(void **state)
{
    (void)state;
    in[0] = gyre_race(fixture->loop, 0, NULL);
    completions(1);
    struct gyre_future *f = next();
    assert_ptr_equal(gyre_future_peek(f), in[0]);
    gyre_future_unref(f);
    assert_end();
    unref_all(1);
}

/* ------------------------------------------------------------------ waiting nexts */

static void several_nexts_are_served_in_order(void **state)
{
    struct gyre_future *nexts[4];

    (void)state;
    make_ops(3, in);
    completions(3);
    for (int i = 0; i < 4; i++) {
        nexts[i] = next();
        watch(nexts[i], i);
    }
    for (int i = 2; i >= 0; i--)
        resolve_op(i);
    run_ready(fixture);
    ASSERT_TRACE(fixture, DONE + 0, DONE + 1, DONE + 2, DONE + 3);
    for (int i = 0; i < 3; i++)
        assert_got(nexts[i], 2 - i);
    assert_failed(nexts[3], -ENOENT);
    gyre_future_unref(nexts[3]);
    unref_all(3);
}

static void cancelled_next_loses_nothing(void **state)
{
    (void)state;
    make_ops(2, in);
    completions(2);
    struct gyre_future *first = next();
    struct gyre_future *second = next();
    assert_true(gyre_future_cancel(first));
    assert_cancelled(first, GYRE_REASON_REQUEST);
    resolve_op(1);
    assert_got(second, 1);
    resolve_op(0);
    assert_next_is(0);
    assert_end();
    gyre_future_unref(first);
    unref_all(2);
}

static void dropped_next_loses_nothing(void **state)
{
    (void)state;
    make_ops(1, in);
    completions(1);
    gyre_future_unref(next());
    resolve_op(0);
    assert_next_is(0);
    unref_all(1);
}

static void next_that_has_got_one_keeps_it_when_it_is_cancelled(void **state)
{
    (void)state;
    make_ops(1, in);
    completions(1);
    struct gyre_future *f = next();
    resolve_op(0);
    assert_false(gyre_future_cancel(f));
    assert_got(f, 0);
    assert_end();
    unref_all(1);
}

static void next_keeps_the_object_and_what_it_got(void **state)
{
    (void)state;
    make_ops(1, in);
    completions(1);
    struct gyre_future *f = next();
    unref_all(1);
    assert_int_equal(fixture->trace_count, 0);
    resolve_traced(0);
    assert_value(gyre_future_peek(f), 0);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 0);
}

static struct gyre_call again;
static int rounds;

/* Go through all of them, one continuation after the other. */
static void got_one(struct gyre_call *call, void *arg)
{
    struct gyre_future **slot = arg;
    struct gyre_future *got = gyre_future_peek(*slot);

    gyre_future_unref(*slot);
    if (!got)
        return;
    record(fixture, (int)(intptr_t)gyre_future_peek(got));
    rounds++;
    *slot = next();
    assert_int_equal(gyre_future_on_done(*slot, call), 0);
}

static void loop_over_completions_sees_each_once(void **state)
{
    struct gyre_future *slot;

    (void)state;
    rounds = 0;
    make_ops(5, in);
    completions(5);
    slot = next();
    memset(&again, 0, sizeof(again));
    assert_int_equal(gyre_call_init(&again, fixture->loop, got_one, &slot), 0);
    assert_int_equal(gyre_future_on_done(slot, &again), 0);
    static const int order[] = { 3, 1, 4, 0, 2 };
    for (int i = 0; i < 5; i++) {
        resolve_op(order[i]);
        if (i % 2)
            run_ready(fixture);
    }
    run_ready(fixture);
    assert_trace(fixture, order, 5);
    assert_int_equal(report_count, 0); /* the end is no error */
    unref_all(5);
}

/* ------------------------------------------------------------------ only looks on */

static void unref_of_the_object_cancels_none(void **state)
{
    (void)state;
    make_ops(2, in);
    completions(2);
    gyre_future_unref(all);
    assert_int_equal(fixture->trace_count, 0);
    resolve_op(0);
    assert_value(in[0], 0);
    gyre_future_unref(in[0]);
    gyre_future_unref(in[1]);
}

static void cancelled_object_hands_out_what_had_settled_and_then_ends(void **state)
{
    (void)state;
    make_ops(3, in);
    completions(3);
    resolve_op(1);
    assert_true(gyre_future_cancel(all));
    assert_cancelled(all, GYRE_REASON_REQUEST);
    resolve_op(0); /* too late */
    assert_next_is(1);
    assert_end();
    assert_pending(in[2]);
    unref_all(3);
    ASSERT_TRACE(fixture, CANCEL + 2);
}

static void waiting_nexts_of_a_cancelled_object_end(void **state)
{
    (void)state;
    make_ops(1, in);
    completions(1);
    struct gyre_future *first = next();
    struct gyre_future *second = next();
    gyre_future_cancel(all);
    assert_failed(first, -ENOENT);
    assert_failed(second, -ENOENT);
    gyre_future_unref(first);
    gyre_future_unref(second);
    unref_all(1);
}

static void futures_that_have_an_owner_can_be_looked_at(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *owner = gyre_all(fixture->loop, 3, in);
    completions(3);
    fail_op(1, -EIO);
    assert_next_is(1);
    assert_next_is(0);
    assert_next_is(2);
    assert_failed(owner, -EIO);
    gyre_future_unref(owner);
    gyre_future_unref(all);
}

static void errors_are_not_looked_at_by_the_object(void **state)
{
    (void)state;
    make_ops(1, in);
    completions(1);
    fail_op(0, -EIO);
    assert_next_is(0);
    unref_all(1);
    assert_int_equal(report_count, 1);
}

/* ------------------------------------------------------------------ refused, closed */

static void completions_refuse_what_they_cannot_do(void **state)
{
    (void)state;
    struct gyre_loop *other = make_loop();
    make_ops(1, in);
    in[1] = gyre_sleep(other, GYRE_S(1));
    assert_refused(completions(2), -EXDEV);
    assert_refused(gyre_completions(fixture->loop, 1, NULL), -EINVAL);
    assert_refused(gyre_completions(NULL, 1, in), -EINVAL);
    assert_refused(gyre_completions_next(NULL), -EINVAL);
    assert_refused(gyre_completions_next(in[0]), -EINVAL);
    assert_refused(gyre_completions_next(gyre_completions(NULL, 1, in)), -EINVAL);
    resolve_traced(0);
    gyre_future_unref(in[0]);
    ASSERT_TRACE(fixture, DROP + 0);
    gyre_future_unref(in[1]);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

static void close_of_the_loop_cancels_nexts_and_refuses_new_ones(void **state)
{
    (void)state;
    make_ops(2, in);
    completions(2);
    struct gyre_future *waiting[2] = { next(), next() };
    assert_int_equal(gyre_loop_close(fixture->loop), 0);
    for (int i = 0; i < 2; i++)
        assert_cancelled(waiting[i], GYRE_REASON_CLOSED);
    assert_refused(next(), -ESHUTDOWN);
    unref_all(2);
    gyre_future_unref(waiting[1]);
    gyre_future_unref(waiting[0]);
}

static void next_in_a_cancelled_scope_takes_nothing(void **state)
{
    (void)state;
    struct gyre_scope scope = { 0 };
    struct gyre_future *op = make_op(1);
    struct gyre_future *c = gyre_completions(fixture->loop, 1, &op);
    resolve_op(1);
    assert_int_equal(gyre_scope_init(&scope, fixture->loop, NULL), 0);
    gyre_scope_cancel(&scope);
    gyre_scope_enter(&scope);
    struct gyre_future *late = gyre_completions_next(c);
    gyre_scope_leave(&scope);
    assert_cancelled(late, GYRE_REASON_REQUEST);
    assert_true(gyre_scope_caused(&scope, late));
    struct gyre_future *next = gyre_completions_next(c);
    assert_ok(next);
    assert_ptr_equal(gyre_future_peek(next), op);
    gyre_future_unref(late);
    gyre_future_unref(next);
    gyre_future_unref(c);
    gyre_future_unref(op);
    gyre_scope_fini(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(futures_come_in_the_order_in_which_they_settle),
        OP_TEST(futures_that_had_settled_before_come_in_the_order_of_the_arguments),
        OP_TEST(object_is_ok_when_all_are_settled),
        OP_TEST(completions_of_nothing_have_ended),
        OP_TEST(future_given_twice_comes_once),
        OP_TEST(refused_future_has_settled),
        OP_TEST(several_nexts_are_served_in_order),
        OP_TEST(cancelled_next_loses_nothing),
        OP_TEST(next_in_a_cancelled_scope_takes_nothing),
        OP_TEST(dropped_next_loses_nothing),
        OP_TEST(next_that_has_got_one_keeps_it_when_it_is_cancelled),
        OP_TEST(next_keeps_the_object_and_what_it_got),
        OP_TEST(loop_over_completions_sees_each_once),
        OP_TEST(unref_of_the_object_cancels_none),
        OP_TEST(cancelled_object_hands_out_what_had_settled_and_then_ends),
        OP_TEST(waiting_nexts_of_a_cancelled_object_end),
        OP_TEST(futures_that_have_an_owner_can_be_looked_at),
        OP_TEST(errors_are_not_looked_at_by_the_object),
        OP_TEST(completions_refuse_what_they_cannot_do),
        OP_TEST(close_of_the_loop_cancels_nexts_and_refuses_new_ones),
    };

    return cmocka_run_group_tests_name("completions", tests, NULL, NULL);
}
