/* Timers in exact order: a pairing heap by (deadline, seq).
 *
 * A node's link.next is its next sibling, link.prev its previous sibling or, for a first child, its
 * parent (NULL at the root), place.child its first child. Invariant: no node fires before its
 * parent. Insertion is O(1), removal O(log n) amortised, nothing is allocated, nothing recurses.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TIMER_HEAP_H
#define GYRE_TIMER_HEAP_H

#include "gyre/loop.h"

static inline bool timer_precedes(const struct gyre_timer *a, const struct gyre_timer *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->seq < b->seq;
}

/* Each returns the new root; NULL is the empty heap. */
struct gyre_timer *timer_heap_insert(struct gyre_timer *root, struct gyre_timer *timer);
struct gyre_timer *timer_heap_remove(struct gyre_timer *root, struct gyre_timer *timer);

/* A heap of a list of timers, linked by link.next and ended by NULL. Sorts them, so that taking out
 * the first is cheap from then on; a list in order or nearly so costs next to nothing. */
struct gyre_timer *timer_heap_build(struct gyre_timer *list);

/* Whether the invariant holds; for tests. */
bool timer_heap_check(const struct gyre_timer *root);

#endif
