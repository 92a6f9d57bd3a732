/* The poller named "script": over poll(2), hostile within its contract.
 *
 * By itself it reports what is ready in pseudo-random order, one to four events per wait, and now and
 * then ends a wait that was to last with nothing at all, as a signal would. A look without waiting
 * always reports something if anything is ready.
 *
 * Batches can also be dictated: what was pushed is the exact outcome of the next wait, whatever the
 * kernel would say. There is one script for each thread, meant for one loop at a time.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_SCRIPT_POLLER_H
#define GYRE_TEST_SCRIPT_POLLER_H

#include "os/poller.h"

extern const struct poller_ops poller_script;

/* Append an event to the outcome of the next wait, at most 64. The key is what the loop gave to
 * `set`: generation above, descriptor in the lower half; see script_key. */
void script_push(uint64_t key, unsigned events);

/* The key under which `fd` is in the set of the poller this thread opened last; 0 if it is not in it. */
uint64_t script_key(int fd);

/* Begin the pseudo-random sequence anew; each open does it with 1, or with the number in the
 * environment variable GYRE_SCRIPT_SEED. */
void script_seed(uint32_t seed);

/* Every `n`-th wait repeats the events of the one before that are still asked for, ready or not; 0,
 * as after each open: none does. */
void script_repeat(unsigned n);

#endif
