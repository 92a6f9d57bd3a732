/* One of everything that a loop can call, so that a test can say what holds for all of them.
 *
 * Each callback records its kind in the fixture's trace and then calls `inside`, if that is set.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_KINDS_H
#define GYRE_TEST_KINDS_H

#include "support/fixture.h"

#include <signal.h>

enum kind {
    KIND_CALL,
    KIND_TIMER,
    KIND_IO,
    KIND_SIGNAL,
    KIND_ASYNC,
    KIND_POST,
    KIND_WATCHERS, /* of those above: in the user's memory */

    KIND_SOON = KIND_WATCHERS, /* gyre_call_soon */
    KIND_LATER,                /* gyre_call_later */
    KIND_REMOTE,               /* gyre_call_soon_threadsafe */
    KIND_COUNT,

    KIND_DROPPED = 100, /* added to the kind in the trace, when its drop function runs */
};

enum { KIND_SIGNO = SIGUSR1 };

struct kinds {
    struct fixture *f;
    void (*inside)(struct kinds *k, enum kind kind);
    void *arg;          /* for `inside` */
    int err;            /* for `inside` */
    unsigned io_events; /* all that io was called with */

    struct gyre_call call;
    struct gyre_timer timer;
    struct gyre_io io;
    struct gyre_signal sig;
    struct gyre_async async;
    struct gyre_post post;
    int fds[2]; /* io reads fds[0] */
};

/* The kinds of the running test, zeroed and then initialised on f->loop; outside the loop their signal
 * is ignored. There is one set: a callback that runs after its test has failed still finds it. */
struct kinds *kinds_init(struct fixture *f);

/* Init only the watchers, again. */
int kinds_init_one(struct kinds *k, enum kind kind, struct gyre_loop *loop);

/* Start it, which returns what the library does. Calls and posts are due at once, the others not for an
 * hour, or until somebody writes, signals or sends. */
int kinds_start(struct kinds *k, enum kind kind);

/* Start it and make it due in the next tick. */
void kinds_fire(struct kinds *k, enum kind kind);

bool kinds_stop(struct kinds *k, enum kind kind);
bool kinds_is_started(struct kinds *k, enum kind kind);
void kinds_ref(struct kinds *k, enum kind kind);
void kinds_unref(struct kinds *k, enum kind kind);

/* Stop all that can be stopped. */
void kinds_stop_all(struct kinds *k);

const char *kinds_name(enum kind kind);

#endif
