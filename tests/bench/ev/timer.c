/* libev: timers, and memory per timer. One-shot timers are started with ev_timer_start; restarting
 * is done by ev_timer_again, as its manual recommends for timeouts that are pushed back: it moves
 * the timer within the heap instead of taking it out and putting it back.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <ev.h>

static void timer_fired(size_t i); /* timers.h, below, defines it with these operations */

static struct ev_loop *loop;
static ev_timer *timers;
static double constant;
static ev_prepare before;
static void (*called_back)(void);

static void on_timer(struct ev_loop *l, ev_timer *timer, int events)
{
    (void)l;
    (void)events;
    timer_fired((size_t)(timer - timers));
}

static void on_prepare(struct ev_loop *l, ev_prepare *prepare, int events)
{
    (void)l;
    (void)prepare;
    (void)events;
    if (called_back)
        called_back();
}

static void make_timers(size_t count, uint64_t const_ms)
{
    constant = (double)const_ms * 1e-3;
    loop = ev_loop_new(EVFLAG_AUTO);
    bench_check(loop, "ev_loop_new");
    ev_prepare_init(&before, on_prepare);
    ev_prepare_start(loop, &before);

    timers = bench_alloc(count, sizeof *timers);
    for (size_t i = 0; i < count; i++)
        ev_timer_init(&timers[i], on_timer, 0., 0.);
}

static inline void start_after(size_t i, uint64_t ms)
{
    ev_timer_set(&timers[i], (double)ms * 1e-3, 0.);
    ev_timer_start(loop, &timers[i]);
}

static inline void start_const(size_t i)
{
    ev_timer_set(&timers[i], constant, 0.);
    ev_timer_start(loop, &timers[i]);
}

static inline void restart_after(size_t i, uint64_t ms)
{
    timers[i].repeat = (double)ms * 1e-3;
    ev_timer_again(loop, &timers[i]);
}

static inline void restart_const(size_t i)
{
    timers[i].repeat = constant;
    ev_timer_again(loop, &timers[i]);
}

static inline void start_after_fresh(size_t i, uint64_t ms)
{
    ev_now_update(loop);
    start_after(i, ms);
}

static inline void restart_after_fresh(size_t i, uint64_t ms)
{
    ev_now_update(loop);
    restart_after(i, ms);
}

static inline void restart_const_fresh(size_t i)
{
    ev_now_update(loop);
    restart_const(i);
}

static inline void stop_timer(size_t i)
{
    ev_timer_stop(loop, &timers[i]);
}

static void turn(void (*fn)(void))
{
    called_back = fn;
    ev_run(loop, EVRUN_NOWAIT);
}

#include "timers.h"
