/* The life of a loop: create, adopt, close, destroy, and what it can be asked.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "base/options.h"
#include "loop/core.h"
#include "os/sys.h"

#include <limits.h>
#include <stdlib.h>

static int copy_options(struct gyre_loop_options *copy, const struct gyre_loop_options *opt)
{
    *copy = (struct gyre_loop_options){ .size = sizeof(*copy) };
    int err = opt ? options_copy(copy, sizeof(*copy), opt, opt->size) : 0;

    if (err == 0 && copy->allocator)
        err = options_check_allocator(copy->allocator);
    if (err < 0)
        return err;
    return copy->fd_capacity > INT_MAX ? -EINVAL : 0;
}

static const struct poller_ops *choose_poller(const char *name)
{
    if (!name)
        name = getenv("GYRE_POLLER");
    return poller_find(name && *name ? name : NULL);
}

static void init_members(struct gyre_loop *l, const struct gyre_loop_options *opt)
{
    *l = (struct gyre_loop){ .inbox.forks = thread_forks, .now = clock_now() };
    l->allocator = opt->allocator ? *opt->allocator : memory_default;
    l->poller.allocator = &l->allocator;
    l->timer_slack = opt->timer_slack;
    l->fd_capacity = (int)opt->fd_capacity;
    list_init(&l->queue[0]);
    list_init(&l->queue[1]);
    l->ready = &l->queue[0];
    l->batch = &l->queue[1];
    list_init(&l->signals);
    list_init(&l->asyncs);
    fd_table_init(&l->fds);
    wheel_init(&l->wheel, l->now);
    signal_init_port(l);
}

static int reserve_descriptors(struct gyre_loop *l, int capacity)
{
    int err = 0;

    for (int left = capacity; left > 0 && err == 0; left -= FD_PAGE_SLOTS)
        err = fd_table_reserve(&l->fds, &l->allocator, left - 1);
    if (err == 0 && capacity > 0 && l->poller.ops->reserve)
        err = l->poller.ops->reserve(&l->poller, capacity);
    return err;
}

/* Open a poller and a wake-up for it; on failure none is left open. */
static int open_kernel_side(struct gyre_loop *l, const struct poller_ops *ops)
{
    int err = wake_open(&l->inbox.wake);

    if (err < 0)
        return err;
    l->poller.ops = ops;
    err = ops->open(&l->poller, ops);
    if (err == 0) {
        err = interest_watch_wake(l, &l->poller);
        if (err == 0)
            return 0;
        ops->close(&l->poller);
    }
    wake_close(&l->inbox.wake);
    return err;
}

static int open_loop(struct gyre_loop *l, const struct gyre_loop_options *opt,
                     const struct poller_ops *ops)
{
    init_members(l, opt);

    int err = open_kernel_side(l, ops);
    if (err < 0)
        return err;
    err = reserve_descriptors(l, (int)opt->fd_capacity);
    if (err == 0)
        return 0;
    fd_table_fini(&l->fds, &l->allocator);
    ops->close(&l->poller);
    wake_close(&l->inbox.wake);
    return err;
}

static void own(struct gyre_loop *l)
{
    if (l->timer_slack)
        (void)sys->timer_slack(l->timer_slack);
    __atomic_store_n(&l->thread, thread_own_token(), __ATOMIC_RELAXED);
    loop_set_owner(l, l->thread);
}

int gyre_loop_create(const struct gyre_loop_options *opt, struct gyre_loop **out)
{
    struct gyre_loop_options copy;

    if (!out)
        return -EINVAL;
    int err = copy_options(&copy, opt);
    if (err < 0)
        return err;
    const struct poller_ops *ops = choose_poller(copy.poller);
    if (!ops)
        return GYRE_EPOLLER;
    err = thread_watch_forks();
    if (err < 0)
        return err;

    struct gyre_allocator a = copy.allocator ? *copy.allocator : memory_default;
    struct gyre_loop *l = memory_alloc(&a, sizeof(*l));
    if (!l)
        return -ENOMEM;
    err = open_loop(l, &copy, ops);
    if (err < 0) {
        memory_free(&a, l, sizeof(*l));
        return err;
    }
    own(l);
    *out = l;
    return 0;
}

int gyre_loop_adopt(struct gyre_loop *loop)
{
    if (!loop)
        return -EINVAL;
    if (__atomic_load_n(&loop->is_closed, __ATOMIC_RELAXED))
        return -ESHUTDOWN;
    if (loop->inbox.forks != thread_forks)
        return -EOWNERDEAD;
    if (loop->is_running)
        return -EBUSY;

    foreign_disturb(loop);
    own(loop);
    return 0;
}

/* ---- the end */

/* Take every queued call out of the queue; posts, which have to be dropped, into `posts`. */
static void empty_queue(struct gyre_loop *l, struct gyre_link *posts)
{
    while (!list_is_empty(l->ready)) {
        struct gyre_call *call = container_of(l->ready->next, struct gyre_call, link);

        if (call->fn == post_fire) {
            list_remove(&call->link);
            list_append(posts, &call->link);
            continue;
        }
        queue_remove(call);
        soon_retire(l, call);
    }
}

static void drop_posts(struct gyre_link *posts)
{
    while (!list_is_empty(posts)) {
        struct gyre_call *call = container_of(posts->next, struct gyre_call, link);
        struct gyre_post *post = container_of(call, struct gyre_post, call);
        gyre_drop_fn *drop = post->drop;
        void *arg = call->arg;

        queue_remove(call);
        __atomic_store_n(&post->call.sent, 0, __ATOMIC_RELEASE);
        if (drop)
            drop(arg);
    }
}

static void close_sources(struct gyre_loop *l, struct gyre_link *posts)
{
    async_close(l);
    mail_collect(l);
    empty_queue(l, posts);
    timer_close(l);
    io_close(l);
    signal_close(l);
}

int gyre_loop_close(struct gyre_loop *loop)
{
    struct gyre_link posts;

    if (!loop)
        return -EINVAL;
    if (__atomic_load_n(&loop->is_closed, __ATOMIC_RELAXED))
        return 0;
    /* A forked child has but one thread, whichever of the parent's it was. */
    if (!loop_is_on_thread(loop) && loop->inbox.forks == thread_forks)
        return -EPERM;
    if (loop->is_running)
        return -EBUSY;

    list_init(&posts);
    __atomic_store_n(&loop->is_closed, true, __ATOMIC_RELAXED);
    loop_set_owner(loop, THREAD_NONE);
    __atomic_store_n(&loop->thread, thread_own_token(), __ATOMIC_RELAXED);
    loop->is_running = true;                 /* a drop function may not destroy it */
    if (loop->inbox.forks != thread_forks) { /* else other threads may be reading it */
        loop->inbox.forks = thread_forks;
        mail_collect(loop);
        async_reset(loop);
    }
    close_sources(loop, &posts);

    queue_append_reversed(loop, inbox_close(&loop->inbox));
    empty_queue(loop, &posts);
    rooms_end(loop);
    drop_posts(&posts);
    rooms_close(loop);

    loop->poller.ops->close(&loop->poller);
    soon_close(loop);
    loop->is_running = false;
    __atomic_store_n(&loop->thread, THREAD_NONE, __ATOMIC_RELAXED);
    return 0;
}

int gyre_loop_destroy(struct gyre_loop *loop)
{
    if (!loop)
        return 0;

    int err = gyre_loop_close(loop);
    if (err < 0)
        return err;
    if (loop->is_running)
        return -EBUSY;
    /* Only here: a thread whose post was accepted just before the close may be about to write to it. */
    wake_close(&loop->inbox.wake);
    rooms_destroy(loop);
    struct gyre_allocator a = loop->allocator;
    memory_free(&a, loop, sizeof(*loop));
    return 0;
}

/* ---- questions */

uint64_t gyre_loop_now(const struct gyre_loop *loop)
{
    return loop ? loop->now : 0;
}

uint64_t gyre_loop_clock(const struct gyre_loop *loop)
{
    return loop ? loop_clock(loop) : 0;
}

bool gyre_loop_is_alive(const struct gyre_loop *loop)
{
    return loop && loop_is_on_thread(loop) && !loop->is_closed && loop_has_work(loop);
}

const char *gyre_loop_poller(const struct gyre_loop *loop)
{
    return loop ? loop->poller.ops->name : "none";
}
