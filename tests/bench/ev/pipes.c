/* libev: pipes, with ev_io.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <ev.h>

static void pass(size_t i); /* pipes.h, below */

static struct ev_loop *loop;
static ev_io *watchers;

static void on_readable(struct ev_loop *l, ev_io *io, int events)
{
    (void)l;
    (void)events;
    pass((size_t)(io - watchers));
}

static void make_watchers(size_t count)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    bench_check(loop, "ev_loop_new");
    watchers = bench_alloc(count, sizeof *watchers);
}

static void watch(size_t i, int fd)
{
    ev_io_init(&watchers[i], on_readable, fd, EV_READ);
    ev_io_start(loop, &watchers[i]);
}

static void run_loop(void)
{
    ev_run(loop, 0);
}

static void stop_loop(void)
{
    ev_break(loop, EVBREAK_ALL);
}

static void turn_loop(void)
{
    ev_run(loop, EVRUN_NOWAIT);
}

#include "pipes.h"
