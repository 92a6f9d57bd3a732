/* gyre: pipes, with gyre_io.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include "gyre.h"

static void pass(size_t i); /* pipes.h, below */

static struct gyre_loop *loop;
static struct gyre_io *watchers;

static void on_readable(struct gyre_io *io, unsigned events, void *arg)
{
    (void)events;
    (void)arg;
    pass((size_t)(io - watchers));
}

static void make_watchers(size_t count)
{
    bench_check(gyre_loop_create(NULL, &loop) == 0, "gyre_loop_create");
    watchers = bench_alloc(count, sizeof *watchers);
    for (size_t i = 0; i < count; i++)
        gyre_io_init(&watchers[i], loop, on_readable, NULL);
}

static void watch(size_t i, int fd)
{
    bench_check(gyre_io_start(&watchers[i], fd, GYRE_READ) == 0, "gyre_io_start");
}

static void run_loop(void)
{
    gyre_loop_run(loop);
}

static void stop_loop(void)
{
    gyre_loop_stop(loop);
}

static void turn_loop(void)
{
    gyre_loop_run_once(loop, 0);
}

#include "pipes.h"
