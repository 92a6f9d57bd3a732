/* Deadlines of scopes: set, moved, past, taken back, inherited, and what keeps the loop alive.
 *
 * SPDX-License-Identifier: MIT */
#include "future/scopes.h"

static uint64_t in(const struct fixture *f, uint64_t delay)
{
    return gyre_loop_now(f->loop) + delay;
}

static void set_deadline(int id, uint64_t deadline)
{
    assert_int_equal(gyre_scope_set_deadline(&scopes[id], deadline), 0);
}

/* ------------------------------------------------------------------ when it comes */

static void scope_is_cancelled_at_its_deadline_and_not_before(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_op_in(f, 0, 1);
    set_deadline(0, in(f, 10));
    advance(f, 9);
    assert_false(gyre_scope_is_cancelled(&scopes[0]));
    assert_int_equal(f->trace_count, 0);
    advance(f, 1);
    assert_true(gyre_scope_is_cancelled(&scopes[0]));
    ASSERT_TRACE(f, 1);
    assert_int_equal(gyre_scope_reason(&scopes[0]), GYRE_REASON_TIMEOUT);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_TIMEOUT);
    assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
    release_ops(1, 1);
    end_scopes(1);
}

static void deadlines_come_in_their_order_at_their_times(void **state)
{
    struct fixture *f = fixture_of(state);
    static const uint64_t delays[] = { 30, 10, 20, 10 };

    for (int id = 0; id < 4; id++) {
        make_scope(f, id, -1);
        start_op_in(f, id, id);
        set_deadline(id, in(f, delays[id]));
    }
    advance(f, 10);
    ASSERT_TRACE(f, 1, 3);
    advance(f, 20);
    ASSERT_TRACE(f, 1, 3, 2, 0);
    release_ops(0, 3);
    end_scopes(4);
}

static void deadline_of_an_outer_scope_reaches_those_below(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    start_op_in(f, 1, 1);
    set_deadline(0, in(f, 10));
    set_deadline(1, in(f, 20));
    advance(f, 10);
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
    assert_int_equal(gyre_scope_reason(&scopes[1]), GYRE_REASON_TIMEOUT);
    release_ops(1, 1);
    end_scopes(2);
}

static void deadline_does_not_reach_a_shielded_scope(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    start_op_in(f, 1, 1);
    set_deadline(0, in(f, 10));
    set_deadline(1, in(f, 20));
    advance(f, 19);
    assert_op_state(1, GYRE_FUTURE_PENDING);
    advance(f, 1);
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    assert_true(gyre_scope_caused(&scopes[1], ops[1].future));
    release_ops(1, 1);
    end_scopes(2);
}

static void operation_that_is_due_with_the_deadline_but_started_before_is_ok(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    enter(0);
    struct gyre_future *first = gyre_sleep(f->loop, 10);
    set_deadline(0, in(f, 10));
    struct gyre_future *second = gyre_sleep(f->loop, 10);
    leave(0);
    advance(f, 10);
    assert_state(first, GYRE_FUTURE_OK);
    assert_state(second, GYRE_FUTURE_CANCELLED);
    gyre_future_unref(first);
    gyre_future_unref(second);
    end_scopes(1);
}

/* ------------------------------------------------------------------ past */

static void deadline_that_is_past_cancels_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    const uint64_t past[] = { 0, 1, in(f, 0) - 1, in(f, 0) };

    for (int i = 0; i < 4; i++) {
        make_scope(f, 0, -1);
        start_op_in(f, 0, i);
        set_deadline(0, past[i]);
        assert_op_state(i, GYRE_FUTURE_CANCELLED);
        assert_int_equal(gyre_scope_reason(&scopes[0]), GYRE_REASON_TIMEOUT);
        assert_false(gyre_loop_is_alive(f->loop));
        end_scopes(1);
    }
    ASSERT_TRACE(f, 0, 1, 2, 3);
    release_ops(0, 3);
}

static void operations_of_a_scope_beyond_its_deadline_are_cancelled_from_the_start(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    set_deadline(0, in(f, 10));
    advance(f, 10);
    start_op_in(f, 0, 1);
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_TIMEOUT);
    release_ops(1, 1);
    end_scopes(1);
}

/* ------------------------------------------------------------------ moved and taken back */

static void deadline_can_be_moved_in_both_directions(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    set_deadline(0, in(f, 10));
    set_deadline(1, in(f, 100));
    advance(f, 5);
    set_deadline(0, in(f, 20));
    set_deadline(1, in(f, 1));
    advance(f, 1);
    assert_true(gyre_scope_is_cancelled(&scopes[1]));
    advance(f, 18);
    assert_false(gyre_scope_is_cancelled(&scopes[0]));
    advance(f, 1);
    assert_true(gyre_scope_is_cancelled(&scopes[0]));
    end_scopes(2);
}

static void deadline_that_is_taken_back_does_not_come(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    set_deadline(0, in(f, 10));
    set_deadline(0, GYRE_NEVER);
    assert_false(gyre_loop_is_alive(f->loop));
    assert_true(gyre_scope_deadline(&scopes[0]) == GYRE_NEVER);
    advance(f, 10);
    assert_false(gyre_scope_is_cancelled(&scopes[0]));
    end_scopes(1);
}

static void deadline_of_a_cancelled_scope_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    cancel_scope(0);
    assert_int_equal(gyre_scope_set_deadline(&scopes[0], in(f, 10)), -EALREADY);
    assert_int_equal(gyre_scope_set_deadline(&scopes[0], GYRE_NEVER), -EALREADY);
    assert_int_equal(gyre_scope_set_deadline(&scopes[0], 0), -EALREADY);
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_scope_reason(&scopes[0]), GYRE_REASON_REQUEST);
    end_scopes(1);
}

static void deadline_that_has_come_cannot_be_moved(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    set_deadline(0, in(f, 10));
    advance(f, 10);
    assert_int_equal(gyre_scope_set_deadline(&scopes[0], in(f, 10)), -EALREADY);
    assert_true(gyre_scope_is_cancelled(&scopes[0]));
    end_scopes(1);
}

static void move_deadline(struct op *op)
{
    assert_int_equal(gyre_scope_set_deadline(&scopes[1], in(op->f, 10)), 0);
}

/* Scope 1 would have been cancelled in the same tick. */
static void deadline_that_is_due_can_still_be_moved_by_an_earlier_callback(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    start_op_in(f, 0, 1)->then = move_deadline;
    set_deadline(0, in(f, 10));
    set_deadline(1, in(f, 10));
    advance(f, 19);
    ASSERT_TRACE(f, 1);
    assert_false(gyre_scope_is_cancelled(&scopes[1]));
    advance(f, 1);
    assert_true(gyre_scope_is_cancelled(&scopes[1]));
    release_ops(1, 1);
    end_scopes(2);
}

/* ------------------------------------------------------------------ the effective one */

static void earliest_deadline_of_the_scopes_above_counts(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int id = 0; id < 4; id++)
        make_scope(f, id, id - 1);
    assert_true(gyre_scope_deadline(&scopes[3]) == GYRE_NEVER);
    set_deadline(0, in(f, 30));
    assert_true(gyre_scope_deadline(&scopes[3]) == in(f, 30));
    set_deadline(2, in(f, 20));
    set_deadline(1, in(f, 40));
    assert_true(gyre_scope_deadline(&scopes[0]) == in(f, 30));
    assert_true(gyre_scope_deadline(&scopes[1]) == in(f, 30));
    assert_true(gyre_scope_deadline(&scopes[2]) == in(f, 20));
    assert_true(gyre_scope_deadline(&scopes[3]) == in(f, 20));
    set_deadline(2, GYRE_NEVER);
    assert_true(gyre_scope_deadline(&scopes[3]) == in(f, 30));
    end_scopes(4);
}

static void deadlines_above_a_shield_do_not_count(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int id = 0; id < 3; id++)
        make_scope(f, id, id - 1);
    set_deadline(0, in(f, 10));
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    assert_true(gyre_scope_deadline(&scopes[1]) == GYRE_NEVER);
    assert_true(gyre_scope_deadline(&scopes[2]) == GYRE_NEVER);
    set_deadline(1, in(f, 20));
    assert_true(gyre_scope_deadline(&scopes[2]) == in(f, 20));
    assert_int_equal(gyre_scope_set_shield(&scopes[1], false), 0);
    assert_true(gyre_scope_deadline(&scopes[2]) == in(f, 10));
    end_scopes(3);
}

/* ------------------------------------------------------------------ the loop */

static void deadline_keeps_the_loop_alive_until_it_has_come(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    set_deadline(0, in(f, 10));
    assert_true(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    uint64_t before = gyre_loop_now(f->loop);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_true(gyre_loop_now(f->loop) == before + 10);
    assert_true(gyre_scope_is_cancelled(&scopes[0]));
    end_scopes(1);
}

static void cancel_and_fini_take_the_deadline_away(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    set_deadline(0, in(f, 10));
    set_deadline(1, in(f, 10));
    cancel_scope(0);
    assert_true(gyre_scope_deadline(&scopes[0]) == GYRE_NEVER);
    gyre_scope_fini(&scopes[1]);
    assert_false(gyre_loop_is_alive(f->loop));
    memset(&scopes[1], 0xDD, sizeof(scopes[1]));
    advance(f, 10);
    end_scopes(1);
}

static void fini_hands_no_deadline_to_the_parent(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    start_op_in(f, 1, 1);
    set_deadline(1, in(f, 10));
    gyre_scope_fini(&scopes[1]);
    assert_true(gyre_scope_deadline(&scopes[0]) == GYRE_NEVER);
    advance(f, 10);
    assert_op_state(1, GYRE_FUTURE_PENDING);
    release_ops(1, 1);
    end_scopes(1);
}

static void close_forgets_deadlines(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    set_deadline(0, in(f, 10));
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_true(gyre_scope_deadline(&scopes[0]) == GYRE_NEVER);
    memset(&scopes[0], 0xDD, sizeof(scopes[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCOPE_TEST(scope_is_cancelled_at_its_deadline_and_not_before),
        SCOPE_TEST(deadlines_come_in_their_order_at_their_times),
        SCOPE_TEST(deadline_of_an_outer_scope_reaches_those_below),
        SCOPE_TEST(deadline_does_not_reach_a_shielded_scope),
        SCOPE_TEST(operation_that_is_due_with_the_deadline_but_started_before_is_ok),
        SCOPE_TEST(deadline_that_is_past_cancels_at_once),
        SCOPE_TEST(operations_of_a_scope_beyond_its_deadline_are_cancelled_from_the_start),
        SCOPE_TEST(deadline_can_be_moved_in_both_directions),
        SCOPE_TEST(deadline_that_is_taken_back_does_not_come),
        SCOPE_TEST(deadline_of_a_cancelled_scope_is_refused),
        SCOPE_TEST(deadline_that_has_come_cannot_be_moved),
        SCOPE_TEST(deadline_that_is_due_can_still_be_moved_by_an_earlier_callback),
        SCOPE_TEST(earliest_deadline_of_the_scopes_above_counts),
        SCOPE_TEST(deadlines_above_a_shield_do_not_count),
        SCOPE_TEST(deadline_keeps_the_loop_alive_until_it_has_come),
        SCOPE_TEST(cancel_and_fini_take_the_deadline_away),
        SCOPE_TEST(fini_hands_no_deadline_to_the_parent),
        SCOPE_TEST(close_forgets_deadlines),
    };

    return cmocka_run_group_tests_name("scope_deadline", tests, NULL, NULL);
}
