/* Running a loop: run, run_once and run_while; how each ends and when it waits.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "support/fault.h"
#include "support/kinds.h"

#include <errno.h>

static bool always(void *arg)
{
    (void)arg;
    return true;
}

/* ------------------------------------------------------------------ run */

static void stop_it(struct kinds *k, enum kind kind)
{
    (void)kinds_stop(k, kind);
}

static void run_ends_when_nothing_is_left(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = stop_it;
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        kinds_fire(k, kind);
        assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
        assert_int_equal(f->trace_count, kind + 1);
    }
}

static void again(struct kinds *k, enum kind kind)
{
    if (k->f->trace_count < 100)
        assert_int_equal(kinds_start(k, kind), 0);
}

static void run_goes_on_while_callbacks_start_more(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = again;
    assert_int_equal(kinds_start(k, KIND_CALL), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(f->trace_count, 100);
}

/* B5 */
static void run_inside(struct kinds *k, enum kind kind)
{
    struct gyre_loop *loop = k->f->loop;
    struct gyre_loop *other = k->arg;

    assert_int_equal(gyre_loop_run(loop), -EBUSY);
    assert_int_equal(gyre_loop_run_once(loop, GYRE_NEVER), -EBUSY);
    assert_int_equal(gyre_loop_run_while(loop, always, NULL), -EBUSY);
    assert_int_equal(gyre_loop_shutdown(loop, GYRE_NEVER), -EBUSY);
    assert_int_equal(gyre_test_advance(loop, 0), -EBUSY);
    assert_int_equal(gyre_loop_close(loop), -EBUSY);
    assert_int_equal(gyre_loop_destroy(loop), -EBUSY);
    assert_int_equal(gyre_loop_adopt(loop), -EBUSY);
    assert_int_equal(gyre_loop_run(other), -EBUSY);
    assert_int_equal(gyre_loop_run_once(other, GYRE_NEVER), -EBUSY);
    assert_int_equal(gyre_loop_shutdown(other, GYRE_NEVER), -EBUSY);
    (void)kinds_stop(k, kind);
    k->err++;
}

static void loop_cannot_be_run_or_ended_inside_a_callback(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    struct gyre_loop *other = make_loop();

    k->inside = run_inside;
    k->arg = other;
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        kinds_fire(k, kind);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(k->err, KIND_COUNT);
    assert_int_equal(gyre_loop_run(other), GYRE_RUN_DONE);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

/* A loop that is not running may be ended, or made and run in no callback, wherever one is. */
static void end_other_loop(struct kinds *k, enum kind kind)
{
    (void)kind;
    assert_int_equal(gyre_loop_destroy(k->arg), 0);
    k->arg = make_loop();
    assert_int_equal(gyre_loop_run_once(k->arg, 0), -EBUSY);
}

static void callback_may_end_and_make_another_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = end_other_loop;
    k->arg = make_loop();
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(gyre_loop_run(k->arg), GYRE_RUN_DONE);
    assert_int_equal(gyre_loop_destroy(k->arg), 0);
}

/* ------------------------------------------------------------------ run_once */

static void run_once_counts_the_callbacks(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    kinds_fire(k, KIND_CALL);
    kinds_fire(k, KIND_SOON);
    kinds_fire(k, KIND_SOON);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
}

static void run_once_asks_the_kernel_once_although_something_is_queued(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    unsigned long waits = sys_calls(SYS_WAIT);

    kinds_fire(k, KIND_CALL);
    kinds_fire(k, KIND_IO);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), 2);
    ASSERT_TRACE(f, KIND_CALL, KIND_IO);
    assert_int_equal(sys_calls(SYS_WAIT) - waits, 1);
}

static void run_once_waits_no_longer_than_told(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    uint64_t begin = gyre_loop_clock(f->loop);

    assert_int_equal(kinds_start(k, KIND_IO), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_MS(2)), 0);
    if (poller_is(f, "script"))
        return; /* it may return early */
    assert_true(gyre_loop_clock(f->loop) - begin >= GYRE_MS(2));
}

static void run_once_waits_until_something_happens(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_timer_start(&k->timer, GYRE_MS(1)), 0);
    while (f->trace_count == 0)
        assert_in_range(gyre_loop_run_once(f->loop, GYRE_NEVER), 0, 1);
    ASSERT_TRACE(f, KIND_TIMER);
}

static void run_once_does_not_wait_if_nothing_keeps_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
    for (enum kind kind = 0; kind < KIND_POST; kind++) {
        assert_int_equal(kinds_start(k, kind), 0);
        kinds_unref(k, kind);
    }
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), 1);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
    ASSERT_TRACE(f, KIND_CALL);
}

/* ------------------------------------------------------------------ run_while */

struct countdown {
    struct kinds *k;
    int left;
    int asked;
};

static bool counts_down(void *arg)
{
    struct countdown *c = arg;

    c->asked++;
    return c->left-- > 0;
}

static bool starts_a_call(void *arg)
{
    struct countdown *c = arg;

    assert_int_equal(gyre_loop_run_once(c->k->f->loop, 0), -EBUSY);
    assert_int_equal(kinds_start(c->k, KIND_CALL), 0);
    assert_true(kinds_stop(c->k, KIND_CALL));
    assert_int_equal(kinds_start(c->k, KIND_CALL), 0);
    return counts_down(arg);
}

static void run_while_asks_before_the_first_tick(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    struct countdown c = { .left = 0 };

    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_run_while(f->loop, counts_down, &c), GYRE_RUN_DONE);
    assert_int_equal(c.asked, 1);
    assert_int_equal(f->trace_count, 0);
}

static void run_while_asks_after_every_tick(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    struct countdown c = { .left = 7 };

    k->inside = again;
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_run_while(f->loop, counts_down, &c), GYRE_RUN_DONE);
    assert_int_equal(c.asked, 8);
    assert_int_equal(f->trace_count, 7);
    assert_true(gyre_loop_is_alive(f->loop));
}

/* D4 of the scheduler: told, not slept through. */
static void run_while_tells_that_it_would_wait_for_ever(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_loop_run_while(f->loop, always, NULL), -EDEADLK);
    kinds_fire(k, KIND_CALL);
    assert_int_equal(kinds_start(k, KIND_IO), 0);
    kinds_unref(k, KIND_IO);
    assert_int_equal(gyre_loop_run_while(f->loop, always, NULL), -EDEADLK);
    ASSERT_TRACE(f, KIND_CALL);
}

static void condition_may_start_and_stop_but_not_run(void **state)
{
    struct fixture *f = fixture_of(state);
    struct countdown c = { .k = kinds_init(f), .left = 3 };

    assert_int_equal(gyre_loop_run_while(f->loop, starts_a_call, &c), GYRE_RUN_DONE);
    ASSERT_TRACE(f, KIND_CALL, KIND_CALL, KIND_CALL);
}

static void run_while_needs_a_condition(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_run_while(f->loop, NULL, NULL), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(run_ends_when_nothing_is_left),
        TEST(run_goes_on_while_callbacks_start_more),
        TEST(loop_cannot_be_run_or_ended_inside_a_callback),
        TEST(callback_may_end_and_make_another_loop),
        TEST(run_once_counts_the_callbacks),
        TEST(run_once_asks_the_kernel_once_although_something_is_queued),
        TEST(run_once_waits_no_longer_than_told),
        TEST(run_once_waits_until_something_happens),
        TEST(run_once_does_not_wait_if_nothing_keeps_the_loop_alive),
        TEST(run_while_asks_before_the_first_tick),
        TEST(run_while_asks_after_every_tick),
        TEST(run_while_tells_that_it_would_wait_for_ever),
        TEST(condition_may_start_and_stop_but_not_run),
        TEST(run_while_needs_a_condition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
