/* call_soon and its kin: fire and forget, in nodes that the loop owns.
 *
 * Used nodes wait in a free list, at most FREE_LIMIT of them, so that a program that uses these in
 * steady state does not allocate. What comes from other threads is allocated each time: the list
 * belongs to the loop's thread.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "loop/core.h"

enum { FREE_LIMIT = 1024 };

struct soon {
    union {
        struct gyre_call call;
        struct gyre_timer timer;
    } as;
    gyre_fn *fn;
    struct soon *next_free;
};

struct soon_post {
    struct gyre_post post;
    gyre_fn *fn;
    gyre_drop_fn *drop;
    void *arg;
};

static inline struct soon *take_node(struct gyre_loop *l)
{
    struct soon *soon = l->free_soon;

    if (unlikely(!soon))
        return memory_alloc(&l->allocator, sizeof(*soon));
    l->free_soon = soon->next_free;
    l->free_count--;
    return soon;
}

static inline void give_back(struct gyre_loop *l, struct soon *soon)
{
    if (unlikely(l->free_count == FREE_LIMIT)) {
        memory_free(&l->allocator, soon, sizeof(*soon));
        return;
    }
    soon->next_free = l->free_soon;
    l->free_soon = soon;
    l->free_count++;
}

static void soon_fire(struct gyre_call *call, void *arg)
{
    struct soon *soon = container_of(call, struct soon, as.call);
    gyre_fn *fn = soon->fn;

    give_back(call->loop, soon);
    fn(arg);
}

static void later_fire(struct gyre_timer *timer, void *arg)
{
    soon_fire(&timer->call, arg);
}

/* Take a node for fn; 0 or why not. */
static inline int prepare(struct gyre_loop *l, gyre_fn *fn, struct soon **soon)
{
    if (unlikely(!l || !fn))
        return -EINVAL;
    int err = loop_check(l);
    if (unlikely(err < 0))
        return err;

    *soon = take_node(l);
    if (unlikely(!*soon))
        return -ENOMEM;
    (*soon)->fn = fn;
    return 0;
}

int gyre_call_soon(struct gyre_loop *loop, gyre_fn *fn, void *arg)
{
    struct soon *soon;
    int err = prepare(loop, fn, &soon);

    if (unlikely(err < 0))
        return err;
    soon->as.call = (struct gyre_call){
        .fn = soon_fire,
        .arg = arg,
        .loop = loop,
        .tag = watcher_tag(&soon->as.call),
        .weight = 1,
    };
    queue_append(loop, &soon->as.call);
    return 0;
}

int gyre_call_at(struct gyre_loop *loop, uint64_t deadline, gyre_fn *fn, void *arg)
{
    struct soon *soon;
    int err = prepare(loop, fn, &soon);

    if (err < 0)
        return err;
    soon->as.timer = (struct gyre_timer){ 0 };
    (void)gyre_timer_init(&soon->as.timer, loop, later_fire, arg);
    return gyre_timer_start_at(&soon->as.timer, deadline);
}

int gyre_call_later(struct gyre_loop *loop, uint64_t delay, gyre_fn *fn, void *arg)
{
    if (!loop)
        return -EINVAL;
    return gyre_call_at(loop, gyre_time_add(loop_clock(loop), delay), fn, arg);
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
    bool is_later =
        call->fn == timer_fire && container_of(call, struct gyre_timer, call)->fn == later_fire;

    if (is_later || call->fn == soon_fire)
        give_back(l, container_of(call, struct soon, as.call));
}

void soon_close(struct gyre_loop *l)
{
    while (l->free_soon) {
        struct soon *soon = l->free_soon;

        l->free_soon = soon->next_free;
        memory_free(&l->allocator, soon, sizeof(*soon));
    }
    l->free_count = 0;
}
