/* A loop in a forked child.
 *
 * The kernel objects are shared with the parent: the child only closes its copies of them and makes
 * new ones. It must not take anything out of the shared poller, that would take it out of the
 * parent's.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"

/* New kernel objects with everything that is registered. On failure nothing has changed. */
static int renew_kernel_side(struct gyre_loop *l)
{
    struct poller fresh = { .ops = l->poller.ops, .allocator = l->poller.allocator };
    struct wake old_wake = l->inbox.wake;

    interest_find_closed(l);
    int err = wake_open(&l->inbox.wake);
    if (err < 0) {
        l->inbox.wake = old_wake;
        return err;
    }
    err = fresh.ops->open(&fresh, fresh.ops);
    if (err == 0) {
        err = interest_move(l, &fresh);
        if (err == 0) {
            l->poller.ops->close(&l->poller);
            wake_close(&old_wake);
            l->poller = fresh;
            return 0;
        }
        fresh.ops->close(&fresh);
    }
    wake_close(&l->inbox.wake);
    l->inbox.wake = old_wake;
    return err;
}

int gyre_loop_after_fork(struct gyre_loop *loop)
{
    if (!loop)
        return -EINVAL;
    if (loop->is_closed)
        return -ESHUTDOWN;
    if (loop->inbox.forks == thread_forks)
        return loop_is_on_thread(loop) ? 0 : -EPERM;
    if (loop->is_running)
        return -EBUSY;

    int err = renew_kernel_side(loop);
    if (err < 0)
        return err;

    loop->inbox.forks = thread_forks;
    loop->is_foreign = false;
    loop->thread = thread_own_token();
    loop_set_owner(loop, loop->thread);
    signal_adopt_port(loop);
    interest_drop_closed(loop);
    mail_collect(loop);
    async_reset(loop);
    rooms_after_fork(loop);
    return 0;
}
