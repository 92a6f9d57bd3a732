/* Calls: functions in the queue.
 *
 * The queue is one list of gyre_call; every other watcher embeds one and enters it through a small
 * function that unwraps it, so whoever runs the queue knows no kinds.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"

int gyre_call_init(struct gyre_call *call, struct gyre_loop *loop, gyre_call_fn *fn, void *arg)
{
    if (!call || !loop || !fn)
        return -EINVAL;
    return watcher_init(call, loop, call->state != CALL_IDLE, fn, arg);
}

void queue_append_reversed(struct gyre_loop *l, struct gyre_link *list)
{
    struct gyre_link *last = l->ready->prev;
    struct gyre_link *follower = l->ready;
    struct gyre_link *next;

    for (; list; list = next) {
        trail_follow(list);
        next = list->next;
        container_of(list, struct gyre_call, link)->state = CALL_QUEUED;
        list->next = follower;
        follower->prev = list;
        follower = list;
    }
    follower->prev = last;
    last->next = follower;
}

static COLD int start_or_refuse(struct gyre_call *call)
{
    int err = call ? watcher_enter(call) : -EINVAL;

    if (err < 0)
        return err;
    if (call->state != CALL_IDLE)
        return -EALREADY;
    queue_append(call->loop, call);
    return 0;
}

int gyre_call_start(struct gyre_call *call)
{
    if (unlikely(!call || !watcher_is_mine(call) || call->state != CALL_IDLE))
        return start_or_refuse(call);

    queue_append(call->loop, call);
    return 0;
}

bool gyre_call_stop(struct gyre_call *call)
{
    if (!call || !watcher_is_queued_or_placed(call))
        return false;

    queue_remove(call);
    return true;
}

bool gyre_call_is_started(const struct gyre_call *call)
{
    return call && watcher_is_queued_or_placed(call);
}

void gyre_call_ref(struct gyre_call *call)
{
    if (call && watcher_is_initialised(call))
        watcher_set_weight(call, 1, NULL);
}

void gyre_call_unref(struct gyre_call *call)
{
    if (call && watcher_is_initialised(call))
        watcher_set_weight(call, 0, NULL);
}

/* ---- for the rooms above */

int call_check(const struct gyre_call *call)
{
    return watcher_enter(call);
}

void call_prepare(struct gyre_call *call, struct gyre_loop *l, gyre_call_fn *fn, void *arg)
{
    *call = (struct gyre_call){
        .fn = fn,
        .arg = arg,
        .loop = l,
        .tag = watcher_tag(call),
        .weight = 1,
    };
}

void call_queue(struct gyre_call *call)
{
    queue_append(call->loop, call);
}

static inline int wait_in(struct gyre_call *call, struct gyre_link *list)
{
    list_append(list, &call->link);
    call->state = CALL_WAITING;
    return 0;
}

static COLD int wait_or_refuse(struct gyre_call *call, const struct gyre_loop *l,
                               struct gyre_link *list)
{
    int err = call ? watcher_enter(call) : -EINVAL;

    if (err < 0)
        return err;
    if (call->loop != l)
        return -EXDEV;
    return call->state == CALL_IDLE ? wait_in(call, list) : -EALREADY;
}

int call_wait(struct gyre_call *call, struct gyre_loop *l, struct gyre_link *list)
{
    if (unlikely(!call || !watcher_is_initialised(call) || call->loop != l ||
                 call->state != CALL_IDLE || !loop_is_mine(l)))
        return wait_or_refuse(call, l, list);
    return wait_in(call, list);
}

void call_wake(struct gyre_call *call)
{
    list_remove(&call->link);
    queue_append(call->loop, call);
}

void call_forget(struct gyre_call *call)
{
    list_remove(&call->link);
    call->state = CALL_IDLE;
}

int call_lend(struct gyre_call *call)
{
    int err = call ? watcher_enter(call) : -EINVAL;

    if (err < 0)
        return err;
    if (call->state != CALL_IDLE)
        return -EALREADY;
    call->state = CALL_WAITING;
    return 0;
}

void call_lose(struct gyre_call *call)
{
    call->state = CALL_IDLE;
}
