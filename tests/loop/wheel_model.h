/* A wheel without a loop, and the naive model it is compared with: timers of which is_in tells
 * whether they are in it, searched from end to end for the first.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_WHEEL_MODEL_H
#define GYRE_TEST_WHEEL_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "loop/timer_heap.h"
#include "loop/watcher.h"
#include "loop/wheel.h"
#include "model/random.h"

#define TICK ((uint64_t)1 << WHEEL_TICK_BITS)

enum { COUNT = 400 };

static struct wheel wheel;
static struct gyre_timer timer[COUNT];
static bool is_in[COUNT];
static uint64_t now;

static inline void begin_at(uint64_t time)
{
    memset(timer, 0, sizeof(timer));
    memset(is_in, 0, sizeof(is_in));
    now = time;
    wheel_init(&wheel, now);
}

static inline int begin_at_zero(void **state)
{
    (void)state;
    begin_at(0);
    return 0;
}

static inline void put_in(int i, uint64_t deadline)
{
    timer[i].deadline = deadline;
    wheel_insert(&wheel, &timer[i]);
    is_in[i] = true;
    assert_true(wheel_check(&wheel));
}

static inline void put_many(int first, int count, uint64_t deadline)
{
    for (int i = first; i < first + count; i++)
        put_in(i, deadline);
}

/* Whoever takes a timer out may do with it what he likes. */
static inline void forget(int i)
{
    is_in[i] = false;
    memset(&timer[i], 0xDD, sizeof(timer[i]));
    assert_true(wheel_check(&wheel));
}

static inline void take_out_of(int i)
{
    wheel_remove(&wheel, &timer[i]);
    forget(i);
}

static inline void move(int i, uint64_t deadline)
{
    wheel_move(&wheel, &timer[i], deadline);
    assert_true(timer[i].deadline == deadline);
    assert_true(wheel_check(&wheel));
}

/* The timer that must come next, by looking at all; -1: none. */
static inline int first_in(void)
{
    int first = -1;

    for (int i = 0; i < COUNT; i++)
        if (is_in[i] && (first < 0 || timer_precedes(&timer[i], &timer[first])))
            first = i;
    return first;
}

static inline uint64_t first_deadline(void)
{
    return first_in() < 0 ? GYRE_NEVER : timer[first_in()].deadline;
}

static inline int count_in(void)
{
    int count = 0;

    for (int i = 0; i < COUNT; i++)
        count += is_in[i];
    return count;
}

/* Let time come to `time`: everything due comes out in order, nothing else, and a loop that
 * waits as long as it is told afterwards does not spin. */
static inline int pop_until(uint64_t time)
{
    struct gyre_timer *popped;
    int count = 0;

    now = time;
    while ((popped = wheel_pop(&wheel, now)) != NULL) {
        assert_int_equal((int)(popped - timer), first_in());
        assert_true(popped->deadline <= now);
        forget((int)(popped - timer));
        count++;
    }
    assert_true(first_deadline() > now || first_deadline() == GYRE_NEVER);
    assert_true(wheel_next(&wheel) > now || wheel_next(&wheel) == GYRE_NEVER);
    assert_true(wheel_check(&wheel));
    return count;
}

/* As a loop does it: sleep until told, see what is due. Returns how often it woke up. */
static inline int pop_by_waiting(void)
{
    int wakes = 0;

    while (wheel_next(&wheel) != GYRE_NEVER) {
        assert_true(wheel_next(&wheel) <= first_deadline());
        pop_until(wheel_next(&wheel));
        wakes++;
    }
    assert_int_equal(first_deadline() == GYRE_NEVER, 1);
    return wakes;
}

#define WHEEL_TEST(name) cmocka_unit_test_setup(name, begin_at_zero)

#endif
