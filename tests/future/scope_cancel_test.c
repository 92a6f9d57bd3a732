/* Cancelling scopes: who is asked, in which order, what is started afterwards, and who caused it.
 * Shields are in scope_shield_test.c, what happens in hooks in scope_hook_test.c, deadlines in
 * scope_deadline_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "future/scopes.h"
#include "support/fault.h"

#include "base/util.h"

#include <signal.h>

/* ------------------------------------------------------------------ who is asked, and when */

static void operations_are_asked_in_the_order_of_their_start(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    for (int id = 1; id <= 4; id++)
        start_op_in(f, 0, id);
    gyre_future_unref(ops[2].future);
    ASSERT_TRACE(f, 2);
    cancel_scope(0);
    ASSERT_TRACE(f, 2, 1, 3, 4);
    release_ops(1, 1);
    release_ops(3, 4);
    end_scopes(1);
}

/* The scopes are 0, below it 1 and 2, below 1 3. */
static void operations_of_a_scope_are_asked_before_those_below_it(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    make_scope(f, 2, 0);
    make_scope(f, 3, 1);
    start_op_in(f, 3, 1);
    start_op_in(f, 2, 2);
    start_op_in(f, 1, 3);
    start_op_in(f, 0, 4);
    start_op_in(f, 2, 5);
    start_op_in(f, 0, 6);
    start_op(f, 7);
    cancel_scope(0);
    ASSERT_TRACE(f, 4, 6, 3, 1, 2, 5);
    release_ops(1, 7);
    ASSERT_TRACE(f, 4, 6, 3, 1, 2, 5, 7);
    end_scopes(4);
}

static void operations_are_cancelled_when_cancel_returns(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_op_in(f, 0, 1);
    cancel_scope(0);
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_error(ops[1].future), -ECANCELED);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_REQUEST);
    release_ops(1, 1);
    end_scopes(1);
}

static void scope_that_is_cancelled_again_says_so_and_does_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_slow_op_in(f, 0, 1);
    cancel_scope(0);
    assert_false(gyre_scope_cancel(&scopes[0]));
    assert_int_equal(ops[1].asked, 1);
    end_op(1);
    assert_false(gyre_scope_cancel(&scopes[0]));
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    release_ops(1, 1);
    end_scopes(1);
}

static void scope_keeps_its_first_reason(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    start_slow_op_in(f, 0, 1);
    start_slow_op_in(f, 1, 2);
    assert_int_equal(gyre_scope_set_deadline(&scopes[0], gyre_loop_now(f->loop)), 0);
    assert_false(gyre_scope_cancel(&scopes[0]));
    cancel_scope(1);
    assert_int_equal(gyre_scope_set_deadline(&scopes[1], 0), -EALREADY);
    assert_int_equal(gyre_scope_reason(&scopes[0]), GYRE_REASON_TIMEOUT);
    assert_int_equal(gyre_scope_reason(&scopes[1]), GYRE_REASON_REQUEST);
    end_op(1);
    end_op(2);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_TIMEOUT);
    assert_int_equal(gyre_future_reason(ops[2].future), GYRE_REASON_REQUEST);
    release_ops(1, 2);
    end_scopes(2);
}

/* By the inner scope, the outer one, the root and for itself. */
static void operation_is_asked_once_however_often_it_is_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    start_slow_op_in(f, 1, 1);
    cancel_scope(1);
    cancel_scope(0);
    assert_true(gyre_future_cancel(ops[1].future));
    assert_int_equal(gyre_loop_shutdown(f->loop, 0), 1);
    assert_int_equal(ops[1].asked, 1);
    assert_true(gyre_future_is_cancelling(ops[1].future));
    end_op(1);
    release_ops(1, 1);
    end_scopes(2);
}

static void operation_that_is_done_after_all_is_ok(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_slow_op_in(f, 0, 1);
    cancel_scope(0);
    assert_op_state(1, GYRE_FUTURE_PENDING);
    assert_int_equal(gyre_future_resolve(ops[1].future, &ops[1], NULL), 0);
    assert_op_state(1, GYRE_FUTURE_OK);
    assert_ptr_equal(gyre_future_peek(ops[1].future), &ops[1]);
    assert_false(gyre_scope_caused(&scopes[0], ops[1].future));
    release_ops(1, 1);
    end_scopes(1);
}

static void operation_that_fails_while_it_is_undone_has_failed(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_slow_op_in(f, 0, 1);
    cancel_scope(0);
    assert_int_equal(gyre_future_fail(ops[1].future, -EIO), 0);
    assert_int_equal(gyre_future_error(ops[1].future), -EIO);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_NONE);
    assert_false(gyre_scope_caused(&scopes[0], ops[1].future));
    release_ops(1, 1);
    end_scopes(1);
}

/* ------------------------------------------------------------------ started too late */

static void user_future_made_in_a_cancelled_scope_is_not_pending(void **state)
{
    struct fixture *f = fixture_of(state);
    static const struct gyre_future_ops none = { .cancel = NULL };

    make_scope(f, 0, -1);
    cancel_scope(0);
    start_op_in(f, 0, 1);
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_REQUEST);
    assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
    assert_int_equal(gyre_future_set_cancel(ops[1].future, &none, NULL), -EALREADY);
    assert_int_equal(gyre_future_resolve(ops[1].future, NULL, NULL), -EALREADY);
    assert_int_equal(ops[1].asked, 0);
    release_ops(1, 1);
    end_scopes(1);
}

static struct gyre_future *begin_sleep(struct fixture *f)
{
    return gyre_sleep(f->loop, 10);
}

static struct gyre_future *begin_sleep_until(struct fixture *f)
{
    return gyre_sleep_until(f->loop, 0);
}

/* It is ready, so a watcher of it would run. */
static struct gyre_future *begin_io_ready(struct fixture *f)
{
    int fds[2];

    make_pipe(f, fds);
    return gyre_io_ready(f->loop, fds[1], GYRE_WRITE);
}

static struct gyre_future *begin_bad_io_ready(struct fixture *f)
{
    return gyre_io_ready(f->loop, -1, GYRE_READ);
}

static struct gyre_future *begin_signal_next(struct fixture *f)
{
    return gyre_signal_next(f->loop, SIGUSR1);
}

static void operation_started_in_a_cancelled_scope_does_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct gyre_future *(*const begin[])(struct fixture *) = {
        begin_sleep, begin_sleep_until, begin_io_ready, begin_bad_io_ready, begin_signal_next,
    };

    make_scope(f, 0, -1);
    cancel_scope(0);
    enter(0);
    for (size_t i = 0; i < ARRAY_LEN(begin); i++) {
        struct gyre_future *future = begin[i](f);

        assert_state(future, GYRE_FUTURE_CANCELLED);
        assert_true(gyre_scope_caused(&scopes[0], future));
        assert_false(gyre_loop_is_alive(f->loop));
        assert_int_equal(run_ready(f), 0);
        gyre_future_unref(future);
    }
    leave(0);
    end_scopes(1);
}

static void signal_keeps_its_disposition_in_a_cancelled_scope(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sigaction before, after;

    make_scope(f, 0, -1);
    cancel_scope(0);
    assert_int_equal(sigaction(SIGUSR1, NULL, &before), 0);
    enter(0);
    struct gyre_future *next = gyre_signal_next(f->loop, SIGUSR1);
    leave(0);
    assert_int_equal(sigaction(SIGUSR1, NULL, &after), 0);
    assert_true(before.sa_handler == after.sa_handler);
    gyre_future_unref(next);
    end_scopes(1);
}

static void nothing_is_allocated_in_a_cancelled_scope_once_warm(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    cancel_scope(0);
    enter(0);
    gyre_future_unref(gyre_sleep(f->loop, 10));
    unsigned long before = allocations();
    size_t bytes = live_bytes();
    for (int i = 0; i < 100; i++)
        gyre_future_unref(gyre_sleep(f->loop, 10));
    assert_int_equal(allocations(), before);
    assert_int_equal(live_bytes(), bytes);
    leave(0);
    end_scopes(1);
}

static void continuation_ran(struct gyre_call *call, void *arg)
{
    (void)call;
    record(arg, 100);
}

static void continuation_runs_from_the_queue_although_it_was_cancelled_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_call then = { 0 };

    make_scope(f, 0, -1);
    cancel_scope(0);
    start_op_in(f, 0, 1);
    assert_int_equal(gyre_call_init(&then, f->loop, continuation_ran, f), 0);
    assert_int_equal(gyre_future_on_done(ops[1].future, &then), 0);
    assert_int_equal(f->trace_count, 0);
    assert_int_equal(run_ready(f), 1);
    ASSERT_TRACE(f, 100);
    release_ops(1, 1);
    end_scopes(1);
}

static void shutdown_cancels_whatever_is_started_later(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    assert_int_equal(gyre_loop_shutdown(f->loop, 0), 0);
    assert_int_equal(gyre_scope_reason(&scopes[0]), GYRE_REASON_SHUTDOWN);
    start_op(f, 1);
    start_op_in(f, 0, 2);
    for (int id = 1; id <= 2; id++) {
        assert_op_state(id, GYRE_FUTURE_CANCELLED);
        assert_int_equal(gyre_future_reason(ops[id].future), GYRE_REASON_SHUTDOWN);
        assert_false(gyre_scope_caused(&scopes[0], ops[id].future));
    }
    release_ops(1, 2);
    end_scopes(1);
}

/* ------------------------------------------------------------------ who caused it */

static void outermost_cancelled_scope_is_the_cause(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    make_scope(f, 2, 1);
    start_op_in(f, 2, 1);
    cancel_scope(1);
    cancel_scope(2); /* too late to be the cause of anything */
    start_op_in(f, 2, 2);
    cancel_scope(0);
    start_op_in(f, 2, 3);
    assert_true(gyre_scope_caused(&scopes[1], ops[1].future));
    assert_true(gyre_scope_caused(&scopes[1], ops[2].future));
    assert_true(gyre_scope_caused(&scopes[0], ops[3].future));
    for (int id = 1; id <= 3; id++)
        assert_false(gyre_scope_caused(&scopes[2], ops[id].future));
    release_ops(1, 3);
    end_scopes(3);
}

static void outer_scope_that_is_cancelled_while_an_operation_is_undone_is_the_cause(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    start_slow_op_in(f, 1, 1);
    start_slow_op_in(f, 1, 2);
    cancel_scope(1);
    end_op(1);
    assert_true(gyre_scope_caused(&scopes[1], ops[2].future)); /* so far */
    cancel_scope(0);
    end_op(2);
    assert_true(gyre_scope_caused(&scopes[1], ops[1].future)); /* settled before */
    assert_true(gyre_scope_caused(&scopes[0], ops[2].future));
    assert_false(gyre_scope_caused(&scopes[1], ops[2].future));
    release_ops(1, 2);
    end_scopes(2);
}

static void outer_scope_is_not_the_cause_beyond_a_shield(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    start_slow_op_in(f, 1, 1);
    cancel_scope(1);
    cancel_scope(0);
    end_op(1);
    assert_true(gyre_scope_caused(&scopes[1], ops[1].future));
    release_ops(1, 1);
    end_scopes(2);
}

static void scope_is_not_the_cause_of_what_was_cancelled_for_itself(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_slow_op_in(f, 0, 1);
    assert_true(gyre_future_cancel(ops[1].future));
    cancel_scope(0);
    assert_false(gyre_scope_caused(&scopes[0], ops[1].future)); /* it is pending */
    end_op(1);
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    assert_false(gyre_scope_caused(&scopes[0], ops[1].future));
    assert_int_equal(ops[1].asked, 1);
    release_ops(1, 1);
    end_scopes(1);
}

/* All is in scope 1, and asks its input, which is in scope 0. */
static void scope_below_that_asks_later_is_not_the_cause(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    start_slow_op_in(f, 0, 1);
    enter(1);
    struct gyre_future *all = gyre_all(f->loop, 1, &ops[1].future);
    leave(1);
    cancel_scope(0);
    cancel_scope(1);
    assert_true(gyre_scope_caused(&scopes[1], all));
    assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
    end_op(1);
    gyre_future_unref(all);
    end_scopes(2);
}

/* Operation 1 is in scope 0, and is asked for scope 1, below it, by all. */
static void scope_above_that_asks_later_is_the_cause(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    start_slow_op_in(f, 0, 1);
    enter(1);
    struct gyre_future *all = gyre_all(f->loop, 1, &ops[1].future);
    leave(1);
    cancel_scope(1);
    assert_true(gyre_scope_caused(&scopes[1], ops[1].future)); /* so far */
    cancel_scope(0);
    assert_true(gyre_scope_caused(&scopes[0], all));
    assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
    end_op(1);
    gyre_future_unref(all);
    end_scopes(2);
}

/* Operation 1 was cancelled with scope 1; all, which then asks it, is in scope 2, beside that. */
static void scope_that_an_operation_is_in_stays_the_cause(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int id = 0; id <= 2; id++)
        make_scope(f, id, id == 1 ? 0 : -1);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    start_slow_op_in(f, 1, 1);
    cancel_scope(1);
    enter(2);
    struct gyre_future *all = gyre_all(f->loop, 1, &ops[1].future);
    leave(2);
    cancel_scope(2);
    assert_true(gyre_scope_caused(&scopes[1], ops[1].future));
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0); /* as it is */
    cancel_scope(0);                                              /* which skips scope 1 */
    assert_true(gyre_scope_caused(&scopes[1], ops[1].future));
    assert_true(gyre_scope_caused(&scopes[2], all));
    end_op(1);
    gyre_future_unref(all);
    end_scopes(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCOPE_TEST(operations_are_asked_in_the_order_of_their_start),
        SCOPE_TEST(operations_of_a_scope_are_asked_before_those_below_it),
        SCOPE_TEST(operations_are_cancelled_when_cancel_returns),
        SCOPE_TEST(scope_that_is_cancelled_again_says_so_and_does_nothing),
        SCOPE_TEST(scope_keeps_its_first_reason),
        SCOPE_TEST(operation_is_asked_once_however_often_it_is_cancelled),
        SCOPE_TEST(operation_that_is_done_after_all_is_ok),
        SCOPE_TEST(operation_that_fails_while_it_is_undone_has_failed),
        SCOPE_TEST(user_future_made_in_a_cancelled_scope_is_not_pending),
        SCOPE_TEST(operation_started_in_a_cancelled_scope_does_nothing),
        SCOPE_TEST(signal_keeps_its_disposition_in_a_cancelled_scope),
        SCOPE_TEST(nothing_is_allocated_in_a_cancelled_scope_once_warm),
        SCOPE_TEST(continuation_runs_from_the_queue_although_it_was_cancelled_at_once),
        SCOPE_TEST(shutdown_cancels_whatever_is_started_later),
        SCOPE_TEST(outermost_cancelled_scope_is_the_cause),
        SCOPE_TEST(outer_scope_that_is_cancelled_while_an_operation_is_undone_is_the_cause),
        SCOPE_TEST(outer_scope_is_not_the_cause_beyond_a_shield),
        SCOPE_TEST(scope_is_not_the_cause_of_what_was_cancelled_for_itself),
        SCOPE_TEST(scope_below_that_asks_later_is_not_the_cause),
        SCOPE_TEST(scope_above_that_asks_later_is_the_cause),
        SCOPE_TEST(scope_that_an_operation_is_in_stays_the_cause),
    };

    return cmocka_run_group_tests_name("scope_cancel", tests, NULL, NULL);
}
