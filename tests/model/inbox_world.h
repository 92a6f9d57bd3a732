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
    HASTY_TAKE,      /* deliveries are counted without a look at the handlers at work */
} mistake;

/* Empty the world. */
void world_begin(void);

/* Make a loop whose poller reports a wake-up once ("edge") or until it is read ("level"), and tell
 * the explorer of its memory. */
struct gyre_loop *world_make(const char *poller);

/* After world_make, what the threads use further: an async; a signal that the loop watches by then;
 * and, if it does not do so all the time, the words of the table of signals. */
void world_share_async(struct gyre_async *async);
void world_share_signal(struct gyre_loop *loop, int signo);
void world_share_table(struct gyre_loop *loop, int signo);

/* What the kernel does when a signal comes: it calls the library's handler, or the one before. */
void world_signal(int signo);

/* How often it called which, and how often the library raised a signal. */
struct world_signals {
    unsigned handled;
    unsigned left_alone;
    unsigned raised;
};

extern struct world_signals world_signals;

#endif
