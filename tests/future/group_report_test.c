/* Groups: which errors the loop's error hook hears of.
 *
 * SPDX-License-Identifier: MIT */
#include "future/groups.h"

static void error_reported(struct gyre_loop *loop, const struct gyre_loop_error *error, void *arg)
{
    (void)loop;
    assert_int_equal(error->kind, GYRE_ERROR_UNOBSERVED);
    record(arg, -error->err);
}

static void join_that_failed_unseen_is_reported_once_for_all_errors(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_on_error(f->loop, error_reported, f), 0);
    make_group(f, GYRE_GROUP_SUPERVISE);
    start_kids(f, 1, 2, false);
    join_group();
    fail_op(1, -EIO);
    fail_op(2, -EPIPE);
    release_ops(1, 2);
    assert_int_equal(f->trace_count, 0);
    end_group();
    ASSERT_TRACE(f, EIO);
}

static void errors_of_a_group_that_was_looked_at_are_not_reported(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_on_error(f->loop, error_reported, f), 0);
    make_group(f, GYRE_GROUP_SUPERVISE);
    start_kids(f, 1, 2, false);
    fail_op(1, -EIO);
    fail_op(2, -EPIPE);
    release_ops(1, 2);
    assert_failed(join_group(), -EIO);
    end_group();
    assert_int_equal(f->trace_count, 0);
}

static void error_of_a_group_that_is_given_up_is_reported(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_on_error(f->loop, error_reported, f), 0);
    make_group(f, 0);
    start_kids(f, 1, 1, true);
    end_group();
    fail_op(1, -EPIPE);
    ASSERT_TRACE(f, 1, EPIPE);
    release_ops(1, 1);
}

static void errors_of_a_group_that_reports_go_to_the_hook_and_do_not_count(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_on_error(f->loop, error_reported, f), 0);
    make_group(f, GYRE_GROUP_REPORT);
    start_kids(f, 1, 3, false);
    join_group();
    fail_op(2, -EIO);
    fail_op(1, -EPIPE);
    ASSERT_TRACE(f, EIO, EPIPE);
    assert_op_state(3, GYRE_FUTURE_PENDING);
    resolve_op(3);
    assert_state(join, GYRE_FUTURE_OK);
    assert_null(gyre_future_failure(join, 0));
    release_ops(1, 3);
    end_group();
    ASSERT_TRACE(f, EIO, EPIPE);
}

static void group_that_reports_is_silent_about_an_error_that_is_ignored(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_on_error(f->loop, error_reported, f), 0);
    make_group(f, GYRE_GROUP_REPORT);
    start_kids(f, 1, 2, false);
    gyre_future_ignore_error(ops[1].future);
    fail_op(1, -EIO);
    fail_op(2, -EPIPE);
    ASSERT_TRACE(f, EPIPE);
    assert_state(join_group(), GYRE_FUTURE_OK);
    release_ops(1, 2);
    end_group();
}

static struct gyre_future *starts_nothing(struct kid *kid)
{
    (void)kid;
    return gyre_future_create(NULL);
}

static void group_that_reports_tells_of_a_child_that_could_not_start(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_on_error(f->loop, error_reported, f), 0);
    make_group(f, GYRE_GROUP_REPORT);
    spawn(f, 1)->then = starts_nothing;
    run_ready(f);
    ASSERT_TRACE(f, 101, EINVAL);
    end_group();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(join_that_failed_unseen_is_reported_once_for_all_errors),
        GROUP_TEST(errors_of_a_group_that_was_looked_at_are_not_reported),
        GROUP_TEST(error_of_a_group_that_is_given_up_is_reported),
        GROUP_TEST(errors_of_a_group_that_reports_go_to_the_hook_and_do_not_count),
        GROUP_TEST(group_that_reports_is_silent_about_an_error_that_is_ignored),
        GROUP_TEST(group_that_reports_tells_of_a_child_that_could_not_start),
    };

    return cmocka_run_group_tests_name("group_report", tests, NULL, NULL);
}
