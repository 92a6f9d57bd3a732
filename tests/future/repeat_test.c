/* gyre_repeat, gyre_after, and a step that hands on what it was given.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

#include "support/fault.h"

/* What the steps of a test do, and what they have seen. */
struct script {
    struct fixture *f;
    int runs;
    int limit;               /* the run of this number returns NULL */
    uint64_t pause;          /* the others sleep as long */
    struct gyre_future *out; /* if set, what they return instead, once */
    int seen[8];             /* the error of `done`; 1 for NULL */
    struct gyre_future *self;
};

static struct script script;

static int begin(void **state)
{
    int err = future_setup(state);

    script = (struct script){ .f = fixture_of(state), .limit = 4, .pause = GYRE_MS(10) };
    return err;
}

static struct gyre_future *step(struct gyre_future *done, void *arg)
{
    struct script *s = arg;
    struct gyre_future *out = s->out;

    if (s->runs < (int)ARRAY_LEN(s->seen))
        s->seen[s->runs] = done ? gyre_future_error(done) : 1;
    if (++s->runs >= s->limit)
        return NULL;
    s->out = NULL;
    return out ? out : gyre_sleep(s->f->loop, s->pause);
}

static struct gyre_future *hand_on(struct gyre_future *done, void *arg)
{
    struct script *s = arg;

    s->runs++;
    return done;
}

static void advance_ms(uint64_t ms)
{
    assert_true(gyre_test_advance(script.f->loop, GYRE_MS(ms)) >= 0);
}

/* ------------------------------------------------------------------ repeat */

static void repeat_runs_from_the_queue_until_there_is_nothing_more(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *all = gyre_repeat(f->loop, step, &script);

    assert_int_equal(script.runs, 0);
    advance_ms(0);
    assert_int_equal(script.runs, 1);
    assert_int_equal(script.seen[0], 1);
    advance_ms(20);
    assert_int_equal(script.runs, 3);
    assert_int_equal(gyre_future_state(all), GYRE_FUTURE_PENDING);
    advance_ms(10);
    assert_int_equal(gyre_future_error(all), 0);
    assert_int_equal(script.seen[3], 0);
    gyre_future_unref(all);
}

static void repeat_keeps_one_operation_however_long_it_goes_on(void **state)
{
    struct fixture *f = fixture_of(state);

    script.limit = 1000;
    struct gyre_future *all = gyre_repeat(f->loop, step, &script);
    advance_ms(0);
    unsigned long before = allocations();
    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    assert_int_equal(gyre_loop_run_until(f->loop, all), GYRE_RUN_DONE);
    assert_int_equal(script.runs, 1000);
    assert_true(allocations() - before <= 1);
    gyre_future_unref(all);
}

static void repeat_fails_with_the_operation_that_fails(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    script.out = p->f;
    struct gyre_future *all = gyre_repeat(f->loop, step, &script);
    advance_ms(0);
    assert_int_equal(gyre_future_fail(p->f, -EIO), 0);
    assert_int_equal(gyre_future_error(all), -EIO);
    assert_int_equal(script.runs, 1);
    gyre_future_unref(all);
}

static void cancelled_repeat_cancels_the_operation_under_way(void **state)
{
    struct fixture *f = fixture_of(state);

    script.out = make_promise(f, 0, 0)->f;
    struct gyre_future *all = gyre_repeat(f->loop, step, &script);
    advance_ms(0);
    assert_true(gyre_future_cancel(all));
    assert_int_equal(promises[0].asked, 1);
    assert_cancelled(all, GYRE_REASON_REQUEST);
    gyre_future_unref(all);
}

static void repeat_that_is_cancelled_before_it_begins_does_not_run(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *all = gyre_repeat(f->loop, step, &script);

    assert_true(gyre_future_cancel(all));
    assert_cancelled(all, GYRE_REASON_REQUEST);
    advance_ms(100);
    assert_int_equal(script.runs, 0);
    gyre_future_unref(all);
}

/* One of them was done, but not the whole. */
static void repeat_whose_operation_completes_on_cancel_is_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, -EINPROGRESS);

    script.out = p->f;
    struct gyre_future *all = gyre_repeat(f->loop, step, &script);
    advance_ms(0);
    assert_true(gyre_future_cancel(all));
    assert_int_equal(gyre_future_resolve(p->f, NULL, NULL), 0);
    assert_cancelled(all, GYRE_REASON_REQUEST);
    advance_ms(100);
    assert_int_equal(script.runs, 1);
    gyre_future_unref(all);
}

static struct gyre_future *cancel_self(struct gyre_future *done, void *arg)
{
    struct script *s = arg;

    (void)done;
    s->runs++;
    assert_true(gyre_future_cancel(s->self));
    assert_int_equal(gyre_future_state(s->self), GYRE_FUTURE_PENDING);
    return make_promise(s->f, 0, 0)->f;
}

static void repeat_that_cancels_itself_cancels_what_it_returns(void **state)
{
    struct fixture *f = fixture_of(state);

    script.self = gyre_repeat(f->loop, cancel_self, &script);
    advance_ms(0);
    assert_cancelled(script.self, GYRE_REASON_REQUEST);
    assert_int_equal(promises[0].asked, 1);
    assert_int_equal(script.runs, 1);
    gyre_future_unref(script.self);
}

static struct gyre_future *own_twice(struct gyre_future *done, void *arg)
{
    struct script *s = arg;

    (void)done;
    return s->out;
}

static void repeat_that_returns_what_is_somebody_elses_fails(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *input = gyre_sleep(f->loop, GYRE_S(1));
    struct gyre_future *owner = gyre_all(f->loop, 1, &input);

    script.out = input;
    struct gyre_future *all = gyre_repeat(f->loop, own_twice, &script);
    advance_ms(0);
    assert_int_equal(gyre_future_error(all), -EBUSY);
    assert_int_equal(gyre_future_state(input), GYRE_FUTURE_PENDING);
    gyre_future_unref(all);
    gyre_future_unref(owner);
}

static void repeat_that_returns_itself_fails(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *repeat = gyre_repeat(f->loop, own_twice, &script);

    script.out = repeat;
    advance_ms(0);
    assert_int_equal(gyre_future_error(repeat), -EDEADLK);
    gyre_future_unref(repeat);
}

/* Returns what it was given until there have been enough runs. */
static struct gyre_future *hand_on_for_a_while(struct gyre_future *done, void *arg)
{
    struct script *s = arg;

    return done && s->runs < s->limit ? hand_on(done, s) : step(done, s);
}

static void repeat_that_hands_on_what_was_done_goes_on(void **state)
{
    struct fixture *f = fixture_of(state);
    struct parcel parcel = { 0 };

    script.out = gyre_future_ref(make_promise(f, 0, 0)->f);
    struct gyre_future *all = gyre_repeat(f->loop, hand_on_for_a_while, &script);
    advance_ms(0);
    (void)settle(promises[0].f, WAY_RESOLVE, &parcel);
    advance_ms(0);
    assert_int_equal(script.runs, 5);
    assert_int_equal(gyre_future_error(all), 0);
    assert_int_equal(parcel.drops, 0);
    gyre_future_unref(promises[0].f);
    assert_int_equal(parcel.drops, 1);
    gyre_future_unref(all);
}

static struct gyre_future *hand_on_and_cancel(struct gyre_future *done, void *arg)
{
    if (!done)
        return step(done, arg);
    (void)gyre_future_cancel(script.self);
    return hand_on(done, arg);
}

static void repeat_that_is_cancelled_while_it_hands_on_is_cancelled(void **state)
{
    script.self = gyre_repeat(fixture_of(state)->loop, hand_on_and_cancel, &script);
    advance_ms(10);
    assert_int_equal(script.runs, 2);
    assert_cancelled(script.self, GYRE_REASON_REQUEST);
    gyre_future_unref(script.self);
}

static void repeat_that_is_refused_has_started_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_future_error(gyre_repeat(NULL, step, &script)), -EINVAL);
    assert_int_equal(gyre_future_error(gyre_repeat(f->loop, NULL, &script)), -EINVAL);
    struct gyre_future *sleep =
        gyre_sleep(f->loop, 0); /* the room is there now, but no free block */
    fail_allocation(1, true);
    struct gyre_future *all = gyre_repeat(f->loop, step, &script);
    disarm_faults();
    assert_int_equal(gyre_future_error(all), -ENOMEM);
    gyre_future_unref(all);
    gyre_future_unref(sleep);
    assert_false(gyre_loop_is_alive(f->loop));
}

/* ------------------------------------------------------------------ after */

static void after_runs_whatever_becomes_of_the_future(void **state)
{
    struct fixture *f = fixture_of(state);
    static const enum way ways[] = { WAY_RESOLVE, WAY_FAIL, WAY_ABANDON, WAY_CANCEL };

    script.limit = 1;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct parcel parcel = { 0 };
        struct gyre_future *first = gyre_future_ref(make_promise(f, 0, 0)->f);
        struct gyre_future *then = gyre_after(promises[0].f, step, &script);

        script.runs = 0;
        (void)settle(first, ways[i], &parcel);
        advance_ms(0);
        assert_int_equal(script.runs, 1);
        assert_int_equal(script.seen[0], error_after(ways[i]));
        assert_int_equal(gyre_future_error(then), 0);
        gyre_future_unref(then);
        gyre_future_unref(first);
        assert_int_equal(parcel.drops, 1);
    }
}

static void after_that_is_cancelled_cancels_its_future_and_runs(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *then = gyre_after(make_promise(f, 0, 0)->f, step, &script);

    script.limit = 1;
    assert_true(gyre_future_cancel(then));
    assert_int_equal(promises[0].asked, 1);
    assert_true(gyre_future_is_cancelling(then));
    advance_ms(0);
    assert_int_equal(script.runs, 1);
    assert_int_equal(script.seen[0], -ECANCELED);
    assert_int_equal(gyre_future_error(then), 0);
    gyre_future_unref(then);
}

static void after_that_is_cancelled_when_about_to_run_runs(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *then = gyre_after(make_promise(f, 0, 0)->f, step, &script);

    assert_int_equal(gyre_future_resolve(promises[0].f, NULL, NULL), 0);
    assert_true(gyre_future_cancel(then));
    advance_ms(0);
    assert_int_equal(script.runs, 1);
    assert_int_equal(script.seen[0], 0);
    assert_cancelled(then, GYRE_REASON_REQUEST); /* as what it started was, at once */
    gyre_future_unref(then);
}

static void what_a_cancelled_after_starts_is_cancelled_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *then = gyre_after(make_promise(f, 0, 0)->f, step, &script);

    assert_true(gyre_future_cancel(then));
    advance_ms(0);
    assert_int_equal(script.runs, 1);
    assert_cancelled(then, GYRE_REASON_REQUEST);
    gyre_future_unref(then);
}

static void after_in_a_cancelled_scope_can_pass_the_cancellation_on(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct gyre_scope scope;

    assert_int_equal(gyre_scope_init(&scope, f->loop, NULL), 0);
    assert_int_equal(gyre_scope_enter(&scope), 0);
    struct gyre_future *then = gyre_after(gyre_sleep(f->loop, GYRE_S(1)), hand_on, &script);
    assert_int_equal(gyre_scope_leave(&scope), 0);
    assert_true(gyre_scope_cancel(&scope));
    assert_true(gyre_scope_caused(&scope, then)); /* it is on the way */
    advance_ms(0);
    assert_int_equal(script.runs, 1);
    assert_cancelled(then, GYRE_REASON_REQUEST);
    assert_true(gyre_scope_caused(&scope, then));
    gyre_future_unref(then);
    gyre_scope_fini(&scope);
}

static void after_that_is_refused_does_not_run(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *then = gyre_after(gyre_sleep(NULL, 1), step, &script);

    assert_int_equal(gyre_future_error(then), -EINVAL);
    then = gyre_after(make_promise(f, 0, 0)->f, NULL, &script);
    assert_int_equal(gyre_future_error(then), -EINVAL);
    advance_ms(0);
    assert_int_equal(script.runs, 0);
    gyre_future_unref(promises[0].f);
}

/* ------------------------------------------------------------------ handing on */

static void step_that_returns_what_it_was_given_passes_its_outcome_on(void **state)
{
    struct fixture *f = fixture_of(state);
    static const enum way ways[] = { WAY_RESOLVE, WAY_FAIL_WITH, WAY_CANCEL };

    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct parcel parcel = { 0 };
        struct gyre_future *first = gyre_future_ref(make_promise(f, 0, 0)->f);
        struct gyre_future *then = gyre_after(promises[0].f, hand_on, &script);

        (void)settle(first, ways[i], &parcel);
        int drops = parcel.drops;
        advance_ms(0);
        assert_int_equal(gyre_future_state(then), state_after(ways[i]));
        assert_int_equal(gyre_future_error(then), error_after(ways[i]));
        assert_ptr_equal(gyre_future_peek(then), ways[i] == WAY_RESOLVE ? &parcel : NULL);
        assert_ptr_equal(gyre_future_detail(then), ways[i] == WAY_FAIL_WITH ? &parcel : NULL);
        assert_int_equal(parcel.drops, drops);
        gyre_future_unref(first);
        gyre_future_unref(then);
        assert_int_equal(parcel.drops, 1);
    }
}

#define REPEAT_TEST(name) cmocka_unit_test_setup_teardown(name, begin, future_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPEAT_TEST(repeat_runs_from_the_queue_until_there_is_nothing_more),
        REPEAT_TEST(repeat_keeps_one_operation_however_long_it_goes_on),
        REPEAT_TEST(repeat_fails_with_the_operation_that_fails),
        REPEAT_TEST(cancelled_repeat_cancels_the_operation_under_way),
        REPEAT_TEST(repeat_that_is_cancelled_before_it_begins_does_not_run),
        REPEAT_TEST(repeat_whose_operation_completes_on_cancel_is_cancelled),
        REPEAT_TEST(repeat_that_cancels_itself_cancels_what_it_returns),
        REPEAT_TEST(repeat_that_returns_what_is_somebody_elses_fails),
        REPEAT_TEST(repeat_that_returns_itself_fails),
        REPEAT_TEST(repeat_that_hands_on_what_was_done_goes_on),
        REPEAT_TEST(repeat_that_is_cancelled_while_it_hands_on_is_cancelled),
        REPEAT_TEST(repeat_that_is_refused_has_started_nothing),
        REPEAT_TEST(after_runs_whatever_becomes_of_the_future),
        REPEAT_TEST(after_that_is_cancelled_cancels_its_future_and_runs),
        REPEAT_TEST(after_that_is_cancelled_when_about_to_run_runs),
        REPEAT_TEST(what_a_cancelled_after_starts_is_cancelled_at_once),
        REPEAT_TEST(after_in_a_cancelled_scope_can_pass_the_cancellation_on),
        REPEAT_TEST(after_that_is_refused_does_not_run),
        REPEAT_TEST(step_that_returns_what_it_was_given_passes_its_outcome_on),
    };

    return cmocka_run_group_tests_name("repeat", tests, NULL, NULL);
}
