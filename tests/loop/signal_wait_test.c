/* Signals that come while the loop waits, or is about to: none is slept on, and no timer is early.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

static struct gyre_signal sig;
static struct gyre_timer timer;
static unsigned heard;
static uint64_t fired_at;

static void on_signal(struct gyre_signal *s, unsigned count, void *arg)
{
    (void)s;
    (void)arg;
    heard += count;
}

static void on_timer(struct gyre_timer *t, void *arg)
{
    (void)arg;
    fired_at = gyre_loop_clock(t->call.loop);
    gyre_loop_stop(t->call.loop);
}

static void do_nothing(int signo)
{
    (void)signo;
}

/* An alarm that is not told by the end of the test is raised again: it must not kill. */
static int setup_alarm(void **state)
{
    struct sigaction action = { .sa_handler = do_nothing };
    int err = setup(state);

    if (err < 0)
        return err;
    sigaction(SIGALRM, &action, NULL);
    heard = 0;
    fired_at = 0;
    memset(&sig, 0, sizeof(sig));
    memset(&timer, 0, sizeof(timer));
    err = gyre_signal_init(&sig, fixture_of(state)->loop, on_signal, NULL);
    if (err == 0)
        err = gyre_timer_init(&timer, fixture_of(state)->loop, on_timer, NULL);
    if (err == 0)
        err = gyre_signal_start(&sig, SIGALRM);
    return err;
}

static void set_alarm(long first_us, long interval_us)
{
    struct itimerval it = {
        .it_value = { .tv_usec = first_us },
        .it_interval = { .tv_usec = interval_us },
    };

    assert_int_equal(setitimer(ITIMER_REAL, &it, NULL), 0);
}

static int teardown_alarm(void **state)
{
    static const struct itimerval never;

    setitimer(ITIMER_REAL, &never, NULL);
    return teardown(state);
}

/* Wait until a signal is heard; a lost one lets this wait for ever. */
static void wait_for_signal(struct fixture *f)
{
    unsigned before = heard;

    while (heard == before)
        assert_return_code(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
}

/* E9: from a moment after the alarm is set on, earlier and later than the loop needs to fall
 * asleep. */
static void signal_at_any_moment_ends_an_endless_wait(void **state)
{
    struct fixture *f = fixture_of(state);

    f->wait_limit = 5000;
    for (long us = 1; us <= 300; us++) {
        set_alarm(us, 0);
        wait_for_signal(f);
    }
    assert_int_equal(heard, 300);
}

static void *raise_here(void *arg)
{
    (void)arg;
    raise(SIGALRM);
    return NULL;
}

/* The handler runs on another thread, and wakes the loop all the same. */
static void signal_to_another_thread_ends_an_endless_wait(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;

    for (int i = 0; i < 50; i++) {
        assert_int_equal(pthread_create(&thread, NULL, raise_here, NULL), 0);
        wait_for_signal(f);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_int_equal(heard, 50);
}

/* E10: each alarm interrupts the wait, and none makes it end too soon. */
static void storm_of_alarms_neither_hastens_a_timer_nor_hides_it(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t start = gyre_loop_clock(f->loop);

    set_alarm(1000, 1000);
    assert_int_equal(gyre_timer_start(&timer, GYRE_MS(50)), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    assert_true(fired_at >= start + GYRE_MS(50));
    assert_in_range(heard, 1, 1000000);
}

/* E10: nobody watches the signal, so waits just end; the loop waits on. */
static void interrupted_wait_is_taken_up_again(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_true(gyre_signal_stop(&sig));
    uint64_t start = gyre_loop_clock(f->loop);
    set_alarm(1000, 1000);
    assert_int_equal(gyre_timer_start(&timer, GYRE_MS(20)), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    assert_true(fired_at >= start + GYRE_MS(20));
}

#define SIGNAL_TEST(name) cmocka_unit_test_setup_teardown(name, setup_alarm, teardown_alarm)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIGNAL_TEST(signal_at_any_moment_ends_an_endless_wait),
        SIGNAL_TEST(signal_to_another_thread_ends_an_endless_wait),
        SIGNAL_TEST(storm_of_alarms_neither_hastens_a_timer_nor_hides_it),
        SIGNAL_TEST(interrupted_wait_is_taken_up_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
