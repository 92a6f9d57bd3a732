/* Groups: children that would wait for their own group, which would never end.
 *
 * SPDX-License-Identifier: MIT */
#include "future/groups.h"

static struct gyre_future *return_the_join(struct kid *kid)
{
    (void)kid;
    return join;
}

static struct gyre_future *wrapped;

static struct gyre_future *return_what_is_made_of_the_join(struct kid *kid)
{
    (void)kid;
    wrapped = gyre_within(gyre_future_ref(join), GYRE_NEVER);
    return wrapped;
}

static void child_that_waits_for_its_group_is_an_error(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, GYRE_GROUP_SUPERVISE);
    spawn(f, 1)->then = return_the_join;
    spawn(f, 2)->then = return_what_is_made_of_the_join;
    join_group();
    run_ready(f);
    ASSERT_ERRORS(-EDEADLK, -EDEADLK);
    assert_failed(wrapped, -EDEADLK);
    gyre_future_unref(wrapped);
    end_group();
}

static struct gyre_future *next_is_the_join(struct gyre_future *done, void *arg)
{
    (void)done;
    (void)arg;
    return join;
}

static struct gyre_future *start_one_whose_next_is_the_join(struct kid *kid)
{
    return gyre_then_start(gyre_sleep(kid->f->loop, 0), next_is_the_join, NULL);
}

static void child_that_goes_on_to_wait_for_its_group_is_an_error(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1)->then = start_one_whose_next_is_the_join;
    join_group();
    run_ready(f);
    assert_failed(join, -EDEADLK);
    end_group();
}

static void child_may_wait_for_another_group(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_group *other;

    assert_int_equal(gyre_group_create(f->loop, 0, &other), 0);
    join = gyre_group_join(other);
    make_group(f, 0);
    spawn(f, 1)->then = return_the_join;
    run_ready(f);
    gyre_group_unref(other);
    assert_state(join_group(), GYRE_FUTURE_OK);
    end_group();
}

static void join_of_the_group_is_not_added(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    join_group();
    assert_int_equal(gyre_group_add(group, join), -EDEADLK);
    struct gyre_future *within = gyre_within(gyre_future_ref(join), GYRE_NEVER);
    assert_int_equal(gyre_group_add(group, within), -EDEADLK);
    assert_int_equal(gyre_group_count(group), 1);
    resolve_op(1);
    assert_state(within, GYRE_FUTURE_OK);
    gyre_future_unref(within);
    release_ops(1, 1);
    end_group();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(child_that_waits_for_its_group_is_an_error),
        GROUP_TEST(child_that_goes_on_to_wait_for_its_group_is_an_error),
        GROUP_TEST(child_may_wait_for_another_group),
        GROUP_TEST(join_of_the_group_is_not_added),
    };

    return cmocka_run_group_tests_name("group_wait", tests, NULL, NULL);
}
