/* The timer wheel by itself: exact order out of it, whatever its position, whatever was moved.
 *
 * SPDX-License-Identifier: MIT */
#include "wheel_model.h"

/* ------------------------------------------------------------------ one timer */

static void empty_wheel_has_nothing(void **state)
{
    (void)state;
    assert_true(wheel_check(&wheel));
    assert_null(wheel_pop(&wheel, GYRE_NEVER));
    assert_null(wheel_drain(&wheel));
    assert_true(wheel_next(&wheel) == GYRE_NEVER);
    assert_true(wheel_first_deadline(&wheel) == GYRE_NEVER);
}

static void timer_comes_out_at_its_deadline_not_before(void **state)
{
    (void)state;
    put_in(0, GYRE_S(1));
    assert_int_equal(pop_until(GYRE_S(1) - 1), 0);
    assert_int_equal(pop_until(GYRE_S(1)), 1);
    assert_int_equal(count_in(), 0);
}

static void deadline_in_the_past_comes_out_at_once(void **state)
{
    (void)state;
    begin_at(GYRE_S(10));
    put_in(0, GYRE_S(3));
    put_in(1, 0);
    assert_true(wheel_next(&wheel) == 0);
    assert_int_equal(pop_until(GYRE_S(10)), 2);
}

/* C6 */
static void never_is_kept_and_never_comes_out(void **state)
{
    (void)state;
    put_in(0, GYRE_NEVER);
    assert_true(wheel_next(&wheel) == GYRE_NEVER);
    assert_int_equal(pop_until(GYRE_NEVER - 1), 0);
    assert_int_equal(pop_until(GYRE_NEVER), 0);
    assert_ptr_equal(wheel_drain(&wheel), &timer[0]);
}

/* C6 */
static void the_moment_before_never_comes_out(void **state)
{
    (void)state;
    put_in(0, GYRE_NEVER);
    put_in(1, GYRE_NEVER - 1);
    assert_true(wheel_next(&wheel) == GYRE_NEVER - 1);
    assert_int_equal(pop_until(GYRE_NEVER - 1), 1);
    assert_true(is_in[0]);
}

static void removed_timer_does_not_come_out(void **state)
{
    (void)state;
    put_in(0, 5);         /* near */
    put_in(1, GYRE_S(1)); /* far */
    take_out_of(0);
    take_out_of(1);
    assert_true(wheel_next(&wheel) == GYRE_NEVER);
    assert_int_equal(pop_until(GYRE_S(2)), 0);
}

static void state_tells_near_from_far(void **state)
{
    (void)state;
    put_in(0, TICK - 1);
    put_in(1, TICK);
    assert_int_equal(timer[0].call.state, TIMER_NEAR);
    assert_int_equal(timer[1].call.state, TIMER_FAR);
}

/* ------------------------------------------------------------------ order */

/* C8 */
static void equal_deadlines_come_out_in_the_order_of_insertion(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++)
        put_in(i, GYRE_S(100));
    assert_int_equal(pop_until(GYRE_S(100)), COUNT);
}

/* C8: they enter the wheel at different levels, or when their deadline is near already. */
static void equal_deadlines_inserted_at_different_positions_keep_their_order(void **state)
{
    static const uint64_t steps[] = { 0, GYRE_S(60), GYRE_S(99), GYRE_MS(99990), GYRE_S(100) - 1 };

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pop_until(steps[i]), 0);
        put_in(4 - i, GYRE_S(100));
    }
    assert_int_equal(pop_until(GYRE_S(100)), 5);
}

/* C8 */
static void equal_deadlines_keep_their_order_after_removals(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++)
        put_in(i, GYRE_S(100));
    for (int i = 0; i < COUNT; i += 3)
        take_out_of(i);
    assert_int_equal(pop_until(GYRE_S(100)), COUNT - (COUNT + 2) / 3);
}

/* Around each multiple of a power of 256 ticks a timer changes its bucket or its level. */
static int put_around_borders(uint64_t base)
{
    static const unsigned multiples[] = { 1, 2, 255, 256 };
    int count = 0;

    for (unsigned level = 0; level < WHEEL_LEVELS - 1; level++) {
        for (size_t m = 0; m < ARRAY_LEN(multiples); m++) {
            uint64_t border = (multiples[m] * TICK) << (level * WHEEL_LEVEL_BITS);

            put_in(count++, base + border - TICK);
            put_in(count++, base + border - 1);
            put_in(count++, base + border);
            put_in(count++, base + border + 1);
            put_in(count++, base + border + TICK);
        }
    }
    return count;
}

/* Moments just before and after a turn of a level, and any. */
static const uint64_t starts[] = {
    0,
    1,
    TICK - 1,
    TICK,
    (WHEEL_BUCKETS - 1) * TICK,
    (TICK << WHEEL_LEVEL_BITS) - 1,
    TICK << WHEEL_LEVEL_BITS,
    (WHEEL_BUCKETS * WHEEL_BUCKETS - 1) * TICK,
    GYRE_S(9999),
    GYRE_S(123456789),
    0x123456789ABCDEF,
};

/* Let time come to the first deadline, and not a moment further. */
static void pop_first_exactly(void)
{
    uint64_t deadline = first_deadline();

    if (deadline > now)
        assert_int_equal(pop_until(deadline - 1), 0);
    assert_true(pop_until(deadline) >= 1);
}

static void timers_at_bucket_borders_come_out_at_their_deadline(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        begin_at(starts[i]);
        put_around_borders(starts[i]);
        while (first_in() >= 0)
            pop_first_exactly();
    }
}

static void jumps_of_any_size_bring_timers_at_borders_in_order(void **state)
{
    (void)state;
    put_around_borders(0);
    for (uint64_t time = 1; time >> 63 == 0; time *= 2)
        pop_until(time);
    pop_until(GYRE_NEVER / 2);
    assert_int_equal(count_in(), 0);
}

/* C10 */
static void jump_over_everything_brings_all_in_order(void **state)
{
    struct random random = { .state = 7 };

    (void)state;
    for (int i = 0; i < COUNT; i++)
        put_in(i, random_magnitude(&random) / 2);
    assert_int_equal(pop_until(GYRE_NEVER / 2), COUNT);
}

/* C10 */
static void clock_that_goes_back_brings_nothing_early(void **state)
{
    (void)state;
    begin_at(GYRE_S(3600));
    put_in(0, GYRE_S(3601));
    assert_int_equal(pop_until(GYRE_S(3600) + GYRE_MS(500)), 0);
    assert_int_equal(pop_until(0), 0);
    put_in(1, 10);
    put_in(2, GYRE_S(3600));
    assert_int_equal(pop_until(9), 0);
    assert_int_equal(pop_until(10), 1);
    assert_int_equal(pop_until(GYRE_S(3600)), 1);
    assert_int_equal(pop_until(GYRE_S(3601)), 1);
}

/* ------------------------------------------------------------------ moves */

static void timer_pushed_back_comes_out_once_at_the_last_deadline(void **state)
{
    (void)state;
    put_in(0, GYRE_S(1));
    for (uint64_t s = 2; s <= 100; s++)
        move(0, GYRE_S(s));
    assert_int_equal(pop_until(GYRE_S(100) - 1), 0);
    assert_int_equal(pop_until(GYRE_S(100)), 1);
    assert_int_equal(pop_until(GYRE_S(300)), 0);
}

static void timer_pulled_forward_after_it_was_pushed_back_comes_out_earlier(void **state)
{
    static const uint64_t deadlines[] = { 0, 1, TICK, GYRE_S(1), GYRE_S(2), GYRE_S(50) };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(deadlines); i++) {
        begin_at(0);
        put_in(0, GYRE_S(1));
        move(0, GYRE_S(100));
        move(0, deadlines[i]);
        assert_true(wheel_next(&wheel) == deadlines[i]);
        if (deadlines[i] > 0)
            assert_int_equal(pop_until(deadlines[i] - 1), 0);
        assert_int_equal(pop_until(deadlines[i]), 1);
    }
}

static void timer_moved_to_the_same_deadline_comes_after_its_equals(void **state)
{
    (void)state;
    put_many(0, 3, GYRE_S(5)); /* far, where a move is lazy */
    put_many(3, 3, TICK / 2);  /* near */
    move(0, GYRE_S(5));
    move(3, TICK / 2);
    assert_true(timer_precedes(&timer[2], &timer[0]));
    assert_true(timer_precedes(&timer[5], &timer[3]));
    assert_int_equal(pop_until(GYRE_S(5)), 6);
}

static void near_timer_moves_away_and_back(void **state)
{
    (void)state;
    put_in(0, 10);
    put_in(1, 20);
    move(0, GYRE_S(9));
    assert_int_equal(pop_until(20), 1);
    move(0, 30);
    assert_int_equal(pop_until(29), 0);
    assert_int_equal(pop_until(30), 1);
}

static void timer_pushed_back_to_never_stays(void **state)
{
    (void)state;
    put_in(0, GYRE_S(1));
    move(0, GYRE_NEVER);
    assert_true(wheel_next(&wheel) == GYRE_NEVER);
    assert_int_equal(pop_until(GYRE_S(1000)), 0);
    assert_true(is_in[0]);
}

/* ------------------------------------------------------------------ the end */

static void drain_takes_out_every_timer_once(void **state)
{
    struct random random = { .state = 6 };
    struct gyre_timer *drained;

    (void)state;
    for (int i = 0; i < COUNT; i++)
        put_in(i, i % 10 == 0 ? GYRE_NEVER : random_magnitude(&random));
    while ((drained = wheel_drain(&wheel)) != NULL) {
        assert_true(is_in[drained - timer]);
        forget((int)(drained - timer));
    }
    assert_int_equal(count_in(), 0);
}

/* ------------------------------------------------------------------ everything at once */

/* Something around now, a bucket border, another timer's deadline or anything at all. */
static uint64_t random_deadline(struct random *random)
{
    uint64_t other = timer[random_index(random, COUNT)].deadline;

    switch (random_below(random, 6)) {
    case 0:
        return now + random_below(random, 3 * TICK);
    case 1:
        return (now + random_magnitude(random) / 4) / TICK * TICK;
    case 2:
        return random_below(random, now + 1);
    case 3:
        return random_chance(random, 50) ? other : GYRE_NEVER;
    default:
        return now + random_magnitude(random) / 4;
    }
}

static void random_step(struct random *random, int size)
{
    int i = random_index(random, size);

    if (random_chance(random, 10))
        pop_until(random_chance(random, 80) ? wheel_next(&wheel) / 2 + now / 2
                                            : now + random_magnitude(random) / 64);
    else if (!is_in[i])
        put_in(i, random_deadline(random));
    else if (random_chance(random, 30))
        take_out_of(i);
    else
        move(i, random_deadline(random));
    assert_true(wheel_next(&wheel) <= first_deadline());
}

/* C1, C8 */
static void random_operations_keep_order_and_invariants(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct random random = { .state = seed };
        int size = 2 + random_index(&random, COUNT / 4);

        begin_at(random_magnitude(&random) / 2);
        for (int step = 0; step < 600; step++)
            random_step(&random, size);
        pop_by_waiting();
    }
}

static void check_finds_a_timer_in_the_wrong_bucket(void **state)
{
    (void)state;
    put_in(0, GYRE_S(1));
    timer[0].place.due = GYRE_S(5);
    timer[0].deadline = GYRE_S(5);
    assert_false(wheel_check(&wheel));
}

static void check_finds_a_timer_in_the_next_bucket_of_its_level(void **state)
{
    (void)state;
    put_in(0, 5 * TICK);
    timer[0].place.due = 6 * TICK;
    timer[0].deadline = 6 * TICK;
    assert_false(wheel_check(&wheel));
}

static void check_finds_a_timer_on_the_wrong_level(void **state)
{
    (void)state;
    put_in(0, 5 * TICK);
    timer[0].place.due = 5 * WHEEL_BUCKETS * TICK;
    timer[0].deadline = timer[0].place.due;
    assert_false(wheel_check(&wheel));
}

static void check_finds_a_timer_that_fires_before_its_bucket_comes_up(void **state)
{
    (void)state;
    put_in(0, 5 * TICK);
    timer[0].place.due++;
    assert_false(wheel_check(&wheel));
}

static void check_finds_a_bucket_that_was_passed(void **state)
{
    (void)state;
    put_in(0, 5 * TICK);
    wheel.position = 5;
    assert_false(wheel_check(&wheel));
}

static void check_finds_a_wrong_state_and_a_broken_link(void **state)
{
    (void)state;
    put_in(0, 5 * TICK);
    put_in(1, 5 * TICK);
    timer[0].call.state = TIMER_NEAR;
    assert_false(wheel_check(&wheel));
    timer[0].call.state = TIMER_FAR;
    timer[1].call.link.prev = &timer[1].call.link;
    assert_false(wheel_check(&wheel));
    timer[1].call.link.prev = &timer[0].call.link;
    assert_true(wheel_check(&wheel));
}

static void check_finds_a_bucket_that_is_not_marked(void **state)
{
    (void)state;
    put_in(0, 5 * TICK);
    wheel.occupied[0] = 0;
    assert_false(wheel_check(&wheel));
}

static void check_finds_a_next_that_is_too_late(void **state)
{
    (void)state;
    put_in(0, 5 * TICK);
    wheel.next = 5 * TICK + 1;
    assert_false(wheel_check(&wheel));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WHEEL_TEST(empty_wheel_has_nothing),
        WHEEL_TEST(timer_comes_out_at_its_deadline_not_before),
        WHEEL_TEST(deadline_in_the_past_comes_out_at_once),
        WHEEL_TEST(never_is_kept_and_never_comes_out),
        WHEEL_TEST(the_moment_before_never_comes_out),
        WHEEL_TEST(removed_timer_does_not_come_out),
        WHEEL_TEST(state_tells_near_from_far),
        WHEEL_TEST(equal_deadlines_come_out_in_the_order_of_insertion),
        WHEEL_TEST(equal_deadlines_inserted_at_different_positions_keep_their_order),
        WHEEL_TEST(equal_deadlines_keep_their_order_after_removals),
        WHEEL_TEST(timers_at_bucket_borders_come_out_at_their_deadline),
        WHEEL_TEST(jumps_of_any_size_bring_timers_at_borders_in_order),
        WHEEL_TEST(jump_over_everything_brings_all_in_order),
        WHEEL_TEST(clock_that_goes_back_brings_nothing_early),
        WHEEL_TEST(timer_pushed_back_comes_out_once_at_the_last_deadline),
        WHEEL_TEST(timer_pulled_forward_after_it_was_pushed_back_comes_out_earlier),
        WHEEL_TEST(timer_moved_to_the_same_deadline_comes_after_its_equals),
        WHEEL_TEST(near_timer_moves_away_and_back),
        WHEEL_TEST(timer_pushed_back_to_never_stays),
        WHEEL_TEST(drain_takes_out_every_timer_once),
        WHEEL_TEST(random_operations_keep_order_and_invariants),
        WHEEL_TEST(check_finds_a_timer_in_the_wrong_bucket),
        WHEEL_TEST(check_finds_a_timer_in_the_next_bucket_of_its_level),
        WHEEL_TEST(check_finds_a_timer_on_the_wrong_level),
        WHEEL_TEST(check_finds_a_timer_that_fires_before_its_bucket_comes_up),
        WHEEL_TEST(check_finds_a_bucket_that_was_passed),
        WHEEL_TEST(check_finds_a_wrong_state_and_a_broken_link),
        WHEEL_TEST(check_finds_a_bucket_that_is_not_marked),
        WHEEL_TEST(check_finds_a_next_that_is_too_late),
    };

    return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
