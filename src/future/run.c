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

    (void)gyre_future_ref(f);
    int result = gyre_loop_run_while(loop, is_still_pending, f);
    gyre_future_unref(f);
    return result;
}
