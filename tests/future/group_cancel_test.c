/* Groups that are cancelled: from outside, by their join, by their own scope, by a deadline.
 *
 * SPDX-License-Identifier: MIT */
#include "future/groups.h"

/* ------------------------------------------------------------------ by the scopes above */

static void group_is_cancelled_with_the_scope_it_was_made_in(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_group_in(f, 0, 0);
    start_kids(f, 1, 2, true);
    join_group();
    cancel_scope(0);
    ASSERT_TRACE(f, 1, 2);
    end_op(1);
    assert_state(join, GYRE_FUTURE_PENDING);
    end_op(2);
    assert_state(join, GYRE_FUTURE_CANCELLED);
    assert_true(gyre_scope_caused(&scopes[0], join));
    assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
    assert_int_equal(gyre_future_reason(join), GYRE_REASON_REQUEST);
    release_ops(1, 2);
    end_group();
    end_scopes(1);
}

static void children_that_complete_after_all_do_not_save_the_join(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_group_in(f, 0, 0);
    start_kids(f, 1, 1, true);
    join_group();
    cancel_scope(0);
    resolve_op(1);
    assert_state(join, GYRE_FUTURE_CANCELLED);
    release_ops(1, 1);
    end_group();
    end_scopes(1);
}

static void errors_come_before_a_cancellation_from_outside(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_group_in(f, 0, 0);
    start_kids(f, 1, 2, true);
    join_group();
    cancel_scope(0);
    fail_op(1, -EIO);
    fail_op(2, -EPIPE);
    assert_failed(join, -EIO);
    ASSERT_ERRORS(-EIO, -EPIPE);
    assert_true(gyre_scope_is_cancelled(&scopes[0])); /* and that is not lost either */
    release_ops(1, 2);
    end_group();
    end_scopes(1);
}

static void group_made_in_a_cancelled_scope_is_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    cancel_scope(0);
    make_group_in(f, 0, 0);
    assert_true(gyre_scope_is_cancelled(gyre_group_scope(group)));
    start_kids(f, 1, 1, false);
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    assert_state(join_group(), GYRE_FUTURE_CANCELLED);
    assert_true(gyre_scope_caused(&scopes[0], join));
    release_ops(1, 1);
    end_group();
    end_scopes(1);
}

static void deadline_above_the_group_is_a_cancellation(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_group_in(f, 0, 0);
    start_kids(f, 1, 1, false);
    join_group();
    assert_int_equal(gyre_scope_set_deadline(&scopes[0], gyre_loop_now(f->loop) + 10), 0);
    advance(f, 10);
    assert_state(join, GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(join), GYRE_REASON_TIMEOUT);
    assert_true(gyre_scope_caused(&scopes[0], join));
    release_ops(1, 1);
    end_group();
    end_scopes(1);
}

static void scope_of_a_group_may_end_before_it(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    make_group_in(f, 1, 0);
    start_kids(f, 1, 1, false);
    gyre_scope_fini(&scopes[1]);
    join_group();
    cancel_scope(0);
    assert_state(join, GYRE_FUTURE_CANCELLED);
    assert_true(gyre_scope_caused(&scopes[0], join));
    release_ops(1, 1);
    end_group();
    end_scopes(1);
}

static void shutdown_cancels_groups(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    join_group();
    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 0);
    assert_state(join, GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(join), GYRE_REASON_SHUTDOWN);
    release_ops(1, 1);
    end_group();
}

/* ------------------------------------------------------------------ by its own scope */

static void group_that_cancels_itself_is_ok(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 2, false);
    join_group();
    assert_true(gyre_group_cancel(group));
    ASSERT_TRACE(f, 1, 2);
    assert_state(join, GYRE_FUTURE_OK);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_REQUEST);
    assert_true(gyre_scope_caused(gyre_group_scope(group), ops[1].future));
    assert_false(gyre_group_cancel(group));
    release_ops(1, 2);
    end_group();
}

static void group_with_an_error_fails_although_it_cancels_itself(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, true);
    join_group();
    assert_true(gyre_group_cancel(group));
    fail_op(1, -EIO);
    assert_failed(join, -EIO);
    release_ops(1, 1);
    end_group();
}

static void child_spawned_into_a_cancelled_group_is_started(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    assert_true(gyre_group_cancel(group));
    spawn(f, 1);
    join_group();
    run_ready(f);
    ASSERT_TRACE(f, 101);
    assert_int_equal(kids[1].dropped, 0);
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    assert_true(gyre_scope_caused(gyre_group_scope(group), ops[1].future));
    assert_state(join, GYRE_FUTURE_OK);
    release_ops(1, 1);
    end_group();
}

static void child_that_waits_to_be_started_is_started_although_it_is_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1);
    spawn(f, 2);
    join_group();
    assert_true(gyre_group_cancel(group));
    assert_state(join, GYRE_FUTURE_PENDING);
    run_ready(f);
    ASSERT_TRACE(f, 101, 102);
    assert_op_state(2, GYRE_FUTURE_CANCELLED);
    assert_state(join, GYRE_FUTURE_OK);
    release_ops(1, 2);
    end_group();
}

static struct gyre_future *start_all(struct kid *kid)
{
    struct gyre_future *inputs[] = { gyre_sleep(kid->f->loop, 10), gyre_sleep(kid->f->loop, 20) };

    return gyre_all(kid->f->loop, 2, inputs);
}

static void child_made_of_others_is_no_error_in_a_cancelled_group(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    assert_true(gyre_group_cancel(group));
    spawn(f, 1)->then = start_all;
    join_group();
    run_ready(f);
    ASSERT_TRACE(f, 101);
    assert_state(join, GYRE_FUTURE_OK);
    end_group();
}

static struct gyre_future *start_cleanup(struct kid *kid)
{
    make_scope(kid->f, 0, -1);
    assert_int_equal(gyre_scope_set_shield(&scopes[0], true), 0);
    enter(0);
    struct gyre_future *sleep = gyre_sleep(kid->f->loop, 10);
    leave(0);
    return gyre_shield(sleep);
}

/* The child ends at once: what goes on in its shielded scope, it has let go of. */
static void cleanup_of_a_cancelled_child_goes_on_in_a_shielded_scope(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1)->then = start_cleanup;
    assert_true(gyre_group_cancel(group));
    run_ready(f);
    assert_state(join_group(), GYRE_FUTURE_OK);
    assert_true(gyre_loop_is_alive(f->loop));
    advance(f, 10);
    assert_false(gyre_loop_is_alive(f->loop));
    end_scopes(1);
    end_group();
}

/* ------------------------------------------------------------------ deadlines and shields */

static void set_deadline(struct fixture *f, uint64_t delay)
{
    uint64_t deadline = gyre_loop_now(f->loop) + delay;

    assert_int_equal(gyre_scope_set_deadline(gyre_group_scope(group), deadline), 0);
}

static void group_beyond_its_own_deadline_has_timed_out(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, true);
    join_group();
    set_deadline(f, 10);
    advance(f, 10);
    ASSERT_TRACE(f, 1);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_TIMEOUT);
    assert_state(join, GYRE_FUTURE_PENDING);
    end_op(1);
    assert_failed(join, -ETIMEDOUT);
    assert_null(gyre_future_failure(join, 0));
    release_ops(1, 1);
    end_group();
}

static void error_comes_before_the_timeout(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, true);
    join_group();
    set_deadline(f, 10);
    advance(f, 10);
    fail_op(1, -EIO);
    assert_failed(join, -EIO);
    release_ops(1, 1);
    end_group();
}

static void cancellation_from_outside_comes_before_the_timeout(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_group_in(f, 0, 0);
    start_kids(f, 1, 1, true);
    join_group();
    set_deadline(f, 10);
    advance(f, 10);
    cancel_scope(0);
    end_op(1);
    assert_state(join, GYRE_FUTURE_CANCELLED);
    assert_true(gyre_scope_caused(&scopes[0], join));
    assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
    release_ops(1, 1);
    end_group();
    end_scopes(1);
}

static void deadline_of_a_group_that_has_ended_does_not_keep_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    join_group();
    set_deadline(f, 10);
    assert_true(gyre_loop_is_alive(f->loop));
    resolve_op(1);
    assert_state(join, GYRE_FUTURE_OK);
    assert_false(gyre_loop_is_alive(f->loop));
    release_ops(1, 1);
    end_group();
}

static void shielded_group_does_not_hear_of_the_scopes_above(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_group_in(f, 0, 0);
    assert_int_equal(gyre_scope_set_shield(gyre_group_scope(group), true), 0);
    start_kids(f, 1, 1, false);
    join_group();
    cancel_scope(0);
    assert_int_equal(f->trace_count, 0);
    spawn(f, 2);
    run_ready(f);
    assert_op_state(2, GYRE_FUTURE_PENDING);
    resolve_op(1);
    resolve_op(2);
    assert_state(join, GYRE_FUTURE_OK);
    release_ops(1, 2);
    end_group();
    end_scopes(1);
}

static void shielded_group_can_still_time_out(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_group_in(f, 0, 0);
    assert_int_equal(gyre_scope_set_shield(gyre_group_scope(group), true), 0);
    start_kids(f, 1, 1, false);
    join_group();
    cancel_scope(0);
    set_deadline(f, 10);
    advance(f, 10);
    ASSERT_TRACE(f, 1);
    assert_failed(join, -ETIMEDOUT);
    release_ops(1, 1);
    end_group();
    end_scopes(1);
}

/* ------------------------------------------------------------------ by its join */

static void cancelled_join_cancels_the_group(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 2, true);
    join_group();
    assert_true(gyre_future_cancel(join));
    ASSERT_TRACE(f, 1, 2);
    assert_true(gyre_future_is_cancelling(join));
    end_op(1);
    end_op(2);
    assert_state(join, GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(join), GYRE_REASON_REQUEST);
    release_ops(1, 2);
    end_group();
}

static void shielded_group_whose_scope_is_cancelled_can_be_cancelled_by_its_join(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_group_in(f, 0, 0);
    assert_int_equal(gyre_scope_set_shield(gyre_group_scope(group), true), 0);
    start_kids(f, 1, 1, false);
    join_group();
    cancel_scope(0);
    assert_state(join, GYRE_FUTURE_PENDING);
    assert_true(gyre_future_cancel(join));
    ASSERT_TRACE(f, 1);
    assert_state(join, GYRE_FUTURE_CANCELLED);
    release_ops(1, 1);
    end_group();
    end_scopes(1);
}

static void join_within_a_limit_cancels_the_group_when_it_is_over(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    struct gyre_future *within = gyre_within(join_group(), 10);
    join = NULL;
    advance(f, 10);
    ASSERT_TRACE(f, 1);
    assert_failed(within, -ETIMEDOUT);
    gyre_future_unref(within);
    release_ops(1, 1);
    end_group();
}

static void join_among_others_is_cancelled_when_one_of_them_fails(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    struct gyre_future *inputs[] = { join_group(), gyre_future_ref(start_op(f, 2)->future) };
    struct gyre_future *all = gyre_all(f->loop, 2, inputs);
    join = NULL;
    fail_op(2, -EIO);
    ASSERT_TRACE(f, 1);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_SIBLING);
    assert_failed(all, -EIO);
    gyre_future_unref(all);
    release_ops(1, 2);
    end_group();
}

/* The scope is not above the group, which hears of it only through its join. */
static void join_is_cancelled_with_the_scope_of_the_future_made_of_it(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_group(f, 0);
    start_kids(f, 1, 1, false);
    join_group();
    enter(0);
    struct gyre_future *within = gyre_within(gyre_future_ref(join), 10);
    leave(0);
    cancel_scope(0);
    ASSERT_TRACE(f, 1);
    assert_state(join, GYRE_FUTURE_CANCELLED);
    assert_state(within, GYRE_FUTURE_CANCELLED);
    assert_true(gyre_scope_caused(&scopes[0], within));
    gyre_future_unref(within);
    release_ops(1, 1);
    end_group();
    end_scopes(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(group_is_cancelled_with_the_scope_it_was_made_in),
        GROUP_TEST(children_that_complete_after_all_do_not_save_the_join),
        GROUP_TEST(errors_come_before_a_cancellation_from_outside),
        GROUP_TEST(group_made_in_a_cancelled_scope_is_cancelled),
        GROUP_TEST(deadline_above_the_group_is_a_cancellation),
        GROUP_TEST(scope_of_a_group_may_end_before_it),
        GROUP_TEST(shutdown_cancels_groups),
        GROUP_TEST(group_that_cancels_itself_is_ok),
        GROUP_TEST(group_with_an_error_fails_although_it_cancels_itself),
        GROUP_TEST(child_spawned_into_a_cancelled_group_is_started),
        GROUP_TEST(child_that_waits_to_be_started_is_started_although_it_is_cancelled),
        GROUP_TEST(child_made_of_others_is_no_error_in_a_cancelled_group),
        GROUP_TEST(cleanup_of_a_cancelled_child_goes_on_in_a_shielded_scope),
        GROUP_TEST(group_beyond_its_own_deadline_has_timed_out),
        GROUP_TEST(error_comes_before_the_timeout),
        GROUP_TEST(cancellation_from_outside_comes_before_the_timeout),
        GROUP_TEST(deadline_of_a_group_that_has_ended_does_not_keep_the_loop_alive),
        GROUP_TEST(shielded_group_does_not_hear_of_the_scopes_above),
        GROUP_TEST(shielded_group_can_still_time_out),
        GROUP_TEST(cancelled_join_cancels_the_group),
        GROUP_TEST(shielded_group_whose_scope_is_cancelled_can_be_cancelled_by_its_join),
        GROUP_TEST(join_within_a_limit_cancels_the_group_when_it_is_over),
        GROUP_TEST(join_among_others_is_cancelled_when_one_of_them_fails),
        GROUP_TEST(join_is_cancelled_with_the_scope_of_the_future_made_of_it),
    };

    return cmocka_run_group_tests_name("group_cancel", tests, NULL, NULL);
}
