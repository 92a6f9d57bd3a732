/* Who may use a loop: its own thread, while it is open, in the process that made it.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"

int loop_refusal(struct gyre_loop *l)
{
    if (__atomic_load_n(&l->is_closed, __ATOMIC_RELAXED))
        return -ESHUTDOWN;
    if (l->forks != thread_forks)
        return -EOWNERDEAD;
    if (!loop_is_on_thread(l))
        return -EPERM;
    foreign_disturb(l);
    return 0;
}

int watcher_init(struct gyre_call *call, struct gyre_loop *loop, bool is_started, gyre_call_fn *fire,
                 void *arg)
{
    int err = loop_enter(loop);

    if (err < 0)
        return err;
    if (watcher_is_initialised(call) && is_started)
        return -EBUSY;
    *call = (struct gyre_call){
        .loop = loop,
        .tag = watcher_tag(call),
        .fn = fire,
        .arg = arg,
    };
    return 0;
}

void watcher_set_unref(struct gyre_call *call, bool unref, size_t *counter)
{
    if (!watcher_is_initialised(call) || !watcher_may_stop(call) || call->unref == unref)
        return;

    call->unref = unref;
    if (counter)
        *counter += unref ? (size_t)-1 : 1;
}
