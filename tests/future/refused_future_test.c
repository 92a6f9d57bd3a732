/* The futures that refused calls return: used as any other, shared by all, and never written to.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

#include "support/fault.h"

#include <pthread.h>
#include <stdlib.h>

static struct gyre_future *refused_future(void)
{
    return gyre_sleep(NULL, 1);
}

static void refused_future_has_failed(void **state)
{
    struct gyre_future *f = refused_future();

    (void)state;
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_ERR);
    assert_int_equal(gyre_future_error(f), -EINVAL);
    assert_string_equal(gyre_future_message(f), gyre_strerror(-EINVAL));
    assert_null(gyre_future_detail(f));
    assert_null(gyre_future_peek(f));
    assert_null(gyre_future_take(f));
    assert_int_equal(gyre_future_reason(f), GYRE_REASON_NONE);
    assert_false(gyre_future_cancel(f));
    assert_false(gyre_future_is_cancelling(f));
    assert_int_equal(gyre_future_count(f), 0);
    assert_null(gyre_future_at(f, 0));
    assert_null(gyre_future_failure(f, 0));
}

static void references_to_a_refused_future_are_not_counted(void **state)
{
    struct gyre_future *f = refused_future();

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_ptr_equal(gyre_future_ref(f), f);
    for (int i = 0; i < 100; i++) {
        gyre_future_unref(f);
        gyre_future_detach(f);
        gyre_future_ignore_error(f);
    }
    assert_int_equal(gyre_future_error(f), -EINVAL);
}

static void refused_future_has_no_producer(void **state)
{
    struct gyre_future *f = refused_future();
    struct parcel parcels[2] = { { 0 } };

    (void)state;
    assert_int_equal(settle(f, WAY_RESOLVE, &parcels[0]), -EALREADY);
    assert_int_equal(settle(f, WAY_FAIL_WITH, &parcels[1]), -EALREADY);
    assert_int_equal(parcels[0].drops, 1);
    assert_int_equal(parcels[1].drops, 1);
    assert_int_equal(gyre_future_set_cancel(f, &promise_ops, NULL), -EALREADY);
    gyre_future_abandon(f);
    assert_int_equal(gyre_future_error(f), -EINVAL);
}

static void refused_future_is_never_reported(void **state)
{
    struct fixture *f = fixture_of(state);

    gyre_future_unref(refused_future());
    fail_allocation(1, true);
    gyre_future_unref(gyre_sleep(f->loop, 1));
    gyre_future_unref(gyre_future_create(f->loop));
    disarm_faults();
    expect_reports(0);
}

static void continuation_of_a_refused_future_runs_from_the_queue(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *refused = refused_future();
    struct gyre_call zeroed = { 0 };

    make_item(f, 0);
    assert_int_equal(gyre_future_on_done(refused, NULL), -EINVAL);
    assert_int_equal(gyre_future_on_done(refused, &zeroed), GYRE_EUNINIT);
    wait_for(refused, 0);
    assert_int_equal(gyre_future_on_done(refused, &items[0].call), -EALREADY);
    assert_int_equal(f->trace_count, 0);
    assert_int_equal(run_ready(f), 1);
    ASSERT_TRACE(f, 0);
}

/* ------------------------------------------------------------------ made of it */

static int map_nothing(void **value, gyre_drop_fn **drop, void *arg)
{
    (void)value;
    (void)drop;
    (void)arg;
    abort();
}

static struct gyre_future *start_nothing(struct gyre_future *done, void *arg)
{
    (void)done;
    (void)arg;
    abort();
}

static void futures_made_of_a_refused_one_alone_have_failed_the_same_way(void **state)
{
    struct gyre_loop *loop = fixture_of(state)->loop;
    struct gyre_future *refused = refused_future();
    struct gyre_future *twice[2] = { refused, refused };
    struct gyre_future *made[] = {
        gyre_all(loop, 2, twice),
        gyre_race(loop, 2, twice),
        gyre_within(refused, GYRE_S(1)),
        gyre_within(refused, 0),
        gyre_within_until(refused, GYRE_NEVER),
        gyre_shield(refused),
        gyre_then(refused, map_nothing, NULL),
        gyre_then_start(refused, start_nothing, NULL),
        gyre_completions_next(refused),
    };

    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        assert_int_equal(gyre_future_state(made[i]), GYRE_FUTURE_ERR);
        assert_int_equal(gyre_future_error(made[i]), -EINVAL);
        gyre_future_unref(made[i]);
    }
    expect_reports(0);
}

static void who_looks_on_sees_a_refused_future_as_settled(void **state)
{
    struct gyre_loop *loop = fixture_of(state)->loop;
    struct gyre_future *refused = refused_future();
    struct gyre_future *wait = gyre_wait(loop, GYRE_WAIT_FIRST_ERROR, 1, &refused, GYRE_NEVER);
    struct gyre_future *settled = gyre_settled(loop, 1, &refused);
    struct gyre_future *completions = gyre_completions(loop, 1, &refused);
    struct gyre_future *next = gyre_completions_next(completions);

    assert_int_equal(gyre_future_error(wait), 0);
    assert_int_equal(gyre_future_error(settled), 0);
    assert_ptr_equal(gyre_future_at(settled, 0), refused);
    assert_ptr_equal(gyre_future_failure(settled, 0), refused);
    assert_int_equal(gyre_future_error(completions), 0);
    assert_ptr_equal(gyre_future_peek(next), refused);
    gyre_future_unref(wait);
    gyre_future_unref(settled);
    gyre_future_unref(next);
    gyre_future_unref(completions);
}

static void refused_future_fails_an_all_of_others(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *inputs[2] = { make_promise(f, 0, 0)->f, refused_future() };
    struct gyre_future *all = gyre_all(f->loop, 2, inputs);

    assert_int_equal(promises[0].asked, 1);
    assert_int_equal(gyre_future_error(all), -EINVAL);
    gyre_future_unref(all);
}

static void refused_future_loses_a_race(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *inputs[2] = { refused_future(), make_promise(f, 0, 0)->f };
    struct gyre_future *race = gyre_race(f->loop, 2, inputs);

    assert_int_equal(gyre_future_resolve(promises[0].f, NULL, NULL), 0);
    assert_int_equal(gyre_future_error(race), 0);
    gyre_future_unref(race);
}

static void refused_future_is_a_child_that_has_failed(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_group *group;

    assert_int_equal(gyre_group_create(f->loop, 0, &group), 0);
    assert_int_equal(gyre_group_add(group, refused_future()), 0);
    struct gyre_future *join = gyre_group_join(group);
    assert_int_equal(gyre_future_error(join), -EINVAL);
    gyre_future_unref(join);
    gyre_group_unref(group);
}

/* ------------------------------------------------------------------ shared by all threads */

enum { ROUNDS = 200 };

static void use_refused(struct gyre_loop *loop)
{
    struct gyre_future *refused = refused_future();
    struct gyre_call call = { 0 };
    struct gyre_future *all;

    (void)gyre_call_init(&call, loop, item_call_ran, NULL);
    (void)gyre_future_on_done(refused, &call);
    (void)gyre_call_stop(&call);
    (void)gyre_future_ref(refused);
    (void)gyre_future_cancel(refused);
    gyre_future_ignore_error(refused);
    (void)gyre_future_resolve(refused, NULL, NULL);
    gyre_future_abandon(refused);
    gyre_future_detach(refused);
    all = gyre_all(loop, 1, &refused);
    (void)gyre_future_error(all);
    gyre_future_unref(all);
    all = gyre_race(loop, 1, &refused);
    (void)gyre_future_error(all);
    gyre_future_unref(all);
    gyre_future_unref(gyre_wait(loop, GYRE_WAIT_ALL, 1, &refused, 1));
    gyre_future_unref(gyre_shield(refused));
    gyre_future_unref(refused);
}

static void *use_refused_elsewhere(void *arg)
{
    struct gyre_loop *loop;

    (void)arg;
    if (gyre_loop_create(NULL, &loop) < 0)
        return "no loop";
    for (int i = 0; i < ROUNDS; i++)
        use_refused(loop);
    (void)gyre_loop_destroy(loop);
    return NULL;
}

/* ThreadSanitizer watches, and the memory is read-only. */
static void refused_future_may_be_used_by_many_threads_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t threads[2];
    void *complaint;

    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_refused_elsewhere, NULL), 0);
    for (int i = 0; i < ROUNDS; i++)
        use_refused(f->loop);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], &complaint), 0);
        assert_null(complaint);
    }
    assert_int_equal(gyre_future_error(refused_future()), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(refused_future_has_failed),
        FUTURE_TEST(references_to_a_refused_future_are_not_counted),
        FUTURE_TEST(refused_future_has_no_producer),
        FUTURE_TEST(refused_future_is_never_reported),
        FUTURE_TEST(continuation_of_a_refused_future_runs_from_the_queue),
        FUTURE_TEST(futures_made_of_a_refused_one_alone_have_failed_the_same_way),
        FUTURE_TEST(who_looks_on_sees_a_refused_future_as_settled),
        FUTURE_TEST(refused_future_fails_an_all_of_others),
        FUTURE_TEST(refused_future_loses_a_race),
        FUTURE_TEST(refused_future_is_a_child_that_has_failed),
        FUTURE_TEST(refused_future_may_be_used_by_many_threads_at_once),
    };

    return cmocka_run_group_tests_name("refused_future", tests, NULL, NULL);
}
