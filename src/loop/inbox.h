/* The inbox: what other threads and signal handlers hand to a loop, and how they wake it.
 *
 * A mailbox, idle while the loop sleeps: only a producer that finds it so makes a system call.
 *
 * Requests that carry no node (stop, a signal came) are bits of `attention`. The loop looks at them
 * after it has set the mailbox idle, a requester tries to take that away after it has set its bit;
 * both are sequentially consistent, so at least one of the two sees the other.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_INBOX_H
#define GYRE_INBOX_H

#include "os/mailbox.h"
#include "os/wake.h"

enum {
    ATTENTION_STOP = 1,   /* gyre_loop_stop */
    ATTENTION_SIGNAL = 2, /* the port has counts to take */
    ATTENTION_ROOMS = 4,  /* rooms have something for the queue */
};

struct inbox {
    struct mailbox box;
    unsigned attention;
    uint32_t forks; /* the process that may write here, in terms of thread_forks */
    int wake_error; /* of a wake-up that the kernel refused; the loop reports it when it wakes */
    struct wake wake;
};

static inline bool inbox_has_mail(const struct inbox *in)
{
    return mailbox_has_mail(&in->box);
}

static inline unsigned inbox_attention(const struct inbox *in)
{
    return __atomic_load_n(&in->attention, __ATOMIC_SEQ_CST);
}

/* Whether there is something for the queue. */
static inline bool inbox_has_news(const struct inbox *in)
{
    return inbox_has_mail(in) || inbox_attention(in) & ATTENTION_ROOMS;
}

/* Add `node`. Any thread and signal handlers. -ESHUTDOWN: closed, -EOWNERDEAD: another process's;
 * nothing done. Once it returns 0, or a moment before, the node is the loop's. */
int inbox_push(struct inbox *in, struct gyre_link *node);

/* Set a bit of attention and wake the loop if it sleeps. Any thread and signal handlers. */
void inbox_request(struct inbox *in, unsigned bit);

/* The same in two steps: set the bit, which returns true if the loop sleeps and has to be woken; wake
 * it. */
bool inbox_set_request(struct inbox *in, unsigned bit);
void inbox_send_wake(struct inbox *in);

/* Take the bit away; whether it was set. The loop's thread. */
static inline bool inbox_take_request(struct inbox *in, unsigned bit)
{
    return inbox_attention(in) & bit &&
           __atomic_fetch_and(&in->attention, ~bit, __ATOMIC_SEQ_CST) & bit;
}

/* Wake the loop if it sleeps. */
void inbox_wake(struct inbox *in);

/* Announce that the loop is about to wait; then look at attention once more. False: there is mail, or
 * nothing to wait for, as it is closed or waits already. */
bool inbox_sleep(struct inbox *in);

/* Take all nodes, linked by `next`, the newest first; the loop counts as awake. */
struct gyre_link *inbox_take(struct inbox *in);

/* The same, and refuse all further ones. */
struct gyre_link *inbox_close(struct inbox *in);

#endif
