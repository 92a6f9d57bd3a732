/* What a warm loop costs: no allocation at all, and no system call that is not needed.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "base/util.h"
#include "support/fault.h"
#include "support/kinds.h"

enum { WARM_UP = 100, ROUNDS = 10000 };

static int setup_patient(void **state)
{
    int err = setup(state);

    fixture_of(state)->wait_limit = 50000;
    return err;
}

/* One round, twice: to warm up, and to be counted. Returns the allocations of the second time. */
static unsigned long allocations_of(struct kinds *k, void (*round)(struct kinds *k))
{
    for (int i = 0; i < WARM_UP; i++)
        round(k);
    unsigned long before = allocations();
    for (int i = 0; i < ROUNDS; i++)
        round(k);
    return allocations() - before;
}

static void run_one(struct kinds *k)
{
    k->f->trace_count = 0;
    while (k->f->trace_count == 0)
        assert_in_range(gyre_loop_run_once(k->f->loop, 0), 0, 1);
}

static void round_of_call(struct kinds *k)
{
    assert_int_equal(gyre_call_start(&k->call), 0);
    run_one(k);
}

static void round_of_timer(struct kinds *k)
{
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_S(60)), 0);
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_S(90)), 0);
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_S(1)), 0);
    assert_true(gyre_timer_stop(&k->timer));
    assert_int_equal(gyre_timer_start_at(&k->timer, 1), 0);
    run_one(k);
}

static void round_of_io(struct kinds *k)
{
    assert_int_equal(gyre_io_start(&k->io, k->fds[0], GYRE_READ), 0);
    put(k->fds[1], "x");
    run_one(k);
    assert_int_equal(gyre_io_start(&k->io, k->fds[0], GYRE_READ | GYRE_WRITE), 0);
    assert_true(gyre_io_stop(&k->io));
}

static void round_of_signal(struct kinds *k)
{
    assert_int_equal(gyre_signal_start(&k->sig, KIND_SIGNO), 0);
    assert_int_equal(raise(KIND_SIGNO), 0);
    run_one(k);
    assert_true(gyre_signal_stop(&k->sig));
}

static void round_of_async(struct kinds *k)
{
    assert_int_equal(gyre_async_start(&k->async), 0);
    assert_int_equal(gyre_async_send(&k->async), 0);
    run_one(k);
    assert_true(gyre_async_stop(&k->async));
}

static void round_of_post(struct kinds *k)
{
    assert_int_equal(gyre_post_send(&k->post), 0);
    run_one(k);
}

static void round_of_soon(struct kinds *k)
{
    kinds_fire(k, KIND_SOON);
    run_one(k);
}

static void round_of_later(struct kinds *k)
{
    kinds_fire(k, KIND_LATER);
    run_one(k);
}

static void round_of_remote(struct kinds *k)
{
    kinds_fire(k, KIND_REMOTE);
    run_one(k);
}

static void warm_loop_allocates_nothing(void **state)
{
    static void (*const rounds[])(struct kinds * k) = {
        round_of_call,  round_of_timer, round_of_io,   round_of_signal,
        round_of_async, round_of_post,  round_of_soon, round_of_later,
    };
    struct fixture *f = fixture_of(state);

    f->wait_limit = 10 * (ROUNDS + WARM_UP);
    struct kinds *k = kinds_init(f);
    for (size_t i = 0; i < ARRAY_LEN(rounds); i++)
        assert_int_equal(allocations_of(k, rounds[i]), 0);
}

static void call_from_a_thread_costs_one_allocation(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));

    assert_int_equal(allocations_of(k, round_of_remote), ROUNDS);
}

/* ------------------------------------------------------------------ system calls */

/* All but the looks at the clock, in `rounds` rounds. */
static unsigned long calls_of(struct kinds *k, void (*round)(struct kinds *k), int rounds)
{
    round(k);
    unsigned long before = all_sys_calls();
    for (int i = 0; i < rounds; i++)
        round(k);
    return all_sys_calls() - before;
}

/* Each of these asks the kernel once, because run_once does, and for nothing else. */
static void quiet_operations_make_no_system_call(void **state)
{
    static void (*const rounds[])(struct kinds * k) = {
        round_of_call, round_of_timer, round_of_async, round_of_post, round_of_soon, round_of_later,
    };
    struct kinds *k = kinds_init(fixture_of(state));

    for (size_t i = 0; i < ARRAY_LEN(rounds); i++)
        assert_int_equal(calls_of(k, rounds[i], 100), 100);
}

static void chain(struct kinds *k, enum kind kind)
{
    if (++k->err < 64 * 100)
        assert_int_equal(kinds_start(k, kind), 0);
    k->f->trace_count = 0;
}

static void chain_of_calls_asks_the_kernel_seldom(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    unsigned long before = all_sys_calls();

    k->inside = chain;
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_in_range(all_sys_calls() - before, 1, 101);
}

static void round_of_ticking(struct kinds *k)
{
    k->f->trace_count = 0;
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_US(200)), 0);
    assert_int_equal(gyre_loop_run(k->f->loop), GYRE_RUN_DONE);
}

/* SPIN: asleep until the deadline, and once more if the first wait was a little short. */
static void loop_with_a_timer_sleeps_until_it_is_due(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    if (poller_is(f, "script"))
        skip(); /* it ends waits for no reason */
    assert_in_range(calls_of(k, round_of_ticking, 20), 20, 40);
}

static void stop_now(void *arg)
{
    gyre_loop_stop(arg);
}

static void idle_loop_makes_no_system_call_but_its_wait(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = KIND_TIMER; kind < KIND_POST; kind++)
        assert_int_equal(kinds_start(k, kind), 0);
    gyre_loop_run_once(f->loop, 0);
    unsigned long calls = all_sys_calls();
    unsigned long waits = sys_calls(SYS_WAIT);

    at_next_wait(stop_now, f->loop);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    waits = sys_calls(SYS_WAIT) - waits;
    assert_in_range(waits, 1, 2);
    /* And what woke it: one write, and where a wake-up has to be read, that, until it is empty. */
    assert_in_range(all_sys_calls() - calls - waits, 1, 3);
}

/* A change of interest that is undone before the kernel is asked is not told. */
static void change_of_interest_that_is_undone_costs_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_io_start(&k->io, k->fds[0], GYRE_READ), 0);
    unsigned long before = all_sys_calls();
    for (int i = 0; i < 100; i++) {
        assert_int_equal(gyre_io_start(&k->io, k->fds[0], GYRE_READ | GYRE_WRITE), 0);
        assert_int_equal(gyre_io_start(&k->io, k->fds[0], GYRE_READ), 0);
    }
    assert_int_equal(all_sys_calls() - before, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_int_equal(all_sys_calls() - before, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_patient, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(warm_loop_allocates_nothing),
        TEST(call_from_a_thread_costs_one_allocation),
        TEST(quiet_operations_make_no_system_call),
        TEST(chain_of_calls_asks_the_kernel_seldom),
        TEST(loop_with_a_timer_sleeps_until_it_is_due),
        TEST(idle_loop_makes_no_system_call_but_its_wait),
        TEST(change_of_interest_that_is_undone_costs_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
