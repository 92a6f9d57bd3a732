/* ref and unref of calls and timers: in every state they take effect at once and count right.
 *
 * SPDX-License-Identifier: MIT */
#include "items.h"

#include "loop/core.h"

/* ------------------------------------------------------------------ calls */

static void started_call_keeps_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    assert_false(gyre_loop_is_alive(f->loop));
    start_call(1);
    assert_true(gyre_loop_is_alive(f->loop));
    gyre_call_stop(&items[1].call);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void unrefed_call_does_not_keep_the_loop_alive_but_works(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    gyre_call_unref(&items[1].call);
    start_call(1);
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(run_ready(f), 1);
    ASSERT_TRACE(f, 1);
}

static void ref_and_unref_count_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_call *call = &make_item(f, 1)->call;

    gyre_call_unref(call);
    gyre_call_unref(call);
    gyre_call_ref(call);
    start_call(1);
    assert_true(gyre_loop_is_alive(f->loop));
    gyre_call_ref(call);
    gyre_call_unref(call);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void ref_and_unref_of_a_queued_call_take_effect_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_call *call = &make_item(f, 1)->call;

    start_call(1);
    gyre_call_unref(call);
    assert_false(gyre_loop_is_alive(f->loop));
    gyre_call_ref(call);
    assert_true(gyre_loop_is_alive(f->loop));
    gyre_call_unref(call);
    gyre_call_stop(call);
    assert_false(gyre_loop_is_alive(f->loop));
    start_call(1); /* still unref'ed */
    assert_false(gyre_loop_is_alive(f->loop));
}

static void toggle_next(struct item *item)
{
    struct gyre_call *next = &items[item->id + 1].call;

    assert_true(gyre_loop_is_alive(item->f->loop));
    gyre_call_unref(next);
    assert_false(gyre_loop_is_alive(item->f->loop));
    gyre_call_ref(next);
    assert_true(gyre_loop_is_alive(item->f->loop));
    gyre_call_unref(next);
}

static void unref_of_a_call_in_the_running_batch_counts_right(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    items[0].then = toggle_next;
    start_calls(2);
    run_ready(f);
    ASSERT_TRACE(f, 0, 1);
    assert_false(gyre_loop_is_alive(f->loop));
    gyre_call_ref(&items[1].call);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void unref_self(struct item *item)
{
    gyre_call_unref(&item->call);
    start_call(item->id);
    assert_false(gyre_loop_is_alive(item->f->loop));
}

static void unref_in_its_own_callback_holds_for_the_next_start(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    items[1].then = unref_self;
    start_call(1);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(items[1].runs, 1);
    assert_true(gyre_call_is_started(&items[1].call));
}

static void init_begins_with_ref(void **state)
{
    struct fixture *f = fixture_of(state);

    gyre_call_unref(&make_item(f, 1)->call);
    make_item(f, 1);
    start_call(1);
    assert_true(gyre_loop_is_alive(f->loop));
}

/* ------------------------------------------------------------------ timers */

static void assert_alive(struct fixture *f, bool alive)
{
    assert_int_equal(gyre_loop_is_alive(f->loop), alive);
}

static void started_timer_keeps_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    assert_alive(f, false);
    start_timer(1, GYRE_MS(1));
    assert_alive(f, true);
    gyre_timer_stop(&items[1].timer);
    assert_alive(f, false);
    start_timer(1, GYRE_MS(1));
    advance(f, GYRE_MS(1));
    assert_alive(f, false);
}

/* C6 */
static void timer_that_never_fires_keeps_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    start_timer(1, GYRE_NEVER);
    assert_alive(f, true);
    assert_int_equal(gyre_loop_run(f->loop), -EDEADLK);
    gyre_timer_unref(&items[1].timer);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_true(gyre_timer_is_started(&items[1].timer));
}

static void unrefed_timer_does_not_keep_the_loop_alive_but_fires(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    gyre_timer_unref(&items[1].timer);
    start_timer(1, GYRE_MS(1));
    assert_alive(f, false);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    advance(f, GYRE_MS(1));
    ASSERT_TRACE(f, 1);
}

/* Toggle a started timer, which must be the only thing that can keep the loop alive. */
static void toggle(struct fixture *f, struct gyre_timer *timer)
{
    assert_alive(f, true);
    gyre_timer_unref(timer);
    gyre_timer_unref(timer);
    assert_alive(f, false);
    gyre_timer_ref(timer);
    gyre_timer_ref(timer);
    assert_alive(f, true);
}

static void ref_and_unref_of_a_far_and_a_near_timer_take_effect_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_timer *timer = &make_item(f, 1)->timer;

    start_timer(1, GYRE_S(5));
    assert_int_equal(timer->call.state, TIMER_FAR);
    toggle(f, timer);
    start_timer(1, 0);
    assert_int_equal(timer->call.state, TIMER_NEAR);
    toggle(f, timer);
    gyre_timer_unref(timer);
    assert_true(gyre_timer_stop(timer));
    gyre_timer_ref(timer);
    assert_alive(f, false);
}

static void toggle_next_timer(struct item *item)
{
    struct gyre_timer *next = &items[item->id + 1].timer;

    assert_int_equal(next->call.state, CALL_QUEUED);
    toggle(item->f, next);
    gyre_timer_unref(next);
}

static void ref_and_unref_of_a_due_timer_in_the_batch_take_effect_at_once(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    items[0].then = toggle_next_timer;
    start_timer(0, 5);
    start_timer(1, 5);
    advance(f, 5);
    ASSERT_TRACE(f, 0, 1);
    assert_alive(f, false);
    start_timer(1, 5); /* still unref'ed */
    assert_alive(f, false);
}

static void restart_next_timer_unrefed(struct item *item)
{
    struct gyre_timer *next = &items[item->id + 1].timer;

    gyre_timer_unref(next);
    start_timer(item->id + 1, GYRE_S(1));
    assert_alive(item->f, false);
    gyre_timer_ref(next);
    assert_alive(item->f, true);
}

static void due_timer_that_is_moved_in_the_batch_is_counted_once(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 2);
    items[0].then = restart_next_timer_unrefed;
    start_timer(0, 5);
    start_timer(1, 5);
    advance(f, 5);
    assert_alive(f, true);
    advance(f, GYRE_S(1));
    ASSERT_TRACE(f, 0, 1);
    assert_alive(f, false);
}

static void toggle_self(struct item *item)
{
    toggle(item->f, &item->timer);
    gyre_timer_unref(&item->timer);
}

static void periodic_timer_is_counted_in_its_own_callback(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 1);
    items[1].then = toggle_self;
    assert_int_equal(gyre_timer_start_every(&items[1].timer, GYRE_MS(1)), 0);
    advance(f, GYRE_MS(1));
    assert_alive(f, false);
    items[1].then = NULL;
    advance(f, GYRE_MS(3)); /* re-armed unref'ed */
    assert_alive(f, false);
    assert_int_equal(items[1].runs, 4);
    assert_true(gyre_timer_stop(&items[1].timer));
    gyre_timer_ref(&items[1].timer);
    assert_alive(f, false);
}

static void init_of_a_timer_begins_with_ref(void **state)
{
    struct fixture *f = fixture_of(state);

    gyre_timer_unref(&make_item(f, 1)->timer);
    make_item(f, 1);
    start_timer(1, 1);
    assert_alive(f, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ITEM_TEST(started_call_keeps_the_loop_alive),
        ITEM_TEST(unrefed_call_does_not_keep_the_loop_alive_but_works),
        ITEM_TEST(ref_and_unref_count_nothing),
        ITEM_TEST(ref_and_unref_of_a_queued_call_take_effect_at_once),
        ITEM_TEST(unref_of_a_call_in_the_running_batch_counts_right),
        ITEM_TEST(unref_in_its_own_callback_holds_for_the_next_start),
        ITEM_TEST(init_begins_with_ref),
        ITEM_TEST_VIRTUAL(started_timer_keeps_the_loop_alive),
        ITEM_TEST_VIRTUAL(timer_that_never_fires_keeps_the_loop_alive),
        ITEM_TEST_VIRTUAL(unrefed_timer_does_not_keep_the_loop_alive_but_fires),
        ITEM_TEST_VIRTUAL(ref_and_unref_of_a_far_and_a_near_timer_take_effect_at_once),
        ITEM_TEST_VIRTUAL(ref_and_unref_of_a_due_timer_in_the_batch_take_effect_at_once),
        ITEM_TEST_VIRTUAL(due_timer_that_is_moved_in_the_batch_is_counted_once),
        ITEM_TEST_VIRTUAL(periodic_timer_is_counted_in_its_own_callback),
        ITEM_TEST_VIRTUAL(init_of_a_timer_begins_with_ref),
    };

    return cmocka_run_group_tests_name("ref", tests, NULL, NULL);
}
