/* Periodic timers: deadlines a whole number of intervals after the start, missed ones skipped and
 * counted, armed again before the callback runs.
 *
 * SPDX-License-Identifier: MIT */
#include "items.h"

#include "loop/core.h"

#include <errno.h>

#define INTERVAL GYRE_MS(10)

static void start_every(int id, uint64_t interval)
{
    assert_int_equal(gyre_timer_start_every(&items[id].timer, interval), 0);
}

static uint64_t clock_of(struct fixture *f)
{
    return f->loop->virtual_now;
}

/* Callbacks that take their time: a test clock stands still, so they move it by hand. */
static void take_time(struct fixture *f, uint64_t duration)
{
    f->loop->virtual_now += duration;
}

/* What gyre_test_advance does, but the end is not fixed: callbacks move the clock. */
static int step(struct fixture *f)
{
    uint64_t deadline = wheel_first_deadline(&f->loop->wheel);

    if (deadline > clock_of(f))
        f->loop->virtual_now = deadline;
    return gyre_loop_run_once(f->loop, 0);
}

static void interval_of_0_is_refused_without_effect(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    assert_int_equal(gyre_timer_start_every(&items[1].timer, 0), -EINVAL);
    assert_false(gyre_timer_is_started(&items[1].timer));
    start_timer(1, 5);
    assert_int_equal(gyre_timer_start_every(&items[1].timer, 0), -EINVAL);
    advance(f, 100);
    ASSERT_TRACE(f, 1);
}

static void periodic_timer_fires_first_one_interval_after_its_start(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_every(1, INTERVAL);
    advance(f, INTERVAL - 1);
    assert_int_equal(items[1].runs, 0);
    advance(f, 1);
    assert_int_equal(items[1].runs, 1);
}

static uint64_t fired_at[64];

static void note_time(struct item *item)
{
    fired_at[item->runs - 1] = item->ran_at;
}

static void periodic_timer_fires_at_every_multiple_of_its_interval(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = clock_of(f);

    make_item(f, 1)->then = note_time;
    start_every(1, 12345678);
    advance(f, 50 * 12345678);
    assert_int_equal(items[1].runs, 50);
    for (uint64_t i = 0; i < 50; i++)
        assert_true(fired_at[i] == begin + (i + 1) * 12345678);
    assert_int_equal(gyre_timer_missed(&items[1].timer), 0);
}

static void find_self_armed(struct item *item)
{
    assert_true(gyre_timer_is_started(&item->timer));
    assert_true(gyre_timer_deadline(&item->timer) == item->ran_at + INTERVAL);
}

static void periodic_timer_is_armed_for_the_next_period_in_its_callback(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1)->then = find_self_armed;
    start_every(1, INTERVAL);
    advance(f, 5 * INTERVAL);
    assert_int_equal(items[1].runs, 5);
}

static void stop_third(struct item *item)
{
    if (item->runs == 3)
        assert_true(gyre_timer_stop(&item->timer));
}

static void periodic_timer_stopped_in_its_callback_does_not_fire_again(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1)->then = stop_third;
    start_every(1, INTERVAL);
    advance(f, GYRE_S(1));
    assert_int_equal(items[1].runs, 3);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void restart_third_once(struct item *item)
{
    if (item->runs == 3)
        start_timer(item->id, 3 * INTERVAL);
}

/* C14 */
static void periodic_timer_restarted_as_a_single_one_in_its_callback_fires_once(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = clock_of(f);

    make_item(f, 1)->then = restart_third_once;
    start_every(1, INTERVAL);
    advance(f, GYRE_S(1));
    assert_int_equal(items[1].runs, 4);
    assert_true(items[1].ran_at == begin + 6 * INTERVAL);
}

static void restart_faster(struct item *item)
{
    if (item->runs == 1)
        start_every(item->id, INTERVAL / 10);
}

static void interval_changed_in_the_callback_holds_from_then_on(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1)->then = restart_faster;
    start_every(1, INTERVAL);
    advance(f, 2 * INTERVAL);
    assert_int_equal(items[1].runs, 11);
}

static void single_start_ends_the_period(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_every(1, INTERVAL);
    start_timer_at(1, clock_of(f) + 5);
    advance(f, GYRE_S(1));
    ASSERT_TRACE(f, 1);
    assert_false(gyre_timer_is_started(&items[1].timer));
}

static void start_after_stop_begins_the_series_anew(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_every(1, INTERVAL);
    advance(f, INTERVAL + 3);
    assert_true(gyre_timer_stop(&items[1].timer));
    advance(f, 4);
    uint64_t again = clock_of(f);
    start_every(1, INTERVAL);
    advance(f, INTERVAL);
    assert_int_equal(items[1].runs, 2);
    assert_true(items[1].ran_at == again + INTERVAL);
}

/* ------------------------------------------------------------------ missed periods */

static void work_35_ms(struct item *item)
{
    note_time(item);
    take_time(item->f, GYRE_MS(35));
}

/* C9: callbacks at 10, 45, 80, 115 ...: what was due in between is skipped. */
static void slow_callback_makes_periods_be_skipped_and_counted_not_made_up(void **state)
{
    static const uint64_t times[] = { 10, 45, 80, 115, 150 };
    static const uint32_t missed[] = { 0, 2, 3, 2, 3 }; /* 30 40, 60 70 80, 100 110, 130 140 150 */
    struct fixture *f = fixture_of(state);
    uint64_t begin = clock_of(f);

    make_item(f, 1)->then = work_35_ms;
    start_every(1, GYRE_MS(10));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(step(f), 1);
        assert_true(fired_at[i] == begin + GYRE_MS(times[i]));
        assert_int_equal(gyre_timer_missed(&items[1].timer), missed[i]);
    }
}

/* C9 */
static void deadlines_stay_aligned_to_the_start_after_skipped_periods(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = clock_of(f);
    struct gyre_timer *timer = &make_item(f, 1)->timer;

    start_every(1, GYRE_MS(10));
    for (uint64_t i = 1; i < 100; i++) {
        take_time(f, i * 1234567);
        assert_in_range(gyre_loop_run_once(f->loop, 0), 0, 1);
        uint64_t deadline = gyre_timer_deadline(timer);
        assert_true((deadline - begin) % GYRE_MS(10) == 0);
        assert_true(deadline > clock_of(f) && deadline <= clock_of(f) + GYRE_MS(10));
    }
}

/* C9, C10 */
static void jump_of_an_hour_fires_a_periodic_timer_once(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_every(1, GYRE_S(1));
    take_time(f, GYRE_S(3600) + 5);
    assert_int_equal(run_ready(f), 1);
    assert_int_equal(gyre_timer_missed(&items[1].timer), 3599);
    advance(f, GYRE_S(1));
    assert_int_equal(items[1].runs, 2);
    assert_int_equal(gyre_timer_missed(&items[1].timer), 0);
}

static void period_that_ends_at_the_moment_of_the_callback_is_skipped(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = clock_of(f);

    make_item(f, 1);
    start_every(1, INTERVAL);
    take_time(f, 2 * INTERVAL);
    assert_int_equal(run_ready(f), 1);
    assert_int_equal(gyre_timer_missed(&items[1].timer), 1);
    assert_true(gyre_timer_deadline(&items[1].timer) == begin + 3 * INTERVAL);
}

static void count_of_missed_periods_stops_at_its_limit(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_timer *timer = &make_item(f, 1)->timer;

    start_every(1, 1);
    take_time(f, (uint64_t)UINT32_MAX + 1);
    assert_int_equal(run_ready(f), 1);
    assert_true(gyre_timer_missed(timer) == UINT32_MAX); /* exactly */
    take_time(f, (uint64_t)1 << 40);
    assert_int_equal(run_ready(f), 1);
    assert_true(gyre_timer_missed(timer) == UINT32_MAX); /* saturated */
    assert_true(gyre_timer_deadline(timer) == clock_of(f) + 1);
    take_time(f, 1);
    assert_int_equal(run_ready(f), 1);
    assert_int_equal(gyre_timer_missed(timer), 0);
}

static void start_forgets_what_was_missed(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_every(1, INTERVAL);
    take_time(f, 10 * INTERVAL);
    run_ready(f);
    assert_int_equal(gyre_timer_missed(&items[1].timer), 9);
    start_every(1, INTERVAL);
    assert_int_equal(gyre_timer_missed(&items[1].timer), 0);
}

/* C6 */
static void interval_beyond_the_end_of_time_never_fires(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t left = GYRE_NEVER - clock_of(f);

    make_items(f, 3);
    start_every(0, GYRE_NEVER);
    start_every(1, left);
    start_every(2, left - 1);
    assert_true(gyre_timer_deadline(&items[0].timer) == GYRE_NEVER);
    assert_true(gyre_timer_deadline(&items[1].timer) == GYRE_NEVER);
    advance(f, left);
    ASSERT_TRACE(f, 2);
    assert_true(gyre_timer_deadline(&items[2].timer) == GYRE_NEVER); /* the sum saturates */
    assert_true(gyre_loop_is_alive(f->loop));
}

/* ------------------------------------------------------------------ with others */

static void periodic_timers_of_equal_deadlines_keep_their_order(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 3);
    for (int i = 0; i < 3; i++)
        start_every(i, INTERVAL);
    advance(f, 3 * INTERVAL);
    ASSERT_TRACE(f, 0, 1, 2, 0, 1, 2, 0, 1, 2);
}

static void slow_periodic_timer_comes_before_the_fast_one_armed_later(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    start_every(0, 2 * INTERVAL);
    start_every(1, INTERVAL); /* armed anew at 1, 2, 3 intervals */
    advance(f, 4 * INTERVAL);
    ASSERT_TRACE(f, 1, 0, 1, 1, 0, 1);
}

static void stop_other(struct item *item)
{
    assert_true(gyre_timer_stop(&items[1 - item->id].timer));
    spoil(&items[1 - item->id].timer, sizeof(struct gyre_timer));
}

static void due_periodic_timer_stopped_by_another_does_not_fire(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    items[0].then = stop_other;
    start_every(0, INTERVAL);
    start_every(1, INTERVAL);
    advance(f, INTERVAL);
    ASSERT_TRACE(f, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ITEM_TEST_VIRTUAL(interval_of_0_is_refused_without_effect),
        ITEM_TEST_VIRTUAL(periodic_timer_fires_first_one_interval_after_its_start),
        ITEM_TEST_VIRTUAL(periodic_timer_fires_at_every_multiple_of_its_interval),
        ITEM_TEST_VIRTUAL(periodic_timer_is_armed_for_the_next_period_in_its_callback),
        ITEM_TEST_VIRTUAL(periodic_timer_stopped_in_its_callback_does_not_fire_again),
        ITEM_TEST_VIRTUAL(periodic_timer_restarted_as_a_single_one_in_its_callback_fires_once),
        ITEM_TEST_VIRTUAL(interval_changed_in_the_callback_holds_from_then_on),
        ITEM_TEST_VIRTUAL(single_start_ends_the_period),
        ITEM_TEST_VIRTUAL(start_after_stop_begins_the_series_anew),
        ITEM_TEST_VIRTUAL(slow_callback_makes_periods_be_skipped_and_counted_not_made_up),
        ITEM_TEST_VIRTUAL(deadlines_stay_aligned_to_the_start_after_skipped_periods),
        ITEM_TEST_VIRTUAL(jump_of_an_hour_fires_a_periodic_timer_once),
        ITEM_TEST_VIRTUAL(period_that_ends_at_the_moment_of_the_callback_is_skipped),
        ITEM_TEST_VIRTUAL(count_of_missed_periods_stops_at_its_limit),
        ITEM_TEST_VIRTUAL(start_forgets_what_was_missed),
        ITEM_TEST_VIRTUAL(interval_beyond_the_end_of_time_never_fires),
        ITEM_TEST_VIRTUAL(periodic_timers_of_equal_deadlines_keep_their_order),
        ITEM_TEST_VIRTUAL(slow_periodic_timer_comes_before_the_fast_one_armed_later),
        ITEM_TEST_VIRTUAL(due_periodic_timer_stopped_by_another_does_not_fire),
    };

    return cmocka_run_group_tests_name("timer_every", tests, NULL, NULL);
}
