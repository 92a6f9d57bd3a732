/* libevent: callbacks, with event_active on events that wait for nothing else. (The deferred
 * callbacks it uses itself are not public.)
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <event2/event.h>
#include <event2/event_struct.h>

static void callback_ran(void); /* queue.h, below */
static bool chain_goes_on(void);

static struct event_base *base;
static struct event *event;

static void on_event(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    (void)arg;
    callback_ran();
}

static void on_chain(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    if (chain_goes_on())
        event_active(arg, EV_TIMEOUT, 0);
}

static void make_loop(size_t callbacks)
{
    base = event_base_new();
    bench_check(base, "event_base_new");
    event = bench_alloc(callbacks, sizeof *event);
    for (size_t i = 0; i < callbacks; i++)
        event_assign(&event[i], base, -1, 0, callbacks > 1 ? on_event : on_chain, &event[i]);
}

static void turn_batch(size_t callbacks)
{
    for (size_t i = 0; i < callbacks; i++)
        event_active(&event[i], EV_TIMEOUT, 0);
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void run_chain(void)
{
    event_active(&event[0], EV_TIMEOUT, 0);
    event_base_dispatch(base);
}

#include "queue.h"
