/* What a watcher of a descriptor promises: io.c.
 *
 * SPDX-License-Identifier: MIT */
#include "watch.h"

#include "support/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Not on the stack of a test, for a loop that a failed test leaves behind still knows them. */
static struct watch a, b, c;

enum { BOTH = GYRE_READ | GYRE_WRITE };

/* ------------------------------------------------------------------ readiness */

static void readable_descriptor_is_reported(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    assert_int_equal(run_ready(f), 0);
    put(fds[1], "x");
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_READ);
}

static void writable_descriptor_is_reported(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    watch_start(f, &a, 1, fds[1], GYRE_WRITE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_WRITE);
}

static void both_directions_come_in_one_call(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    put(fds[1], "x");
    watch_start(f, &a, 1, fds[0], BOTH);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, BOTH);
}

static void only_what_was_asked_for_is_reported(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    put(fds[1], "x");
    watch_start(f, &a, 1, fds[0], GYRE_WRITE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_WRITE);
    watch_stop(&a);
    watch_start(f, &b, 2, fds[0], GYRE_READ);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(b.events, GYRE_READ);
}

static void call_is_repeated_until_the_descriptor_is_no_longer_ready(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    put(fds[1], "xy");
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    for (int i = 0; i < 3; i++)
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    a.then = watch_drain;
    assert_int_equal(run_ready(f), 1);
    ASSERT_TRACE(f, 1, 1, 1, 1);
}

static void start_calls_nobody(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    watch_start(f, &a, 1, fds[1], GYRE_WRITE);
    watch_start(f, &b, 2, fds[1], GYRE_WRITE);
    watch_change(&a, GYRE_WRITE);
    assert_int_equal(a.calls + b.calls, 0);
}

static void ready_descriptor_wakes_a_loop_that_waits_for_ever(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    watch_start(f, &a, 1, fds[1], GYRE_WRITE);
    a.then = watch_stop;
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 1);
}

/* ------------------------------------------------------------------ life */

static void watcher_tells_what_it_watches(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_init(f, &a, 1);
    assert_false(gyre_io_is_started(&a.io));
    assert_int_equal(gyre_io_fd(&a.io), -1);
    assert_int_equal(gyre_io_events(&a.io), 0);
    assert_int_equal(gyre_io_start(&a.io, fds[0], BOTH), 0);
    assert_true(gyre_io_is_started(&a.io));
    assert_int_equal(gyre_io_fd(&a.io), fds[0]);
    assert_int_equal(gyre_io_events(&a.io), BOTH);
    watch_change(&a, GYRE_READ);
    assert_int_equal(gyre_io_events(&a.io), GYRE_READ);
}

static void stopped_watcher_is_not_called(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    watch_start(f, &a, 1, fds[1], GYRE_WRITE);
    assert_true(gyre_io_stop(&a.io));
    assert_false(gyre_io_stop(&a.io));
    assert_false(gyre_io_is_started(&a.io));
    assert_int_equal(gyre_io_fd(&a.io), -1);
    assert_int_equal(gyre_io_events(&a.io), 0);
    assert_int_equal(run_ready(f), 0);
}

static void stopped_watcher_can_watch_another_descriptor(void **state)
{
    struct fixture *f = fixture_of(state);
    int first[2], second[2];

    make_pipe(f, first);
    make_pipe(f, second);
    watch_start(f, &a, 1, first[0], GYRE_READ);
    watch_stop(&a);
    assert_int_equal(gyre_io_start(&a.io, second[1], GYRE_WRITE), 0);
    put(first[1], "x");
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_WRITE);
}

static void started_watcher_refuses_another_descriptor(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    assert_int_equal(gyre_io_start(&a.io, fds[1], GYRE_READ), -EBUSY);
    assert_int_equal(gyre_io_fd(&a.io), fds[0]);
    assert_int_equal(gyre_io_events(&a.io), GYRE_READ);
    put(fds[1], "x");
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
}

static void unreferenced_watcher_works_but_does_not_keep_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    watch_start(f, &a, 1, fds[1], GYRE_WRITE);
    gyre_io_unref(&a.io);
    gyre_io_unref(&a.io);
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(a.calls, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    gyre_io_ref(&a.io);
    assert_true(gyre_loop_is_alive(f->loop));
    watch_stop(&a);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void two_loops_may_watch_one_descriptor(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *first = f->loop, *second = make_loop();
    int fds[2];

    make_pipe(f, fds);
    put(fds[1], "x");
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    f->loop = second;
    watch_start(f, &b, 2, fds[0], GYRE_READ);
    assert_int_equal(gyre_loop_run_once(second, 0), 1);
    assert_int_equal(gyre_loop_run_once(first, 0), 1);
    ASSERT_TRACE(f, 2, 1);
    assert_int_equal(gyre_loop_destroy(second), 0);
    f->loop = first;
    assert_int_equal(gyre_loop_run_once(first, 0), 1);
}

/* ------------------------------------------------------------------ refusals */

/* K-5 */
static void descriptor_that_is_not_open_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    size_t bytes = live_bytes();
    int fds[2];

    make_pipe(f, fds);
    int closed = fds[0];
    close_fd(f, &fds[0]);
    watch_init(f, &a, 1);
    assert_int_equal(gyre_io_start(&a.io, -1, GYRE_READ), -EBADF);
    assert_int_equal(gyre_io_start(&a.io, INT_MIN, GYRE_READ), -EBADF);
    assert_int_equal(gyre_io_start(&a.io, INT_MAX, GYRE_READ), -EBADF);
    assert_int_equal(live_bytes(), bytes);
    assert_int_equal(gyre_io_start(&a.io, closed, GYRE_READ), -EBADF);
    assert_false(gyre_io_is_started(&a.io));
    assert_false(gyre_loop_is_alive(f->loop));
}

/* K-5: also where there is room for it by now */
static void closed_descriptor_that_was_watched_before_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    int closed = fds[0];
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    watch_stop(&a);
    close_fd(f, &fds[0]);
    assert_int_equal(gyre_io_start(&a.io, closed, GYRE_READ), -EBADF);
    assert_false(gyre_io_is_started(&a.io));
}

static void events_must_be_read_or_write_or_both(void **state)
{
    static const unsigned wrong[] = { 0,         GYRE_HANGUP, GYRE_READ | GYRE_ERROR,
                                      GYRE_GONE, 32,          GYRE_WRITE | 256,
                                      UINT_MAX };
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_init(f, &a, 1);
    watch_start(f, &b, 2, fds[1], GYRE_READ);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(gyre_io_start(&a.io, fds[0], wrong[i]), -EINVAL);
        assert_int_equal(gyre_io_start(&b.io, fds[1], wrong[i]), -EINVAL);
    }
    assert_false(gyre_io_is_started(&a.io));
    assert_int_equal(gyre_io_events(&b.io), GYRE_READ);
}

static int open_regular_file(struct fixture *f)
{
    char name[] = "io_test_XXXXXX";
    int fd = own_fd(f, mkstemp(name));

    unlink(name);
    return fd;
}

/* F11 */
static void regular_file_is_refused_by_epoll_and_always_ready_elsewhere(void **state)
{
    struct fixture *f = fixture_of(state);
    int fd = open_regular_file(f);

    watch_init(f, &a, 1);
    int err = gyre_io_start(&a.io, fd, GYRE_READ);
    if (err < 0) {
        assert_false(poller_is(f, "poll"));
        assert_int_equal(err, -EPERM);
        assert_false(gyre_io_is_started(&a.io));
        assert_false(gyre_loop_is_alive(f->loop));
        return;
    }
    assert_false(poller_is(f, "epoll") || poller_is(f, "epoll_wait"));
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_READ);
}

/* K-1, B8 */
static void first_watch_without_memory_changes_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];
    int err = -ENOMEM;
    unsigned n = 0;

    make_pipe(f, fds);
    watch_init(f, &a, 1);
    while (err < 0) {
        fail_allocation(++n, false);
        err = gyre_io_start(&a.io, fds[1], GYRE_WRITE);
        assert_int_equal(err, fault_fired() ? -ENOMEM : 0);
        assert_int_equal(gyre_io_is_started(&a.io), err == 0);
        assert_int_equal(gyre_loop_is_alive(f->loop), err == 0);
    }
    disarm_faults();
    assert_in_range(n, 3, 10); /* a page of the table and the list of pages, at least */
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
}

/* K-1 */
static void room_made_in_advance_makes_start_independent_of_memory(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop_options opt = test_options();
    int fds[2];

    opt.fd_capacity = 1024;
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    assert_int_equal(gyre_loop_create(&opt, &f->loop), 0);
    make_pipe(f, fds);
    watch_init(f, &a, 1);
    watch_init(f, &b, 2);
    fail_allocation(1, true);
    int err = gyre_io_start(&a.io, fds[0], GYRE_READ);
    int high = gyre_io_start(&b.io, own_fd(f, fcntl(fds[1], F_DUPFD_CLOEXEC, 1023)), GYRE_WRITE);
    disarm_faults();
    assert_int_equal(err, 0);
    assert_int_equal(high, 0);
}

/* K-5: a million, or the highest number that is allowed here. */
static void descriptor_number_may_be_large(void **state)
{
    struct fixture *f = fixture_of(state);
    struct rlimit old, high;
    int fds[2];

    make_pipe(f, fds);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    high = old;
    high.rlim_cur = high.rlim_max > 1000001 ? 1000001 : high.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &high), 0);
    int fd = own_fd(f, dup2(fds[1], (int)high.rlim_cur - 1));
    watch_start(f, &a, 1, fd, GYRE_WRITE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    watch_stop(&a);
    close_fd(f, &fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/* ------------------------------------------------------------------ many watchers of one */

static void readers_run_before_writers_and_else_in_the_order_of_start(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct watch w[6];
    static const unsigned events[6] = { GYRE_WRITE, GYRE_READ, BOTH, GYRE_WRITE, GYRE_READ, BOTH };
    int fds[2];

    make_pair(f, fds);
    put(fds[1], "x");
    for (int i = 0; i < 6; i++)
        watch_start(f, &w[i], i, fds[0], events[i]);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 6);
    ASSERT_TRACE(f, 1, 2, 4, 5, 0, 3);
    for (int i = 0; i < 6; i++)
        assert_int_equal(w[i].events, events[i]);
}

static void watcher_that_begins_to_read_comes_last_of_the_readers(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    put(fds[1], "x");
    watch_start(f, &a, 1, fds[0], GYRE_WRITE);
    watch_start(f, &b, 2, fds[0], GYRE_READ);
    watch_start(f, &c, 3, fds[0], GYRE_WRITE);
    watch_change(&c, BOTH);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    watch_change(&b, GYRE_WRITE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    watch_change(&c, GYRE_READ);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    ASSERT_TRACE(f, 2, 3, 1, 3, 1, 2, 3, 1, 2);
}

static void each_watcher_gets_its_own_share_of_the_events(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    watch_start(f, &b, 2, fds[0], GYRE_WRITE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    put(fds[1], "x");
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(a.events, GYRE_READ);
    assert_int_equal(b.events, GYRE_WRITE);
    ASSERT_TRACE(f, 2, 1, 2);
}

static void rest_of_the_watchers_goes_on_when_one_stops(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    put(fds[1], "x");
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    watch_start(f, &b, 2, fds[0], GYRE_READ);
    watch_start(f, &c, 3, fds[0], GYRE_WRITE);
    watch_stop(&a);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    watch_stop(&c);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    ASSERT_TRACE(f, 2, 3, 2);
    assert_int_equal(b.events, GYRE_READ);
}

#define IO_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(readable_descriptor_is_reported),
        IO_TEST(writable_descriptor_is_reported),
        IO_TEST(both_directions_come_in_one_call),
        IO_TEST(only_what_was_asked_for_is_reported),
        IO_TEST(call_is_repeated_until_the_descriptor_is_no_longer_ready),
        IO_TEST(start_calls_nobody),
        IO_TEST(ready_descriptor_wakes_a_loop_that_waits_for_ever),
        IO_TEST(watcher_tells_what_it_watches),
        IO_TEST(stopped_watcher_is_not_called),
        IO_TEST(stopped_watcher_can_watch_another_descriptor),
        IO_TEST(started_watcher_refuses_another_descriptor),
        IO_TEST(unreferenced_watcher_works_but_does_not_keep_the_loop_alive),
        IO_TEST(two_loops_may_watch_one_descriptor),
        IO_TEST(descriptor_that_is_not_open_is_refused),
        IO_TEST(closed_descriptor_that_was_watched_before_is_refused),
        IO_TEST(events_must_be_read_or_write_or_both),
        IO_TEST(regular_file_is_refused_by_epoll_and_always_ready_elsewhere),
        IO_TEST(first_watch_without_memory_changes_nothing),
        IO_TEST(room_made_in_advance_makes_start_independent_of_memory),
        IO_TEST(descriptor_number_may_be_large),
        IO_TEST(readers_run_before_writers_and_else_in_the_order_of_start),
        IO_TEST(watcher_that_begins_to_read_comes_last_of_the_readers),
        IO_TEST(each_watcher_gets_its_own_share_of_the_events),
        IO_TEST(rest_of_the_watchers_goes_on_when_one_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
