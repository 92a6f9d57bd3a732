/* libuv: messages between threads, with a list of our own and uv_async to wake the loop.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"
#include "inbox.h"

#include <uv.h>

static void arrived(struct message *message); /* posts.h, below */

struct side {
    uv_loop_t loop;
    uv_async_t async;
    struct inbox inbox;
};

static void on_async(uv_async_t *async)
{
    struct side *side = async->data;
    inbox_run(&side->inbox);
}

static void side_open(struct side *side)
{
    inbox_init(&side->inbox);
    bench_check(uv_loop_init(&side->loop) == 0, "uv_loop_init");
    bench_check(uv_async_init(&side->loop, &side->async, on_async) == 0, "uv_async_init");
    side->async.data = side;
}

static void side_run(struct side *side)
{
    uv_run(&side->loop, UV_RUN_DEFAULT);
}

static void side_stop(struct side *side)
{
    uv_stop(&side->loop);
}

static void side_close(struct side *side)
{
    uv_close((uv_handle_t *)&side->async, NULL);
    uv_run(&side->loop, UV_RUN_DEFAULT);
    uv_loop_close(&side->loop);
}

static void message_init(struct message *message, struct side *to)
{
    message->to = to;
    message->fn = arrived;
}

static inline void message_send(struct message *message)
{
    if (inbox_put(&message->to->inbox, message))
        uv_async_send(&message->to->async);
}

#include "posts.h"
