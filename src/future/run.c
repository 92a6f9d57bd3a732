/* gyre_loop_run_until.
 *
 * SPDX-License-Identifier: MIT */
#include "future/core.h"

static bool is_still_pending(void *arg)
{
    return future_is_pending(arg);
}

int gyre_loop_run_until(struct gyre_loop *loop, struct gyre_future *f)
{
    if (!loop || !f)
        return -EINVAL;
    if (f->futures && f->futures->loop != loop)
        return -EXDEV;

    struct gyre_futures *fs = f->futures;
    bool is_held = fs && futures_enter(fs) == 0;
    if (is_held)
        f->refs++;
    int result = gyre_loop_run_while(loop, is_still_pending, f);
    if (is_held)
        future_release(f);
    if (is_held && futures_enter(fs) == 0) /* not in a forked child, which does it later */
        work_run(fs);
    return result;
}
