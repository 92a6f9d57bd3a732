/* Continuations: what gyre_future_on_done promises, and what holds of a call while it waits.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

#include <pthread.h>

static struct promise *make_waited(struct fixture *f, int count)
{
    struct promise *p = make_promise(f, 0, 0);

    make_items(f, count);
    for (int i = 0; i < count; i++)
        wait_for(p->f, i);
    return p;
}

static void resolve_empty(struct gyre_future *f)
{
    assert_int_equal(gyre_future_resolve(f, NULL, NULL), 0);
}

/* ------------------------------------------------------------------ when it runs */

static void continuation_never_runs_inside_the_call_that_settles(void **state)
{
    struct fixture *f = fixture_of(state);

    for (enum way way = 0; way < WAY_COUNT; way++) {
        struct promise *p = make_waited(f, 1);
        struct parcel parcel = { 0 };

        f->trace_count = 0;
        assert_int_equal(settle(p->f, way, &parcel), 0);
        assert_int_equal(f->trace_count, 0);
        assert_int_equal(run_ready(f), 1);
        ASSERT_TRACE(f, 0);
        end_promise(p);
    }
}

static void continuation_of_a_settled_future_is_queued_at_once(void **state)
{
    struct fixture *f = fixture_of(state);

    for (enum way way = 0; way < WAY_COUNT; way++) {
        struct promise *p = make_promise(f, 0, 0);
        struct parcel parcel = { 0 };

        make_item(f, 1);
        f->trace_count = 0;
        assert_int_equal(settle(p->f, way, &parcel), 0);
        wait_for(p->f, 1);
        assert_int_equal(f->trace_count, 0);
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
        ASSERT_TRACE(f, 1);
        end_promise(p);
    }
}

static void continuations_run_in_the_order_of_their_registration(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);
    int expected[ITEM_LIMIT];

    make_items(f, ITEM_LIMIT);
    for (int i = 0; i < ITEM_LIMIT; i++) {
        int id = (i * 7) % ITEM_LIMIT;

        expected[i] = id;
        if (i == ITEM_LIMIT - 100)
            resolve_empty(p->f); /* the rest finds it settled */
        wait_for(p->f, id);
    }
    assert_int_equal(run_ready(f), ITEM_LIMIT);
    assert_trace(f, expected, ITEM_LIMIT);
    end_promise(p);
}

static void continuation_runs_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 3);

    resolve_empty(p->f);
    assert_int_equal(run_ready(f), 3);
    assert_int_equal(gyre_future_resolve(p->f, NULL, NULL), -EALREADY);
    assert_false(gyre_future_cancel(p->f));
    assert_int_equal(run_ready(f), 0);
    ASSERT_TRACE(f, 0, 1, 2);
    end_promise(p);
}

static void continuation_queues_behind_what_is_queued_already(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 1);

    make_item(f, 1);
    make_item(f, 2);
    start_call(1);
    resolve_empty(p->f);
    start_call(2);
    run_ready(f);
    ASSERT_TRACE(f, 1, 0, 2);
    end_promise(p);
}

static void settle_next_promise(struct item *item)
{
    resolve_empty(promises[item->id + 1].f);
}

static void future_settled_by_a_continuation_wakes_its_own_in_the_next_tick(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 0; i < 4; i++) {
        wait_for(make_promise(f, i, 0)->f, make_item(f, i)->id);
        items[i].then = i < 3 ? settle_next_promise : NULL;
    }
    resolve_empty(promises[0].f);
    for (int tick = 0; tick < 4; tick++)
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    ASSERT_TRACE(f, 0, 1, 2, 3);
    for (int i = 0; i < 4; i++)
        gyre_future_unref(promises[i].f);
}

static void wait_again(struct item *item)
{
    if (item->runs < 3)
        wait_for(promises[0].f, item->id);
}

static void continuation_may_register_itself_again(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 1);

    items[0].then = wait_again;
    resolve_empty(p->f);
    for (int tick = 0; tick < 3; tick++)
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(run_ready(f), 0);
    end_promise(p);
}

static void continuations_come_before_those_of_futures_made_of_it(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *inner = make_promise(f, 0, 0)->f;
    struct gyre_future *both[2] = { gyre_future_ref(inner), make_promise(f, 1, 0)->f };
    struct gyre_future *all = gyre_all(f->loop, 2, both);

    make_items(f, 3);
    wait_for(all, 0);
    wait_for(inner, 1);
    wait_for(all, 2);
    resolve_empty(both[1]);
    resolve_empty(inner);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    ASSERT_TRACE(f, 1, 0, 2);
    gyre_future_unref(inner);
    gyre_future_unref(all);
}

/* ------------------------------------------------------------------ references */

static void unref_promise(struct item *item)
{
    gyre_future_unref(promises[item->id].f);
    spoil(&item->call, sizeof(item->call));
}

static void continuation_may_drop_the_last_reference_and_its_own_memory(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 3);

    items[0].then = unref_promise;
    resolve_empty(p->f);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    ASSERT_TRACE(f, 0, 1, 2);
}

static void continuation_runs_although_the_future_is_gone(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 1);

    gyre_future_detach(p->f);
    resolve_empty(p->f); /* and with it the future goes */
    assert_int_equal(run_ready(f), 1);
}

static void last_unref_of_a_pending_future_wakes_who_waits(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 2);

    gyre_future_unref(p->f);
    assert_int_equal(p->asked, 1);
    assert_int_equal(f->trace_count, 0);
    assert_int_equal(run_ready(f), 2);
    ASSERT_TRACE(f, 0, 1);
}

/* ------------------------------------------------------------------ stop */

static void stop_takes_a_waiting_call_back(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 3);

    assert_true(gyre_call_stop(&items[1].call));
    assert_false(gyre_call_is_started(&items[1].call));
    assert_false(gyre_call_stop(&items[1].call));
    spoil(&items[1].call, sizeof(items[1].call));
    resolve_empty(p->f);
    run_ready(f);
    ASSERT_TRACE(f, 0, 2);
    end_promise(p);
}

static void stop_takes_a_woken_call_back(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 3);

    resolve_empty(p->f);
    assert_true(gyre_call_stop(&items[0].call));
    assert_true(gyre_call_stop(&items[2].call));
    spoil(&items[0].call, sizeof(items[0].call));
    run_ready(f);
    ASSERT_TRACE(f, 1);
    end_promise(p);
}

static void stop_all_others(struct item *item)
{
    for (int i = 0; i < 4; i++) {
        assert_int_equal(gyre_call_stop(&items[i].call), i > item->id);
        spoil(&items[i].call, sizeof(items[i].call));
    }
}

static void continuation_stopped_by_an_earlier_one_does_not_run(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 4);

    items[1].then = stop_all_others;
    resolve_empty(p->f);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    ASSERT_TRACE(f, 0, 1);
    end_promise(p);
}

static void stopped_call_may_wait_for_another_future(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 1);
    struct promise *q = make_promise(f, 1, 0);

    assert_true(gyre_call_stop(&items[0].call));
    wait_for(q->f, 0);
    resolve_empty(p->f);
    assert_int_equal(run_ready(f), 0);
    resolve_empty(q->f);
    assert_int_equal(run_ready(f), 1);
    end_promise(p);
    end_promise(q);
}

/* ------------------------------------------------------------------ refusals */

static void call_waits_for_one_future_at_a_time(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 1);
    struct promise *q = make_promise(f, 1, 0);

    assert_int_equal(gyre_future_on_done(p->f, &items[0].call), -EALREADY);
    assert_int_equal(gyre_future_on_done(q->f, &items[0].call), -EALREADY);
    resolve_empty(q->f);
    assert_int_equal(gyre_future_on_done(q->f, &items[0].call), -EALREADY);
    assert_int_equal(run_ready(f), 0);
    resolve_empty(p->f);
    assert_int_equal(gyre_future_on_done(p->f, &items[0].call), -EALREADY);
    assert_int_equal(run_ready(f), 1);
    end_promise(p);
    end_promise(q);
}

static void queued_call_cannot_wait(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    make_item(f, 0);
    start_call(0);
    assert_int_equal(gyre_future_on_done(p->f, &items[0].call), -EALREADY);
    assert_int_equal(run_ready(f), 1);
    resolve_empty(p->f);
    assert_int_equal(run_ready(f), 0);
    end_promise(p);
}

static void call_of_another_loop_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();
    struct promise *p = make_promise(f, 0, 0);
    struct gyre_call foreign = { 0 };

    assert_int_equal(gyre_call_init(&foreign, other, item_call_ran, NULL), 0);
    assert_int_equal(gyre_future_on_done(p->f, &foreign), -EXDEV);
    resolve_empty(p->f);
    assert_int_equal(gyre_future_on_done(p->f, &foreign), -EXDEV);
    assert_false(gyre_call_is_started(&foreign));
    assert_int_equal(gyre_call_start(&foreign), 0);
    assert_int_equal(gyre_loop_destroy(other), 0);
    end_promise(p);
}

static void uninitialised_call_is_refused(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);
    struct gyre_call zeroed = { 0 };

    assert_int_equal(gyre_future_on_done(p->f, &zeroed), GYRE_EUNINIT);
    resolve_empty(p->f);
    assert_int_equal(gyre_future_on_done(p->f, &zeroed), GYRE_EUNINIT);
    end_promise(p);
}

/* ------------------------------------------------------------------ while it waits */

static void waiting_call_counts_as_started(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 1);
    struct gyre_call *call = &items[0].call;

    assert_true(gyre_call_is_started(call));
    assert_int_equal(gyre_call_start(call), -EALREADY);
    assert_int_equal(gyre_call_init(call, f->loop, item_call_ran, NULL), -EBUSY);
    assert_int_equal(run_ready(f), 0);
    resolve_empty(p->f);
    assert_true(gyre_call_is_started(call));
    assert_int_equal(run_ready(f), 1);
    assert_false(gyre_call_is_started(call));
    end_promise(p);
}

static void waiting_call_does_not_keep_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 1);

    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(f->trace_count, 0);
    resolve_empty(p->f);
    assert_true(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 0);
    end_promise(p);
}

static void ref_and_unref_of_a_waiting_call_decide_only_once_it_is_queued(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 2);

    gyre_call_ref(&items[0].call);
    gyre_call_unref(&items[1].call);
    gyre_call_unref(&items[0].call);
    assert_false(gyre_loop_is_alive(f->loop));
    resolve_empty(p->f);
    assert_false(gyre_loop_is_alive(f->loop));
    gyre_call_ref(&items[1].call);
    assert_true(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 0, 1);
    assert_false(gyre_loop_is_alive(f->loop));
    end_promise(p);
}

/* Returns NULL if everything was refused. */
static void *use_waiting_call_elsewhere(void *arg)
{
    struct gyre_call *call = arg;
    bool refused = gyre_call_start(call) == -EPERM && !gyre_call_stop(call) &&
                   !gyre_call_is_started(call) &&
                   gyre_future_on_done(promises[0].f, call) == -EPERM;

    gyre_call_unref(call);
    return refused ? NULL : arg;
}

static void another_thread_cannot_touch_a_waiting_call(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_waited(f, 1);
    pthread_t thread;
    void *result;

    assert_int_equal(pthread_create(&thread, NULL, use_waiting_call_elsewhere, &items[0].call), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    resolve_empty(p->f);
    assert_true(gyre_loop_is_alive(f->loop));
    assert_int_equal(run_ready(f), 1);
    end_promise(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(continuation_never_runs_inside_the_call_that_settles),
        FUTURE_TEST(continuation_of_a_settled_future_is_queued_at_once),
        FUTURE_TEST(continuations_run_in_the_order_of_their_registration),
        FUTURE_TEST(continuation_runs_once),
        FUTURE_TEST(continuation_queues_behind_what_is_queued_already),
        FUTURE_TEST(future_settled_by_a_continuation_wakes_its_own_in_the_next_tick),
        FUTURE_TEST(continuation_may_register_itself_again),
        FUTURE_TEST(continuations_come_before_those_of_futures_made_of_it),
        FUTURE_TEST(continuation_may_drop_the_last_reference_and_its_own_memory),
        FUTURE_TEST(continuation_runs_although_the_future_is_gone),
        FUTURE_TEST(last_unref_of_a_pending_future_wakes_who_waits),
        FUTURE_TEST(stop_takes_a_waiting_call_back),
        FUTURE_TEST(stop_takes_a_woken_call_back),
        FUTURE_TEST(continuation_stopped_by_an_earlier_one_does_not_run),
        FUTURE_TEST(stopped_call_may_wait_for_another_future),
        FUTURE_TEST(call_waits_for_one_future_at_a_time),
        FUTURE_TEST(queued_call_cannot_wait),
        FUTURE_TEST(call_of_another_loop_is_refused),
        FUTURE_TEST(uninitialised_call_is_refused),
        FUTURE_TEST(waiting_call_counts_as_started),
        FUTURE_TEST(waiting_call_does_not_keep_the_loop_alive),
        FUTURE_TEST(ref_and_unref_of_a_waiting_call_decide_only_once_it_is_queued),
        FUTURE_TEST(another_thread_cannot_touch_a_waiting_call),
    };

    return cmocka_run_group_tests_name("done", tests, NULL, NULL);
}
