/* Trail: which nodes a thread has sent to others lately.
 *
 * Whoever takes a list of mail walks from the newest node to the oldest. Other processors have written
 * to them, and where the next one is he knows only when one has come over. So each is told which one
 * its thread has sent a while before it, for him to fetch meanwhile.
 *
 * Invariant: the address that is left in a node is for fetching only. What was there may be in another
 * list, or gone.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TRAIL_H
#define GYRE_TRAIL_H

#include "gyre/loop.h"
#include "os/thread.h"

enum { TRAIL_LENGTH = 8 };

struct trail {
    struct gyre_link *node[TRAIL_LENGTH];
    unsigned next;
};

extern THREAD_LOCAL struct trail thread_trail;

/* `node`, whose `prev` is not used, is about to be sent. Who finds the trail there also sees what this
 * thread has done before. */
static inline void trail_leave(struct gyre_link *node)
{
    struct gyre_link **before = &thread_trail.node[thread_trail.next++ % TRAIL_LENGTH];

    __atomic_store_n(&node->prev, *before, __ATOMIC_RELEASE);
    *before = node;
}

/* `node` was taken, and nothing else has been done to it. */
static inline void trail_follow(const struct gyre_link *node)
{
    __builtin_prefetch(node->prev);
}

#endif
