/* References: what happens with the last one, and to operations that are let go.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

#include "support/fault.h"

/* ------------------------------------------------------------------ ref and unref */

static void ref_returns_the_future(void **state)
{
    struct promise *p = make_bare_promise(fixture_of(state), 0);

    assert_ptr_equal(gyre_future_ref(p->f), p->f);
    gyre_future_unref(p->f);
    assert_null(gyre_future_ref(NULL));
    gyre_future_unref(NULL);
    gyre_future_detach(NULL);
    end_promise(p);
}

static void last_unref_of_a_pending_future_cancels_it(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);

    for (int i = 0; i < 3; i++)
        (void)gyre_future_ref(p->f);
    for (int i = 0; i < 3; i++)
        gyre_future_unref(p->f);
    assert_int_equal(p->asked, 0);
    assert_int_equal(gyre_future_state(p->f), GYRE_FUTURE_PENDING);
    gyre_future_unref(p->f);
    assert_int_equal(p->asked, 1);
}

static void last_unref_of_a_sleep_stops_its_timer(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *sleep = gyre_sleep(f->loop, GYRE_S(3600));

    assert_true(gyre_loop_is_alive(f->loop));
    gyre_future_unref(sleep);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void value_of_a_settled_future_lives_as_long_as_a_reference(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);
    struct parcel parcel = { 0 };

    (void)gyre_future_ref(p->f);
    assert_int_equal(settle(p->f, WAY_RESOLVE, &parcel), 0);
    gyre_future_unref(p->f);
    assert_int_equal(parcel.drops, 0);
    assert_ptr_equal(gyre_future_peek(p->f), &parcel);
    gyre_future_unref(p->f);
    assert_int_equal(parcel.drops, 1);
}

/* The producer needs time to stop, and by then nobody is there. */
static void what_a_dropped_operation_brings_is_dropped(void **state)
{
    for (enum way way = 0; way < WAY_CANCEL; way++) {
        struct promise *p = make_promise(fixture_of(state), 0, -EINPROGRESS);
        struct parcel parcel = { 0 };

        gyre_future_unref(p->f);
        assert_int_equal(p->asked, 1);
        assert_int_equal(settle(p->f, way, &parcel), 0);
        assert_int_equal(parcel.drops, 1);
        expect_reports(way == WAY_FAIL || way == WAY_FAIL_WITH);
    }
}

/* ------------------------------------------------------------------ detach */

static void detached_operation_goes_on_and_what_it_brings_is_dropped(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);
    struct parcel parcel = { 0 };

    gyre_future_detach(p->f);
    assert_int_equal(p->asked, 0);
    assert_int_equal(settle(p->f, WAY_RESOLVE, &parcel), 0);
    assert_int_equal(parcel.drops, 1);
    assert_int_equal(p->asked, 0);
}

static void error_of_a_detached_operation_is_reported(void **state)
{
    static const enum way ways[] = { WAY_FAIL, WAY_FAIL_WITH, WAY_ABANDON };

    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct promise *p = make_promise(fixture_of(state), 0, 0);
        struct parcel parcel = { 0 };

        gyre_future_detach(p->f);
        assert_int_equal(settle(p->f, ways[i], &parcel), 0);
        assert_int_equal(reports.last.err, error_after(ways[i]));
        assert_int_equal(parcel.drops, 1);
        expect_reports(1);
    }
}

static void detach_gives_back_one_reference_of_several(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);

    (void)gyre_future_ref(p->f);
    gyre_future_detach(p->f);
    assert_int_equal(p->asked, 0);
    gyre_future_unref(p->f); /* the last one, and it does not detach */
    assert_int_equal(p->asked, 1);
}

static void detach_of_a_settled_future_is_an_unref(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);
    struct parcel parcel = { 0 };

    assert_int_equal(settle(p->f, WAY_RESOLVE, &parcel), 0);
    gyre_future_detach(p->f);
    assert_int_equal(parcel.drops, 1);

    p = make_promise(fixture_of(state), 0, 0);
    assert_int_equal(gyre_future_fail(p->f, -EIO), 0);
    gyre_future_detach(p->f);
    expect_reports(1);
}

static void detached_sleep_keeps_the_loop_alive_and_is_freed_when_it_is_over(void **state)
{
    struct fixture *f = fixture_of(state);
    unsigned long before = 0;

    for (int round = 0; round < 3; round++) {
        if (round == 1)
            before = allocations();
        for (int i = 0; i < 3; i++)
            gyre_future_detach(gyre_sleep(f->loop, GYRE_S(1)));
        assert_true(gyre_loop_is_alive(f->loop));
        advance(f, GYRE_S(1));
        assert_false(gyre_loop_is_alive(f->loop));
    }
    assert_int_equal(allocations(), before); /* later rounds found the blocks of the first */
}

static void detached_future_can_still_be_cancelled_by_its_scope(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    gyre_future_detach(p->f);
    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 0);
    assert_int_equal(p->asked, 1);
}

/* ------------------------------------------------------------------ inside callbacks */

static void unref_promise(struct item *item)
{
    gyre_future_unref(promises[item->id].f);
}

static void last_reference_may_go_in_any_callback(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 0; i < 3; i++) {
        make_promise(f, i, 0);
        make_item(f, i)->then = unref_promise;
    }
    start_call(0);
    start_timer(1, 0);
    wait_for(promises[0].f, 2);
    run_ready(f);
    ASSERT_TRACE(f, 0, 1, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(promises[i].asked, 1);
}

static void unref_second(struct parcel *parcel)
{
    (void)parcel;
    gyre_future_unref(promises[1].f);
}

static void dropping_a_value_may_drop_the_last_reference_to_another(void **state)
{
    struct fixture *f = fixture_of(state);
    struct parcel first = { .inside = unref_second };
    struct parcel second = { 0 };

    assert_int_equal(settle(make_promise(f, 0, 0)->f, WAY_RESOLVE, &first), 0);
    assert_int_equal(settle(make_promise(f, 1, 0)->f, WAY_RESOLVE, &second), 0);
    gyre_future_unref(promises[0].f);
    assert_int_equal(first.drops, 1);
    assert_int_equal(second.drops, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(ref_returns_the_future),
        FUTURE_TEST(last_unref_of_a_pending_future_cancels_it),
        FUTURE_TEST(last_unref_of_a_sleep_stops_its_timer),
        FUTURE_TEST(value_of_a_settled_future_lives_as_long_as_a_reference),
        FUTURE_TEST(what_a_dropped_operation_brings_is_dropped),
        FUTURE_TEST(detached_operation_goes_on_and_what_it_brings_is_dropped),
        FUTURE_TEST(error_of_a_detached_operation_is_reported),
        FUTURE_TEST(detach_gives_back_one_reference_of_several),
        FUTURE_TEST(detach_of_a_settled_future_is_an_unref),
        FUTURE_TEST(detached_sleep_keeps_the_loop_alive_and_is_freed_when_it_is_over),
        FUTURE_TEST(detached_future_can_still_be_cancelled_by_its_scope),
        FUTURE_TEST(last_reference_may_go_in_any_callback),
        FUTURE_TEST(dropping_a_value_may_drop_the_last_reference_to_another),
    };

    return cmocka_run_group_tests_name("drop", tests, NULL, NULL);
}
