/* Shielded scopes: what they keep from the operations in them, whether it comes from a scope above or
 * from a future made of them, and what happens when the shield goes.
 *
 * SPDX-License-Identifier: MIT */
#include "future/groups.h"

/* ------------------------------------------------------------------ from scopes above */

static void shielded_scopes_are_skipped(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    make_scope(f, 2, 1);
    make_scope(f, 3, 0);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    for (int id = 0; id < 4; id++)
        start_op_in(f, id, id);
    cancel_scope(0);
    ASSERT_TRACE(f, 0, 3);
    assert_false(gyre_scope_is_cancelled(&scopes[1]));
    assert_false(gyre_scope_is_cancelled(&scopes[2]));
    assert_int_equal(gyre_scope_reason(&scopes[2]), GYRE_REASON_NONE);
    release_ops(0, 3);
    end_scopes(4);
}

static void shielded_scope_can_be_cancelled_itself(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    start_op_in(f, 1, 1);
    cancel_scope(0);
    cancel_scope(1);
    ASSERT_TRACE(f, 1);
    assert_true(gyre_scope_caused(&scopes[1], ops[1].future));
    assert_false(gyre_scope_caused(&scopes[0], ops[1].future));
    release_ops(1, 1);
    end_scopes(2);
}

static void taking_the_shield_away_cancels(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    make_scope(f, 2, 1);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    start_op_in(f, 1, 1);
    start_op_in(f, 2, 2);
    cancel_scope(0);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], false), 0);
    ASSERT_TRACE(f, 1, 2);
    assert_true(gyre_scope_is_cancelled(&scopes[2]));
    assert_true(gyre_scope_caused(&scopes[0], ops[2].future));
    release_ops(1, 2);
    end_scopes(3);
}

static void taking_the_shield_away_below_a_scope_that_lives_does_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    start_op_in(f, 1, 1);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], false), 0);
    assert_int_equal(f->trace_count, 0);
    cancel_scope(0);
    ASSERT_TRACE(f, 1);
    release_ops(1, 1);
    end_scopes(2);
}

static void new_shielded_scope_below_a_cancelled_one_works(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    cancel_scope(0);
    make_scope(f, 1, 0);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    assert_false(gyre_scope_is_cancelled(&scopes[1]));
    enter(1);
    struct gyre_future *sleep = gyre_sleep(f->loop, 10);
    leave(1);
    advance(f, 10);
    assert_state(sleep, GYRE_FUTURE_OK);
    gyre_future_unref(sleep);
    end_scopes(2);
}

static void shield_does_not_lift_a_scopes_own_cancellation(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    cancel_scope(1);
    cancel_scope(0);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    start_op_in(f, 1, 1);
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    assert_true(gyre_scope_caused(&scopes[1], ops[1].future));
    release_ops(1, 1);
    end_scopes(2);
}

/* ------------------------------------------------------------------ from owners outside */

static struct gyre_scope *make_shielded_scope(struct fixture *f, int id, int parent)
{
    struct gyre_scope *scope = make_scope(f, id, parent);

    assert_int_equal(gyre_scope_set_shield(scope, true), 0);
    return scope;
}

/* Operation `id` in a scope, with a reference to give away. */
static struct gyre_future *start_input_in(struct fixture *f, int scope, int id)
{
    return gyre_future_ref(start_op_in(f, scope, id)->future);
}

static struct gyre_future *make_all_of(struct fixture *f, struct gyre_future *first,
                                       struct gyre_future *second)
{
    struct gyre_future *const inputs[] = { first, second };

    return gyre_all(f->loop, 2, inputs);
}

static void future_that_is_cancelled_waits_for_shielded_inputs(void **state)
{
    struct fixture *f = fixture_of(state);

    make_shielded_scope(f, 0, -1);
    struct gyre_future *all = make_all_of(f, start_input_in(f, 0, 1), start_input_in(f, 0, 2));
    assert_true(gyre_future_cancel(all));
    assert_true(gyre_future_is_cancelling(all));
    assert_int_equal(f->trace_count, 0);
    assert_false(gyre_future_is_cancelling(ops[1].future));
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_NONE);
    resolve_op(1);
    resolve_op(2);
    assert_state(all, GYRE_FUTURE_OK); /* completion beats cancellation */
    gyre_future_unref(all);
    release_ops(1, 2);
    end_scopes(1);
}

static void scope_does_not_reach_shielded_inputs_of_what_is_in_it(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_shielded_scope(f, 1, 0);
    struct gyre_future *shielded = start_input_in(f, 1, 1);
    enter(0);
    struct gyre_future *all = make_all_of(f, shielded, gyre_future_ref(start_op(f, 2)->future));
    leave(0);
    cancel_scope(0);
    ASSERT_TRACE(f, 2);
    assert_op_state(1, GYRE_FUTURE_PENDING);
    resolve_op(1);
    assert_state(all, GYRE_FUTURE_CANCELLED);
    assert_true(gyre_scope_caused(&scopes[0], all));
    gyre_future_unref(all);
    release_ops(1, 2);
    end_scopes(2);
}

static void limit_outside_of_a_shield_delivers_the_result_late(void **state)
{
    struct fixture *f = fixture_of(state);

    make_shielded_scope(f, 0, -1);
    struct gyre_future *within = gyre_within(start_input_in(f, 0, 1), 10);
    advance(f, 20);
    assert_int_equal(f->trace_count, 0);
    assert_state(within, GYRE_FUTURE_PENDING);
    assert_int_equal(gyre_future_resolve(ops[1].future, &ops[1], NULL), 0);
    assert_ptr_equal(gyre_future_peek(within), &ops[1]);
    gyre_future_unref(within);
    release_ops(1, 1);
    end_scopes(1);
}

static void sibling_that_is_shielded_is_waited_for(void **state)
{
    struct fixture *f = fixture_of(state);

    make_shielded_scope(f, 0, -1);
    struct gyre_future *all =
        make_all_of(f, gyre_future_ref(start_op(f, 1)->future), start_input_in(f, 0, 2));
    fail_op(1, -EIO);
    assert_int_equal(f->trace_count, 0);
    assert_state(all, GYRE_FUTURE_PENDING);
    resolve_op(2);
    assert_failed(all, -EIO);
    gyre_future_unref(all);
    release_ops(1, 2);
    end_scopes(1);
}

static void future_that_is_given_up_waits_for_shielded_inputs(void **state)
{
    struct fixture *f = fixture_of(state);

    make_shielded_scope(f, 0, -1);
    gyre_future_unref(make_all_of(f, start_input_in(f, 0, 1), start_input_in(f, 0, 2)));
    assert_int_equal(f->trace_count, 0);
    resolve_op(1);
    resolve_op(2);
    release_ops(1, 2);
    end_scopes(1);
}

static void what_is_named_itself_is_cancelled_through_its_shield(void **state)
{
    struct fixture *f = fixture_of(state);

    make_shielded_scope(f, 0, -1);
    for (int id = 1; id <= 3; id++)
        start_op_in(f, 0, id);
    assert_true(gyre_future_cancel(ops[1].future));
    gyre_future_unref(ops[2].future);
    cancel_scope(0);
    ASSERT_TRACE(f, 1, 2, 3);
    release_ops(1, 1);
    release_ops(3, 3);
    end_scopes(1);
}

static void future_inside_the_shield_reaches_its_inputs(void **state)
{
    struct fixture *f = fixture_of(state);

    make_shielded_scope(f, 0, -1);
    make_scope(f, 1, 0);
    make_scope(f, 2, 0);
    enter(1);
    struct gyre_future *all = make_all_of(f, start_input_in(f, 0, 1), start_input_in(f, 2, 2));
    leave(1);
    assert_true(gyre_future_cancel(all));
    ASSERT_TRACE(f, 1, 2);
    assert_state(all, GYRE_FUTURE_CANCELLED);
    gyre_future_unref(all);
    release_ops(1, 2);
    end_scopes(3);
}

/* ------------------------------------------------------------------ the group, and cleaning up */

static struct gyre_future *start_in_shielded_scope_0(struct kid *kid)
{
    make_shielded_scope(kid->f, 0, -1);
    return start_input_in(kid->f, 0, kid->id);
}

static void cancelled_group_waits_for_shielded_children(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1)->then = start_in_shielded_scope_0;
    spawn(f, 2);
    run_ready(f);
    f->trace_count = 0;
    assert_true(gyre_group_cancel(group));
    ASSERT_TRACE(f, 2);
    assert_state(join_group(), GYRE_FUTURE_PENDING);
    resolve_op(1);
    assert_state(join, GYRE_FUTURE_OK);
    release_ops(1, 2);
    end_scopes(1);
    end_group();
}

static void limit_outside_of_a_shielded_group_does_not_reach_it(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    assert_int_equal(gyre_scope_set_shield(gyre_group_scope(group), true), 0);
    start_kids(f, 1, 1, false);
    struct gyre_future *within = gyre_within(join_group(), 10);
    join = NULL;
    advance(f, 10);
    assert_int_equal(f->trace_count, 0);
    resolve_op(1);
    assert_state(within, GYRE_FUTURE_OK);
    gyre_future_unref(within);
    release_ops(1, 1);
    end_group();
}

static struct gyre_future *clean_up(struct gyre_future *done, void *arg)
{
    (void)done;
    return start_input_in(arg, 0, 2);
}

static void cleanup_in_a_shielded_scope_is_not_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);

    make_shielded_scope(f, 0, -1);
    struct gyre_future *after = gyre_after(gyre_future_ref(start_op(f, 1)->future), clean_up, f);
    resolve_op(1);
    run_ready(f);
    assert_true(gyre_future_cancel(after));
    assert_int_equal(f->trace_count, 0);
    assert_state(after, GYRE_FUTURE_PENDING);
    resolve_op(2);
    assert_state(after, GYRE_FUTURE_OK);
    gyre_future_unref(after);
    release_ops(1, 2);
    end_scopes(1);
}

/* ------------------------------------------------------------------ when the shield goes */

static void input_is_asked_when_its_shield_is_taken_away(void **state)
{
    struct fixture *f = fixture_of(state);

    make_shielded_scope(f, 0, -1);
    make_scope(f, 1, 0);
    struct gyre_future *all = make_all_of(f, start_input_in(f, 0, 1), start_input_in(f, 1, 2));
    start_op_in(f, 1, 3); /* which nobody has asked for */
    gyre_future_cancel(all);
    assert_int_equal(gyre_scope_set_shield(&scopes[0], false), 0);
    ASSERT_TRACE(f, 1, 2);
    assert_state(all, GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_REQUEST);
    gyre_future_unref(all);
    release_ops(1, 3);
    end_scopes(2);
}

static void input_is_asked_when_its_shielded_scope_ends(void **state)
{
    struct fixture *f = fixture_of(state);

    make_shielded_scope(f, 0, -1);
    make_scope(f, 1, 0);
    struct gyre_future *all = make_all_of(f, start_input_in(f, 0, 1), start_input_in(f, 1, 2));
    gyre_future_cancel(all);
    gyre_scope_fini(&scopes[0]);
    ASSERT_TRACE(f, 1, 2);
    assert_state(all, GYRE_FUTURE_CANCELLED);
    gyre_future_unref(all);
    release_ops(1, 2);
    gyre_scope_fini(&scopes[1]);
}

static void input_within_two_shields_is_asked_when_both_have_gone(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int first = 0; first < 2; first++) {
        make_shielded_scope(f, 0, -1);
        make_shielded_scope(f, 1, 0);
        struct gyre_future *within = gyre_within(start_input_in(f, 1, 1), GYRE_NEVER);
        gyre_future_cancel(within);
        assert_int_equal(gyre_scope_set_shield(&scopes[first], false), 0);
        assert_op_state(1, GYRE_FUTURE_PENDING);
        assert_int_equal(gyre_scope_set_shield(&scopes[!first], false), 0);
        assert_state(within, GYRE_FUTURE_CANCELLED);
        gyre_future_unref(within);
        release_ops(1, 1);
        end_scopes(2);
    }
}

static void input_that_was_asked_meanwhile_is_not_asked_again(void **state)
{
    struct fixture *f = fixture_of(state);

    make_shielded_scope(f, 0, -1);
    start_slow_op_in(f, 0, 1);
    struct gyre_future *within = gyre_within(gyre_future_ref(ops[1].future), 10);
    advance(f, 10);
    cancel_scope(0);
    assert_int_equal(gyre_scope_set_shield(&scopes[0], false), 0);
    ASSERT_TRACE(f, 1);
    assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_REQUEST);
    end_op(1);
    assert_failed(within, -ETIMEDOUT);
    gyre_future_unref(within);
    release_ops(1, 1);
    end_scopes(1);
}

static void shield_that_is_put_up_later_keeps_out_what_comes_later(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    struct gyre_future *within = gyre_within(start_input_in(f, 0, 1), GYRE_NEVER);
    assert_int_equal(gyre_scope_set_shield(&scopes[0], true), 0);
    assert_int_equal(gyre_scope_set_shield(&scopes[0], false), 0);
    assert_int_equal(gyre_scope_set_shield(&scopes[0], true), 0);
    gyre_future_cancel(within);
    assert_op_state(1, GYRE_FUTURE_PENDING);
    resolve_op(1);
    gyre_future_unref(within);
    release_ops(1, 1);
    end_scopes(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(shielded_scopes_are_skipped),
        GROUP_TEST(shielded_scope_can_be_cancelled_itself),
        GROUP_TEST(taking_the_shield_away_cancels),
        GROUP_TEST(taking_the_shield_away_below_a_scope_that_lives_does_nothing),
        GROUP_TEST(new_shielded_scope_below_a_cancelled_one_works),
        GROUP_TEST(shield_does_not_lift_a_scopes_own_cancellation),
        GROUP_TEST(future_that_is_cancelled_waits_for_shielded_inputs),
        GROUP_TEST(scope_does_not_reach_shielded_inputs_of_what_is_in_it),
        GROUP_TEST(limit_outside_of_a_shield_delivers_the_result_late),
        GROUP_TEST(sibling_that_is_shielded_is_waited_for),
        GROUP_TEST(future_that_is_given_up_waits_for_shielded_inputs),
        GROUP_TEST(what_is_named_itself_is_cancelled_through_its_shield),
        GROUP_TEST(future_inside_the_shield_reaches_its_inputs),
        GROUP_TEST(cancelled_group_waits_for_shielded_children),
        GROUP_TEST(limit_outside_of_a_shielded_group_does_not_reach_it),
        GROUP_TEST(cleanup_in_a_shielded_scope_is_not_cancelled),
        GROUP_TEST(input_is_asked_when_its_shield_is_taken_away),
        GROUP_TEST(input_is_asked_when_its_shielded_scope_ends),
        GROUP_TEST(input_within_two_shields_is_asked_when_both_have_gone),
        GROUP_TEST(input_that_was_asked_meanwhile_is_not_asked_again),
        GROUP_TEST(shield_that_is_put_up_later_keeps_out_what_comes_later),
    };

    return cmocka_run_group_tests_name("scope_shield", tests, NULL, NULL);
}
