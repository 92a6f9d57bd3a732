/* Operations that leave a trace, for the tests of futures made of others.
 *
 * Operation i is ops[i]: a future whose producer is the test. The trace says CANCEL + i when it is
 * asked to be undone, DROP + i when the value i is dropped, DONE + i when the continuation i runs.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_OPS_H
#define GYRE_TEST_OPS_H

#include "support/fixture.h"

#include "base/util.h"
#include "gyre/scope.h"

#include <errno.h>
#include <string.h>

enum {
    OP_LIMIT = 64,
    CANCEL = 100,
    DROP = 200,
    DONE = 300,
};

struct op {
    struct gyre_future *f;
    struct gyre_call call;
    int id;
    bool is_slow;                  /* undoing it takes time: op_undone, or a result */
    void (*inside)(struct op *op); /* what its cancel hook does besides */
};

static struct op ops[OP_LIMIT];
static struct fixture *fixture;

/* What the error hook was told. */
static int report_count;
static int last_report;

static inline void note_report(struct gyre_loop *loop, const struct gyre_loop_error *error,
                               void *arg)
{
    (void)loop;
    (void)arg;
    report_count++;
    last_report = error->err;
}

static inline int op_setup(void **state)
{
    int err = setup_virtual(state);

    if (err < 0)
        return err;
    memset(ops, 0, sizeof(ops));
    report_count = 0;
    fixture = fixture_of(state);
    return gyre_loop_on_error(fixture->loop, note_report, NULL);
}

/* ---- producers */

static inline int cancel_op(struct gyre_future *f, void *arg)
{
    struct op *op = arg;

    assert_ptr_equal(f, op->f);
    record(fixture, CANCEL + op->id);
    if (op->inside)
        op->inside(op);
    return op->is_slow ? -EINPROGRESS : 0;
}

static const struct gyre_future_ops op_ops = { .cancel = cancel_op };

static inline struct gyre_future *make_op(int id)
{
    ops[id].id = id;
    ops[id].f = gyre_future_create(fixture->loop);
    assert_non_null(ops[id].f);
    if (gyre_future_state(ops[id].f) == GYRE_FUTURE_PENDING)
        assert_int_equal(gyre_future_set_cancel(ops[id].f, &op_ops, &ops[id]), 0);
    return ops[id].f;
}

/* Operation `id` of which the one that cancels is told that it takes time. */
static inline struct gyre_future *make_slow_op(int id)
{
    ops[id].is_slow = true;
    return make_op(id);
}

/* Operations 0 to count - 1, also into `futures`. */
static inline void make_ops(int count, struct gyre_future **futures)
{
    for (int i = 0; i < count; i++)
        futures[i] = make_op(i);
}

static inline void make_slow_ops(int count, struct gyre_future **futures)
{
    for (int i = 0; i < count; i++)
        futures[i] = make_slow_op(i);
}

static inline void drop_value(void *value)
{
    record(fixture, DROP + (int)(intptr_t)value);
}

static inline void *value_of(int id)
{
    return (void *)(intptr_t)id;
}

static inline void resolve_op(int id)
{
    assert_int_equal(gyre_future_resolve(ops[id].f, value_of(id), NULL), 0);
}

/* The same with a value whose end is traced. */
static inline void resolve_traced(int id)
{
    assert_int_equal(gyre_future_resolve(ops[id].f, value_of(id), drop_value), 0);
}

static inline void fail_op(int id, int err)
{
    assert_int_equal(gyre_future_fail(ops[id].f, err), 0);
}

/* A slow one that was asked has been undone. */
static inline void op_undone(int id)
{
    gyre_future_abandon(ops[id].f);
}

/* ---- consumers */

static inline void op_done(struct gyre_call *call, void *arg)
{
    struct op *op = arg;

    assert_ptr_equal(call, &op->call);
    record(fixture, DONE + op->id);
}

/* Have DONE + id recorded when `f` is settled. */
static inline void watch(struct gyre_future *f, int id)
{
    ops[id].id = id;
    assert_int_equal(gyre_call_init(&ops[id].call, fixture->loop, op_done, &ops[id]), 0);
    assert_int_equal(gyre_future_on_done(f, &ops[id].call), 0);
}

static inline void assert_pending(const struct gyre_future *f)
{
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_PENDING);
}

static inline void assert_ok(const struct gyre_future *f)
{
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_OK);
}

static inline void assert_value(const struct gyre_future *f, int id)
{
    assert_ok(f);
    assert_ptr_equal(gyre_future_peek(f), value_of(id));
}

static inline void assert_failed(struct gyre_future *f, int err)
{
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_ERR);
    assert_int_equal(gyre_future_error(f), err);
}

static inline void assert_cancelled(const struct gyre_future *f, enum gyre_reason reason)
{
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(f), reason);
}

/* The call was refused, so the result belongs to nobody. */
static inline void assert_refused(struct gyre_future *f, int err)
{
    assert_failed(f, err);
    gyre_future_unref(f);
}

/* These have failed, in this order, and no others. */
static inline void assert_failures(const struct gyre_future *f, const int *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_ptr_equal(gyre_future_failure(f, i), ops[ids[i]].f);
    assert_null(gyre_future_failure(f, count));
}

#define ASSERT_FAILURES(f, ...)                        \
    assert_failures((f), (const int[]){ __VA_ARGS__ }, \
                    sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

static inline void advance(uint64_t duration)
{
    assert_in_range(gyre_test_advance(fixture->loop, duration), 0, INT32_MAX);
}

#define OP_TEST(name) cmocka_unit_test_setup_teardown(name, op_setup, teardown)

#endif
