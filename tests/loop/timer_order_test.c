/* The order in which timers fire: by deadline, equal ones by the order of their start, whatever the
 * wheel did with them in between.
 *
 * SPDX-License-Identifier: MIT */
#include "items.h"

#include "base/util.h"
#include "loop/core.h"

#include <stdlib.h>

#define TICK ((uint64_t)1 << WHEEL_TICK_BITS)

static void stop_timer(int id)
{
    assert_true(gyre_timer_stop(&items[id].timer));
}

/* Timers from..to-1 are expected, in this order. */
static void assert_ascending(struct fixture *f, int from, int to)
{
    assert_int_equal(f->trace_count, to - from);
    for (int i = from; i < to; i++)
        assert_int_equal(f->trace[i - from], i);
    f->trace_count = 0;
}

/* ------------------------------------------------------------------ order */

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
    struct fixture *f = fixture_of(state);
    static const uint64_t delays[] = { GYRE_S(3), 1, GYRE_S(3) - 1, GYRE_MS(7), 0, GYRE_S(4000) };

    make_items(f, 6);
    for (int i = 0; i < 6; i++)
        start_timer(i, delays[i]);
    advance(f, GYRE_S(5000));
    ASSERT_TRACE(f, 4, 1, 3, 2, 0, 5);
}

/* C8 */
static void equal_deadlines_fire_in_the_order_of_their_start(void **state)
{
    struct fixture *f = fixture_of(state);
    static const uint64_t delays[] = { 0, 1, TICK, GYRE_S(1), GYRE_S(100), GYRE_S(1000000) };

    make_items(f, ITEM_LIMIT);
    for (size_t k = 0; k < ARRAY_LEN(delays); k++) {
        for (int i = 0; i < ITEM_LIMIT; i++)
            start_timer(i, delays[k]);
        advance(f, delays[k]);
        assert_ascending(f, 0, ITEM_LIMIT);
    }
}

/* C8 */
static void equal_deadlines_keep_their_order_after_removals_in_the_middle(void **state)
{
    struct fixture *f = fixture_of(state);
    int expected[ITEM_LIMIT];
    int count = 0;

    make_items(f, ITEM_LIMIT);
    for (int i = 0; i < ITEM_LIMIT; i++)
        start_timer(i, GYRE_S(1));
    for (int i = 0; i < ITEM_LIMIT; i++) {
        if (i % 3 == 1 || (i > 400 && i < 500))
            stop_timer(i);
        else
            expected[count++] = i;
    }
    advance(f, GYRE_S(1));
    assert_trace(f, expected, count);
}

/* C8: each is started when the deadline is nearer, so that it enters the wheel at another level. */
static void equal_deadlines_keep_their_order_across_levels(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t deadline = gyre_loop_now(f->loop) + GYRE_S(10000);

    make_items(f, 200);
    for (int i = 0; i < 200; i++) {
        start_timer_at(i, deadline);
        advance(f, (deadline - gyre_loop_now(f->loop)) / 5);
    }
    start_timer_at(0, deadline); /* anew: now it is the last */
    advance(f, deadline - gyre_loop_now(f->loop));
    assert_int_equal(f->trace_count, 200);
    assert_int_equal(f->trace[199], 0);
    f->trace_count--;
    assert_ascending(f, 1, 200);
}

/* C8: a move is a start. */
static void equal_deadlines_fire_in_the_order_of_the_last_start(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t deadline = gyre_loop_now(f->loop) + GYRE_S(10);

    make_items(f, 6);
    start_timer_at(0, deadline);
    start_timer_at(1, deadline);
    start_timer_at(2, deadline - GYRE_S(5)); /* pushed back to it later */
    start_timer_at(3, deadline + GYRE_S(5)); /* pulled forward to it later */
    start_timer_at(4, deadline);
    start_timer_at(5, deadline);
    start_timer_at(0, deadline);
    start_timer_at(3, deadline);
    start_timer_at(2, deadline);
    stop_timer(4);
    start_timer_at(4, deadline);
    advance(f, GYRE_S(20));
    ASSERT_TRACE(f, 1, 5, 0, 3, 2, 4);
}

static void each_deadline_has_a_tick_of_its_own_on_a_test_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);

    make_items(f, 50);
    for (int i = 0; i < 50; i++)
        start_timer(i, (uint64_t)(50 - i));
    advance(f, 100);
    for (int i = 0; i < 50; i++)
        assert_true(items[i].ran_at == begin + (uint64_t)(50 - i));
}

/* ------------------------------------------------------------------ borders of the wheel */

static int start_around(int id, uint64_t time)
{
    start_timer_at(id, time - TICK);
    start_timer_at(id + 1, time - 1);
    start_timer_at(id + 2, time);
    start_timer_at(id + 3, time + 1);
    start_timer_at(id + 4, time + TICK);
    return id + 5;
}

/* Whatever was started fires at its own deadline. */
static void assert_all_fire_in_time(struct fixture *f, int count)
{
    uint64_t deadline[ITEM_LIMIT];
    uint64_t last = 0;

    for (int i = 0; i < count; i++) {
        deadline[i] = gyre_timer_deadline(&items[i].timer);
        last = deadline[i] > last ? deadline[i] : last;
    }
    advance(f, last - gyre_loop_now(f->loop));
    assert_int_equal(f->trace_count, count);
    for (int i = 0; i < count; i++)
        assert_true(items[i].ran_at == deadline[i]);
}

static void timers_at_borders_of_every_level_fire_at_their_deadline(void **state)
{
    struct fixture *f = fixture_of(state);
    static const uint64_t multiples[] = { 5, 127, 254, 255, 256 };
    int count = 0;

    make_items(f, ITEM_LIMIT);
    for (int level = 2; level < WHEEL_LEVELS - 1; level++) /* the lower ones are before 1 s */
        for (size_t i = 0; i < ARRAY_LEN(multiples); i++)
            count = start_around(count, (multiples[i] << (level * WHEEL_LEVEL_BITS)) * TICK);
    assert_all_fire_in_time(f, count);
}

static void timers_at_borders_of_the_next_buckets_fire_at_their_deadline(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);
    int count = 0;

    make_items(f, ITEM_LIMIT);
    for (uint64_t level = 0; level < WHEEL_LEVELS - 1; level++) {
        uint64_t bucket = TICK << (level * WHEEL_LEVEL_BITS);

        for (uint64_t i = 2; i < 12; i++)
            count = start_around(count, (begin / bucket + i) * bucket);
    }
    assert_all_fire_in_time(f, count);
}

/* C12: nothing is rounded, however long the machine has been up. */
static void timers_are_exact_at_any_time(void **state)
{
    struct fixture *f = fixture_of(state);
    static const uint64_t times[] = {
        ((uint64_t)1 << 32) - 5, ((uint64_t)1 << 53) - 5, GYRE_S((uint64_t)1 << 31) - 5,
        GYRE_S(4500000000) - 5,  (uint64_t)INT64_MAX - 5, GYRE_NEVER - GYRE_S(100),
    };

    make_items(f, 4);
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        f->trace_count = 0;
        advance(f, times[i] - gyre_loop_now(f->loop));
        start_timer(3, GYRE_S(7));
        start_timer(2, TICK);
        start_timer(1, 10);
        start_timer(0, 1);
        assert_all_fire_in_time(f, 4);
        assert_ascending(f, 0, 4);
    }
}

/* ------------------------------------------------------------------ jumps of the clock */

/* As after a suspend: the next look at the clock finds it at another time. */
static void set_clock(struct fixture *f, uint64_t time)
{
    f->loop->virtual_now = time;
}

/* C10 */
static void jump_of_an_hour_fires_all_due_timers_once_in_order_in_one_tick(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);

    make_items(f, 101);
    for (int i = 0; i < 100; i++)
        start_timer(i, GYRE_S((uint64_t)(36 * i)) + 1);
    start_timer(100, GYRE_S(3601));
    set_clock(f, begin + GYRE_S(3600));
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 100);
    assert_ascending(f, 0, 100);
    assert_true(items[0].ran_at == begin + GYRE_S(3600));
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    advance(f, GYRE_S(1));
    ASSERT_TRACE(f, 100);
}

/* C10 */
static void clock_that_goes_back_fires_nothing_early(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);

    make_items(f, 2);
    advance(f, GYRE_S(7200));
    start_timer(0, GYRE_MS(10));
    set_clock(f, begin + GYRE_S(3600));
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    start_timer(1, GYRE_MS(10));
    advance(f, GYRE_MS(10));
    ASSERT_TRACE(f, 1);
    advance(f, GYRE_S(3600));
    ASSERT_TRACE(f, 1, 0);
    assert_true(items[0].ran_at == begin + GYRE_S(7200) + GYRE_MS(10));
}

/* ------------------------------------------------------------------ three at once */

enum role { ACTOR, OTHER, VICTIM };
enum deed { STOP_OTHER, FREE_VICTIM, RESTART_OTHER };

static const int permutations[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                        { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

static const int *deeds;
static struct item *victim; /* memory of its own, so that a late access is seen */

static void do_deeds(struct item *actor)
{
    (void)actor;
    for (int i = 0; i < 3; i++) {
        if (deeds[i] == STOP_OTHER) {
            gyre_timer_stop(&items[OTHER].timer);
        } else if (deeds[i] == RESTART_OTHER) {
            start_timer(OTHER, 0);
        } else {
            gyre_timer_stop(&victim->timer);
            spoil(victim, sizeof(*victim));
            free(victim);
        }
    }
}

static void make_roles(struct fixture *f)
{
    make_items(f, 3);
    items[ACTOR].then = do_deeds;
    victim = calloc(1, sizeof(*victim));
    assert_non_null(victim);
    victim->f = f;
    victim->id = VICTIM;
    assert_int_equal(gyre_timer_init(&victim->timer, f->loop, item_timer_ran, victim), 0);
}

/* The roles in the order in which they are due, the deeds in the order in which they are done. */
static void play(struct fixture *f, const int *order, const int *deed_order)
{
    int expected[4];
    int count = 0;
    bool acted = false;

    deeds = deed_order;
    make_roles(f);
    for (int i = 0; i < 3; i++) {
        struct gyre_timer *timer = order[i] == VICTIM ? &victim->timer : &items[order[i]].timer;

        assert_int_equal(gyre_timer_start(timer, 5), 0);
        if (!acted)
            expected[count++] = order[i];
        acted = acted || order[i] == ACTOR;
    }
    if (deeds[2] == RESTART_OTHER || (deeds[1] == RESTART_OTHER && deeds[2] == FREE_VICTIM))
        expected[count++] = OTHER;
    f->trace_count = 0;
    advance(f, 5);
    assert_trace(f, expected, count);
}

/* C3 */
static void one_of_three_due_timers_may_stop_free_and_restart_the_others(void **state)
{
    for (int order = 0; order < 6; order++)
        for (int deed_order = 0; deed_order < 6; deed_order++)
            play(fixture_of(state), permutations[order], permutations[deed_order]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ITEM_TEST_VIRTUAL(timers_fire_in_the_order_of_their_deadlines),
        ITEM_TEST_VIRTUAL(equal_deadlines_fire_in_the_order_of_their_start),
        ITEM_TEST_VIRTUAL(equal_deadlines_keep_their_order_after_removals_in_the_middle),
        ITEM_TEST_VIRTUAL(equal_deadlines_keep_their_order_across_levels),
        ITEM_TEST_VIRTUAL(equal_deadlines_fire_in_the_order_of_the_last_start),
        ITEM_TEST_VIRTUAL(each_deadline_has_a_tick_of_its_own_on_a_test_loop),
        ITEM_TEST_VIRTUAL(timers_at_borders_of_every_level_fire_at_their_deadline),
        ITEM_TEST_VIRTUAL(timers_at_borders_of_the_next_buckets_fire_at_their_deadline),
        ITEM_TEST_VIRTUAL(timers_are_exact_at_any_time),
        ITEM_TEST_VIRTUAL(jump_of_an_hour_fires_all_due_timers_once_in_order_in_one_tick),
        ITEM_TEST_VIRTUAL(clock_that_goes_back_fires_nothing_early),
        ITEM_TEST_VIRTUAL(one_of_three_due_timers_may_stop_free_and_restart_the_others),
    };

    return cmocka_run_group_tests_name("timer_order", tests, NULL, NULL);
}
