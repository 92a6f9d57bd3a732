/* Futures made of others without memory: what they would have taken over is cancelled and released,
 * what they would only have looked at is left alone, and the result has failed.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

#include "support/fault.h"

static struct gyre_future *in[OP_LIMIT];
static struct gyre_future *f;

static int keep(void **value, gyre_drop_fn **drop, void *arg)
{
    (void)value;
    (void)drop;
    (void)arg;
    return 0;
}

static struct gyre_future *end(struct gyre_future *done, void *arg)
{
    (void)done;
    (void)arg;
    return NULL;
}

static struct gyre_future *start(size_t index, void *arg)
{
    (void)arg;
    record(fixture, (int)index);
    return NULL;
}

/* ------------------------------------------------------------------ constructors, of two inputs */

struct maker {
    const char *name;
    struct gyre_future *(*make)(void);
    int count; /* inputs that it takes over */
};

static struct gyre_future *make_all(void)
{
    return gyre_all(fixture->loop, 2, in);
}

static struct gyre_future *make_settled(void)
{
    return gyre_settled(fixture->loop, 2, in);
}

static struct gyre_future *make_race(void)
{
    return gyre_race(fixture->loop, 2, in);
}

static struct gyre_future *make_within(void)
{
    return gyre_within(in[0], GYRE_MS(1));
}

static struct gyre_future *make_within_until(void)
{
    return gyre_within_until(in[0], GYRE_NEVER);
}

static struct gyre_future *make_shield(void)
{
    return gyre_shield(in[0]);
}

static struct gyre_future *make_then(void)
{
    return gyre_then(in[0], keep, NULL);
}

static struct gyre_future *make_then_start(void)
{
    return gyre_then_start(in[0], end, NULL);
}

static struct gyre_future *make_wait(void)
{
    return gyre_wait(fixture->loop, GYRE_WAIT_ALL, 2, in, GYRE_MS(1));
}

static struct gyre_future *make_completions(void)
{
    return gyre_completions(fixture->loop, 2, in);
}

static const struct maker owners[] = {
    { "all", make_all, 2 },       { "settled", make_settled, 2 },
    { "race", make_race, 2 },     { "within", make_within, 1 },
    { "shield", make_shield, 1 }, { "within_until", make_within_until, 1 },
    { "then", make_then, 1 },     { "then_start", make_then_start, 1 },
};

static const struct maker lookers[] = {
    { "wait", make_wait, 0 },
    { "completions", make_completions, 0 },
};

/* A maker on a loop that has made nothing like it before, without memory. */
static void make_without_memory(const struct maker *maker)
{
    fail_allocation(1, false);
    f = maker->make();
    if (!fault_fired())
        fail_msg("%s needed no memory", maker->name);
    disarm_faults();
    assert_refused(f, -ENOMEM);
}

/* ------------------------------------------------------------------ those that take over */

static void owner_without_memory_cancels_and_releases_its_inputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        make_ops(2, in);
        for (int k = 0; k < 2; k++)
            gyre_future_ref(in[k]);
        make_without_memory(&owners[i]);
        assert_int_equal(fixture->trace_count, owners[i].count);
        for (int k = 0; k < owners[i].count; k++) {
            assert_int_equal(fixture->trace[k], CANCEL + k);
            assert_cancelled(in[k], GYRE_REASON_DROPPED);
            gyre_future_unref(in[k]);
        }
        for (int k = owners[i].count; k < 2; k++) {
            assert_pending(in[k]);
            gyre_future_unref(in[k]);
            gyre_future_unref(in[k]);
        }
        fixture->trace_count = 0;
    }
}

static void owner_without_memory_lets_inputs_that_take_time_finish(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        make_slow_ops(2, in);
        make_without_memory(&owners[i]);
        assert_int_equal(fixture->trace_count, owners[i].count);
        for (int k = 0; k < 2; k++)
            resolve_traced(k);
        if (owners[i].count == 1)
            gyre_future_unref(in[1]);
        assert_int_equal(fixture->trace_count, owners[i].count + 2);
        fixture->trace_count = 0;
    }
}

static void owner_without_memory_drops_the_values_of_settled_inputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        make_ops(2, in);
        resolve_traced(0);
        resolve_traced(1);
        make_without_memory(&owners[i]);
        if (owners[i].count == 1)
            gyre_future_unref(in[1]);
        ASSERT_TRACE(fixture, DROP + 0, DROP + 1);
        fixture->trace_count = 0;
    }
}

static void owner_without_memory_has_seen_the_errors_of_its_inputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        in[0] = in[1] = make_op(0);
        fail_op(0, -EIO);
        make_without_memory(&owners[i]);
    }
    assert_int_equal(report_count, 0);
}

static void owner_without_memory_releases_an_input_given_twice_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        in[0] = in[1] = make_op(0);
        gyre_future_ref(in[0]);
        make_without_memory(&owners[i]);
        ASSERT_TRACE(fixture, CANCEL + 0);
        fixture->trace_count = 0;
        gyre_future_unref(in[0]);
    }
}

static void refused_future_without_memory_is_passed_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        in[0] = gyre_race(fixture->loop, 0, NULL);
        in[1] = make_op(1);
        make_without_memory(&owners[i]);
        ASSERT_TRACE(fixture, CANCEL + 1);
        fixture->trace_count = 0;
    }
}

static void make_inside(struct op *op)
{
    in[0] = make_op(op->id + 1);
    in[1] = make_op(op->id + 2);
    make_without_memory(&owners[0]);
    /* The work of the call that runs this hook comes first. */
    assert_pending(ops[op->id + 1].f);
    assert_true(gyre_future_is_cancelling(ops[op->id + 1].f));
}

static void owner_without_memory_in_a_hook_releases_its_inputs_when_the_call_ends(void **state)
{
    (void)state;
    in[0] = make_op(0);
    struct gyre_future *outer = gyre_within(in[0], GYRE_NEVER);
    ops[0].inside = make_inside;
    gyre_future_cancel(outer);
    ASSERT_TRACE(fixture, CANCEL + 0, CANCEL + 1, CANCEL + 2);
    gyre_future_unref(outer);
}

/* ------------------------------------------------------------------ those that look on */

static void looker_without_memory_leaves_its_inputs_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lookers); i++) {
        make_ops(2, in);
        make_without_memory(&lookers[i]);
        assert_false(gyre_loop_is_alive(fixture->loop));
        for (int k = 0; k < 2; k++) {
            assert_pending(in[k]);
            resolve_traced(k);
            gyre_future_unref(in[k]);
        }
        ASSERT_TRACE(fixture, DROP + 0, DROP + 1);
        fixture->trace_count = 0;
    }
}

static void next_without_memory_loses_nothing(void **state)
{
    (void)state;
    make_ops(2, in);
    struct gyre_future *all = make_completions();
    resolve_op(1);
    fail_allocation(1, false);
    f = gyre_completions_next(all);
    assert_true(fault_fired());
    disarm_faults();
    assert_refused(f, -ENOMEM);
    f = gyre_completions_next(all);
    assert_ptr_equal(gyre_future_peek(f), in[1]);
    gyre_future_unref(f);
    gyre_future_unref(all);
    gyre_future_unref(in[0]);
    gyre_future_unref(in[1]);
}

static void map_without_memory_starts_nothing(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 10; n++) {
        fail_allocation(n, false);
        f = gyre_map_limit(fixture->loop, GYRE_MAP_ALL, 2, 1, start, NULL);
        bool fired = fault_fired();
        disarm_faults();
        run_ready(fixture);
        if (!fired)
            break;
        assert_refused(f, -ENOMEM);
        assert_int_equal(fixture->trace_count, 0);
    }
    assert_ok(f);
    ASSERT_TRACE(fixture, 0, 1);
    gyre_future_unref(f);
}

static struct gyre_future *start_without_memory(size_t index, void *arg)
{
    (void)arg;
    record(fixture, (int)index);
    if (index == 0)
        return make_op(0);
    fail_allocation(1, false);
    struct gyre_future *refused = gyre_all(fixture->loop, 0, NULL);
    disarm_faults();
    return refused;
}

static void map_whose_start_has_no_memory_fails(void **state)
{
    (void)state;
    f = gyre_map_limit(fixture->loop, GYRE_MAP_ALL, 3, 3, start_without_memory, NULL);
    run_ready(fixture);
    assert_failed(f, -ENOMEM);
    ASSERT_TRACE(fixture, 0, 1, CANCEL + 0);
    gyre_future_unref(f);
}

/* ------------------------------------------------------------------ the first use of a loop */

static void first_use_without_memory_changes_nothing(void **state)
{
    (void)state;
    size_t bytes = live_bytes();
    for (unsigned n = 1; n <= 2; n++) {
        fail_allocation(n, false);
        f = gyre_all(fixture->loop, 0, NULL);
        assert_true(fault_fired());
        disarm_faults();
        assert_refused(f, -ENOMEM);
        assert_int_equal(live_bytes() == bytes, n == 1); /* the second has the loop's part */
    }
    f = gyre_all(fixture->loop, 0, NULL);
    assert_ok(f);
    gyre_future_unref(f);
}

static void warm_loop_needs_no_memory(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        unsigned long before = allocations();
        for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
            make_slow_ops(2, in);
            f = owners[i].make();
            resolve_op(0);
            resolve_op(1);
            run_ready(fixture);
            assert_ok(f);
            gyre_future_unref(f);
            if (owners[i].count == 1)
                gyre_future_unref(in[1]);
        }
        assert_int_equal(allocations() > before, round == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(owner_without_memory_cancels_and_releases_its_inputs),
        OP_TEST(owner_without_memory_lets_inputs_that_take_time_finish),
        OP_TEST(owner_without_memory_drops_the_values_of_settled_inputs),
        OP_TEST(owner_without_memory_has_seen_the_errors_of_its_inputs),
        OP_TEST(owner_without_memory_releases_an_input_given_twice_once),
        OP_TEST(refused_future_without_memory_is_passed_over),
        OP_TEST(owner_without_memory_in_a_hook_releases_its_inputs_when_the_call_ends),
        OP_TEST(looker_without_memory_leaves_its_inputs_alone),
        OP_TEST(next_without_memory_loses_nothing),
        OP_TEST(map_without_memory_starts_nothing),
        OP_TEST(map_whose_start_has_no_memory_fails),
        OP_TEST(first_use_without_memory_changes_nothing),
        OP_TEST(warm_loop_needs_no_memory),
    };

    return cmocka_run_group_tests_name("combine_fault", tests, NULL, NULL);
}
