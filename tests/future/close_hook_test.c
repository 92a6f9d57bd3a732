/* What the user's functions may do while a loop is being closed, and closing it from within them.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

static void close_loop(struct fixture *f)
{
    assert_int_equal(gyre_loop_close(f->loop), 0);
}

/* ------------------------------------------------------------------ drop hooks */

static struct gyre_loop *closing;

static void find_itself_settled(struct promise *p)
{
    struct parcel parcel = { 0 };

    assert_cancelled(p->f, GYRE_REASON_CLOSED);
    assert_false(gyre_future_cancel(p->f));
    assert_int_equal(settle(p->f, WAY_RESOLVE, &parcel), -EALREADY);
    assert_int_equal(parcel.drops, 1);
    gyre_future_abandon(p->f);
}

static void drop_hook_finds_its_future_settled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    p->inside = find_itself_settled;
    close_loop(f);
    assert_int_equal(p->closed, 1);
    assert_cancelled(p->f, GYRE_REASON_CLOSED);
    gyre_future_unref(p->f);
}

static void release_itself(struct promise *p)
{
    gyre_future_unref(p->f);
}

static void drop_hook_may_release_its_future(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    p->inside = release_itself;
    close_loop(f);
    assert_int_equal(p->closed, 1);
}

static void cancel_other(struct promise *p)
{
    assert_false(gyre_future_cancel(p->other->f));
}

static void resolve_other(struct promise *p)
{
    struct parcel parcel = { 0 };

    assert_int_equal(settle(p->other->f, WAY_RESOLVE, &parcel), -EALREADY);
    assert_int_equal(parcel.drops, 1);
}

static void ref_and_unref_other(struct promise *p)
{
    gyre_future_unref(gyre_future_ref(p->other->f));
}

/* Two promises, whose drop hooks reach for each other; `second` is how often the second is called. */
static void reach_while_closing(struct fixture *f, void (*inside)(struct promise *p), int second)
{
    for (int i = 0; i < 2; i++) {
        make_promise(f, i, 0)->inside = inside;
        promises[i].other = &promises[1 - i];
    }
    close_loop(f);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(promises[i].asked, 0);
        assert_int_equal(promises[i].closed, i == 0 ? 1 : second);
        assert_cancelled(promises[i].f, GYRE_REASON_CLOSED);
        gyre_future_unref(promises[i].f);
    }
}

static void drop_hook_cannot_cancel_what_is_being_closed(void **state)
{
    reach_while_closing(fixture_of(state), cancel_other, 1);
}

/* A producer that has come, although too late, has ended his side: he is not told again. */
static void drop_hook_comes_too_late_to_resolve_what_is_being_closed(void **state)
{
    reach_while_closing(fixture_of(state), resolve_other, 0);
}

static void drop_hook_may_ref_and_unref_what_is_being_closed(void **state)
{
    reach_while_closing(fixture_of(state), ref_and_unref_other, 1);
}

static void release_other(struct promise *p)
{
    if (p->other)
        gyre_future_unref(p->other->f);
}

/* An operation that is made of another one holds the last reference to it. */
static void drop_hook_may_release_an_operation_of_its_own(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 0; i < 4; i++)
        make_promise(f, i, 0)->inside = release_other;
    promises[0].other = &promises[1]; /* made before it, */
    promises[3].other = &promises[2]; /* and after it */
    close_loop(f);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(promises[i].asked, 0);
        assert_int_equal(promises[i].closed, 1);
    }
    gyre_future_unref(promises[0].f);
    gyre_future_unref(promises[3].f);
}

static void begin_anew(struct promise *p)
{
    struct gyre_scope scope = { 0 };
    struct gyre_future *sleep = gyre_sleep(closing, 1);

    assert_int_equal(gyre_future_error(sleep), -ESHUTDOWN);
    assert_int_equal(gyre_future_error(gyre_future_create(closing)), -ESHUTDOWN);
    assert_int_equal(gyre_future_error(gyre_all(closing, 0, NULL)), -ESHUTDOWN);
    assert_int_equal(gyre_future_error(gyre_within(p->f, 1)), -ESHUTDOWN);
    assert_int_equal(gyre_scope_init(&scope, closing, NULL), -ESHUTDOWN);
    assert_int_equal(gyre_loop_run_until(closing, p->f), -ESHUTDOWN);
}

static void drop_hook_can_begin_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    closing = f->loop;
    p->inside = begin_anew;
    close_loop(f);
    assert_int_equal(p->closed, 1);
    gyre_future_unref(p->f);
}

static void end_it_again(struct promise *p)
{
    (void)p;
    assert_int_equal(gyre_loop_close(closing), 0);
    assert_int_equal(gyre_loop_destroy(closing), -EBUSY);
}

static void drop_hook_cannot_destroy_the_loop(void **state)
{
    struct fixture *f = fixture_of(state);

    closing = f->loop;
    for (int i = 0; i < 2; i++)
        make_promise(f, i, 0)->inside = end_it_again;
    close_loop(f);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(promises[i].closed, 1);
        gyre_future_unref(promises[i].f);
    }
}

/* ------------------------------------------------------------------ close from within */

static void try_to_end(void)
{
    assert_int_equal(gyre_loop_close(closing), -EBUSY);
    assert_int_equal(gyre_loop_destroy(closing), -EBUSY);
}

static void try_to_end_from_hook(struct promise *p)
{
    (void)p;
    try_to_end();
}

static void try_to_end_from_drop(struct parcel *parcel)
{
    (void)parcel;
    try_to_end();
}

static void drop_two(struct item *item)
{
    (void)item;
    gyre_future_unref(promises[0].f); /* a value is dropped, */
    gyre_future_unref(promises[1].f); /* a hook is called */
}

static void running_loop_cannot_be_closed_by_hooks_and_drop_functions(void **state)
{
    struct fixture *f = fixture_of(state);
    struct parcel parcel = { .inside = try_to_end_from_drop };

    closing = f->loop;
    assert_int_equal(settle(make_promise(f, 0, 0)->f, WAY_RESOLVE, &parcel), 0);
    make_promise(f, 1, 0)->inside = try_to_end_from_hook;
    make_item(f, 0)->then = drop_two;
    start_call(0);
    run_ready(f);
    assert_int_equal(parcel.drops, 1);
    assert_int_equal(promises[1].asked, 1);
}

static void end_for_good(struct parcel *parcel)
{
    (void)parcel;
    assert_int_equal(gyre_loop_destroy(closing), 0);
}

/* Nothing of the library may be touched afterwards that is gone. */
static void loop_that_does_not_run_may_be_destroyed_by_a_drop_function(void **state)
{
    struct fixture *f = fixture_of(state);
    struct parcel parcel = { .inside = end_for_good };

    closing = f->loop;
    f->loop = NULL;
    struct gyre_future *made = gyre_future_create(closing);
    struct gyre_future *left = gyre_sleep(closing, 1);
    assert_int_equal(settle(made, WAY_RESOLVE, &parcel), 0);
    gyre_future_unref(made);
    assert_int_equal(parcel.drops, 1);
    assert_cancelled(left, GYRE_REASON_CLOSED);
    gyre_future_unref(left);
}

static void end_for_good_from_hook(struct promise *p)
{
    if (p->asked + p->closed == 1)
        assert_int_equal(gyre_loop_destroy(closing), 0);
}

static void loop_that_does_not_run_may_be_destroyed_by_a_cancel_hook(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int last_reference = 0; last_reference < 2; last_reference++) {
        struct promise *p = make_promise(f, 0, 0);

        closing = f->loop;
        f->loop = NULL;
        p->inside = end_for_good_from_hook;
        if (!last_reference) {
            assert_true(gyre_future_cancel(p->f));
            assert_cancelled(p->f, GYRE_REASON_CLOSED);
        }
        gyre_future_unref(p->f);
        assert_int_equal(p->asked, 1);
        f->loop = make_loop();
    }
}

static struct gyre_future *made_of_two;

static void close_and_release_what_is_made_of_it(struct promise *p)
{
    if (p->closed > 0)
        return;
    assert_int_equal(gyre_loop_close(closing), 0);
    gyre_future_unref(made_of_two);
}

/* The first input is undone when the second is asked, but what is made of them has not heard of it. */
static void loop_may_be_closed_before_a_future_is_told_of_its_input(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *inputs[2];

    for (int i = 0; i < 2; i++)
        inputs[i] = make_promise(f, i, 0)->f;
    promises[1].inside = close_and_release_what_is_made_of_it;
    closing = f->loop;
    made_of_two = gyre_settled(f->loop, 2, inputs);
    assert_true(gyre_future_cancel(made_of_two));
    assert_int_equal(promises[0].asked, 1);
    assert_int_equal(promises[1].asked, 1);
    assert_int_equal(promises[1].closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(drop_hook_finds_its_future_settled),
        FUTURE_TEST(drop_hook_may_release_its_future),
        FUTURE_TEST(drop_hook_cannot_cancel_what_is_being_closed),
        FUTURE_TEST(drop_hook_comes_too_late_to_resolve_what_is_being_closed),
        FUTURE_TEST(drop_hook_may_ref_and_unref_what_is_being_closed),
        FUTURE_TEST(drop_hook_may_release_an_operation_of_its_own),
        FUTURE_TEST(drop_hook_can_begin_nothing),
        FUTURE_TEST(drop_hook_cannot_destroy_the_loop),
        FUTURE_TEST(running_loop_cannot_be_closed_by_hooks_and_drop_functions),
        FUTURE_TEST(loop_that_does_not_run_may_be_destroyed_by_a_drop_function),
        FUTURE_TEST(loop_that_does_not_run_may_be_destroyed_by_a_cancel_hook),
        FUTURE_TEST(loop_may_be_closed_before_a_future_is_told_of_its_input),
    };

    return cmocka_run_group_tests_name("close_hook", tests, NULL, NULL);
}
