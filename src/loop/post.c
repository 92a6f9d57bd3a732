/* Posts: messages of other threads, and the way of all mail from the inbox to the queue.
 *
 * call.sent is 1 from gyre_post_send until just before fn or drop. Only the one thread that uses
 * the node sets it, only the loop clears it.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"

void post_fire(struct gyre_call *call, void *arg)
{
    struct gyre_post *post = container_of(call, struct gyre_post, call);

    gyre_post_fn *fn = post->fn;

    __atomic_store_n(&post->call.sent, 0, __ATOMIC_RELEASE);
    fn(post, arg);
}

static bool is_sent(const struct gyre_post *post)
{
    return watcher_is_initialised(&post->call) &&
           __atomic_load_n(&post->call.sent, __ATOMIC_ACQUIRE);
}

int gyre_post_init(struct gyre_post *post, struct gyre_loop *loop, gyre_post_fn *fn,
                   gyre_drop_fn *drop, void *arg)
{
    if (!post || !loop || !fn)
        return -EINVAL;
    if (is_sent(post))
        return -EBUSY;

    *post = (struct gyre_post){
        .call = {
            .fn = post_fire,
            .arg = arg,
            .loop = loop,
            .tag = watcher_tag(&post->call),
            .weight = 1,
        },
        .fn = fn,
        .drop = drop,
    };
    return 0;
}

int gyre_post_send(struct gyre_post *post)
{
    if (unlikely(!post))
        return -EINVAL;
    if (unlikely(!watcher_is_initialised(&post->call)))
        return GYRE_EUNINIT;
    if (__atomic_load_n(&post->call.sent, __ATOMIC_ACQUIRE))
        return -EALREADY;

    __atomic_store_n(&post->call.sent, 1, __ATOMIC_RELAXED);
    int err = inbox_push(&post->call.loop->inbox, &post->call.link);
    if (unlikely(err < 0))
        __atomic_store_n(&post->call.sent, 0, __ATOMIC_RELAXED);
    return err;
}

bool gyre_post_stop(struct gyre_post *post)
{
    if (!post || !is_sent(post) || !watcher_may_stop(&post->call))
        return false;

    struct gyre_loop *l = post->call.loop;
    if (post->call.state != CALL_QUEUED)
        mail_collect(l);
    if (post->call.state != CALL_QUEUED)
        return false;
    queue_remove(&post->call);
    __atomic_store_n(&post->call.sent, 0, __ATOMIC_RELEASE);
    return true;
}

void mail_collect(struct gyre_loop *l)
{
    foreign_disturb(l);
    queue_append_reversed(l, inbox_take(&l->inbox));
}
