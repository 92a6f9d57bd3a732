/* What an async promises: async.c.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "support/fault.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

/* An async that remembers. */
struct bell {
    struct gyre_async async;
    struct fixture *f;
    int id;
    int calls;
    void (*then)(struct bell *bell); /* in its callback, if anything */
};

static struct bell a, b;

static void on_async(struct gyre_async *async, void *arg)
{
    struct bell *bell = arg;

    assert_ptr_equal(async, &bell->async);
    record(bell->f, bell->id);
    bell->calls++;
    if (bell->then)
        bell->then(bell);
}

static void init_bell(struct fixture *f, struct bell *bell, int id)
{
    memset(bell, 0, sizeof(*bell));
    bell->f = f;
    bell->id = id;
    assert_int_equal(gyre_async_init(&bell->async, f->loop, on_async, bell), 0);
}

static void start_bell(struct fixture *f, struct bell *bell, int id)
{
    init_bell(f, bell, id);
    assert_int_equal(gyre_async_start(&bell->async), 0);
}

static void ring(struct bell *bell)
{
    assert_int_equal(gyre_async_send(&bell->async), 0);
}

/* ------------------------------------------------------------------ sending */

static void send_is_heard_in_the_next_tick(void **state)
{
    struct fixture *f = fixture_of(state);

    start_bell(f, &a, 1);
    assert_int_equal(run_ready(f), 0);
    ring(&a);
    assert_int_equal(a.calls, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(run_ready(f), 0);
}

static void many_sends_make_one_call(void **state)
{
    struct fixture *f = fixture_of(state);

    start_bell(f, &a, 1);
    for (int i = 0; i < 1000; i++)
        ring(&a);
    assert_int_equal(run_ready(f), 1);
    ring(&a);
    assert_int_equal(run_ready(f), 1);
}

static void asyncs_are_called_in_the_order_of_their_first_send(void **state)
{
    struct fixture *f = fixture_of(state);

    start_bell(f, &a, 1);
    start_bell(f, &b, 2);
    ring(&b);
    ring(&a);
    ring(&b);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    ASSERT_TRACE(f, 2, 1);
}

static void ring_once_more(struct bell *bell)
{
    bell->then = NULL;
    ring(bell);
    ring(bell);
}

/* The callback has begun, so this is news. */
static void send_in_its_own_callback_makes_another_call(void **state)
{
    struct fixture *f = fixture_of(state);

    start_bell(f, &a, 1);
    a.then = ring_once_more;
    ring(&a);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(run_ready(f), 0);
}

static void ring_other(struct bell *bell)
{
    (void)bell;
    ring(&b);
}

/* Until its own callback begins, a send is part of the one before. */
static void send_before_the_callback_has_begun_adds_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    start_bell(f, &a, 1);
    start_bell(f, &b, 2);
    a.then = ring_other;
    ring(&a);
    ring(&b);
    assert_int_equal(run_ready(f), 2);
    ASSERT_TRACE(f, 1, 2);
}

/* ------------------------------------------------------------------ refusals */

static void send_needs_a_started_async(void **state)
{
    struct fixture *f = fixture_of(state);

    memset(&b, 0, sizeof(b));
    assert_int_equal(gyre_async_send(NULL), -EINVAL);
    assert_int_equal(gyre_async_send(&b.async), -EINVAL);
    init_bell(f, &a, 1);
    assert_int_equal(gyre_async_send(&a.async), -EINVAL);
    assert_int_equal(gyre_async_start(&a.async), 0);
    assert_true(gyre_async_stop(&a.async));
    assert_int_equal(gyre_async_send(&a.async), -EINVAL);
    assert_int_equal(run_ready(f), 0);
}

static void send_to_a_closed_loop_says_so(void **state)
{
    struct fixture *f = fixture_of(state);

    start_bell(f, &a, 1);
    init_bell(f, &b, 2);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(gyre_async_send(&a.async), -ESHUTDOWN);
    assert_int_equal(gyre_async_send(&b.async), -ESHUTDOWN);
}

/* D2: close takes it out of the queue, out of the inbox, or off the hands of nobody. */
static void loop_with_a_sent_async_can_be_closed(void **state)
{
    struct fixture *f = fixture_of(state);

    start_bell(f, &a, 1);
    start_bell(f, &b, 2);
    ring(&a);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(a.calls, 0);
    assert_false(gyre_async_is_started(&a.async));
}

/* ------------------------------------------------------------------ life */

static void async_is_started_and_stopped(void **state)
{
    struct fixture *f = fixture_of(state);

    init_bell(f, &a, 1);
    assert_false(gyre_async_is_started(&a.async));
    assert_false(gyre_async_stop(&a.async));
    assert_int_equal(gyre_async_start(&a.async), 0);
    assert_true(gyre_async_is_started(&a.async));
    assert_int_equal(gyre_async_start(&a.async), -EALREADY);
    assert_int_equal(gyre_async_init(&a.async, f->loop, on_async, &a), -EBUSY);
    assert_true(gyre_async_stop(&a.async));
    assert_false(gyre_async_stop(&a.async));
    assert_false(gyre_async_is_started(&a.async));
}

static void stop_takes_a_send_back(void **state)
{
    struct fixture *f = fixture_of(state);

    start_bell(f, &a, 1);
    start_bell(f, &b, 2);
    ring(&a);
    ring(&b);
    assert_true(gyre_async_stop(&a.async));
    memset(&a.async, 0xdd, sizeof(a.async));
    assert_int_equal(run_ready(f), 1);
    ASSERT_TRACE(f, 2);
}

static void stopped_async_can_be_started_and_sent_again(void **state)
{
    struct fixture *f = fixture_of(state);

    start_bell(f, &a, 1);
    for (int i = 0; i < 3; i++) {
        ring(&a);
        assert_true(gyre_async_stop(&a.async));
        assert_int_equal(gyre_async_start(&a.async), 0);
        assert_int_equal(run_ready(f), 0);
        ring(&a);
        assert_int_equal(run_ready(f), 1);
    }
}

static void started_async_keeps_the_loop_alive_unless_unreferenced(void **state)
{
    struct fixture *f = fixture_of(state);

    start_bell(f, &a, 1);
    assert_true(gyre_loop_is_alive(f->loop));
    gyre_async_unref(&a.async);
    assert_false(gyre_loop_is_alive(f->loop));
    ring(&a);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(a.calls, 1);
    gyre_async_ref(&a.async);
    assert_true(gyre_loop_is_alive(f->loop));
    assert_true(gyre_async_stop(&a.async));
    assert_false(gyre_loop_is_alive(f->loop));
}

/* ------------------------------------------------------------------ from elsewhere */

static void stop_loop(struct bell *bell)
{
    gyre_loop_stop(bell->f->loop);
}

/* An assertion belongs on the test's own thread. */
static void *ring_elsewhere(void *arg)
{
    struct bell *bell = arg;

    return gyre_async_send(&bell->async) < 0 ? arg : NULL;
}

static void send_of_another_thread_ends_an_endless_wait(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;
    void *wrong;

    start_bell(f, &a, 1);
    a.then = stop_loop;
    for (int i = 1; i <= 50; i++) {
        assert_int_equal(pthread_create(&thread, NULL, ring_elsewhere, &a), 0);
        assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
        assert_int_equal(pthread_join(thread, &wrong), 0);
        assert_null(wrong);
        assert_int_equal(a.calls, i);
    }
}

static void ring_in_handler(int signo)
{
    (void)signo;
    (void)gyre_async_send(&a.async);
}

/* D10 */
static void send_in_a_signal_handler_is_heard_and_keeps_errno(void **state)
{
    struct fixture *f = fixture_of(state);

    start_bell(f, &a, 1);
    signal(SIGUSR1, ring_in_handler);
    errno = 12345;
    raise(SIGUSR1);
    assert_int_equal(errno, 12345);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), 1);
    signal(SIGUSR1, SIG_DFL);
}

static bool senders_must_end;
static unsigned long accepted;

static void *ring_until_told(void *arg)
{
    while (!__atomic_load_n(&senders_must_end, __ATOMIC_RELAXED)) {
        int err = gyre_async_send(arg);

        if (err == 0)
            __atomic_add_fetch(&accepted, 1, __ATOMIC_RELAXED);
        else if (err != -EINVAL)
            return arg;
    }
    return NULL;
}

/* D2: whoever is in the middle of a send is waited for, and once stopped it is not called. */
static void async_may_be_stopped_while_others_send(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t threads[2];
    void *wrong;

    start_bell(f, &a, 1);
    senders_must_end = false;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ring_until_told, &a.async), 0);
    for (int i = 0; i < 500; i++) {
        assert_true(gyre_async_stop(&a.async));
        int calls = a.calls;
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
        assert_int_equal(a.calls, calls);
        assert_int_equal(gyre_async_start(&a.async), 0);
        (void)sched_yield();
        assert_in_range(gyre_loop_run_once(f->loop, 0), 0, 1);
    }
    __atomic_store_n(&senders_must_end, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    assert_true(accepted >= (unsigned long)a.calls);
}

#define ASYNC_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ASYNC_TEST(send_is_heard_in_the_next_tick),
        ASYNC_TEST(many_sends_make_one_call),
        ASYNC_TEST(asyncs_are_called_in_the_order_of_their_first_send),
        ASYNC_TEST(send_in_its_own_callback_makes_another_call),
        ASYNC_TEST(send_before_the_callback_has_begun_adds_nothing),
        ASYNC_TEST(send_needs_a_started_async),
        ASYNC_TEST(send_to_a_closed_loop_says_so),
        ASYNC_TEST(loop_with_a_sent_async_can_be_closed),
        ASYNC_TEST(async_is_started_and_stopped),
        ASYNC_TEST(stop_takes_a_send_back),
        ASYNC_TEST(stopped_async_can_be_started_and_sent_again),
        ASYNC_TEST(started_async_keeps_the_loop_alive_unless_unreferenced),
        ASYNC_TEST(send_of_another_thread_ends_an_endless_wait),
        ASYNC_TEST(send_in_a_signal_handler_is_heard_and_keeps_errno),
        ASYNC_TEST(async_may_be_stopped_while_others_send),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
