/* Groups: when the join settles, and with what. Children are in group_child_test.c, cancellation from
 * outside in group_cancel_test.c, what the error hook hears in group_report_test.c, the end of the loop
 * in group_close_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "future/groups.h"

/* ------------------------------------------------------------------ when */

static void join_settles_when_the_last_child_has_finished(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 3, false);
    join_group();
    resolve_op(2);
    resolve_op(1);
    assert_state(join, GYRE_FUTURE_PENDING);
    assert_int_equal(gyre_group_count(group), 1);
    resolve_op(3);
    assert_state(join, GYRE_FUTURE_OK);
    assert_int_equal(gyre_group_count(group), 0);
    assert_null(gyre_future_failure(join, 0));
    release_ops(1, 3);
    end_group();
}

static void join_waits_until_cancelled_children_are_cleaned_up(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 3, true);
    join_group();
    fail_op(2, -EIO);
    ASSERT_TRACE(f, 1, 3);
    end_op(3);
    assert_state(join, GYRE_FUTURE_PENDING);
    end_op(1);
    assert_failed(join, -EIO);
    release_ops(1, 3);
    end_group();
}

static void join_waits_for_children_that_are_not_started_yet(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1);
    join_group();
    assert_state(join, GYRE_FUTURE_PENDING);
    assert_int_equal(gyre_group_count(group), 1);
    run_ready(f);
    assert_state(join, GYRE_FUTURE_PENDING);
    resolve_op(1);
    assert_state(join, GYRE_FUTURE_OK);
    release_ops(1, 1);
    end_group();
}

static void group_without_children_has_ended_once_it_is_joined(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    resolve_op(1);
    start_kids(f, 2, 2, false); /* it has not ended before */
    resolve_op(2);
    assert_state(join_group(), GYRE_FUTURE_OK);
    assert_int_equal(try_spawn(f, 3), -EINVAL);
    release_ops(1, 2);
    end_group();
}

static void join_before_any_child_is_ok_at_once(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    assert_state(join_group(), GYRE_FUTURE_OK);
    assert_false(gyre_loop_is_alive(f->loop));
    end_group();
}

static void join_gives_the_same_future_each_time(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    join_group();
    struct gyre_future *second = gyre_group_join(group);
    assert_ptr_equal(second, join);
    gyre_future_unref(second);
    assert_state(join, GYRE_FUTURE_PENDING);
    resolve_op(1);
    second = gyre_group_join(group);
    assert_ptr_equal(second, join);
    gyre_future_unref(second);
    release_ops(1, 1);
    end_group();
}

static void children_may_go_on_adding_children_after_the_join(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    join_group();
    for (int id = 2; id <= 5; id++) {
        start_kids(f, id, id, false);
        resolve_op(id - 1);
        assert_state(join, GYRE_FUTURE_PENDING);
    }
    resolve_op(5);
    assert_state(join, GYRE_FUTURE_OK);
    release_ops(1, 5);
    end_group();
}

/* ------------------------------------------------------------------ errors */

static void first_error_cancels_the_siblings(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 4, false);
    join_group();
    fail_op(3, -EIO);
    ASSERT_TRACE(f, 1, 2, 4);
    assert_failed(join, -EIO);
    ASSERT_ERRORS(-EIO);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_SIBLING);
    assert_true(gyre_scope_caused(gyre_group_scope(group), ops[1].future));
    assert_int_equal(gyre_scope_reason(gyre_group_scope(group)), GYRE_REASON_SIBLING);
    release_ops(1, 4);
    end_group();
}

static void cancelled_children_are_no_errors(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 2, false);
    join_group();
    assert_true(gyre_future_cancel(ops[1].future));
    assert_op_state(2, GYRE_FUTURE_PENDING);
    resolve_op(2);
    assert_state(join, GYRE_FUTURE_OK);
    assert_null(gyre_future_failure(join, 0));
    release_ops(1, 2);
    end_group();
}

static void every_error_is_kept_in_the_order_of_occurrence(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 5, true);
    join_group();
    fail_op(3, -EIO);
    end_op(2);
    fail_op(5, -EPIPE);
    resolve_op(4);
    fail_op(1, -EBADF);
    assert_failed(join, -EIO);
    ASSERT_ERRORS(-EIO, -EPIPE, -EBADF);
    release_ops(1, 5);
    end_group();
}

static void drop_number(void *value)
{
    ++*(int *)value;
}

static void errors_keep_their_words_and_details(void **state)
{
    struct fixture *f = fixture_of(state);
    int dropped = 0;

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    join_group();
    assert_int_equal(gyre_future_fail_with(ops[1].future, -EIO, "it broke", &dropped, drop_number),
                     0);
    release_ops(1, 1);
    assert_string_equal(gyre_future_message(join), "it broke");
    assert_string_equal(gyre_future_message(gyre_future_failure(join, 0)), "it broke");
    assert_ptr_equal(gyre_future_detail(gyre_future_failure(join, 0)), &dropped);
    assert_int_equal(dropped, 0);
    end_group();
    assert_int_equal(dropped, 1);
}

static void supervised_children_do_not_mind_each_other(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, GYRE_GROUP_SUPERVISE);
    start_kids(f, 1, 4, false);
    join_group();
    fail_op(2, -EIO);
    fail_op(1, -EPIPE);
    assert_int_equal(f->trace_count, 0);
    assert_false(gyre_scope_is_cancelled(gyre_group_scope(group)));
    resolve_op(3);
    assert_state(join, GYRE_FUTURE_PENDING);
    resolve_op(4);
    assert_failed(join, -EIO);
    ASSERT_ERRORS(-EIO, -EPIPE);
    release_ops(1, 4);
    end_group();
}

static void failures_can_be_taken_oldest_first(void **state)
{
    struct fixture *f = fixture_of(state);
    static const int errors[] = { -EIO, -EPIPE, -EBADF };

    make_group(f, GYRE_GROUP_SUPERVISE);
    start_kids(f, 0, 2, false);
    assert_null(gyre_group_take_failure(group));
    for (int id = 0; id < 3; id++)
        fail_op(id, errors[id]);
    for (int i = 0; i < 3; i++) {
        struct gyre_future *failure = gyre_group_take_failure(group);

        assert_failed(failure, errors[i]);
        gyre_future_unref(failure);
    }
    assert_null(gyre_group_take_failure(group));
    assert_failed(join_group(), -EIO); /* it has failed all the same */
    assert_null(gyre_future_failure(join, 0));
    release_ops(0, 2);
    end_group();
}

static void failure_that_was_taken_outlives_the_group(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, GYRE_GROUP_SUPERVISE);
    start_kids(f, 1, 1, false);
    fail_op(1, -EIO);
    release_ops(1, 1);
    struct gyre_future *failure = gyre_group_take_failure(group);
    assert_int_equal(gyre_future_error(join_group()), -EIO);
    end_group();
    assert_failed(failure, -EIO);
    gyre_future_unref(failure);
}

/* ------------------------------------------------------------------ life and refusals */

static void group_that_is_given_up_cancels_its_children(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 2, false);
    end_group();
    ASSERT_TRACE(f, 1, 2);
    assert_int_equal(gyre_future_reason(ops[1].future), GYRE_REASON_DROPPED);
    release_ops(1, 2);
}

static void group_that_is_given_up_lasts_until_its_children_have_finished(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, true);
    spawn(f, 2);
    end_group();
    ASSERT_TRACE(f, 1);
    run_ready(f);
    ASSERT_TRACE(f, 1, 102);
    assert_op_state(2, GYRE_FUTURE_CANCELLED);
    end_op(1);
    release_ops(1, 2);
}

static void joined_group_goes_on_without_its_handle(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 2, false);
    join_group();
    gyre_group_unref(group);
    assert_int_equal(f->trace_count, 0);
    resolve_op(1);
    fail_op(2, -EIO);
    assert_failed(join, -EIO);
    ASSERT_ERRORS(-EIO);
    release_ops(1, 2);
    gyre_future_unref(join);
}

static void join_that_is_given_up_leaves_the_group_alone(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    gyre_future_unref(join_group());
    assert_int_equal(f->trace_count, 0);
    resolve_op(1);
    assert_state(join_group(), GYRE_FUTURE_OK);
    release_ops(1, 1);
    end_group();
}

static void continuation_ran(struct gyre_call *call, void *arg)
{
    const struct kid *kid = arg;

    (void)call;
    record(kid->f, kid->id);
}

static void continuation_of_the_join_runs_after_that_of_the_last_child(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_call then[2] = { 0 };

    make_group(f, 0);
    start_kids(f, 0, 1, false);
    for (int id = 0; id < 2; id++)
        assert_int_equal(gyre_call_init(&then[id], f->loop, continuation_ran, &kids[id]), 0);
    assert_int_equal(gyre_future_on_done(join_group(), &then[1]), 0);
    assert_int_equal(gyre_future_on_done(ops[0].future, &then[0]), 0);
    resolve_op(1);
    resolve_op(0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    ASSERT_TRACE(f, 0, 1);
    release_ops(0, 1);
    end_group();
}

static void bad_arguments_are_refused(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_group_create(NULL, 0, &group), -EINVAL);
    assert_int_equal(gyre_group_create(f->loop, 0, NULL), -EINVAL);
    assert_int_equal(gyre_group_create(f->loop, 4, &group), -EINVAL);
    assert_null(group);
    make_group(f, 0);
    assert_int_equal(gyre_group_spawn(group, NULL, kid_dropped, &kids[1]), -EINVAL);
    assert_int_equal(gyre_group_add(group, NULL), -EINVAL);
    assert_int_equal(gyre_group_count(group), 0);
    end_group();
}

static void null_is_no_group(void **state)
{
    (void)state;
    gyre_group_unref(NULL);
    assert_int_equal(gyre_group_spawn(NULL, kid_starts, kid_dropped, &kids[1]), -EINVAL);
    assert_int_equal(gyre_group_add(NULL, NULL), -EINVAL);
    assert_failed(gyre_group_join(NULL), -EINVAL);
    assert_false(gyre_group_cancel(NULL));
    assert_null(gyre_group_scope(NULL));
    assert_int_equal(gyre_group_count(NULL), 0);
    assert_null(gyre_group_take_failure(NULL));
    assert_int_equal(kids[1].dropped, 0);
}

/* Would each look begin at the first, this would take minutes. */
static void many_failures_are_looked_at_in_one_walk(void **state)
{
    enum { MANY = 60000 };
    struct fixture *f = fixture_of(state);
    size_t count = 0;

    make_group(f, GYRE_GROUP_SUPERVISE);
    for (int i = 0; i < MANY; i++) {
        struct gyre_future *child = gyre_future_create(f->loop);
        assert_int_equal(gyre_future_fail(child, -1 - i % 100), 0);
        assert_int_equal(gyre_group_add(group, child), 0);
    }
    join_group();
    for (struct gyre_future *e; (e = gyre_future_failure(join, count)) != NULL; count++)
        assert_int_equal(gyre_future_error(e), -1 - (int)(count % 100));
    assert_int_equal(count, MANY);
    assert_int_equal(gyre_future_error(gyre_future_failure(join, 7)), -8);
    gyre_future_unref(gyre_group_take_failure(group));
    assert_int_equal(gyre_future_error(gyre_future_failure(join, 7)), -9);
    assert_null(gyre_future_failure(join, MANY - 1));
    (void)gyre_future_error(join);
    end_group();
}

/* Not by its own deadline: it never had one. */
static void group_made_in_a_timed_out_scope_is_cancelled_also_when_that_has_ended(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    assert_int_equal(gyre_scope_set_deadline(&scopes[0], 0), 0);
    enter(0);
    make_group(f, 0);
    leave(0);
    gyre_scope_fini(&scopes[0]);
    struct gyre_future *ended = gyre_group_join(group);
    assert_int_equal(gyre_future_state(ended), GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(ended), GYRE_REASON_TIMEOUT);
    gyre_future_unref(ended);
    end_group();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(join_settles_when_the_last_child_has_finished),
        GROUP_TEST(join_waits_until_cancelled_children_are_cleaned_up),
        GROUP_TEST(join_waits_for_children_that_are_not_started_yet),
        GROUP_TEST(group_without_children_has_ended_once_it_is_joined),
        GROUP_TEST(join_before_any_child_is_ok_at_once),
        GROUP_TEST(join_gives_the_same_future_each_time),
        GROUP_TEST(children_may_go_on_adding_children_after_the_join),
        GROUP_TEST(first_error_cancels_the_siblings),
        GROUP_TEST(cancelled_children_are_no_errors),
        GROUP_TEST(every_error_is_kept_in_the_order_of_occurrence),
        GROUP_TEST(errors_keep_their_words_and_details),
        GROUP_TEST(supervised_children_do_not_mind_each_other),
        GROUP_TEST(failures_can_be_taken_oldest_first),
        GROUP_TEST(failure_that_was_taken_outlives_the_group),
        GROUP_TEST(group_that_is_given_up_cancels_its_children),
        GROUP_TEST(group_that_is_given_up_lasts_until_its_children_have_finished),
        GROUP_TEST(joined_group_goes_on_without_its_handle),
        GROUP_TEST(join_that_is_given_up_leaves_the_group_alone),
        GROUP_TEST(continuation_of_the_join_runs_after_that_of_the_last_child),
        GROUP_TEST(bad_arguments_are_refused),
        GROUP_TEST(group_made_in_a_timed_out_scope_is_cancelled_also_when_that_has_ended),
        GROUP_TEST(many_failures_are_looked_at_in_one_walk),
        GROUP_TEST(null_is_no_group),
    };

    return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
