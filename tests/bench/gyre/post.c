/* gyre: messages between threads, with gyre_post.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include "gyre.h"

struct message {
    struct gyre_post post;
    void *producer;
};

static void arrived(struct message *message); /* posts.h, below */

struct side {
    struct gyre_loop *loop;
    struct gyre_async alive; /* never sent: keeps the loop running while there is no message */
};

static void on_post(struct gyre_post *post, void *arg)
{
    (void)post;
    arrived(arg);
}

static void on_async(struct gyre_async *async, void *arg)
{
    (void)async;
    (void)arg;
}

static void side_open(struct side *side)
{
    bench_check(gyre_loop_create(NULL, &side->loop) == 0, "gyre_loop_create");
    gyre_async_init(&side->alive, side->loop, on_async, NULL);
    bench_check(gyre_async_start(&side->alive) == 0, "gyre_async_start");
}

static void side_run(struct side *side)
{
    gyre_loop_run(side->loop);
}

static void side_stop(struct side *side)
{
    gyre_loop_stop(side->loop);
}

static void side_close(struct side *side)
{
    gyre_loop_destroy(side->loop);
}

static void message_init(struct message *message, struct side *to)
{
    gyre_post_init(&message->post, to->loop, on_post, NULL, message);
}

static inline void message_send(struct message *message)
{
    gyre_post_send(&message->post);
}

#include "posts.h"
