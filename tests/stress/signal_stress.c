/* Thousands of signals for two loops in two threads, while a third keeps entering and leaving the
 * table that they share: each loop hears of every delivery.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { LOOPS = 2, RAISERS = 2, RAISES = 5000, CHURNS = 1000 };

/* A thread that runs a loop with two watchers, until it has heard all. */
struct listener {
    struct gyre_loop *loop;
    struct gyre_signal first, second;
    unsigned long heard[2];
    int result;
};

static struct listener listeners[LOOPS];
static int listeners_ready;
static bool churn_must_end;

static void note(struct listener *l, int which, unsigned count)
{
    l->heard[which] += count;
    if (l->heard[0] >= RAISERS * RAISES && l->heard[1] >= RAISERS * RAISES)
        gyre_loop_stop(l->loop);
}

static void on_first(struct gyre_signal *sig, unsigned count, void *arg)
{
    (void)sig;
    note(arg, 0, count);
}

static void on_second(struct gyre_signal *sig, unsigned count, void *arg)
{
    (void)sig;
    note(arg, 1, count);
}

static int start_listening(struct listener *l)
{
    struct gyre_loop_options opt = test_options();
    int err = gyre_loop_create(&opt, &l->loop);

    if (err == 0)
        err = gyre_signal_init(&l->first, l->loop, on_first, l);
    if (err == 0)
        err = gyre_signal_init(&l->second, l->loop, on_second, l);
    if (err == 0)
        err = gyre_signal_start(&l->first, SIGUSR1);
    if (err == 0)
        err = gyre_signal_start(&l->second, SIGUSR2);
    return err;
}

static void *listen_until_all_is_heard(void *arg)
{
    struct listener *l = arg;

    l->result = start_listening(l);
    __atomic_add_fetch(&listeners_ready, 1, __ATOMIC_SEQ_CST);
    if (l->result == 0)
        l->result = gyre_loop_run(l->loop);
    return arg;
}

/* raise() delivers before it returns, so that the kernel has nothing to merge. */
static void *raise_many(void *arg)
{
    for (int i = 0; i < RAISES; i++) {
        raise(SIGUSR1);
        raise(SIGUSR2);
    }
    return arg;
}

static void ignore(struct gyre_signal *sig, unsigned count, void *arg)
{
    (void)sig;
    (void)count;
    (void)arg;
}

/* Watch and leave, sometimes as the last of that signal. */
static void *come_and_go(void *arg)
{
    struct gyre_signal shared = { 0 }, own = { 0 };
    struct gyre_loop *loop = arg;
    int wrong = gyre_loop_adopt(loop) != 0 || gyre_signal_init(&shared, loop, ignore, NULL) != 0 ||
                gyre_signal_init(&own, loop, ignore, NULL) != 0;

    while (!wrong && !__atomic_load_n(&churn_must_end, __ATOMIC_SEQ_CST)) {
        wrong |= gyre_signal_start(&shared, SIGUSR1) != 0;
        wrong |= gyre_signal_start(&own, SIGWINCH) != 0;
        wrong |= gyre_loop_run_once(loop, 0) < 0;
        wrong |= !gyre_signal_stop(&shared);
        wrong |= !gyre_signal_stop(&own);
    }
    return wrong ? arg : NULL;
}

static void start_listeners(pthread_t *threads)
{
    memset(listeners, 0, sizeof(listeners));
    listeners_ready = 0;
    for (int i = 0; i < LOOPS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, listen_until_all_is_heard, &listeners[i]), 0);
    while (__atomic_load_n(&listeners_ready, __ATOMIC_SEQ_CST) < LOOPS)
        (void)sched_yield();
}

static void end_listeners(const pthread_t *threads)
{
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(listeners[i].result, GYRE_RUN_STOPPED);
        for (int k = 0; k < 2; k++)
            assert_int_equal(listeners[i].heard[k], RAISERS * RAISES);
        assert_int_equal(gyre_loop_adopt(listeners[i].loop), 0);
        assert_int_equal(gyre_loop_destroy(listeners[i].loop), 0);
    }
}

/* E7, E1 */
static void each_of_two_loops_hears_every_delivery(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t listening[LOOPS], raising[RAISERS], churning;
    void *wrong;

    f->wait_limit = 10000000;
    churn_must_end = false;
    start_listeners(listening);
    assert_int_equal(pthread_create(&churning, NULL, come_and_go, f->loop), 0);
    for (int i = 0; i < RAISERS; i++)
        assert_int_equal(pthread_create(&raising[i], NULL, raise_many, NULL), 0);
    for (int i = 0; i < RAISERS; i++)
        assert_int_equal(pthread_join(raising[i], NULL), 0);
    end_listeners(listening);
    __atomic_store_n(&churn_must_end, true, __ATOMIC_SEQ_CST);
    assert_int_equal(pthread_join(churning, &wrong), 0);
    assert_null(wrong);
    assert_int_equal(gyre_loop_adopt(f->loop), 0);
}

static unsigned long old_handler_calls;

static void old_handler(int signo)
{
    (void)signo;
    __atomic_add_fetch(&old_handler_calls, 1, __ATOMIC_SEQ_CST);
}

static unsigned long told;

static void count_told(struct gyre_signal *sig, unsigned count, void *arg)
{
    (void)sig;
    (void)arg;
    told += count;
}

/* E8: whatever moment it comes at, a delivery reaches the watcher or the handler that was there
 * before, and the end of the watcher leaves that handler in place. */
static void signal_is_heard_by_the_watcher_or_by_the_handler_before(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sigaction action = { .sa_handler = old_handler };
    static struct gyre_signal sig;

    f->wait_limit = 10000000;
    told = old_handler_calls = 0;
    memset(&sig, 0, sizeof(sig));
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(gyre_signal_init(&sig, f->loop, count_told, NULL), 0);
    for (unsigned long i = 1; i <= CHURNS; i++) {
        if (i % 3)
            assert_int_equal(gyre_signal_start(&sig, SIGUSR1), 0);
        raise(SIGUSR1);
        if (i % 2)
            assert_return_code(gyre_loop_run_once(f->loop, 0), 0);
        (void)gyre_signal_stop(&sig);
        assert_int_equal(told + old_handler_calls, i);
    }
    signal(SIGUSR1, SIG_DFL);
}

#define STRESS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STRESS_TEST(each_of_two_loops_hears_every_delivery),
        STRESS_TEST(signal_is_heard_by_the_watcher_or_by_the_handler_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
