/* The children of a group: spawned, added, and what they may return.
 *
 * SPDX-License-Identifier: MIT */
#include "future/groups.h"

/* ------------------------------------------------------------------ spawn */

static void child_starts_from_the_queue_in_the_order_of_spawning(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    for (int id = 1; id <= 3; id++)
        spawn(f, id);
    assert_int_equal(f->trace_count, 0);
    assert_int_equal(gyre_group_count(group), 3);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    ASSERT_TRACE(f, 101, 102, 103);
    assert_int_equal(kids[1].dropped, 0);
    release_ops(1, 3);
    end_group();
}

static void spawned_child_keeps_the_loop_alive_until_it_starts(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1);
    assert_true(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(kids[1].started, 1);
    release_ops(1, 1);
    end_group();
}

static struct gyre_future *start_in_the_scope_of_the_group(struct kid *kid)
{
    struct op *op = start_op(kid->f, kid->id);

    make_scope(kid->f, 0, -1);
    enter(0); /* and not left */
    return gyre_future_ref(op->future);
}

static void child_starts_in_the_scope_of_the_group_and_leaves_it(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1)->then = start_in_the_scope_of_the_group;
    run_ready(f);
    start_op(f, 2);
    assert_true(gyre_group_cancel(group));
    ASSERT_TRACE(f, 101, 1);
    assert_true(gyre_scope_is_cancelled(&scopes[0]));
    assert_op_state(2, GYRE_FUTURE_PENDING);
    end_scopes(1);
    release_ops(1, 2);
    end_group();
}

static struct gyre_future *spawn_the_next(struct kid *kid)
{
    if (kid->id < 5)
        spawn(kid->f, kid->id + 1)->then = spawn_the_next;
    return NULL;
}

static void children_spawn_children(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1)->then = spawn_the_next;
    join_group();
    for (int tick = 1; tick <= 5; tick++) {
        assert_state(join, GYRE_FUTURE_PENDING);
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    }
    ASSERT_TRACE(f, 101, 102, 103, 104, 105);
    assert_state(join, GYRE_FUTURE_OK);
    end_group();
}

static struct gyre_future *spawn_a_group(struct kid *kid)
{
    struct gyre_group *outer = group;

    make_group(kid->f, 0);
    spawn(kid->f, kid->id + 1);
    struct gyre_future *inner = gyre_group_join(group);
    gyre_group_unref(group);
    group = outer;
    return inner;
}

static void group_can_be_the_child_of_a_group(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1)->then = spawn_a_group;
    join_group();
    run_ready(f);
    assert_state(join, GYRE_FUTURE_PENDING);
    fail_op(2, -EIO);
    assert_failed(join, -EIO);
    ASSERT_ERRORS(-EIO);
    release_ops(2, 2);
    end_group();
}

static void cancel_reaches_the_groups_below(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1)->then = spawn_a_group;
    join_group();
    run_ready(f);
    assert_true(gyre_group_cancel(group));
    ASSERT_TRACE(f, 101, 102, 2);
    assert_true(gyre_scope_caused(gyre_group_scope(group), ops[2].future));
    assert_state(join, GYRE_FUTURE_OK);
    release_ops(2, 2);
    end_group();
}

/* ------------------------------------------------------------------ what a child returns */

static struct gyre_future *return_nothing(struct kid *kid)
{
    (void)kid;
    return NULL;
}

static struct gyre_future *return_ok(struct kid *kid)
{
    struct gyre_future *done = gyre_future_ref(start_op(kid->f, kid->id)->future);

    resolve_op(kid->id);
    return done;
}

static struct gyre_future *return_failed(struct kid *kid)
{
    struct gyre_future *failed = gyre_future_ref(start_op(kid->f, kid->id)->future);

    fail_op(kid->id, -EIO);
    return failed;
}

static struct gyre_future *return_cancelled(struct kid *kid)
{
    struct gyre_future *cancelled = gyre_future_ref(start_op(kid->f, kid->id)->future);

    gyre_future_cancel(cancelled);
    return cancelled;
}

static struct gyre_future *return_refused(struct kid *kid)
{
    return gyre_race(kid->f->loop, 0, NULL);
}

static void child_that_returns_nothing_has_finished(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1)->then = return_nothing;
    join_group();
    run_ready(f);
    assert_state(join, GYRE_FUTURE_OK);
    end_group();
}

static void child_may_return_what_is_settled(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, GYRE_GROUP_SUPERVISE);
    spawn(f, 1)->then = return_ok;
    spawn(f, 2)->then = return_failed;
    spawn(f, 3)->then = return_cancelled;
    spawn(f, 4)->then = return_refused;
    join_group();
    assert_int_equal(run_ready(f), 4);
    assert_failed(join, -EIO);
    ASSERT_ERRORS(-EIO, -EINVAL);
    release_ops(1, 3);
    end_group();
}

static void child_that_fails_at_once_cancels_those_that_are_not_started(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1)->then = return_failed;
    spawn(f, 2);
    join_group();
    run_ready(f);
    ASSERT_TRACE(f, 101, 102);
    assert_op_state(2, GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(ops[2].future), GYRE_REASON_SIBLING);
    assert_failed(join, -EIO);
    release_ops(1, 2);
    end_group();
}

static struct gyre_future *return_what_is_taken(struct kid *kid)
{
    (void)kid;
    return ops[10].future;
}

static void child_that_belongs_to_somebody_else_is_an_error(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *input = gyre_future_ref(start_op(f, 10)->future);
    struct gyre_future *all = gyre_all(f->loop, 1, &input);

    make_group(f, 0);
    spawn(f, 1)->then = return_what_is_taken;
    join_group();
    run_ready(f);
    assert_failed(join, -EBUSY);
    assert_op_state(10, GYRE_FUTURE_PENDING);
    gyre_future_unref(all);
    release_ops(10, 10);
    end_group();
}

static void child_of_another_loop_is_an_error(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    ops[10].future = gyre_future_create(other);
    make_group(f, 0);
    spawn(f, 1)->then = return_what_is_taken;
    join_group();
    run_ready(f);
    assert_failed(join, -EXDEV);
    resolve_op(10);
    release_ops(10, 10);
    end_group();
    assert_int_equal(gyre_loop_destroy(other), 0);
}

static struct gyre_future *give_up_the_group(struct kid *kid)
{
    end_group();
    return gyre_future_ref(start_op(kid->f, kid->id)->future);
}

static void child_may_give_up_the_group_as_it_starts(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1)->then = give_up_the_group;
    run_ready(f);
    ASSERT_TRACE(f, 101); /* what it starts is cancelled from the start */
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    release_ops(1, 1);
}

/* ------------------------------------------------------------------ add */

static void added_child_is_waited_for(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    assert_int_equal(gyre_group_add(group, gyre_future_ref(start_op(f, 1)->future)), 0);
    assert_int_equal(gyre_group_count(group), 1);
    join_group();
    resolve_op(1);
    assert_state(join, GYRE_FUTURE_OK);
    release_ops(1, 1);
    end_group();
}

static void added_child_is_cancelled_with_the_group_from_whatever_scope(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_op_in(f, 0, 1);
    make_group(f, 0);
    assert_int_equal(gyre_group_add(group, gyre_future_ref(ops[1].future)), 0);
    assert_true(gyre_group_cancel(group));
    ASSERT_TRACE(f, 1);
    assert_true(gyre_scope_caused(gyre_group_scope(group), ops[1].future));
    release_ops(1, 1);
    end_group();
    end_scopes(1);
}

static void settled_futures_can_be_added(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, GYRE_GROUP_SUPERVISE);
    for (int id = 1; id <= 3; id++)
        start_op(f, id);
    resolve_op(1);
    fail_op(2, -EIO);
    gyre_future_cancel(ops[3].future);
    for (int id = 1; id <= 3; id++)
        assert_int_equal(gyre_group_add(group, ops[id].future), 0);
    assert_int_equal(gyre_group_add(group, return_refused(&(struct kid){ .f = f })), 0);
    assert_int_equal(gyre_group_count(group), 0);
    assert_failed(join_group(), -EIO);
    ASSERT_ERRORS(-EIO, -EINVAL);
    end_group();
}

static void child_added_to_a_cancelled_group_is_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    assert_true(gyre_group_cancel(group));
    start_op(f, 1);
    start_op(f, 2)->is_slow = true;
    for (int id = 1; id <= 2; id++)
        assert_int_equal(gyre_group_add(group, gyre_future_ref(ops[id].future)), 0);
    ASSERT_TRACE(f, 1, 2);
    assert_int_equal(gyre_group_count(group), 1);
    assert_true(gyre_scope_caused(gyre_group_scope(group), ops[1].future));
    end_op(2);
    assert_int_equal(gyre_group_count(group), 0);
    release_ops(1, 2);
    end_group();
}

static void child_that_has_failed_cancels_the_group_it_is_added_to(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    fail_op(start_op(f, 2)->id, -EIO);
    assert_int_equal(gyre_group_add(group, ops[2].future), 0);
    ASSERT_TRACE(f, 1);
    assert_failed(join_group(), -EIO);
    release_ops(1, 1);
    end_group();
}

static void give_up_the_group_from_a_hook(struct op *op)
{
    (void)op;
    end_group();
}

static void group_may_be_given_up_while_a_child_is_added_that_has_failed(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    ops[1].then = give_up_the_group_from_a_hook;
    fail_op(start_op(f, 2)->id, -EIO);
    gyre_future_ignore_error(join_group());
    assert_int_equal(gyre_group_add(group, ops[2].future), 0);
    assert_null(group);
    ASSERT_TRACE(f, 1);
    release_ops(1, 1);
}

static void futures_of_others_are_not_added(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();
    struct gyre_future *foreign = gyre_future_create(other);
    struct gyre_future *input = gyre_future_ref(start_op(f, 1)->future);
    struct gyre_future *all = gyre_all(f->loop, 1, &input);

    make_group(f, 0);
    assert_int_equal(gyre_group_add(group, foreign), -EXDEV);
    assert_int_equal(gyre_group_add(group, ops[1].future), -EBUSY);
    assert_int_equal(gyre_group_count(group), 0);
    assert_op_state(1, GYRE_FUTURE_PENDING);
    assert_state(foreign, GYRE_FUTURE_PENDING);
    gyre_future_unref(all);
    assert_int_equal(gyre_future_resolve(foreign, NULL, NULL), 0);
    gyre_future_unref(foreign);
    release_ops(1, 1);
    end_group();
    assert_int_equal(gyre_loop_destroy(other), 0);
}

/* ------------------------------------------------------------------ too late */

static void spawn_and_add_after_the_end_are_refused_without_effect(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_op(f, 2);
    join_group();
    assert_int_equal(try_spawn(f, 1), -EINVAL);
    assert_int_equal(gyre_group_add(group, ops[2].future), -EINVAL);
    run_ready(f);
    assert_int_equal(kids[1].started + kids[1].dropped, 0);
    assert_op_state(2, GYRE_FUTURE_PENDING);
    assert_int_equal(gyre_future_resolve(ops[2].future, NULL, NULL), 0);
    release_ops(2, 2);
    end_group();
}

static struct gyre_future *spawn_too_late(struct kid *kid)
{
    resolve_op(1);
    assert_state(join, GYRE_FUTURE_PENDING); /* this child has not finished */
    spawn(kid->f, 3);
    return NULL;
}

static void group_has_not_ended_while_a_child_starts(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    spawn(f, 2)->then = spawn_too_late;
    join_group();
    run_ready(f);
    ASSERT_TRACE(f, 102, 103);
    assert_state(join, GYRE_FUTURE_PENDING);
    resolve_op(3);
    assert_state(join, GYRE_FUTURE_OK);
    release_ops(1, 1);
    release_ops(3, 3);
    end_group();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(child_starts_from_the_queue_in_the_order_of_spawning),
        GROUP_TEST(spawned_child_keeps_the_loop_alive_until_it_starts),
        GROUP_TEST(child_starts_in_the_scope_of_the_group_and_leaves_it),
        GROUP_TEST(children_spawn_children),
        GROUP_TEST(group_can_be_the_child_of_a_group),
        GROUP_TEST(cancel_reaches_the_groups_below),
        GROUP_TEST(child_that_returns_nothing_has_finished),
        GROUP_TEST(child_may_return_what_is_settled),
        GROUP_TEST(child_that_fails_at_once_cancels_those_that_are_not_started),
        GROUP_TEST(child_that_belongs_to_somebody_else_is_an_error),
        GROUP_TEST(child_of_another_loop_is_an_error),
        GROUP_TEST(child_may_give_up_the_group_as_it_starts),
        GROUP_TEST(added_child_is_waited_for),
        GROUP_TEST(added_child_is_cancelled_with_the_group_from_whatever_scope),
        GROUP_TEST(settled_futures_can_be_added),
        GROUP_TEST(child_added_to_a_cancelled_group_is_cancelled),
        GROUP_TEST(child_that_has_failed_cancels_the_group_it_is_added_to),
        GROUP_TEST(group_may_be_given_up_while_a_child_is_added_that_has_failed),
        GROUP_TEST(futures_of_others_are_not_added),
        GROUP_TEST(spawn_and_add_after_the_end_are_refused_without_effect),
        GROUP_TEST(group_has_not_ended_while_a_child_starts),
    };

    return cmocka_run_group_tests_name("group_child", tests, NULL, NULL);
}
