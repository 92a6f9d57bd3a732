/* Operations on the loop: what holds of all, sleep, a ready descriptor. See also signal_next_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

#include <signal.h>
#include <unistd.h>

enum { SIGNO = SIGUSR2 };

static uintptr_t number(struct gyre_future *f)
{
    return (uintptr_t)gyre_future_peek(f);
}

static void assert_pending(struct gyre_future *f)
{
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_PENDING);
}

/* It has come out OK; gives the reference back. */
static void assert_done(struct gyre_future *f)
{
    assert_int_equal(gyre_future_error(f), 0);
    gyre_future_unref(f);
}

/* ------------------------------------------------------------------ what holds of all */

enum operation { SLEEP, SLEEP_UNTIL, SLEEP_FOR_EVER, IO_READY, SIGNAL_NEXT, OPERATIONS };

static int idle_fds[2];

static struct gyre_future *start(struct fixture *f, enum operation operation)
{
    switch (operation) {
    case SLEEP:
        return gyre_sleep(f->loop, GYRE_S(10));
    case SLEEP_UNTIL:
        return gyre_sleep_until(f->loop, gyre_loop_clock(f->loop) + GYRE_S(10));
    case SLEEP_FOR_EVER:
        return gyre_sleep_until(f->loop, GYRE_NEVER);
    case IO_READY:
        return gyre_io_ready(f->loop, idle_fds[0], GYRE_READ);
    case SIGNAL_NEXT:
        return gyre_signal_next(f->loop, SIGNO);
    case OPERATIONS:
        break;
    }
    fail_msg("not an operation");
    return NULL;
}

/* Of each, one after the other. */
static void for_each_operation(struct fixture *f,
                               void (*check)(struct fixture *f, struct gyre_future *operation))
{
    make_pipe(f, idle_fds);
    for (enum operation operation = 0; operation < OPERATIONS; operation++) {
        struct gyre_future *started = start(f, operation);

        assert_pending(started);
        check(f, started);
        assert_false(gyre_loop_is_alive(f->loop));
    }
}

static void cancel_and_look(struct fixture *f, struct gyre_future *operation)
{
    assert_true(gyre_loop_is_alive(f->loop));
    assert_true(gyre_future_cancel(operation));
    assert_int_equal(gyre_future_state(operation), GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(operation), GYRE_REASON_REQUEST);
    assert_false(gyre_loop_is_alive(f->loop));
    gyre_future_unref(operation);
}

static void pending_operation_keeps_the_loop_alive_and_a_cancelled_one_does_not(void **state)
{
    for_each_operation(fixture_of(state), cancel_and_look);
}

static void give_back(struct fixture *f, struct gyre_future *operation)
{
    (void)f;
    gyre_future_unref(operation);
}

static void operation_nobody_refers_to_leaves_nothing_started(void **state)
{
    for_each_operation(fixture_of(state), give_back);
}

static void look_for_kind(struct fixture *f, struct gyre_future *operation)
{
    (void)f;
    assert_int_equal(gyre_future_count(operation), 0);
    assert_null(gyre_future_at(operation, 0));
    assert_null(gyre_future_failure(operation, 0));
    assert_int_equal(gyre_future_resolve(operation, NULL, NULL), -EINVAL);
    assert_pending(operation);
    gyre_future_unref(operation);
}

static void operation_is_neither_made_of_others_nor_settled_by_them(void **state)
{
    for_each_operation(fixture_of(state), look_for_kind);
}

static void operation_in_a_cancelled_scope_starts_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_scope scope = { 0 };

    make_pipe(f, idle_fds);
    assert_int_equal(gyre_scope_init(&scope, f->loop, NULL), 0);
    assert_true(gyre_scope_cancel(&scope));
    assert_int_equal(gyre_scope_enter(&scope), 0);
    for (enum operation operation = 0; operation < OPERATIONS; operation++) {
        struct gyre_future *started = start(f, operation);

        assert_int_equal(gyre_future_error(started), -ECANCELED);
        assert_true(gyre_scope_caused(&scope, started));
        gyre_future_unref(started);
    }
    assert_false(gyre_loop_is_alive(f->loop));
    gyre_scope_fini(&scope);
}

/* ------------------------------------------------------------------ sleep */

static void sleep_is_over_after_its_delay_and_not_before(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *sleep = gyre_sleep(f->loop, GYRE_S(10));

    advance(f, GYRE_S(10) - 1);
    assert_pending(sleep);
    advance(f, 1);
    assert_null(gyre_future_peek(sleep));
    assert_done(sleep);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void sleep_until_is_over_at_its_deadline_and_not_before(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *sleep = gyre_sleep_until(f->loop, GYRE_S(100));

    advance(f, GYRE_S(100) - gyre_loop_clock(f->loop) - 1);
    assert_pending(sleep);
    advance(f, 1);
    assert_done(sleep);
}

static void sleep_of_nothing_takes_a_tick(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *sleeps[] = {
        gyre_sleep(f->loop, 0),
        gyre_sleep_until(f->loop, 0), /* in the past */
        gyre_sleep_until(f->loop, gyre_loop_clock(f->loop)),
    };

    for (size_t i = 0; i < ARRAY_LEN(sleeps); i++)
        assert_pending(sleeps[i]);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), ARRAY_LEN(sleeps));
    for (size_t i = 0; i < ARRAY_LEN(sleeps); i++)
        assert_done(sleeps[i]);
}

/* A sum beyond 2^64 must not come out small. */
static void longest_sleep_is_not_the_shortest(void **state)
{
    struct fixture *f = fixture_of(state);
    static const uint64_t delays[] = { GYRE_NEVER, GYRE_NEVER - 1, GYRE_NEVER - GYRE_MS(1) };

    for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
        struct gyre_future *sleep = gyre_sleep(f->loop, delays[i]);

        advance(f, (uint64_t)1 << 60);
        assert_pending(sleep);
        assert_true(gyre_loop_is_alive(f->loop));
        gyre_future_unref(sleep);
    }
}

static void sleeps_end_in_the_order_of_their_deadlines_then_of_their_start(void **state)
{
    struct fixture *f = fixture_of(state);
    static const uint64_t delays[] = { 30, 10, 20, 10, 0, 30 };
    struct gyre_future *sleeps[ARRAY_LEN(delays)];

    for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
        sleeps[i] = gyre_sleep(f->loop, delays[i]);
        wait_for(sleeps[i], make_item(f, (int)i)->id);
    }
    advance(f, 30);
    ASSERT_TRACE(f, 4, 1, 3, 2, 0, 5);
    for (size_t i = 0; i < ARRAY_LEN(delays); i++)
        assert_done(sleeps[i]);
}

static struct gyre_future *prey;

static void cancel_prey(struct item *item)
{
    (void)item;
    assert_true(gyre_future_cancel(prey));
}

static void sleep_that_is_due_but_has_not_run_can_be_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 0)->then = cancel_prey;
    start_timer(0, 10);
    prey = gyre_sleep(f->loop, 10);
    advance(f, 100);
    ASSERT_TRACE(f, 0);
    assert_int_equal(gyre_future_error(prey), -ECANCELED);
    gyre_future_unref(prey);
}

static void come_too_late(struct item *item)
{
    (void)item;
    assert_false(gyre_future_cancel(prey));
}

static void sleep_that_is_over_cannot_be_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 0)->then = come_too_late;
    prey = gyre_sleep(f->loop, 10);
    start_timer(0, 10);
    advance(f, 10);
    ASSERT_TRACE(f, 0);
    assert_done(prey);
}

/* ------------------------------------------------------------------ a ready descriptor */

static void io_ready_has_the_events_and_reads_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    struct gyre_future *ready = gyre_io_ready(f->loop, fds[0], GYRE_READ);
    assert_int_equal(run_ready(f), 0);
    assert_pending(ready);
    put(fds[1], "word");
    run_ready(f);
    assert_int_equal(number(ready), GYRE_READ);
    assert_false(gyre_loop_is_alive(f->loop)); /* it watches no more */
    assert_int_equal(run_ready(f), 0);
    assert_int_equal(drain(fds[0]), 4);
    assert_done(ready);
}

static void io_ready_may_be_settled_only_by_the_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    struct gyre_future *ready = gyre_io_ready(f->loop, fds[0], GYRE_READ | GYRE_WRITE);
    assert_pending(ready); /* although it is writable already */
    run_ready(f);
    assert_int_equal(number(ready), GYRE_WRITE);
    assert_done(ready);
}

static void io_ready_is_told_of_a_hang_up(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    struct gyre_future *ready = gyre_io_ready(f->loop, fds[0], GYRE_READ);
    close_fd(f, &fds[1]);
    run_ready(f);
    assert_true(number(ready) & GYRE_READ);
    assert_int_equal(number(ready) & ~(uintptr_t)(GYRE_READ | GYRE_HANGUP), 0);
    assert_done(ready);
}

static void several_may_wait_for_one_descriptor(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    struct gyre_future *reader = gyre_io_ready(f->loop, fds[0], GYRE_READ);
    struct gyre_future *other = gyre_io_ready(f->loop, fds[0], GYRE_READ);
    struct gyre_future *writer = gyre_io_ready(f->loop, fds[0], GYRE_WRITE);
    run_ready(f);
    assert_pending(reader);
    assert_done(writer);
    put(fds[1], "word");
    run_ready(f);
    assert_done(reader);
    assert_done(other);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void hunter_ready(struct gyre_io *io, unsigned events, void *arg)
{
    (void)events;
    record(arg, 1);
    assert_true(gyre_future_cancel(prey));
    (void)gyre_io_stop(io);
}

static void io_ready_whose_event_was_collected_can_be_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_io hunter = { 0 };
    int fds[2];

    make_pair(f, fds);
    assert_int_equal(gyre_io_init(&hunter, f->loop, hunter_ready, f), 0);
    assert_int_equal(gyre_io_start(&hunter, fds[0], GYRE_READ), 0);
    prey = gyre_io_ready(f->loop, fds[0], GYRE_READ);
    put(fds[1], "word");
    run_ready(f);
    ASSERT_TRACE(f, 1);
    assert_int_equal(gyre_future_error(prey), -ECANCELED);
    assert_int_equal(drain(fds[0]), 4);
    gyre_future_unref(prey);
}

static void ignore_io(struct gyre_io *io, unsigned events, void *arg)
{
    (void)io;
    (void)events;
    (void)arg;
}

/* What gyre_io_start says to this. */
static int try_io(struct fixture *f, int fd, unsigned events)
{
    struct gyre_io io = { 0 };

    assert_int_equal(gyre_io_init(&io, f->loop, ignore_io, NULL), 0);
    int err = gyre_io_start(&io, fd, events);
    gyre_io_stop(&io);
    return err;
}

static void io_ready_fails_as_a_watcher_does(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pair(f, fds);
    int closed = dup(fds[0]);
    close(closed);
    const struct {
        int fd;
        unsigned events;
        int err;
    } rows[] = {
        { -1, GYRE_READ, -EBADF },     { closed, GYRE_READ, -EBADF },
        { fds[0], 0, -EINVAL },        { fds[0], GYRE_READ | GYRE_GONE, -EINVAL },
        { fds[0], 1u << 20, -EINVAL },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct gyre_future *ready = gyre_io_ready(f->loop, rows[i].fd, rows[i].events);

        assert_int_equal(try_io(f, rows[i].fd, rows[i].events), rows[i].err);
        assert_int_equal(gyre_future_state(ready), GYRE_FUTURE_ERR);
        assert_int_equal(gyre_future_error(ready), rows[i].err);
        assert_false(gyre_loop_is_alive(f->loop));
        gyre_future_unref(ready);
    }
}

static void io_ready_of_a_closed_descriptor_fails_where_the_poller_notices(void **state)
{
    struct fixture *f = fixture_of(state);
    bool notices = poller_is(f, "poll") || poller_is(f, "script");
    int fds[2];

    make_pair(f, fds);
    struct gyre_future *ready = gyre_io_ready(f->loop, fds[0], GYRE_READ);
    close_fd(f, &fds[0]);
    run_ready(f);
    assert_int_equal(gyre_future_error(ready), notices ? -EBADF : -EINPROGRESS);
    if (!notices)
        assert_true(gyre_future_cancel(ready));
    assert_false(gyre_loop_is_alive(f->loop));
    gyre_future_unref(ready);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(pending_operation_keeps_the_loop_alive_and_a_cancelled_one_does_not),
        FUTURE_TEST(operation_nobody_refers_to_leaves_nothing_started),
        FUTURE_TEST(operation_is_neither_made_of_others_nor_settled_by_them),
        FUTURE_TEST(operation_in_a_cancelled_scope_starts_nothing),
        FUTURE_TEST(sleep_is_over_after_its_delay_and_not_before),
        FUTURE_TEST(sleep_until_is_over_at_its_deadline_and_not_before),
        FUTURE_TEST(sleep_of_nothing_takes_a_tick),
        FUTURE_TEST(longest_sleep_is_not_the_shortest),
        FUTURE_TEST(sleeps_end_in_the_order_of_their_deadlines_then_of_their_start),
        FUTURE_TEST(sleep_that_is_due_but_has_not_run_can_be_cancelled),
        FUTURE_TEST(sleep_that_is_over_cannot_be_cancelled),
        FUTURE_TEST(io_ready_has_the_events_and_reads_nothing),
        FUTURE_TEST(io_ready_may_be_settled_only_by_the_loop),
        FUTURE_TEST(io_ready_is_told_of_a_hang_up),
        FUTURE_TEST(several_may_wait_for_one_descriptor),
        FUTURE_TEST(io_ready_whose_event_was_collected_can_be_cancelled),
        FUTURE_TEST(io_ready_fails_as_a_watcher_does),
        FUTURE_TEST(io_ready_of_a_closed_descriptor_fails_where_the_poller_notices),
    };

    return cmocka_run_group_tests_name("operation", tests, NULL, NULL);
}
