/* gyre_then and gyre_then_start: values that go through a function, and operations that follow.
 *
 * SPDX-License-Identifier: MIT */
#include "then.h"

/* ------------------------------------------------------------------ map */

static void map_runs_from_the_queue_and_its_value_is_the_result(void **state)
{
    (void)state;
    struct gyre_future *f = then_map(make_op(1));
    resolve_op(1);
    assert_int_equal(fixture->trace_count, 0);
    assert_pending(f);
    assert_int_equal(run_ready(fixture), 1);
    ASSERT_TRACE(fixture, MAP + 1);
    assert_value(f, 11);
    gyre_future_unref(f);
}

static void value_that_was_there_before_goes_through_map(void **state)
{
    (void)state;
    make_op(1);
    resolve_op(1);
    struct gyre_future *f = then_map(ops[1].f);
    assert_int_equal(fixture->trace_count, 0);
    run_ready(fixture);
    assert_value(f, 11);
    gyre_future_unref(f);
}

static void value_moves_through_map_and_is_dropped_once(void **state)
{
    (void)state;
    struct gyre_future *f = then_map(then_map(make_op(1)));
    resolve_traced(1);
    run_ready(fixture);
    assert_value(f, 21);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, MAP + 1, MAP + 11, DROP + 21);
}

static int replace(void **value, gyre_drop_fn **drop, void *arg)
{
    (*drop)(*value);
    *value = arg;
    *drop = NULL;
    return 0;
}

static void map_may_drop_the_value_and_put_another_in_its_place(void **state)
{
    (void)state;
    struct gyre_future *f = gyre_then(make_op(1), replace, &plan);
    resolve_traced(1);
    run_ready(fixture);
    ASSERT_TRACE(fixture, DROP + 1);
    assert_ptr_equal(gyre_future_peek(f), &plan);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 1);
}

static void error_of_map_is_the_result_and_what_stands_there_is_dropped(void **state)
{
    (void)state;
    struct gyre_future *f = then_map(make_op(1));
    plan.err = -EIO;
    resolve_traced(1);
    run_ready(fixture);
    assert_failed(f, -EIO);
    ASSERT_TRACE(fixture, MAP + 1, DROP + 11);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, MAP + 1, DROP + 11);
}

static void error_passes_by_map_with_its_detail(void **state)
{
    (void)state;
    struct gyre_future *f = then_map(make_op(1));
    assert_int_equal(gyre_future_fail_with(ops[1].f, -EIO, "no disk", value_of(7), drop_value), 0);
    assert_failed(f, -EIO);
    assert_string_equal(gyre_future_message(f), "no disk");
    assert_ptr_equal(gyre_future_detail(f), value_of(7));
    assert_int_equal(run_ready(fixture), 0);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 7);
    assert_int_equal(report_count, 0);
}

static void cancellation_passes_by_map(void **state)
{
    (void)state;
    struct gyre_future *f = then_map(make_op(1));
    gyre_future_cancel(ops[1].f);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    assert_int_equal(run_ready(fixture), 0);
    gyre_future_unref(f);
}

/* ------------------------------------------------------------------ start */

static void outcome_of_the_next_future_is_the_result(void **state)
{
    (void)state;
    struct gyre_future *f = then_start(make_op(1), make_op(2));
    resolve_op(1);
    run_ready(fixture);
    ASSERT_TRACE(fixture, NEXT + 1);
    assert_pending(f);
    resolve_traced(2);
    assert_value(f, 2);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, NEXT + 1, DROP + 2);
}

static void error_of_the_next_future_is_the_result(void **state)
{
    (void)state;
    struct gyre_future *f = then_start(make_op(1), make_op(2));
    resolve_op(1);
    run_ready(fixture);
    fail_op(2, -EIO);
    assert_failed(f, -EIO);
    gyre_future_unref(f);
    assert_int_equal(report_count, 0);
}

static void cancellation_of_the_next_future_is_the_result(void **state)
{
    (void)state;
    struct gyre_future *f = then_start(make_op(1), make_op(2));
    resolve_op(1);
    run_ready(fixture);
    gyre_future_cancel(ops[2].f);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    gyre_future_unref(f);
}

static void next_future_may_be_settled_already(void **state)
{
    (void)state;
    make_op(2);
    resolve_op(2);
    struct gyre_future *f = then_start(make_op(1), ops[2].f);
    resolve_op(1);
    run_ready(fixture);
    assert_value(f, 2);
    gyre_future_unref(f);
}

static void next_that_returns_null_is_ok_without_a_value(void **state)
{
    (void)state;
    struct gyre_future *f = then_start(make_op(1), NULL);
    resolve_traced(1);
    run_ready(fixture);
    assert_ok(f);
    assert_null(gyre_future_peek(f));
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, NEXT + 1, DROP + 1);
}

static void value_is_dropped_with_the_future_that_had_it_unless_next_takes_it(void **state)
{
    (void)state;
    struct gyre_future *f = then_start(make_op(1), make_op(2));
    resolve_traced(1);
    run_ready(fixture);
    resolve_traced(2);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, NEXT + 1, DROP + 2, DROP + 1);
}

static struct gyre_future *take_it(struct gyre_future *done, void *arg)
{
    (void)arg;
    assert_ptr_equal(gyre_future_take(done), value_of(1));
    return NULL;
}

static void value_that_next_takes_is_not_dropped(void **state)
{
    (void)state;
    struct gyre_future *f = gyre_then_start(make_op(1), take_it, NULL);
    resolve_traced(1);
    run_ready(fixture);
    gyre_future_unref(f);
    assert_int_equal(fixture->trace_count, 0);
}

static struct gyre_future *return_it(struct gyre_future *done, void *arg)
{
    (void)arg;
    return done;
}

static void next_that_returns_what_is_done_passes_it_on(void **state)
{
    (void)state;
    struct gyre_future *f = gyre_then_start(make_op(1), return_it, NULL);
    resolve_traced(1);
    run_ready(fixture);
    assert_value(f, 1);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 1);
}

static void failure_and_cancellation_pass_by_next(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct gyre_future *f = then_start(make_op(i), NULL);
        if (i == 0)
            fail_op(i, -EIO);
        else
            gyre_future_cancel(ops[i].f);
        assert_int_equal(gyre_future_error(f), i == 0 ? -EIO : -ECANCELED);
        assert_int_equal(run_ready(fixture), 0);
        gyre_future_unref(f);
    }
    ASSERT_TRACE(fixture, CANCEL + 1);
}

static void refused_next_future_is_the_failure(void **state)
{
    (void)state;
    struct gyre_future *f = then_start(make_op(1), gyre_race(fixture->loop, 0, NULL));
    resolve_op(1);
    run_ready(fixture);
    assert_failed(f, -EINVAL);
    gyre_future_unref(f);
}

static void next_future_of_another_loop_is_an_error_and_stays_yours(void **state)
{
    (void)state;
    struct gyre_loop *other = make_loop();
    struct gyre_future *foreign = gyre_sleep(other, GYRE_S(1));
    struct gyre_future *f = then_start(make_op(1), foreign);
    resolve_op(1);
    run_ready(fixture);
    assert_failed(f, -EXDEV);
    gyre_future_unref(f);
    assert_pending(foreign);
    gyre_future_unref(foreign);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

static void next_future_that_has_an_owner_is_an_error_and_stays_his(void **state)
{
    (void)state;
    make_op(2);
    struct gyre_future *owner = gyre_within(ops[2].f, GYRE_NEVER);
    struct gyre_future *f = then_start(make_op(1), ops[2].f);
    resolve_op(1);
    run_ready(fixture);
    assert_failed(f, -EBUSY);
    gyre_future_unref(f);
    resolve_op(2);
    assert_value(owner, 2);
    gyre_future_unref(owner);
}

static void return_itself(struct plan *p)
{
    p->next = p->result;
}

static void return_what_is_made_of_it(struct plan *p)
{
    p->next = gyre_within(gyre_future_ref(p->result), GYRE_NEVER);
}

static void next_future_that_waits_for_the_result_is_an_error(void **state)
{
    static void (*const insides[])(struct plan *) = { return_itself, return_what_is_made_of_it };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(insides); i++) {
        struct gyre_future *f = then_start(make_op(1), NULL);
        plan.inside = insides[i];
        resolve_op(1);
        run_ready(fixture);
        assert_failed(f, -EDEADLK);
        if (plan.next != f)
            assert_refused(plan.next, -EDEADLK); /* it has heard of it, and stayed the test's */
        gyre_future_unref(f);
    }
}

static struct gyre_future *start_here(struct gyre_future *done, void *arg)
{
    (void)done;
    (void)arg;
    make_op(3); /* which is not returned: only the scope knows of it */
    return make_op(2);
}

static void next_runs_in_the_scope_of_the_call(void **state)
{
    struct gyre_scope scope = { 0 };

    (void)state;
    assert_int_equal(gyre_scope_init(&scope, fixture->loop, NULL), 0);
    make_op(1);
    assert_int_equal(gyre_scope_enter(&scope), 0);
    struct gyre_future *f = gyre_then_start(ops[1].f, start_here, NULL);
    assert_int_equal(gyre_scope_leave(&scope), 0);
    resolve_op(1);
    run_ready(fixture);
    struct gyre_future *outside = make_op(4);
    gyre_scope_cancel(&scope);
    assert_true(gyre_scope_caused(&scope, f));
    ASSERT_TRACE(fixture, CANCEL + 3, CANCEL + 2);
    assert_pending(outside);
    gyre_future_unref(ops[3].f);
    gyre_future_unref(outside);
    gyre_future_unref(f);
    gyre_scope_fini(&scope);
}

static void chain_of_nexts_takes_one_tick_each(void **state)
{
    (void)state;
    struct gyre_future *f = make_op(1);
    for (int i = 0; i < 5; i++)
        f = then_start(f, NULL);
    resolve_op(1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(gyre_loop_run_once(fixture->loop, 0), 1);
    assert_ok(f);
    gyre_future_unref(f);
}

static void next_future_is_a_second_input_but_map_has_one(void **state)
{
    (void)state;
    struct gyre_future *map = then_map(make_op(1));
    assert_int_equal(gyre_future_count(map), 1);
    assert_ptr_equal(gyre_future_at(map, 0), ops[1].f);
    gyre_future_unref(map);
    struct gyre_future *f = then_start(make_op(2), make_op(3));
    assert_int_equal(gyre_future_count(f), 2);
    assert_null(gyre_future_at(f, 1));
    resolve_op(2);
    run_ready(fixture);
    assert_ptr_equal(gyre_future_at(f, 0), ops[2].f);
    assert_ptr_equal(gyre_future_at(f, 1), ops[3].f);
    gyre_future_unref(f);
}

/* ------------------------------------------------------------------ on a shield */

static void map_on_a_shield_takes_the_value_of_what_it_shields(void **state)
{
    (void)state;
    make_op(1);
    gyre_future_ref(ops[1].f);
    struct gyre_future *f = then_map(gyre_shield(ops[1].f));
    resolve_traced(1);
    run_ready(fixture);
    assert_value(f, 11);
    assert_ok(ops[1].f);
    assert_null(gyre_future_peek(ops[1].f));
    gyre_future_unref(f);
    gyre_future_unref(ops[1].f);
    ASSERT_TRACE(fixture, MAP + 1, DROP + 11);
}

static void cancelled_then_on_a_shield_leaves_what_it_shields(void **state)
{
    (void)state;
    make_op(1);
    gyre_future_ref(ops[1].f);
    struct gyre_future *f = then_map(gyre_shield(ops[1].f));
    gyre_future_cancel(f);
    assert_cancelled(f, GYRE_REASON_REQUEST);
    gyre_future_unref(f);
    resolve_op(1);
    assert_value(ops[1].f, 1);
    gyre_future_unref(ops[1].f);
    assert_int_equal(fixture->trace_count, 0);
}

/* ------------------------------------------------------------------ refused, closed */

static void then_without_a_function_is_refused(void **state)
{
    (void)state;
    make_op(1);
    assert_refused(gyre_then(ops[1].f, NULL, NULL), -EINVAL);
    assert_refused(gyre_then_start(ops[1].f, NULL, NULL), -EINVAL);
    assert_refused(gyre_then(NULL, add_ten, &plan), -EINVAL);
    resolve_traced(1);
    gyre_future_unref(ops[1].f);
    ASSERT_TRACE(fixture, DROP + 1);
}

static void close_of_the_loop_drops_a_queued_function_and_the_value(void **state)
{
    (void)state;
    struct gyre_future *f = then_map(make_op(1));
    resolve_traced(1);
    assert_int_equal(gyre_loop_close(fixture->loop), 0);
    assert_cancelled(f, GYRE_REASON_CLOSED);
    gyre_future_unref(f);
    ASSERT_TRACE(fixture, DROP + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        THEN_TEST(map_runs_from_the_queue_and_its_value_is_the_result),
        THEN_TEST(value_that_was_there_before_goes_through_map),
        THEN_TEST(value_moves_through_map_and_is_dropped_once),
        THEN_TEST(map_may_drop_the_value_and_put_another_in_its_place),
        THEN_TEST(error_of_map_is_the_result_and_what_stands_there_is_dropped),
        THEN_TEST(error_passes_by_map_with_its_detail),
        THEN_TEST(cancellation_passes_by_map),
        THEN_TEST(outcome_of_the_next_future_is_the_result),
        THEN_TEST(error_of_the_next_future_is_the_result),
        THEN_TEST(cancellation_of_the_next_future_is_the_result),
        THEN_TEST(next_future_may_be_settled_already),
        THEN_TEST(next_that_returns_null_is_ok_without_a_value),
        THEN_TEST(value_is_dropped_with_the_future_that_had_it_unless_next_takes_it),
        THEN_TEST(value_that_next_takes_is_not_dropped),
        THEN_TEST(next_that_returns_what_is_done_passes_it_on),
        THEN_TEST(failure_and_cancellation_pass_by_next),
        THEN_TEST(refused_next_future_is_the_failure),
        THEN_TEST(next_future_of_another_loop_is_an_error_and_stays_yours),
        THEN_TEST(next_future_that_waits_for_the_result_is_an_error),
        THEN_TEST(next_future_that_has_an_owner_is_an_error_and_stays_his),
        THEN_TEST(next_runs_in_the_scope_of_the_call),
        THEN_TEST(chain_of_nexts_takes_one_tick_each),
        THEN_TEST(next_future_is_a_second_input_but_map_has_one),
        THEN_TEST(map_on_a_shield_takes_the_value_of_what_it_shields),
        THEN_TEST(cancelled_then_on_a_shield_leaves_what_it_shields),
        THEN_TEST(then_without_a_function_is_refused),
        THEN_TEST(close_of_the_loop_drops_a_queued_function_and_the_value),
    };

    return cmocka_run_group_tests_name("then", tests, NULL, NULL);
}
