/* libev: messages between threads, with a list of our own and ev_async to wake the loop.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"
#include "inbox.h"

#include <ev.h>

static void arrived(struct message *message); /* posts.h, below */

struct side {
    struct ev_loop *loop;
    ev_async async;
    struct inbox inbox;
};

static void on_async(struct ev_loop *loop, ev_async *async, int events)
{
    struct side *side = async->data;

    (void)loop;
    (void)events;
    inbox_run(&side->inbox);
}

static void side_open(struct side *side)
{
    inbox_init(&side->inbox);
    side->loop = ev_loop_new(EVFLAG_AUTO);
    bench_check(side->loop, "ev_loop_new");
    ev_async_init(&side->async, on_async);
    side->async.data = side;
    ev_async_start(side->loop, &side->async);
}

static void side_run(struct side *side)
{
    ev_run(side->loop, 0);
}

static void side_stop(struct side *side)
{
    ev_break(side->loop, EVBREAK_ALL);
}

static void side_close(struct side *side)
{
    ev_async_stop(side->loop, &side->async);
    ev_loop_destroy(side->loop);
}

static void message_init(struct message *message, struct side *to)
{
    message->to = to;
    message->fn = arrived;
}

static inline void message_send(struct message *message)
{
    if (inbox_put(&message->to->inbox, message))
        ev_async_send(message->to->loop, &message->to->async);
}

#include "posts.h"
