/* libuv: callbacks. It has no queue of its own for them, so there are variants:
 *
 *     idle     uv_idle handles that stay started: called in each turn, nothing to queue. Less work
 *              than the workload asks for, and libuv's best.
 *     once     uv_idle handles, started for the batch and stopped in the callback
 *     async    the chain as a uv_async that sends to itself
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <uv.h>

static void callback_ran(void); /* queue.h, below */
static bool chain_goes_on(void);

static uv_loop_t loop;
static uv_idle_t *idle;
static uv_async_t async;

static void on_idle(uv_idle_t *self)
{
    (void)self;
    callback_ran();
}

static void on_idle_once(uv_idle_t *self)
{
    uv_idle_stop(self);
    callback_ran();
}

static void on_chain(uv_idle_t *self)
{
    if (!chain_goes_on())
        uv_idle_stop(self);
}

static void on_async(uv_async_t *self)
{
    if (chain_goes_on())
        uv_async_send(self);
    else
        uv_stop(&loop);
}

static void make_loop(size_t callbacks)
{
    bench_check(uv_loop_init(&loop) == 0, "uv_loop_init");
    idle = bench_alloc(callbacks, sizeof *idle);
    for (size_t i = 0; i < callbacks; i++) {
        uv_idle_init(&loop, &idle[i]);
        if (callbacks > 1 && bench_variant_is("idle"))
            uv_idle_start(&idle[i], on_idle);
    }
}

static void turn_batch(size_t callbacks)
{
    if (bench_variant_is("once"))
        for (size_t i = 0; i < callbacks; i++)
            uv_idle_start(&idle[i], on_idle_once);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void run_chain(void)
{
    if (bench_variant_is("idle")) {
        uv_idle_start(&idle[0], on_chain);
    } else {
        uv_async_init(&loop, &async, on_async);
        uv_async_send(&async);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
}

#include "queue.h"
