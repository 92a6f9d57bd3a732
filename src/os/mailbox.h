/* Mailbox: a stack of nodes in one word. Any thread puts nodes in, one at a time takes all out or
 * closes it: a word that is only pushed to and emptied cannot confuse one node with its next life.
 *
 * What lies under the nodes tells whoever puts the first one in what to do: nothing; call the owner,
 * who is idle; or go away, it is closed. So a producer learns in the one atomic operation that adds
 * its node whether it must call, and whether it came too late, and only the first one calls.
 *
 * Invariant: the owner never rests while the word is anything but MAILBOX_IDLE or MAILBOX_CLOSED,
 * unless somebody who will look at it is on the way.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_MAILBOX_H
#define GYRE_MAILBOX_H

#include "os/trail.h"

#include <errno.h>
#include <stdbool.h>

struct mailbox {
    struct gyre_link *head; /* NULL, MAILBOX_IDLE, MAILBOX_CLOSED or the newest node */
};

/* Two addresses that no node has. */
#define MAILBOX_IDLE   ((struct gyre_link *)1)
#define MAILBOX_CLOSED ((struct gyre_link *)2)

static inline struct gyre_link *mailbox_head(const struct mailbox *box)
{
    return __atomic_load_n(&box->head, __ATOMIC_ACQUIRE);
}

static inline bool mailbox_has_mail(const struct mailbox *box)
{
    return (uintptr_t)mailbox_head(box) > (uintptr_t)MAILBOX_CLOSED;
}

static inline bool mailbox_replace(struct mailbox *box, struct gyre_link **expected,
                                   struct gyre_link *head)
{
    return __atomic_compare_exchange_n(&box->head, expected, head, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/* Add `node`, which may be taken at once. Returns 1 if the owner has to be called, else 0;
 * -ESHUTDOWN: closed, nothing done. */
static inline int mailbox_put(struct mailbox *box, struct gyre_link *node)
{
    struct gyre_link *head = __atomic_load_n(&box->head, __ATOMIC_RELAXED);

    trail_leave(node);
    do {
        if (head == MAILBOX_CLOSED)
            return -ESHUTDOWN;
        node->next = head == MAILBOX_IDLE ? NULL : head;
    } while (!mailbox_replace(box, &head, node));

    return head == MAILBOX_IDLE;
}

/* The same, but only if there is nothing else to do. False: the owner is idle, or it is closed;
 * nothing done. */
static inline bool mailbox_put_quietly(struct mailbox *box, struct gyre_link *node)
{
    struct gyre_link *head = __atomic_load_n(&box->head, __ATOMIC_RELAXED);

    trail_leave(node);
    do {
        if (head == MAILBOX_IDLE || head == MAILBOX_CLOSED)
            return false;
        node->next = head;
    } while (!mailbox_replace(box, &head, node));

    return true;
}

/* From now on whoever puts something in has to call. False: there is mail. */
static inline bool mailbox_set_idle(struct mailbox *box)
{
    struct gyre_link *head = NULL;

    return mailbox_replace(box, &head, MAILBOX_IDLE) || head == MAILBOX_IDLE ||
           head == MAILBOX_CLOSED;
}

static inline struct gyre_link *mailbox_exchange(struct mailbox *box, struct gyre_link *bottom)
{
    struct gyre_link *head = __atomic_exchange_n(&box->head, bottom, __ATOMIC_SEQ_CST);

    return head == MAILBOX_IDLE || head == MAILBOX_CLOSED ? NULL : head;
}

/* Take all nodes, linked by `next`, the newest first, and leave `bottom`, NULL or MAILBOX_IDLE. A
 * closed one stays closed. */
static inline struct gyre_link *mailbox_take(struct mailbox *box, struct gyre_link *bottom)
{
    struct gyre_link *head = mailbox_head(box);

    /* The common case first, without an atomic exchange. */
    if (head == bottom || head == MAILBOX_CLOSED)
        return NULL;
    return mailbox_exchange(box, bottom);
}

/* Take all nodes, and refuse all further ones. */
static inline struct gyre_link *mailbox_close(struct mailbox *box)
{
    return mailbox_exchange(box, MAILBOX_CLOSED);
}

#endif
