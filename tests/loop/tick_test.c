/* The tick: in which order sources are collected, how long a batch may go without asking the kernel, and
 * that an error of the kernel loses nothing.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "base/util.h"
#include "support/fault.h"
#include "support/kinds.h"

#include <errno.h>

/* ------------------------------------------------------------------ order */

static void sources_are_collected_in_one_order(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    static const enum kind reversed[] = { KIND_LATER,  KIND_POST, KIND_ASYNC,
                                          KIND_SIGNAL, KIND_IO,   KIND_CALL };

    for (size_t i = 0; i < ARRAY_LEN(reversed); i++)
        kinds_fire(k, reversed[i]);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), ARRAY_LEN(reversed));
    ASSERT_TRACE(f, KIND_CALL, KIND_IO, KIND_SIGNAL, KIND_POST, KIND_ASYNC, KIND_LATER);
}

static void posts_of_all_sorts_run_in_the_order_of_posting(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    kinds_fire(k, KIND_ASYNC);
    kinds_fire(k, KIND_REMOTE);
    kinds_fire(k, KIND_POST);
    kinds_fire(k, KIND_SOON); /* of this thread, so before what waits in the inbox */
    assert_int_equal(run_ready(f), 4);
    ASSERT_TRACE(f, KIND_ASYNC, KIND_REMOTE, KIND_SOON, KIND_POST);
}

static void start_a_call(struct kinds *k, enum kind kind)
{
    if (kind != KIND_CALL)
        assert_int_equal(kinds_start(k, KIND_CALL), 0);
}

static void what_a_callback_queues_waits_for_the_next_tick(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = start_a_call;
    for (enum kind kind = KIND_TIMER; kind < KIND_COUNT; kind++) {
        f->trace_count = 0;
        kinds_fire(k, kind);
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
        ASSERT_TRACE(f, (int)kind);
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
        ASSERT_TRACE(f, (int)kind, KIND_CALL);
    }
}

static void make_all_due(struct kinds *k, enum kind kind)
{
    if (kind != KIND_CALL)
        return;
    k->inside = NULL;
    for (enum kind other = KIND_TIMER; other < KIND_POST; other++)
        kinds_fire(k, other);
}

static void what_becomes_ready_in_a_callback_waits_for_the_next_tick(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = make_all_due;
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(run_ready(f), 4);
    ASSERT_TRACE(f, KIND_CALL, KIND_IO, KIND_SIGNAL, KIND_ASYNC, KIND_TIMER);
}

/* ------------------------------------------------------------------ a long batch */

enum { MANY = 4000, BUDGET = 1024 };

struct many {
    struct fixture *f;
    struct kinds *k;
    int ran;
    uint64_t first_now, last_now;
    void (*then)(struct many *m); /* after each */
};

static void one_of_many(void *arg)
{
    struct many *m = arg;

    if (m->ran++ == 0)
        m->first_now = gyre_loop_now(m->f->loop);
    m->last_now = gyre_loop_now(m->f->loop);
    if (m->then)
        m->then(m);
}

static void queue_many(struct many *m)
{
    for (int i = 0; i < MANY; i++)
        assert_int_equal(gyre_call_soon(m->f->loop, one_of_many, m), 0);
}

/* I2 */
static void long_batch_asks_the_kernel_now_and_then(void **state)
{
    struct fixture *f = fixture_of(state);
    struct many m = { .f = f };
    unsigned long waits = sys_calls(SYS_WAIT);

    queue_many(&m);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), MANY);
    assert_int_equal(sys_calls(SYS_WAIT) - waits, 1 + MANY / BUDGET);
    assert_true(m.last_now > m.first_now);
}

static void be_ready_early(struct many *m)
{
    if (m->ran == 1)
        for (enum kind kind = KIND_TIMER; kind < KIND_POST; kind++)
            kinds_fire(m->k, kind);
    assert_int_equal(m->f->trace_count, 0);
}

/* I2, C13: collected on the way, in the order of their coming, behind what was queued. */
static void what_comes_during_a_long_batch_runs_right_after_it(void **state)
{
    struct fixture *f = fixture_of(state);
    struct many m = { .f = f, .k = kinds_init(f), .then = be_ready_early };

    queue_many(&m);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), MANY);
    (void)drain(m.k->fds[0]); /* the descriptor is ready no more, so it was collected before */
    assert_int_equal(run_ready(f), 4);
    ASSERT_TRACE(f, KIND_IO, KIND_SIGNAL, KIND_ASYNC, KIND_TIMER);
}

static void stop_what_was_collected(struct many *m)
{
    if (m->ran == 1)
        for (enum kind kind = KIND_TIMER; kind < KIND_POST; kind++)
            kinds_fire(m->k, kind);
    if (m->ran == 2 * BUDGET)
        kinds_stop_all(m->k);
}

/* A1 */
static void collected_in_a_long_batch_and_stopped_is_not_called(void **state)
{
    struct fixture *f = fixture_of(state);
    struct many m = { .f = f, .k = kinds_init(f), .then = stop_what_was_collected };

    queue_many(&m);
    assert_int_equal(run_ready(f), MANY);
    assert_int_equal(f->trace_count, 0);
}

/* ------------------------------------------------------------------ errors of the kernel */

static void fire_all(struct kinds *k)
{
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        kinds_fire(k, kind);
}

static void stop_it(struct kinds *k, enum kind kind)
{
    (void)kinds_stop(k, kind);
}

static void refused_wait_is_reported_and_loses_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = stop_it;
    fire_all(k);
    fail_call(SYS_WAIT, 1, EIO, false);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), -EIO);
    assert_int_equal(f->trace_count, 0);
    fail_call(SYS_WAIT, 1, EBADF, false);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), -EBADF);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(f->trace_count, KIND_COUNT);
}

static void refused_wait_ends_every_way_of_running(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    fail_call(SYS_WAIT, 1, EIO, true);
    assert_int_equal(gyre_loop_run(f->loop), -EIO);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), -EIO);
    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), -EIO);
    disarm_faults();
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
}

static void fail_next_wait(struct many *m)
{
    if (m->ran == 1)
        fail_call(SYS_WAIT, 1, EIO, false);
    if (m->ran == 10)
        kinds_fire(m->k, KIND_SOON);
}

/* What was queued in the failed batch waits until the rest of it has run. */
static void be_last(struct many *m)
{
    assert_int_equal(m->f->trace_count, 0);
}

/* The rest of the batch comes first in the next one. */
static void refused_wait_in_a_long_batch_keeps_its_order(void **state)
{
    struct fixture *f = fixture_of(state);
    struct many m = { .f = f, .k = kinds_init(f), .then = fail_next_wait };

    queue_many(&m);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), -EIO);
    assert_int_equal(m.ran, BUDGET);
    m.then = be_last;
    assert_int_equal(gyre_loop_run_once(f->loop, 0), MANY - BUDGET + 1);
    assert_int_equal(m.ran, MANY);
    ASSERT_TRACE(f, KIND_SOON);
}

/* E10 */
static void interrupted_wait_is_no_error(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_timer_start(&k->timer, GYRE_MS(2)), 0);
    fail_call(SYS_WAIT, 1, EINTR, false);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_true(fault_fired());
    ASSERT_TRACE(f, KIND_TIMER);
}

#ifdef __linux__
/* K6: sandboxes answer an unknown call with whatever they like. */
static void refused_epoll_pwait2_is_done_without(void **state)
{
    static const int answers[] = { ENOSYS, EPERM, EACCES, EINVAL };
    struct fixture *f = fixture_of(state);

    if (!poller_is(f, "epoll"))
        skip();
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        assert_int_equal(gyre_loop_destroy(f->loop), 0);
        f->loop = make_loop();
        struct kinds *k = kinds_init(f);
        unsigned long tried = sys_calls(SYS_EPOLL_PWAIT2);

        fail_call(SYS_EPOLL_PWAIT2, 1, answers[i], true);
        for (int n = 0; n < 3; n++) {
            assert_int_equal(gyre_timer_start(&k->timer, GYRE_US(100)), 0);
            assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
        }
        assert_int_equal(f->trace_count, 3 * (int)(i + 1));
        assert_int_equal(sys_calls(SYS_EPOLL_PWAIT2) - tried, 1);
        disarm_faults();
    }
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sources_are_collected_in_one_order),
        TEST(posts_of_all_sorts_run_in_the_order_of_posting),
        TEST(what_a_callback_queues_waits_for_the_next_tick),
        TEST(what_becomes_ready_in_a_callback_waits_for_the_next_tick),
        TEST(long_batch_asks_the_kernel_now_and_then),
        TEST(what_comes_during_a_long_batch_runs_right_after_it),
        TEST(collected_in_a_long_batch_and_stopped_is_not_called),
        TEST(refused_wait_is_reported_and_loses_nothing),
        TEST(refused_wait_ends_every_way_of_running),
        TEST(refused_wait_in_a_long_batch_keeps_its_order),
        TEST(interrupted_wait_is_no_error),
#ifdef __linux__
        TEST(refused_epoll_pwait2_is_done_without),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
