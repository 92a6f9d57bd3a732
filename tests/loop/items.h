/* Calls and timers that leave a trace, for the tests of them.
 *
 * Item i is items[i], not on the stack of a test, where a loop that a failed test leaves behind
 * would find rubbish in its place. Each has a call and a timer; both write i into the trace.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_ITEMS_H
#define GYRE_TEST_ITEMS_H

#include "support/fixture.h"

#include <string.h>

enum { ITEM_LIMIT = 1000 };

struct item {
    struct gyre_call call;
    struct gyre_timer timer;
    struct fixture *f;
    int id;
    int runs;
    uint64_t ran_at;                 /* gyre_loop_now then */
    void (*then)(struct item *item); /* what its callback does next, if anything */
};

static struct item items[ITEM_LIMIT];

static inline int item_setup(void **state)
{
    memset(items, 0, sizeof(items));
    return setup(state);
}

static inline int item_setup_virtual(void **state)
{
    memset(items, 0, sizeof(items));
    return setup_virtual(state);
}

static inline void item_ran(struct item *item)
{
    record(item->f, item->id);
    item->runs++;
    item->ran_at = gyre_loop_now(item->f->loop);
    if (item->then)
        item->then(item);
}

static inline void item_call_ran(struct gyre_call *call, void *arg)
{
    struct item *item = arg;

    assert_ptr_equal(call, &item->call);
    item_ran(item);
}

static inline void item_timer_ran(struct gyre_timer *timer, void *arg)
{
    struct item *item = arg;

    assert_ptr_equal(timer, &item->timer);
    item_ran(item);
}

/* Item `id`, with both watchers initialised. */
static inline struct item *make_item(struct fixture *f, int id)
{
    struct item *item = &items[id];

    item->f = f;
    item->id = id;
    assert_int_equal(gyre_call_init(&item->call, f->loop, item_call_ran, item), 0);
    assert_int_equal(gyre_timer_init(&item->timer, f->loop, item_timer_ran, item), 0);
    return item;
}

/* Items 0 to count - 1. */
static inline void make_items(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++)
        make_item(f, i);
}

static inline void start_call(int id)
{
    assert_int_equal(gyre_call_start(&items[id].call), 0);
}

static inline void start_calls(int count)
{
    for (int i = 0; i < count; i++)
        start_call(i);
}

static inline void start_timer(int id, uint64_t delay)
{
    assert_int_equal(gyre_timer_start(&items[id].timer, delay), 0);
}

static inline void start_timer_at(int id, uint64_t deadline)
{
    assert_int_equal(gyre_timer_start_at(&items[id].timer, deadline), 0);
}

/* Move a virtual clock on and run all that becomes due. */
static inline void advance(struct fixture *f, uint64_t duration)
{
    assert_in_range(gyre_test_advance(f->loop, duration), 0, INT32_MAX);
}

/* What an owner does with the memory of a watcher that is stopped. */
static inline void spoil(void *memory, size_t size)
{
    memset(memory, 0xDD, size);
}

#define ITEM_TEST(name)         cmocka_unit_test_setup_teardown(name, item_setup, teardown)
#define ITEM_TEST_VIRTUAL(name) cmocka_unit_test_setup_teardown(name, item_setup_virtual, teardown)

#endif
