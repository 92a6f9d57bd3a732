/* Changing what a started watcher asks for: now, for events collected already, and for the next
 * ones.
 *
 * SPDX-License-Identifier: MIT */
#include "watch.h"

#include "support/script_poller.h"

#include <errno.h>
#include <unistd.h>

static struct watch a, b;

enum { BOTH = GYRE_READ | GYRE_WRITE };

static void change_takes_effect(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    put(fds[1], "x");
    watch_start(f, &a, 1, fds[0], GYRE_WRITE);
    watch_change(&a, GYRE_READ);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_READ);
    watch_change(&a, BOTH);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, BOTH);
    watch_change(&a, GYRE_WRITE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_WRITE);
}

static void change_to_the_same_changes_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    put(fds[1], "x");
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    watch_start(f, &b, 2, fds[0], GYRE_READ);
    watch_change(&a, GYRE_READ);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    ASSERT_TRACE(f, 1, 2);
}

static void paused_direction_comes_back(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_start(f, &a, 1, fds[0], BOTH);
    watch_change(&a, GYRE_READ);
    assert_int_equal(run_ready(f), 0);
    watch_change(&a, BOTH);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_WRITE);
}

/* ------------------------------------------------------------------ after they were collected */

/* Start `b` on a descriptor that is ready in both directions, with `a` before it in the queue;
 * return the peer. */
static int start_ready_pair(struct fixture *f, unsigned events, void (*then)(struct watch *w))
{
    int fds[2];

    make_pair(f, fds);
    put(fds[1], "x");
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    watch_start(f, &b, 2, fds[0], events);
    a.then = then;
    return fds[1];
}

static void change_other_to_reading(struct watch *w)
{
    (void)w;
    watch_change(&b, GYRE_READ);
}

static void change_other_to_writing(struct watch *w)
{
    (void)w;
    watch_change(&b, GYRE_WRITE);
}

static void event_that_is_no_longer_asked_for_is_forgotten(void **state)
{
    struct fixture *f = fixture_of(state);

    start_ready_pair(f, GYRE_WRITE, change_other_to_reading);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(b.calls, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(b.events, GYRE_READ);
}

static void event_that_is_still_asked_for_is_kept(void **state)
{
    struct fixture *f = fixture_of(state);

    start_ready_pair(f, BOTH, change_other_to_writing);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(b.events, GYRE_WRITE);
}

/* H-1 */
static void hang_up_alone_is_forgotten_with_the_direction_it_came_with(void **state)
{
    struct fixture *f = fixture_of(state);
    int peer = start_ready_pair(f, GYRE_WRITE, change_other_to_reading);

    close_fd(f, &peer);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(b.calls, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_true(b.events & GYRE_READ);
    assert_int_equal(b.events & GYRE_WRITE, 0);
}

/* H-1 */
static void hang_up_stays_a_hint_with_the_direction_that_is_kept(void **state)
{
    struct fixture *f = fixture_of(state);
    int peer = start_ready_pair(f, BOTH, change_other_to_reading);

    close_fd(f, &peer);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(b.events & BOTH, GYRE_READ);
    assert_int_not_equal(b.events & HINTS, 0);
}

static void change_other_away_and_back(struct watch *w)
{
    (void)w;
    watch_change(&b, GYRE_READ);
    watch_change(&b, GYRE_WRITE);
}

/* What was forgotten is reported anew, once. */
static void event_that_was_forgotten_comes_again(void **state)
{
    struct fixture *f = fixture_of(state);

    start_ready_pair(f, GYRE_WRITE, change_other_away_and_back);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    a.then = NULL;
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    ASSERT_TRACE(f, 1, 1, 1, 2);
}

static void change_itself_to_writing(struct watch *w)
{
    w->then = NULL;
    watch_change(w, GYRE_WRITE);
}

/* B4 */
static void change_in_its_own_callback_takes_effect(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    put(fds[1], "x");
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    a.then = change_itself_to_writing;
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_WRITE);
    assert_int_equal(gyre_io_events(&a.io), GYRE_WRITE);
}

#define IO_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(change_takes_effect),
        IO_TEST(change_to_the_same_changes_nothing),
        IO_TEST(paused_direction_comes_back),
        IO_TEST(event_that_is_no_longer_asked_for_is_forgotten),
        IO_TEST(event_that_is_still_asked_for_is_kept),
        IO_TEST(hang_up_alone_is_forgotten_with_the_direction_it_came_with),
        IO_TEST(hang_up_stays_a_hint_with_the_direction_that_is_kept),
        IO_TEST(event_that_was_forgotten_comes_again),
        IO_TEST(change_in_its_own_callback_takes_effect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
