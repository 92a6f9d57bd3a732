/* What the tests of gyre_map_limit start: operation `index`, with a trace.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_MAP_H
#define GYRE_TEST_MAP_H

#include "ops.h"

static struct gyre_future *map;
static int most; /* operations at one time */

enum { START = 400 };

static inline int count_running(void)
{
    int count = 0;

    for (int i = 0; i < OP_LIMIT; i++)
        count += ops[i].f && gyre_future_state(ops[i].f) == GYRE_FUTURE_PENDING;
    return count;
}

static inline struct gyre_future *start(size_t index, void *arg)
{
    assert_ptr_equal(arg, &most);
    record(fixture, START + (int)index);
    struct gyre_future *f = make_op((int)index);
    if (count_running() > most)
        most = count_running();
    return f;
}

static inline int map_setup(void **state)
{
    most = 0;
    return op_setup(state);
}

static inline struct gyre_future *map_with(enum gyre_map_mode mode, size_t count, size_t limit,
                                           gyre_start_fn *fn)
{
    map = gyre_map_limit(fixture->loop, mode, count, limit, fn, &most);
    return map;
}

static inline struct gyre_future *map_all(size_t count, size_t limit)
{
    return map_with(GYRE_MAP_ALL, count, limit, start);
}

static inline struct gyre_future *start_slow(size_t index, void *arg)
{
    ops[index].is_slow = true;
    return start(index, arg);
}

#define MAP_TEST(name) cmocka_unit_test_setup_teardown(name, map_setup, teardown)

#endif
