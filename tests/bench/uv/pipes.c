/* libuv: pipes, with uv_poll, its smallest handle for a descriptor. The descriptor is read in the
 * callback, which is cheaper than a uv_pipe_t with a read callback.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <uv.h>

static void pass(size_t i); /* pipes.h, below */

static uv_loop_t loop;
static uv_poll_t *watchers;

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    pass((size_t)(poll - watchers));
}

static void make_watchers(size_t count)
{
    bench_check(uv_loop_init(&loop) == 0, "uv_loop_init");
    watchers = bench_alloc(count, sizeof *watchers);
}

static void watch(size_t i, int fd)
{
    bench_check(uv_poll_init(&loop, &watchers[i], fd) == 0, "uv_poll_init");
    uv_poll_start(&watchers[i], UV_READABLE, on_readable);
}

static void run_loop(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void stop_loop(void)
{
    uv_stop(&loop);
}

static void turn_loop(void)
{
    uv_run(&loop, UV_RUN_NOWAIT);
}

#include "pipes.h"
