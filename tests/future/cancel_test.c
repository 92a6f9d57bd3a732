/* Cancelling one future: what its producer is asked, how often, and what he may do about it.
 *
 * What a hook may do beyond that is in cancel_hook_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

/* Of a cancel hook: undone, and later. */
static const int answers[] = { 0, -EINPROGRESS };

/* ------------------------------------------------------------------ undone now, or later */

static void operation_that_can_be_undone_is_cancelled_when_cancel_returns(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);

    assert_true(gyre_future_cancel(p->f));
    assert_int_equal(p->asked, 1);
    assert_cancelled(p->f, GYRE_REASON_REQUEST);
    assert_false(gyre_future_cancel(p->f));
    assert_int_equal(p->asked, 1);
    gyre_future_unref(p->f); /* the producer's side has ended: nothing leaks */
}

static void operation_that_needs_time_stays_pending(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, -EINPROGRESS);

    assert_true(gyre_future_cancel(p->f));
    assert_int_equal(gyre_future_state(p->f), GYRE_FUTURE_PENDING);
    assert_true(gyre_future_is_cancelling(p->f));
    assert_int_equal(gyre_future_reason(p->f), GYRE_REASON_REQUEST);
    assert_int_equal(gyre_future_error(p->f), -EINPROGRESS);
    end_promise(p);
}

static void hook_is_called_once_however_often_it_is_cancelled(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, -EINPROGRESS);

    for (int i = 0; i < 10; i++)
        assert_true(gyre_future_cancel(p->f));
    assert_int_equal(p->asked, 1);
    gyre_future_abandon(p->f);
    assert_false(gyre_future_cancel(p->f));
    assert_int_equal(p->asked, 1);
    gyre_future_unref(p->f);
}

static void hook_is_not_called_again_by_the_last_unref(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, -EINPROGRESS);

    assert_true(gyre_future_cancel(p->f));
    gyre_future_unref(p->f);
    assert_int_equal(p->asked, 1);
    gyre_future_abandon(p->f);
}

static void cancelled_operation_may_end_in_any_way(void **state)
{
    for (enum way way = 0; way < WAY_CANCEL; way++) {
        struct promise *p = make_promise(fixture_of(state), 0, -EINPROGRESS);
        struct parcel parcel = { 0 };

        assert_true(gyre_future_cancel(p->f));
        assert_int_equal(settle(p->f, way, &parcel), 0);
        if (way == WAY_ABANDON) {
            assert_cancelled(p->f, GYRE_REASON_REQUEST);
        } else {
            assert_int_equal(gyre_future_error(p->f), error_after(way));
            assert_int_equal(gyre_future_reason(p->f), GYRE_REASON_NONE);
            assert_false(gyre_future_is_cancelling(p->f));
        }
        end_promise(p);
        assert_int_equal(parcel.drops, 1);
    }
}

static void promise_without_a_hook_is_cancelled_at_once(void **state)
{
    static const struct gyre_future_ops nothing = { .cancel = NULL };

    for (int has_ops = 0; has_ops < 2; has_ops++) {
        struct promise *p = make_bare_promise(fixture_of(state), 0);

        if (has_ops)
            assert_int_equal(gyre_future_set_cancel(p->f, &nothing, NULL), 0);
        assert_true(gyre_future_cancel(p->f));
        assert_cancelled(p->f, GYRE_REASON_REQUEST);
        assert_int_equal(gyre_future_resolve(p->f, NULL, NULL), -EALREADY);
        gyre_future_unref(p->f);
    }
}

static void completion_beats_cancellation(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);
    struct parcel parcel = { 0 };

    assert_int_equal(settle(p->f, WAY_RESOLVE, &parcel), 0);
    assert_false(gyre_future_cancel(p->f));
    assert_int_equal(p->asked, 0);
    assert_int_equal(gyre_future_error(p->f), 0);
    assert_int_equal(gyre_future_reason(p->f), GYRE_REASON_NONE);
    assert_ptr_equal(gyre_future_peek(p->f), &parcel);
    gyre_future_unref(p->f);
    assert_int_equal(parcel.drops, 1);
    assert_int_equal(p->asked, 0);
}

static void cancel_wakes_who_waits_once(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t a = 0; a < ARRAY_LEN(answers); a++) {
        struct promise *p = make_promise(f, 0, answers[a]);

        f->trace_count = 0;
        wait_for(p->f, make_item(f, 1)->id);
        assert_true(gyre_future_cancel(p->f));
        assert_int_equal(f->trace_count, 0);
        assert_int_equal(run_ready(f), answers[a] == 0);
        end_promise(p);
        run_ready(f);
        ASSERT_TRACE(f, 1);
    }
}

/* ------------------------------------------------------------------ reasons */

static void see_itself_dropped(struct promise *p)
{
    assert_true(gyre_future_is_cancelling(p->f));
    assert_int_equal(gyre_future_reason(p->f), GYRE_REASON_DROPPED);
}

static void hook_of_a_dropped_future_is_told_why(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);

    p->inside = see_itself_dropped;
    gyre_future_unref(p->f);
    assert_int_equal(p->asked, 1);
}

static void see_itself_requested(struct promise *p)
{
    assert_int_equal(gyre_future_reason(p->f), GYRE_REASON_REQUEST);
    assert_int_equal(gyre_future_state(p->f), GYRE_FUTURE_PENDING);
}

static void first_reason_is_kept(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, -EINPROGRESS);

    p->inside = see_itself_requested;
    assert_true(gyre_future_cancel(p->f));
    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 1);
    assert_int_equal(p->asked, 1);
    gyre_future_abandon(p->f);
    assert_cancelled(p->f, GYRE_REASON_REQUEST);
    gyre_future_unref(p->f);
}

static void promise_made_in_a_cancelled_scope_has_no_side_to_end(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_scope scope = { 0 };
    struct parcel parcel = { 0 };

    assert_int_equal(gyre_scope_init(&scope, f->loop, NULL), 0);
    assert_true(gyre_scope_cancel(&scope));
    assert_int_equal(gyre_scope_enter(&scope), 0);
    struct gyre_future *made = gyre_future_create(f->loop);
    gyre_scope_fini(&scope);
    assert_cancelled(made, GYRE_REASON_REQUEST);
    assert_int_equal(gyre_future_set_cancel(made, &promise_ops, NULL), -EALREADY);
    assert_int_equal(settle(made, WAY_RESOLVE, &parcel), -EALREADY);
    assert_int_equal(parcel.drops, 1);
    gyre_future_unref(made);
}

/* ------------------------------------------------------------------ set_cancel */

static void hook_may_be_set_anew(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);

    promises[1].f = p->f;
    assert_int_equal(gyre_future_set_cancel(p->f, &promise_ops, &promises[1]), 0);
    assert_true(gyre_future_cancel(p->f));
    assert_int_equal(p->asked, 0);
    assert_int_equal(promises[1].asked, 1);
    gyre_future_unref(p->f);
}

static void hook_set_while_it_is_being_cancelled_is_not_called(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, -EINPROGRESS);

    assert_true(gyre_future_cancel(p->f));
    promises[1].f = p->f;
    assert_int_equal(gyre_future_set_cancel(p->f, &promise_ops, &promises[1]), 0);
    assert_true(gyre_future_cancel(p->f));
    assert_int_equal(promises[1].asked, 0);
    end_promise(p);
}

static void hook_cannot_be_set_once_it_is_settled(void **state)
{
    for (enum way way = 0; way < WAY_COUNT; way++) {
        struct promise *p = make_bare_promise(fixture_of(state), 0);
        struct parcel parcel = { 0 };

        assert_int_equal(gyre_future_set_cancel(p->f, NULL, NULL), -EINVAL);
        assert_int_equal(settle(p->f, way, &parcel), 0);
        assert_int_equal(gyre_future_set_cancel(p->f, &promise_ops, p), -EALREADY);
        end_promise(p);
        assert_int_equal(p->asked + p->closed, 0);
    }
}

static void count_drop(void *arg)
{
    ++*(int *)arg;
}

static void operation_that_can_only_be_dropped_is_dropped_by_cancel(void **state)
{
    struct fixture *f = fixture_of(state);
    static const struct gyre_future_ops ops = { .drop = count_drop };
    struct gyre_future *promise = gyre_future_create(f->loop);
    int drops = 0;

    assert_int_equal(gyre_future_set_cancel(promise, &ops, &drops), 0);
    assert_true(gyre_future_cancel(promise));
    assert_cancelled(promise, GYRE_REASON_REQUEST);
    assert_int_equal(drops, 1);
    gyre_future_unref(promise); /* the last there was to it: no block is left at teardown */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(operation_that_can_only_be_dropped_is_dropped_by_cancel),
        FUTURE_TEST(operation_that_can_be_undone_is_cancelled_when_cancel_returns),
        FUTURE_TEST(operation_that_needs_time_stays_pending),
        FUTURE_TEST(hook_is_called_once_however_often_it_is_cancelled),
        FUTURE_TEST(hook_is_not_called_again_by_the_last_unref),
        FUTURE_TEST(cancelled_operation_may_end_in_any_way),
        FUTURE_TEST(promise_without_a_hook_is_cancelled_at_once),
        FUTURE_TEST(completion_beats_cancellation),
        FUTURE_TEST(cancel_wakes_who_waits_once),
        FUTURE_TEST(hook_of_a_dropped_future_is_told_why),
        FUTURE_TEST(first_reason_is_kept),
        FUTURE_TEST(promise_made_in_a_cancelled_scope_has_no_side_to_end),
        FUTURE_TEST(hook_may_be_set_anew),
        FUTURE_TEST(hook_set_while_it_is_being_cancelled_is_not_called),
        FUTURE_TEST(hook_cannot_be_set_once_it_is_settled),
    };

    return cmocka_run_group_tests_name("cancel", tests, NULL, NULL);
}
