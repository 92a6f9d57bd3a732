/* The inbox of a loop.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/inbox.h"
#include "base/util.h"
#include "os/thread.h"

void inbox_send_wake(struct inbox *in)
{
    int saved = errno;
    int err = wake_send(&in->wake);

    if (err < 0)
        __atomic_store_n(&in->wake_error, err, __ATOMIC_RELAXED);
    errno = saved;
}

int inbox_push(struct inbox *in, struct gyre_link *node)
{
    if (unlikely(in->forks != thread_forks))
        return -EOWNERDEAD;

    int err = mailbox_put(&in->box, node);
    if (err <= 0)
        return err;
    inbox_send_wake(in);
    return 0;
}

/* Take the loop's sleep away; true: this thread has, and has to wake it. */
static bool end_sleep(struct inbox *in)
{
    struct gyre_link *idle = MAILBOX_IDLE;

    return mailbox_replace(&in->box, &idle, NULL);
}

void inbox_wake(struct inbox *in)
{
    if (end_sleep(in))
        inbox_send_wake(in);
}

bool inbox_set_request(struct inbox *in, unsigned bit)
{
    __atomic_fetch_or(&in->attention, bit, __ATOMIC_SEQ_CST);
    return end_sleep(in);
}

void inbox_request(struct inbox *in, unsigned bit)
{
    if (inbox_set_request(in, bit))
        inbox_send_wake(in);
}

bool inbox_sleep(struct inbox *in)
{
    struct gyre_link *empty = NULL;

    return mailbox_replace(&in->box, &empty, MAILBOX_IDLE);
}

struct gyre_link *inbox_take(struct inbox *in)
{
    return mailbox_take(&in->box, NULL);
}

struct gyre_link *inbox_close(struct inbox *in)
{
    return mailbox_close(&in->box);
}
