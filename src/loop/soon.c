/* call_soon and its kin: fire and forget, in nodes that the loop owns.
 *
 * Used nodes wait in free lists, at most FREE_LIMIT of them, so that a program that uses these in
 * steady state does not allocate. What comes from other threads is allocated each time: the lists
 * belong to the loop's thread.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "loop/core.h"

enum { FREE_LIMIT = 1024 };

struct soon_call {
    struct gyre_call call;
    gyre_fn *fn;
    struct soon_call *next_free;
};

struct soon_timer {
    struct gyre_timer timer;
    gyre_fn *fn;
    struct soon_timer *next_free;
};

struct soon_post {
    struct gyre_post post;
    gyre_fn *fn;
    gyre_drop_fn *drop;
    void *arg;
};

static void free_call(struct gyre_loop *l, struct soon_call *soon)
{
    if (l->free_count == FREE_LIMIT) {
        memory_free(&l->allocator, soon, sizeof(*soon));
        return;
    }
    soon->next_free = l->free_calls;
    l->free_calls = soon;
    l->free_count++;
}

static void soon_fire(struct gyre_call *call, void *arg)
{
    struct soon_call *soon = container_of(call, struct soon_call, call);
    gyre_fn *fn = soon->fn;

    free_call(call->loop, soon);
    fn(arg);
}

int gyre_call_soon(struct gyre_loop *loop, gyre_fn *fn, void *arg)
{
    if (!loop || !fn)
        return -EINVAL;
    int err = loop_enter(loop);
    if (err < 0)
        return err;

    struct soon_call *soon = loop->free_calls;
    if (likely(soon != NULL)) {
        loop->free_calls = soon->next_free;
        loop->free_count--;
    } else {
        soon = memory_alloc(&loop->allocator, sizeof(*soon));
        if (!soon)
            return -ENOMEM;
    }

    soon->call = (struct gyre_call){
        .loop = loop,
        .tag = watcher_tag(&soon->call),
        .weight = 1,
        .fn = soon_fire,
        .arg = arg,
    };
    soon->fn = fn;
    queue_append(loop, &soon->call);
    return 0;
}

static void free_timer(struct gyre_loop *l, struct soon_timer *soon)
{
    if (l->free_count == FREE_LIMIT) {
        memory_free(&l->allocator, soon, sizeof(*soon));
        return;
    }
    soon->next_free = l->free_timers;
    l->free_timers = soon;
    l->free_count++;
}

static void later_fire(struct gyre_timer *timer, void *arg)
{
    struct soon_timer *soon = container_of(timer, struct soon_timer, timer);
    gyre_fn *fn = soon->fn;

    free_timer(timer->call.loop, soon);
    fn(arg);
}

int gyre_call_at(struct gyre_loop *loop, uint64_t deadline, gyre_fn *fn, void *arg)
{
    if (!loop || !fn)
        return -EINVAL;
    int err = loop_enter(loop);
    if (err < 0)
        return err;

    struct soon_timer *soon = loop->free_timers;
    if (soon) {
        loop->free_timers = soon->next_free;
        loop->free_count--;
    } else {
        soon = memory_alloc(&loop->allocator, sizeof(*soon));
        if (!soon)
            return -ENOMEM;
    }

    soon->timer = (struct gyre_timer){ 0 };
    (void)gyre_timer_init(&soon->timer, loop, later_fire, arg);
    soon->fn = fn;
    return gyre_timer_start_at(&soon->timer, deadline);
}

int gyre_call_later(struct gyre_loop *loop, uint64_t delay, gyre_fn *fn, void *arg)
{
    if (!loop)
        return -EINVAL;
    return gyre_call_at(loop, time_add(loop_clock(loop), delay), fn, arg);
}

static void posted_fire(struct gyre_post *post, void *arg)
{
    struct soon_post *soon = container_of(post, struct soon_post, post);
    gyre_fn *fn = soon->fn;

    (void)arg;
    arg = soon->arg;
    memory_free(&post->call.loop->allocator, soon, sizeof(*soon));
    fn(arg);
}

static void posted_drop(void *node)
{
    struct soon_post *soon = node;
    gyre_drop_fn *drop = soon->drop;
    void *arg = soon->arg;

    memory_free(&soon->post.call.loop->allocator, soon, sizeof(*soon));
    if (drop)
        drop(arg);
}

int gyre_call_soon_threadsafe(struct gyre_loop *loop, gyre_fn *fn, gyre_drop_fn *drop, void *arg)
{
    if (!loop || !fn)
        return -EINVAL;
    if (loop->inbox.forks != thread_forks)
        return -EOWNERDEAD;

    struct soon_post *soon = memory_alloc(&loop->allocator, sizeof(*soon));
    if (!soon)
        return -ENOMEM;
    *soon = (struct soon_post){ .fn = fn, .drop = drop, .arg = arg };
    (void)gyre_post_init(&soon->post, loop, posted_fire, posted_drop, soon);

    int err = gyre_post_send(&soon->post);
    if (err < 0)
        memory_free(&loop->allocator, soon, sizeof(*soon));
    else if (loop_is_on_thread(loop))
        mail_collect(loop); /* in the order of the program, also with gyre_call_soon */
    return err;
}

void soon_retire(struct gyre_loop *l, struct gyre_call *call)
{
    if (call->fn == soon_fire) {
        free_call(l, container_of(call, struct soon_call, call));
    } else if (call->fn == timer_fire) {
        struct gyre_timer *timer = container_of(call, struct gyre_timer, call);

        if (timer->fn == later_fire)
            free_timer(l, container_of(timer, struct soon_timer, timer));
    }
}

void soon_close(struct gyre_loop *l)
{
    while (l->free_calls) {
        struct soon_call *soon = l->free_calls;
        l->free_calls = soon->next_free;
        memory_free(&l->allocator, soon, sizeof(*soon));
    }
    while (l->free_timers) {
        struct soon_timer *soon = l->free_timers;
        l->free_timers = soon->next_free;
        memory_free(&l->allocator, soon, sizeof(*soon));
    }
    l->free_count = 0;
}
