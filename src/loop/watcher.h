/* What all watchers have in common: where one is, and how an initialised one is told from garbage.
 *
 * Invariant: tag is a function of the watcher's address exactly if init has run on it there, so a
 * watcher that was copied, moved or only zeroed is recognised; its state is then valid. `weight` is
 * what it adds to the loop's counts of what keeps it alive: 1, or 0 if it is unref'ed.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_WATCHER_H
#define GYRE_WATCHER_H

#include "gyre/loop.h"

enum call_state {
    CALL_IDLE,    /* call.link is in no list */
    CALL_QUEUED,  /* in the loop's queue */
    CALL_WAITING, /* in a list of a room above, which will queue it */
    TIMER_FAR,    /* in a bucket of the wheel */
    TIMER_NEAR,   /* in the wheel's heap */
};

static inline uint32_t watcher_tag(const struct gyre_call *call)
{
    return (uint32_t)(uintptr_t)call + 1; /* a watcher is aligned: never what zeroed memory has */
}

static inline bool watcher_is_initialised(const struct gyre_call *call)
{
    return call->tag == watcher_tag(call);
}

#endif
