/* The end of a loop, for its futures: close, destroy, and what can still be done with them. What
 * drop hooks may do meanwhile is in close_hook_test.c, shutdown in future_shutdown_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

#include "support/fault.h"

#include <signal.h>

static void close_loop(struct fixture *f)
{
    assert_int_equal(gyre_loop_close(f->loop), 0);
}

static void destroy_loop(struct fixture *f)
{
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
}

/* ------------------------------------------------------------------ what becomes of them */

static void pending_promises_are_cancelled_and_their_producers_told_once(void **state)
{
    struct fixture *f = fixture_of(state);

    make_promise(f, 0, 0);
    make_promise(f, 1, -EINPROGRESS);
    assert_true(gyre_future_cancel(promises[1].f)); /* under way when the end comes */
    gyre_future_detach(gyre_future_ref(make_promise(f, 2, 0)->f));
    close_loop(f);
    for (int i = 0; i < 3; i++) {
        assert_cancelled(promises[i].f, GYRE_REASON_CLOSED);
        assert_int_equal(gyre_future_error(promises[i].f), -ECANCELED);
        assert_int_equal(promises[i].closed, 1);
        assert_int_equal(promises[i].asked, i == 1);
    }
    destroy_loop(f);
    for (int i = 0; i < 3; i++) {
        gyre_future_unref(promises[i].f);
        assert_int_equal(promises[i].closed, 1);
    }
}

static void detached_promise_is_closed_and_freed(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    gyre_future_detach(p->f);
    close_loop(f);
    assert_int_equal(p->closed, 1);
    assert_int_equal(p->asked, 0);
}

static void producer_of_a_settled_future_is_not_told(void **state)
{
    struct fixture *f = fixture_of(state);

    for (enum way way = 0; way < WAY_COUNT; way++) {
        struct parcel parcel = { 0 };

        assert_int_equal(settle(make_promise(f, (int)way, 0)->f, way, &parcel), 0);
        gyre_future_ignore_error(promises[way].f);
        (void)gyre_future_take(promises[way].f);
        if (way == WAY_FAIL_WITH)
            gyre_future_unref(promises[way].f); /* its detail is here on the stack */
    }
    close_loop(f);
    for (enum way way = 0; way < WAY_COUNT; way++) {
        assert_int_equal(promises[way].closed, 0);
        if (way != WAY_FAIL_WITH)
            gyre_future_unref(promises[way].f);
    }
}

static void pending_operations_are_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    struct gyre_future *operations[] = {
        gyre_sleep(f->loop, GYRE_S(1)),
        gyre_sleep(f->loop, 0),
        gyre_io_ready(f->loop, fds[0], GYRE_READ),
        gyre_io_ready(f->loop, fds[1], GYRE_WRITE),
        gyre_signal_next(f->loop, SIGUSR2),
    };

    close_loop(f);
    for (size_t i = 0; i < ARRAY_LEN(operations); i++)
        assert_cancelled(operations[i], GYRE_REASON_CLOSED);
    destroy_loop(f);
    for (size_t i = 0; i < ARRAY_LEN(operations); i++)
        gyre_future_unref(operations[i]);
}

static int map_nothing(void **value, gyre_drop_fn **drop, void *arg)
{
    (void)value;
    (void)drop;
    (void)arg;
    fail_msg("the loop is closed");
    return 0;
}

static struct gyre_future *start_nothing(size_t index, void *arg)
{
    (void)index;
    (void)arg;
    fail_msg("the loop is closed");
    return NULL;
}

/* One of each that is made of others, over promises 0 to 7. Returns how many. */
static size_t make_nodes(struct fixture *f, struct gyre_future *nodes[10])
{
    struct gyre_future *inputs[8];

    for (int i = 0; i < 8; i++)
        inputs[i] = make_promise(f, i, 0)->f;
    nodes[0] = gyre_all(f->loop, 2, inputs);
    nodes[1] = gyre_race(f->loop, 1, inputs + 2);
    nodes[2] = gyre_settled(f->loop, 1, inputs + 3);
    nodes[3] = gyre_wait(f->loop, GYRE_WAIT_ALL, 8, inputs, GYRE_S(1));
    nodes[4] = gyre_completions(f->loop, 8, inputs);
    nodes[5] = gyre_completions_next(nodes[4]);
    nodes[6] = gyre_within(inputs[4], GYRE_S(1));
    nodes[7] = gyre_shield(inputs[5]);
    nodes[8] = gyre_then(inputs[6], map_nothing, NULL);
    nodes[9] = gyre_map_limit(f->loop, GYRE_MAP_ALL, 3, 2, start_nothing, NULL);
    gyre_future_detach(gyre_within(inputs[7], GYRE_NEVER));
    return 10;
}

static void futures_made_of_others_are_cancelled_with_them(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *nodes[10];
    size_t count = make_nodes(f, nodes);

    close_loop(f);
    for (size_t i = 0; i < count; i++)
        assert_cancelled(nodes[i], GYRE_REASON_CLOSED);
    destroy_loop(f);
    for (size_t i = 0; i < count; i++)
        gyre_future_unref(nodes[i]);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(promises[i].asked, 0);
        assert_int_equal(promises[i].closed, 1);
    }
}

/* ------------------------------------------------------------------ continuations */

static void continuations_do_not_run_and_are_idle_afterwards(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    make_items(f, 3);
    wait_for(make_promise(f, 0, 0)->f, 0); /* waits */
    wait_for(make_promise(f, 1, 0)->f, 1);
    assert_int_equal(gyre_future_resolve(promises[1].f, NULL, NULL), 0); /* is queued */
    wait_for(promises[1].f, 2);
    close_loop(f);
    for (int i = 0; i < 3; i++) {
        assert_false(gyre_call_is_started(&items[i].call));
        assert_false(gyre_call_stop(&items[i].call));
        assert_int_equal(gyre_future_on_done(promises[1].f, &items[i].call), -ESHUTDOWN);
        assert_int_equal(gyre_call_init(&items[i].call, other, item_call_ran, &items[i]), 0);
    }
    assert_int_equal(f->trace_count, 0);
    assert_int_equal(gyre_loop_destroy(other), 0);
    for (int i = 0; i < 2; i++)
        gyre_future_unref(promises[i].f);
}

/* ------------------------------------------------------------------ late producers */

static void producer_that_comes_after_close_is_too_late(void **state)
{
    struct fixture *f = fixture_of(state);

    for (enum way way = 0; way < WAY_CANCEL; way++)
        make_bare_promise(f, (int)way);
    close_loop(f);
    for (enum way way = 0; way < WAY_CANCEL; way++) {
        struct parcel parcel = { 0 };

        if (way == WAY_ABANDON)
            destroy_loop(f);
        assert_int_equal(settle(promises[way].f, way, &parcel), way == WAY_ABANDON ? 0 : -EALREADY);
        assert_int_equal(parcel.drops, 1);
        assert_cancelled(promises[way].f, GYRE_REASON_CLOSED);
        assert_int_equal(gyre_future_set_cancel(promises[way].f, &promise_ops, NULL), -EALREADY);
        gyre_future_unref(promises[way].f);
    }
}

/* The consumer first, the producer last, or the other way round; after the loop has gone. */
static void last_to_leave_a_destroyed_loop_frees_the_future(void **state)
{
    struct fixture *f = fixture_of(state);
    size_t before;

    make_bare_promise(f, 0);
    make_bare_promise(f, 1);
    destroy_loop(f);
    before = live_bytes();
    gyre_future_unref(promises[0].f);
    assert_int_equal(gyre_future_fail(promises[0].f, -EIO), -EALREADY);
    assert_true(live_bytes() < before);
    gyre_future_abandon(promises[1].f);
    assert_cancelled(promises[1].f, GYRE_REASON_CLOSED);
    gyre_future_unref(promises[1].f);
    assert_int_equal(live_bytes(), f->bytes_before);
}

/* ------------------------------------------------------------------ plain values */

static void settled_futures_can_be_used_after_destroy(void **state)
{
    struct fixture *f = fixture_of(state);
    struct parcel parcels[3] = { { 0 } };

    for (int i = 0; i < 3; i++)
        make_promise(f, i, 0);
    assert_int_equal(settle(promises[0].f, WAY_RESOLVE, &parcels[0]), 0);
    assert_int_equal(settle(promises[1].f, WAY_RESOLVE, &parcels[1]), 0);
    assert_int_equal(settle(promises[2].f, WAY_FAIL_WITH, &parcels[2]), 0);
    gyre_future_ignore_error(promises[2].f);
    destroy_loop(f);
    assert_ptr_equal(gyre_future_peek(promises[0].f), &parcels[0]);
    assert_ptr_equal(gyre_future_take(promises[0].f), &parcels[0]);
    assert_null(gyre_future_take(promises[0].f));
    assert_int_equal(gyre_future_error(promises[2].f), WAY_ERROR);
    assert_string_equal(gyre_future_message(promises[2].f), "in words");
    assert_ptr_equal(gyre_future_detail(promises[2].f), &parcels[2]);
    for (int i = 0; i < 3; i++) {
        assert_false(gyre_future_cancel(promises[i].f));
        assert_ptr_equal(gyre_future_ref(promises[i].f), promises[i].f);
        gyre_future_detach(promises[i].f);
        gyre_future_unref(promises[i].f);
        assert_int_equal(parcels[i].drops, i > 0);
    }
}

static void reference_from_value_to_value_holds_after_destroy(void **state)
{
    struct fixture *f = fixture_of(state);
    struct parcel parcel = { 0 };

    assert_int_equal(settle(make_promise(f, 0, 0)->f, WAY_RESOLVE, &parcel), 0);
    struct gyre_future *shield = gyre_shield(promises[0].f);
    run_ready(f);
    destroy_loop(f);
    assert_ptr_equal(gyre_future_peek(shield), &parcel);
    assert_int_equal(parcel.drops, 0);
    gyre_future_unref(shield);
    assert_int_equal(parcel.drops, 1);
}

/* ------------------------------------------------------------------ scopes and groups */

static void scopes_of_a_closed_loop_are_only_memory(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_scope outer = { 0 }, inner = { 0 };

    assert_int_equal(gyre_scope_init(&outer, f->loop, NULL), 0);
    assert_int_equal(gyre_scope_init(&inner, f->loop, &outer), 0);
    assert_int_equal(gyre_scope_enter(&inner), 0);
    struct gyre_future *sleep = gyre_sleep(f->loop, 1);
    close_loop(f);
    assert_cancelled(sleep, GYRE_REASON_CLOSED);
    assert_int_equal(gyre_scope_leave(&inner), -ESHUTDOWN);
    assert_false(gyre_scope_cancel(&outer));
    assert_false(gyre_scope_caused(&outer, sleep));
    destroy_loop(f);
    gyre_scope_fini(&outer);
    gyre_scope_fini(&inner);
    spoil(&outer, sizeof(outer));
    gyre_future_unref(sleep);
}

static struct gyre_future *start_promise(void *arg)
{
    struct promise *p = arg;

    return p->f;
}

static void children_of_a_closed_group_are_dropped_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct parcel parcel = { 0 };
    struct gyre_group *group;

    assert_int_equal(gyre_group_create(f->loop, 0, &group), 0);
    assert_int_equal(gyre_group_spawn(group, start_promise, NULL, make_promise(f, 0, 0)), 0);
    assert_int_equal(gyre_group_add(group, make_promise(f, 1, 0)->f), 0);
    run_ready(f);
    assert_int_equal(gyre_group_spawn(group, start_promise, drop_parcel, &parcel), 0);
    struct gyre_future *join = gyre_group_join(group);
    close_loop(f);
    assert_cancelled(join, GYRE_REASON_CLOSED);
    assert_int_equal(parcel.drops, 1);
    assert_int_equal(promises[0].closed, 1);
    assert_int_equal(promises[1].closed, 1);
    destroy_loop(f);
    gyre_future_unref(join);
    gyre_group_unref(group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(pending_promises_are_cancelled_and_their_producers_told_once),
        FUTURE_TEST(detached_promise_is_closed_and_freed),
        FUTURE_TEST(producer_of_a_settled_future_is_not_told),
        FUTURE_TEST(pending_operations_are_cancelled),
        FUTURE_TEST(futures_made_of_others_are_cancelled_with_them),
        FUTURE_TEST(continuations_do_not_run_and_are_idle_afterwards),
        FUTURE_TEST(producer_that_comes_after_close_is_too_late),
        FUTURE_TEST(last_to_leave_a_destroyed_loop_frees_the_future),
        FUTURE_TEST(settled_futures_can_be_used_after_destroy),
        FUTURE_TEST(reference_from_value_to_value_holds_after_destroy),
        FUTURE_TEST(scopes_of_a_closed_loop_are_only_memory),
        FUTURE_TEST(children_of_a_closed_group_are_dropped_once),
    };

    return cmocka_run_group_tests_name("future_close", tests, NULL, NULL);
}
