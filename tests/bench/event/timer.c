/* libevent: timers, and memory per timer. The events lie in the caller's array (event_assign), which
 * saves an allocation and a pointer each. Variants where the delay is constant: "plain", and "common",
 * libevent's queues for timeouts of equal length (event_base_init_common_timeout).
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <event2/event.h>
#include <event2/event_struct.h>

static void timer_fired(size_t i); /* timers.h, below, defines it with these operations */

static struct event_base *base;
static struct event *timers;
static struct timeval constant;
static struct event before;
static void (*called_back)(void);

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    timer_fired((size_t)((struct event *)arg - timers));
}

static void on_call(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    (void)arg;
    called_back();
}

static inline struct timeval to_timeval(uint64_t ms)
{
    struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
                          .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
    return tv;
}

static void make_timers(size_t count, uint64_t const_ms)
{
    base = event_base_new();
    bench_check(base, "event_base_new");
    constant = to_timeval(const_ms);
    if (bench_variant_is("common"))
        constant = *event_base_init_common_timeout(base, &constant);
    event_assign(&before, base, -1, 0, on_call, NULL);

    timers = bench_alloc(count, sizeof *timers);
    for (size_t i = 0; i < count; i++)
        event_assign(&timers[i], base, -1, 0, on_timer, &timers[i]);
}

static inline void start_after(size_t i, uint64_t ms)
{
    struct timeval tv = to_timeval(ms);
    event_add(&timers[i], &tv);
}

static inline void start_const(size_t i)
{
    event_add(&timers[i], &constant);
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
    event_base_update_cache_time(base);
    start_after(i, ms);
}

static inline void restart_after_fresh(size_t i, uint64_t ms)
{
    start_after_fresh(i, ms);
}

static inline void restart_const_fresh(size_t i)
{
    event_base_update_cache_time(base);
    start_const(i);
}

static inline void stop_timer(size_t i)
{
    event_del(&timers[i]);
}

/* Without EVLOOP_ONCE it would go on until nothing is due any more. */
static void turn(void (*fn)(void))
{
    called_back = fn;
    if (fn)
        event_active(&before, EV_TIMEOUT, 0);
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

#include "timers.h"
