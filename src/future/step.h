/* A node that runs a function of the user's from the loop's queue, to start what comes next.
 *
 * Invariant: while `call` is queued nothing the node waits for is pending that it has not started
 * before; while the function runs a request to stop is only noted, and passed on afterwards to what
 * it has started.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_FUTURE_STEP_H
#define GYRE_FUTURE_STEP_H

#include "future/node.h"

struct step {
    struct node node;
    struct gyre_call call;
};

struct step_kind {
    struct node_kind node;

    /* Called in the scope of `step`, and may settle it. */
    void (*run)(struct step *step);
};

static inline struct step *step_of(struct node *node)
{
    return container_of(node, struct step, node);
}

void step_init(struct step *step);

/* Have it run soon; not if the loop is being closed. */
void step_queue(struct step *step);

/* For the table: undone if it was about to run, else the inputs are asked. */
int step_cancel(struct gyre_future *f);

/* Wait, by an empty edge, for what the function has returned, or fail if that cannot be taken over. */
void step_connect(struct step *step, struct edge *edge, struct gyre_future *next);

#endif
