/* What futures cost on a warm loop: no allocation, and 128 bytes each.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "base/util.h"
#include "gyre/scope.h"
#include "support/fault.h"

#include <errno.h>

enum { WARM_UP = 10, ROUNDS = 1000, DOZEN = 12, MANY = 100 };

struct hot {
    struct fixture *f;
    struct gyre_call call;
    struct gyre_scope scope;
    struct gyre_future *inputs[MANY];
    size_t count;
};

static int setup_patient(void **state)
{
    int err = setup_virtual(state);

    fixture_of(state)->wait_limit = 100000;
    return err;
}

static void on_done(struct gyre_call *call, void *arg)
{
    struct hot *h = arg;

    (void)call;
    record(h->f, 1);
}

static void hot_init(struct hot *h, struct fixture *f)
{
    *h = (struct hot){ .f = f, .count = DOZEN };
    assert_int_equal(gyre_call_init(&h->call, f->loop, on_done, h), 0);
    assert_int_equal(gyre_scope_init(&h->scope, f->loop, NULL), 0);
}

/* One round, again and again: to warm up, and to be counted. Returns the allocations of the
 * counted ones. */
static unsigned long allocations_of(struct hot *h, void (*round)(struct hot *h))
{
    for (int i = 0; i < WARM_UP; i++)
        round(h);
    unsigned long before = allocations();
    for (int i = 0; i < ROUNDS; i++)
        round(h);
    return allocations() - before;
}

/* Let `duration` pass, in which `f` settles in this state and its continuation runs. */
static void await(struct hot *h, struct gyre_future *f, uint64_t duration,
                  enum gyre_future_state expected)
{
    h->f->trace_count = 0;
    assert_int_equal(gyre_future_on_done(f, &h->call), 0);
    assert_true(gyre_test_advance(h->f->loop, duration) >= 0);
    assert_int_equal(h->f->trace_count, 1);
    assert_int_equal(gyre_future_state(f), expected);
    (void)gyre_future_error(f); /* looked at */
    gyre_future_unref(f);
}

static struct gyre_future *promise(struct hot *h)
{
    return gyre_future_create(h->f->loop);
}

static void round_of_settling(struct hot *h)
{
    struct gyre_future *f = promise(h);

    assert_int_equal(gyre_future_resolve(f, h, NULL), 0);
    await(h, f, 0, GYRE_FUTURE_OK);
}

static void round_of_failing(struct hot *h)
{
    struct gyre_future *f = promise(h);

    assert_int_equal(gyre_future_fail(f, -EIO), 0);
    await(h, f, 0, GYRE_FUTURE_ERR);
}

static void round_of_sleep(struct hot *h)
{
    await(h, gyre_sleep(h->f->loop, GYRE_S(1)), GYRE_S(1), GYRE_FUTURE_OK);
}

static void round_of_cancelled_sleep(struct hot *h)
{
    struct gyre_future *f = gyre_sleep(h->f->loop, GYRE_S(1));

    assert_true(gyre_future_cancel(f));
    await(h, f, 0, GYRE_FUTURE_CANCELLED);
}

static void round_of_within(struct hot *h)
{
    struct gyre_future *f = promise(h);
    struct gyre_future *within = gyre_within(f, GYRE_S(60));

    assert_int_equal(gyre_future_resolve(f, NULL, NULL), 0);
    await(h, within, 0, GYRE_FUTURE_OK);
}

static void round_of_timeout(struct hot *h)
{
    struct gyre_future *sleep = gyre_sleep(h->f->loop, GYRE_S(60));
    struct gyre_future *within = gyre_within(sleep, GYRE_S(1));

    await(h, within, GYRE_S(1), GYRE_FUTURE_ERR);
}

static int keep(void **value, gyre_drop_fn **drop, void *arg)
{
    (void)value;
    (void)drop;
    (void)arg;
    return 0;
}

static struct gyre_future *sleep_next(struct gyre_future *done, void *arg)
{
    struct hot *h = arg;

    (void)done;
    return gyre_sleep(h->f->loop, GYRE_S(1));
}

static void round_of_then(struct hot *h)
{
    struct gyre_future *f = promise(h);
    struct gyre_future *then = gyre_then_start(gyre_then(f, keep, NULL), sleep_next, h);

    assert_int_equal(gyre_future_resolve(f, NULL, NULL), 0);
    await(h, then, GYRE_S(1), GYRE_FUTURE_OK);
}

static void round_of_all(struct hot *h)
{
    for (size_t i = 0; i < h->count; i++)
        h->inputs[i] = promise(h);
    struct gyre_future *all = gyre_all(h->f->loop, h->count, h->inputs);
    for (size_t i = 0; i < h->count; i++)
        assert_int_equal(gyre_future_resolve(h->inputs[i], NULL, NULL), 0);
    await(h, all, 0, GYRE_FUTURE_OK);
}

static void round_of_failing_all(struct hot *h)
{
    for (size_t i = 0; i < h->count; i++)
        h->inputs[i] = promise(h);
    struct gyre_future *all = gyre_all(h->f->loop, h->count, h->inputs);

    assert_int_equal(gyre_future_fail(h->inputs[0], -EIO), 0);
    for (size_t i = 1; i < h->count; i++)
        gyre_future_abandon(h->inputs[i]);
    await(h, all, 0, GYRE_FUTURE_ERR);
}

static void round_of_scope(struct hot *h)
{
    assert_int_equal(gyre_scope_enter(&h->scope), 0);
    struct gyre_future *f = gyre_sleep(h->f->loop, GYRE_S(1));
    assert_int_equal(gyre_scope_leave(&h->scope), 0);
    await(h, f, GYRE_S(1), GYRE_FUTURE_OK);
}

static void round_of_cancelled_scope(struct hot *h)
{
    struct gyre_scope scope = { 0 };

    assert_int_equal(gyre_scope_init(&scope, h->f->loop, NULL), 0);
    assert_int_equal(gyre_scope_enter(&scope), 0);
    struct gyre_future *f = gyre_sleep(h->f->loop, GYRE_S(1));
    assert_int_equal(gyre_scope_leave(&scope), 0);
    assert_true(gyre_scope_cancel(&scope));
    gyre_scope_fini(&scope);
    await(h, f, 0, GYRE_FUTURE_CANCELLED);
}

static void warm_futures_allocate_nothing(void **state)
{
    static void (*const rounds[])(struct hot * h) = {
        round_of_settling,    round_of_failing, round_of_sleep, round_of_cancelled_sleep,
        round_of_within,      round_of_timeout, round_of_then,  round_of_all,
        round_of_failing_all,
    };
    struct hot h;

    hot_init(&h, fixture_of(state));
    for (size_t i = 0; i < ARRAY_LEN(rounds); i++)
        assert_int_equal(allocations_of(&h, rounds[i]), 0);
    gyre_scope_fini(&h.scope);
}

static void warm_scopes_allocate_nothing(void **state)
{
    struct hot h;

    hot_init(&h, fixture_of(state));
    assert_int_equal(allocations_of(&h, round_of_scope), 0);
    assert_int_equal(allocations_of(&h, round_of_cancelled_scope), 0);
    gyre_scope_fini(&h.scope);
}

static void combinator_of_many_costs_one_allocation(void **state)
{
    struct hot h;

    hot_init(&h, fixture_of(state));
    h.count = MANY;
    assert_int_equal(allocations_of(&h, round_of_all), ROUNDS);
    gyre_scope_fini(&h.scope);
}

static void future_takes_128_bytes(void **state)
{
    struct hot h;

    hot_init(&h, fixture_of(state));
    size_t before = live_bytes();
    for (size_t i = 0; i < MANY; i++)
        h.inputs[i] = promise(&h);
    assert_int_equal(live_bytes() - before, MANY * 128);
    for (size_t i = 0; i < MANY; i++) {
        gyre_future_abandon(h.inputs[i]);
        (void)gyre_future_error(h.inputs[i]);
        gyre_future_unref(h.inputs[i]);
    }
    gyre_scope_fini(&h.scope);
}

/* What is free is kept up to a limit only: a burst is given back. */
static void burst_of_futures_is_not_kept_for_ever(void **state)
{
    enum { BURST = 10000 };
    static struct gyre_future *burst[BURST];
    struct hot h;

    hot_init(&h, fixture_of(state));
    size_t before = live_bytes();
    for (size_t i = 0; i < BURST; i++)
        burst[i] = promise(&h);
    for (size_t i = 0; i < BURST; i++) {
        assert_int_equal(gyre_future_resolve(burst[i], NULL, NULL), 0);
        gyre_future_unref(burst[i]);
    }
    assert_in_range(live_bytes() - before, 0, 520 * 1024);
    gyre_scope_fini(&h.scope);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_patient, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(warm_futures_allocate_nothing),           TEST(warm_scopes_allocate_nothing),
        TEST(combinator_of_many_costs_one_allocation), TEST(future_takes_128_bytes),
        TEST(burst_of_futures_is_not_kept_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
