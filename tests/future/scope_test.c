/* Scopes: what gyre/scope.h promises of init, fini, enter and leave. What is refused is in
 * scope_refuse_test.c, cancelling in scope_cancel_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "future/scopes.h"

/* ------------------------------------------------------------------ the current scope */

static void operation_is_in_the_scope_that_was_current_when_it_started(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_op(f, 1);
    start_op_in(f, 0, 2);
    start_op(f, 3);
    cancel_scope(0);
    ASSERT_TRACE(f, 2);
    release_ops(1, 3);
    end_scopes(1);
}

static void leave_makes_the_scope_current_that_was_before(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    enter(0);
    start_op(f, 1);
    enter(1);
    start_op(f, 2);
    leave(1);
    start_op(f, 3);
    leave(0);
    start_op(f, 4);
    cancel_scope(0);
    ASSERT_TRACE(f, 1, 3);
    cancel_scope(1);
    ASSERT_TRACE(f, 1, 3, 2);
    release_ops(1, 4);
    end_scopes(2);
}

static void scope_can_be_entered_again_once_it_was_left(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    for (int id = 1; id <= 3; id++)
        start_op_in(f, 0, id);
    cancel_scope(0);
    ASSERT_TRACE(f, 1, 2, 3);
    release_ops(1, 3);
    end_scopes(1);
}

static void scopes_need_not_be_entered_in_the_order_of_the_tree(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    enter(1);
    start_op_in(f, 0, 1);
    start_op(f, 2);
    leave(1);
    cancel_scope(1);
    ASSERT_TRACE(f, 2);
    release_ops(1, 2);
    end_scopes(2);
}

static void entered_scope_is_not_entered_again(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    enter(0);
    assert_int_equal(gyre_scope_enter(&scopes[0]), -EALREADY);
    enter(1);
    assert_int_equal(gyre_scope_enter(&scopes[0]), -EALREADY);
    leave(1);
    leave(0);
    end_scopes(2);
}

static void leave_of_a_scope_that_is_not_current_is_refused_without_effect(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    assert_int_equal(gyre_scope_leave(&scopes[0]), -EINVAL);
    enter(0);
    enter(1);
    assert_int_equal(gyre_scope_leave(&scopes[0]), -EINVAL);
    leave(1);
    assert_int_equal(gyre_scope_leave(&scopes[1]), -EINVAL);
    leave(0);
    assert_int_equal(gyre_scope_leave(&scopes[0]), -EINVAL);
    end_scopes(2);
}

/* ------------------------------------------------------------------ the tree */

static void scope_is_made_below_the_current_one(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    enter(0);
    make_scope(f, 1, -1);
    leave(0);
    cancel_scope(0);
    assert_true(gyre_scope_is_cancelled(&scopes[1]));
    end_scopes(2);
}

static void parent_that_is_named_counts_rather_than_the_current_scope(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    enter(0);
    make_scope(f, 2, 1);
    leave(0);
    cancel_scope(0);
    assert_false(gyre_scope_is_cancelled(&scopes[2]));
    cancel_scope(1);
    assert_true(gyre_scope_is_cancelled(&scopes[2]));
    end_scopes(3);
}

static void scope_made_below_a_cancelled_one_is_cancelled_from_the_start(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    cancel_scope(0);
    make_scope(f, 1, 0);
    assert_true(gyre_scope_is_cancelled(&scopes[1]));
    assert_int_equal(gyre_scope_reason(&scopes[1]), GYRE_REASON_REQUEST);
    start_op_in(f, 1, 1);
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
    release_ops(1, 1);
    end_scopes(2);
}

static void new_scope_is_not_cancelled_and_has_no_deadline(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    assert_false(gyre_scope_is_cancelled(&scopes[0]));
    assert_int_equal(gyre_scope_reason(&scopes[0]), GYRE_REASON_NONE);
    assert_true(gyre_scope_deadline(&scopes[0]) == GYRE_NEVER);
    assert_false(gyre_loop_is_alive(f->loop));
    end_scopes(1);
}

/* ------------------------------------------------------------------ the end of a scope */

static void fini_moves_operations_behind_those_of_the_parent(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    start_op_in(f, 1, 1);
    start_op_in(f, 1, 2);
    start_op_in(f, 0, 3);
    gyre_scope_fini(&scopes[1]);
    assert_int_equal(f->trace_count, 0);
    memset(&scopes[1], 0xDD, sizeof(scopes[1]));
    cancel_scope(0);
    ASSERT_TRACE(f, 3, 1, 2);
    assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
    release_ops(1, 3);
    end_scopes(1);
}

static void fini_moves_scopes_to_the_parent(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    make_scope(f, 2, 1);
    make_scope(f, 3, 2);
    start_op_in(f, 3, 1);
    gyre_scope_fini(&scopes[1]);
    memset(&scopes[1], 0xDD, sizeof(scopes[1]));
    assert_false(gyre_scope_is_cancelled(&scopes[3]));
    cancel_scope(0);
    ASSERT_TRACE(f, 1);
    assert_true(gyre_scope_is_cancelled(&scopes[2]));
    release_ops(1, 1);
    gyre_scope_fini(&scopes[3]);
    gyre_scope_fini(&scopes[2]);
    gyre_scope_fini(&scopes[0]);
}

static void fini_of_a_shielded_scope_exposes_what_was_in_it(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    make_scope(f, 2, 1);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    start_op_in(f, 1, 1);
    start_op_in(f, 2, 2);
    cancel_scope(0);
    assert_int_equal(f->trace_count, 0);
    gyre_scope_fini(&scopes[1]);
    ASSERT_TRACE(f, 1, 2);
    assert_true(gyre_scope_is_cancelled(&scopes[2]));
    assert_true(gyre_scope_caused(&scopes[0], ops[2].future));
    release_ops(1, 2);
    gyre_scope_fini(&scopes[2]);
    gyre_scope_fini(&scopes[0]);
}

static void scopes_below_stay_cancelled_when_the_cancelled_one_ends(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    make_scope(f, 2, 1);
    cancel_scope(0);
    gyre_scope_fini(&scopes[0]);
    for (int id = 1; id <= 2; id++) {
        assert_true(gyre_scope_is_cancelled(&scopes[id]));
        assert_int_equal(gyre_scope_reason(&scopes[id]), GYRE_REASON_REQUEST);
        start_op_in(f, id, id);
        assert_op_state(id, GYRE_FUTURE_CANCELLED);
        assert_true(gyre_scope_caused(&scopes[1], ops[id].future));
    }
    release_ops(1, 2);
    gyre_scope_fini(&scopes[2]);
    gyre_scope_fini(&scopes[1]);
}

/* It was cancelled with the one above, and has nothing left to wait for. */
static void deadline_below_a_cancelled_scope_that_ended_does_not_keep_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    assert_int_equal(gyre_scope_set_deadline(&scopes[1], gyre_loop_now(f->loop) + 10), 0);
    cancel_scope(0);
    gyre_scope_fini(&scopes[0]);
    assert_int_equal(gyre_scope_set_deadline(&scopes[1], GYRE_NEVER), -EALREADY);
    assert_false(gyre_loop_is_alive(f->loop));
    gyre_scope_fini(&scopes[1]);
}

static void fini_leaves_the_current_scope(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    enter(0);
    enter(1);
    gyre_scope_fini(&scopes[1]);
    start_op(f, 1);
    leave(0);
    cancel_scope(0);
    ASSERT_TRACE(f, 1);
    release_ops(1, 1);
    end_scopes(1);
}

static void fini_of_an_outer_entered_scope_keeps_the_current_one(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    make_scope(f, 2, -1);
    enter(2);
    enter(0);
    enter(1);
    gyre_scope_fini(&scopes[0]);
    memset(&scopes[0], 0xDD, sizeof(scopes[0]));
    start_op(f, 1);
    leave(1);
    start_op(f, 2);
    leave(2);
    cancel_scope(1);
    ASSERT_TRACE(f, 1);
    cancel_scope(2);
    ASSERT_TRACE(f, 1, 2);
    release_ops(1, 2);
    gyre_scope_fini(&scopes[2]);
    gyre_scope_fini(&scopes[1]);
}

static void scope_can_be_initialised_anew_after_fini(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_op_in(f, 0, 1);
    cancel_scope(0);
    gyre_scope_fini(&scopes[0]);
    make_scope(f, 0, -1);
    assert_false(gyre_scope_is_cancelled(&scopes[0]));
    assert_false(gyre_scope_caused(&scopes[0], ops[1].future)); /* that was in its former life */
    start_op_in(f, 0, 2);
    assert_op_state(2, GYRE_FUTURE_PENDING);
    release_ops(1, 2);
    end_scopes(1);
}

static void fini_of_what_is_not_in_use_does_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_scope zeroed = { 0 };

    gyre_scope_fini(NULL);
    gyre_scope_fini(&zeroed);
    make_scope(f, 0, -1);
    gyre_scope_fini(&scopes[0]);
    gyre_scope_fini(&scopes[0]);
    assert_int_equal(gyre_scope_enter(&scopes[0]), GYRE_EUNINIT);
}

/* Would each end walk through all that is below, this would take minutes. */
static void deep_chain_of_scopes_may_end_from_outside_in(void **state)
{
    enum { DEPTH = 50000 };
    struct fixture *f = fixture_of(state);
    struct gyre_scope *chain = test_calloc(DEPTH, sizeof(*chain));

    for (int i = 0; i < DEPTH; i++)
        assert_int_equal(gyre_scope_init(&chain[i], f->loop, i == 0 ? NULL : &chain[i - 1]), 0);
    for (int i = 0; i < DEPTH - 1; i++)
        gyre_scope_fini(&chain[i]);
    assert_false(gyre_scope_is_cancelled(&chain[DEPTH - 1]));
    assert_true(gyre_scope_cancel(&chain[DEPTH - 1]));
    gyre_scope_fini(&chain[DEPTH - 1]);
    test_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCOPE_TEST(deep_chain_of_scopes_may_end_from_outside_in),
        SCOPE_TEST(operation_is_in_the_scope_that_was_current_when_it_started),
        SCOPE_TEST(leave_makes_the_scope_current_that_was_before),
        SCOPE_TEST(scope_can_be_entered_again_once_it_was_left),
        SCOPE_TEST(scopes_need_not_be_entered_in_the_order_of_the_tree),
        SCOPE_TEST(entered_scope_is_not_entered_again),
        SCOPE_TEST(leave_of_a_scope_that_is_not_current_is_refused_without_effect),
        SCOPE_TEST(scope_is_made_below_the_current_one),
        SCOPE_TEST(parent_that_is_named_counts_rather_than_the_current_scope),
        SCOPE_TEST(scope_made_below_a_cancelled_one_is_cancelled_from_the_start),
        SCOPE_TEST(new_scope_is_not_cancelled_and_has_no_deadline),
        SCOPE_TEST(fini_moves_operations_behind_those_of_the_parent),
        SCOPE_TEST(fini_moves_scopes_to_the_parent),
        SCOPE_TEST(fini_of_a_shielded_scope_exposes_what_was_in_it),
        SCOPE_TEST(scopes_below_stay_cancelled_when_the_cancelled_one_ends),
        SCOPE_TEST(deadline_below_a_cancelled_scope_that_ended_does_not_keep_the_loop_alive),
        SCOPE_TEST(fini_leaves_the_current_scope),
        SCOPE_TEST(fini_of_an_outer_entered_scope_keeps_the_current_one),
        SCOPE_TEST(scope_can_be_initialised_anew_after_fini),
        SCOPE_TEST(fini_of_what_is_not_in_use_does_nothing),
    };

    return cmocka_run_group_tests_name("scope", tests, NULL, NULL);
}
