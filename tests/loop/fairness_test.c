/* Nothing starves anything: not calls or timers that start themselves for ever, not a descriptor
 * that is always ready.
 *
 * SPDX-License-Identifier: MIT */
#include "items.h"

#include "loop/core.h"
#include "support/fault.h"

#include <limits.h>

/* ------------------------------------------------------------------ calls without end */

static void start_self(struct item *item)
{
    start_call(item->id);
}

struct endless {
    struct gyre_call call;
    struct item *item;
    int ticks;
};

/* Starts itself again until the item's watcher has run; gives up far beyond what is promised. */
static void run_endlessly(struct gyre_call *call, void *arg)
{
    struct endless *e = arg;

    if (e->item->runs == 0 && ++e->ticks < 10000)
        assert_int_equal(gyre_call_start(call), 0);
}

static struct endless endless;

static void start_endless(struct fixture *f, struct item *item)
{
    endless = (struct endless){ .item = item };
    assert_int_equal(gyre_call_init(&endless.call, f->loop, run_endlessly, &endless), 0);
    assert_int_equal(gyre_call_start(&endless.call), 0);
}

static void io_ran(struct gyre_io *io, unsigned events, void *arg)
{
    (void)events;
    item_ran(arg);
    assert_true(gyre_io_stop(io));
}

/* I-2 */
static void endless_call_does_not_starve_a_descriptor(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct gyre_io io;
    int fds[2];

    make_pair(f, fds);
    memset(&io, 0, sizeof(io));
    assert_int_equal(gyre_io_init(&io, f->loop, io_ran, make_item(f, 1)), 0);
    assert_int_equal(gyre_io_start(&io, fds[0], GYRE_WRITE), 0);
    start_endless(f, &items[1]);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(items[1].runs, 1);
    assert_in_range(endless.ticks, 0, 128);
}

/* I-2, C2 */
static void endless_call_does_not_starve_a_timer(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_timer(1, 0);
    start_endless(f, &items[1]);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(items[1].runs, 1);
    assert_in_range(endless.ticks, 0, 128);
}

static void post_ran(struct gyre_post *post, void *arg)
{
    (void)post;
    item_ran(arg);
}

/* I-2 */
static void endless_call_does_not_starve_a_post(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct gyre_post post;

    memset(&post, 0, sizeof(post));
    assert_int_equal(gyre_post_init(&post, f->loop, post_ran, NULL, make_item(f, 1)), 0);
    start_endless(f, &items[1]);
    assert_int_equal(gyre_post_send(&post), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(items[1].runs, 1);
    assert_in_range(endless.ticks, 0, 128);
}

/* I-2 */
static void run_once_returns_although_calls_start_themselves(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    items[0].then = start_self;
    items[1].then = start_self;
    start_calls(2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), 2);
    ASSERT_TRACE(f, 0, 1, 0, 1, 0, 1);
}

/* I-2: one system call in 64 callbacks or so. */
static void endless_call_asks_the_kernel_seldom(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1); /* never runs */
    unsigned long waits = sys_calls(SYS_WAIT);
    start_endless(f, &items[1]);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    waits = sys_calls(SYS_WAIT) - waits;
    assert_in_range(waits, 10000 / 1024, 10000 / 32);
}

/* ------------------------------------------------------------------ a batch without end */

enum { LONG_BATCH = 1500 }; /* longer than the loop goes without asking the kernel */

static int calls_run;

static void count_call(void *arg)
{
    (void)arg;
    calls_run++;
}

static void queue_long_batch(struct fixture *f)
{
    calls_run = 0;
    for (int i = 0; i < LONG_BATCH; i++)
        assert_int_equal(gyre_call_soon(f->loop, count_call, NULL), 0);
}

static void start_due_timer(struct item *item)
{
    start_timer_at(item->id, 1);
}

/* I-3: what is collected in its middle runs behind it. */
static void timer_due_in_a_long_batch_fires_right_behind_it(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1)->then = start_due_timer;
    start_call(1);
    queue_long_batch(f);
    unsigned long waits = sys_calls(SYS_WAIT);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), LONG_BATCH + 1);
    assert_int_equal(sys_calls(SYS_WAIT) - waits, 2);
    assert_int_equal(items[1].runs, 1);
    items[1].then = NULL;
    assert_int_equal(items[1].timer.call.state, CALL_QUEUED);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(items[1].runs, 2);
}

static void stop_timer_1(void *arg)
{
    (void)arg;
    assert_true(gyre_timer_stop(&items[1].timer));
    spoil(&items[1].timer, sizeof(items[1].timer));
}

/* B2 */
static void timer_collected_in_a_long_batch_can_still_be_stopped_in_it(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1)->then = start_due_timer;
    start_call(1);
    queue_long_batch(f);
    assert_int_equal(gyre_call_soon(f->loop, stop_timer_1, NULL), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), LONG_BATCH + 2);
    assert_int_equal(run_ready(f), 0);
    assert_int_equal(items[1].runs, 1);
    assert_false(gyre_loop_is_alive(f->loop));
}

/* ------------------------------------------------------------------ timers without end */

static void restart_timer_at_once(struct item *item)
{
    if (items[0].runs == 0 && item->runs < 1000)
        start_timer(item->id, 0);
}

/* C2 */
static void timer_restarted_without_delay_fires_in_a_later_tick(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    items[1].then = restart_timer_at_once;
    start_timer(1, 0);
    for (int tick = 1; tick <= 5; tick++) {
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
        assert_int_equal(items[1].runs, tick);
    }
}

/* C2 */
static void timer_restarted_without_delay_starves_neither_calls_nor_descriptors(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct gyre_io io;
    int fds[2];

    make_pair(f, fds);
    make_items(f, 3);
    items[1].then = restart_timer_at_once;
    memset(&io, 0, sizeof(io));
    assert_int_equal(gyre_io_init(&io, f->loop, io_ran, &items[0]), 0);
    assert_int_equal(gyre_io_start(&io, fds[0], GYRE_WRITE), 0);
    start_timer(1, 0);
    start_call(2);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(items[0].runs, 1);
    assert_int_equal(items[2].runs, 1);
    assert_in_range(items[1].runs, 1, 64);
}

static void restart_timer_in_the_past(struct item *item)
{
    if (item->runs < 10)
        start_timer_at(item->id, 1);
}

/* C2 */
static void timer_restarted_in_the_past_fires_once_a_tick(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    items[0].then = restart_timer_in_the_past;
    items[1].then = restart_timer_in_the_past;
    start_timer_at(0, 1);
    start_timer_at(1, 1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    ASSERT_TRACE(f, 0, 1, 0, 1);
    run_ready(f);
    assert_int_equal(items[0].runs + items[1].runs, 20);
}

/* ------------------------------------------------------------------ descriptors without end */

enum { HOT = 100 };

static struct gyre_io hot[HOT];
static int late; /* callbacks of descriptors in a tick in which the timer was due, or later */

static void hot_ran(struct gyre_io *io, unsigned events, void *arg)
{
    struct item *item = arg;

    (void)io;
    (void)events;
    late += gyre_loop_now(item->f->loop) >= gyre_timer_deadline(&item->timer);
}

static void stop_hot(struct item *item)
{
    (void)item;
    for (int i = 0; i < HOT; i++)
        gyre_io_stop(&hot[i]);
}

static void start_hot(struct fixture *f, struct item *item)
{
    int fds[2];

    memset(hot, 0, sizeof(hot));
    late = 0;
    item->then = stop_hot;
    for (int i = 0; i < HOT; i++) {
        if (i % 2 == 0)
            make_pair(f, fds);
        assert_int_equal(gyre_io_init(&hot[i], f->loop, hot_ran, item), 0);
        assert_int_equal(gyre_io_start(&hot[i], fds[i % 2], GYRE_WRITE), 0);
    }
}

/* C13, I-1: it fires in the tick in which it is due, however many descriptors are ready each
 * time. */
static void hot_descriptors_do_not_starve_a_timer(void **state)
{
    struct fixture *f = fixture_of(state);

    f->wait_limit = ULONG_MAX; /* each of them ends at once */
    start_hot(f, make_item(f, 1));
    start_timer(1, GYRE_MS(5));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(items[1].runs, 1);
    assert_in_range(late, 0, HOT);
}

/* C13: the order of sources in a tick. */
static void descriptors_run_before_timers_of_the_same_tick(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct gyre_io io;
    int fds[2];

    make_pair(f, fds);
    make_items(f, 3);
    memset(&io, 0, sizeof(io));
    assert_int_equal(gyre_io_init(&io, f->loop, io_ran, &items[2]), 0);
    start_timer(1, 0);
    assert_int_equal(gyre_io_start(&io, fds[0], GYRE_WRITE), 0);
    start_call(0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    ASSERT_TRACE(f, 0, 2, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ITEM_TEST(endless_call_does_not_starve_a_descriptor),
        ITEM_TEST(endless_call_does_not_starve_a_timer),
        ITEM_TEST(endless_call_does_not_starve_a_post),
        ITEM_TEST(run_once_returns_although_calls_start_themselves),
        ITEM_TEST(endless_call_asks_the_kernel_seldom),
        ITEM_TEST(timer_due_in_a_long_batch_fires_right_behind_it),
        ITEM_TEST(timer_collected_in_a_long_batch_can_still_be_stopped_in_it),
        ITEM_TEST(timer_restarted_without_delay_fires_in_a_later_tick),
        ITEM_TEST(timer_restarted_without_delay_starves_neither_calls_nor_descriptors),
        ITEM_TEST(timer_restarted_in_the_past_fires_once_a_tick),
        ITEM_TEST(hot_descriptors_do_not_starve_a_timer),
        ITEM_TEST(descriptors_run_before_timers_of_the_same_tick),
    };

    return cmocka_run_group_tests_name("fairness", tests, NULL, NULL);
}
