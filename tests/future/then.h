/* The functions that the tests of gyre_then and gyre_then_start let follow.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_THEN_H
#define GYRE_TEST_THEN_H

#include "ops.h"

enum { MAP = 400, NEXT = 500 };

/* What the functions below find in `arg`. */
struct plan {
    int err;                    /* what map returns */
    struct gyre_future *next;   /* what next returns */
    struct gyre_future *result; /* the future of gyre_then itself */
    void (*inside)(struct plan *plan);
};

static struct plan plan;

static inline int then_setup(void **state)
{
    memset(&plan, 0, sizeof(plan));
    return op_setup(state);
}

/* The value n becomes 10 + n. */
static inline int add_ten(void **value, gyre_drop_fn **drop, void *arg)
{
    struct plan *p = arg;
    int n = (int)(intptr_t)*value;

    (void)drop;
    record(fixture, MAP + n);
    if (p->inside)
        p->inside(p);
    *value = value_of(10 + n);
    return p->err;
}

static inline struct gyre_future *follow(struct gyre_future *done, void *arg)
{
    struct plan *p = arg;

    record(fixture, NEXT + (int)(intptr_t)gyre_future_peek(done));
    if (p->inside)
        p->inside(p);
    return p->next;
}

static inline struct gyre_future *then_map(struct gyre_future *f)
{
    plan.result = gyre_then(f, add_ten, &plan);
    return plan.result;
}

static inline struct gyre_future *then_start(struct gyre_future *f, struct gyre_future *next)
{
    plan.next = next;
    plan.result = gyre_then_start(f, follow, &plan);
    return plan.result;
}

#define THEN_TEST(name) cmocka_unit_test_setup_teardown(name, then_setup, teardown)

#endif
