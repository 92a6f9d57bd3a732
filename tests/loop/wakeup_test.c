/* Waking a loop that sleeps: at every moment, when the wake-up is full, refused or broken.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "loop/core.h"
#include "os/sys.h"
#include "support/fault.h"
#include "support/kinds.h"

#include <fcntl.h>
#include <unistd.h>

/* The same with a pipe in place of the eventfd. */
static int setup_with_pipe(void **state)
{
    const struct sys_table *below;
    struct sys_table with_pipe;

    if (setup_bare(state) < 0)
        return -1;
    below = sys;
    with_pipe = *sys;
    with_pipe.wake_pair = sys_pipe;
    sys = &with_pipe;
    fixture_of(state)->loop = make_loop();
    sys = below;
    return 0;
}

/* Run until the trace has `count` entries, and not a wait more than `waits`. */
static void run_until(struct fixture *f, int count, unsigned long waits)
{
    unsigned long before = sys_calls(SYS_WAIT);

    while (f->trace_count < count)
        assert_in_range(gyre_loop_run_once(f->loop, GYRE_NEVER), 0, 1);
    assert_int_equal(f->trace_count, count);
    if (!poller_is(f, "script")) /* it ends waits for no reason */
        assert_in_range(sys_calls(SYS_WAIT) - before, 1, waits);
}

/* Nothing is left over from earlier wake-ups: it does not spin. */
static void assert_quiet(struct fixture *f)
{
    unsigned long before = sys_calls(SYS_WAIT);

    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_MS(1)), 0);
    assert_int_equal(sys_calls(SYS_WAIT) - before, 2);
    if (poller_is(f, "script"))
        return;
    uint64_t begin = gyre_loop_clock(f->loop);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_MS(2)), 0);
    assert_true(gyre_loop_clock(f->loop) - begin >= GYRE_MS(2));
}

static void send_async(void *arg)
{
    struct kinds *k = arg;

    assert_int_equal(gyre_async_send(&k->async), 0);
}

static void send_async_twice(void *arg)
{
    send_async(arg);
    send_async(arg);
}

static void raise_signal(void *arg)
{
    (void)arg;
    assert_int_equal(raise(KIND_SIGNO), 0);
}

/* ------------------------------------------------------------------ at every moment */

/* D6 */
static void send_before_the_run_is_heard_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    send_async_twice(k);
    run_until(f, 1, 1);
    assert_quiet(f);
}

/* D6, D7: after the loop has decided to sleep. */
static void send_after_the_last_look_is_heard_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    for (int i = 1; i <= 20; i++) {
        at_next_wait(i % 2 ? send_async : send_async_twice, k);
        run_until(f, i, 1);
    }
    assert_quiet(f);
}

/* D6, E9 */
static void signal_after_the_last_look_is_heard_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_SIGNAL), 0);
    for (int i = 1; i <= 20; i++) {
        at_next_wait(raise_signal, NULL);
        run_until(f, i, 1);
    }
    assert_quiet(f);
}

static void send_again(struct kinds *k, enum kind kind)
{
    if (kind == KIND_ASYNC && k->f->trace_count < 3)
        send_async_twice(k);
}

/* D6: what is sent in the callback makes one more. */
static void send_in_a_callback_is_heard_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = send_again;
    kinds_fire(k, KIND_ASYNC);
    run_until(f, 3, 3);
    assert_quiet(f);
}

/* D7: a condition of run_while may send, and then the loop must not sleep. */
static bool sends_once(void *arg)
{
    struct kinds *k = arg;

    if (k->err++ == 0)
        send_async(k);
    return k->f->trace_count == 0;
}

static void send_in_the_condition_is_heard_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    assert_int_equal(gyre_loop_run_while(f->loop, sends_once, k), GYRE_RUN_DONE);
    ASSERT_TRACE(f, KIND_ASYNC);
    assert_quiet(f);
}

/* I4 */
static void many_posts_to_a_sleeping_loop_make_one_wake_up(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    unsigned long writes = sys_calls(SYS_WRITE);

    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    at_next_wait(send_async_twice, k);
    run_until(f, 1, 1);
    assert_int_equal(sys_calls(SYS_WRITE) - writes, 1);
    send_async_twice(k); /* awake: no need to write */
    run_until(f, 2, 1);
    assert_int_equal(sys_calls(SYS_WRITE) - writes, 1);
}

/* ------------------------------------------------------------------ a full wake-up */

static void saturate(const struct wake *w)
{
    static const uint64_t most = UINT64_MAX - 1;
    static const char bytes[4096];

    (void)drain(w->read_fd);
    if (w->read_fd == w->write_fd)
        assert_int_equal(write(w->write_fd, &most, sizeof(most)), sizeof(most));
    while (w->read_fd != w->write_fd && write(w->write_fd, bytes, sizeof(bytes)) > 0)
        ;
}

/* D3, D4 */
static void full_wake_up_still_wakes(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    for (int i = 1; i <= 5; i++) {
        saturate(&f->loop->inbox.wake);
        for (int n = 0; n < 3; n++) /* the edge that this made is spent */
            assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
        at_next_wait(send_async, k);
        run_until(f, i, 2);
    }
    assert_quiet(f);
}

/* D4: more wake-ups than a pipe has room for, none of which need be read. */
static void every_one_of_many_wake_ups_is_heard(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    f->wait_limit = 20000;
    for (int i = 0; i < 9000; i++) {
        f->trace_count = 0;
        at_next_wait(send_async, k);
        run_until(f, 1, 1);
    }
}

/* ------------------------------------------------------------------ refused and broken */

/* What is written wakes the loop although the send does not. */
static void send_async_and_write(void *arg)
{
    struct kinds *k = arg;

    send_async(k);
    put(k->fds[1], "x");
}

/* D3: nobody is told that it was written, so nobody waits for ever: the next run says what happened, and
 * what was posted still runs. */
static void refused_wake_up_is_reported_by_the_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    assert_int_equal(kinds_start(k, KIND_IO), 0);
    fail_call(SYS_WRITE, 1, EPERM, false);
    at_next_wait(send_async_and_write, k);
    assert_int_equal(gyre_loop_run(f->loop), -EPERM);
    assert_true(fault_fired());
    assert_int_equal(f->trace_count, 0);
    assert_int_equal(run_ready(f), 2); /* it was told once */
    ASSERT_TRACE(f, KIND_IO, KIND_ASYNC);
}

/* D3 */
static void unreadable_wake_up_is_reported_by_the_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    if (f->loop->poller.ops->edge)
        skip(); /* it is never read */
    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    at_next_wait(send_async, k);
    fail_call(SYS_READ, 1, EIO, false);
    int err = 0;
    while (err == 0)
        err = gyre_loop_run_once(f->loop, GYRE_NEVER);
    assert_int_equal(err, -EIO);
    run_until(f, 1, 1);
}

/* Nobody can wake it any more: its pipe has lost the writing end. */
static void cut_the_pipe(const struct wake *w)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    assert_true(null >= 0);
    assert_int_equal(dup2(null, w->write_fd), w->write_fd);
    close(null);
}

/* D5: told, or at least not spun over. */
static void broken_pipe_does_not_make_it_spin(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    unsigned long waits = sys_calls(SYS_WAIT);
    bool is_edge = f->loop->poller.ops->edge;

    /* Only the first waits for it. A short one would end the others' wait on a slow machine. */
    assert_int_equal(gyre_timer_start(&k->timer, is_edge ? GYRE_MS(5) : GYRE_S(600)), 0);
    cut_the_pipe(&f->loop->inbox.wake);
    if (is_edge) {
        assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
        ASSERT_TRACE(f, KIND_TIMER);
        assert_in_range(sys_calls(SYS_WAIT) - waits, 1, 4);
        return;
    }
    assert_int_equal(gyre_loop_run(f->loop), -EPIPE);
    assert_int_equal(gyre_loop_run(f->loop), -EPIPE);
    assert_in_range(sys_calls(SYS_WAIT) - waits, 2, 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define PIPED(name)                                            \
    {                                                          \
#name " (pipe)", name, setup_with_pipe, teardown, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(send_before_the_run_is_heard_once),
        PIPED(send_before_the_run_is_heard_once),
        TEST(send_after_the_last_look_is_heard_once),
        PIPED(send_after_the_last_look_is_heard_once),
        TEST(signal_after_the_last_look_is_heard_once),
        PIPED(signal_after_the_last_look_is_heard_once),
        TEST(send_in_a_callback_is_heard_once),
        TEST(send_in_the_condition_is_heard_once),
        TEST(many_posts_to_a_sleeping_loop_make_one_wake_up),
        TEST(full_wake_up_still_wakes),
        PIPED(full_wake_up_still_wakes),
        PIPED(every_one_of_many_wake_ups_is_heard),
        TEST(refused_wake_up_is_reported_by_the_loop),
        TEST(unreadable_wake_up_is_reported_by_the_loop),
        PIPED(broken_pipe_does_not_make_it_spin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
