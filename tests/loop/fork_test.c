/* A loop in a forked child: refused until it is taken over, whole afterwards, and never in the parent's
 * way.
 *
 * SPDX-License-Identifier: MIT */
#include "child.h"

#include "support/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* ------------------------------------------------------------------ the parent */

static int destroy(struct kinds *k)
{
    CHECK(gyre_loop_destroy(k->f->loop) == 0);
    return 0;
}

/* G1 */
static void child_that_destroys_leaves_the_parents_watchers(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));

    start_all(k);
    for (int i = 0; i < 5; i++)
        in_child(k, destroy);
    assert_int_equal(all_run(k), 0);
}

static int close_and_destroy(struct kinds *k)
{
    CHECK(gyre_loop_close(k->f->loop) == 0);
    CHECK(gyre_loop_close(k->f->loop) == 0);
    CHECK(gyre_loop_run(k->f->loop) == -ESHUTDOWN);
    CHECK(gyre_loop_after_fork(k->f->loop) == -ESHUTDOWN);
    return destroy(k);
}

static void child_may_close_before_it_destroys(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));

    start_all(k);
    in_child(k, close_and_destroy);
    assert_int_equal(all_run(k), 0);
}

static int take_over_and_stop_all(struct kinds *k)
{
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    for (enum kind kind = 0; kind < KIND_WATCHERS; kind++)
        CHECK(kinds_stop(k, kind));
    return destroy(k);
}

/* G1 */
static void child_that_takes_over_and_stops_leaves_the_parents_watchers(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));

    start_all(k);
    in_child(k, take_over_and_stop_all);
    assert_int_equal(all_run(k), 0);
}

static int wake_its_own_loop(struct kinds *k)
{
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    for (int i = 0; i < 3; i++) {
        kinds_fire(k, KIND_SIGNAL);
        kinds_fire(k, KIND_ASYNC);
        kinds_fire(k, KIND_POST);
        gyre_loop_stop(k->f->loop);
        CHECK(gyre_loop_run(k->f->loop) == GYRE_RUN_STOPPED);
    }
    CHECK(k->f->trace_count == 9);
    return destroy(k);
}

static void parent_hears_nothing_of_the_child(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = KIND_TIMER; kind < KIND_POST; kind++)
        assert_int_equal(kinds_start(k, kind), 0);
    in_child(k, wake_its_own_loop);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_MS(1)), 0);
    assert_int_equal(gyre_loop_after_fork(f->loop), 0); /* here it means nothing */
    kinds_stop_all(k);
}

/* ------------------------------------------------------------------ before it is taken over */

static void ignore(void *arg)
{
    (void)arg;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static int everything_is_refused(struct kinds *k)
{
    struct gyre_loop *loop = k->f->loop;

    CHECK(gyre_loop_run(loop) == -EOWNERDEAD);
    CHECK(gyre_loop_run_once(loop, 0) == -EOWNERDEAD);
    CHECK(gyre_loop_run_while(loop, never, NULL) == -EOWNERDEAD);
    CHECK(gyre_loop_shutdown(loop, 0) == -EOWNERDEAD);
    CHECK(gyre_loop_adopt(loop) == -EOWNERDEAD);
    CHECK(gyre_loop_fd(loop) == -EOWNERDEAD);
    CHECK(gyre_test_advance(loop, 0) == -EOWNERDEAD);
    CHECK(gyre_test_autojump(loop, true) == -EOWNERDEAD);
    CHECK(gyre_call_soon(loop, ignore, NULL) == -EOWNERDEAD);
    CHECK(gyre_call_later(loop, 0, ignore, NULL) == -EOWNERDEAD);
    CHECK(gyre_call_at(loop, 0, ignore, NULL) == -EOWNERDEAD);
    CHECK(gyre_call_soon_threadsafe(loop, ignore, NULL, NULL) == -EOWNERDEAD);
    CHECK(gyre_async_send(&k->async) == -EOWNERDEAD);
    for (enum kind kind = 0; kind < KIND_POST; kind++) {
        CHECK(kinds_init_one(k, kind, loop) == -EOWNERDEAD);
        CHECK(kinds_start(k, kind) == -EOWNERDEAD);
        CHECK(!kinds_stop(k, kind));
        CHECK(!kinds_is_started(k, kind));
        kinds_unref(k, kind);
    }
    CHECK(kinds_start(k, KIND_POST) == -EOWNERDEAD);
    CHECK(!gyre_loop_is_alive(loop));
    gyre_loop_stop(loop);
    return 0;
}

static int refused_then_whole(struct kinds *k)
{
    CHECK(everything_is_refused(k) == 0);
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    CHECK(run_ready(k->f) == 1); /* the call that was queued in the parent */
    CHECK(gyre_loop_shutdown(k->f->loop, 0) == 4);
    return destroy(k);
}

static void every_call_is_refused_and_changes_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = 0; kind < KIND_POST; kind++)
        assert_int_equal(kinds_start(k, kind), 0);
    in_child(k, refused_then_whole);
    assert_int_equal(run_ready(f), 1);
    kinds_stop_all(k);
}

/* G2: the kernel object of the parent is not always inherited, and then its number is free. */
static int reuse_numbers(struct kinds *k)
{
    int fds[16];

    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(destroy(k) == 0);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        CHECK(fcntl(fds[i], F_GETFD) >= 0);
    return 0;
}

static void descriptors_of_the_child_are_not_closed_by_destroy(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));

    start_all(k);
    in_child(k, reuse_numbers);
}

/* ------------------------------------------------------------------ taking over */

static int take_over_and_run(struct kinds *k)
{
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    CHECK(all_run(k) == 0);
    CHECK(gyre_loop_shutdown(k->f->loop, 0) == 4); /* io, signal, async, and the one of later */
    return destroy(k);
}

/* G5: everything fires in both. */
static void child_and_parent_both_have_everything(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    start_all(k);
    in_child(k, take_over_and_run);
    assert_int_equal(all_run(k), 0);
    assert_int_equal(gyre_loop_shutdown(f->loop, 0), 4);
}

static int hear_what_was_sent(struct kinds *k)
{
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    CHECK(run_ready(k->f) == 3);
    CHECK(k->f->trace[0] == KIND_ASYNC && k->f->trace[1] == KIND_POST);
    CHECK(k->f->trace[2] == KIND_REMOTE);
    kinds_fire(k, KIND_ASYNC);
    kinds_fire(k, KIND_POST);
    CHECK(run_ready(k->f) == 2);
    return destroy(k);
}

static void what_was_sent_before_the_fork_is_heard_in_both(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    kinds_fire(k, KIND_ASYNC);
    kinds_fire(k, KIND_POST);
    kinds_fire(k, KIND_REMOTE);
    in_child(k, hear_what_was_sent);
    assert_int_equal(run_ready(f), 3);
    kinds_stop_all(k);
}

static int hear_ones_own_signals(struct kinds *k)
{
    unsigned long waits;

    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    waits = sys_calls(SYS_WAIT);
    CHECK(gyre_loop_run_once(k->f->loop, GYRE_MS(1)) == 0);
    CHECK(gyre_loop_run_once(k->f->loop, GYRE_MS(1)) == 0);
    CHECK(sys_calls(SYS_WAIT) - waits == 2);
    kinds_fire(k, KIND_SIGNAL);
    CHECK(run_ready(k->f) == 1);
    return destroy(k);
}

/* E5 */
static void signal_of_the_parent_is_not_the_childs(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    kinds_fire(k, KIND_SIGNAL); /* delivered, not dispatched */
    in_child(k, hear_ones_own_signals);
    assert_int_equal(run_ready(f), 1);
    ASSERT_TRACE(f, KIND_SIGNAL);
    kinds_stop_all(k);
}

static int signal_before_taking_over(struct kinds *k)
{
    CHECK(raise(KIND_SIGNO) == 0);
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    CHECK(run_ready(k->f) == 0);
    CHECK(kinds_stop(k, KIND_SIGNAL));
    CHECK(signal(KIND_SIGNO, SIG_DFL) == SIG_IGN);
    return destroy(k);
}

/* E5: the handler is there, but has nobody to tell; the disposition before is restored all the same. */
static void signal_of_a_child_that_has_not_taken_over_reaches_nobody(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_SIGNAL), 0);
    in_child(k, signal_before_taking_over);
    assert_int_equal(run_ready(f), 0);
    kinds_stop_all(k);
}

static unsigned gone_events;

static void note_events(struct gyre_io *io, unsigned events, void *arg)
{
    (void)io;
    (void)arg;
    gone_events |= events;
}

static int close_a_watched_one(struct kinds *k)
{
    gone_events = 0;
    CHECK(close(k->fds[1]) == 0);
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    CHECK(run_ready(k->f) >= 1);
    CHECK(gone_events == GYRE_GONE);
    return destroy(k);
}

static void descriptor_closed_in_the_child_is_gone_there(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    static struct gyre_io io;

    memset(&io, 0, sizeof(io));
    assert_int_equal(gyre_io_init(&io, f->loop, note_events, NULL), 0);
    assert_int_equal(gyre_io_start(&io, k->fds[1], GYRE_READ), 0);
    assert_int_equal(kinds_start(k, KIND_IO), 0);
    in_child(k, close_a_watched_one);
    kinds_fire(k, KIND_IO);
    assert_int_equal(run_ready(f), 1);
    assert_true(gyre_io_stop(&io));
    kinds_stop_all(k);
}

static const enum sys_call renewing_calls[] = { SYS_WAKE_PAIR,    SYS_WRITE,     SYS_READ,
                                                SYS_EPOLL_CREATE, SYS_EPOLL_CTL, SYS_KQUEUE,
                                                SYS_KEVENT };

/* Fails the n-th call and all later ones for n = 1, 2, ... until there is no n-th. */
static int fail_each(struct kinds *k, enum sys_call which)
{
    int fds = count_fds();
    size_t bytes = live_bytes();

    for (unsigned n = 1;; n++) {
        fail_call(which, n, ENOSPC, true);
        int err = gyre_loop_after_fork(k->f->loop);
        bool fired = fault_fired();

        disarm_faults();
        if (!fired) {
            CHECK(err == 0);
            return 0;
        }
        CHECK(err == -ENOSPC);
        CHECK(gyre_loop_run_once(k->f->loop, 0) == -EOWNERDEAD);
        CHECK(count_fds() == fds);
        CHECK(live_bytes() == bytes);
    }
}

static int failing_call; /* index into renewing_calls */

static int fail_then_take_over(struct kinds *k)
{
    CHECK(fail_each(k, renewing_calls[failing_call]) == 0);
    CHECK(all_run(k) == 0);
    return destroy(k);
}

/* K1, K2 */
static void failure_to_take_over_changes_nothing_and_may_be_repeated(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));

    start_all(k);
    for (failing_call = 0; failing_call < (int)ARRAY_LEN(renewing_calls); failing_call++)
        in_child(k, fail_then_take_over);
    assert_int_equal(all_run(k), 0);
}

static int run_out_of_memory(struct kinds *k)
{
    size_t bytes = live_bytes();

    for (unsigned n = 1;; n++) {
        fail_allocation(n, true);
        int err = gyre_loop_after_fork(k->f->loop);
        bool fired = fault_fired();

        disarm_faults();
        if (!fired)
            break;
        CHECK(err == -ENOMEM);
        CHECK(live_bytes() == bytes);
    }
    CHECK(all_run(k) == 0);
    return destroy(k);
}

/* K1 */
static void child_without_memory_may_try_again(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));

    start_all(k);
    in_child(k, run_out_of_memory);
    assert_int_equal(all_run(k), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(child_that_destroys_leaves_the_parents_watchers),
        TEST(child_may_close_before_it_destroys),
        TEST(child_that_takes_over_and_stops_leaves_the_parents_watchers),
        TEST(parent_hears_nothing_of_the_child),
        TEST(every_call_is_refused_and_changes_nothing),
        TEST(descriptors_of_the_child_are_not_closed_by_destroy),
        TEST(child_and_parent_both_have_everything),
        TEST(what_was_sent_before_the_fork_is_heard_in_both),
        TEST(signal_of_the_parent_is_not_the_childs),
        TEST(signal_of_a_child_that_has_not_taken_over_reaches_nobody),
        TEST(descriptor_closed_in_the_child_is_gone_there),
        TEST(failure_to_take_over_changes_nothing_and_may_be_repeated),
        TEST(child_without_memory_may_try_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
