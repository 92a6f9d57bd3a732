/* Groups at the end of the loop.
 *
 * SPDX-License-Identifier: MIT */
#include "future/groups.h"

#include <pthread.h>

static void close_loop(struct fixture *f)
{
    assert_int_equal(gyre_loop_close(f->loop), 0);
}

static void destroy_loop(struct fixture *f)
{
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
}

static void assert_closed(struct gyre_future *f)
{
    assert_state(f, GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(f), GYRE_REASON_CLOSED);
}

static void argument_of_a_child_that_was_not_started_is_dropped_once(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1);
    spawn(f, 2);
    join_group();
    close_loop(f);
    for (int id = 1; id <= 2; id++) {
        assert_int_equal(kids[id].dropped, 1);
        assert_int_equal(kids[id].started, 0);
    }
    assert_closed(join);
    end_group();
    destroy_loop(f);
    assert_int_equal(kids[1].dropped, 1);
}

static void child_without_a_drop_function_may_be_closed(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    assert_int_equal(gyre_group_spawn(group, kid_starts, NULL, &kids[1]), 0);
    close_loop(f);
    assert_int_equal(kids[1].started + kids[1].dropped, 0);
    end_group();
}

static void argument_of_a_child_that_was_started_is_not_dropped(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 2, true);
    resolve_op(1);
    close_loop(f);
    assert_int_equal(kids[1].dropped + kids[2].dropped, 0);
    assert_int_equal(ops[2].dropped, 1);
    assert_int_equal(ops[2].asked, 0);
    assert_closed(ops[2].future);
    release_ops(1, 2);
    end_group();
}

static void group_with_an_error_is_closed_without_a_report_of_it(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 2, true);
    join_group();
    fail_op(1, -EIO);
    close_loop(f);
    assert_closed(join);
    ASSERT_ERRORS(-EIO);
    release_ops(1, 2);
    end_group();
}

static void group_and_join_may_be_released_after_destroy(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, GYRE_GROUP_SUPERVISE);
    start_kids(f, 1, 2, false);
    fail_op(1, -EIO);
    spawn(f, 3);
    join_group();
    destroy_loop(f);
    assert_closed(join);
    assert_failed(gyre_future_failure(join, 0), -EIO);
    assert_int_equal(kids[3].dropped, 1);
    struct gyre_future *failure = gyre_group_take_failure(group);
    end_group();
    assert_failed(failure, -EIO);
    gyre_future_unref(failure);
    release_ops(1, 2);
}

static void group_that_was_given_up_is_closed_with_its_children(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, true);
    spawn(f, 2);
    end_group();
    close_loop(f);
    assert_int_equal(kids[2].dropped, 1);
    assert_int_equal(ops[1].dropped, 1);
    release_ops(1, 1);
}

static void closed_loop_refuses_children(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_group *another = NULL;

    make_group(f, 0);
    start_op(f, 2);
    close_loop(f);
    assert_int_equal(try_spawn(f, 1), -ESHUTDOWN);
    assert_int_equal(kids[1].dropped, 0);
    assert_int_equal(gyre_group_add(group, ops[2].future), -ESHUTDOWN);
    assert_int_equal(gyre_group_create(f->loop, 0, &another), -ESHUTDOWN);
    assert_null(another);
    assert_false(gyre_group_cancel(group));
    assert_closed(join_group());
    release_ops(2, 2);
    end_group();
}

/* An operation that owns a group, and gives it up with itself. */
static void owner_dropped(void *arg)
{
    (void)arg;
    end_group();
}

static void drop_function_may_give_up_a_group_that_is_not_closed_yet(void **state)
{
    struct fixture *f = fixture_of(state);
    static const struct gyre_future_ops ops_of_owner = { .drop = owner_dropped };
    struct gyre_future *owner = gyre_future_create(f->loop);

    assert_int_equal(gyre_future_set_cancel(owner, &ops_of_owner, NULL), 0);
    make_group(f, 0);
    start_kids(f, 1, 1, false);
    spawn(f, 2);
    close_loop(f);
    assert_null(group);
    assert_int_equal(kids[2].dropped, 1);
    assert_int_equal(ops[1].dropped + ops[1].asked, 1);
    gyre_future_unref(owner);
    release_ops(1, 1);
}

static void owner_fails_a_child(void *arg)
{
    (void)arg;
    assert_int_equal(gyre_future_fail(ops[1].future, -EIO), -EALREADY);
}

/* All are settled before the first drop function runs. */
static void drop_function_that_fails_a_child_is_too_late(void **state)
{
    struct fixture *f = fixture_of(state);
    static const struct gyre_future_ops ops_of_owner = { .drop = owner_fails_a_child };
    struct gyre_future *owner = gyre_future_create(f->loop);

    assert_int_equal(gyre_future_set_cancel(owner, &ops_of_owner, NULL), 0);
    make_group(f, 0);
    start_kids(f, 1, 2, false);
    join_group();
    close_loop(f);
    assert_closed(ops[2].future);
    assert_closed(ops[1].future);
    gyre_future_unref(owner);
    release_ops(1, 2);
    end_group();
}

static void kid_dropped_gives_up(void *arg)
{
    kid_dropped(arg);
    end_group();
}

static void argument_that_is_dropped_may_give_up_the_group(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    assert_int_equal(gyre_group_spawn(group, kid_starts, kid_dropped_gives_up, &kids[1]), 0);
    spawn(f, 2);
    close_loop(f);
    assert_null(group);
    assert_int_equal(kids[1].dropped, 1);
    assert_int_equal(kids[2].dropped, 1);
}

static void *use_group_elsewhere(void *arg)
{
    struct fixture *f = arg;
    struct gyre_group *another;
    bool refused = gyre_group_create(f->loop, 0, &another) == -EPERM && try_spawn(f, 1) == -EPERM &&
                   gyre_group_add(group, ops[2].future) == -EPERM && !gyre_group_cancel(group) &&
                   gyre_future_error(gyre_group_join(group)) == -EPERM &&
                   !gyre_group_take_failure(group);

    gyre_group_unref(group);
    return refused ? NULL : arg;
}

static void another_thread_is_refused_without_effect(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;
    void *result;

    make_group(f, 0);
    start_op(f, 2);
    assert_int_equal(pthread_create(&thread, NULL, use_group_elsewhere, f), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    assert_int_equal(gyre_group_count(group), 0);
    assert_state(join_group(), GYRE_FUTURE_OK);
    release_ops(2, 2);
    end_group();
}

static void hook_closes(struct gyre_loop *loop, const struct gyre_loop_error *error, void *arg)
{
    (void)error;
    *(int *)arg = gyre_loop_close(loop);
}

static void error_hook_of_a_reporting_group_may_close_the_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    int closed = -1;

    assert_int_equal(gyre_loop_on_error(f->loop, hook_closes, &closed), 0);
    make_group(f, GYRE_GROUP_REPORT);
    struct gyre_future *child = gyre_future_ref(gyre_future_create(f->loop));
    assert_int_equal(gyre_future_fail(child, -EIO), 0);
    assert_int_equal(gyre_group_add(group, child), 0);
    assert_int_equal(closed, 0);
    gyre_future_unref(child);
    join_group();
    assert_int_equal(gyre_future_reason(join), GYRE_REASON_CLOSED);
    end_group();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(argument_of_a_child_that_was_not_started_is_dropped_once),
        GROUP_TEST(child_without_a_drop_function_may_be_closed),
        GROUP_TEST(argument_of_a_child_that_was_started_is_not_dropped),
        GROUP_TEST(group_with_an_error_is_closed_without_a_report_of_it),
        GROUP_TEST(group_and_join_may_be_released_after_destroy),
        GROUP_TEST(group_that_was_given_up_is_closed_with_its_children),
        GROUP_TEST(closed_loop_refuses_children),
        GROUP_TEST(drop_function_may_give_up_a_group_that_is_not_closed_yet),
        GROUP_TEST(drop_function_that_fails_a_child_is_too_late),
        GROUP_TEST(argument_that_is_dropped_may_give_up_the_group),
        GROUP_TEST(another_thread_is_refused_without_effect),
        GROUP_TEST(error_hook_of_a_reporting_group_may_close_the_loop),
    };

    return cmocka_run_group_tests_name("group_close", tests, NULL, NULL);
}
