/* Timers: what gyre/loop.h promises of gyre_timer_init, start, start_at, stop and deadline. For the
 * rest see timer_order_test.c, timer_every_test.c, timer_clock_test.c, timer_wait_test.c and
 * ref_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "items.h"

#include <errno.h>
#include <pthread.h>

/* ------------------------------------------------------------------ start */

static void timer_does_not_fire_inside_start(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_timer(1, 0);
    start_timer_at(1, 0);
    assert_int_equal(f->trace_count, 0);
    advance(f, 0);
    ASSERT_TRACE(f, 1);
}

static void timer_fires_exactly_at_its_deadline(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);

    make_item(f, 1);
    start_timer(1, GYRE_MS(250));
    advance(f, GYRE_MS(250) - 1);
    assert_int_equal(items[1].runs, 0);
    advance(f, 1);
    assert_int_equal(items[1].runs, 1);
    assert_true(items[1].ran_at == begin + GYRE_MS(250));
}

static void timer_fires_once_per_start(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_timer(1, 1);
    advance(f, GYRE_S(10));
    assert_int_equal(items[1].runs, 1);
    start_timer(1, 1);
    advance(f, GYRE_S(10));
    assert_int_equal(items[1].runs, 2);
}

static void start_at_takes_a_time_of_the_loops_clock(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t deadline = gyre_loop_now(f->loop) + GYRE_S(5);

    make_item(f, 1);
    start_timer_at(1, deadline);
    advance(f, GYRE_S(60));
    assert_true(items[1].ran_at == deadline);
}

/* C7 */
static void deadline_in_the_past_fires_in_the_next_tick(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);

    make_items(f, 3);
    start_timer_at(2, begin - 1);
    start_timer_at(1, 1);
    start_timer_at(0, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    ASSERT_TRACE(f, 0, 1, 2);
    assert_true(items[0].ran_at == begin);
}

/* C7 */
static void delay_0_fires_in_the_next_tick(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_timer(1, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(items[1].runs, 1);
}

static void start_next(struct item *item)
{
    start_timer(item->id + 1, 0);
}

static void timer_started_by_a_timer_fires_in_the_next_tick(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    items[0].then = start_next;
    start_timer(0, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    ASSERT_TRACE(f, 0, 1);
}

/* ------------------------------------------------------------------ start of a started timer */

/* C14 */
static void started_timer_is_moved_and_fires_once(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);

    make_item(f, 1);
    start_timer(1, GYRE_S(1));
    start_timer(1, GYRE_S(3));
    advance(f, GYRE_S(3) - 1);
    assert_int_equal(items[1].runs, 0);
    advance(f, GYRE_S(10));
    assert_int_equal(items[1].runs, 1);
    assert_true(items[1].ran_at == begin + GYRE_S(3));
}

static void timer_pushed_back_many_times_fires_once_at_the_last_deadline(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    for (int i = 0; i < 500; i++) {
        start_timer(1, GYRE_S(60));
        advance(f, GYRE_MS(100));
    }
    uint64_t deadline = gyre_timer_deadline(&items[1].timer);
    assert_true(deadline == gyre_loop_now(f->loop) - GYRE_MS(100) + GYRE_S(60));
    advance(f, GYRE_S(3600));
    assert_int_equal(items[1].runs, 1);
    assert_true(items[1].ran_at == deadline);
}

static void timer_pulled_forward_after_it_was_pushed_back_fires_at_the_earlier_time(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);

    make_item(f, 1);
    start_timer(1, GYRE_S(10));
    start_timer(1, GYRE_S(100));
    start_timer(1, GYRE_MS(5));
    advance(f, GYRE_S(1000));
    assert_int_equal(items[1].runs, 1);
    assert_true(items[1].ran_at == begin + GYRE_MS(5));
}

static void push_next_back(struct item *item)
{
    start_timer(item->id + 1, GYRE_S(1));
}

/* C14: its event had been collected. */
static void due_timer_that_an_earlier_one_moves_fires_once_and_later(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);

    make_items(f, 2);
    items[0].then = push_next_back;
    start_timer(0, GYRE_MS(1));
    start_timer(1, GYRE_MS(1));
    advance(f, GYRE_MS(1));
    ASSERT_TRACE(f, 0);
    advance(f, GYRE_S(10));
    ASSERT_TRACE(f, 0, 1);
    assert_true(items[1].ran_at == begin + GYRE_MS(1) + GYRE_S(1));
}

/* ------------------------------------------------------------------ stop */

static void stopped_timer_does_not_fire(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 3);
    for (int i = 0; i < 3; i++)
        start_timer(i, GYRE_MS(10));
    assert_true(gyre_timer_stop(&items[1].timer));
    spoil(&items[1].timer, sizeof(items[1].timer));
    advance(f, GYRE_S(1));
    ASSERT_TRACE(f, 0, 2);
}

static void stop_of_a_timer_that_is_not_started_does_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_timer zeroed = { 0 };
    struct gyre_timer *timer = &make_item(f, 1)->timer;

    assert_false(gyre_timer_stop(&zeroed));
    assert_false(gyre_timer_stop(timer)); /* initialised */
    start_timer(1, 1);
    assert_true(gyre_timer_stop(timer));
    assert_false(gyre_timer_stop(timer)); /* stopped */
    start_timer(1, 1);
    advance(f, 1);
    assert_false(gyre_timer_stop(timer)); /* has fired */
    assert_int_equal(items[1].runs, 1);
}

static void stop_next(struct item *item)
{
    struct gyre_timer *next = &items[item->id + 1].timer;

    assert_true(gyre_timer_is_started(next));
    assert_true(gyre_timer_stop(next));
    assert_false(gyre_timer_is_started(next));
    spoil(next, sizeof(*next));
}

static void timer_stopped_by_an_earlier_one_of_the_batch_does_not_fire(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 3);
    items[0].then = stop_next;
    for (int i = 0; i < 3; i++)
        start_timer(i, 1);
    advance(f, GYRE_S(1));
    ASSERT_TRACE(f, 0, 2);
}

static void find_self_stopped(struct item *item)
{
    assert_false(gyre_timer_is_started(&item->timer));
    assert_false(gyre_timer_stop(&item->timer));
    assert_true(gyre_timer_deadline(&item->timer) == GYRE_NEVER);
}

static void timer_counts_as_stopped_in_its_own_callback(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    items[1].then = find_self_stopped;
    start_timer(1, 1);
    advance(f, GYRE_S(1));
    ASSERT_TRACE(f, 1);
}

static void restart_and_stop_self(struct item *item)
{
    start_timer(item->id, 0);
    assert_true(gyre_timer_stop(&item->timer));
}

static void timer_restarted_and_stopped_in_its_own_callback_does_not_fire_again(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    items[1].then = restart_and_stop_self;
    start_timer(1, 1);
    advance(f, GYRE_S(1));
    ASSERT_TRACE(f, 1);
    assert_false(gyre_loop_is_alive(f->loop));
}

/* ------------------------------------------------------------------ questions */

static void deadline_tells_when_it_fires_next(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);
    struct gyre_timer *timer = &make_item(f, 1)->timer;

    assert_true(gyre_timer_deadline(timer) == GYRE_NEVER);
    start_timer(1, GYRE_NEVER);
    assert_true(gyre_timer_is_started(timer));
    assert_true(gyre_timer_deadline(timer) == GYRE_NEVER);
    start_timer(1, 7);
    assert_true(gyre_timer_deadline(timer) == begin + 7);
    start_timer_at(1, 3);
    assert_true(gyre_timer_deadline(timer) == 3);
    gyre_timer_stop(timer);
    assert_true(gyre_timer_deadline(timer) == GYRE_NEVER);
    assert_true(gyre_timer_deadline(NULL) == GYRE_NEVER);
}

/* ------------------------------------------------------------------ refusals */

static void init_of_a_started_timer_is_refused_without_effect(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_timer *timer = &make_item(f, 1)->timer;

    start_timer(1, GYRE_S(1)); /* in a bucket */
    assert_int_equal(gyre_timer_init(timer, f->loop, item_timer_ran, NULL), -EBUSY);
    start_timer(1, 5); /* in the heap */
    assert_int_equal(gyre_timer_init(timer, f->loop, item_timer_ran, NULL), -EBUSY);
    advance(f, GYRE_S(2));
    ASSERT_TRACE(f, 1);
    make_item(f, 1);
}

static void init_next_while_queued(struct item *item)
{
    struct item *next = &items[item->id + 1];

    assert_int_equal(gyre_timer_init(&next->timer, item->f->loop, item_timer_ran, NULL), -EBUSY);
}

static void init_of_a_due_timer_in_the_batch_is_refused_without_effect(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    items[0].then = init_next_while_queued;
    start_timer(0, 1);
    start_timer(1, 1);
    advance(f, 1);
    ASSERT_TRACE(f, 0, 1);
}

static void assert_uninitialised(struct gyre_timer *timer)
{
    assert_int_equal(gyre_timer_start(timer, 1), GYRE_EUNINIT);
    assert_int_equal(gyre_timer_start_at(timer, 1), GYRE_EUNINIT);
    assert_int_equal(gyre_timer_start_every(timer, 1), GYRE_EUNINIT);
    assert_false(gyre_timer_is_started(timer));
    assert_false(gyre_timer_stop(timer));
    assert_true(gyre_timer_deadline(timer) == GYRE_NEVER);
    assert_int_equal(gyre_timer_missed(timer), 0);
    gyre_timer_unref(timer);
    gyre_timer_ref(timer);
}

static void zeroed_timer_and_garbage_are_not_initialised(void **state)
{
    struct gyre_timer timer;

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        memset(&timer, byte, sizeof(timer));
        assert_uninitialised(&timer);
    }
}

static void copy_of_a_started_timer_is_not_initialised(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_timer copy;

    make_item(f, 1);
    copy = items[1].timer;
    assert_uninitialised(&copy);
    start_timer(1, GYRE_S(1));
    copy = items[1].timer;
    assert_uninitialised(&copy);
    advance(f, GYRE_S(1));
    ASSERT_TRACE(f, 1);
}

static void null_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_timer timer = { 0 };

    assert_int_equal(gyre_timer_init(NULL, f->loop, item_timer_ran, NULL), -EINVAL);
    assert_int_equal(gyre_timer_init(&timer, NULL, item_timer_ran, NULL), -EINVAL);
    assert_int_equal(gyre_timer_init(&timer, f->loop, NULL, NULL), -EINVAL);
    assert_uninitialised(&timer);
    assert_int_equal(gyre_timer_start(NULL, 0), -EINVAL);
    assert_int_equal(gyre_timer_start_at(NULL, 0), -EINVAL);
    assert_int_equal(gyre_timer_start_every(NULL, 1), -EINVAL);
    assert_false(gyre_timer_stop(NULL));
    assert_false(gyre_timer_is_started(NULL));
    assert_int_equal(gyre_timer_missed(NULL), 0);
    gyre_timer_ref(NULL);
    gyre_timer_unref(NULL);
}

/* Returns NULL if everything was refused. */
static void *use_started_timer_elsewhere(void *arg)
{
    struct gyre_timer *timer = arg;
    struct gyre_timer own = { 0 };
    bool refused = gyre_timer_init(&own, timer->call.loop, item_timer_ran, NULL) == -EPERM &&
                   gyre_timer_start(timer, 0) == -EPERM &&
                   gyre_timer_start_at(timer, 0) == -EPERM &&
                   gyre_timer_start_every(timer, 1) == -EPERM && !gyre_timer_stop(timer) &&
                   !gyre_timer_is_started(timer);

    gyre_timer_unref(timer);
    return refused ? NULL : arg;
}

static void another_thread_is_refused_without_effect(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;
    void *result;

    make_item(f, 1);
    start_timer(1, GYRE_MS(3));
    assert_int_equal(pthread_create(&thread, NULL, use_started_timer_elsewhere, &items[1].timer),
                     0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    assert_true(gyre_loop_is_alive(f->loop));
    advance(f, GYRE_MS(3) - 1);
    assert_int_equal(items[1].runs, 0);
    advance(f, 1);
    assert_int_equal(items[1].runs, 1);
}

/* K-3 */
static void timers_of_a_closed_loop_can_move_to_another(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *closed = f->loop;

    make_items(f, 3);
    start_timer(0, 0);
    start_timer(1, GYRE_S(1));
    assert_int_equal(gyre_timer_start_every(&items[2].timer, 1), 0);
    assert_int_equal(gyre_loop_close(closed), 0);
    f->loop = make_loop();
    make_items(f, 3); /* -EBUSY if they still counted as started */
    start_timer(1, 0);
    assert_int_equal(gyre_loop_destroy(closed), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 1);
}

/* K-3 */
static void close_stops_timers_near_and_far(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 4);
    start_timer(0, 0);
    start_timer(1, GYRE_S(1));
    start_timer(2, GYRE_NEVER);
    assert_int_equal(gyre_timer_start_every(&items[3].timer, 1), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    for (int i = 0; i < 4; i++) {
        assert_false(gyre_timer_is_started(&items[i].timer));
        assert_false(gyre_timer_stop(&items[i].timer));
        assert_int_equal(gyre_timer_start(&items[i].timer, 1), -ESHUTDOWN);
    }
    assert_int_equal(f->trace_count, 0);
    spoil(items, sizeof(items)); /* their memory is ours, although the loop is still there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ITEM_TEST_VIRTUAL(timer_does_not_fire_inside_start),
        ITEM_TEST_VIRTUAL(timer_fires_exactly_at_its_deadline),
        ITEM_TEST_VIRTUAL(timer_fires_once_per_start),
        ITEM_TEST_VIRTUAL(start_at_takes_a_time_of_the_loops_clock),
        ITEM_TEST_VIRTUAL(deadline_in_the_past_fires_in_the_next_tick),
        ITEM_TEST_VIRTUAL(delay_0_fires_in_the_next_tick),
        ITEM_TEST_VIRTUAL(timer_started_by_a_timer_fires_in_the_next_tick),
        ITEM_TEST_VIRTUAL(started_timer_is_moved_and_fires_once),
        ITEM_TEST_VIRTUAL(timer_pushed_back_many_times_fires_once_at_the_last_deadline),
        ITEM_TEST_VIRTUAL(timer_pulled_forward_after_it_was_pushed_back_fires_at_the_earlier_time),
        ITEM_TEST_VIRTUAL(due_timer_that_an_earlier_one_moves_fires_once_and_later),
        ITEM_TEST_VIRTUAL(stopped_timer_does_not_fire),
        ITEM_TEST_VIRTUAL(stop_of_a_timer_that_is_not_started_does_nothing),
        ITEM_TEST_VIRTUAL(timer_stopped_by_an_earlier_one_of_the_batch_does_not_fire),
        ITEM_TEST_VIRTUAL(timer_counts_as_stopped_in_its_own_callback),
        ITEM_TEST_VIRTUAL(timer_restarted_and_stopped_in_its_own_callback_does_not_fire_again),
        ITEM_TEST_VIRTUAL(deadline_tells_when_it_fires_next),
        ITEM_TEST_VIRTUAL(init_of_a_started_timer_is_refused_without_effect),
        ITEM_TEST_VIRTUAL(init_of_a_due_timer_in_the_batch_is_refused_without_effect),
        ITEM_TEST_VIRTUAL(zeroed_timer_and_garbage_are_not_initialised),
        ITEM_TEST_VIRTUAL(copy_of_a_started_timer_is_not_initialised),
        ITEM_TEST_VIRTUAL(null_is_refused),
        ITEM_TEST_VIRTUAL(another_thread_is_refused_without_effect),
        ITEM_TEST_VIRTUAL(timers_of_a_closed_loop_can_move_to_another),
        ITEM_TEST_VIRTUAL(close_stops_timers_near_and_far),
    };

    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
