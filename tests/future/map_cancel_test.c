/* gyre_map_limit, cancelled and given up: before the first start, midway and by a start function.
 *
 * SPDX-License-Identifier: MIT */
#include "map.h"

/* ------------------------------------------------------------------ cancelled */

static void cancel_before_the_first_start_starts_nothing(void **state)
{
    (void)state;
    map_all(3, 1);
    assert_true(gyre_future_cancel(map));
    assert_cancelled(map, GYRE_REASON_REQUEST);
    assert_int_equal(run_ready(fixture), 0);
    gyre_future_unref(map);
}

static void cancel_midway_cancels_what_runs_and_starts_no_more(void **state)
{
    (void)state;
    map_all(4, 2);
    run_ready(fixture);
    resolve_op(0); /* the start of the next one is queued */
    gyre_future_cancel(map);
    assert_cancelled(map, GYRE_REASON_REQUEST);
    run_ready(fixture);
    ASSERT_TRACE(fixture, START + 0, START + 1, CANCEL + 1);
    gyre_future_unref(map);
}

static void cancel_takes_back_a_start_that_is_queued(void **state)
{
    (void)state;
    map_with(GYRE_MAP_ALL, 4, 2, start_slow);
    run_ready(fixture);
    resolve_op(0);
    gyre_future_cancel(map);
    assert_int_equal(run_ready(fixture), 0);
    op_undone(1);
    assert_cancelled(map, GYRE_REASON_REQUEST);
    gyre_future_unref(map);
}

static void cancelled_map_that_had_not_started_all_is_cancelled(void **state)
{
    (void)state;
    map_with(GYRE_MAP_SETTLED, 3, 2, start_slow);
    run_ready(fixture);
    gyre_future_cancel(map);
    resolve_op(0);
    resolve_op(1);
    assert_cancelled(map, GYRE_REASON_REQUEST);
    gyre_future_unref(map);
}

static void cancelled_map_whose_operations_complete_nevertheless_is_ok(void **state)
{
    (void)state;
    for (int mode = GYRE_MAP_ALL; mode <= GYRE_MAP_SETTLED; mode++) {
        map_with((enum gyre_map_mode)mode, 2, 2, start_slow);
        run_ready(fixture);
        gyre_future_cancel(map);
        resolve_op(0);
        resolve_op(1);
        assert_ok(map);
        gyre_future_unref(map);
    }
}

static void cancelled_settled_with_nothing_undone_is_ok(void **state)
{
    (void)state;
    map_with(GYRE_MAP_SETTLED, 2, 2, start_slow);
    run_ready(fixture);
    gyre_future_cancel(map);
    fail_op(0, -EIO);
    resolve_op(1);
    assert_ok(map);
    assert_failed(gyre_future_failure(map, 0), -EIO);
    gyre_future_unref(map);
}

static void map_in_a_cancelled_scope_starts_nothing(void **state)
{
    struct gyre_scope scope = { 0 };

    (void)state;
    assert_int_equal(gyre_scope_init(&scope, fixture->loop, NULL), 0);
    gyre_scope_cancel(&scope);
    assert_int_equal(gyre_scope_enter(&scope), 0);
    map_all(3, 1);
    assert_int_equal(gyre_scope_leave(&scope), 0);
    assert_cancelled(map, GYRE_REASON_REQUEST);
    assert_int_equal(run_ready(fixture), 0);
    gyre_future_unref(map);
    gyre_scope_fini(&scope);
}

static struct gyre_future *start_and_cancel(size_t index, void *arg)
{
    if (index == 1)
        assert_true(gyre_future_cancel(map));
    return start(index, arg);
}

static void start_may_cancel_the_map(void **state)
{
    (void)state;
    map_with(GYRE_MAP_ALL, 4, 3, start_and_cancel);
    run_ready(fixture);
    ASSERT_TRACE(fixture, START + 0, CANCEL + 0, START + 1, CANCEL + 1);
    assert_cancelled(map, GYRE_REASON_REQUEST);
    gyre_future_unref(map);
}

static struct gyre_future *start_and_unref(size_t index, void *arg)
{
    if (index == 1)
        gyre_future_unref(map);
    return start(index, arg);
}

static void start_that_gives_the_last_reference_back_is_the_last(void **state)
{
    (void)state;
    map_with(GYRE_MAP_ALL, 4, 4, start_and_unref);
    run_ready(fixture);
    ASSERT_TRACE(fixture, START + 0, CANCEL + 0, START + 1, CANCEL + 1);
}

static void unref_while_it_runs_cancels_it(void **state)
{
    (void)state;
    map_all(4, 2);
    run_ready(fixture);
    gyre_future_unref(map);
    run_ready(fixture);
    ASSERT_TRACE(fixture, START + 0, START + 1, CANCEL + 0, CANCEL + 1);
}

static void detached_map_goes_on(void **state)
{
    (void)state;
    gyre_future_detach(map_all(3, 1));
    for (int i = 0; i < 3; i++) {
        run_ready(fixture);
        resolve_traced(i);
    }
    ASSERT_TRACE(fixture, START + 0, START + 1, START + 2, DROP + 0, DROP + 1, DROP + 2);
}

static struct gyre_future *start_and_detach(size_t index, void *arg)
{
    if (index == 0)
        gyre_future_detach(map);
    return start(index, arg);
}

static void map_detached_by_start_goes_on(void **state)
{
    (void)state;
    map_with(GYRE_MAP_ALL, 2, 2, start_and_detach);
    run_ready(fixture);
    resolve_traced(0);
    resolve_traced(1);
    ASSERT_TRACE(fixture, START + 0, START + 1, DROP + 0, DROP + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(cancel_before_the_first_start_starts_nothing),
        MAP_TEST(cancel_midway_cancels_what_runs_and_starts_no_more),
        MAP_TEST(cancel_takes_back_a_start_that_is_queued),
        MAP_TEST(cancelled_map_that_had_not_started_all_is_cancelled),
        MAP_TEST(cancelled_map_whose_operations_complete_nevertheless_is_ok),
        MAP_TEST(cancelled_settled_with_nothing_undone_is_ok),
        MAP_TEST(map_in_a_cancelled_scope_starts_nothing),
        MAP_TEST(start_may_cancel_the_map),
        MAP_TEST(start_that_gives_the_last_reference_back_is_the_last),
        MAP_TEST(unref_while_it_runs_cancels_it),
        MAP_TEST(detached_map_goes_on),
        MAP_TEST(map_detached_by_start_goes_on),
    };

    return cmocka_run_group_tests_name("map_cancel", tests, NULL, NULL);
}
