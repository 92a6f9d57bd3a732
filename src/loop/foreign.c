/* A loop inside somebody else's loop, by one descriptor that is readable when there is work.
 *
 * The poller's own descriptor is readable when a watched one is, or when the loop was woken. While
 * the loop rests, its alarm is set to the next deadline, its inbox is marked sleeping so that posts
 * wake it, and `owner` is nobody so that the first call that changes something comes by
 * loop_refusal, which wakes it too. So nothing has to be added to the paths of those who never use
 * this.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"

#define LONGEST_ALARM GYRE_S(24 * 60 * 60)

static void poke(struct gyre_loop *l)
{
    int err = wake_send(&l->inbox.wake);

    if (err < 0)
        __atomic_store_n(&l->inbox.wake_error, err, __ATOMIC_RELAXED);
}

/* False: the alarm cannot be set, or the deadline has come. */
static bool set_alarm(struct gyre_loop *l)
{
    uint64_t now = clock_now();
    uint64_t deadline = wheel_next(&l->wheel);

    if (deadline == l->alarm)
        return deadline > now;
    if (deadline <= now)
        return false;
    if (deadline != GYRE_NEVER && deadline - now > LONGEST_ALARM)
        deadline = now + LONGEST_ALARM;
    if (l->poller.ops->alarm(&l->poller, time_until(deadline, now)) < 0) {
        l->alarm = 0; /* neither the old one nor this: to be set again */
        return false;
    }
    l->alarm = deadline;
    return true;
}

void foreign_rest(struct gyre_loop *l)
{
    interest_flush(l);
    bool has_mail = !inbox_sleep(&l->inbox);
    bool has_request = inbox_attention(&l->inbox) & ~(unsigned)ATTENTION_STOP;

    if (!set_alarm(l) || has_mail || has_request || !list_is_empty(l->ready))
        poke(l);
    loop_set_owner(l, THREAD_NONE);
}

void foreign_disturb(struct gyre_loop *l)
{
    if (!l->is_foreign || l->is_running || l->is_closed ||
        __atomic_load_n(&l->head.owner, __ATOMIC_RELAXED) != THREAD_NONE)
        return;
    loop_set_owner(l, l->thread);
    poke(l);
}

int gyre_loop_fd(struct gyre_loop *loop)
{
    if (!loop)
        return -EINVAL;
    if (!loop_is_on_thread(loop) || loop->is_closed)
        return loop_refusal(loop);
    if (loop->is_virtual)
        return -ENOTSUP;

    int fd = loop->poller.ops->fd(&loop->poller);
    if (fd < 0 || loop->is_foreign)
        return fd;

    int err = loop->poller.ops->alarm(&loop->poller, GYRE_NEVER);
    if (err < 0)
        return err;
    loop->is_foreign = true;
    loop->alarm = GYRE_NEVER;
    if (!loop->is_running)
        foreign_rest(loop);
    return fd;
}
