/* gyre_loop_shutdown, for futures: all are cancelled, also those to come; what needs time gets it.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

#include <signal.h>

static int shut_down(struct fixture *f)
{
    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    return gyre_loop_shutdown(f->loop, gyre_loop_clock(f->loop) + GYRE_S(60));
}

static void shutdown_cancels_everything_that_can_be_undone(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    struct gyre_future *futures[] = {
        make_promise(f, 0, 0)->f,
        gyre_sleep(f->loop, GYRE_S(1)),
        gyre_io_ready(f->loop, fds[0], GYRE_READ),
        gyre_signal_next(f->loop, SIGUSR2),
        gyre_within(make_promise(f, 1, 0)->f, GYRE_S(1)),
    };

    assert_int_equal(shut_down(f), 0);
    for (size_t i = 0; i < ARRAY_LEN(futures); i++) {
        assert_cancelled(futures[i], GYRE_REASON_SHUTDOWN);
        gyre_future_unref(futures[i]);
    }
    assert_int_equal(promises[0].asked, 1);
    assert_int_equal(promises[1].asked, 1);
}

static void continuations_run_during_shutdown(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 0);
    wait_for(make_promise(f, 0, 0)->f, 0);
    assert_int_equal(shut_down(f), 0);
    ASSERT_TRACE(f, 0);
    gyre_future_unref(promises[0].f);
}

static void promises_that_are_still_pending_are_counted(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 0; i < 3; i++)
        make_promise(f, i, -EINPROGRESS);
    gyre_future_detach(promises[2].f);
    assert_int_equal(shut_down(f), 3);
    assert_true(gyre_future_is_cancelling(promises[0].f));
    assert_int_equal(gyre_future_resolve(promises[0].f, NULL, NULL), 0);
    assert_int_equal(shut_down(f), 2);
    gyre_future_abandon(promises[1].f);
    assert_cancelled(promises[1].f, GYRE_REASON_SHUTDOWN);
    gyre_future_abandon(promises[2].f);
    assert_int_equal(shut_down(f), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(promises[i].asked, 1);
    gyre_future_unref(promises[0].f);
    gyre_future_unref(promises[1].f);
}

static void abandon_first(struct item *item)
{
    (void)item;
    gyre_future_abandon(promises[0].f);
}

static void ask_for_time(struct promise *p)
{
    (void)p;
    start_timer(0, GYRE_S(5));
}

static void shutdown_waits_for_what_needs_time(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, -EINPROGRESS);

    make_item(f, 0)->then = abandon_first;
    p->inside = ask_for_time;
    assert_int_equal(shut_down(f), 0);
    assert_cancelled(p->f, GYRE_REASON_SHUTDOWN);
    gyre_future_unref(p->f);
}

static void shutdown_gives_up_at_its_deadline(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, -EINPROGRESS);
    uint64_t before = gyre_loop_clock(f->loop);

    make_item(f, 0);
    start_timer(0, GYRE_S(3600));
    assert_int_equal(shut_down(f), 2); /* the timer and the promise */
    assert_true(gyre_loop_clock(f->loop) == before + GYRE_S(60));
    assert_true(gyre_timer_stop(&items[0].timer));
    end_promise(p);
}

static void operations_after_shutdown_are_cancelled_from_the_start(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *early = gyre_sleep(f->loop, 1);
    int fds[2];

    make_pipe(f, fds);
    assert_int_equal(shut_down(f), 0);
    struct gyre_future *late[] = {
        early,
        gyre_future_create(f->loop),
        gyre_sleep(f->loop, 0),
        gyre_io_ready(f->loop, fds[1], GYRE_WRITE),
        gyre_signal_next(f->loop, SIGUSR2),
    };
    for (size_t i = 0; i < ARRAY_LEN(late); i++) {
        assert_cancelled(late[i], GYRE_REASON_SHUTDOWN);
        gyre_future_unref(late[i]);
    }
    assert_false(gyre_loop_is_alive(f->loop));
}

static void start_sleep(struct item *item)
{
    struct gyre_future *sleep = gyre_sleep(item->f->loop, GYRE_S(10));

    assert_cancelled(sleep, GYRE_REASON_SHUTDOWN);
    gyre_future_unref(sleep);
}

static void first_future_of_a_loop_that_was_shut_down_is_cancelled_too(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_shutdown(f->loop, 0), 0);
    struct gyre_future *late = gyre_sleep(f->loop, GYRE_S(1));
    assert_cancelled(late, GYRE_REASON_SHUTDOWN);
    assert_false(gyre_loop_is_alive(f->loop));
    gyre_future_unref(late);
}

static void callbacks_during_shutdown_can_start_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 0)->then = start_sleep;
    wait_for(make_promise(f, 0, 0)->f, 0);
    assert_int_equal(shut_down(f), 0);
    ASSERT_TRACE(f, 0);
    gyre_future_unref(promises[0].f);
}

static void loop_stays_open_after_shutdown(void **state)
{
    struct fixture *f = fixture_of(state);

    gyre_future_unref(gyre_sleep(f->loop, 1));
    assert_int_equal(shut_down(f), 0);
    make_item(f, 0);
    start_call(0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(shutdown_cancels_everything_that_can_be_undone),
        FUTURE_TEST(continuations_run_during_shutdown),
        FUTURE_TEST(promises_that_are_still_pending_are_counted),
        FUTURE_TEST(shutdown_waits_for_what_needs_time),
        FUTURE_TEST(shutdown_gives_up_at_its_deadline),
        FUTURE_TEST(operations_after_shutdown_are_cancelled_from_the_start),
        FUTURE_TEST(first_future_of_a_loop_that_was_shut_down_is_cancelled_too),
        FUTURE_TEST(callbacks_during_shutdown_can_start_nothing),
        FUTURE_TEST(loop_stays_open_after_shutdown),
    };

    return cmocka_run_group_tests_name("future_shutdown", tests, NULL, NULL);
}
