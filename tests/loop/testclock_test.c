/* The clock that tests advance: by hand, and by jumps.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "base/util.h"
#include "support/fault.h"
#include "support/kinds.h"

#include <errno.h>

#define START GYRE_S(1)

/* Timers of which each says that it is called at its deadline. */
struct alarm {
    struct gyre_timer timer;
    struct fixture *f;
    uint64_t deadline;
    int id;
};

static struct alarm alarms[64];

static void ring(struct gyre_timer *timer, void *arg)
{
    struct alarm *alarm = arg;

    assert_ptr_equal(timer, &alarm->timer);
    assert_true(gyre_loop_now(alarm->f->loop) == alarm->deadline);
    assert_true(gyre_loop_clock(alarm->f->loop) == alarm->deadline);
    record(alarm->f, alarm->id);
}

/* `delay` from the start of the clock. */
static void set_alarm(struct fixture *f, int id, uint64_t delay)
{
    struct alarm *alarm = &alarms[id];

    *alarm = (struct alarm){ .f = f, .deadline = START + delay, .id = id };
    assert_int_equal(gyre_timer_init(&alarm->timer, f->loop, ring, alarm), 0);
    assert_int_equal(gyre_timer_start_at(&alarm->timer, alarm->deadline), 0);
}

static void assert_clock(const struct fixture *f, uint64_t since_start)
{
    assert_true(gyre_loop_clock(f->loop) == START + since_start);
    assert_true(gyre_loop_now(f->loop) == START + since_start);
}

/* ------------------------------------------------------------------ by hand */

static void clock_begins_at_one_second_and_stands_still(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_clock(f, 0);
    set_alarm(f, 1, 1);
    kinds_fire(k, KIND_CALL);
    assert_int_equal(run_ready(f), 1);
    assert_clock(f, 0);
    ASSERT_TRACE(f, KIND_CALL);
}

static void advance_runs_every_deadline_in_order(void **state)
{
    struct fixture *f = fixture_of(state);

    set_alarm(f, 3, GYRE_S(3));
    set_alarm(f, 1, GYRE_MS(1));
    set_alarm(f, 4, GYRE_S(3) + 1);
    set_alarm(f, 2, GYRE_S(1));
    assert_int_equal(gyre_test_advance(f->loop, GYRE_S(3)), 3);
    ASSERT_TRACE(f, 1, 2, 3);
    assert_clock(f, GYRE_S(3));
    assert_int_equal(gyre_test_advance(f->loop, 1), 1);
    ASSERT_TRACE(f, 1, 2, 3, 4);
    assert_clock(f, GYRE_S(3) + 1);
}

/* All levels of the wheel: years in a moment. */
static void advance_crosses_any_distance(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int bit = 0; bit < 60; bit++)
        set_alarm(f, bit, (uint64_t)1 << bit);
    assert_int_equal(gyre_test_advance(f->loop, (uint64_t)1 << 60), 60);
    for (int bit = 0; bit < 60; bit++)
        assert_int_equal(f->trace[bit], bit);
    assert_clock(f, (uint64_t)1 << 60);
}

static void advance_by_nothing_runs_what_is_ready(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        kinds_fire(k, kind);
    set_alarm(f, 50, 1);
    assert_int_equal(gyre_test_advance(f->loop, 0), KIND_COUNT);
    assert_int_equal(f->trace_count, KIND_COUNT);
    assert_int_equal(gyre_test_advance(f->loop, 0), 0);
    assert_clock(f, 0);
    kinds_stop_all(k);
}

static void make_ready(struct kinds *k, enum kind kind)
{
    uint64_t moment = START + (k->f->trace_count <= 5 ? GYRE_MS(10) : GYRE_MS(20));

    assert_true(gyre_loop_now(k->f->loop) == moment);
    if (kind != KIND_TIMER || k->err++ > 0)
        return;
    kinds_fire(k, KIND_IO);
    kinds_fire(k, KIND_SIGNAL);
    kinds_fire(k, KIND_POST);
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_MS(10)), 0);
}

/* The clock does not move on before everything that a deadline has set off is done. */
static void advance_settles_each_moment(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = make_ready;
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_MS(10)), 0);
    assert_int_equal(gyre_test_advance(f->loop, GYRE_S(1)), 6);
    ASSERT_TRACE(f, KIND_TIMER, KIND_CALL, KIND_IO, KIND_SIGNAL, KIND_POST, KIND_TIMER);
    assert_clock(f, GYRE_S(1));
    kinds_stop_all(k);
}

static void advance_includes_what_is_started_on_the_way(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_timer_start_every(&k->timer, GYRE_MS(10)), 0);
    assert_int_equal(gyre_test_advance(f->loop, GYRE_S(1)), 100);
    assert_int_equal(gyre_timer_missed(&k->timer), 0);
    assert_true(gyre_timer_deadline(&k->timer) == START + GYRE_MS(1010));
    assert_true(kinds_stop(k, KIND_TIMER));
}

static void deadlines_of_the_past_are_run_without_moving(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_timer_start_at(&k->timer, 0), 0);
    assert_int_equal(gyre_test_advance(f->loop, 0), 1);
    assert_clock(f, 0);
}

static void clock_ends_before_never(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    uint64_t rest = GYRE_NEVER - START;

    assert_int_equal(gyre_timer_start(&k->timer, GYRE_NEVER), 0);
    assert_int_equal(gyre_test_advance(f->loop, GYRE_NEVER), -EINVAL);
    assert_int_equal(gyre_test_advance(f->loop, rest + 1), -EINVAL);
    assert_clock(f, 0);
    assert_int_equal(gyre_test_advance(f->loop, rest), 0);
    assert_clock(f, rest);
    assert_int_equal(gyre_test_advance(f->loop, 1), -EINVAL);
    assert_int_equal(gyre_test_advance(f->loop, 0), 0);
    assert_true(kinds_stop(k, KIND_TIMER));
}

static void stop_it(struct kinds *k, enum kind kind)
{
    (void)kind;
    gyre_loop_stop(k->f->loop);
}

static void stop_ends_the_advance_where_it_is(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = stop_it;
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_MS(5)), 0);
    set_alarm(f, 20, GYRE_MS(5));
    set_alarm(f, 21, GYRE_MS(6));
    assert_int_equal(gyre_test_advance(f->loop, GYRE_MS(10)), 2);
    ASSERT_TRACE(f, KIND_TIMER, 20);
    assert_clock(f, GYRE_MS(5));
    assert_int_equal(gyre_test_advance(f->loop, GYRE_MS(10)), 1);
    assert_clock(f, GYRE_MS(15));
}

static void pending_stop_ends_the_advance_at_once(void **state)
{
    struct fixture *f = fixture_of(state);

    set_alarm(f, 1, 1);
    gyre_loop_stop(f->loop);
    assert_int_equal(gyre_test_advance(f->loop, GYRE_S(1)), 0);
    assert_clock(f, 0);
    assert_int_equal(gyre_test_advance(f->loop, GYRE_S(1)), 1);
}

static void again(struct kinds *k, enum kind kind)
{
    k->f->trace_count = 0;
    if (kind == KIND_TIMER)
        assert_int_equal(gyre_timer_start(&k->timer, 0), 0);
    else
        assert_int_equal(kinds_start(k, kind), 0);
}

/* C2: and the loop is as usable as before. */
static void endless_callbacks_at_one_moment_are_found_out(void **state)
{
    static const enum kind endless[] = { KIND_CALL, KIND_TIMER };
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    f->wait_limit = 300000;
    for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
        k->inside = again;
        kinds_fire(k, endless[i]);
        assert_int_equal(gyre_test_advance(f->loop, GYRE_S(1)), -EDEADLK);
        assert_clock(f, i * GYRE_S(1));
        k->inside = NULL;
        assert_int_equal(gyre_test_advance(f->loop, GYRE_S(1)), 1);
    }
}

static void refused_wait_ends_the_advance(void **state)
{
    struct fixture *f = fixture_of(state);

    set_alarm(f, 1, GYRE_MS(1));
    set_alarm(f, 2, GYRE_MS(2));
    fail_call(SYS_WAIT, 3, EIO, false);
    assert_int_equal(gyre_test_advance(f->loop, GYRE_MS(3)), -EIO);
    int left = 2 - f->trace_count;
    assert_int_equal(gyre_test_advance(f->loop, GYRE_MS(3)), left);
    ASSERT_TRACE(f, 1, 2);
}

static void only_test_loops_have_such_a_clock(void **state)
{
    struct gyre_loop *loop = make_loop();

    (void)state;
    assert_int_equal(gyre_test_advance(loop, 0), -EINVAL);
    assert_int_equal(gyre_test_autojump(loop, true), -EINVAL);
    assert_int_equal(gyre_loop_destroy(loop), 0);
}

static void test_loop_that_cannot_be_made_is_not_written(void **state)
{
    struct gyre_loop_options opt = test_options();
    struct gyre_loop *loop = NULL;

    (void)state;
    fail_allocation(1, false);
    assert_int_equal(gyre_test_loop_create(&opt, &loop), -ENOMEM);
    assert_null(loop);
}

/* ------------------------------------------------------------------ running without advancing */

static bool always(void *arg)
{
    (void)arg;
    return true;
}

/* D4 of the scheduler. */
static void waiting_for_a_clock_that_stands_still_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_run(f->loop), -EDEADLK);
    ASSERT_TRACE(f, KIND_CALL);
    assert_int_equal(gyre_loop_run_while(f->loop, always, NULL), -EDEADLK);
    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), -EDEADLK);
    assert_int_equal(gyre_loop_shutdown(f->loop, START + GYRE_S(10)), -EDEADLK);
    assert_int_equal(gyre_loop_shutdown(f->loop, START), 1);
    assert_true(kinds_stop(k, KIND_TIMER));
}

static void run_once_does_not_wait_for_timers(void **state)
{
    struct fixture *f = fixture_of(state);

    set_alarm(f, 1, 1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_MS(1)), 0);
    assert_clock(f, 0);
}

static void send_async(void *arg)
{
    struct kinds *k = arg;

    assert_int_equal(gyre_async_send(&k->async), 0);
}

/* The first wait is a look, the second is the one in which it sleeps. */
static void send_async_later(void *arg)
{
    at_next_wait(send_async, arg);
}

static void stop_async(struct kinds *k, enum kind kind)
{
    if (kind == KIND_ASYNC)
        assert_true(kinds_stop(k, KIND_ASYNC));
}

static void other_threads_are_waited_for_in_real_time(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = stop_async;
    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    at_next_wait(send_async_later, k);
    assert_int_equal(gyre_loop_run(f->loop), -EDEADLK); /* once nothing but the timer is left */
    ASSERT_TRACE(f, KIND_ASYNC);
    assert_clock(f, 0);
    assert_true(kinds_stop(k, KIND_TIMER));
}

/* ------------------------------------------------------------------ by jumps */

static void run_jumps_from_deadline_to_deadline(void **state)
{
    struct fixture *f = fixture_of(state);
    unsigned long waits = sys_calls(SYS_WAIT);

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    set_alarm(f, 2, GYRE_S(7200));
    set_alarm(f, 1, GYRE_S(3600));
    set_alarm(f, 3, GYRE_S(3600 * 24 * 365));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 1, 2, 3);
    assert_clock(f, GYRE_S(3600 * 24 * 365));
    assert_in_range(sys_calls(SYS_WAIT) - waits, 3, 8);
}

static void check_clock(struct kinds *k, enum kind kind)
{
    if (kind == KIND_TIMER)
        assert_clock(k->f, GYRE_S(3600));
    else
        assert_clock(k->f, 0);
    if (kind == KIND_IO || kind == KIND_SIGNAL || kind == KIND_ASYNC)
        assert_true(kinds_stop(k, kind));
}

static void what_is_ready_runs_before_the_clock_jumps(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    k->inside = check_clock;
    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    kinds_fire(k, KIND_POST);
    kinds_fire(k, KIND_SIGNAL);
    kinds_fire(k, KIND_IO);
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, KIND_CALL, KIND_IO, KIND_SIGNAL, KIND_POST, KIND_TIMER);
}

static void started_async_keeps_the_clock_from_jumping(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    k->inside = stop_async;
    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    at_next_wait(send_async_later, k);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, KIND_ASYNC, KIND_TIMER);
}

static void unrefed_async_does_not(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    kinds_unref(k, KIND_ASYNC);
    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, KIND_TIMER);
    kinds_ref(k, KIND_ASYNC); /* it counts again */
    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_MS(1)), 0);
    kinds_stop_all(k);
}

static void run_once_jumps_no_further_than_it_may_wait(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    set_alarm(f, 1, GYRE_MS(15));
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_clock(f, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_MS(10)), 0);
    assert_clock(f, GYRE_MS(10));
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_MS(10)), 1);
    assert_clock(f, GYRE_MS(15));
}

static void shutdown_jumps_to_its_deadline(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    set_alarm(f, 1, GYRE_S(5));
    set_alarm(f, 2, GYRE_S(20));
    assert_int_equal(gyre_loop_shutdown(f->loop, START + GYRE_S(10)), 1);
    ASSERT_TRACE(f, 1);
    assert_clock(f, GYRE_S(10));
    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 0);
    assert_clock(f, GYRE_S(20));
}

static void jumping_can_be_turned_off(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    assert_int_equal(gyre_test_autojump(f->loop, false), 0);
    assert_int_equal(gyre_loop_run(f->loop), -EDEADLK);
    assert_clock(f, 0);
    assert_true(kinds_stop(k, KIND_TIMER));
}

static void timer_that_never_fires_is_not_jumped_to(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_NEVER), 0);
    assert_int_equal(gyre_loop_run(f->loop), -EDEADLK);
    assert_clock(f, 0);
    assert_true(kinds_stop(k, KIND_TIMER));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_virtual, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(clock_begins_at_one_second_and_stands_still),
        TEST(advance_runs_every_deadline_in_order),
        TEST(advance_crosses_any_distance),
        TEST(advance_by_nothing_runs_what_is_ready),
        TEST(advance_settles_each_moment),
        TEST(advance_includes_what_is_started_on_the_way),
        TEST(deadlines_of_the_past_are_run_without_moving),
        TEST(clock_ends_before_never),
        TEST(stop_ends_the_advance_where_it_is),
        TEST(pending_stop_ends_the_advance_at_once),
        TEST(endless_callbacks_at_one_moment_are_found_out),
        TEST(refused_wait_ends_the_advance),
        TEST(only_test_loops_have_such_a_clock),
        TEST(test_loop_that_cannot_be_made_is_not_written),
        TEST(waiting_for_a_clock_that_stands_still_is_refused),
        TEST(run_once_does_not_wait_for_timers),
        TEST(other_threads_are_waited_for_in_real_time),
        TEST(run_jumps_from_deadline_to_deadline),
        TEST(what_is_ready_runs_before_the_clock_jumps),
        TEST(started_async_keeps_the_clock_from_jumping),
        TEST(unrefed_async_does_not),
        TEST(run_once_jumps_no_further_than_it_may_wait),
        TEST(shutdown_jumps_to_its_deadline),
        TEST(jumping_can_be_turned_off),
        TEST(timer_that_never_fires_is_not_jumped_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
