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

int gyre_call_start(struct gyre_call *call)
{
    if (unlikely(!call))
        return -EINVAL;

    int err = watcher_enter(call);
    if (unlikely(err < 0))
        return err;
    if (call->state != CALL_IDLE)
        return -EALREADY;

    queue_append(call->loop, call, !call->unref);
    return 0;
}

bool gyre_call_stop(struct gyre_call *call)
{
    if (!call || !watcher_is_queued_or_placed(call))
        return false;

    queue_remove(call->loop, call);
    return true;
}

bool gyre_call_is_started(const struct gyre_call *call)
{
    return call && watcher_is_queued_or_placed(call);
}

static void set_unref_of_call(struct gyre_call *call, bool unref)
{
    if (!call)
        return;

    bool is_started = gyre_call_is_started(call);
    watcher_set_unref(call, unref, is_started ? &call->loop->live : NULL);
    if (is_started)
        call->counted = !call->unref;
}

void gyre_call_ref(struct gyre_call *call)
{
    set_unref_of_call(call, false);
}

void gyre_call_unref(struct gyre_call *call)
{
    set_unref_of_call(call, true);
}
