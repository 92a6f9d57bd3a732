/* Watchers of descriptors that remember what they were told.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_WATCH_H
#define GYRE_TEST_WATCH_H

#include "support/fixture.h"

struct watch {
    struct gyre_io io;
    struct fixture *f;
    int id;                        /* what its callbacks record in the trace */
    int calls;                     /* how often it was called, */
    unsigned events;               /* and with what, the last time */
    void (*then)(struct watch *w); /* what it does in its callback, if anything */
    void *arg;                     /* for `then` */
};

/* Zeroed and initialised. */
void watch_init(struct fixture *f, struct watch *w, int id);

/* Init and start; that must succeed. */
void watch_start(struct fixture *f, struct watch *w, int id, int fd, unsigned events);

/* Change the events of a started one; that must succeed. */
void watch_change(struct watch *w, unsigned events);

/* As `then`: stop; read all there is. */
void watch_stop(struct watch *w);
void watch_drain(struct watch *w);

/* Run until the callback of `w` has been called again. */
void watch_until_called(struct watch *w);

/* Run the loop for `duration`, and return how often the poller was asked meanwhile. */
unsigned long waits_during(struct fixture *f, uint64_t duration);

/* Make the next wait report `events` for these, at most 64, all at once. Other pollers do so if
 * they are ready; the scripted one has to be told. */
void watch_report_together(struct watch *w, int count, unsigned events);

/* Whatever the poller knows how to tell of an error or a hang-up. */
enum { HINTS = GYRE_HANGUP | GYRE_ERROR };

#endif
