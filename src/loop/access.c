/* Who may use a loop: its own thread, while it is open, in the process that made it.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"

int loop_refusal(struct gyre_loop *l)
{
    if (__atomic_load_n(&l->is_closed, __ATOMIC_RELAXED))
        return -ESHUTDOWN;
    if (l->inbox.forks != thread_forks)
        return -EOWNERDEAD;
    if (!loop_is_on_thread(l))
        return -EPERM;
    foreign_disturb(l);
    return 0;
}

int watcher_init(struct gyre_call *call, struct gyre_loop *loop, bool is_started,
                 gyre_call_fn *fire, void *arg)
{
    int err = loop_check(loop);

    if (err < 0)
        return err;
    if (watcher_is_initialised(call) && is_started)
        return -EBUSY;
    *call = (struct gyre_call){
        .loop = loop,
        .tag = watcher_tag(call),
        .weight = 1,
        .fn = fire,
        .arg = arg,
    };
    return 0;
}

void watcher_set_weight(struct gyre_call *call, uint8_t weight, size_t *count)
{
    if (!watcher_may_stop(call))
        return;

    size_t change = (size_t)weight - call->weight;
    call->weight = weight;
    if (count)
        *count += change;
}
