/* Forks at awkward moments: inside the predicate of a run, while another thread was sending, between
 * the collection of a signal and its callback, and with room reserved.
 *
 * SPDX-License-Identifier: MIT */
#include "child.h"

#include "loop/core.h"
#include "support/fault.h"

#include <errno.h>
#include <fcntl.h>

enum { CAPACITY = 512, STEP = 12 };

/* ------------------------------------------------------------------ in the predicate */

static pid_t forked;

static bool fork_first(void *arg)
{
    struct fixture *f = arg;

    if (forked < 0)
        forked = fork();
    return f->trace_count == 0;
}

static int nothing_ran(struct fixture *f, int err)
{
    CHECK(err == -EOWNERDEAD);
    CHECK(f->trace_count == 0);
    CHECK(gyre_loop_run_once(f->loop, 0) == -EOWNERDEAD);
    CHECK(gyre_loop_destroy(f->loop) == 0);
    return 0;
}

/* G1 */
static void child_of_a_predicate_does_not_run_the_parents_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    forked = -1;
    kinds_fire(k, KIND_CALL);
    int err = gyre_loop_run_while(f->loop, fork_first, f);
    if (forked == 0)
        _exit(nothing_ran(f, err));
    assert_child_succeeds(forked);
    assert_int_equal(err, GYRE_RUN_DONE);
    ASSERT_TRACE(f, KIND_CALL);
}

static int take_over_and_run(struct fixture *f, int err)
{
    CHECK(err == -EOWNERDEAD);
    CHECK(gyre_loop_after_fork(f->loop) == 0);
    CHECK(run_ready(f) == 1);
    CHECK(f->trace_count == 1 && f->trace[0] == KIND_CALL);
    CHECK(gyre_loop_destroy(f->loop) == 0);
    return 0;
}

/* G5 */
static void child_of_a_predicate_may_take_the_loop_over(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    forked = -1;
    kinds_fire(k, KIND_CALL);
    int err = gyre_loop_run_while(f->loop, fork_first, f);
    if (forked == 0)
        _exit(take_over_and_run(f, err));
    assert_child_succeeds(forked);
    ASSERT_TRACE(f, KIND_CALL);
}

/* ------------------------------------------------------------------ while another thread sends */

enum { SENT = 2 }; /* what gyre_async_send claims the node with, before it puts it into the inbox */

/* A hang would outlive the test: better that it ends the child. */
static int destroy_within_seconds(struct kinds *k)
{
    (void)alarm(5);
    CHECK(gyre_loop_destroy(k->f->loop) == 0);
    return 0;
}

/* G1: the sender is a thread of the parent, cut off between its two steps. Here it goes
 * on after the fork. */
static void child_closes_a_loop_whose_async_was_being_sent(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));

    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    k->async.call.sent = SENT;
    pid_t pid = fork();
    if (pid == 0)
        _exit(destroy_within_seconds(k));
    assert_int_equal(inbox_push(&k->f->loop->inbox, &k->async.call.link), 0);
    assert_child_succeeds(pid);
    assert_int_equal(run_ready(k->f), 1);
    kinds_stop_all(k);
}

/* ------------------------------------------------------------------ signals */

static int hear_only_ones_own(struct kinds *k)
{
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    CHECK(run_ready(k->f) == 0);
    kinds_fire(k, KIND_SIGNAL);
    CHECK(run_ready(k->f) == 1);
    CHECK(gyre_loop_destroy(k->f->loop) == 0);
    return 0;
}

/* E5: collected as in the middle of a long batch that a stop ends. */
static void signal_that_waits_for_its_callback_is_not_the_childs(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    kinds_fire(k, KIND_SIGNAL);
    signal_collect(f->loop);
    in_child(k, hear_only_ones_own);
    assert_int_equal(run_ready(f), 1);
    ASSERT_TRACE(f, KIND_SIGNAL);
    kinds_stop_all(k);
}

/* ------------------------------------------------------------------ reserved room */

static void ignore_io(struct gyre_io *io, unsigned events, void *arg)
{
    (void)io;
    (void)events;
    (void)arg;
}

static int watch_without_memory(struct fixture *f, int fd)
{
    static struct gyre_io io[CAPACITY / STEP];

    CHECK(gyre_loop_after_fork(f->loop) == 0);
    fail_allocation(1, true);
    for (int i = 0; i < CAPACITY / STEP; i++) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, i * STEP);

        CHECK(copy >= 0 && copy < CAPACITY);
        CHECK(gyre_io_init(&io[i], f->loop, ignore_io, NULL) == 0);
        CHECK(gyre_io_start(&io[i], copy, GYRE_READ) == 0);
    }
    disarm_faults();
    CHECK(gyre_loop_destroy(f->loop) == 0);
    return 0;
}

/* G5, K1 */
static void room_for_descriptors_is_still_there_after_taking_over(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop_options opt = test_options();
    int fds[2];

    opt.fd_capacity = CAPACITY;
    assert_int_equal(gyre_loop_create(&opt, &f->loop), 0);
    make_pipe(f, fds);
    pid_t pid = fork();
    if (pid == 0)
        _exit(watch_without_memory(f, fds[0]));
    assert_child_succeeds(pid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(child_of_a_predicate_does_not_run_the_parents_loop),
        TEST(child_of_a_predicate_may_take_the_loop_over),
        TEST(child_closes_a_loop_whose_async_was_being_sent),
        TEST(signal_that_waits_for_its_callback_is_not_the_childs),
        cmocka_unit_test_setup_teardown(room_for_descriptors_is_still_there_after_taking_over,
                                        setup_bare, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
