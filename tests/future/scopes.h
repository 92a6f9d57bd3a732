/* Scopes, and operations that leave a trace when they are asked to be undone, for the tests of scopes
 * and groups.
 *
 * Scope i is scopes[i], operation i is ops[i], not on the stack of a test, where a loop that a failed
 * test leaves behind would find rubbish in its place. An operation is a future of
 * gyre_future_create; being asked writes its number into the trace.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_SCOPES_H
#define GYRE_TEST_SCOPES_H

#include "gyre/scope.h"
#include "gyre/test.h"
#include "support/fixture.h"

#include <errno.h>
#include <string.h>

enum { SCOPE_LIMIT = 8, OP_LIMIT = 64 };

struct op {
    struct fixture *f;
    struct gyre_future *future;
    int id;
    int asked;
    int dropped;                 /* by the close of the loop */
    bool is_slow;                /* undoing it takes time: the test settles it */
    void (*then)(struct op *op); /* what its cancel hook does besides, if anything */
};

static struct gyre_scope scopes[SCOPE_LIMIT];
static struct op ops[OP_LIMIT];

static inline int scope_setup(void **state)
{
    memset(scopes, 0, sizeof(scopes));
    memset(ops, 0, sizeof(ops));
    return setup_virtual(state);
}

#define SCOPE_TEST(name) cmocka_unit_test_setup_teardown(name, scope_setup, teardown)

/* ---- scopes */

/* Scope `id` below `parent`; -1: below the current one. */
static inline struct gyre_scope *make_scope(struct fixture *f, int id, int parent)
{
    assert_int_equal(gyre_scope_init(&scopes[id], f->loop, parent < 0 ? NULL : &scopes[parent]), 0);
    return &scopes[id];
}

static inline void enter(int id)
{
    assert_int_equal(gyre_scope_enter(&scopes[id]), 0);
}

static inline void leave(int id)
{
    assert_int_equal(gyre_scope_leave(&scopes[id]), 0);
}

static inline void cancel_scope(int id)
{
    assert_true(gyre_scope_cancel(&scopes[id]));
}

static inline void end_scopes(int count)
{
    while (count-- > 0)
        gyre_scope_fini(&scopes[count]);
}

/* ---- operations */

static inline int op_asked(struct gyre_future *f, void *arg)
{
    struct op *op = arg;

    assert_ptr_equal(f, op->future);
    record(op->f, op->id);
    op->asked++;
    if (op->then)
        op->then(op);
    return op->is_slow ? -EINPROGRESS : 0;
}

static inline void op_dropped(void *arg)
{
    ((struct op *)arg)->dropped++;
}

/* Start operation `id` in the current scope. */
static inline struct op *start_op(struct fixture *f, int id)
{
    static const struct gyre_future_ops op_ops = { .cancel = op_asked, .drop = op_dropped };
    struct op *op = &ops[id];

    op->f = f;
    op->id = id;
    op->future = gyre_future_create(f->loop);
    if (gyre_future_state(op->future) == GYRE_FUTURE_PENDING)
        assert_int_equal(gyre_future_set_cancel(op->future, &op_ops, op), 0);
    return op;
}

/* The same in a scope. */
static inline struct op *start_op_in(struct fixture *f, int scope, int id)
{
    enter(scope);
    struct op *op = start_op(f, id);
    leave(scope);
    return op;
}

static inline struct op *start_slow_op_in(struct fixture *f, int scope, int id)
{
    struct op *op = start_op_in(f, scope, id);

    op->is_slow = true;
    return op;
}

/* Whoever undoes a slow operation is done. */
static inline void end_op(int id)
{
    gyre_future_abandon(ops[id].future);
}

static inline void release_ops(int first, int last)
{
    for (int id = first; id <= last; id++)
        gyre_future_unref(ops[id].future);
}

static inline void assert_state(const struct gyre_future *f, enum gyre_future_state state)
{
    assert_int_equal(gyre_future_state(f), state);
}

static inline void assert_op_state(int id, enum gyre_future_state state)
{
    assert_state(ops[id].future, state);
}

/* Move the clock on and run all that becomes due. */
static inline void advance(struct fixture *f, uint64_t duration)
{
    assert_in_range(gyre_test_advance(f->loop, duration), 0, INT32_MAX);
}

#endif
