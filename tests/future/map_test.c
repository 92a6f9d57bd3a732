/* gyre_map_limit: what is started when, in which order, and how it fails.
 *
 * SPDX-License-Identifier: MIT */
#include "map.h"

/* ------------------------------------------------------------------ starts */

static void operations_are_started_from_the_queue_in_order(void **state)
{
    (void)state;
    map_all(3, 3);
    assert_int_equal(fixture->trace_count, 0);
    assert_int_equal(gyre_loop_run_once(fixture->loop, 0), 1);
    ASSERT_TRACE(fixture, START + 0, START + 1, START + 2);
    gyre_future_unref(map);
}

static void limit_holds_at_every_moment(void **state)
{
    (void)state;
    map_all(20, 3);
    run_ready(fixture);
    for (int i = 0; i < 20; i++) {
        resolve_op(i ^ 1); /* not in order */
        assert_in_range(count_running(), 0, 3);
        run_ready(fixture);
        assert_in_range(count_running(), 0, 3);
    }
    assert_ok(map);
    assert_int_equal(most, 3);
    gyre_future_unref(map);
}

static void next_one_is_started_as_soon_as_one_has_settled(void **state)
{
    (void)state;
    map_all(4, 2);
    run_ready(fixture);
    resolve_op(1);
    assert_int_equal(gyre_loop_run_once(fixture->loop, 0), 1);
    ASSERT_TRACE(fixture, START + 0, START + 1, START + 2);
    resolve_op(0);
    resolve_op(2);
    assert_int_equal(gyre_loop_run_once(fixture->loop, 0), 1);
    ASSERT_TRACE(fixture, START + 0, START + 1, START + 2, START + 3);
    gyre_future_unref(map);
}

static void limit_may_be_greater_than_the_count(void **state)
{
    (void)state;
    map_all(2, SIZE_MAX);
    run_ready(fixture);
    resolve_op(1);
    resolve_op(0);
    assert_ok(map);
    ASSERT_TRACE(fixture, START + 0, START + 1);
    gyre_future_unref(map);
}

static void map_of_nothing_is_ok_and_starts_nothing(void **state)
{
    (void)state;
    map_all(0, 1);
    assert_ok(map);
    assert_int_equal(run_ready(fixture), 0);
    gyre_future_unref(map);
}

static struct gyre_future *start_sleep(size_t index, void *arg)
{
    (void)arg;
    return gyre_sleep(fixture->loop, GYRE_MS(10 * (3 - index)));
}

static void map_runs_until_it_is_done(void **state)
{
    (void)state;
    gyre_test_autojump(fixture->loop, true);
    uint64_t begin = gyre_loop_now(fixture->loop);
    map_with(GYRE_MAP_ALL, 3, 2, start_sleep);
    assert_int_equal(gyre_loop_run_until(fixture->loop, map), GYRE_RUN_DONE);
    /* 30 ms; 20 ms and then 10 ms */
    assert_int_equal(gyre_loop_now(fixture->loop) - begin, GYRE_MS(30));
    gyre_future_unref(map);
}

static void results_are_in_the_order_of_the_indices(void **state)
{
    (void)state;
    map_all(3, 3);
    run_ready(fixture);
    for (int i = 2; i >= 0; i--)
        resolve_op(i);
    assert_int_equal(gyre_future_count(map), 3);
    for (int i = 0; i < 3; i++)
        assert_value(gyre_future_at(map, (size_t)i), i);
    gyre_future_unref(map);
}

static void operation_that_is_not_started_yet_is_null(void **state)
{
    (void)state;
    map_all(3, 1);
    assert_int_equal(gyre_future_count(map), 3);
    assert_null(gyre_future_at(map, 0));
    run_ready(fixture);
    assert_ptr_equal(gyre_future_at(map, 0), ops[0].f);
    assert_null(gyre_future_at(map, 1));
    gyre_future_unref(map);
}

static struct gyre_future *start_nothing(size_t index, void *arg)
{
    (void)arg;
    record(fixture, START + (int)index);
    return NULL;
}

static void start_that_returns_null_has_nothing_to_wait_for(void **state)
{
    (void)state;
    map_with(GYRE_MAP_ALL, 3, 1, start_nothing);
    run_ready(fixture);
    assert_ok(map);
    assert_null(gyre_future_at(map, 1));
    ASSERT_TRACE(fixture, START + 0, START + 1, START + 2);
    gyre_future_unref(map);
}

static struct gyre_future *start_resolved(size_t index, void *arg)
{
    struct gyre_future *f = start(index, arg);

    resolve_op((int)index);
    return f;
}

/* However many there are, others get their turn. */
static void operations_that_are_settled_at_once_take_a_callback_for_each_limit(void **state)
{
    (void)state;
    map_with(GYRE_MAP_ALL, 5, 2, start_resolved);
    assert_int_equal(run_ready(fixture), 3);
    assert_ok(map);
    assert_value(gyre_future_at(map, 4), 4);
    assert_int_equal(most, 1);
    gyre_future_unref(map);
}

static struct gyre_scope *seen;

static struct gyre_future *start_in_scope(size_t index, void *arg)
{
    struct gyre_future *f = start(index, arg);

    if (seen)
        gyre_scope_cancel(seen);
    else
        make_op(8); /* which is not returned: only the scope knows of it */
    return f;
}

static void start_runs_in_the_scope_of_the_call(void **state)
{
    struct gyre_scope scope = { 0 };

    (void)state;
    assert_int_equal(gyre_scope_init(&scope, fixture->loop, NULL), 0);
    assert_int_equal(gyre_scope_enter(&scope), 0);
    map_with(GYRE_MAP_ALL, 2, 1, start_in_scope);
    assert_int_equal(gyre_scope_leave(&scope), 0);
    run_ready(fixture);
    struct gyre_future *outside = make_op(9);
    gyre_scope_cancel(&scope);
    assert_true(gyre_scope_caused(&scope, ops[8].f));
    assert_true(gyre_scope_caused(&scope, gyre_future_at(map, 0)));
    assert_true(gyre_scope_caused(&scope, map));
    assert_pending(outside);
    gyre_future_unref(ops[8].f);
    gyre_future_unref(outside);
    gyre_future_unref(map);
    gyre_scope_fini(&scope);
}

static void scope_cancelled_by_start_ends_the_map(void **state)
{
    struct gyre_scope scope = { 0 };

    (void)state;
    seen = &scope;
    assert_int_equal(gyre_scope_init(&scope, fixture->loop, NULL), 0);
    assert_int_equal(gyre_scope_enter(&scope), 0);
    map_with(GYRE_MAP_ALL, 3, 3, start_in_scope);
    assert_int_equal(gyre_scope_leave(&scope), 0);
    run_ready(fixture);
    ASSERT_TRACE(fixture, START + 0, CANCEL + 0);
    assert_cancelled(map, GYRE_REASON_REQUEST);
    seen = NULL;
    gyre_future_unref(map);
    gyre_scope_fini(&scope);
}

/* ------------------------------------------------------------------ failures */

static void first_failure_cancels_the_others_and_starts_no_more(void **state)
{
    (void)state;
    map_all(5, 3);
    run_ready(fixture);
    fail_op(1, -EIO);
    assert_failed(map, -EIO);
    run_ready(fixture);
    ASSERT_TRACE(fixture, START + 0, START + 1, START + 2, CANCEL + 0, CANCEL + 2);
    ASSERT_FAILURES(map, 1);
    assert_null(gyre_future_at(map, 3));
    gyre_future_unref(map);
}

static void failure_takes_back_a_start_that_is_queued(void **state)
{
    (void)state;
    map_all(5, 3);
    run_ready(fixture);
    resolve_op(0); /* the next start is queued */
    fail_op(1, -EIO);
    assert_failed(map, -EIO);
    assert_int_equal(run_ready(fixture), 0);
    gyre_future_unref(map);
    ASSERT_TRACE(fixture, START + 0, START + 1, START + 2, CANCEL + 2);
}

static void failed_map_settles_when_the_last_operation_has(void **state)
{
    (void)state;
    map_with(GYRE_MAP_ALL, 5, 3, start_slow);
    run_ready(fixture);
    fail_op(2, -EIO);
    op_undone(0);
    run_ready(fixture);
    assert_pending(map);
    fail_op(1, -EPIPE);
    assert_failed(map, -EIO);
    ASSERT_FAILURES(map, 2, 1);
    gyre_future_unref(map);
}

static void settled_goes_on_after_failures(void **state)
{
    (void)state;
    map_with(GYRE_MAP_SETTLED, 3, 1, start);
    run_ready(fixture);
    fail_op(0, -EIO);
    run_ready(fixture);
    gyre_future_cancel(ops[1].f);
    run_ready(fixture);
    resolve_op(2);
    assert_ok(map);
    ASSERT_FAILURES(map, 0, 1);
    assert_failed(gyre_future_at(map, 0), -EIO);
    gyre_future_unref(map);
    assert_int_equal(report_count, 0);
}

static void error_in_settled_that_nobody_looks_at_is_reported(void **state)
{
    (void)state;
    map_with(GYRE_MAP_SETTLED, 1, 1, start);
    run_ready(fixture);
    fail_op(0, -EIO);
    gyre_future_unref(map);
    assert_int_equal(report_count, 1);
    assert_int_equal(last_report, -EIO);
}

static struct gyre_future *start_failed(size_t index, void *arg)
{
    struct gyre_future *f = start(index, arg);

    if (index == 1)
        fail_op(1, -EIO);
    return f;
}

static void operation_that_has_failed_when_it_is_started_ends_the_map(void **state)
{
    (void)state;
    map_with(GYRE_MAP_ALL, 4, 4, start_failed);
    run_ready(fixture);
    ASSERT_TRACE(fixture, START + 0, START + 1, CANCEL + 0);
    assert_failed(map, -EIO);
    gyre_future_unref(map);
}

static struct gyre_future *start_and_fail_the_first(size_t index, void *arg)
{
    if (index == 1)
        fail_op(0, -EIO);
    return start(index, arg);
}

static void operation_started_while_another_failed_is_cancelled_too(void **state)
{
    (void)state;
    map_with(GYRE_MAP_ALL, 3, 3, start_and_fail_the_first);
    run_ready(fixture);
    ASSERT_TRACE(fixture, START + 0, START + 1, CANCEL + 1);
    assert_failed(map, -EIO);
    ASSERT_FAILURES(map, 0);
    gyre_future_unref(map);
}

static struct gyre_future *owned;

static struct gyre_future *start_owned(size_t index, void *arg)
{
    (void)index;
    (void)arg;
    return owned;
}

static void future_that_cannot_be_taken_over_counts_as_a_failed_one(void **state)
{
    (void)state;
    owned = make_op(0);
    struct gyre_future *owner = gyre_within(owned, GYRE_NEVER);
    map_with(GYRE_MAP_ALL, 2, 2, start_owned);
    run_ready(fixture);
    assert_failed(map, -EBUSY);
    gyre_future_unref(map);
    resolve_op(0);
    assert_value(owner, 0);
    gyre_future_unref(owner);
}

static struct gyre_future *start_itself(size_t index, void *arg)
{
    (void)index;
    (void)arg;
    return map;
}

static void future_that_waits_for_the_map_counts_as_a_failed_one(void **state)
{
    (void)state;
    map_with(GYRE_MAP_ALL, 1, 1, start_itself);
    run_ready(fixture);
    assert_failed(map, -EDEADLK);
    gyre_future_unref(map);
}

static void future_of_another_loop_counts_as_a_failed_one(void **state)
{
    (void)state;
    struct gyre_loop *other = make_loop();
    owned = gyre_sleep(other, GYRE_S(1));
    map_with(GYRE_MAP_ALL, 1, 1, start_owned);
    run_ready(fixture);
    assert_failed(map, -EXDEV);
    gyre_future_unref(map);
    gyre_future_unref(owned);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

/* ------------------------------------------------------------------ refused, closed */

static void map_refuses_what_it_cannot_do(void **state)
{
    struct gyre_loop *loop = fixture->loop;

    (void)state;
    assert_refused(gyre_map_limit(loop, GYRE_MAP_ALL, 1, 0, start, NULL), -EINVAL);
    assert_refused(gyre_map_limit(loop, GYRE_MAP_ALL, 1, 1, NULL, NULL), -EINVAL);
    assert_refused(gyre_map_limit(loop, (enum gyre_map_mode)2, 1, 1, start, NULL), -EINVAL);
    assert_refused(gyre_map_limit(NULL, GYRE_MAP_ALL, 1, 1, start, NULL), -EINVAL);
    assert_refused(gyre_map_limit(loop, GYRE_MAP_ALL, SIZE_MAX, 1, start, NULL), -ENOMEM);
    assert_int_equal(run_ready(fixture), 0);
}

static void close_of_the_loop_starts_no_more(void **state)
{
    (void)state;
    map_all(3, 1);
    run_ready(fixture);
    resolve_op(0); /* the next start is queued */
    assert_int_equal(gyre_loop_close(fixture->loop), 0);
    assert_cancelled(map, GYRE_REASON_CLOSED);
    ASSERT_TRACE(fixture, START + 0);
    gyre_future_unref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(operations_are_started_from_the_queue_in_order),
        MAP_TEST(limit_holds_at_every_moment),
        MAP_TEST(next_one_is_started_as_soon_as_one_has_settled),
        MAP_TEST(limit_may_be_greater_than_the_count),
        MAP_TEST(map_of_nothing_is_ok_and_starts_nothing),
        MAP_TEST(map_runs_until_it_is_done),
        MAP_TEST(results_are_in_the_order_of_the_indices),
        MAP_TEST(operation_that_is_not_started_yet_is_null),
        MAP_TEST(start_that_returns_null_has_nothing_to_wait_for),
        MAP_TEST(operations_that_are_settled_at_once_take_a_callback_for_each_limit),
        MAP_TEST(start_runs_in_the_scope_of_the_call),
        MAP_TEST(scope_cancelled_by_start_ends_the_map),
        MAP_TEST(first_failure_cancels_the_others_and_starts_no_more),
        MAP_TEST(failure_takes_back_a_start_that_is_queued),
        MAP_TEST(failed_map_settles_when_the_last_operation_has),
        MAP_TEST(settled_goes_on_after_failures),
        MAP_TEST(error_in_settled_that_nobody_looks_at_is_reported),
        MAP_TEST(operation_that_has_failed_when_it_is_started_ends_the_map),
        MAP_TEST(operation_started_while_another_failed_is_cancelled_too),
        MAP_TEST(future_that_cannot_be_taken_over_counts_as_a_failed_one),
        MAP_TEST(future_that_waits_for_the_map_counts_as_a_failed_one),
        MAP_TEST(future_of_another_loop_counts_as_a_failed_one),
        MAP_TEST(map_refuses_what_it_cannot_do),
        MAP_TEST(close_of_the_loop_starts_no_more),
    };

    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
