/* A group and children that leave a trace, for the tests of groups.
 *
 * Child i is kids[i]. When it is started it writes 100 + i into the trace, and by default starts
 * operation i, see scopes.h; the test keeps a reference to that.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_GROUPS_H
#define GYRE_TEST_GROUPS_H

#include "future/scopes.h"

struct kid {
    struct fixture *f;
    int id;
    int started;
    int dropped;
    bool is_slow;                                 /* its operation is */
    struct gyre_future *(*then)(struct kid *kid); /* what it starts instead, if set */
};

static struct kid kids[OP_LIMIT];
static struct gyre_group *group;
static struct gyre_future *join; /* NULL: not joined */

static inline int group_setup(void **state)
{
    memset(kids, 0, sizeof(kids));
    group = NULL;
    join = NULL;
    return scope_setup(state);
}

#define GROUP_TEST(name) cmocka_unit_test_setup_teardown(name, group_setup, teardown)

static inline void make_group(struct fixture *f, unsigned flags)
{
    assert_int_equal(gyre_group_create(f->loop, flags, &group), 0);
}

static inline void make_group_in(struct fixture *f, int scope, unsigned flags)
{
    enter(scope);
    make_group(f, flags);
    leave(scope);
}

static inline struct gyre_future *join_group(void)
{
    join = gyre_group_join(group);
    return join;
}

static inline void end_group(void)
{
    gyre_future_unref(join);
    gyre_group_unref(group);
    join = NULL;
    group = NULL;
}

static inline struct gyre_future *kid_starts(void *arg)
{
    struct kid *kid = arg;

    record(kid->f, 100 + kid->id);
    kid->started++;
    if (kid->then)
        return kid->then(kid);
    struct op *op = start_op(kid->f, kid->id);
    op->is_slow = kid->is_slow;
    return gyre_future_ref(op->future);
}

static inline void kid_dropped(void *arg)
{
    ((struct kid *)arg)->dropped++;
}

static inline int try_spawn(struct fixture *f, int id)
{
    kids[id].f = f;
    kids[id].id = id;
    return gyre_group_spawn(group, kid_starts, kid_dropped, &kids[id]);
}

static inline struct kid *spawn(struct fixture *f, int id)
{
    assert_int_equal(try_spawn(f, id), 0);
    return &kids[id];
}

/* Spawn children first to last, start them, and forget that they were. */
static inline void start_kids(struct fixture *f, int first, int last, bool is_slow)
{
    for (int id = first; id <= last; id++)
        spawn(f, id)->is_slow = is_slow;
    run_ready(f);
    f->trace_count = 0;
}

static inline void resolve_op(int id)
{
    assert_int_equal(gyre_future_resolve(ops[id].future, NULL, NULL), 0);
}

static inline void fail_op(int id, int err)
{
    assert_int_equal(gyre_future_fail(ops[id].future, err), 0);
}

static inline void assert_failed(struct gyre_future *f, int err)
{
    assert_state(f, GYRE_FUTURE_ERR);
    assert_int_equal(gyre_future_error(f), err);
}

/* The group's errors are these, in this order. */
static inline void assert_errors(const int *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_failed(gyre_future_failure(join, i), expected[i]);
    assert_null(gyre_future_failure(join, count));
}

#define ASSERT_ERRORS(...) \
    assert_errors((const int[]){ __VA_ARGS__ }, sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

#endif
