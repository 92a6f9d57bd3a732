/* libevent: pipes, with persistent events in the caller's array.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <event2/event.h>
#include <event2/event_struct.h>

static void pass(size_t i); /* pipes.h, below */

static struct event_base *base;
static struct event *watchers;

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    pass((size_t)((struct event *)arg - watchers));
}

static void make_watchers(size_t count)
{
    base = event_base_new();
    bench_check(base, "event_base_new");
    watchers = bench_alloc(count, sizeof *watchers);
}

static void watch(size_t i, int fd)
{
    event_assign(&watchers[i], base, fd, EV_READ | EV_PERSIST, on_readable, &watchers[i]);
    bench_check(event_add(&watchers[i], NULL) == 0, "event_add");
}

static void run_loop(void)
{
    event_base_dispatch(base);
}

static void stop_loop(void)
{
    event_base_loopbreak(base);
}

static void turn_loop(void)
{
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

#include "pipes.h"
