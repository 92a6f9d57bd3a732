/* A world for the explorer to search: the whole loop, from its own source, over one kernel object,
 * the wake-up. Also twins of the library with one mistake each, which a search must find out.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_MODEL_INBOX_WORLD_H
#define GYRE_MODEL_INBOX_WORLD_H

#include "gyre/loop.h"

extern enum mistake {
    NO_MISTAKE,
    MARK_AFTER_LOOK, /* the loop looks for mail and requests first, then says that it sleeps */
    WAKE_BEFORE_BIT, /* a request wakes the loop first, then sets its bit */
    TORN_TAKE,       /* reading the stack and emptying it are two operations */
    TORN_CLOSE,      /* taking the last mail and refusing more are two operations */
    LATE_ARMING,     /* an async is armed again after its callback */
} mistake;

/* Make a loop whose poller reports a wake-up once ("edge") or until it is read ("level"), and tell
 * the explorer of its memory. */
struct gyre_loop *world_make(const char *poller);

/* After world_make, what the threads use further: an async; the signal `signo`, which must be
 * watched by then and no thread may stop, for that takes a mutex. */
void world_share_async(struct gyre_async *async);
void world_share_signal(struct gyre_loop *loop, int signo);

/* What the kernel does when a signal comes. */
void world_signal(int signo);

#endif
