/* The inbox of a loop.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/inbox.h"
#include "os/thread.h"

#include <errno.h>

static bool replace_head(struct inbox *in, struct gyre_link **expected, struct gyre_link *head)
{
    return __atomic_compare_exchange_n(&in->head, expected, head, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

void inbox_send_wake(struct inbox *in)
{
    int saved = errno;
    int err = wake_send(&in->wake);

    if (err < 0)
        __atomic_store_n(&in->wake_error, err, __ATOMIC_RELAXED);
    errno = saved;
}

int inbox_add(struct inbox *in, struct gyre_link *node)
{
    struct gyre_link *head = __atomic_load_n(&in->head, __ATOMIC_RELAXED);

    if (unlikely(in->forks != thread_forks))
        return -EOWNERDEAD;
    do {
        if (head == INBOX_CLOSED)
            return -ESHUTDOWN;
        node->next = head == INBOX_SLEEPING ? NULL : head;
    } while (!replace_head(in, &head, node));

    return head == INBOX_SLEEPING;
}

int inbox_push(struct inbox *in, struct gyre_link *node)
{
    int err = inbox_add(in, node);

    if (err <= 0)
        return err;
    inbox_send_wake(in);
    return 0;
}

void inbox_wake(struct inbox *in)
{
    struct gyre_link *sleeping = INBOX_SLEEPING;

    if (replace_head(in, &sleeping, NULL))
        inbox_send_wake(in);
}

void inbox_request(struct inbox *in, unsigned bit)
{
    __atomic_fetch_or(&in->attention, bit, __ATOMIC_SEQ_CST);
    inbox_wake(in);
}

bool inbox_sleep(struct inbox *in)
{
    struct gyre_link *empty = NULL;

    return replace_head(in, &empty, INBOX_SLEEPING);
}

static struct gyre_link *nodes_at(struct gyre_link *head)
{
    return head == INBOX_SLEEPING || head == INBOX_CLOSED ? NULL : head;
}

struct gyre_link *inbox_take(struct inbox *in)
{
    struct gyre_link *head = inbox_head(in);

    /* The common case first, without an atomic exchange; and what is closed stays closed. */
    if (head == NULL || head == INBOX_CLOSED)
        return NULL;
    return nodes_at(__atomic_exchange_n(&in->head, NULL, __ATOMIC_SEQ_CST));
}

struct gyre_link *inbox_close(struct inbox *in)
{
    return nodes_at(__atomic_exchange_n(&in->head, INBOX_CLOSED, __ATOMIC_SEQ_CST));
}
