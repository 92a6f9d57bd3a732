/* What the kernel is told of descriptors, and when: the first watcher and the last at once, a
 * change of events at the end of the tick, what was undone by then never.
 *
 * The poller under test is the real one; only what it is told is counted, and refused on demand.
 *
 * SPDX-License-Identifier: MIT */
#include "watch.h"

#include "loop/core.h"
#include "support/fault.h"

#include <errno.h>
#include <unistd.h>

enum { BOTH = GYRE_READ | GYRE_WRITE };

static struct watch a, b, c;

/* ------------------------------------------------------------------ the poller's ear */

static const struct poller_ops *real_ops;
static struct poller_ops counting_ops;
static int told_count;
static unsigned told_old, told_events; /* the last time */
static int refusals, refusal;          /* how many more, and with what */

static int count_set(struct poller *p, int fd, uint64_t key, unsigned old, unsigned events)
{
    told_count++;
    told_old = old;
    told_events = events;
    if (refusals > 0) {
        refusals--;
        return refusal;
    }
    return real_ops->set(p, fd, key, old, events);
}

static int setup_counting(void **state)
{
    if (setup(state) < 0)
        return -1;

    struct poller *p = &fixture_of(state)->loop->poller;
    real_ops = p->ops;
    counting_ops = *real_ops;
    counting_ops.set = count_set;
    p->ops = &counting_ops;
    told_count = refusals = 0;
    return 0;
}

static void refuse(int count, int err)
{
    refusals = count;
    refusal = err;
}

/* How often the kernel has been told something since the last time. */
static int told(void)
{
    int count = told_count;

    told_count = 0;
    return count;
}

/* A connected pair of which `w` watches the readable and writable first. */
static void watch_pair(struct fixture *f, struct watch *w, int fds[2], unsigned events)
{
    make_pair(f, fds);
    put(fds[1], "x");
    watch_start(f, w, 1, fds[0], events);
}

/* ------------------------------------------------------------------ at once */

static void first_watcher_and_last_stop_are_told_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_READ);
    assert_int_equal(told(), 1);
    assert_int_equal(told_events, GYRE_READ);
    watch_stop(&a);
    assert_int_equal(told(), 1);
    assert_int_equal(told_old, GYRE_READ);
    assert_int_equal(told_events, 0);
    assert_int_equal(run_ready(f), 0);
    assert_int_equal(told(), 0);
}

static void next_watcher_adds_to_the_union_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_READ);
    told();
    watch_start(f, &b, 2, fds[0], GYRE_WRITE);
    assert_int_equal(told(), 1);
    assert_int_equal(told_old, GYRE_READ);
    assert_int_equal(told_events, BOTH);
}

/* B8 */
static void first_watcher_that_is_refused_leaves_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_init(f, &a, 1);
    refuse(1, -ENOSPC);
    assert_int_equal(gyre_io_start(&a.io, fds[0], GYRE_WRITE), -ENOSPC);
    assert_false(gyre_io_is_started(&a.io));
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(told(), 1);
    assert_int_equal(run_ready(f), 0);
    assert_int_equal(told(), 0);
    assert_int_equal(gyre_io_start(&a.io, fds[0], GYRE_WRITE), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
}

/* B8 */
static void next_watcher_that_is_refused_leaves_the_others_alone(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_READ);
    watch_init(f, &b, 2);
    refuse(1, -ENOMEM);
    assert_int_equal(gyre_io_start(&b.io, fds[0], GYRE_WRITE), -ENOMEM);
    assert_false(gyre_io_is_started(&b.io));
    told();
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_READ);
    assert_int_equal(told(), 0);
    watch_stop(&a);
    assert_int_equal(told_old, GYRE_READ);
}

/* ------------------------------------------------------------------ at the end of the tick */

static void change_is_told_before_the_next_wait(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_WRITE);
    told();
    watch_change(&a, GYRE_READ);
    assert_int_equal(told(), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_READ);
    assert_int_equal(told(), 1);
    assert_int_equal(told_old, GYRE_WRITE);
    assert_int_equal(told_events, GYRE_READ);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(told(), 0);
}

static void change_that_was_undone_is_not_told(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_READ);
    told();
    for (int i = 0; i < 5; i++) {
        watch_change(&a, BOTH);
        watch_change(&a, GYRE_READ);
    }
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(told(), 0);
}

static void many_changes_are_told_as_one(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_READ);
    told();
    for (int i = 0; i < 5; i++) {
        watch_change(&a, GYRE_WRITE);
        watch_change(&a, BOTH);
    }
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(told(), 1);
    assert_int_equal(told_events, BOTH);
}

static void change_that_leaves_the_union_alone_is_not_told(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, BOTH);
    watch_start(f, &b, 2, fds[0], GYRE_READ);
    told();
    watch_change(&b, GYRE_WRITE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    watch_stop(&b);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(told(), 0);
}

/* A11 */
static void stop_of_one_of_two_shrinks_the_union(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_READ);
    watch_start(f, &b, 2, fds[0], GYRE_WRITE);
    told();
    watch_stop(&a);
    assert_int_equal(told(), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(told(), 1);
    assert_int_equal(told_old, BOTH);
    assert_int_equal(told_events, GYRE_WRITE);
    ASSERT_TRACE(f, 2);
}

/* A10 */
static void change_before_the_last_stop_is_forgotten(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_READ);
    told();
    watch_change(&a, GYRE_WRITE);
    watch_stop(&a);
    assert_int_equal(told(), 1);
    assert_int_equal(told_old, GYRE_READ);
    assert_int_equal(told_events, 0);
    assert_int_equal(run_ready(f), 0);
    assert_int_equal(told(), 0);
}

/* A10 */
static void stop_and_start_between_two_waits_are_both_told(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_READ);
    told();
    watch_stop(&a);
    assert_int_equal(gyre_io_start(&a.io, fds[0], GYRE_READ), 0);
    assert_int_equal(told(), 2);
    assert_int_equal(told_old, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
}

/* A10: the next watcher takes a change that was waiting along. */
static void start_tells_what_waited_to_be_told(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_READ);
    watch_change(&a, GYRE_WRITE);
    told();
    watch_start(f, &b, 2, fds[0], GYRE_WRITE);
    assert_int_equal(told(), 1);
    assert_int_equal(told_events, GYRE_WRITE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(told(), 0);
}

/* ------------------------------------------------------------------ changes that are refused */

static void refused_change_is_told_to_the_watchers_and_tried_again(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_WRITE);
    watch_start(f, &b, 2, fds[0], GYRE_WRITE);
    told();
    watch_change(&a, GYRE_READ);
    refuse(2, -ENOMEM);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), 2);
        assert_int_equal(a.events & BOTH, GYRE_READ);
        assert_int_equal(b.events & BOTH, GYRE_WRITE);
        assert_true(a.events & b.events & GYRE_ERROR);
        assert_int_equal(told(), 1);
    }
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(a.events, GYRE_READ);
    assert_int_equal(b.events, GYRE_WRITE);
    assert_int_equal(told(), 1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(told(), 0);
}

static void refused_change_can_be_undone(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_READ);
    watch_change(&a, GYRE_WRITE);
    refuse(1, -ENOMEM);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    told();
    watch_change(&a, GYRE_READ);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_READ);
    assert_int_equal(told(), 0);
}

static void watcher_can_be_stopped_after_a_refused_change(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_READ);
    watch_change(&a, GYRE_WRITE);
    refuse(1, -ENOMEM);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    watch_stop(&a);
    assert_int_equal(told_events, 0);
    told();
    assert_int_equal(run_ready(f), 0);
    assert_int_equal(told(), 0);
    assert_false(gyre_loop_is_alive(f->loop));
}

/* Those that come after the refused one are told all the same. */
static void other_changes_are_told_when_one_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2], others[2];

    watch_pair(f, &a, fds, GYRE_WRITE);
    watch_pair(f, &c, others, GYRE_WRITE);
    told();
    watch_change(&a, GYRE_READ);
    watch_change(&c, GYRE_READ);
    refuse(1, -ENOMEM);
    assert_in_range(gyre_loop_run_once(f->loop, 0), 1, 2);
    assert_int_equal(told(), 2);
    watch_until_called(&c);
    assert_int_equal(c.events, GYRE_READ);
}

/* A6 */
static void change_for_a_closed_descriptor_stops_its_watchers(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    watch_pair(f, &a, fds, GYRE_READ);
    watch_start(f, &b, 2, fds[0], GYRE_READ);
    watch_change(&a, GYRE_WRITE);
    refuse(1, -EBADF);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(a.events, GYRE_GONE);
    assert_int_equal(b.events, GYRE_GONE);
    assert_false(gyre_io_is_started(&a.io) || gyre_io_is_started(&b.io));
    assert_int_equal(run_ready(f), 0);
    ASSERT_TRACE(f, 2, 1);
}

#define INTEREST_TEST(name) cmocka_unit_test_setup_teardown(name, setup_counting, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INTEREST_TEST(first_watcher_and_last_stop_are_told_at_once),
        INTEREST_TEST(next_watcher_adds_to_the_union_at_once),
        INTEREST_TEST(first_watcher_that_is_refused_leaves_nothing),
        INTEREST_TEST(next_watcher_that_is_refused_leaves_the_others_alone),
        INTEREST_TEST(change_is_told_before_the_next_wait),
        INTEREST_TEST(change_that_was_undone_is_not_told),
        INTEREST_TEST(many_changes_are_told_as_one),
        INTEREST_TEST(change_that_leaves_the_union_alone_is_not_told),
        INTEREST_TEST(stop_of_one_of_two_shrinks_the_union),
        INTEREST_TEST(change_before_the_last_stop_is_forgotten),
        INTEREST_TEST(stop_and_start_between_two_waits_are_both_told),
        INTEREST_TEST(start_tells_what_waited_to_be_told),
        INTEREST_TEST(refused_change_is_told_to_the_watchers_and_tried_again),
        INTEREST_TEST(refused_change_can_be_undone),
        INTEREST_TEST(watcher_can_be_stopped_after_a_refused_change),
        INTEREST_TEST(other_changes_are_told_when_one_is_refused),
        INTEREST_TEST(change_for_a_closed_descriptor_stops_its_watchers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
