/* The clock, and its way into the timeouts of the kernel.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "base/util.h"
#include "os/clock.h"
#include "support/fault.h"

/* C4: rounded up, so that nothing is early; never rounded up from nothing, so that what is due is
 * not waited for. */
static void milliseconds_are_rounded_up(void **state)
{
    static const struct {
        uint64_t ns;
        int ms;
    } cases[] = {
        { 0, 0 },
        { 1, 1 },
        { 999999, 1 },
        { 1000000, 1 },
        { 1000001, 2 },
        { 1999999, 2 },
        { 2000000, 2 },
        { 100400000, 101 },
        { GYRE_S(1), 1000 },
        { GYRE_S(1) + 1, 1001 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(clock_to_ms(cases[i].ns), cases[i].ms);
}

/* C6 */
static void long_times_end_at_the_largest_int(void **state)
{
    static const uint64_t most = (uint64_t)INT32_MAX * 1000000;

    (void)state;
    assert_int_equal(clock_to_ms(most - 1), INT32_MAX);
    assert_int_equal(clock_to_ms(most), INT32_MAX);
    assert_int_equal(clock_to_ms(most + 1), INT32_MAX);
    assert_int_equal(clock_to_ms(most * 2), INT32_MAX);
    assert_int_equal(clock_to_ms(UINT64_MAX - 1), INT32_MAX);
}

/* C6: anything negative would be for ever. */
static void only_never_is_negative(void **state)
{
    (void)state;
    assert_int_equal(clock_to_ms(GYRE_NEVER), -1);
    for (unsigned bit = 0; bit < 64; bit++)
        for (uint64_t off = 0; off < 3; off++)
            assert_in_range(clock_to_ms(((uint64_t)1 << bit) - 1 + off), 0, INT32_MAX);
}

/* C4: for every time of a few milliseconds: the least number of them that is not shorter. */
static void rounding_is_exact(void **state)
{
    (void)state;
    for (uint64_t ns = 0; ns < 5000000; ns += 7) {
        uint64_t ms = (uint64_t)clock_to_ms(ns);

        assert_true(ms * 1000000 >= ns);
        assert_true(ms == 0 || (ms - 1) * 1000000 < ns);
    }
}

static void clock_is_the_monotonic_one(void **state)
{
    struct timespec before, after;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &before);
    uint64_t now = clock_now();
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(now >= GYRE_S((uint64_t)before.tv_sec) + (uint64_t)before.tv_nsec);
    assert_true(now <= GYRE_S((uint64_t)after.tv_sec) + (uint64_t)after.tv_nsec);
}

static int fake_clock(clockid_t clock, struct timespec *ts)
{
    assert_int_equal(clock, CLOCK_MONOTONIC);
    *ts = (struct timespec){ .tv_sec = 4500000000, .tv_nsec = 999999999 };
    return 0;
}

/* C6, C12: 142 years of uptime, in whole nanoseconds. */
static void large_clock_values_are_exact(void **state)
{
    const struct sys_table *below = sys;
    struct sys_table table = *sys;

    (void)state;
    table.clock_gettime = fake_clock;
    sys = &table;
    uint64_t now = clock_now();
    sys = below;
    assert_true(now == UINT64_C(4500000000999999999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(milliseconds_are_rounded_up),
        cmocka_unit_test(long_times_end_at_the_largest_int),
        cmocka_unit_test(only_never_is_negative),
        cmocka_unit_test(rounding_is_exact),
        cmocka_unit_test(clock_is_the_monotonic_one),
        cmocka_unit_test(large_clock_values_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
