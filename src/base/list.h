/* Intrusive doubly linked list: a ring through its head.
 *
 * Invariant: a head or a node that is in a list has next->prev == itself == prev->next; an empty
 * head points to itself. Whether a node is in a list is for its owner to know.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_LIST_H
#define GYRE_LIST_H

#include "gyre/loop.h"

#include <stdbool.h>

static inline void list_init(struct gyre_link *head)
{
    head->next = head;
    head->prev = head;
}

static inline bool list_is_empty(const struct gyre_link *head)
{
    return head->next == head;
}

/* Put `node` before `at`: at the end of the list, if `at` is its head. */
static inline void list_insert_before(struct gyre_link *at, struct gyre_link *node)
{
    struct gyre_link *last = at->prev;

    node->next = at;
    node->prev = last;
    last->next = node;
    at->prev = node;
}

static inline void list_append(struct gyre_link *head, struct gyre_link *node)
{
    list_insert_before(head, node);
}

static inline void list_prepend(struct gyre_link *head, struct gyre_link *node)
{
    list_insert_before(head->next, node);
}

static inline void list_remove(struct gyre_link *node)
{
    node->next->prev = node->prev;
    node->prev->next = node->next;
}

/* Take the first node out; the list must not be empty. */
static inline struct gyre_link *list_pop(struct gyre_link *head)
{
    struct gyre_link *node = head->next;
    struct gyre_link *next = node->next;

    /* As list_remove, but where to write is known without a look at the node. */
    head->next = next;
    next->prev = head;
    return node;
}

/* Move all of `from` to the end of `to`; leaves `from` empty. */
static inline void list_splice(struct gyre_link *to, struct gyre_link *from)
{
    if (list_is_empty(from))
        return;

    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
