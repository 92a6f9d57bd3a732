/* libuv: timers, and memory per timer. uv_timer_start takes the time the loop has cached, and
 * restarts a started timer; it is what uv_timer_again comes down to.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <uv.h>

static void timer_fired(size_t i); /* timers.h, below, defines it with these operations */

static uv_loop_t loop;
static uv_timer_t *timers;
static uint64_t constant;
static uv_prepare_t before;
static void (*called_back)(void);

static void on_timer(uv_timer_t *timer)
{
    timer_fired((size_t)(timer - timers));
}

static void on_prepare(uv_prepare_t *prepare)
{
    (void)prepare;
    if (called_back)
        called_back();
}

static void make_timers(size_t count, uint64_t const_ms)
{
    constant = const_ms;
    bench_check(uv_loop_init(&loop) == 0, "uv_loop_init");
    uv_prepare_init(&loop, &before);
    uv_prepare_start(&before, on_prepare);

    timers = bench_alloc(count, sizeof *timers);
    for (size_t i = 0; i < count; i++)
        uv_timer_init(&loop, &timers[i]);
}

static inline void start_after(size_t i, uint64_t ms)
{
    uv_timer_start(&timers[i], on_timer, ms, 0);
}

static inline void start_const(size_t i)
{
    start_after(i, constant);
}

static inline void restart_after(size_t i, uint64_t ms)
{
    start_after(i, ms);
}

static inline void restart_const(size_t i)
{
    start_after(i, constant);
}

static inline void start_after_fresh(size_t i, uint64_t ms)
{
    uv_update_time(&loop);
    start_after(i, ms);
}

static inline void restart_after_fresh(size_t i, uint64_t ms)
{
    start_after_fresh(i, ms);
}

static inline void restart_const_fresh(size_t i)
{
    start_after_fresh(i, constant);
}

static inline void stop_timer(size_t i)
{
    uv_timer_stop(&timers[i]);
}

static void turn(void (*fn)(void))
{
    called_back = fn;
    uv_run(&loop, UV_RUN_NOWAIT);
}

#include "timers.h"
