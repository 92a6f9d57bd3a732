/* Futures as plain results: made, settled once, read; and what becomes of values. Continuations are in
 * done_test.c, cancel hooks in cancel_test.c, references in drop_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

#include "support/fault.h"

#include <stdlib.h>

static const char some_value[] = "a value";

static void *value(void)
{
    return (void *)(uintptr_t)some_value;
}

/* ------------------------------------------------------------------ what it shows */

static void created_future_is_pending(void **state)
{
    struct gyre_future *f = make_bare_promise(fixture_of(state), 0)->f;

    assert_int_equal(gyre_future_error(f), -EINPROGRESS);
    assert_string_equal(gyre_future_message(f), gyre_strerror(-EINPROGRESS));
    assert_null(gyre_future_detail(f));
    assert_null(gyre_future_peek(f));
    assert_null(gyre_future_take(f));
    assert_false(gyre_future_is_cancelling(f));
    assert_int_equal(gyre_future_reason(f), GYRE_REASON_NONE);
    end_promise(&promises[0]);
}

static void pending_promise_does_not_keep_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);

    make_promise(f, 0, 0);
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    end_promise(&promises[0]);
}

static void resolved_future_has_its_value(void **state)
{
    struct gyre_future *f = make_bare_promise(fixture_of(state), 0)->f;

    assert_int_equal(gyre_future_resolve(f, value(), NULL), 0);
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_OK);
    assert_int_equal(gyre_future_error(f), 0);
    assert_string_equal(gyre_future_message(f), gyre_strerror(0));
    assert_null(gyre_future_detail(f));
    assert_ptr_equal(gyre_future_peek(f), value());
    assert_int_equal(gyre_future_reason(f), GYRE_REASON_NONE);
    gyre_future_unref(f);
}

static void number_is_a_value(void **state)
{
    struct gyre_future *f = make_bare_promise(fixture_of(state), 0)->f;

    assert_int_equal(gyre_future_resolve(f, (void *)(intptr_t)-7, NULL), 0);
    assert_int_equal((intptr_t)gyre_future_peek(f), -7);
    assert_int_equal((intptr_t)gyre_future_take(f), -7);
    gyre_future_unref(f);
}

static void failed_future_has_its_error_and_no_value(void **state)
{
    struct gyre_future *f = make_bare_promise(fixture_of(state), 0)->f;

    assert_int_equal(gyre_future_fail(f, -EPIPE), 0);
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_ERR);
    assert_int_equal(gyre_future_error(f), -EPIPE);
    assert_string_equal(gyre_future_message(f), gyre_strerror(-EPIPE));
    assert_null(gyre_future_detail(f));
    assert_null(gyre_future_peek(f));
    assert_null(gyre_future_take(f));
    assert_int_equal(gyre_future_reason(f), GYRE_REASON_NONE);
    gyre_future_unref(f);
}

static void failure_may_have_words_and_a_detail(void **state)
{
    struct gyre_future *f = make_bare_promise(fixture_of(state), 0)->f;
    static const char words[] = "the disk is on fire";
    struct parcel detail = { 0 };

    assert_int_equal(gyre_future_fail_with(f, -EIO, words, &detail, drop_parcel), 0);
    assert_int_equal(gyre_future_error(f), -EIO);
    assert_ptr_equal(gyre_future_message(f), words);
    assert_ptr_equal(gyre_future_detail(f), &detail);
    assert_null(gyre_future_peek(f));
    assert_null(gyre_future_take(f));
    assert_int_equal(detail.drops, 0);
    gyre_future_unref(f);
    assert_int_equal(detail.drops, 1);
}

static void abandoned_future_fails_because_its_owner_died(void **state)
{
    struct gyre_future *f = make_bare_promise(fixture_of(state), 0)->f;

    gyre_future_abandon(f);
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_ERR);
    assert_int_equal(gyre_future_error(f), -EOWNERDEAD);
    assert_int_equal(gyre_future_reason(f), GYRE_REASON_NONE);
    gyre_future_unref(f);
}

static void cancelled_future_says_so_in_every_way(void **state)
{
    struct gyre_future *f = make_promise(fixture_of(state), 0, 0)->f;

    assert_true(gyre_future_cancel(f));
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_error(f), -ECANCELED);
    assert_string_equal(gyre_future_message(f), gyre_strerror(-ECANCELED));
    assert_null(gyre_future_detail(f));
    assert_null(gyre_future_peek(f));
    assert_null(gyre_future_take(f));
    assert_false(gyre_future_is_cancelling(f));
    assert_int_equal(gyre_future_reason(f), GYRE_REASON_REQUEST);
    gyre_future_unref(f);
}

static void promise_is_not_made_of_others(void **state)
{
    struct gyre_future *f = make_bare_promise(fixture_of(state), 0)->f;

    assert_int_equal(gyre_future_fail(f, -EIO), 0);
    assert_int_equal(gyre_future_count(f), 0);
    assert_null(gyre_future_at(f, 0));
    assert_null(gyre_future_failure(f, 0));
    end_promise(&promises[0]);
}

/* ------------------------------------------------------------------ once */

/* Settle it one way, then come late in another. The promise has no hooks, so a cancel does not end
 * the producer's side. */
static void settle_twice(struct fixture *f, enum way first, enum way second)
{
    struct promise *p = make_bare_promise(f, 0);
    struct parcel parcels[2] = { { 0 } };

    assert_int_equal(settle(p->f, first, &parcels[0]), 0);
    int err = settle(p->f, second, &parcels[1]);
    assert_int_equal(err, second == WAY_ABANDON || second == WAY_CANCEL ? 0 : -EALREADY);
    assert_int_equal(parcels[1].drops, 1);
    assert_int_equal(gyre_future_state(p->f), state_after(first));
    assert_int_equal(gyre_future_error(p->f), error_after(first));
    assert_ptr_equal(gyre_future_peek(p->f), first == WAY_RESOLVE ? &parcels[0] : NULL);
    end_promise(p);
    assert_int_equal(parcels[0].drops, 1);
    assert_int_equal(parcels[1].drops, 1);
}

static void who_comes_too_late_changes_nothing_and_his_value_is_dropped(void **state)
{
    for (enum way first = 0; first < WAY_COUNT; first++)
        for (enum way second = 0; second < WAY_COUNT; second++)
            settle_twice(fixture_of(state), first, second);
}

/* By then the consumer has gone too, and the block of the future waits only for its producer. */
static void producer_may_come_after_the_last_consumer_has_left(void **state)
{
    for (enum way way = 0; way < WAY_CANCEL; way++) {
        struct promise *p = make_bare_promise(fixture_of(state), 0);
        struct parcel parcel = { 0 };

        gyre_future_unref(p->f);
        assert_int_equal(settle(p->f, way, &parcel), way == WAY_ABANDON ? 0 : -EALREADY);
        assert_int_equal(parcel.drops, 1);
    }
}

static void error_must_be_negative(void **state)
{
    struct promise *p = make_bare_promise(fixture_of(state), 0);
    struct parcel detail = { 0 };

    assert_int_equal(gyre_future_fail(p->f, 0), -EINVAL);
    assert_int_equal(gyre_future_fail(p->f, EIO), -EINVAL);
    assert_int_equal(gyre_future_fail_with(p->f, 1, "no", &detail, drop_parcel), -EINVAL);
    assert_int_equal(detail.drops, 0);
    assert_int_equal(gyre_future_state(p->f), GYRE_FUTURE_PENDING);
    assert_int_equal(gyre_future_resolve(p->f, value(), NULL), 0);
    gyre_future_unref(p->f);
}

static void value_for_no_future_stays_the_producers(void **state)
{
    struct parcel parcel = { 0 };

    (void)state;
    assert_int_equal(gyre_future_resolve(NULL, &parcel, drop_parcel), -EINVAL);
    assert_int_equal(gyre_future_fail_with(NULL, -EIO, "no", &parcel, drop_parcel), -EINVAL);
    assert_int_equal(parcel.drops, 0);
}

/* Operations of the library are their own producers. */
static void operation_is_not_settled_by_others(void **state)
{
    struct gyre_future *sleep = gyre_sleep(fixture_of(state)->loop, 1);
    struct parcel parcel = { 0 };

    assert_int_equal(gyre_future_resolve(sleep, &parcel, drop_parcel), -EINVAL);
    assert_int_equal(gyre_future_fail_with(sleep, -EIO, "no", &parcel, drop_parcel), -EINVAL);
    assert_int_equal(gyre_future_set_cancel(sleep, &promise_ops, NULL), -EINVAL);
    gyre_future_abandon(sleep);
    assert_int_equal(gyre_future_state(sleep), GYRE_FUTURE_PENDING);
    assert_int_equal(parcel.drops, 0);
    gyre_future_unref(sleep);
}

/* ------------------------------------------------------------------ values */

/* Carry out a script, letter by letter: R resolve, P peek, T take, U give back one of two
 * references, and at the end what is left of them. Says how often the value came out. */
static int carry_out(struct promise *p, const char *script, struct parcel *parcel)
{
    bool is_there = false;
    int taken = 0;

    (void)gyre_future_ref(p->f);
    for (const char *step = script; *step; step++) {
        if (*step == 'R') {
            assert_int_equal(gyre_future_resolve(p->f, parcel, drop_parcel), 0);
            is_there = true;
        } else if (*step == 'P') {
            assert_ptr_equal(gyre_future_peek(p->f), is_there ? parcel : NULL);
        } else if (*step == 'T') {
            assert_ptr_equal(gyre_future_take(p->f), is_there ? parcel : NULL);
            taken += is_there;
            is_there = false;
        } else {
            gyre_future_unref(p->f);
        }
        assert_int_equal(parcel->drops, 0);
    }
    if (!strchr(script, 'U'))
        gyre_future_unref(p->f);
    gyre_future_unref(p->f);
    return taken;
}

static void value_is_taken_or_dropped_exactly_once(void **state)
{
    static const char *const scripts[] = {
        "R",    "RP",   "RT",   "RPT",  "RTP",   "RTT",   "TR",    "TRT",    "PTRPT",    "UR",
        "RU",   "URT",  "RUT",  "RTU",  "UTRPT", "URPTT", "RPUTP", "RTUTP",  "RPTUPT",   "TRUT",
        "PRPU", "TURP", "RUPP", "RTPU", "URTPT", "TTRTT", "RPPPP", "URPTPT", "PUTRTPTP",
    };

    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct parcel parcel = { 0 };
        int taken = carry_out(make_bare_promise(fixture_of(state), 0), scripts[i], &parcel);

        assert_int_equal(taken + parcel.drops, 1);
        assert_int_equal(taken, strchr(strchr(scripts[i], 'R'), 'T') != NULL);
    }
}

static struct parcel *noted;

static void note_drop(void *arg)
{
    assert_null(arg);
    noted->drops++;
}

static void value_null_is_a_value_too(void **state)
{
    struct gyre_future *f = make_bare_promise(fixture_of(state), 0)->f;
    struct parcel parcel = { 0 };

    noted = &parcel;
    assert_int_equal(gyre_future_resolve(f, NULL, note_drop), 0);
    assert_null(gyre_future_peek(f));
    gyre_future_unref(f);
    assert_int_equal(parcel.drops, 1);
}

static void value_that_was_taken_outlives_the_future(void **state)
{
    struct gyre_future *f = make_bare_promise(fixture_of(state), 0)->f;
    void *memory = malloc(100);

    assert_int_equal(gyre_future_resolve(f, memory, free), 0);
    assert_ptr_equal(gyre_future_take(f), memory);
    gyre_future_unref(f);
    spoil(memory, 100);
    free(memory);
}

struct mixed_parcel {
    struct parcel parcel;
    struct gyre_loop *loop;
};

/* Dropping one thing settles, makes and releases others. */
static void use_other_futures(struct parcel *parcel)
{
    struct gyre_loop *loop = container_of(parcel, struct mixed_parcel, parcel)->loop;

    assert_int_equal(gyre_future_resolve(promises[1].f, value(), NULL), 0);
    gyre_future_unref(promises[2].f);
    struct gyre_future *sleep = gyre_sleep(loop, 1);
    assert_true(gyre_future_cancel(sleep));
    gyre_future_unref(sleep);
}

static void drop_function_may_use_other_futures(void **state)
{
    struct fixture *f = fixture_of(state);
    struct mixed_parcel mixed = { .parcel.inside = use_other_futures, .loop = f->loop };

    for (int i = 0; i < 3; i++)
        make_promise(f, i, 0);
    assert_int_equal(gyre_future_resolve(promises[0].f, &mixed.parcel, drop_parcel), 0);
    gyre_future_unref(promises[0].f);
    assert_int_equal(mixed.parcel.drops, 1);
    assert_int_equal(gyre_future_state(promises[1].f), GYRE_FUTURE_OK);
    assert_int_equal(promises[2].asked, 1);
    gyre_future_unref(promises[1].f);
}

/* Each value is a reference to the future before it: no stack could hold the chain. */
static void drop_reference(void *arg)
{
    gyre_future_unref(arg);
}

static void long_chain_of_values_is_dropped_without_recursion(void **state)
{
    struct gyre_loop *loop = fixture_of(state)->loop;
    struct gyre_future *last = gyre_future_create(loop);

    assert_int_equal(gyre_future_resolve(last, value(), NULL), 0);
    for (int i = 0; i < 200000; i++) {
        struct gyre_future *f = gyre_future_create(loop);

        assert_int_equal(gyre_future_resolve(f, last, drop_reference), 0);
        last = f;
    }
    gyre_future_unref(last);
}

/* ------------------------------------------------------------------ cost */

static void futures_cost_no_allocation_once_warm(void **state)
{
    struct fixture *f = fixture_of(state);
    unsigned long before = 0;

    make_item(f, 0);
    for (int i = 0; i < 100; i++) {
        struct promise *p = make_promise(f, 0, 0);

        wait_for(p->f, 0);
        if (i % 2)
            assert_true(gyre_future_cancel(p->f));
        else
            assert_int_equal(gyre_future_resolve(p->f, value(), NULL), 0);
        gyre_future_unref(p->f);
        run_ready(f);
        if (i == 0)
            before = allocations();
    }
    assert_int_equal(allocations(), before);
    assert_int_equal(items[0].runs, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(created_future_is_pending),
        FUTURE_TEST(pending_promise_does_not_keep_the_loop_alive),
        FUTURE_TEST(resolved_future_has_its_value),
        FUTURE_TEST(number_is_a_value),
        FUTURE_TEST(failed_future_has_its_error_and_no_value),
        FUTURE_TEST(failure_may_have_words_and_a_detail),
        FUTURE_TEST(abandoned_future_fails_because_its_owner_died),
        FUTURE_TEST(cancelled_future_says_so_in_every_way),
        FUTURE_TEST(promise_is_not_made_of_others),
        FUTURE_TEST(who_comes_too_late_changes_nothing_and_his_value_is_dropped),
        FUTURE_TEST(producer_may_come_after_the_last_consumer_has_left),
        FUTURE_TEST(error_must_be_negative),
        FUTURE_TEST(value_for_no_future_stays_the_producers),
        FUTURE_TEST(operation_is_not_settled_by_others),
        FUTURE_TEST(value_is_taken_or_dropped_exactly_once),
        FUTURE_TEST(value_null_is_a_value_too),
        FUTURE_TEST(value_that_was_taken_outlives_the_future),
        FUTURE_TEST(drop_function_may_use_other_futures),
        FUTURE_TEST(long_chain_of_values_is_dropped_without_recursion),
        FUTURE_TEST(futures_cost_no_allocation_once_warm),
    };

    return cmocka_run_group_tests_name("future", tests, NULL, NULL);
}
