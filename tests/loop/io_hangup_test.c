/* Hang-ups and errors: they are delivered as what was asked for, so that nobody misses the end, and
 * nobody who does not ask is called, so that nobody spins.
 *
 * SPDX-License-Identifier: MIT */
#include "watch.h"

#include "support/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct watch a, b;

enum { BOTH = GYRE_READ | GYRE_WRITE };

/* ------------------------------------------------------------------ who is told what */

/* H-2, F6: of this the kernel says no more than that it hung up. */
static void end_of_a_pipe_without_data_is_readable(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    close_fd(f, &fds[1]);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_READ | GYRE_HANGUP);
}

/* H-2: and of this, than that there is an error. */
static void pipe_without_a_reader_is_writable(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    watch_start(f, &a, 1, fds[1], GYRE_WRITE);
    close_fd(f, &fds[0]);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events & BOTH, GYRE_WRITE);
    if (!poller_is(f, "kqueue"))
        assert_int_not_equal(a.events & HINTS, 0);
}

/* H-3, F8 */
static void data_before_a_hang_up_can_be_read(void **state)
{
    struct fixture *f = fixture_of(state);
    char bytes[8];
    int fds[2];

    make_pair(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    put(fds[1], "end");
    close_fd(f, &fds[1]);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_READ | GYRE_HANGUP);
    assert_int_equal(read(fds[0], bytes, sizeof(bytes)), 3);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(read(fds[0], bytes, sizeof(bytes)), 0);
}

static void hang_up_is_delivered_as_all_that_each_watcher_asked_for(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct watch w[3];
    static const unsigned events[] = { GYRE_READ, BOTH, GYRE_WRITE };
    int fds[2];

    make_pair(f, fds);
    for (int i = 0; i < 3; i++)
        watch_start(f, &w[i], i, fds[0], events[i]);
    close_fd(f, &fds[1]);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    ASSERT_TRACE(f, 0, 1, 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(w[i].events & BOTH, events[i]);
        assert_int_not_equal(w[i].events & HINTS, 0);
    }
}

/* Make the peer of `fds[0]` end the connection with a reset. */
static void reset_connection(struct fixture *f, int fds[2])
{
    struct linger at_once = { .l_onoff = 1 };

    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close_fd(f, &fds[1]);
}

static void reset_connection_is_readable_and_writable(void **state)
{
    struct fixture *f = fixture_of(state);
    char byte;
    int fds[2];

    make_tcp_pair(f, fds);
    watch_start(f, &a, 1, fds[0], BOTH);
    reset_connection(f, fds);
    watch_until_called(&a);
    while ((a.events & BOTH) != BOTH)
        watch_until_called(&a);
    assert_int_not_equal(a.events & HINTS, 0);
    assert_int_equal(read(fds[0], &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
}

/* H-5: the other direction goes on. */
static void half_closed_connection_is_readable_and_still_writes(void **state)
{
    struct fixture *f = fixture_of(state);
    char byte;
    int fds[2];

    make_tcp_pair(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    put(fds[1], "x");
    shutdown(fds[1], SHUT_WR);
    watch_until_called(&a);
    assert_true(a.events & GYRE_READ);
    assert_int_equal(drain(fds[0]), 1);
    watch_until_called(&a);
    assert_int_equal(read(fds[0], &byte, 1), 0);
    put(fds[0], "y");
    watch_start(f, &b, 2, fds[1], GYRE_READ);
    watch_until_called(&b);
    assert_int_equal(drain(fds[1]), 1);
}

/* Stop and free the watcher in `arg`. */
static void free_other(struct watch *w)
{
    struct watch *other = w->arg;

    watch_stop(other);
    free(other);
    watch_stop(w);
}

/* B1: the first of two callbacks of one report closes the descriptor and frees the other's
 * memory. */
static void hang_up_is_not_told_to_who_was_stopped_by_the_first(void **state)
{
    struct fixture *f = fixture_of(state);
    struct watch *other = malloc(sizeof(*other));
    int fds[2];

    assert_non_null(other);
    make_pair(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    watch_start(f, other, 2, fds[0], GYRE_WRITE);
    a.arg = other;
    a.then = free_other;
    close_fd(f, &fds[1]);
    assert_int_equal(run_ready(f), 1);
    ASSERT_TRACE(f, 1);
}

/* ------------------------------------------------------------------ who is not */

enum ending { UNIX_CLOSE, PIPE_CLOSE, TCP_FIN, TCP_RESET, ENDINGS };

static void make_connection(struct fixture *f, enum ending ending, int fds[2])
{
    if (ending == UNIX_CLOSE)
        make_pair(f, fds);
    else if (ending == PIPE_CLOSE)
        make_pipe(f, fds);
    else
        make_tcp_pair(f, fds);
    put(fds[1], "end");
}

static void end_connection(struct fixture *f, enum ending ending, int fds[2])
{
    if (ending == TCP_RESET)
        reset_connection(f, fds);
    else
        close_fd(f, &fds[1]);
}

/* H-1: a loop whose only watcher is paused sleeps, and when it is resumed the end is there. */
static void paused_watcher_of_an_ended_connection_does_not_spin(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int ending = 0; ending < ENDINGS; ending++) {
        int fds[2];

        make_connection(f, (enum ending)ending, fds);
        watch_start(f, &a, ending, fds[0], GYRE_READ);
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
        watch_stop(&a);
        end_connection(f, (enum ending)ending, fds);
        assert_in_range(waits_during(f, GYRE_MS(10)), 1, 40);
        assert_int_equal(a.calls, 1);
        assert_int_equal(gyre_io_start(&a.io, fds[0], GYRE_READ), 0);
        watch_until_called(&a);
        assert_true(a.events & GYRE_READ);
        assert_in_range(drain(fds[0]), ending == TCP_RESET ? 0 : 3, 3);
        watch_stop(&a);
    }
}

/* H-1: the same where one of two watchers of the descriptor goes on, for something else. */
static void paused_watcher_is_not_called_while_another_goes_on(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    watch_start(f, &b, 2, fds[0], GYRE_WRITE);
    watch_stop(&a);
    close_fd(f, &fds[1]);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    ASSERT_TRACE(f, 2, 2);
}

static void read_to_the_end(struct watch *w)
{
    char byte;

    if (read(gyre_io_fd(&w->io), &byte, 1) == 0)
        watch_stop(w);
}

/* H-3: byte by byte, and at the end the end. */
static void slow_reader_gets_every_byte_and_then_the_end(void **state)
{
    struct fixture *f = fixture_of(state);
    char bytes[1000];
    int fds[2];

    memset(bytes, 'x', sizeof(bytes));
    make_tcp_pair(f, fds);
    assert_int_equal(write(fds[1], bytes, sizeof(bytes)), sizeof(bytes));
    close_fd(f, &fds[1]);
    f->wait_limit = 20000;
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    a.then = read_to_the_end;
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(a.calls, sizeof(bytes) + 1);
}

#define IO_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(end_of_a_pipe_without_data_is_readable),
        IO_TEST(pipe_without_a_reader_is_writable),
        IO_TEST(data_before_a_hang_up_can_be_read),
        IO_TEST(hang_up_is_delivered_as_all_that_each_watcher_asked_for),
        IO_TEST(reset_connection_is_readable_and_writable),
        IO_TEST(half_closed_connection_is_readable_and_still_writes),
        IO_TEST(hang_up_is_not_told_to_who_was_stopped_by_the_first),
        IO_TEST(paused_watcher_of_an_ended_connection_does_not_spin),
        IO_TEST(paused_watcher_is_not_called_while_another_goes_on),
        IO_TEST(slow_reader_gets_every_byte_and_then_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
