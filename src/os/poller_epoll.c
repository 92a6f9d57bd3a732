/* The poller of Linux: epoll, level-triggered.
 *
 * epoll_pwait2 waits with nanoseconds; where the kernel or a sandbox refuses it, epoll_wait with
 * milliseconds, rounded up. The kernel keeps a registration as long as any duplicate of the file
 * is open: the generation in the key tells the loop which reports are of the past.
 *
 * SPDX-License-Identifier: MIT */
#include "os/clock.h"
#include "os/poller.h"
#include "os/sys.h"

#include <errno.h>

/* The key under which the alarm is in the set; no descriptor has it. */
#define ALARM_KEY UINT64_MAX

static int epoll_open(struct poller *p, const struct poller_ops *ops)
{
    int fd = sys->epoll_create();

    if (fd < 0)
        return -errno;

    p->u.epoll.fd = fd;
    p->u.epoll.alarm_fd = -1;
    p->u.epoll.coarse = ops == &poller_epoll_wait;
    return 0;
}

static void epoll_close(struct poller *p)
{
    if (p->u.epoll.alarm_fd >= 0)
        (void)sys->close(p->u.epoll.alarm_fd);
    (void)sys->close(p->u.epoll.fd);
}

static int control(const struct poller *p, int op, int fd, struct epoll_event *event)
{
    return sys->epoll_ctl(p->u.epoll.fd, op, fd, event) < 0 ? -errno : 0;
}

static int epoll_set(struct poller *p, int fd, uint64_t key, unsigned old, unsigned events)
{
    struct epoll_event event = { .data.u64 = key };

    if (events == 0) {
        /* Whatever it says, it is out: closed before, never in, or another file by now. */
        (void)control(p, EPOLL_CTL_DEL, fd, &event);
        return 0;
    }

    if (events & POLLER_READ)
        event.events |= EPOLLIN;
    if (events & POLLER_WRITE)
        event.events |= EPOLLOUT;
    if (events & POLLER_EDGE)
        event.events |= EPOLLET;

    int err = control(p, old ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    if (err == -ENOENT)
        err = control(p, EPOLL_CTL_ADD, fd, &event);
    else if (err == -EEXIST)
        err = control(p, EPOLL_CTL_MOD, fd, &event);
    return err;
}

static unsigned events_of(uint32_t epoll_events)
{
    unsigned events = 0;

    if (epoll_events & EPOLLIN)
        events |= POLLER_READ;
    if (epoll_events & EPOLLOUT)
        events |= POLLER_WRITE;
    if (epoll_events & EPOLLHUP)
        events |= POLLER_HANGUP;
    if (epoll_events & EPOLLERR)
        events |= POLLER_ERROR;
    return events;
}

static int wait_for_events(struct poller *p, uint64_t timeout, struct epoll_event *events, int max)
{
    int fd = p->u.epoll.fd;

    if (timeout == 0 || timeout == GYRE_NEVER || p->u.epoll.coarse)
        return sys->epoll_wait(fd, events, max, clock_to_ms(timeout));

    int n = sys->epoll_pwait2(fd, events, max, timeout);
    if (n >= 0 || errno == EINTR)
        return n;

    /* Sandboxes answer an unknown call with whatever they like; if the set itself is broken, the
     * older call will say so. */
    p->u.epoll.coarse = true;
    return sys->epoll_wait(fd, events, max, clock_to_ms(timeout));
}

static int epoll_collect(struct poller *p, uint64_t timeout, struct poller_event *out, int max)
{
    struct epoll_event events[POLLER_BATCH];
    int n = wait_for_events(p, timeout, events, max);

    if (n < 0)
        return errno == EINTR ? 0 : -errno;

    int count = 0;
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 == ALARM_KEY)
            continue;
        out[count].key = events[i].data.u64;
        out[count++].events = events_of(events[i].events);
    }
    return count;
}

static int epoll_fd(const struct poller *p)
{
    return p->u.epoll.fd;
}

static int open_alarm(struct poller *p)
{
    int fd = sys->timerfd_create();
    if (fd < 0)
        return -errno;

    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = ALARM_KEY };
    int err = control(p, EPOLL_CTL_ADD, fd, &event);
    if (err < 0) {
        (void)sys->close(fd);
        return err;
    }
    p->u.epoll.alarm_fd = fd;
    return 0;
}

static int epoll_alarm(struct poller *p, uint64_t delay)
{
    if (p->u.epoll.alarm_fd < 0) {
        int err = open_alarm(p);
        if (err < 0)
            return err;
    }

    /* To the kernel 0 means never. */
    uint64_t ns = delay == GYRE_NEVER ? 0 : delay == 0 ? 1 : delay;
    return sys->timerfd_settime(p->u.epoll.alarm_fd, ns) < 0 ? -errno : 0;
}

#define EPOLL_OPS(poller_name)                                                         \
    {                                                                                  \
        .name = (poller_name), .edge = true, .open = epoll_open, .close = epoll_close, \
        .set = epoll_set, .wait = epoll_collect, .fd = epoll_fd, .alarm = epoll_alarm, \
    }

const struct poller_ops poller_epoll = EPOLL_OPS("epoll");
const struct poller_ops poller_epoll_wait = EPOLL_OPS("epoll_wait");
