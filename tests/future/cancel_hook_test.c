/* Cancel hooks that do more than answer: settle their future, drop it, or reach for others.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

/* Of a cancel hook: undone, and later. */
static const int answers[] = { 0, -EINPROGRESS };

/* ------------------------------------------------------------------ hooks that settle */

static void resolve_itself(struct promise *p)
{
    assert_int_equal(gyre_future_resolve(p->f, NULL, NULL), 0);
}

static void fail_itself(struct promise *p)
{
    assert_int_equal(gyre_future_fail(p->f, WAY_ERROR), 0);
}

static void abandon_itself(struct promise *p)
{
    gyre_future_abandon(p->f);
}

static void hook_may_settle_the_future_itself(void **state)
{
    static const struct {
        void (*inside)(struct promise *p);
        int err;
    } rows[] = {
        { resolve_itself, 0 },
        { fail_itself, WAY_ERROR },
        { abandon_itself, -ECANCELED },
    };

    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        struct promise *p = make_promise(fixture_of(state), 0, i % 2 ? 0 : -EINPROGRESS);

        p->inside = rows[i / 2].inside;
        assert_true(gyre_future_cancel(p->f)); /* it was pending */
        assert_int_equal(gyre_future_error(p->f), rows[i / 2].err);
        assert_int_equal(gyre_future_resolve(p->f, NULL, NULL), -EALREADY);
        gyre_future_unref(p->f);
        assert_int_equal(p->asked, 1);
    }
}

static void hook_of_a_dropped_future_may_settle_it(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);

    p->inside = resolve_itself;
    gyre_future_unref(p->f);
    assert_int_equal(p->asked, 1);

    p = make_promise(fixture_of(state), 0, 0);
    p->inside = fail_itself;
    gyre_future_unref(p->f);
    assert_int_equal(p->asked, 1);
    expect_reports(1);
}

/* ------------------------------------------------------------------ hooks that reach further */

static void cancel_other(struct promise *p)
{
    (void)gyre_future_cancel(p->other->f);
}

static void unref_other(struct promise *p)
{
    gyre_future_unref(p->other->f);
}

static void resolve_other(struct promise *p)
{
    (void)gyre_future_resolve(p->other->f, NULL, NULL);
}

static void fail_other(struct promise *p)
{
    (void)gyre_future_fail(p->other->f, WAY_ERROR);
}

/* The three ways in which a producer is asked. */
static void ask_promise(struct fixture *f, struct promise *p, int how)
{
    if (how == 0)
        assert_true(gyre_future_cancel(p->f));
    else if (how == 2)
        assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 0);
    gyre_future_unref(p->f);
}

static void reach_further(struct fixture *f, void (*inside)(struct promise *p), int how)
{
    struct promise *p = make_promise(f, 0, 0);
    struct promise *q = make_promise(f, 1, 0);
    bool takes_reference = inside == unref_other;

    p->inside = inside;
    p->other = q;
    gyre_future_ignore_error(q->f);
    ask_promise(f, p, how);
    assert_int_equal(p->asked, 1);
    assert_int_equal(q->asked, inside == cancel_other || takes_reference);
    if (takes_reference)
        return;
    assert_true(gyre_future_state(q->f) != GYRE_FUTURE_PENDING);
    gyre_future_unref(q->f);
}

static void hook_may_cancel_drop_and_settle_other_futures(void **state)
{
    static void (*const inside[])(struct promise * p) = {
        cancel_other,
        unref_other,
        resolve_other,
        fail_other,
    };

    for (size_t i = 0; i < ARRAY_LEN(inside); i++)
        for (int how = 0; how < 2; how++)
            reach_further(fixture_of(state), inside[i], how);
}

static void hook_may_cancel_a_future_of_the_same_scope(void **state)
{
    reach_further(fixture_of(state), cancel_other, 2);
}

static void hook_may_drop_a_future_of_the_same_scope(void **state)
{
    reach_further(fixture_of(state), unref_other, 2);
}

static void hook_may_resolve_a_future_of_the_same_scope(void **state)
{
    reach_further(fixture_of(state), resolve_other, 2);
    assert_int_equal(promises[1].asked, 0);
}

static void hooks_that_cancel_each_other_are_called_once(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t a = 0; a < ARRAY_LEN(answers); a++) {
        for (int i = 0; i < 2; i++) {
            make_promise(f, i, answers[a])->inside = cancel_other;
            promises[i].other = &promises[1 - i];
        }
        assert_true(gyre_future_cancel(promises[0].f));
        for (int i = 0; i < 2; i++) {
            assert_int_equal(promises[i].asked, 1);
            end_promise(&promises[i]);
        }
    }
}

static void cancel_itself(struct promise *p)
{
    assert_true(gyre_future_cancel(p->f));
}

static void hook_that_cancels_its_own_future_is_not_called_again(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);

    p->inside = cancel_itself;
    assert_true(gyre_future_cancel(p->f));
    assert_int_equal(p->asked, 1);
    assert_cancelled(p->f, GYRE_REASON_REQUEST);
    gyre_future_unref(p->f);
}

static void unref_itself(struct promise *p)
{
    gyre_future_unref(p->f);
}

static void hook_may_drop_the_last_reference_to_its_own_future(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    p->inside = unref_itself;
    assert_true(gyre_future_cancel(p->f));
    assert_int_equal(p->asked, 1);

    p = make_promise(f, 0, -EINPROGRESS);
    p->inside = unref_itself;
    assert_true(gyre_future_cancel(p->f));
    assert_int_equal(p->asked, 1);
    gyre_future_abandon(p->f);
}

static void resolve_and_unref_itself(struct promise *p)
{
    resolve_itself(p);
    unref_itself(p);
}

static void hook_may_settle_its_own_future_and_drop_it(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);

    p->inside = resolve_and_unref_itself;
    assert_true(gyre_future_cancel(p->f));
    assert_int_equal(p->asked, 1);
}

static void wait_for_itself(struct promise *p)
{
    wait_for(p->f, 1);
}

static void continuation_registered_by_the_hook_runs(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    make_item(f, 1);
    p->inside = wait_for_itself;
    assert_true(gyre_future_cancel(p->f));
    assert_int_equal(run_ready(f), 1);
    gyre_future_unref(p->f);
}

/* Each operation owns the next one: no stack could hold the chain. */
static int asked_in_chain;

static int drop_next(struct gyre_future *f, void *op)
{
    (void)f;
    asked_in_chain++;
    gyre_future_unref(op);
    return 0;
}

static void long_chain_of_operations_is_undone_without_recursion(void **state)
{
    static const struct gyre_future_ops chain_ops = { .cancel = drop_next };
    struct gyre_loop *loop = fixture_of(state)->loop;
    struct gyre_future *last = NULL;

    asked_in_chain = 0;
    for (int i = 0; i < 200000; i++) {
        struct gyre_future *f = gyre_future_create(loop);

        assert_int_equal(gyre_future_set_cancel(f, &chain_ops, last), 0);
        last = f;
    }
    gyre_future_unref(last);
    assert_int_equal(asked_in_chain, 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(hook_may_settle_the_future_itself),
        FUTURE_TEST(hook_of_a_dropped_future_may_settle_it),
        FUTURE_TEST(hook_may_cancel_drop_and_settle_other_futures),
        FUTURE_TEST(hook_may_cancel_a_future_of_the_same_scope),
        FUTURE_TEST(hook_may_drop_a_future_of_the_same_scope),
        FUTURE_TEST(hook_may_resolve_a_future_of_the_same_scope),
        FUTURE_TEST(hooks_that_cancel_each_other_are_called_once),
        FUTURE_TEST(hook_that_cancels_its_own_future_is_not_called_again),
        FUTURE_TEST(hook_may_drop_the_last_reference_to_its_own_future),
        FUTURE_TEST(hook_may_settle_its_own_future_and_drop_it),
        FUTURE_TEST(continuation_registered_by_the_hook_runs),
        FUTURE_TEST(long_chain_of_operations_is_undone_without_recursion),
    };

    return cmocka_run_group_tests_name("cancel_hook", tests, NULL, NULL);
}
