/* Descriptors that are closed, and numbers that are used again: the new file never sees an event of
 * the old one; and where the rules were broken, the loop survives.
 *
 * SPDX-License-Identifier: MIT */
#include "watch.h"

#include "loop/core.h"
#include "os/sys.h"
#include "support/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static struct watch a, b;
static struct watch pair[2];

/* Give the number `fd`, which is closed, to a new socket; return its peer. */
static int open_new_file_at(struct fixture *f, int fd)
{
    int fds[2];

    make_pair(f, fds);
    if (fds[0] != fd)
        own_fd(f, dup2(fds[0], fd));
    if (fds[0] != fd)
        close_fd(f, &fds[0]);
    return fds[1];
}

/* Close `fd` behind the loop's back, but keep its file alive; return a duplicate. */
static int close_but_keep(struct fixture *f, int fd)
{
    int copy = own_fd(f, fcntl(fd, F_DUPFD_CLOEXEC, 100));

    close_fd(f, &fd);
    return copy;
}

/* ------------------------------------------------------------------ by the rules */

static int new_peer;

/* Of two ready watchers the first that is called puts a new file in the place of the other's. */
static void replace_other(struct watch *w)
{
    struct watch *other = &pair[w == &pair[0]];
    int fd = gyre_io_fd(&other->io);
    int number = fd;

    w->then = NULL;
    watch_stop(other);
    close_fd(w->f, &fd);
    new_peer = open_new_file_at(w->f, number);
    watch_start(w->f, other, other->id, number, GYRE_READ);
    watch_stop(w);
}

static void replace_in_one_batch(struct fixture *f, int started_first)
{
    int fds[2][2];

    for (int i = 0; i < 2; i++) {
        make_pair(f, fds[i]);
        put(fds[i][1], "x");
    }
    for (int i = 0; i < 2; i++) {
        int k = i ^ started_first;

        watch_start(f, &pair[k], k, fds[k][0], GYRE_READ);
        pair[k].then = replace_other;
    }
    watch_report_together(pair, 2, GYRE_READ);
    assert_int_equal(run_ready(f), 1);
    struct watch *other = pair[0].calls ? &pair[1] : &pair[0];
    assert_int_equal(other->calls, 0);
    put(new_peer, "y");
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(other->calls, 1);
    watch_stop(other);
}

/* A1 */
static void new_file_does_not_see_the_event_of_the_old_one_in_its_batch(void **state)
{
    struct fixture *f = fixture_of(state);

    replace_in_one_batch(f, 0);
    replace_in_one_batch(f, 1);
}

/* A7 */
static void number_watched_again_for_the_same_is_told_to_the_kernel_again(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    int number = fds[0];
    watch_start(f, &a, 1, number, GYRE_READ);
    for (int i = 0; i < 3; i++) {
        watch_stop(&a);
        int fd = number;
        close_fd(f, &fd);
        int peer = open_new_file_at(f, number);
        assert_int_equal(gyre_io_start(&a.io, number, GYRE_READ), 0);
        assert_int_equal(run_ready(f), 0);
        put(peer, "x");
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    }
}

/* A2 */
static void duplicate_of_a_stopped_and_closed_descriptor_is_silent(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    watch_stop(&a);
    close_but_keep(f, fds[0]);
    put(fds[1], "x");
    assert_in_range(waits_during(f, GYRE_MS(5)), 1, 20);
    assert_int_equal(a.calls, 0);
}

/* A3, F3: the kernel still knows this pair of number and file. */
static void number_may_come_back_with_the_same_file(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    if (poller_is(f, "kqueue"))
        skip(); /* the kernel forgets it with the number; its emulation cannot */
    make_pair(f, fds);
    int number = fds[0];
    watch_start(f, &a, 1, number, GYRE_READ);
    int copy = close_but_keep(f, number);
    watch_stop(&a);
    own_fd(f, dup2(copy, number));
    assert_int_equal(gyre_io_start(&a.io, number, GYRE_READ), 0);
    put(fds[1], "x");
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_READ);
}

/* ------------------------------------------------------------------ against the rules */

/* A4 */
static void watcher_may_be_stopped_after_its_descriptor_was_closed(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    watch_start(f, &b, 2, fds[1], GYRE_READ);
    close_fd(f, &fds[0]);
    assert_true(gyre_io_stop(&a.io));
    assert_false(gyre_io_is_started(&a.io));
    watch_until_called(&b);
    assert_true(b.events & GYRE_READ);
}

/* A7: a forgotten watcher does not keep others from watching the new file. */
static void forgotten_watcher_does_not_hide_the_new_file(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    int number = fds[0];
    watch_start(f, &a, 1, number, GYRE_READ);
    close_fd(f, &fds[0]);
    int peer = open_new_file_at(f, number);
    watch_start(f, &b, 2, number, GYRE_READ);
    assert_int_equal(run_ready(f), 0);
    put(peer, "x");
    watch_until_called(&b);
    assert_int_equal(b.events, GYRE_READ);
}

/* Watch one end of a pair, leave the kernel with a registration that nobody can take back, and make
 * it report. */
static void haunt(struct fixture *f, const int fds[2])
{
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    close_but_keep(f, fds[0]);
    watch_stop(&a);
    put(fds[1], "x");
}

static void make_ghost(struct fixture *f)
{
    int fds[2];

    make_pair(f, fds);
    haunt(f, fds);
}

/* A2: reports of a file that nobody watches are dropped, and soon there are no more. */
static void ghost_calls_nobody_and_does_not_spin(void **state)
{
    struct fixture *f = fixture_of(state);

    make_ghost(f);
    assert_in_range(waits_during(f, GYRE_MS(5)), 1, 20);
    assert_int_equal(a.calls, 0);
}

/* A2, F2 */
static void ghost_is_not_taken_for_the_new_file_of_its_number(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    int number = fds[0];
    haunt(f, fds);
    int peer = open_new_file_at(f, number);
    watch_start(f, &b, 2, number, GYRE_READ);
    assert_in_range(waits_during(f, GYRE_MS(5)), 1, 20);
    assert_int_equal(b.calls, 0);
    put(peer, "x");
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.calls, 0);
}

/* A2 */
static void watchers_go_on_when_a_ghost_is_driven_out(void **state)
{
    struct fixture *f = fixture_of(state);
    int reader[2], writer[2];

    make_pair(f, reader);
    make_pair(f, writer);
    watch_start(f, &b, 2, reader[0], GYRE_READ);
    watch_start(f, &pair[0], 3, writer[0], GYRE_WRITE);
    make_ghost(f);
    for (int i = 0; i < 5; i++)
        watch_until_called(&pair[0]);
    put(reader[1], "x");
    watch_until_called(&b);
    put(reader[1], "x");
    watch_until_called(&b);
    watch_until_called(&pair[0]);
    assert_int_equal(gyre_io_events(&b.io), GYRE_READ);
    assert_int_equal(a.calls, 0);
}

/* A2: the set is made anew after a few reports, not for each. */
static void ghost_is_driven_out_by_one_new_set(void **state)
{
    struct fixture *f = fixture_of(state);

    if (!poller_is(f, "epoll") && !poller_is(f, "epoll_wait"))
        skip(); /* elsewhere a registration dies with its number */
    make_ghost(f);
    assert_int_equal(sys_calls(SYS_EPOLL_CREATE), 1);
    for (int i = 0; i < 20; i++)
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_int_equal(sys_calls(SYS_EPOLL_CREATE), 2);
}

/* A2, K-2: it could not be made, nothing leaks, and the next reports have it tried again. */
static void new_set_that_cannot_be_made_is_tried_again(void **state)
{
    static const enum sys_call calls[] = { SYS_EPOLL_CREATE, SYS_EPOLL_CTL };
    struct fixture *f = fixture_of(state);
    int fds[2];

    if (!poller_is(f, "epoll") && !poller_is(f, "epoll_wait"))
        skip();
    make_pair(f, fds);
    watch_start(f, &b, 2, fds[0], GYRE_READ);
    for (unsigned i = 0; i < 3; i++) {
        make_ghost(f);
        fail_call(calls[i > 0], i > 0 ? i : 1, ENOMEM, false);
        int before = count_fds();
        for (int k = 0; k < 20; k++)
            assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
        assert_true(fault_fired());
        assert_int_equal(count_fds(), before);
    }
    put(fds[1], "x");
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(sys_calls(SYS_EPOLL_CREATE), 7);
}

/* A2: what is found closed on the way to a new set is told so. */
static void watcher_of_a_closed_descriptor_is_told_with_the_new_set(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2], ghost[2];

    if (poller_is(f, "kqueue"))
        skip(); /* which has no ghosts */
    make_pair(f, fds);
    make_pair(f, ghost);
    watch_start(f, &b, 2, fds[0], GYRE_READ);
    close_fd(f, &fds[0]);
    haunt(f, ghost);
    watch_until_called(&b);
    assert_int_equal(b.events, GYRE_GONE);
    assert_false(gyre_io_is_started(&b.io));
    assert_int_equal(run_ready(f), 0);
}

/* ------------------------------------------------------------------ the loop's own descriptors */

static struct sys_table noting_calls;
static int closed[8], closed_count;

static int note_close(int fd)
{
    closed[closed_count++ % 8] = fd;
    return close(fd);
}

/* A8: nothing is closed while it is in a set that somebody could still use. */
static void wake_up_is_closed_after_the_set_that_watches_it(void **state)
{
    struct fixture *f = fixture_of(state);
    int wake_fd = f->loop->inbox.wake.read_fd;
    int set_fd = f->loop->poller.u.epoll.fd;

    if (poller_is(f, "poll") || poller_is(f, "script"))
        skip(); /* whose set is no descriptor */
    noting_calls = *sys;
    noting_calls.close = note_close;
    sys = &noting_calls;
    closed_count = 0;
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    assert_int_equal(closed[0], set_fd);
    assert_int_equal(closed[1], wake_fd);
}

#define IO_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(new_file_does_not_see_the_event_of_the_old_one_in_its_batch),
        IO_TEST(number_watched_again_for_the_same_is_told_to_the_kernel_again),
        IO_TEST(duplicate_of_a_stopped_and_closed_descriptor_is_silent),
        IO_TEST(number_may_come_back_with_the_same_file),
        IO_TEST(watcher_may_be_stopped_after_its_descriptor_was_closed),
        IO_TEST(forgotten_watcher_does_not_hide_the_new_file),
        IO_TEST(ghost_calls_nobody_and_does_not_spin),
        IO_TEST(ghost_is_not_taken_for_the_new_file_of_its_number),
        IO_TEST(watchers_go_on_when_a_ghost_is_driven_out),
        IO_TEST(ghost_is_driven_out_by_one_new_set),
        IO_TEST(new_set_that_cannot_be_made_is_tried_again),
        IO_TEST(watcher_of_a_closed_descriptor_is_told_with_the_new_set),
        IO_TEST(wake_up_is_closed_after_the_set_that_watches_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
