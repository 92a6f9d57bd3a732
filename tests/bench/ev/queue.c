/* libev: callbacks. Variants:
 *
 *     feed     ev_feed_event on a watcher that is never started: libev's queue of pending events.
 *              What a callback feeds runs before the loop looks at the kernel again.
 *     idle     ev_idle watchers that stay started: called in each turn, nothing to queue
 *     prepare  ev_prepare watchers, likewise
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <ev.h>

static void callback_ran(void); /* queue.h, below */
static bool chain_goes_on(void);

static struct ev_loop *loop;
static ev_prepare *prepare;
static ev_idle *idle;

static void on_idle(struct ev_loop *l, ev_idle *self, int events)
{
    (void)l;
    (void)self;
    (void)events;
    callback_ran();
}

static void on_prepare(struct ev_loop *l, ev_prepare *self, int events)
{
    (void)l;
    (void)self;
    (void)events;
    callback_ran();
}

static void on_fed_chain(struct ev_loop *l, ev_prepare *self, int events)
{
    (void)events;
    if (chain_goes_on())
        ev_feed_event(l, self, EV_CUSTOM);
}

static void on_idle_chain(struct ev_loop *l, ev_idle *self, int events)
{
    (void)events;
    if (!chain_goes_on())
        ev_idle_stop(l, self);
}

static void make_loop(size_t callbacks)
{
    bool chain = callbacks == 1;

    loop = ev_loop_new(EVFLAG_AUTO);
    bench_check(loop, "ev_loop_new");
    prepare = bench_alloc(callbacks, sizeof *prepare);
    idle = bench_alloc(callbacks, sizeof *idle);
    for (size_t i = 0; i < callbacks; i++) {
        ev_prepare_init(&prepare[i], chain ? on_fed_chain : on_prepare);
        ev_idle_init(&idle[i], chain ? on_idle_chain : on_idle);
        if (bench_variant_is("prepare"))
            ev_prepare_start(loop, &prepare[i]);
        if (bench_variant_is("idle"))
            ev_idle_start(loop, &idle[i]);
    }
}

static void turn_batch(size_t callbacks)
{
    if (bench_variant_is("feed"))
        for (size_t i = 0; i < callbacks; i++)
            ev_feed_event(loop, &prepare[i], EV_CUSTOM);
    ev_run(loop, EVRUN_NOWAIT);
}

static void run_chain(void)
{
    if (bench_variant_is("feed"))
        ev_feed_event(loop, &prepare[0], EV_CUSTOM);
    ev_run(loop, 0);
}

#include "queue.h"
