/* A million timers: started, restarted, half of them stopped, the rest fire in order; nothing is
 * lost, nothing is allocated, and nothing stays behind.
 *
 * GYRE_TIMERS=n takes n instead.
 *
 * SPDX-License-Identifier: MIT */
#include "model/random.h"
#include "support/fault.h"
#include "support/fixture.h"

#include "loop/core.h"

#include <limits.h>
#include <stdlib.h>

enum { TIMERS = 1000000 };

/* Deadlines lie in an hour, so that many of them share a bucket and few share a moment. */
#define SPAN GYRE_S(3600)

struct stressed {
    struct gyre_timer timer;
    uint64_t deadline; /* GYRE_NEVER: stopped */
    unsigned start;    /* the number of its latest start among all */
    int runs;
};

static struct stressed *timers;
static size_t count;
static struct random rnd;
static struct gyre_loop *loop;
static unsigned starts;
static const struct stressed *latest; /* that fired */
static size_t fired;
static size_t disorder;

static void timer_fired(struct gyre_timer *timer, void *arg)
{
    struct stressed *s = arg;

    (void)timer;
    if (latest && (s->deadline < latest->deadline ||
                   (s->deadline == latest->deadline && s->start < latest->start)))
        disorder++;
    disorder += gyre_loop_now(loop) < s->deadline;
    latest = s;
    s->runs++;
    fired++;
}

static void start(struct stressed *s)
{
    uint64_t delay = random_below(&rnd, SPAN);

    if (random_chance(&rnd, 10))
        delay = delay / GYRE_S(1) * GYRE_S(1); /* many of them at equal deadlines */
    s->deadline = gyre_loop_now(loop) + delay;
    s->start = starts++;
    assert_int_equal(gyre_timer_start(&s->timer, delay), 0);
}

static int begin(void **state)
{
    const char *number = getenv("GYRE_TIMERS");

    count = number ? strtoul(number, NULL, 10) : TIMERS;
    timers = calloc(count, sizeof(*timers));
    if (!timers || setup_virtual(state) < 0)
        return -1;
    fixture_of(state)->wait_limit = ULONG_MAX; /* each deadline is a tick */
    loop = fixture_of(state)->loop;
    rnd = (struct random){ .state = 1 };
    starts = 0;
    latest = NULL;
    fired = 0;
    disorder = 0;
    for (size_t i = 0; i < count; i++)
        gyre_timer_init(&timers[i].timer, loop, timer_fired, &timers[i]);
    return 0;
}

static int end(void **state)
{
    int err = teardown(state);

    free(timers);
    return err;
}

/* Start all, move half of them, stop every second. Returns how many are left. */
static size_t start_move_and_stop(void)
{
    size_t left = count;

    for (size_t i = 0; i < count; i++)
        start(&timers[i]);
    for (size_t i = 0; i < count / 2; i++)
        start(&timers[random_below(&rnd, count)]);
    for (size_t i = 0; i < count; i += 2) {
        assert_true(gyre_timer_stop(&timers[i].timer));
        timers[i].deadline = GYRE_NEVER;
        left--;
    }
    assert_true(wheel_check(&loop->wheel));
    return left;
}

static void check_all_fired(size_t left)
{
    assert_int_equal(fired, left);
    assert_int_equal(disorder, 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(timers[i].runs, timers[i].deadline != GYRE_NEVER);
    assert_false(gyre_loop_is_alive(loop));
}

/* C1, C8 */
static void million_timers_fire_each_at_its_moment_in_order(void **state)
{
    size_t bytes = live_bytes();
    unsigned long before = allocations();
    size_t left = start_move_and_stop();

    (void)state;
    assert_true(gyre_test_advance(loop, SPAN) >= 0);
    check_all_fired(left);
    assert_int_equal(allocations(), before);
    assert_int_equal(live_bytes(), bytes);
}

/* C10 */
static void million_timers_fire_in_order_after_one_jump(void **state)
{
    size_t bytes = live_bytes();
    unsigned long before = allocations();
    size_t left = start_move_and_stop();

    (void)state;
    loop->virtual_now += SPAN;
    assert_true(gyre_test_advance(loop, 0) >= 0);
    check_all_fired(left);
    assert_int_equal(allocations(), before);
    assert_int_equal(live_bytes(), bytes);
}

static void count_call(void *arg)
{
    (void)arg;
    fired++;
}

/* The nodes that the loop makes for these are given back, all but the few that it keeps for the
 * next. */
static void million_later_calls_leave_little_memory_behind(void **state)
{
    size_t bytes = live_bytes();

    (void)state;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(gyre_call_later(loop, random_below(&rnd, SPAN), count_call, NULL), 0);
    loop->virtual_now += SPAN;
    assert_true(gyre_test_advance(loop, 0) >= 0);
    assert_int_equal(fired, count);
    assert_true(live_bytes() - bytes <= 1024 * 256);
}

/* K-3 */
static void close_with_a_million_timers_stops_them_all(void **state)
{
    (void)state;
    start_move_and_stop();
    assert_int_equal(gyre_loop_close(loop), 0);
    for (size_t i = 0; i < count; i++)
        assert_false(gyre_timer_is_started(&timers[i].timer));
    assert_int_equal(fired, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(million_timers_fire_each_at_its_moment_in_order, begin,
                                        end),
        cmocka_unit_test_setup_teardown(million_timers_fire_in_order_after_one_jump, begin, end),
        cmocka_unit_test_setup_teardown(million_later_calls_leave_little_memory_behind, begin, end),
        cmocka_unit_test_setup_teardown(close_with_a_million_timers_stops_them_all, begin, end),
    };

    return cmocka_run_group_tests_name("timers_stress", tests, NULL, NULL);
}
