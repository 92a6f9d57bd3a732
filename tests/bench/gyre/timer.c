/* gyre: timers, and memory per timer. The main rows use gyre_timer_start_at with the time of the
 * tick; the "fresh" rows gyre_timer_start, which reads the clock.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include "gyre.h"

static void timer_fired(size_t i); /* timers.h, below, defines it with these operations */

static struct gyre_loop *loop;
static struct gyre_timer *timers;
static uint64_t constant;
static struct gyre_call call;
static void (*called_back)(void);

static void on_timer(struct gyre_timer *timer, void *arg)
{
    (void)arg;
    timer_fired((size_t)(timer - timers));
}

static void on_call(struct gyre_call *self, void *arg)
{
    (void)self;
    (void)arg;
    called_back();
}

static void make_timers(size_t count, uint64_t const_ms)
{
    constant = GYRE_MS(const_ms);
    bench_check(gyre_loop_create(NULL, &loop) == 0, "gyre_loop_create");
    gyre_call_init(&call, loop, on_call, NULL);

    timers = bench_alloc(count, sizeof *timers);
    for (size_t i = 0; i < count; i++)
        gyre_timer_init(&timers[i], loop, on_timer, NULL);
}

static inline void start_after(size_t i, uint64_t ms)
{
    gyre_timer_start_at(&timers[i], gyre_loop_now(loop) + GYRE_MS(ms));
}

static inline void start_const(size_t i)
{
    gyre_timer_start_at(&timers[i], gyre_loop_now(loop) + constant);
}

static inline void restart_after(size_t i, uint64_t ms)
{
    start_after(i, ms);
}

static inline void restart_const(size_t i)
{
    start_const(i);
}

static inline void start_after_fresh(size_t i, uint64_t ms)
{
    gyre_timer_start(&timers[i], GYRE_MS(ms));
}

static inline void restart_after_fresh(size_t i, uint64_t ms)
{
    gyre_timer_start(&timers[i], GYRE_MS(ms));
}

static inline void restart_const_fresh(size_t i)
{
    gyre_timer_start(&timers[i], constant);
}

static inline void stop_timer(size_t i)
{
    gyre_timer_stop(&timers[i]);
}

static void turn(void (*fn)(void))
{
    called_back = fn;
    if (fn)
        gyre_call_start(&call);
    gyre_loop_run_once(loop, 0);
}

#include "timers.h"
