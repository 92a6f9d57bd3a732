/* What a signal watcher promises: signal.c, over os/signal_table.c.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "loop/core.h"
#include "support/fault.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A watcher that remembers. */
struct ear {
    struct gyre_signal sig;
    struct fixture *f;
    int id;
    unsigned count;                /* the last time it was called, */
    unsigned sum;                  /* and all together */
    void (*then)(struct ear *ear); /* in its callback, if anything */
};

static struct ear a, b, c;

static void on_signal(struct gyre_signal *sig, unsigned count, void *arg)
{
    struct ear *ear = arg;

    assert_ptr_equal(sig, &ear->sig);
    record(ear->f, ear->id);
    ear->count = count;
    ear->sum += count;
    if (ear->then)
        ear->then(ear);
}

static void init_ear(struct fixture *f, struct gyre_loop *loop, struct ear *ear, int id)
{
    memset(ear, 0, sizeof(*ear));
    ear->f = f;
    ear->id = id;
    assert_int_equal(gyre_signal_init(&ear->sig, loop, on_signal, ear), 0);
}

static void listen_to(struct fixture *f, struct ear *ear, int id, int signo)
{
    init_ear(f, f->loop, ear, id);
    assert_int_equal(gyre_signal_start(&ear->sig, signo), 0);
}

/* ---- what the program had before */

static volatile sig_atomic_t old_handler_calls;

static void old_handler(int signo)
{
    (void)signo;
    old_handler_calls++;
}

static int setup_signals(void **state)
{
    struct sigaction action = { .sa_handler = old_handler };

    old_handler_calls = 0;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    return setup(state);
}

static int teardown_signals(void **state)
{
    struct sigaction action;
    int err = teardown(state);

    if (sigaction(SIGUSR1, NULL, &action) < 0 || action.sa_handler != old_handler)
        err = -1;
    return err;
}

/* ------------------------------------------------------------------ deliveries */

static void signal_is_told_by_the_loop_not_by_the_handler(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    raise(SIGUSR1);
    assert_int_equal(a.sum, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.count, 1);
    assert_int_equal(run_ready(f), 0);
    assert_int_equal(old_handler_calls, 0);
}

static void deliveries_since_the_last_call_are_counted(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    for (int i = 0; i < 5; i++)
        raise(SIGUSR1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.count, 5);
    raise(SIGUSR1);
    raise(SIGUSR1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.count, 2);
}

static void raise_it(struct ear *ear)
{
    ear->then = NULL;
    raise(ear->sig.signo);
}

static void signal_in_its_own_callback_is_told_in_the_next_tick(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    a.then = raise_it;
    raise(SIGUSR1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.sum, 2);
}

static void every_watcher_of_a_signal_hears_each_delivery_in_the_order_of_start(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    listen_to(f, &b, 2, SIGUSR2);
    listen_to(f, &c, 3, SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    ASSERT_TRACE(f, 1, 3);
    assert_int_equal(a.count, 2);
    assert_int_equal(c.count, 2);
    raise(SIGUSR2);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(b.count, 1);
}

/* E7 */
static void every_loop_hears_each_delivery(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    listen_to(f, &a, 1, SIGUSR1);
    init_ear(f, other, &b, 2);
    assert_int_equal(gyre_signal_start(&b.sig, SIGUSR1), 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(gyre_loop_run_once(other, 0), 1);
    assert_int_equal(a.count, 2);
    assert_int_equal(b.count, 2);
    assert_int_equal(gyre_loop_destroy(other), 0);
    raise(SIGUSR1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(old_handler_calls, 0);
}

/* E1: more than any pipe has room for, of two kinds. */
static void flood_of_signals_is_counted_whole(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    listen_to(f, &b, 2, SIGUSR2);
    for (int i = 0; i < 100000; i++)
        raise(i % 2 ? SIGUSR1 : SIGUSR2);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(a.count, 50000);
    assert_int_equal(b.count, 50000);
}

static void real_time_signal_can_be_watched(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGRTMIN + 5);
    raise(SIGRTMIN + 5);
    raise(SIGRTMIN + 5);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.count, 2);
    assert_true(gyre_signal_stop(&a.sig));
}

/* E2 */
static void handler_keeps_errno(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    assert_true(inbox_sleep(&f->loop->inbox)); /* so that it writes, */
    fail_call(SYS_WRITE, 1, EINTR, false);     /* and meets an error */
    errno = 12345;
    raise(SIGUSR1);
    assert_int_equal(errno, 12345);
    assert_true(fault_fired());
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
}

/* ------------------------------------------------------------------ life */

static void watcher_is_started_and_stopped(void **state)
{
    struct fixture *f = fixture_of(state);

    init_ear(f, f->loop, &a, 1);
    assert_false(gyre_signal_is_started(&a.sig));
    assert_int_equal(gyre_signal_start(&a.sig, SIGUSR1), 0);
    assert_true(gyre_signal_is_started(&a.sig));
    assert_int_equal(gyre_signal_start(&a.sig, SIGUSR1), -EALREADY);
    assert_int_equal(gyre_signal_start(&a.sig, SIGUSR2), -EBUSY);
    assert_true(gyre_signal_stop(&a.sig));
    assert_false(gyre_signal_stop(&a.sig));
    assert_false(gyre_signal_is_started(&a.sig));
    assert_int_equal(gyre_signal_start(&a.sig, SIGUSR2), 0);
    raise(SIGUSR2);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
}

static void signals_that_cannot_be_watched_are_refused(void **state)
{
    static const int wrong[] = { 0,      -1,     SIGKILL,      SIGSTOP, SIGSEGV,   SIGBUS,
                                 SIGFPE, SIGILL, SIGNAL_COUNT, 1000,    INT32_MIN, INT32_MAX };
    struct fixture *f = fixture_of(state);

    init_ear(f, f->loop, &a, 1);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(gyre_signal_start(&a.sig, wrong[i]), -EINVAL);
    assert_int_equal(sys_calls(SYS_SIGACTION), 0);
#ifdef __GLIBC__
    assert_int_equal(gyre_signal_start(&a.sig, 32), -EINVAL); /* the C library keeps it to itself */
#endif
    assert_false(gyre_signal_is_started(&a.sig));
    assert_false(gyre_loop_is_alive(f->loop));
}

static void unreferenced_watcher_hears_but_does_not_keep_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    assert_true(gyre_loop_is_alive(f->loop));
    gyre_signal_unref(&a.sig);
    gyre_signal_unref(&a.sig);
    assert_false(gyre_loop_is_alive(f->loop));
    raise(SIGUSR1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    gyre_signal_ref(&a.sig);
    assert_true(gyre_loop_is_alive(f->loop));
}

/* B8 */
static void start_that_the_system_refuses_changes_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    init_ear(f, f->loop, &a, 1);
    fail_call(SYS_SIGACTION, 1, EPERM, false);
    assert_int_equal(gyre_signal_start(&a.sig, SIGUSR1), -EPERM);
    assert_false(gyre_signal_is_started(&a.sig));
    assert_false(gyre_loop_is_alive(f->loop));
    memset(&a.sig, 0xdd, sizeof(a.sig));
    raise(SIGUSR1);
    assert_int_equal(old_handler_calls, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    listen_to(f, &a, 1, SIGUSR1);
    raise(SIGUSR1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
}

/* ------------------------------------------------------------------ what was there before */

static void tell(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)info;
    (void)context;
}

static void assert_same_disposition(const struct sigaction *x, const struct sigaction *y)
{
    assert_int_equal(x->sa_flags, y->sa_flags);
    assert_true(x->sa_sigaction == y->sa_sigaction);
    for (int signo = 1; signo < SIGNAL_COUNT; signo++)
        assert_int_equal(sigismember(&x->sa_mask, signo), sigismember(&y->sa_mask, signo));
}

/* E8 */
static void disposition_is_restored_whole_when_the_last_watcher_stops(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sigaction mine = { .sa_flags = SA_SIGINFO | SA_NODEFER }, before, after;

    mine.sa_sigaction = tell;
    sigemptyset(&mine.sa_mask);
    sigaddset(&mine.sa_mask, SIGHUP);
    assert_int_equal(sigaction(SIGWINCH, &mine, NULL), 0);
    assert_int_equal(sigaction(SIGWINCH, NULL, &before), 0);
    listen_to(f, &a, 1, SIGWINCH);
    listen_to(f, &b, 2, SIGWINCH);
    assert_true(gyre_signal_stop(&a.sig));
    assert_int_equal(sigaction(SIGWINCH, NULL, &after), 0);
    assert_true(after.sa_flags & SA_RESTART);
    assert_true(gyre_signal_stop(&b.sig));
    assert_int_equal(sigaction(SIGWINCH, NULL, &after), 0);
    assert_same_disposition(&before, &after);
    signal(SIGWINCH, SIG_DFL);
}

static void ignored_signal_can_be_watched_and_is_ignored_again(void **state)
{
    struct fixture *f = fixture_of(state);

    signal(SIGWINCH, SIG_IGN);
    listen_to(f, &a, 1, SIGWINCH);
    raise(SIGWINCH);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_true(gyre_signal_stop(&a.sig));
    assert_true(signal(SIGWINCH, SIG_DFL) == SIG_IGN);
}

static void delivery_that_was_told_is_not_raised_again(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    raise(SIGUSR1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_true(gyre_signal_stop(&a.sig));
    assert_int_equal(old_handler_calls, 0);
}

static void stop_itself(struct ear *ear)
{
    assert_true(gyre_signal_stop(&ear->sig));
}

static void delivery_is_told_when_its_callback_begins(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    a.then = stop_itself;
    raise(SIGUSR1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(old_handler_calls, 0);
}

static void delivery_that_nobody_collected_is_raised_again_by_the_last_stop(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    listen_to(f, &b, 2, SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR1);
    assert_true(gyre_signal_stop(&a.sig));
    assert_int_equal(old_handler_calls, 0);
    assert_true(gyre_signal_stop(&b.sig));
    assert_int_equal(old_handler_calls, 1);
    assert_int_equal(run_ready(f), 0);
}

static void stop_other(struct ear *ear)
{
    (void)ear;
    assert_true(gyre_signal_stop(&b.sig));
}

/* It has been taken from the table, and is in the queue. */
static void delivery_that_was_collected_but_not_told_is_raised_again(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    listen_to(f, &b, 2, SIGUSR2);
    a.then = stop_other;
    raise(SIGUSR1);
    raise(SIGUSR2);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    ASSERT_TRACE(f, 1);
    assert_int_equal(old_handler_calls, 1);
}

static void close_raises_again_what_was_not_told(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    raise(SIGUSR1);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(old_handler_calls, 1);
    assert_false(gyre_signal_is_started(&a.sig));
}

/* A delivery belongs to those who listened when it came. */
static void watcher_that_starts_again_does_not_hear_of_the_past(void **state)
{
    struct fixture *f = fixture_of(state);

    listen_to(f, &a, 1, SIGUSR1);
    raise(SIGUSR1);
    assert_true(gyre_signal_stop(&a.sig));
    assert_int_equal(gyre_signal_start(&a.sig, SIGUSR1), 0);
    assert_int_equal(run_ready(f), 0);
}

/* ------------------------------------------------------------------ a forked child */

/* E5: the child has the same handler, and must not wake the parent. */
static void signal_of_a_child_does_not_wake_the_parent(void **state)
{
    struct fixture *f = fixture_of(state);
    struct pollfd wake = { .fd = f->loop->inbox.wake.read_fd, .events = POLLIN };
    int status;

    listen_to(f, &a, 1, SIGUSR1);
    assert_true(inbox_sleep(&f->loop->inbox));
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGUSR1);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(poll(&wake, 1, 0), 0);
    raise(SIGUSR1);
    assert_int_equal(poll(&wake, 1, 0), 1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
}

#define SIGNAL_TEST(name) cmocka_unit_test_setup_teardown(name, setup_signals, teardown_signals)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIGNAL_TEST(signal_is_told_by_the_loop_not_by_the_handler),
        SIGNAL_TEST(deliveries_since_the_last_call_are_counted),
        SIGNAL_TEST(signal_in_its_own_callback_is_told_in_the_next_tick),
        SIGNAL_TEST(every_watcher_of_a_signal_hears_each_delivery_in_the_order_of_start),
        SIGNAL_TEST(every_loop_hears_each_delivery),
        SIGNAL_TEST(flood_of_signals_is_counted_whole),
        SIGNAL_TEST(real_time_signal_can_be_watched),
        SIGNAL_TEST(handler_keeps_errno),
        SIGNAL_TEST(watcher_is_started_and_stopped),
        SIGNAL_TEST(signals_that_cannot_be_watched_are_refused),
        SIGNAL_TEST(unreferenced_watcher_hears_but_does_not_keep_the_loop_alive),
        SIGNAL_TEST(start_that_the_system_refuses_changes_nothing),
        SIGNAL_TEST(disposition_is_restored_whole_when_the_last_watcher_stops),
        SIGNAL_TEST(ignored_signal_can_be_watched_and_is_ignored_again),
        SIGNAL_TEST(delivery_that_was_told_is_not_raised_again),
        SIGNAL_TEST(delivery_is_told_when_its_callback_begins),
        SIGNAL_TEST(delivery_that_nobody_collected_is_raised_again_by_the_last_stop),
        SIGNAL_TEST(delivery_that_was_collected_but_not_told_is_raised_again),
        SIGNAL_TEST(close_raises_again_what_was_not_told),
        SIGNAL_TEST(watcher_that_starts_again_does_not_hear_of_the_past),
        SIGNAL_TEST(signal_of_a_child_does_not_wake_the_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
