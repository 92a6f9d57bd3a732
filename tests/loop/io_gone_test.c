/* Descriptors that were closed while watched, where the poller finds out: poll(2), and whoever
 * reports like it. Their watchers are stopped and told GYRE_GONE, once.
 *
 * SPDX-License-Identifier: MIT */
#include "watch.h"

#include "loop/core.h"
#include "support/script_poller.h"

#include <errno.h>

static struct watch a, b, c;

enum { BOTH = GYRE_READ | GYRE_WRITE };

static void watch_and_close(struct fixture *f, struct watch *w, int id, unsigned events)
{
    int fds[2];

    make_pair(f, fds);
    watch_start(f, w, id, fds[0], events);
    close_fd(f, &fds[0]);
}

/* A6 */
static void watcher_of_a_closed_descriptor_is_stopped_and_told_once(void **state)
{
    struct fixture *f = fixture_of(state);

    watch_and_close(f, &a, 1, BOTH);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_GONE);
    assert_false(gyre_io_is_started(&a.io));
    assert_int_equal(gyre_io_fd(&a.io), -1);
    assert_int_equal(gyre_io_events(&a.io), 0);
    assert_false(gyre_io_stop(&a.io));
    assert_in_range(waits_during(f, GYRE_MS(5)), 1, 20);
    ASSERT_TRACE(f, 1);
}

/* A6: in the usual order. */
static void every_watcher_of_the_closed_descriptor_is_told(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_WRITE);
    watch_start(f, &b, 2, fds[0], GYRE_READ);
    watch_start(f, &c, 3, fds[1], GYRE_READ);
    close_fd(f, &fds[0]);
    watch_until_called(&a);
    assert_int_equal(a.events, GYRE_GONE);
    assert_int_equal(b.events, GYRE_GONE);
    watch_until_called(&c);
    assert_true(c.events & GYRE_READ);
    assert_true(gyre_io_is_started(&c.io));
}

/* The kernel reports the closed descriptor, and nobody has been told yet. */
static void collect_gone(struct fixture *f, struct gyre_call *first)
{
    assert_int_equal(gyre_call_start(first), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
}

static struct gyre_call call;

static void stop_or_restart(struct gyre_call *unused, void *arg)
{
    struct watch *w = arg;

    (void)unused;
    assert_int_equal(w->calls, 0);
    assert_false(gyre_io_is_started(&w->io));
    w->then(w);
    w->then = NULL;
}

static void stop_it(struct watch *w)
{
    assert_true(gyre_io_stop(&w->io));
    assert_false(gyre_io_stop(&w->io));
}

/* A6: the first in the queue gets at the second after it was collected. */
static void watcher_that_is_stopped_before_it_is_told_is_not_told(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_call_init(&call, f->loop, stop_or_restart, &a), 0);
    watch_and_close(f, &a, 1, GYRE_READ);
    a.then = stop_it;
    collect_gone(f, &call);
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(run_ready(f), 0);
    assert_int_equal(a.calls, 0);
}

static int other_fd;

static void restart_it(struct watch *w)
{
    assert_int_equal(gyre_io_start(&w->io, other_fd, GYRE_WRITE), 0);
}

/* A6 */
static void watcher_that_is_restarted_before_it_is_told_works(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    other_fd = fds[0];
    assert_int_equal(gyre_call_init(&call, f->loop, stop_or_restart, &a), 0);
    watch_and_close(f, &a, 1, GYRE_READ);
    a.then = restart_it;
    collect_gone(f, &call);
    assert_int_equal(a.calls, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_WRITE);
    assert_int_equal(gyre_io_fd(&a.io), other_fd);
}

static void fail_to_restart_it(struct watch *w)
{
    assert_int_equal(gyre_io_start(&w->io, other_fd, GYRE_WRITE), -EBADF);
}

/* B8: a start that is refused changes nothing, so it is still told. */
static void watcher_that_cannot_be_restarted_is_told(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    other_fd = fds[0];
    close_fd(f, &fds[0]);
    assert_int_equal(gyre_call_init(&call, f->loop, stop_or_restart, &a), 0);
    watch_and_close(f, &a, 1, GYRE_READ);
    a.then = fail_to_restart_it;
    assert_int_equal(gyre_call_start(&call), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(a.events, GYRE_GONE);
}

static void init_again(struct watch *w)
{
    assert_int_equal(gyre_io_init(&w->io, w->f->loop, w->io.fn, w), -EBUSY);
}

/* It is in the queue, so init must not forget it. */
static void watcher_that_has_not_been_told_cannot_be_initialised(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_call_init(&call, f->loop, stop_or_restart, &a), 0);
    watch_and_close(f, &a, 1, GYRE_READ);
    a.then = init_again;
    assert_int_equal(gyre_call_start(&call), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(a.events, GYRE_GONE);
}

/* What keeps the loop alive until it is told is the queue. */
static void loop_ends_after_its_last_watcher_was_told(void **state)
{
    struct fixture *f = fixture_of(state);

    watch_and_close(f, &a, 1, GYRE_READ);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(a.events, GYRE_GONE);
}

static void number_of_a_descriptor_that_is_gone_can_be_watched_again(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    int number = fds[0];
    watch_start(f, &a, 1, number, GYRE_READ);
    close_fd(f, &fds[0]);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    make_pair(f, fds);
    assert_int_equal(fds[0], number);
    watch_start(f, &b, 2, number, GYRE_WRITE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    ASSERT_TRACE(f, 1, 2);
    assert_int_equal(b.events, GYRE_WRITE);
}

static void gone_replaces_what_was_collected_before(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    const struct fd_slot *slot = fd_table_find(&f->loop->fds, fds[0]);
    uint64_t key = fd_key(slot->generation, fds[0]);
    io_deliver(f->loop, &(struct poller_event){ .key = key, .events = POLLER_READ });
    io_deliver(f->loop, &(struct poller_event){ .key = key, .events = POLLER_GONE });
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_GONE);
}

static void unreferenced_watcher_is_told_too(void **state)
{
    struct fixture *f = fixture_of(state);

    watch_and_close(f, &a, 1, GYRE_READ);
    gyre_io_unref(&a.io);
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_GONE);
    assert_false(gyre_loop_is_alive(f->loop));
}

#define IO_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(watcher_of_a_closed_descriptor_is_stopped_and_told_once),
        IO_TEST(every_watcher_of_the_closed_descriptor_is_told),
        IO_TEST(watcher_that_is_stopped_before_it_is_told_is_not_told),
        IO_TEST(watcher_that_is_restarted_before_it_is_told_works),
        IO_TEST(watcher_that_cannot_be_restarted_is_told),
        IO_TEST(watcher_that_has_not_been_told_cannot_be_initialised),
        IO_TEST(loop_ends_after_its_last_watcher_was_told),
        IO_TEST(number_of_a_descriptor_that_is_gone_can_be_watched_again),
        IO_TEST(gone_replaces_what_was_collected_before),
        IO_TEST(unreferenced_watcher_is_told_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
