/* gyre_wait: looking on, in three modes.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

static struct gyre_future *in[OP_LIMIT];

static struct gyre_future *wait_for(enum gyre_wait_mode mode, size_t count)
{
    return gyre_wait(fixture->loop, mode, count, in, GYRE_NEVER);
}

static void unref_inputs(int count)
{
    for (int i = 0; i < count; i++)
        gyre_future_unref(in[i]);
}

/* ------------------------------------------------------------------ three modes */

static void wait_for_all_is_ok_when_the_last_one_has_settled(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = wait_for(GYRE_WAIT_ALL, 3);
    fail_op(1, -EIO);
    gyre_future_cancel(in[0]);
    assert_pending(f);
    resolve_op(2);
    assert_ok(f);
    ASSERT_TRACE(fixture, CANCEL + 0);
    gyre_future_unref(f);
    assert_failed(in[1], -EIO);
    unref_inputs(3);
}

static void wait_for_the_first_is_ok_whatever_becomes_of_it(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        make_ops(3, in);
        struct gyre_future *f = wait_for(GYRE_WAIT_FIRST, 3);
        if (how == 0)
            resolve_op(1);
        else if (how == 1)
            fail_op(1, -EIO);
        else
            gyre_future_cancel(in[1]);
        assert_ok(f);
        assert_pending(in[0]);
        gyre_future_ignore_error(in[1]);
        gyre_future_unref(f);
        unref_inputs(3);
    }
    assert_int_equal(report_count, 0);
}

static void wait_for_the_first_error_is_ok_at_an_error(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = wait_for(GYRE_WAIT_FIRST_ERROR, 3);
    resolve_op(2);
    assert_pending(f);
    fail_op(0, -EIO);
    assert_ok(f);
    assert_pending(in[1]);
    gyre_future_unref(f);
    assert_failed(in[0], -EIO);
    unref_inputs(3);
}

static void wait_for_the_first_error_without_one_is_ok_at_the_end(void **state)
{
    (void)state;
    make_ops(3, in);
    struct gyre_future *f = wait_for(GYRE_WAIT_FIRST_ERROR, 3);
    resolve_op(0);
    gyre_future_cancel(in[1]); /* not an error */
    assert_pending(f);
    resolve_op(2);
    assert_ok(f);
    gyre_future_unref(f);
    unref_inputs(3);
}

static void condition_that_holds_already_is_ok_at_once(void **state)
{
    (void)state;
    make_ops(2, in);
    fail_op(1, -EIO);
    for (int mode = GYRE_WAIT_ALL; mode <= GYRE_WAIT_FIRST_ERROR; mode++) {
        struct gyre_future *f = wait_for((enum gyre_wait_mode)mode, 2);
        assert_int_equal(gyre_future_state(f),
                         mode == GYRE_WAIT_ALL ? GYRE_FUTURE_PENDING : GYRE_FUTURE_OK);
        gyre_future_unref(f);
    }
    assert_failed(in[1], -EIO);
    unref_inputs(2);
    ASSERT_TRACE(fixture, CANCEL + 0);
}

static void input_given_twice_is_waited_for_once(void **state)
{
    (void)state;
    in[0] = in[1] = make_op(0);
    struct gyre_future *f = wait_for(GYRE_WAIT_ALL, 2);
    resolve_op(0);
    assert_ok(f);
    assert_ptr_equal(gyre_future_at(f, 1), in[0]);
    gyre_future_unref(f);
    gyre_future_unref(in[0]);
}

static void refused_future_has_settled_and_failed(void **state)
{
    (void)state;
    in[0] = make_op(0);
    in[1] = gyre_race(fixture->loop, 0, NULL);
    struct gyre_future *f = wait_for(GYRE_WAIT_FIRST_ERROR, 2);
    assert_ok(f);
    gyre_future_unref(f);
    unref_inputs(2);
}

/* ------------------------------------------------------------------ time */

static void wait_is_ok_when_the_time_is_over(void **state)
{
    (void)state;
    make_ops(2, in);
    struct gyre_future *f = gyre_wait(fixture->loop, GYRE_WAIT_ALL, 2, in, GYRE_MS(10));
    resolve_op(1);
    advance(GYRE_MS(10) - 1);
    assert_pending(f);
    advance(1);
    assert_ok(f);
    assert_pending(in[0]);
    assert_ok(in[1]);
    gyre_future_unref(f);
    unref_inputs(2);
}

static void timeout_of_0_is_over_in_the_next_tick(void **state)
{
    (void)state;
    make_ops(1, in);
    struct gyre_future *f = gyre_wait(fixture->loop, GYRE_WAIT_ALL, 1, in, 0);
    assert_pending(f);
    advance(0);
    assert_ok(f);
    assert_pending(in[0]);
    gyre_future_unref(f);
    unref_inputs(1);
}

static void timer_is_stopped_when_the_condition_holds(void **state)
{
    (void)state;
    make_ops(1, in);
    struct gyre_future *f = gyre_wait(fixture->loop, GYRE_WAIT_FIRST, 1, in, GYRE_MS(10));
    assert_true(gyre_loop_is_alive(fixture->loop));
    resolve_op(0);
    assert_ok(f);
    assert_false(gyre_loop_is_alive(fixture->loop));
    gyre_future_unref(f);
    unref_inputs(1);
}

static void timer_is_not_left_when_the_condition_held_before(void **state)
{
    (void)state;
    make_ops(1, in);
    resolve_op(0);
    struct gyre_future *f = gyre_wait(fixture->loop, GYRE_WAIT_FIRST, 1, in, GYRE_MS(10));
    assert_ok(f);
    assert_false(gyre_loop_is_alive(fixture->loop));
    gyre_future_unref(f);
    unref_inputs(1);
}

static void result_after_the_time_is_over_changes_nothing(void **state)
{
    (void)state;
    make_ops(1, in);
    struct gyre_future *f = gyre_wait(fixture->loop, GYRE_WAIT_ALL, 1, in, GYRE_MS(10));
    watch(f, 1);
    advance(GYRE_MS(10));
    resolve_op(0);
    run_ready(fixture);
    ASSERT_TRACE(fixture, DONE + 1);
    gyre_future_unref(f);
    unref_inputs(1);
}

/* ------------------------------------------------------------------ only looks on */

static void cancel_of_the_wait_cancels_none(void **state)
{
    (void)state;
    make_ops(2, in);
    struct gyre_future *f = gyre_wait(fixture->loop, GYRE_WAIT_ALL, 2, in, GYRE_MS(10));
    assert_true(gyre_future_cancel(f));
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_false(gyre_loop_is_alive(fixture->loop));
    assert_int_equal(fixture->trace_count, 0);
    resolve_op(0);
    assert_value(in[0], 0);
    gyre_future_unref(f);
    unref_inputs(2);
    ASSERT_TRACE(fixture, CANCEL + 1);
}

static void unref_of_the_wait_cancels_none_that_others_hold(void **state)
{
    (void)state;
    make_ops(1, in);
    gyre_future_unref(wait_for(GYRE_WAIT_ALL, 1));
    assert_int_equal(fixture->trace_count, 0);
    resolve_op(0);
    assert_value(in[0], 0);
    unref_inputs(1);
}

static void wait_holds_references_of_its_own(void **state)
{
    (void)state;
    make_ops(2, in);
    struct gyre_future *f = wait_for(GYRE_WAIT_ALL, 2);
    unref_inputs(2);
    assert_int_equal(fixture->trace_count, 0);
    resolve_traced(0);
    resolve_traced(1);
    assert_ok(f);
    assert_value(gyre_future_at(f, 0), 0);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 0, DROP + 1);
}

static void error_of_an_input_is_not_looked_at_by_the_wait(void **state)
{
    (void)state;
    make_ops(1, in);
    struct gyre_future *f = wait_for(GYRE_WAIT_ALL, 1);
    fail_op(0, -EIO);
    assert_ok(f);
    gyre_future_unref(f);
    assert_int_equal(report_count, 0);
    unref_inputs(1);
    assert_int_equal(report_count, 1);
}

static void several_may_wait_for_one_future(void **state)
{
    struct gyre_future *waits[3];

    (void)state;
    make_ops(2, in);
    for (int i = 0; i < 3; i++)
        waits[i] = wait_for((enum gyre_wait_mode)i, 2);
    struct gyre_future *owner = gyre_all(fixture->loop, 2, in);
    gyre_future_cancel(waits[0]);
    fail_op(0, -EIO);
    assert_ok(waits[1]);
    assert_ok(waits[2]);
    assert_failed(owner, -EIO);
    for (int i = 0; i < 3; i++)
        gyre_future_unref(waits[i]);
    gyre_future_unref(owner);
}

static void futures_that_have_an_owner_can_be_waited_for(void **state)
{
    (void)state;
    make_ops(2, in);
    struct gyre_future *owner = gyre_all(fixture->loop, 2, in);
    struct gyre_future *f = wait_for(GYRE_WAIT_FIRST, 2);
    fail_op(1, -EIO);
    assert_ok(f);
    assert_failed(owner, -EIO);
    gyre_future_unref(f);
    gyre_future_unref(owner);
}

static void wait_in_a_cancelled_scope_is_cancelled(void **state)
{
    struct gyre_scope scope = { 0 };

    (void)state;
    make_ops(1, in);
    assert_int_equal(gyre_scope_init(&scope, fixture->loop, NULL), 0);
    gyre_scope_cancel(&scope);
    assert_int_equal(gyre_scope_enter(&scope), 0);
    struct gyre_future *f = gyre_wait(fixture->loop, GYRE_WAIT_ALL, 1, in, GYRE_MS(1));
    assert_int_equal(gyre_scope_leave(&scope), 0);
    assert_true(gyre_scope_caused(&scope, f));
    assert_false(gyre_loop_is_alive(fixture->loop));
    assert_pending(in[0]);
    gyre_future_unref(f);
    unref_inputs(1);
    gyre_scope_fini(&scope);
}

/* ------------------------------------------------------------------ refused, closed */

static void wait_refuses_what_it_cannot_do(void **state)
{
    struct gyre_loop *loop = fixture->loop;

    (void)state;
    struct gyre_loop *other = make_loop();
    make_ops(1, in);
    in[1] = gyre_sleep(other, GYRE_S(1));
    assert_refused(gyre_wait(loop, GYRE_WAIT_ALL, 0, in, 0), -EINVAL);
    assert_refused(gyre_wait(loop, (enum gyre_wait_mode)3, 1, in, 0), -EINVAL);
    assert_refused(gyre_wait(loop, GYRE_WAIT_ALL, 1, NULL, 0), -EINVAL);
    assert_refused(gyre_wait(NULL, GYRE_WAIT_ALL, 1, in, 0), -EINVAL);
    assert_refused(gyre_wait(loop, GYRE_WAIT_ALL, 2, in, GYRE_MS(1)), -EXDEV);
    assert_false(gyre_loop_is_alive(loop));
    resolve_traced(0);
    unref_inputs(2);
    ASSERT_TRACE(fixture, DROP + 0);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

static void close_of_the_loop_cancels_the_wait(void **state)
{
    (void)state;
    make_ops(1, in);
    struct gyre_future *f = gyre_wait(fixture->loop, GYRE_WAIT_ALL, 1, in, GYRE_MS(1));
    assert_int_equal(gyre_loop_close(fixture->loop), 0);
    assert_cancelled(f, GYRE_REASON_CLOSED);
    unref_inputs(1);
    gyre_future_unref(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(wait_for_all_is_ok_when_the_last_one_has_settled),
        OP_TEST(wait_for_the_first_is_ok_whatever_becomes_of_it),
        OP_TEST(wait_for_the_first_error_is_ok_at_an_error),
        OP_TEST(wait_for_the_first_error_without_one_is_ok_at_the_end),
        OP_TEST(condition_that_holds_already_is_ok_at_once),
        OP_TEST(input_given_twice_is_waited_for_once),
        OP_TEST(refused_future_has_settled_and_failed),
        OP_TEST(wait_is_ok_when_the_time_is_over),
        OP_TEST(timeout_of_0_is_over_in_the_next_tick),
        OP_TEST(timer_is_stopped_when_the_condition_holds),
        OP_TEST(timer_is_not_left_when_the_condition_held_before),
        OP_TEST(result_after_the_time_is_over_changes_nothing),
        OP_TEST(cancel_of_the_wait_cancels_none),
        OP_TEST(unref_of_the_wait_cancels_none_that_others_hold),
        OP_TEST(wait_holds_references_of_its_own),
        OP_TEST(error_of_an_input_is_not_looked_at_by_the_wait),
        OP_TEST(several_may_wait_for_one_future),
        OP_TEST(futures_that_have_an_owner_can_be_waited_for),
        OP_TEST(wait_in_a_cancelled_scope_is_cancelled),
        OP_TEST(wait_refuses_what_it_cannot_do),
        OP_TEST(close_of_the_loop_cancels_the_wait),
    };

    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
