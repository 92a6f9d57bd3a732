/* Ending a run: gyre_loop_stop from anywhere, and gyre_loop_shutdown.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "support/fault.h"
#include "support/kinds.h"

#include <errno.h>
#include <pthread.h>

static bool always(void *arg)
{
    (void)arg;
    return true;
}

static void stop_it(struct kinds *k, enum kind kind)
{
    (void)kinds_stop(k, kind);
}

static void again(struct kinds *k, enum kind kind)
{
    if (k->f->trace_count < 100)
        assert_int_equal(kinds_start(k, kind), 0);
}

enum { SOON_RAN = 50 };

static void record_soon(void *arg)
{
    record(arg, SOON_RAN);
}

static void stop_loop(struct kinds *k, enum kind kind)
{
    gyre_loop_stop(k->f->loop);
    if (kind < KIND_WATCHERS)
        (void)kinds_stop(k, kind);
    assert_int_equal(gyre_call_soon(k->f->loop, record_soon, k->f), 0);
}

/* B6: what was queued runs, what that queues is left for the next run. */
static void stop_in_any_callback_ends_the_run_with_its_tick(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = stop_loop;
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        f->trace_count = 0;
        assert_int_equal(gyre_timer_start(&k->timer, GYRE_S(3600)), 0);
        kinds_fire(k, kind);
        assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
        ASSERT_TRACE(f, (int)kind);
        assert_int_equal(run_ready(f), 1);
        ASSERT_TRACE(f, (int)kind, SOON_RAN);
    }
}

static void tick_of_the_stop_is_finished(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = stop_loop;
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_call_soon(f->loop, record_soon, f), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    ASSERT_TRACE(f, KIND_CALL, SOON_RAN);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, KIND_CALL, SOON_RAN, SOON_RAN);
}

/* B6 */
static void stop_before_the_run_allows_one_tick_without_waiting(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    gyre_loop_stop(f->loop);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    kinds_fire(k, KIND_IO);
    gyre_loop_stop(f->loop);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    ASSERT_TRACE(f, KIND_IO);
}

static void stop_of_an_idle_loop_is_told_once(void **state)
{
    struct fixture *f = fixture_of(state);

    gyre_loop_stop(f->loop);
    gyre_loop_stop(f->loop);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
}

static void pending_stop_keeps_run_once_from_waiting_and_stays(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    gyre_loop_stop(f->loop);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
}

static void stop_ends_run_while(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = stop_loop;
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_run_while(f->loop, always, NULL), GYRE_RUN_STOPPED);
}

static void stop_now(void *arg)
{
    gyre_loop_stop(arg);
}

/* B6, D7 */
static void stop_after_the_last_look_ends_the_wait(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    for (int i = 0; i < 10; i++) {
        at_next_wait(stop_now, f->loop);
        assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    }
}

static void *stop_from_a_thread(void *arg)
{
    gyre_loop_stop(arg);
    return NULL;
}

/* B6 */
static void stop_of_another_thread_ends_the_wait(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    pthread_t thread;

    assert_int_equal(kinds_start(k, KIND_IO), 0);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(pthread_create(&thread, NULL, stop_from_a_thread, f->loop), 0);
        assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

static struct gyre_loop *loop_of_handler;

static void stop_in_handler(int signo)
{
    (void)signo;
    gyre_loop_stop(loop_of_handler);
}

static void raise_now(void *arg)
{
    (void)arg;
    raise(SIGUSR2);
}

/* B6 */
static void stop_in_a_signal_handler_ends_the_wait(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    struct sigaction action = { .sa_handler = stop_in_handler, .sa_flags = SA_RESTART };

    loop_of_handler = f->loop;
    assert_int_equal(sigaction(SIGUSR2, &action, NULL), 0);
    assert_int_equal(kinds_start(k, KIND_IO), 0);
    at_next_wait(raise_now, NULL);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    action.sa_handler = SIG_DFL;
    assert_int_equal(sigaction(SIGUSR2, &action, NULL), 0);
}

static void stop_of_a_closed_loop_does_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_close(f->loop), 0);
    gyre_loop_stop(f->loop);
    assert_int_equal(gyre_loop_run(f->loop), -ESHUTDOWN);
}

/* ------------------------------------------------------------------ shutdown */

static void shutdown_of_an_idle_loop_is_settled(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 0);
    assert_int_equal(gyre_loop_shutdown(f->loop, 0), 0);
}

static void shutdown_runs_until_nothing_is_left(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = stop_it;
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        kinds_fire(k, kind);
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_MS(1)), 0);
    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 0);
    assert_int_equal(f->trace_count, KIND_COUNT);
}

static void shutdown_counts_what_is_left_at_the_deadline(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    uint64_t deadline = gyre_loop_clock(f->loop) + GYRE_MS(2);

    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    assert_int_equal(kinds_start(k, KIND_IO), 0);
    assert_int_equal(kinds_start(k, KIND_SIGNAL), 0);
    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    assert_int_equal(kinds_start(k, KIND_LATER), 0);
    kinds_unref(k, KIND_SIGNAL);
    assert_int_equal(gyre_loop_shutdown(f->loop, deadline), 4);
    assert_true(gyre_loop_clock(f->loop) >= deadline);
    assert_int_equal(kinds_start(k, KIND_CALL), 0); /* it is still open */
}

static void shutdown_with_a_past_deadline_runs_one_tick(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = again;
    kinds_fire(k, KIND_IO);
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_shutdown(f->loop, 0), 2);
    ASSERT_TRACE(f, KIND_CALL, KIND_IO);
}

static void stop_ends_the_shutdown(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    at_next_wait(stop_now, f->loop);
    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 1);
    assert_true(kinds_stop(k, KIND_TIMER));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE); /* the stop is spent */
}

static void send_post(struct kinds *k, enum kind kind)
{
    if (kind == KIND_CALL)
        assert_int_equal(kinds_start(k, KIND_POST), 0);
}

static void shutdown_counts_a_post_that_came_late(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = send_post;
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_shutdown(f->loop, 0), 1);
    assert_int_equal(gyre_loop_shutdown(f->loop, 0), 0);
    ASSERT_TRACE(f, KIND_CALL, KIND_POST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stop_in_any_callback_ends_the_run_with_its_tick),
        TEST(tick_of_the_stop_is_finished),
        TEST(stop_before_the_run_allows_one_tick_without_waiting),
        TEST(stop_of_an_idle_loop_is_told_once),
        TEST(pending_stop_keeps_run_once_from_waiting_and_stays),
        TEST(stop_ends_run_while),
        TEST(stop_after_the_last_look_ends_the_wait),
        TEST(stop_of_another_thread_ends_the_wait),
        TEST(stop_in_a_signal_handler_ends_the_wait),
        TEST(stop_of_a_closed_loop_does_nothing),
        TEST(shutdown_of_an_idle_loop_is_settled),
        TEST(shutdown_runs_until_nothing_is_left),
        TEST(shutdown_counts_what_is_left_at_the_deadline),
        TEST(shutdown_with_a_past_deadline_runs_one_tick),
        TEST(stop_ends_the_shutdown),
        TEST(shutdown_counts_a_post_that_came_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
