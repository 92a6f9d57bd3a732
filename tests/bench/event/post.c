/* libevent: messages between threads, with a list of our own and event_active to wake the loop, for
 * which libevent must be told to lock (evthread_use_pthreads).
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"
#include "inbox.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>

static void arrived(struct message *message); /* posts.h, below */

struct side {
    struct event_base *base;
    struct event wake;
    struct inbox inbox;
};

static void on_wake(evutil_socket_t fd, short events, void *arg)
{
    struct side *side = arg;

    (void)fd;
    (void)events;
    inbox_run(&side->inbox);
}

static void side_open(struct side *side)
{
    inbox_init(&side->inbox);
    bench_check(evthread_use_pthreads() == 0, "evthread_use_pthreads");
    side->base = event_base_new();
    bench_check(side->base, "event_base_new");
    event_assign(&side->wake, side->base, -1, EV_PERSIST, on_wake, side);
}

static void side_run(struct side *side)
{
    event_base_loop(side->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

static void side_stop(struct side *side)
{
    event_base_loopbreak(side->base);
}

static void side_close(struct side *side)
{
    event_del(&side->wake);
    event_base_free(side->base);
}

static void message_init(struct message *message, struct side *to)
{
    message->to = to;
    message->fn = arrived;
}

static inline void message_send(struct message *message)
{
    if (inbox_put(&message->to->inbox, message))
        event_active(&message->to->wake, EV_READ, 0);
}

#include "posts.h"
