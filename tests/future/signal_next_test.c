/* gyre_signal_next: deliveries as futures.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

#include <signal.h>

enum { SIGNO = SIGUSR2 };

static uintptr_t number(struct gyre_future *f)
{
    return (uintptr_t)gyre_future_peek(f);
}

/* It has come out OK; gives the reference back. */
static void assert_done(struct gyre_future *f)
{
    assert_int_equal(gyre_future_error(f), 0);
    gyre_future_unref(f);
}

static volatile sig_atomic_t handled;

static void count_signal(int signo)
{
    (void)signo;
    handled++;
}

/* Have the program handle it by itself; returns what was there before. */
static struct sigaction handle_signal(void)
{
    struct sigaction mine = { .sa_handler = count_signal };
    struct sigaction before;

    handled = 0;
    assert_int_equal(sigaction(SIGNO, &mine, &before), 0);
    return before;
}

static void signal_next_has_the_number_of_deliveries(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *next = gyre_signal_next(f->loop, SIGNO);

    assert_int_equal(run_ready(f), 0);
    for (int i = 0; i < 3; i++)
        raise(SIGNO);
    assert_int_equal(gyre_future_state(next), GYRE_FUTURE_PENDING);
    run_ready(f);
    assert_int_equal(number(next), 3);
    assert_done(next);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void signal_next_gets_what_comes_after_it_was_made(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *first = gyre_signal_next(f->loop, SIGNO);

    raise(SIGNO);
    run_ready(f);
    assert_done(first);
    struct gyre_future *second = gyre_signal_next(f->loop, SIGNO);
    struct gyre_future *third = gyre_signal_next(f->loop, SIGNO);
    assert_int_equal(run_ready(f), 0);
    raise(SIGNO);
    run_ready(f);
    assert_int_equal(number(second), 1);
    assert_int_equal(number(third), 1);
    assert_done(second);
    assert_done(third);
}

static void delivery_between_two_calls_is_kept_for_the_next(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sigaction before = handle_signal();
    struct gyre_future *next = gyre_signal_next(f->loop, SIGNO);

    raise(SIGNO);
    run_ready(f);
    assert_done(next);
    raise(SIGNO);
    run_ready(f);
    raise(SIGNO);
    assert_int_equal(handled, 0);
    next = gyre_signal_next(f->loop, SIGNO);
    assert_int_equal(number(next), 1); /* the other one has not been collected yet */
    assert_done(next);
    next = gyre_signal_next(f->loop, SIGNO);
    run_ready(f);
    assert_done(next);
    assert_int_equal(gyre_signal_forget(f->loop, SIGNO), 0);
    assert_int_equal(sigaction(SIGNO, &before, NULL), 0);
}

/* If cancel wins nothing was done: the delivery is not lost with the future. */
static void delivery_that_a_cancelled_future_was_not_told_of_goes_to_the_next(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *next = gyre_signal_next(f->loop, SIGNO);

    raise(SIGNO);
    assert_true(gyre_future_cancel(next));
    assert_int_equal(gyre_future_error(next), -ECANCELED);
    gyre_future_unref(next);
    assert_false(gyre_loop_is_alive(f->loop));
    next = gyre_signal_next(f->loop, SIGNO);
    run_ready(f);
    assert_int_equal(number(next), 1);
    assert_done(next);
}

static void forgotten_signal_is_the_programs_again(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sigaction before = handle_signal();
    struct gyre_future *next = gyre_signal_next(f->loop, SIGNO);

    assert_int_equal(gyre_signal_forget(f->loop, SIGNO), -EBUSY);
    gyre_future_unref(next);
    assert_int_equal(gyre_signal_forget(f->loop, SIGNO), 0);
    assert_int_equal(gyre_signal_forget(f->loop, SIGNO), -ENOENT);
    assert_int_equal(gyre_signal_forget(NULL, SIGNO), -EINVAL);
    raise(SIGNO);
    assert_int_equal(handled, 1);
    assert_int_equal(run_ready(f), 0);
    assert_int_equal(sigaction(SIGNO, &before, NULL), 0);
}

static void only_a_pending_signal_next_keeps_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *first = gyre_signal_next(f->loop, SIGNO);
    struct gyre_future *second = gyre_signal_next(f->loop, SIGNO);

    gyre_future_unref(first);
    assert_true(gyre_loop_is_alive(f->loop));
    gyre_future_unref(second);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void signal_next_fails_as_a_watcher_does(void **state)
{
    struct fixture *f = fixture_of(state);
    static const int signals[] = { 0, -1, 1000, SIGKILL, SIGSTOP, SIGSEGV, SIGFPE };

    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        struct gyre_future *next = gyre_signal_next(f->loop, signals[i]);

        assert_int_equal(gyre_future_state(next), GYRE_FUTURE_ERR);
        assert_int_equal(gyre_future_error(next), -EINVAL);
        assert_false(gyre_loop_is_alive(f->loop));
        gyre_future_unref(next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(signal_next_has_the_number_of_deliveries),
        FUTURE_TEST(signal_next_gets_what_comes_after_it_was_made),
        FUTURE_TEST(delivery_between_two_calls_is_kept_for_the_next),
        FUTURE_TEST(delivery_that_a_cancelled_future_was_not_told_of_goes_to_the_next),
        FUTURE_TEST(forgotten_signal_is_the_programs_again),
        FUTURE_TEST(only_a_pending_signal_next_keeps_the_loop_alive),
        FUTURE_TEST(signal_next_fails_as_a_watcher_does),
    };

    return cmocka_run_group_tests_name("signal_next", tests, NULL, NULL);
}
