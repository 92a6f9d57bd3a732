/* Futures that go on alone while functions of the user's run for them, and those that are given up in
 * such a function.
 *
 * SPDX-License-Identifier: MIT */
#include "future/groups.h"

static struct gyre_future *made;

static void go_on_alone(struct gyre_future *f)
{
    gyre_future_detach(f);
}

static void give_up(struct gyre_future *f)
{
    gyre_future_unref(f);
}

/* What the function below does first with `made`, if anything. */
static void (*first)(struct gyre_future *f);

static struct gyre_future *start_next_op(size_t index, void *arg)
{
    int id = (int)index + 2;

    if (first)
        first(made);
    first = NULL;
    return gyre_future_ref(start_op(arg, id)->future);
}

static struct gyre_future *start_next(struct gyre_future *done, void *arg)
{
    (void)done;
    return start_next_op(0, arg);
}

static void make_then_start(struct fixture *f)
{
    made = gyre_then_start(gyre_future_ref(start_op(f, 1)->future), start_next, f);
    resolve_op(1);
}

static void make_map(struct fixture *f)
{
    made = gyre_map_limit(f->loop, GYRE_MAP_ALL, 2, 1, start_next_op, f);
}

static void then_start_that_was_detached_waits_for_what_it_starts(void **state)
{
    struct fixture *f = fixture_of(state);

    first = NULL;
    make_then_start(f);
    go_on_alone(made);
    run_ready(f);
    assert_op_state(2, GYRE_FUTURE_PENDING);
    resolve_op(2);
    release_ops(1, 2);
}

static void then_start_may_be_detached_by_its_function(void **state)
{
    struct fixture *f = fixture_of(state);

    first = go_on_alone;
    make_then_start(f);
    run_ready(f);
    assert_op_state(2, GYRE_FUTURE_PENDING);
    resolve_op(2);
    release_ops(1, 2);
}

static void then_start_that_its_function_gives_up_is_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);

    first = give_up;
    make_then_start(f);
    run_ready(f);
    ASSERT_TRACE(f, 2);
    assert_int_equal(gyre_future_reason(ops[2].future), GYRE_REASON_DROPPED);
    release_ops(1, 2);
}

static void map_that_was_detached_starts_all(void **state)
{
    struct fixture *f = fixture_of(state);

    first = NULL;
    make_map(f);
    go_on_alone(made);
    for (int id = 2; id <= 3; id++) {
        run_ready(f);
        assert_op_state(id, GYRE_FUTURE_PENDING);
        resolve_op(id);
    }
    release_ops(2, 3);
}

static void map_that_its_function_gives_up_starts_no_more(void **state)
{
    struct fixture *f = fixture_of(state);

    first = give_up;
    make_map(f);
    run_ready(f);
    ASSERT_TRACE(f, 2);
    assert_null(ops[3].future);
    release_ops(2, 2);
}

static void group_that_was_detached_waits_for_the_children_it_starts(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    for (int id = 1; id <= 2; id++)
        spawn(f, id);
    join_group();
    gyre_group_unref(group);
    go_on_alone(join);
    run_ready(f);
    for (int id = 1; id <= 2; id++) {
        assert_op_state(id, GYRE_FUTURE_PENDING);
        resolve_op(id);
    }
    release_ops(1, 2);
}

static void group_whose_last_reference_is_not_detached_is_given_up(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1);
    go_on_alone(join_group());
    gyre_group_unref(group);
    run_ready(f);
    assert_op_state(1, GYRE_FUTURE_CANCELLED);
    release_ops(1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(then_start_that_was_detached_waits_for_what_it_starts),
        GROUP_TEST(then_start_may_be_detached_by_its_function),
        GROUP_TEST(then_start_that_its_function_gives_up_is_cancelled),
        GROUP_TEST(map_that_was_detached_starts_all),
        GROUP_TEST(map_that_its_function_gives_up_starts_no_more),
        GROUP_TEST(group_that_was_detached_waits_for_the_children_it_starts),
        GROUP_TEST(group_whose_last_reference_is_not_detached_is_given_up),
    };

    return cmocka_run_group_tests_name("detach", tests, NULL, NULL);
}
