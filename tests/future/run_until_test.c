/* gyre_loop_run_until: how it ends, and what it does to the future meanwhile.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

static int run_until(struct fixture *f, struct gyre_future *future)
{
    return gyre_loop_run_until(f->loop, future);
}

/* ------------------------------------------------------------------ done */

static void run_until_returns_when_the_future_is_settled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *sleep = gyre_sleep(f->loop, GYRE_S(10));
    uint64_t before = gyre_loop_clock(f->loop);

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    assert_int_equal(run_until(f, sleep), GYRE_RUN_DONE);
    assert_int_equal(gyre_future_error(sleep), 0);
    assert_true(gyre_loop_clock(f->loop) == before + GYRE_S(10));
    gyre_future_unref(sleep);
}

static void settle_promise(struct item *item)
{
    static struct parcel parcel;

    assert_int_equal(settle(promises[0].f, (enum way)item->id, &parcel), 0);
}

static void run_until_is_done_however_the_future_ends(void **state)
{
    struct fixture *f = fixture_of(state);

    for (enum way way = 0; way < WAY_COUNT; way++) {
        struct promise *p = make_promise(f, 0, 0);

        make_item(f, (int)way)->then = settle_promise;
        start_call((int)way);
        assert_int_equal(run_until(f, p->f), GYRE_RUN_DONE);
        assert_int_equal(gyre_future_error(p->f), error_after(way));
        end_promise(p);
    }
}

static void run_until_goes_no_further(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *sleep = gyre_sleep(f->loop, GYRE_S(10));

    make_item(f, 0);
    start_timer(0, GYRE_S(20));
    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    assert_int_equal(run_until(f, sleep), GYRE_RUN_DONE);
    assert_int_equal(f->trace_count, 0);
    assert_true(gyre_loop_is_alive(f->loop));
    gyre_future_unref(sleep);
}

static void run_until_of_a_settled_future_runs_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 0);
    start_call(0);
    for (enum way way = 0; way < WAY_COUNT; way++) {
        struct promise *p = make_promise(f, 0, 0);
        struct parcel parcel = { 0 };

        assert_int_equal(settle(p->f, way, &parcel), 0);
        assert_int_equal(run_until(f, p->f), GYRE_RUN_DONE);
        end_promise(p);
    }
    assert_int_equal(f->trace_count, 0);
    assert_true(gyre_call_stop(&items[0].call));
}

static void run_until_of_a_refused_future_is_done(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *refused = gyre_sleep(NULL, 1);

    assert_int_equal(run_until(f, refused), GYRE_RUN_DONE);
    assert_int_equal(gyre_future_error(refused), -EINVAL);
    gyre_future_unref(refused);
}

/* ------------------------------------------------------------------ stopped */

static void stop_loop(struct item *item)
{
    gyre_loop_stop(item->f->loop);
}

static void stop_ends_it_and_the_future_stays_pending(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *sleep = gyre_sleep(f->loop, GYRE_S(10));

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    make_item(f, 0)->then = stop_loop;
    start_call(0);
    assert_int_equal(run_until(f, sleep), GYRE_RUN_STOPPED);
    assert_int_equal(gyre_future_error(sleep), -EINPROGRESS);
    assert_int_equal(run_until(f, sleep), GYRE_RUN_DONE);
    gyre_future_unref(sleep);
}

/* What is there to be done is done: the stop is for the next run. */
static void stop_stays_pending_if_the_future_was_settled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    assert_true(gyre_future_cancel(p->f));
    gyre_loop_stop(f->loop);
    assert_int_equal(run_until(f, p->f), GYRE_RUN_DONE);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    gyre_future_unref(p->f);
}

/* ------------------------------------------------------------------ never */

static void future_that_nothing_can_settle_is_a_deadlock(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    assert_int_equal(run_until(f, p->f), -EDEADLK);
    make_item(f, 0);
    start_call(0);
    assert_int_equal(run_until(f, p->f), -EDEADLK);
    ASSERT_TRACE(f, 0); /* it was worth a try */
    assert_int_equal(gyre_future_state(p->f), GYRE_FUTURE_PENDING);
    assert_int_equal(p->asked, 0);
    end_promise(p);
}

static void sleep_on_a_clock_that_stands_still_is_a_deadlock(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *sleep = gyre_sleep(f->loop, GYRE_S(10));

    assert_int_equal(run_until(f, sleep), -EDEADLK);
    assert_int_equal(gyre_future_state(sleep), GYRE_FUTURE_PENDING);
    gyre_future_unref(sleep);
}

/* ------------------------------------------------------------------ refused */

static void future_of_another_loop_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();
    struct promise *p = make_promise(f, 0, 0);

    assert_int_equal(gyre_loop_run_until(other, p->f), -EXDEV);
    gyre_future_abandon(p->f);
    assert_int_equal(gyre_loop_run_until(other, p->f), -EXDEV);
    assert_int_equal(gyre_loop_destroy(other), 0);
    end_promise(p);
}

static void future_of_a_loop_that_is_gone_is_that_of_another(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();
    struct gyre_future *left = gyre_sleep(other, 1);

    assert_int_equal(gyre_loop_destroy(other), 0);
    assert_int_equal(run_until(f, left), -EXDEV);
    gyre_future_unref(left);
}

static void closed_loop_does_not_run(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(run_until(f, p->f), -ESHUTDOWN);
    gyre_future_unref(p->f);
}

static void nothing_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    assert_int_equal(run_until(f, NULL), -EINVAL);
    assert_int_equal(gyre_loop_run_until(NULL, p->f), -EINVAL);
    assert_int_equal(gyre_loop_run_until(NULL, NULL), -EINVAL);
    end_promise(p);
}

static struct gyre_loop *other_loop;
static struct gyre_future *other_sleep;

/* Also for a future that would be done at once. */
static void run_inside(struct item *item)
{
    struct fixture *f = item->f;

    assert_int_equal(run_until(f, promises[0].f), -EBUSY);
    assert_int_equal(run_until(f, promises[1].f), -EBUSY);
    assert_int_equal(gyre_loop_run_until(other_loop, other_sleep), -EBUSY);
}

static void run_inside_a_callback_is_refused_without_effect(void **state)
{
    struct fixture *f = fixture_of(state);

    other_loop = make_loop();
    other_sleep = gyre_sleep(other_loop, 0);
    assert_true(gyre_future_cancel(make_promise(f, 0, 0)->f));
    make_promise(f, 1, 0);
    make_items(f, 2);
    items[0].then = run_inside;
    start_calls(2);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    ASSERT_TRACE(f, 0, 1);
    assert_int_equal(gyre_future_state(promises[1].f), GYRE_FUTURE_PENDING);
    assert_int_equal(gyre_loop_run_until(other_loop, other_sleep), GYRE_RUN_DONE);
    gyre_future_unref(other_sleep);
    assert_int_equal(gyre_loop_destroy(other_loop), 0);
    gyre_future_unref(promises[0].f);
    gyre_future_unref(promises[1].f);
}

/* ------------------------------------------------------------------ references */

static void unref_and_resolve(struct item *item)
{
    (void)item;
    gyre_future_unref(promises[0].f);
    assert_int_equal(promises[0].asked, 0);
    assert_int_equal(gyre_future_resolve(promises[0].f, NULL, NULL), 0);
}

static void future_lives_as_long_as_it_is_run_for(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    make_item(f, 0)->then = unref_and_resolve;
    start_call(0);
    assert_int_equal(run_until(f, p->f), GYRE_RUN_DONE);
    assert_int_equal(p->asked, 0);
}

static void unref_and_stop(struct item *item)
{
    gyre_future_unref(promises[0].f);
    gyre_loop_stop(item->f->loop);
}

static void future_left_without_references_is_cancelled_when_the_run_ends(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    make_item(f, 0)->then = unref_and_stop;
    start_call(0);
    assert_int_equal(run_until(f, p->f), GYRE_RUN_STOPPED);
    assert_int_equal(p->asked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(run_until_returns_when_the_future_is_settled),
        FUTURE_TEST(run_until_is_done_however_the_future_ends),
        FUTURE_TEST(run_until_goes_no_further),
        FUTURE_TEST(run_until_of_a_settled_future_runs_nothing),
        FUTURE_TEST(run_until_of_a_refused_future_is_done),
        FUTURE_TEST(stop_ends_it_and_the_future_stays_pending),
        FUTURE_TEST(stop_stays_pending_if_the_future_was_settled),
        FUTURE_TEST(future_that_nothing_can_settle_is_a_deadlock),
        FUTURE_TEST(sleep_on_a_clock_that_stands_still_is_a_deadlock),
        FUTURE_TEST(future_of_another_loop_is_refused),
        FUTURE_TEST(future_of_a_loop_that_is_gone_is_that_of_another),
        FUTURE_TEST(closed_loop_does_not_run),
        FUTURE_TEST(nothing_is_refused),
        FUTURE_TEST(run_inside_a_callback_is_refused_without_effect),
        FUTURE_TEST(future_lives_as_long_as_it_is_run_for),
        FUTURE_TEST(future_left_without_references_is_cancelled_when_the_run_ends),
    };

    return cmocka_run_group_tests_name("run_until", tests, NULL, NULL);
}
