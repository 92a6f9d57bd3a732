/* A loop inside another one, by its descriptor: readable when there is something to do, and not otherwise.
 *
 * The other loop is poll(2). A test that waits for ever for readiness fails by its time limit; one that
 * spins fails by the number of its rounds.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "base/util.h"
#include "support/fault.h"
#include "support/kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>

static int fd; /* of the fixture's loop */

static int foreign_setup(void **state)
{
    if (setup(state) < 0)
        return -1;
    fd = gyre_loop_fd(fixture_of(state)->loop);
    return 0;
}

static bool readable_within(int ms)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };

    return poll(&one, 1, ms) == 1 && one.revents & POLLIN;
}

static bool is_readable(void)
{
    return readable_within(0);
}

/* Run the loop whenever it asks for it until `count` callbacks have run. Returns the rounds. */
static int drive(struct fixture *f, int count)
{
    int rounds = 0;

    while (f->trace_count < count) {
        assert_true(readable_within(60000));
        assert_in_range(gyre_loop_run_once(f->loop, 0), 0, INT32_MAX);
        rounds++;
    }
    assert_int_equal(f->trace_count, count);
    return rounds;
}

/* After at most one round that does nothing, it is silent. */
static void assert_settles(struct fixture *f)
{
    if (is_readable())
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_false(is_readable());
}

/* ------------------------------------------------------------------ the descriptor */

static void fresh_descriptor_is_not_readable(void **state)
{
    (void)state;
    assert_false(is_readable());
}

static void poller_that_cannot_be_polled_has_no_descriptor(void **state)
{
    (void)state;
    assert_int_equal(fd, -ENOTSUP);
}

static void test_loop_has_no_descriptor(void **state)
{
    struct gyre_loop_options opt = test_options();
    struct gyre_loop *loop;

    (void)state;
    assert_int_equal(gyre_test_loop_create(&opt, &loop), 0);
    assert_int_equal(gyre_loop_fd(loop), -ENOTSUP);
    assert_int_equal(gyre_loop_destroy(loop), 0);
}

static void descriptor_is_the_same_each_time(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 0; i < 10; i++)
        assert_int_equal(gyre_loop_fd(f->loop), fd);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void asking_does_not_make_it_readable(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_settles(f);
    for (int i = 0; i < 10; i++) {
        (void)gyre_loop_fd(f->loop);
        (void)gyre_loop_is_alive(f->loop);
        (void)gyre_loop_now(f->loop);
        (void)gyre_loop_clock(f->loop);
        (void)gyre_loop_poller(f->loop);
        for (enum kind kind = 0; kind < KIND_WATCHERS; kind++)
            (void)kinds_is_started(k, kind);
        assert_false(is_readable());
    }
}

static void refused_calls_do_not_make_it_readable(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_run_while(f->loop, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_call_soon(f->loop, NULL, NULL), -EINVAL);
    assert_false(is_readable());
}

/* ------------------------------------------------------------------ what makes it readable */

static void everything_that_becomes_due_makes_it_readable(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        kinds_fire(k, kind);
        assert_in_range(drive(f, (int)kind + 1), 1, 2);
        assert_settles(f);
    }
}

/* Started and told of first; then the event comes while the loop rests. */
static void events_that_come_while_it_rests_make_it_readable(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = KIND_IO; kind < KIND_POST; kind++) {
        assert_int_equal(kinds_start(k, kind), 0);
        assert_settles(f);
        kinds_fire(k, kind);
        assert_true(is_readable());
        assert_int_equal(drive(f, (int)(kind - KIND_IO) + 1), 1);
        assert_settles(f);
    }
}

static void timer_makes_it_readable_when_it_is_due_and_not_before(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    uint64_t begin = gyre_loop_clock(f->loop);
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_MS(20)), 0);
    assert_settles(f);
    assert_in_range(drive(f, 1), 1, 2);
    assert_true(gyre_loop_now(f->loop) - begin >= GYRE_MS(20));
    assert_settles(f);
}

static void timer_restarted_in_its_callback_makes_it_readable_again(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_timer_start_every(&k->timer, GYRE_MS(2)), 0);
    assert_in_range(drive(f, 10), 10, 21);
    assert_true(kinds_stop(k, KIND_TIMER));
}

static void record_one(void *arg)
{
    record(arg, 0);
}

/* Many in one bucket of the wheel, whose order it does not know before: each costs a round or so. */
static void many_timers_cost_about_a_round_each(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 0; i < 100; i++)
        assert_int_equal(gyre_call_later(f->loop, GYRE_US(50) * (uint64_t)(i % 37), record_one, f),
                         0);
    assert_in_range(drive(f, 100), 1, 110);
    assert_settles(f);
}

static void earlier_timer_replaces_the_alarm(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_LATER), 0);
    assert_settles(f);
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_MS(1)), 0);
    assert_in_range(drive(f, 1), 1, 3);
    assert_settles(f);
}

/* C11 */
static void stopped_timer_costs_at_most_one_round(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_LATER), 0);
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_MS(1)), 0);
    assert_settles(f);
    assert_true(kinds_stop(k, KIND_TIMER));
    (void)readable_within(20);
    assert_settles(f);
    assert_false(readable_within(5));
}

static void queue_more(struct kinds *k, enum kind kind)
{
    if (k->f->trace_count < 5)
        assert_int_equal(kinds_start(k, kind), 0);
}

static void it_stays_readable_while_something_is_queued(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = queue_more;
    kinds_fire(k, KIND_CALL);
    assert_in_range(drive(f, 5), 5, 6);
    assert_settles(f);
}

static void fill_again(struct kinds *k, enum kind kind)
{
    (void)kind;
    put(k->fds[1], "x");
}

static void it_stays_readable_while_a_descriptor_is(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    k->inside = fill_again;
    kinds_fire(k, KIND_IO);
    assert_in_range(drive(f, 5), 5, 6);
    k->inside = NULL;
    assert_in_range(drive(f, 6), 1, 2);
    assert_settles(f);
}

struct sender {
    struct kinds *k;
    unsigned heard; /* calls of the async so far */
};

static void *send_and_wait(void *arg)
{
    struct sender *s = arg;

    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(gyre_async_send(&s->k->async), 0);
        while (__atomic_load_n(&s->heard, __ATOMIC_SEQ_CST) == i)
            sched_yield();
    }
    return NULL;
}

static void count_heard(struct kinds *k, enum kind kind)
{
    struct sender *s = k->arg;

    (void)kind;
    __atomic_add_fetch(&s->heard, 1, __ATOMIC_SEQ_CST);
}

/* D6 */
static void every_send_of_another_thread_makes_it_readable(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sender s = { .k = kinds_init(f) };
    pthread_t thread;

    s.k->inside = count_heard;
    s.k->arg = &s;
    assert_int_equal(kinds_start(s.k, KIND_ASYNC), 0);
    assert_int_equal(pthread_create(&thread, NULL, send_and_wait, &s), 0);
    assert_in_range(drive(f, 100), 100, 202);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_settles(f);
}

/* ------------------------------------------------------------------ what does not */

static void distant_deadlines_are_no_trouble(void **state)
{
    static const uint64_t delays[] = { GYRE_S(3600), GYRE_S(86400) * 200, GYRE_NEVER / 2,
                                       GYRE_NEVER };
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
        assert_int_equal(gyre_timer_start(&k->timer, delays[i]), 0);
        assert_settles(f);
    }
    assert_true(kinds_stop(k, KIND_TIMER));
    assert_settles(f);
}

static void pending_stop_does_not_keep_it_readable(void **state)
{
    struct fixture *f = fixture_of(state);

    gyre_loop_stop(f->loop);
    assert_settles(f);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    assert_settles(f);
}

static void stopping_and_unref_leave_it_silent(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = KIND_TIMER; kind < KIND_POST; kind++)
        assert_int_equal(kinds_start(k, kind), 0);
    assert_settles(f);
    for (enum kind kind = KIND_TIMER; kind < KIND_POST; kind++) {
        kinds_unref(k, kind);
        assert_true(kinds_stop(k, kind));
    }
    assert_settles(f);
    put(k->fds[1], "x"); /* nobody watches any more */
    assert_false(is_readable());
}

/* ------------------------------------------------------------------ other ways to run it */

static void take_descriptor(struct kinds *k, enum kind kind)
{
    (void)kind;
    fd = gyre_loop_fd(k->f->loop);
}

static void descriptor_taken_in_a_callback_works(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = make_loop();
    k = kinds_init(f);
    k->inside = take_descriptor;
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_true(fd >= 0);
    k->inside = NULL;
    assert_settles(f);
    kinds_fire(k, KIND_POST);
    assert_in_range(drive(f, 2), 1, 2);
}

static void loop_can_still_run_by_itself(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (int i = 1; i <= 3; i++) {
        assert_int_equal(gyre_timer_start(&k->timer, GYRE_MS(1)), 0);
        assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
        assert_int_equal(f->trace_count, i);
        assert_settles(f);
    }
}

/* The adopting thread's first change wakes it, as that of any owner. */
static void adopted_loop_is_disturbed_by_changes(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_settles(f);
    assert_int_equal(gyre_loop_adopt(f->loop), 0);
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_MS(1)), 0);
    assert_in_range(drive(f, 1), 1, 2);
    assert_settles(f);
}

/* ------------------------------------------------------------------ failures */

/* K1, K2: no room for the alarm: told, and the next call may succeed. */
static void failure_to_make_the_alarm_is_reported(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *loop = make_loop();
    int fds = count_fds();

    if (poller_is(f, "epoll") || poller_is(f, "epoll_wait")) {
        fail_call(SYS_TIMERFD_CREATE, 1, EMFILE, false);
        assert_int_equal(gyre_loop_fd(loop), -EMFILE);
        fail_call(SYS_EPOLL_CTL, 1, ENOSPC, false);
        assert_int_equal(gyre_loop_fd(loop), -ENOSPC);
        assert_true(fault_fired());
        assert_int_equal(count_fds(), fds);
    }
    assert_true(gyre_loop_fd(loop) >= 0);
    assert_int_equal(gyre_loop_destroy(loop), 0);
}

/* An alarm that cannot be set: the loop asks to be run until the timer is due, rather than never. */
static void refused_alarm_loses_no_timer(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    f->wait_limit = UINT32_MAX;
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_MS(100)), 0);
    if (poller_is(f, "kqueue"))
        fail_call(SYS_KEVENT, 2, EINVAL, true); /* the first is the wait */
    else
        fail_call(SYS_TIMERFD_SETTIME, 1, EINVAL, true);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_true(fault_fired());
    disarm_faults();
    (void)drive(f, 1);
    assert_settles(f);
}

static void closed_loop_has_no_descriptor(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(gyre_loop_fd(f->loop), -ESHUTDOWN);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, foreign_setup, teardown)

/* Whether the loops of this poller have a descriptor. */
static bool is_supported(void)
{
    struct gyre_loop *loop;

    assert_int_equal(gyre_loop_create(NULL, &loop), 0);
    int err = gyre_loop_fd(loop);
    assert_int_equal(gyre_loop_destroy(loop), 0);
    return err >= 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fresh_descriptor_is_not_readable),
        TEST(test_loop_has_no_descriptor),
        TEST(descriptor_is_the_same_each_time),
        TEST(asking_does_not_make_it_readable),
        TEST(refused_calls_do_not_make_it_readable),
        TEST(everything_that_becomes_due_makes_it_readable),
        TEST(events_that_come_while_it_rests_make_it_readable),
        TEST(timer_makes_it_readable_when_it_is_due_and_not_before),
        TEST(timer_restarted_in_its_callback_makes_it_readable_again),
        TEST(many_timers_cost_about_a_round_each),
        TEST(earlier_timer_replaces_the_alarm),
        TEST(stopped_timer_costs_at_most_one_round),
        TEST(it_stays_readable_while_something_is_queued),
        TEST(it_stays_readable_while_a_descriptor_is),
        TEST(every_send_of_another_thread_makes_it_readable),
        TEST(distant_deadlines_are_no_trouble),
        TEST(pending_stop_does_not_keep_it_readable),
        TEST(stopping_and_unref_leave_it_silent),
        TEST(descriptor_taken_in_a_callback_works),
        TEST(loop_can_still_run_by_itself),
        TEST(adopted_loop_is_disturbed_by_changes),
        TEST(failure_to_make_the_alarm_is_reported),
        TEST(refused_alarm_loses_no_timer),
        TEST(closed_loop_has_no_descriptor),
    };
    const struct CMUnitTest tests_without[] = {
        TEST(poller_that_cannot_be_polled_has_no_descriptor),
        TEST(test_loop_has_no_descriptor),
    };

    if (is_supported())
        return cmocka_run_group_tests(tests, NULL, NULL);
    return cmocka_run_group_tests(tests_without, NULL, NULL);
}
