/* Timers on the real clock, as seen by the poller: no loop wakes up again and again for timers that
 * are due later, were moved, or are gone; and none sleeps past an earlier one.
 *
 * SPDX-License-Identifier: MIT */
#include "items.h"

#include "support/fault.h"

/* The script poller ends waits in vain by itself. */
static unsigned long waits_in_vain(const struct fixture *f)
{
    return poller_is(f, "script") ? 50 : 0;
}

/* C4 */
static void one_timer_costs_few_waits(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_timer(1, GYRE_US(3400));
    unsigned long waits = sys_calls(SYS_WAIT);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_in_range(sys_calls(SYS_WAIT) - waits, 1, 2 + waits_in_vain(f));
}

enum { CROWD = 100 };

static void stop_crowd(void)
{
    for (int i = 0; i < CROWD; i++)
        gyre_timer_stop(&items[i].timer);
}

/* The machine stood still for so long that the crowd fired before it could be stopped or moved. */
static void skip_if_too_slow(void)
{
    for (int i = 0; i < CROWD; i++)
        if (items[i].runs > 0)
            skip();
}

static void stop_crowd_from_timer(struct item *item)
{
    (void)item;
    stop_crowd();
}

/* C11 */
static void stopping_the_nearest_timers_costs_few_waits(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_clock(f->loop);

    make_items(f, CROWD + 2);
    for (int i = 0; i < CROWD; i++)
        start_timer_at(i, begin + GYRE_MS(5) + (uint64_t)i);
    start_timer_at(CROWD, begin + GYRE_MS(30));
    items[CROWD + 1].then = stop_crowd_from_timer;
    start_timer_at(CROWD + 1, begin + GYRE_MS(1));
    unsigned long waits = sys_calls(SYS_WAIT);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, CROWD + 1, CROWD);
    assert_in_range(sys_calls(SYS_WAIT) - waits, 2, 5 + waits_in_vain(f));
}

static int crowd_fds[2];

static void make_readable(void *arg)
{
    (void)arg;
    put(crowd_fds[1], "x");
}

static void interrupt_the_next_wait(struct item *item)
{
    (void)item;
    at_next_wait(make_readable, NULL);
}

static void stop_crowd_from_io(struct gyre_io *io, unsigned events, void *arg)
{
    (void)events;
    (void)arg;
    stop_crowd();
    assert_true(gyre_io_stop(io));
}

/* C11: the loop is asleep until a crowd of timers comes up; in that sleep they are stopped, and
 * no timer fires meanwhile that would make it look at its timers again. */
static void loop_that_slept_towards_stopped_timers_does_not_spin(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_clock(f->loop);
    static struct gyre_io io;

    memset(&io, 0, sizeof(io));
    make_pair(f, crowd_fds);
    assert_int_equal(gyre_io_init(&io, f->loop, stop_crowd_from_io, NULL), 0);
    assert_int_equal(gyre_io_start(&io, crowd_fds[0], GYRE_READ), 0);
    make_items(f, CROWD + 2);
    for (int i = 0; i < CROWD; i++)
        start_timer_at(i, begin + GYRE_MS(150));
    start_timer_at(CROWD, begin + GYRE_MS(250));
    items[CROWD + 1].then = interrupt_the_next_wait;
    start_timer_at(CROWD + 1, begin);
    unsigned long waits = sys_calls(SYS_WAIT);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    skip_if_too_slow();
    ASSERT_TRACE(f, CROWD + 1, CROWD);
    assert_in_range(sys_calls(SYS_WAIT) - waits, 3, 12 + waits_in_vain(f));
}

static void start_earlier_timer(struct gyre_post *post, void *arg)
{
    (void)post;
    (void)arg;
    start_timer(1, GYRE_MS(1));
}

static void send_post(void *arg)
{
    assert_int_equal(gyre_post_send(arg), 0);
}

static bool has_not_fired(void *arg)
{
    struct item *item = arg;

    return item->runs == 0;
}

/* C11: news of another thread that comes when the loop already sleeps towards a far deadline. */
static void earlier_timer_started_by_a_post_ends_a_long_sleep(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct gyre_post post;

    memset(&post, 0, sizeof(post));
    assert_int_equal(gyre_post_init(&post, f->loop, start_earlier_timer, NULL, NULL), 0);
    make_items(f, 2);
    start_timer(0, GYRE_S(3600));
    at_next_wait(send_post, &post);
    assert_int_equal(gyre_loop_run_while(f->loop, has_not_fired, &items[1]), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 1);
    assert_true(gyre_timer_stop(&items[0].timer));
}

static void push_crowd_back(struct item *item)
{
    if (item->runs < 10)
        start_timer(item->id, GYRE_MS(1));
    for (int i = 0; i < CROWD; i++)
        start_timer_at(i, item->ran_at + GYRE_MS(200));
}

/* C11: idle timeouts pushed back at each of ten requests. */
static void timers_pushed_back_cost_few_waits(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, CROWD + 1);
    items[CROWD].then = push_crowd_back;
    start_timer(CROWD, 0);
    unsigned long waits = sys_calls(SYS_WAIT);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    if (f->trace_count > CROWD + 10) /* the machine stood still for so long that some fired early */
        skip();
    assert_int_equal(f->trace_count, CROWD + 10);
    assert_in_range(sys_calls(SYS_WAIT) - waits, 11, 20 + waits_in_vain(f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ITEM_TEST(one_timer_costs_few_waits),
        ITEM_TEST(stopping_the_nearest_timers_costs_few_waits),
        ITEM_TEST(loop_that_slept_towards_stopped_timers_does_not_spin),
        ITEM_TEST(earlier_timer_started_by_a_post_ends_a_long_sleep),
        ITEM_TEST(timers_pushed_back_cost_few_waits),
    };

    return cmocka_run_group_tests_name("timer_wait", tests, NULL, NULL);
}
