/* What the timer wheel says of the next deadline: a loop that sleeps until then oversleeps nothing,
 * and wakes up in vain a few times at most.
 *
 * SPDX-License-Identifier: MIT */
#include "wheel_model.h"

static void next_is_exact_up_to_sixteen_timers(void **state)
{
    struct random random = { .state = 3 };

    (void)state;
    for (int round = 0; round < 2000; round++) {
        begin_at(random_magnitude(&random) / 4);
        int count = 1 + random_index(&random, 16);
        for (int i = 0; i < count; i++)
            put_in(i, now + random_magnitude(&random) / 4);
        for (int i = 0; i < 8; i++)
            move(random_index(&random, count), now + random_magnitude(&random) / 4);
        take_out_of(random_index(&random, count));
        assert_true(wheel_next(&wheel) == first_deadline());
    }
}

/* Make it look: what was inserted it knows anyway. */
static void make_stale(void)
{
    put_in(COUNT - 1, now);
    take_out_of(COUNT - 1);
    assert_true(wheel.stale);
}

static void next_is_exact_for_sixteen_timers_of_one_bucket(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++)
        put_in(i, GYRE_S(100) - (uint64_t)i);
    make_stale();
    assert_true(wheel_next(&wheel) == GYRE_S(100) - 15);
    assert_false(wheel.stale); /* it does not look twice */
    put_in(16, GYRE_S(100));
    make_stale();
    assert_true(wheel_next(&wheel) <= GYRE_S(100) - 15);
    make_stale();
    assert_true(wheel_first_deadline(&wheel) == GYRE_S(100) - 15);
    assert_false(wheel.stale);
    assert_true(wheel_next(&wheel) == GYRE_S(100) - 15);
}

static void next_is_never_later_than_the_earliest_deadline(void **state)
{
    struct random random = { .state = 4 };

    (void)state;
    for (int i = 0; i < COUNT; i++)
        put_in(i, GYRE_S(50) + random_below(&random, GYRE_S(50)));
    for (int i = 0; i < COUNT; i++) {
        assert_true(wheel_next(&wheel) <= first_deadline());
        take_out_of(first_in());
    }
    pop_until(GYRE_S(100));
    assert_true(wheel_next(&wheel) == GYRE_NEVER);
}

static void first_deadline_is_exact_for_any_number_of_timers(void **state)
{
    struct random random = { .state = 5 };

    (void)state;
    for (int i = 0; i < COUNT; i++)
        put_in(i, GYRE_S(50) + random_below(&random, GYRE_S(50)));
    for (int i = 0; i < COUNT; i++) {
        move(random_index(&random, COUNT - i), GYRE_S(40) + random_below(&random, GYRE_S(100)));
        assert_true(wheel_first_deadline(&wheel) == first_deadline());
        assert_true(wheel_check(&wheel));
        take_out_of(COUNT - 1 - i);
    }
}

/* 100 timers in one bucket, too many for one look: what next says is the begin of the bucket. */
static uint64_t guess_the_next_of_a_full_bucket(void)
{
    put_many(0, 100, GYRE_S(100));
    make_stale();

    uint64_t guess = wheel_next(&wheel);
    assert_true(guess < GYRE_S(100));
    return guess;
}

/* C11 */
static void timers_stopped_before_their_bucket_comes_up_do_not_keep_the_loop_awake(void **state)
{
    (void)state;
    put_in(101, GYRE_S(10000));
    uint64_t guess = guess_the_next_of_a_full_bucket();
    for (int i = 0; i < 100; i++)
        take_out_of(i);
    assert_int_equal(pop_until(guess), 0); /* checks that next is later now */
    assert_true(wheel_next(&wheel) == GYRE_S(10000));
}

/* C11 */
static void timers_pulled_out_of_their_bucket_do_not_keep_the_loop_awake(void **state)
{
    (void)state;
    uint64_t guess = guess_the_next_of_a_full_bucket();
    for (int i = 0; i < 100; i++)
        move(i, 7);
    assert_int_equal(pop_until(7), 100);
    assert_int_equal(pop_until(guess), 0);
}

/* C11: each level costs one early wake-up at most. */
static void many_timers_far_away_cost_few_wake_ups(void **state)
{
    (void)state;
    put_many(0, COUNT, GYRE_S(1000000) + 12345);
    assert_true(pop_by_waiting() <= WHEEL_LEVELS);
}

/* C11 */
static void timers_pushed_back_again_and_again_cost_few_wake_ups(void **state)
{
    int wakes = 0;

    (void)state;
    put_many(0, COUNT, GYRE_S(60));
    for (uint64_t s = 1; s <= 600; s++) {
        for (int i = 0; i < COUNT; i++)
            wheel_move(&wheel, &timer[i], GYRE_S(s + 60));
        for (; wheel_next(&wheel) <= GYRE_S(s); wakes++)
            assert_int_equal(pop_until(wheel_next(&wheel)), 0);
    }
    assert_true(wakes < 60);
    assert_true(pop_by_waiting() <= WHEEL_LEVELS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WHEEL_TEST(next_is_exact_up_to_sixteen_timers),
        WHEEL_TEST(next_is_exact_for_sixteen_timers_of_one_bucket),
        WHEEL_TEST(next_is_never_later_than_the_earliest_deadline),
        WHEEL_TEST(first_deadline_is_exact_for_any_number_of_timers),
        WHEEL_TEST(timers_stopped_before_their_bucket_comes_up_do_not_keep_the_loop_awake),
        WHEEL_TEST(timers_pulled_out_of_their_bucket_do_not_keep_the_loop_awake),
        WHEEL_TEST(many_timers_far_away_cost_few_wake_ups),
        WHEEL_TEST(timers_pushed_back_again_and_again_cost_few_wake_ups),
    };

    return cmocka_run_group_tests_name("wheel_next", tests, NULL, NULL);
}
