/* The current scope while the loop runs: callbacks begin in the root scope, and whoever runs the loop
 * finds the scope current again that he has entered.
 *
 * SPDX-License-Identifier: MIT */
#include "future/groups.h"

static struct gyre_call calls[2];

static void start_call(struct fixture *f, int i, gyre_call_fn *fn)
{
    calls[i] = (struct gyre_call){ 0 };
    assert_int_equal(gyre_call_init(&calls[i], f->loop, fn, f), 0);
    assert_int_equal(gyre_call_start(&calls[i]), 0);
}

static void run(struct fixture *f)
{
    assert_in_range(gyre_loop_run_once(f->loop, 0), 0, INT32_MAX);
}

static void start_op_1(struct gyre_call *call, void *arg)
{
    (void)call;
    start_op(arg, 1);
}

static void callbacks_run_in_the_root_scope_although_another_is_entered(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    enter(0);
    start_call(f, 0, start_op_1);
    run(f);
    leave(0);
    cancel_scope(0);
    assert_op_state(1, GYRE_FUTURE_PENDING);
    release_ops(1, 1);
    end_scopes(1);
}

static void entered_scopes_are_current_again_when_the_run_returns(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    enter(0);
    enter(1);
    run(f);
    start_op(f, 1);
    leave(1);
    start_op(f, 2);
    leave(0);
    cancel_scope(0);
    ASSERT_TRACE(f, 2);
    cancel_scope(1);
    ASSERT_TRACE(f, 2, 1);
    release_ops(1, 2);
    end_scopes(2);
}

static struct gyre_future *start_op_3(struct gyre_future *done, void *arg)
{
    (void)done;
    return gyre_future_ref(start_op(arg, 3)->future);
}

/* The function is called in scope 1, which is entered outside as well. */
static void function_that_runs_in_an_entered_scope_leaves_it_as_it_is(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    enter(0);
    enter(1);
    struct gyre_future *then = gyre_then_start(gyre_sleep(f->loop, 0), start_op_3, f);
    start_call(f, 0, start_op_1);
    run_ready(f);
    start_op(f, 4);
    leave(1);
    start_op(f, 5);
    leave(0);
    cancel_scope(1);
    ASSERT_TRACE(f, 3, 4);
    assert_op_state(1, GYRE_FUTURE_PENDING);
    cancel_scope(0);
    ASSERT_TRACE(f, 3, 4, 5);
    gyre_future_unref(then);
    release_ops(1, 1);
    release_ops(3, 5);
    end_scopes(2);
}

static void enter_and_leave_scope_0(struct gyre_call *call, void *arg)
{
    (void)call;
    (void)arg;
    assert_int_equal(gyre_scope_enter(&scopes[0]), -EALREADY);
    assert_int_equal(gyre_scope_leave(&scopes[0]), -EINVAL);
}

static void scope_that_is_entered_outside_is_refused_in_a_callback(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    enter(0);
    enter(1);
    start_call(f, 0, enter_and_leave_scope_0);
    run(f);
    leave(1);
    leave(0);
    end_scopes(2);
}

static void end_scope_0(struct gyre_call *call, void *arg)
{
    (void)call;
    (void)arg;
    gyre_scope_fini(&scopes[0]);
    memset(&scopes[0], 0xDD, sizeof(scopes[0]));
}

static void scope_that_is_entered_outside_can_end_in_a_callback(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int first = 1; first <= 3; first += 2) {
        make_scope(f, 0, -1);
        make_scope(f, 1, -1);
        enter(first == 1 ? 0 : 1);
        enter(first == 1 ? 1 : 0);
        start_call(f, 0, end_scope_0);
        run(f);
        start_op(f, first);
        leave(1);
        start_op(f, first + 1);
        cancel_scope(1);
        assert_op_state(first, GYRE_FUTURE_CANCELLED);
        assert_op_state(first + 1, GYRE_FUTURE_PENDING);
        release_ops(first, first + 1);
        gyre_scope_fini(&scopes[1]);
        memset(scopes, 0, sizeof(scopes));
    }
}

static void enter_scope_0(struct gyre_call *call, void *arg)
{
    (void)call;
    (void)arg;
    enter(0);
}

static void scope_that_a_callback_does_not_leave_is_left_when_the_run_returns(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    enter(1);
    start_call(f, 0, enter_scope_0);
    run(f);
    start_op(f, 1);
    assert_int_equal(gyre_scope_leave(&scopes[0]), -EINVAL);
    leave(1);
    cancel_scope(0);
    assert_op_state(1, GYRE_FUTURE_PENDING);
    release_ops(1, 1);
    end_scopes(2);
}

static struct gyre_future *leaves_and_enters_the_groups_scope(struct kid *kid)
{
    (void)kid;
    assert_int_equal(gyre_scope_enter(gyre_group_scope(group)), -EALREADY);
    assert_int_equal(gyre_scope_leave(gyre_group_scope(group)), -EINVAL);
    enter(0);
    struct gyre_future *started = gyre_future_ref(start_op(kid->f, 1)->future);
    leave(0);
    start_op(kid->f, 2);
    return started;
}

static void scope_in_which_a_function_runs_is_not_entered_or_left_by_it(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_group(f, 0);
    spawn(f, 1)->then = leaves_and_enters_the_groups_scope;
    run_ready(f);
    assert_true(gyre_group_cancel(group));
    ASSERT_TRACE(f, 101, 2, 1);
    release_ops(1, 2);
    end_group();
    end_scopes(1);
}

static void callbacks_of_an_advancing_clock_run_in_the_root_scope(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    enter(0);
    start_call(f, 0, start_op_1);
    advance(f, 10);
    leave(0);
    cancel_scope(0);
    assert_op_state(1, GYRE_FUTURE_PENDING);
    release_ops(1, 1);
    end_scopes(1);
}

static void use_scopes_for_the_first_time(struct gyre_call *call, void *arg)
{
    (void)call;
    make_scope(arg, 0, -1);
    enter(0);
}

static void scopes_used_first_in_a_callback_are_not_current_outside(void **state)
{
    struct fixture *f = fixture_of(state);

    start_call(f, 0, use_scopes_for_the_first_time);
    run(f);
    start_op(f, 1);
    cancel_scope(0);
    assert_op_state(1, GYRE_FUTURE_PENDING);
    release_ops(1, 1);
    end_scopes(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(callbacks_run_in_the_root_scope_although_another_is_entered),
        GROUP_TEST(entered_scopes_are_current_again_when_the_run_returns),
        GROUP_TEST(function_that_runs_in_an_entered_scope_leaves_it_as_it_is),
        GROUP_TEST(scope_that_is_entered_outside_is_refused_in_a_callback),
        GROUP_TEST(scope_that_is_entered_outside_can_end_in_a_callback),
        GROUP_TEST(scope_that_a_callback_does_not_leave_is_left_when_the_run_returns),
        GROUP_TEST(scope_in_which_a_function_runs_is_not_entered_or_left_by_it),
        GROUP_TEST(callbacks_of_an_advancing_clock_run_in_the_root_scope),
        GROUP_TEST(scopes_used_first_in_a_callback_are_not_current_outside),
    };

    return cmocka_run_group_tests_name("scope_run", tests, NULL, NULL);
}
