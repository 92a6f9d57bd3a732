/* Many descriptors in one batch, and what a callback may do to the others of its batch.
 *
 * SPDX-License-Identifier: MIT */
#include "watch.h"

#include "support/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MANY = 64, CROWD = 2000, THRONG = 10000 };

static struct watch a, b;
static struct watch crowd[CROWD];

/* ------------------------------------------------------------------ one pipe, many descriptors */

/* `count` duplicates of the writing end of a pipe, all of them ready, watched by w[0 .. count). */
static void watch_many(struct fixture *f, struct watch *w, int count)
{
    int fds[2];

    make_pipe(f, fds);
    for (int i = 0; i < count; i++)
        watch_start(f, &w[i], i, own_fd(f, fcntl(fds[1], F_DUPFD_CLOEXEC, 0)), GYRE_WRITE);
}

/* How many descriptors this process may have, at most `wanted`; the rest is for others. */
static int descriptors_to_be_had(int wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)wanted + 100)
        return (int)limit.rlim_cur - 100;
    return wanted;
}

/* One tick; returns how many of w[0 .. count) have ever been called. */
static int served_after_tick(struct fixture *f, const struct watch *w, int count)
{
    int served = 0;

    assert_return_code(gyre_loop_run_once(f->loop, 0), 0);
    f->trace_count = 0; /* it would overflow */
    for (int i = 0; i < count; i++)
        served += w[i].calls > 0;
    return served;
}

/* I-5: more than a wait has room for; each gets its turn before any gets its third. */
static void crowd_of_ready_descriptors_is_served_in_turn(void **state)
{
    struct fixture *f = fixture_of(state);
    int count = poller_is(f, "script") ? 50 : descriptors_to_be_had(CROWD);
    int served = 0;

    watch_many(f, crowd, count);
    for (int ticks = 0; served < count && ticks < 20 * count; ticks++)
        served = served_after_tick(f, crowd, count);
    assert_int_equal(served, count);
    for (int i = 0; i < count && !poller_is(f, "script"); i++)
        assert_in_range(crowd[i].calls, 1, 2); /* the scripted one gives turns at random */
}

/* I-1 */
static void hot_descriptor_does_not_keep_others_waiting(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_WRITE);
    watch_start(f, &b, 2, fds[1], GYRE_READ);
    for (int i = 1; i <= 20; i++) {
        put(fds[0], "x");
        watch_until_called(&b);
        if (!poller_is(f, "script"))
            assert_in_range(a.calls, i, i + 1);
        drain(fds[1]);
    }
}

/* ------------------------------------------------------------------ callbacks and their batch */

/* Every watcher is a block of its own, so that a memory checker sees a late access. */
static struct watch *blocks[MANY];

static void free_all_others(struct watch *w)
{
    w->then = NULL;
    for (int i = 0; i < MANY; i++) {
        if (blocks[i] == w)
            continue;
        watch_stop(blocks[i]);
        free(blocks[i]);
        blocks[i] = NULL;
    }
}

/* A9 */
static void first_callback_may_free_all_others_of_its_batch(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    for (int i = 0; i < MANY; i++) {
        blocks[i] = malloc(sizeof(*blocks[i]));
        assert_non_null(blocks[i]);
        int fd = own_fd(f, fcntl(fds[1], F_DUPFD_CLOEXEC, 0));
        watch_start(f, blocks[i], i, fd, GYRE_WRITE);
        blocks[i]->then = free_all_others;
    }
    for (int i = 0; i < MANY; i++)
        watch_report_together(blocks[i], 1, GYRE_WRITE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    struct watch *last = blocks[f->trace[0]];
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    watch_stop(last);
    free(last);
}

/* Frees itself. */
static void stop_and_free(struct watch *w)
{
    watch_stop(w);
    free(w);
}

/* B3 */
static void callback_may_free_its_own_watcher(void **state)
{
    struct fixture *f = fixture_of(state);
    struct watch *w = malloc(sizeof(*w));
    int fds[2];

    assert_non_null(w);
    make_pair(f, fds);
    watch_start(f, w, 1, fds[0], GYRE_READ | GYRE_WRITE);
    watch_start(f, &b, 2, fds[0], GYRE_WRITE);
    w->then = stop_and_free;
    put(fds[1], "x");
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    ASSERT_TRACE(f, 1, 2);
}

static void stop_close_and_start_again(struct watch *w)
{
    int fd = gyre_io_fd(&w->io);

    watch_stop(w);
    assert_int_equal(gyre_io_start(&w->io, fd, GYRE_WRITE), 0);
}

/* B3, B4: what the callback did to its own watcher stays done. */
static void callback_may_restart_its_own_watcher(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    put(fds[1], "x");
    watch_start(f, &a, 1, fds[0], GYRE_READ);
    a.then = stop_close_and_start_again;
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(gyre_io_events(&a.io), GYRE_WRITE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_WRITE);
}

/* Of the others of the crowd, stop some and let others begin anew. */
static void shake_up(struct watch *w)
{
    int count = *(int *)w->arg;
    struct watch *first = w - w->id;

    for (int i = 0; i < 7; i++) {
        struct watch *other = &first[(unsigned)rand() % (unsigned)count];
        int fd = gyre_io_fd(&other->io);

        if (other == w || fd < 0)
            continue;
        watch_stop(other);
        if (rand() % 2)
            assert_int_equal(gyre_io_start(&other->io, fd, GYRE_WRITE), 0);
    }
}

/* Begin to count the calls of those that are started; returns how many these are. */
static int count_anew(struct watch *w, int count)
{
    int started = 0;

    for (int i = 0; i < count; i++) {
        w[i].then = NULL;
        w[i].calls = 0;
        started += gyre_io_is_started(&w[i].io);
    }
    return started;
}

/* K-13: nobody is called who was stopped, everybody who was not. */
static void callbacks_may_stop_and_restart_others_of_a_large_batch(void **state)
{
    struct fixture *f = fixture_of(state);
    int count = descriptors_to_be_had(1000);

    f->wait_limit = 20000;
    srand(1);
    watch_many(f, crowd, count);
    for (int i = 0; i < count; i++) {
        crowd[i].then = shake_up;
        crowd[i].arg = &count;
    }
    for (int ticks = 0; ticks < 10; ticks++)
        (void)served_after_tick(f, crowd, count);
    int started = count_anew(crowd, count);
    assert_in_range(started, 1, count - 1);
    int served = 0;
    for (int ticks = 0; served < started && ticks < 10000; ticks++)
        served = served_after_tick(f, crowd, count);
    for (int ticks = 0; ticks < 10; ticks++)
        assert_int_equal(served_after_tick(f, crowd, count), started);
}

/* ------------------------------------------------------------------ callbacks and the table */

static struct watch throng[THRONG];

static void watch_a_throng(struct watch *w)
{
    int count = descriptors_to_be_had(THRONG);

    w->then = NULL;
    for (int i = 0; i < count; i++) {
        int fd = fcntl(gyre_io_fd(&w->io), F_DUPFD_CLOEXEC, 0);

        if (fd < 0)
            break;
        watch_start(w->f, &throng[i], 10 + i, fd, GYRE_READ);
    }
}

/* A12 */
static void callback_may_watch_thousands_of_new_descriptors(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    watch_start(f, &a, 1, fds[0], GYRE_WRITE);
    watch_start(f, &b, 2, fds[0], GYRE_WRITE);
    a.then = watch_a_throng;
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    ASSERT_TRACE(f, 1, 2, 1, 2);
    for (int i = 0; i < THRONG && throng[i].f; i++) {
        int fd = gyre_io_fd(&throng[i].io);

        watch_stop(&throng[i]);
        close(fd);
    }
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
}

#define IO_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(crowd_of_ready_descriptors_is_served_in_turn),
        IO_TEST(hot_descriptor_does_not_keep_others_waiting),
        IO_TEST(first_callback_may_free_all_others_of_its_batch),
        IO_TEST(callback_may_free_its_own_watcher),
        IO_TEST(callback_may_restart_its_own_watcher),
        IO_TEST(callbacks_may_stop_and_restart_others_of_a_large_batch),
        IO_TEST(callback_may_watch_thousands_of_new_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
