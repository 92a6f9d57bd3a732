/* Lookups that nobody waits for any more: cancelled while they wait and while they run, out of time,
 * and overtaken by the end of their loop.
 *
 * SPDX-License-Identifier: MIT */
#include "stand_in.h"

#include "base/util.h"

#include <string.h>

/* Ask for a name on a pool of one thread, and wait until that waits at the gate. */
static struct gyre_future *look_up_and_hang(struct fixture *f, struct gyre_pool *pool)
{
    shut_gate();
    struct gyre_future *found = look_up(f, pool, "slow.test");
    await_at_gate(1);
    return found;
}

/* Open the gate and have all that the pool's threads still do done, and sent home. */
static void let_pool_finish(struct gyre_pool *pool)
{
    open_gate();
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
}

/* ------------------------------------------------------------------ waiting */

static void waiting_lookup_is_cancelled_at_once_and_never_asked(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *running = look_up_and_hang(f, pool);
    struct gyre_future *waiting = look_up(f, pool, "other.test");

    assert_true(gyre_future_cancel(waiting));
    assert_int_equal(gyre_future_state(waiting), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(waiting);
    open_gate();
    assert_int_equal(outcome_of(f, running), 0);
    let_pool_finish(pool);
    assert_int_equal(questions(), 1);
}

static void last_reference_of_a_waiting_lookup_cancels_it(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *running = look_up_and_hang(f, pool);

    gyre_future_unref(look_up(f, pool, "other.test"));
    open_gate();
    assert_int_equal(outcome_of(f, running), 0);
    let_pool_finish(pool);
    assert_int_equal(questions(), 1);
}

/* ------------------------------------------------------------------ running */

static void running_lookup_is_cancelled_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *found = look_up_and_hang(f, pool);

    assert_true(gyre_future_cancel(found));
    assert_int_equal(gyre_future_state(found), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(found);
    let_pool_finish(pool);
}

static void late_result_is_freed_on_the_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *found = look_up_and_hang(f, pool);

    assert_true(gyre_future_cancel(found));
    gyre_future_unref(found);
    let_pool_finish(pool);
    size_t bytes = live_bytes();
    assert_int_equal(run_ready(f), 1);
    assert_true(live_bytes() < bytes);
}

static void late_result_is_freed_by_the_worker_if_the_loop_is_closed(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *found = look_up_and_hang(f, pool);

    assert_true(gyre_future_cancel(found));
    gyre_future_unref(found);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    let_pool_finish(pool);
    assert_int_equal(open_lists(), 0); /* and memory, says teardown */
}

static void late_result_that_has_come_home_is_freed_with_the_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *found = look_up_and_hang(f, pool);

    assert_true(gyre_future_cancel(found));
    gyre_future_unref(found);
    let_pool_finish(pool);
    assert_int_equal(gyre_loop_close(f->loop), 0);
}

static void late_error_is_reported_to_nobody(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *found = look_up_and_hang(f, pool);

    stand_in_fail(EAI_FAIL, 0);
    assert_true(gyre_future_cancel(found));
    let_pool_finish(pool);
    assert_int_equal(run_ready(f), 1);
    assert_int_equal(gyre_future_state(found), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(found);
}

static void cancelled_lookup_does_not_keep_the_loop_running(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *found = look_up_and_hang(f, pool);

    assert_true(gyre_loop_is_alive(f->loop));
    assert_true(gyre_future_cancel(found));
    gyre_future_unref(found);
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    let_pool_finish(pool);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void cancelled_lookups_do_not_hold_up_a_shutdown(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *running = look_up_and_hang(f, pool);
    struct gyre_future *waiting = look_up(f, pool, "other.test");

    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 0);
    assert_int_equal(gyre_future_error(running), -ECANCELED);
    assert_int_equal(gyre_future_error(waiting), -ECANCELED);
    gyre_future_unref(running);
    gyre_future_unref(waiting);
    let_pool_finish(pool);
    assert_int_equal(questions(), 1);
}

static void completed_lookup_cannot_be_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *found = look_up(f, NULL, "name.test");

    assert_int_equal(gyre_loop_run_until(f->loop, found), GYRE_RUN_DONE);
    assert_false(gyre_future_cancel(found));
    assert_int_equal(gyre_future_state(found), GYRE_FUTURE_OK);
    gyre_future_unref(found);
}

/* ------------------------------------------------------------------ limits in time, scopes */

static void within_ends_a_running_lookup_on_time(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *found = gyre_within(look_up_and_hang(f, pool), GYRE_S(5));

    assert_in_range(gyre_test_advance(f->loop, GYRE_S(5) - 1), 0, 10);
    assert_int_equal(gyre_future_state(found), GYRE_FUTURE_PENDING);
    assert_in_range(gyre_test_advance(f->loop, 1), 1, 10);
    assert_int_equal(outcome_at_once(found), -ETIMEDOUT);
    let_pool_finish(pool);
}

static void within_ends_a_waiting_lookup_on_time(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *running = look_up_and_hang(f, pool);
    struct gyre_future *waiting = gyre_within(look_up(f, pool, "other.test"), GYRE_S(5));

    assert_in_range(gyre_test_advance(f->loop, GYRE_S(5)), 1, 10);
    assert_int_equal(outcome_at_once(waiting), -ETIMEDOUT);
    open_gate();
    assert_int_equal(outcome_of(f, running), 0);
    let_pool_finish(pool);
    assert_int_equal(questions(), 1);
}

static void within_no_time_still_gets_numbers(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(outcome_of(f, gyre_within(look_up(f, NULL, "192.0.2.1"), 0)), 0);
    assert_int_equal(outcome_of(f, gyre_within(look_up(f, NULL, "name.test"), 0)), -ETIMEDOUT);
}

static void scope_ends_the_lookups_in_it_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_scope scope = { 0 };

    assert_int_equal(gyre_scope_init(&scope, f->loop, NULL), 0);
    assert_int_equal(gyre_scope_enter(&scope), 0);
    struct gyre_future *running = look_up_and_hang(f, pool);
    struct gyre_future *waiting = look_up(f, pool, "other.test");
    assert_int_equal(gyre_scope_leave(&scope), 0);
    gyre_scope_cancel(&scope);
    assert_int_equal(gyre_future_state(running), GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_state(waiting), GYRE_FUTURE_CANCELLED);
    assert_true(gyre_scope_caused(&scope, running));
    gyre_scope_fini(&scope);
    gyre_future_unref(running);
    gyre_future_unref(waiting);
    let_pool_finish(pool);
    assert_int_equal(questions(), 1);
}

static void cancelled_scope_asks_nobody(void **state)
{
    static const char *const host[] = { "name.test", "192.0.2.1", "bad name" };
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_scope scope = { 0 };

    assert_int_equal(gyre_scope_init(&scope, f->loop, NULL), 0);
    gyre_scope_cancel(&scope);
    assert_int_equal(gyre_scope_enter(&scope), 0);
    for (size_t i = 0; i < ARRAY_LEN(host); i++)
        assert_int_equal(outcome_at_once(look_up(f, pool, host[i])), -ECANCELED);
    assert_int_equal(gyre_scope_leave(&scope), 0);
    gyre_scope_fini(&scope);
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
    assert_int_equal(questions(), 0);
}

/* ------------------------------------------------------------------ the end of the loop */

static void close_cancels_lookups_that_run_and_that_wait(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *running = look_up_and_hang(f, pool);
    struct gyre_future *waiting = look_up(f, pool, "other.test");

    assert_int_equal(gyre_loop_close(f->loop), 0); /* waits for nobody: the gate is shut */
    assert_int_equal(gyre_future_reason(running), GYRE_REASON_CLOSED);
    assert_int_equal(gyre_future_reason(waiting), GYRE_REASON_CLOSED);
    gyre_future_unref(running);
    gyre_future_unref(waiting);
    let_pool_finish(pool);
    assert_int_equal(questions(), 1);
    assert_int_equal(open_lists(), 0);
}

static void loop_can_be_destroyed_while_its_own_resolver_hangs(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *found[6];

    shut_gate();
    for (size_t i = 0; i < ARRAY_LEN(found); i++)
        found[i] = look_up(f, NULL, "slow.test");
    await_at_gate(4);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    for (size_t i = 0; i < ARRAY_LEN(found); i++)
        assert_int_equal(outcome_at_once(found[i]), -ECANCELED);
    assert_int_equal(questions(), 4);
}

static void pool_can_be_destroyed_under_a_lookup(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *running = look_up_and_hang(f, pool);
    struct gyre_future *waiting = look_up(f, pool, "other.test");

    assert_int_equal(gyre_pool_destroy(pool, 0), 1);
    assert_int_equal(outcome_of(f, waiting), -ECANCELED);
    open_gate();
    assert_int_equal(outcome_of(f, running), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESOLVE_TEST(waiting_lookup_is_cancelled_at_once_and_never_asked),
        RESOLVE_TEST(last_reference_of_a_waiting_lookup_cancels_it),
        RESOLVE_TEST(running_lookup_is_cancelled_at_once),
        RESOLVE_TEST(late_result_is_freed_on_the_loop),
        RESOLVE_TEST(late_result_is_freed_by_the_worker_if_the_loop_is_closed),
        RESOLVE_TEST(late_result_that_has_come_home_is_freed_with_the_loop),
        RESOLVE_TEST(late_error_is_reported_to_nobody),
        RESOLVE_TEST(cancelled_lookup_does_not_keep_the_loop_running),
        RESOLVE_TEST(cancelled_lookups_do_not_hold_up_a_shutdown),
        RESOLVE_TEST(completed_lookup_cannot_be_cancelled),
        RESOLVE_TEST(within_ends_a_running_lookup_on_time),
        RESOLVE_TEST(within_ends_a_waiting_lookup_on_time),
        RESOLVE_TEST(within_no_time_still_gets_numbers),
        RESOLVE_TEST(scope_ends_the_lookups_in_it_at_once),
        RESOLVE_TEST(cancelled_scope_asks_nobody),
        RESOLVE_TEST(close_cancels_lookups_that_run_and_that_wait),
        RESOLVE_TEST(loop_can_be_destroyed_while_its_own_resolver_hangs),
        RESOLVE_TEST(pool_can_be_destroyed_under_a_lookup),
    };

    return cmocka_run_group_tests_name("resolve_cancel", tests, NULL, NULL);
}
