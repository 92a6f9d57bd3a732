/* Asyncs: any thread says "there is something", and the loop hears it once.
 *
 * call.sent is the protocol between senders and the loop. ASYNC_ARMED -> ASYNC_SENT by the one
 * sender who thereby takes it upon itself to put the node into the inbox; ASYNC_SENT -> ASYNC_ARMED
 * by the loop just before the callback. So the node is in the inbox, on its way there, or in the
 * queue exactly while call.sent is ASYNC_SENT, and nobody but its sender touches its link on the
 * way.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"

#include <sched.h>

enum { ASYNC_STOPPED, ASYNC_ARMED, ASYNC_SENT };

static uint8_t load_state(const struct gyre_async *async)
{
    return __atomic_load_n(&async->call.sent, __ATOMIC_ACQUIRE);
}

static void store_state(struct gyre_async *async, uint8_t state)
{
    __atomic_store_n(&async->call.sent, state, __ATOMIC_SEQ_CST);
}

static void async_fire(struct gyre_call *call, void *arg)
{
    struct gyre_async *async = container_of(call, struct gyre_async, call);

    /* Armed before the call: news that comes during it is news. */
    store_state(async, ASYNC_ARMED);
    async->fn(async, arg);
}

int gyre_async_init(struct gyre_async *async, struct gyre_loop *loop, gyre_async_fn *fn, void *arg)
{
    if (!async || !loop || !fn)
        return -EINVAL;

    int err = watcher_init(&async->call, loop, load_state(async) != ASYNC_STOPPED, async_fire, arg);
    if (err < 0)
        return err;
    async->fn = fn;
    store_state(async, ASYNC_STOPPED);
    return 0;
}

int gyre_async_start(struct gyre_async *async)
{
    if (!async)
        return -EINVAL;

    int err = watcher_enter(&async->call);
    if (err < 0)
        return err;
    if (load_state(async) != ASYNC_STOPPED)
        return -EALREADY;

    struct gyre_loop *l = async->call.loop;
    list_append(&l->asyncs, &async->sibling);
    l->live_asyncs += async->call.weight;
    store_state(async, ASYNC_ARMED);
    return 0;
}

int gyre_async_send(struct gyre_async *async)
{
    uint8_t armed = ASYNC_ARMED;

    if (!async || !watcher_is_initialised(&async->call))
        return -EINVAL;

    struct gyre_loop *l = async->call.loop;
    if (unlikely(l->inbox.forks != thread_forks))
        return -EOWNERDEAD;
    if (!__atomic_compare_exchange_n(&async->call.sent, &armed, ASYNC_SENT, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_ACQUIRE)) {
        if (armed == ASYNC_SENT)
            return 0;
        return __atomic_load_n(&l->is_closed, __ATOMIC_RELAXED) ? -ESHUTDOWN : -EINVAL;
    }
    return inbox_push(&l->inbox, &async->call.link);
}

/* Get the node out of the hands of senders and out of the inbox, into the queue or nowhere. */
static void disarm(struct gyre_loop *l, struct gyre_async *async)
{
    uint8_t state = __atomic_exchange_n(&async->call.sent, ASYNC_STOPPED, __ATOMIC_SEQ_CST);

    while (state == ASYNC_SENT && async->call.state != CALL_QUEUED) {
        mail_collect(l);
        if (async->call.state != CALL_QUEUED)
            (void)sched_yield(); /* its sender is between two instructions */
    }
}

static void detach_async(struct gyre_loop *l, struct gyre_async *async)
{
    disarm(l, async);
    if (async->call.state == CALL_QUEUED)
        queue_remove(&async->call);
    list_remove(&async->sibling);
    l->live_asyncs -= async->call.weight;
}

bool gyre_async_stop(struct gyre_async *async)
{
    if (!gyre_async_is_started(async))
        return false;

    detach_async(async->call.loop, async);
    return true;
}

bool gyre_async_is_started(const struct gyre_async *async)
{
    return async && watcher_is_initialised(&async->call) && load_state(async) != ASYNC_STOPPED &&
           watcher_may_stop(&async->call);
}

static void set_weight_of_async(struct gyre_async *async, uint8_t weight)
{
    if (async && watcher_is_initialised(&async->call))
        watcher_set_weight(&async->call, weight,
                           load_state(async) != ASYNC_STOPPED ? &async->call.loop->live_asyncs
                                                              : NULL);
}

void gyre_async_ref(struct gyre_async *async)
{
    set_weight_of_async(async, 1);
}

void gyre_async_unref(struct gyre_async *async)
{
    set_weight_of_async(async, 0);
}

void async_close(struct gyre_loop *l)
{
    while (!list_is_empty(&l->asyncs))
        detach_async(l, container_of(l->asyncs.next, struct gyre_async, sibling));
}

/* In a forked child, whose inbox has been emptied: senders that were at work in the parent's other
 * threads do not exist here. */
void async_reset(struct gyre_loop *l)
{
    for (struct gyre_link *link = l->asyncs.next; link != &l->asyncs; link = link->next) {
        struct gyre_async *async = container_of(link, struct gyre_async, sibling);

        if (async->call.state != CALL_QUEUED)
            store_state(async, ASYNC_ARMED);
    }
}
