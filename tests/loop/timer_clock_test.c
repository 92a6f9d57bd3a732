/* Timers on the real clock: never early, whatever the delay; and what the kernel is told to wait.
 * Nothing here asserts that something is fast.
 *
 * SPDX-License-Identifier: MIT */
#include "items.h"

#include "base/util.h"
#include "loop/core.h"
#include "model/random.h"
#include "os/sys.h"

#include <errno.h>

static void sleep_for(uint64_t duration)
{
    struct timespec ts = { .tv_sec = (time_t)(duration / GYRE_S(1)),
                           .tv_nsec = (long)(duration % GYRE_S(1)) };

    while (nanosleep(&ts, &ts) < 0)
        continue;
}

static uint64_t monotonic(void)
{
    struct timespec ts;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
    return GYRE_S(ts.tv_sec) + (uint64_t)ts.tv_nsec;
}

/* ------------------------------------------------------------------ never early */

static uint64_t earliest[ITEM_LIMIT];

static void check_not_early(struct item *item)
{
    assert_true(monotonic() >= earliest[item->id]);
}

static void start_measured(int id, uint64_t delay)
{
    earliest[id] = monotonic() + delay;
    start_timer(id, delay);
}

/* C4, C5 */
static void timers_never_fire_early(void **state)
{
    struct fixture *f = fixture_of(state);
    struct random random = { .state = 1 };

    make_items(f, ITEM_LIMIT);
    for (int i = 0; i < ITEM_LIMIT; i++) {
        items[i].then = check_not_early;
        start_measured(i, random_below(&random, GYRE_MS(60)));
    }
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(f->trace_count, ITEM_LIMIT);
}

static void restart_measured(struct item *item)
{
    check_not_early(item);
    if (item->runs < 20)
        start_measured(item->id, (uint64_t)item->runs * GYRE_US(50) + 333);
}

/* C4, C5 */
static void timers_restarted_in_their_callback_never_fire_early(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 5);
    for (int i = 0; i < 5; i++) {
        items[i].then = restart_measured;
        start_measured(i, GYRE_US(100) * (uint64_t)i);
    }
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(f->trace_count, 100);
}

/* C5: the time that has passed since the loop last looked at its clock does not count. */
static void blocking_work_before_start_does_not_shorten_the_delay(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t stale = gyre_loop_now(f->loop);

    make_item(f, 1)->then = check_not_early;
    sleep_for(GYRE_MS(20));
    start_measured(1, GYRE_MS(10));
    assert_true(gyre_timer_deadline(&items[1].timer) >= stale + GYRE_MS(30));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(items[1].runs, 1);
}

static void work_and_start_next(struct item *item)
{
    sleep_for(GYRE_MS(5));
    assert_true(gyre_loop_clock(item->f->loop) >= gyre_loop_now(item->f->loop) + GYRE_MS(5));
    start_measured(item->id + 1, GYRE_MS(3));
}

/* C5 */
static void blocking_work_in_a_callback_does_not_shorten_the_delay(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    items[0].then = work_and_start_next;
    items[1].then = check_not_early;
    start_timer(0, 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(items[1].runs, 1);
}

static void work_6_ms(struct item *item)
{
    assert_true(monotonic() >= earliest[0] + GYRE_MS(2) * (uint64_t)(item->runs - 1));
    if (item->runs == 5)
        gyre_timer_stop(&item->timer);
    sleep_for(GYRE_MS(6));
}

/* C9: a callback longer than the interval makes no burst: each call is as late as its deadline. */
static void slow_periodic_timer_skips_periods_on_the_real_clock(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = monotonic();

    make_item(f, 0)->then = work_6_ms;
    earliest[0] = begin + GYRE_MS(2);
    assert_int_equal(gyre_timer_start_every(&items[0].timer, GYRE_MS(2)), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(items[0].runs, 5);
    assert_true(gyre_timer_missed(&items[0].timer) >= 1);
    assert_true(monotonic() - begin >= GYRE_MS(2 + 5 * 6));
}

/* ------------------------------------------------------------------ what the kernel is told */

#ifdef __linux__

static const struct sys_table *below;
static struct sys_table recording;
static uint64_t told; /* the latest timeout in ns; GYRE_NEVER for -1 */
static bool told_nonsense;

static int record_ms(int timeout_ms)
{
    told = timeout_ms < 0 ? GYRE_NEVER : GYRE_MS(timeout_ms);
    told_nonsense = told_nonsense || timeout_ms < -1;
    return 0;
}

static int record_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    (void)fds;
    (void)count;
    return record_ms(timeout_ms);
}

static int record_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
    (void)epfd;
    (void)events;
    (void)max;
    return record_ms(timeout_ms);
}

static int record_epoll_pwait2(int epfd, struct epoll_event *events, int max, uint64_t timeout)
{
    (void)epfd;
    (void)events;
    (void)max;
    told = timeout;
    return 0;
}

/* The timeout of one tick that may wait for ever; the kernel is not asked. */
static uint64_t timeout_told(struct fixture *f)
{
    below = sys;
    recording = *sys;
    recording.poll = record_poll;
    recording.epoll_wait = record_epoll_wait;
    recording.epoll_pwait2 = record_epoll_pwait2;
    told = 12345;
    sys = &recording;
    int ran = gyre_loop_run_once(f->loop, GYRE_NEVER);
    sys = below;
    assert_in_range(ran, 0, 1);
    assert_false(told_nonsense);
    return told;
}

static void skip_unless_it_waits_by_a_recorded_call(struct fixture *f)
{
    told_nonsense = false;
    if (!poller_is(f, "epoll") && !poller_is(f, "epoll_wait") && !poller_is(f, "poll"))
        skip();
}

/* C6 */
static void kernel_never_waits_longer_than_a_day_for_a_far_timer(void **state)
{
    static const uint64_t delays[] = {
        GYRE_MS(0x7FFFFFFF), GYRE_MS(0x80000000), GYRE_MS(0x100000000), GYRE_S(0x7FFFFFFF),
        (uint64_t)1 << 62,   INT64_MAX,           (uint64_t)1 << 63,    GYRE_NEVER / 2,
    };
    struct fixture *f = fixture_of(state);

    skip_unless_it_waits_by_a_recorded_call(f);
    make_item(f, 1);
    for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
        start_timer(1, delays[i]);
        assert_true(timeout_told(f) == GYRE_S(24 * 60 * 60));
    }
    assert_int_equal(f->trace_count, 0);
}

/* C6, F17 */
static void kernel_waits_for_ever_for_a_timer_that_never_fires(void **state)
{
    struct fixture *f = fixture_of(state);

    skip_unless_it_waits_by_a_recorded_call(f);
    make_item(f, 1);
    start_timer(1, GYRE_NEVER);
    assert_true(timeout_told(f) == GYRE_NEVER);
    start_timer(1, GYRE_NEVER - 1); /* the sum saturates */
    assert_true(timeout_told(f) == GYRE_NEVER);
    assert_int_equal(f->trace_count, 0);
}

/* C4 */
static void kernel_does_not_wait_for_a_timer_that_is_due(void **state)
{
    struct fixture *f = fixture_of(state);

    skip_unless_it_waits_by_a_recorded_call(f);
    make_item(f, 1);
    start_timer(1, 0);
    assert_true(timeout_told(f) == 0);
    start_timer_at(1, 0);
    assert_true(timeout_told(f) == 0);
    assert_int_equal(items[1].runs, 2);
}

/* C4: what the kernel is told is not shorter than what is left, so it does not wake early and
 * spin. */
static void kernel_waits_at_least_until_the_deadline(void **state)
{
    struct fixture *f = fixture_of(state);

    skip_unless_it_waits_by_a_recorded_call(f);
    make_item(f, 1);
    for (uint64_t us = 100000; us < 100020; us++) {
        start_timer(1, GYRE_US(us) + 1);
        uint64_t timeout = timeout_told(f);
        assert_true(timeout + gyre_loop_clock(f->loop) >= gyre_timer_deadline(&items[1].timer));
    }
}

#endif

/* ------------------------------------------------------------------ absurd delays */

/* C6 */
static void absurd_delays_neither_fire_nor_spin(void **state)
{
    static const uint64_t delays[] = {
        GYRE_MS(0x7FFFFFFF), GYRE_MS(0x80000000), GYRE_MS(0x100000000),
        GYRE_S(0x7FFFFFFF),  (uint64_t)1 << 62,   INT64_MAX,
        (uint64_t)1 << 63,   GYRE_NEVER - 1,      GYRE_NEVER,
    };
    struct fixture *f = fixture_of(state);

    make_items(f, (int)ARRAY_LEN(delays));
    for (size_t i = 0; i < ARRAY_LEN(delays); i++)
        start_timer((int)i, delays[i]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(gyre_loop_run_once(f->loop, GYRE_MS(1)), 0);
    for (size_t i = 0; i < ARRAY_LEN(delays); i++)
        assert_true(gyre_timer_stop(&items[i].timer));
    assert_false(gyre_loop_is_alive(f->loop));
}

/* C6 */
static void sum_of_clock_and_delay_saturates(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_timer *timer = &make_item(f, 1)->timer;

    start_timer(1, GYRE_NEVER);
    assert_true(gyre_timer_deadline(timer) == GYRE_NEVER);
    start_timer(1, GYRE_NEVER - 1);
    assert_true(gyre_timer_deadline(timer) == GYRE_NEVER);
    start_timer(1, (uint64_t)1 << 63);
    assert_true(gyre_timer_deadline(timer) > (uint64_t)1 << 63);
    assert_true(gyre_timer_deadline(timer) < GYRE_NEVER);
    start_timer_at(1, GYRE_NEVER);
    assert_true(gyre_timer_deadline(timer) == GYRE_NEVER);
}

/* C7 */
static void deadline_0_and_1_fire_on_the_real_clock(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    start_timer_at(1, 1);
    start_timer_at(0, 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ITEM_TEST(timers_never_fire_early),
        ITEM_TEST(timers_restarted_in_their_callback_never_fire_early),
        ITEM_TEST(blocking_work_before_start_does_not_shorten_the_delay),
        ITEM_TEST(blocking_work_in_a_callback_does_not_shorten_the_delay),
        ITEM_TEST(slow_periodic_timer_skips_periods_on_the_real_clock),
#ifdef __linux__
        ITEM_TEST(kernel_never_waits_longer_than_a_day_for_a_far_timer),
        ITEM_TEST(kernel_waits_for_ever_for_a_timer_that_never_fires),
        ITEM_TEST(kernel_does_not_wait_for_a_timer_that_is_due),
        ITEM_TEST(kernel_waits_at_least_until_the_deadline),
#endif
        ITEM_TEST(absurd_delays_neither_fire_nor_spin),
        ITEM_TEST(sum_of_clock_and_delay_saturates),
        ITEM_TEST(deadline_0_and_1_fire_on_the_real_clock),
    };

    return cmocka_run_group_tests_name("timer_clock", tests, NULL, NULL);
}
