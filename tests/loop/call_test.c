/* Calls: what gyre/loop.h promises of gyre_call_init, start and stop. See also ref_test.c and
 * fairness_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "items.h"

#include "base/util.h"

#include <errno.h>
#include <pthread.h>

/* ------------------------------------------------------------------ start */

static void call_does_not_run_inside_start(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_call(1);
    assert_int_equal(f->trace_count, 0);
    assert_int_equal(run_ready(f), 1);
    ASSERT_TRACE(f, 1);
}

static void calls_run_in_the_order_of_their_start(void **state)
{
    struct fixture *f = fixture_of(state);
    static const int order[] = { 3, 0, 4, 1, 2 };

    make_items(f, 5);
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        start_call(order[i]);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 5);
    assert_trace(f, order, 5);
}

static void call_runs_once_per_start(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_call(1);
    run_ready(f);
    assert_int_equal(run_ready(f), 0);
    start_call(1);
    run_ready(f);
    assert_int_equal(items[1].runs, 2);
}

static void queued_call_keeps_its_place_when_started_again(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 3);
    start_calls(3);
    assert_int_equal(gyre_call_start(&items[0].call), -EALREADY);
    run_ready(f);
    ASSERT_TRACE(f, 0, 1, 2);
}

static void start_next(struct item *item)
{
    if (item->id < 4)
        start_call(item->id + 1);
}

static void call_started_by_a_callback_waits_for_the_next_tick(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 5);
    for (int i = 0; i < 5; i++)
        items[i].then = start_next;
    start_call(0);
    for (int tick = 0; tick < 5; tick++) {
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
        assert_int_equal(f->trace_count, tick + 1);
    }
    ASSERT_TRACE(f, 0, 1, 2, 3, 4);
}

static void start_self(struct item *item)
{
    start_call(item->id);
}

static void call_started_in_its_own_callback_runs_after_what_is_queued(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    items[0].then = start_self;
    start_calls(2);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    start_call(1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    ASSERT_TRACE(f, 0, 1, 0, 1);
}

static void ready_call_makes_the_loop_run_without_waiting(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_call(1);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), 1);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
}

/* ------------------------------------------------------------------ stop */

static void stopped_call_does_not_run(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 3);
    start_calls(3);
    assert_true(gyre_call_stop(&items[1].call));
    run_ready(f);
    ASSERT_TRACE(f, 0, 2);
}

static void stop_of_a_call_that_is_not_started_does_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_call zeroed = { 0 };

    make_item(f, 1);
    assert_false(gyre_call_stop(&zeroed));
    assert_false(gyre_call_stop(&items[1].call)); /* initialised */
    start_call(1);
    assert_true(gyre_call_stop(&items[1].call));
    assert_false(gyre_call_stop(&items[1].call)); /* stopped */
    start_call(1);
    run_ready(f);
    assert_false(gyre_call_stop(&items[1].call)); /* has run */
    assert_int_equal(items[1].runs, 1);
}

static void stop_next(struct item *item)
{
    struct gyre_call *next = &items[item->id + 1].call;

    assert_true(gyre_call_is_started(next));
    assert_true(gyre_call_stop(next));
    spoil(next, sizeof(*next));
}

static void call_stopped_by_an_earlier_one_of_the_batch_does_not_run(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 4);
    items[1].then = stop_next;
    start_calls(4);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    ASSERT_TRACE(f, 0, 1, 3);
}

static void find_self_idle(struct item *item)
{
    assert_false(gyre_call_is_started(&item->call));
    assert_false(gyre_call_stop(&item->call));
}

static void call_counts_as_stopped_in_its_own_callback(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    items[1].then = find_self_idle;
    start_call(1);
    run_ready(f);
    ASSERT_TRACE(f, 1);
}

static void start_and_stop_self(struct item *item)
{
    start_call(item->id);
    assert_true(gyre_call_stop(&item->call));
}

static void call_restarted_and_stopped_in_its_own_callback_does_not_run_again(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    items[1].then = start_and_stop_self;
    start_call(1);
    assert_int_equal(run_ready(f), 1);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void is_started_tells_queued_from_idle(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    assert_false(gyre_call_is_started(&items[1].call));
    start_call(1);
    assert_true(gyre_call_is_started(&items[1].call));
    run_ready(f);
    assert_false(gyre_call_is_started(&items[1].call));
}

/* ------------------------------------------------------------------ refusals */

static void init_of_a_queued_call_is_refused_without_effect(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    start_calls(2);
    assert_int_equal(gyre_call_init(&items[0].call, f->loop, item_call_ran, &items[1]), -EBUSY);
    run_ready(f);
    ASSERT_TRACE(f, 0, 1);
}

static void call_can_be_initialised_anew_once_it_is_not_queued(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_call *call = &make_item(f, 1)->call;

    start_call(1);
    gyre_call_stop(call);
    make_item(f, 1);
    start_call(1);
    run_ready(f);
    make_item(f, 1);
    start_call(1);
    run_ready(f);
    ASSERT_TRACE(f, 1, 1);
}

static void assert_uninitialised(struct gyre_call *call)
{
    assert_int_equal(gyre_call_start(call), GYRE_EUNINIT);
    assert_false(gyre_call_is_started(call));
    assert_false(gyre_call_stop(call));
    gyre_call_unref(call);
    gyre_call_ref(call);
}

static void zeroed_call_is_not_initialised(void **state)
{
    struct gyre_call call = { 0 };

    (void)state;
    assert_uninitialised(&call);
}

static void garbage_is_not_an_initialised_call(void **state)
{
    struct gyre_call call;

    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        memset(&call, byte, sizeof(call));
        assert_uninitialised(&call);
    }
}

static void copied_and_moved_calls_are_not_initialised(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_call original = { 0 };
    struct gyre_call copy;

    assert_int_equal(gyre_call_init(&original, f->loop, item_call_ran, NULL), 0);
    copy = original;
    assert_uninitialised(&copy);
    spoil(&original, sizeof(original));
    assert_uninitialised(&copy);
}

static void copy_of_a_queued_call_is_not_queued(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_call copy;

    make_items(f, 3);
    start_calls(3);
    copy = items[1].call;
    assert_uninitialised(&copy);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    ASSERT_TRACE(f, 0, 1, 2);
}

static void null_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_call call = { 0 };

    assert_int_equal(gyre_call_init(NULL, f->loop, item_call_ran, NULL), -EINVAL);
    assert_int_equal(gyre_call_init(&call, NULL, item_call_ran, NULL), -EINVAL);
    assert_int_equal(gyre_call_init(&call, f->loop, NULL, NULL), -EINVAL);
    assert_uninitialised(&call);
    assert_int_equal(gyre_call_start(NULL), -EINVAL);
    assert_false(gyre_call_stop(NULL));
    assert_false(gyre_call_is_started(NULL));
    gyre_call_ref(NULL);
    gyre_call_unref(NULL);
}

/* B8 */
static void call_whose_init_was_refused_is_in_no_list(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_call call = { 0 };

    make_items(f, 2);
    start_call(0);
    assert_int_equal(gyre_call_init(&call, f->loop, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_call_start(&call), GYRE_EUNINIT);
    spoil(&call, sizeof(call));
    start_call(1);
    run_ready(f);
    ASSERT_TRACE(f, 0, 1);
}

/* Returns NULL if everything was refused. */
static void *use_queued_call_elsewhere(void *arg)
{
    struct gyre_call *call = arg;
    struct gyre_call own = { 0 };
    bool refused = gyre_call_init(&own, call->loop, item_call_ran, NULL) == -EPERM &&
                   gyre_call_start(call) == -EPERM && !gyre_call_stop(call) &&
                   !gyre_call_is_started(call);

    gyre_call_unref(call);
    return refused ? NULL : arg;
}

static void another_thread_is_refused_without_effect(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;
    void *result;

    make_item(f, 1);
    start_call(1);
    assert_int_equal(pthread_create(&thread, NULL, use_queued_call_elsewhere, &items[1].call), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    assert_true(gyre_loop_is_alive(f->loop));
    run_ready(f);
    ASSERT_TRACE(f, 1);
}

/* ------------------------------------------------------------------ the end of the loop */

/* K-3 */
static void close_stops_queued_calls(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 3);
    start_calls(3);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(f->trace_count, 0);
    assert_false(gyre_call_is_started(&items[0].call));
    assert_false(gyre_call_stop(&items[0].call));
    assert_int_equal(gyre_call_start(&items[0].call), -ESHUTDOWN);
    spoil(items, sizeof(items)); /* their memory is ours, although the loop is still there */
}

static void call_of_a_closed_loop_can_move_to_another(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *closed = f->loop;

    make_item(f, 1);
    start_call(1);
    assert_int_equal(gyre_loop_close(closed), 0);
    f->loop = make_loop();
    make_item(f, 1);
    start_call(1);
    assert_int_equal(gyre_loop_destroy(closed), 0);
    run_ready(f);
    ASSERT_TRACE(f, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ITEM_TEST(call_does_not_run_inside_start),
        ITEM_TEST(calls_run_in_the_order_of_their_start),
        ITEM_TEST(call_runs_once_per_start),
        ITEM_TEST(queued_call_keeps_its_place_when_started_again),
        ITEM_TEST(call_started_by_a_callback_waits_for_the_next_tick),
        ITEM_TEST(call_started_in_its_own_callback_runs_after_what_is_queued),
        ITEM_TEST(ready_call_makes_the_loop_run_without_waiting),
        ITEM_TEST(stopped_call_does_not_run),
        ITEM_TEST(stop_of_a_call_that_is_not_started_does_nothing),
        ITEM_TEST(call_stopped_by_an_earlier_one_of_the_batch_does_not_run),
        ITEM_TEST(call_counts_as_stopped_in_its_own_callback),
        ITEM_TEST(call_restarted_and_stopped_in_its_own_callback_does_not_run_again),
        ITEM_TEST(is_started_tells_queued_from_idle),
        ITEM_TEST(init_of_a_queued_call_is_refused_without_effect),
        ITEM_TEST(call_can_be_initialised_anew_once_it_is_not_queued),
        ITEM_TEST(zeroed_call_is_not_initialised),
        ITEM_TEST(garbage_is_not_an_initialised_call),
        ITEM_TEST(copied_and_moved_calls_are_not_initialised),
        ITEM_TEST(copy_of_a_queued_call_is_not_queued),
        ITEM_TEST(null_is_refused),
        ITEM_TEST(call_whose_init_was_refused_is_in_no_list),
        ITEM_TEST(another_thread_is_refused_without_effect),
        ITEM_TEST(close_stops_queued_calls),
        ITEM_TEST(call_of_a_closed_loop_can_move_to_another),
    };

    return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
