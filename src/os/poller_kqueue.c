/* The poller of FreeBSD, macOS, NetBSD, OpenBSD and DragonFly: kqueue.
 *
 * The kernel keeps one filter per descriptor number and direction, and drops it when that number
 * is closed. The filter's ident is the descriptor, the lower half of the key; its udata is the
 * upper half, which fits into a pointer of any size. So nothing is kept here.
 *
 * Changes and events travel in separate calls: without an event list a call takes nothing out of
 * the queue, and its errno speaks of the changes alone, on every one of these systems.
 *
 * SPDX-License-Identifier: MIT */
#include "os/poller.h"
#include "os/sys.h"

#include <errno.h>
#include <string.h>
#include <sys/event.h>
#include <sys/time.h>
#include <unistd.h>

#define KQUEUE_ALARM    ((uintptr_t)1 << 31) /* an ident; no descriptor has this number */
#define KQUEUE_WAIT_MAX GYRE_S(86400)        /* more is an error, or a day, to some kernels */
#define KQUEUE_BUCKETS  64

/* Timers count nanoseconds where the kernel can and has room for them, else milliseconds. */
#if defined(NOTE_NSECONDS) && INTPTR_MAX > INT32_MAX
#define KQUEUE_TICK     1u
#define KQUEUE_TICK_MAX (UINT64_C(1) << 60)
#define KQUEUE_UNIT     NOTE_NSECONDS
#else
#define KQUEUE_TICK     1000000u
#define KQUEUE_TICK_MAX UINT64_C(0x7fffffff)
#define KQUEUE_UNIT     0
#endif

#ifndef NOTE_CRITICAL
#define NOTE_CRITICAL 0 /* macOS: without it timers are late, to save power */
#endif

/* The types of the members differ between the systems, hence the casts to whatever they are. */
#define KQUEUE_ASSIGN(member, value) ((member) = (__typeof__(member))(value))

static void describe_change(struct kevent *change, uint64_t key, int filter, unsigned flags)
{
    memset(change, 0, sizeof(*change));
    KQUEUE_ASSIGN(change->ident, (uint32_t)key);
    KQUEUE_ASSIGN(change->udata, (uintptr_t)(key >> 32));
    KQUEUE_ASSIGN(change->filter, filter);
    KQUEUE_ASSIGN(change->flags, flags);
}

/* A change for each direction in `events`, appended to the `count` there are. */
static int describe_changes(struct kevent *changes, int count, uint64_t key, unsigned events,
                            unsigned flags)
{
    if (events & POLLER_READ)
        describe_change(&changes[count++], key, EVFILT_READ, flags);
    if (events & POLLER_WRITE)
        describe_change(&changes[count++], key, EVFILT_WRITE, flags);
    return count;
}

static int submit_change(struct poller *p, const struct kevent *change)
{
    return sys->kevent(p->u.kqueue.fd, change, 1, NULL, 0, NULL) < 0 ? -errno : 0;
}

/* Add or delete, in place of the filter that a broken pipe cannot have, a timer of the same ident:
 * every millisecond, or once if edge-triggered. The writer learns the rest from its next write. */
static int change_stand_in(struct poller *p, const struct kevent *change)
{
    struct kevent timer = *change;

    timer.filter = EVFILT_TIMER;
    timer.data = 1;
    if (timer.flags & EV_CLEAR)
        timer.flags |= EV_ONESHOT;
    return submit_change(p, &timer);
}

/* What to make of the error that `change` met. */
static int settle_change(struct poller *p, const struct kevent *change, int err)
{
    bool writing = (int)change->filter == EVFILT_WRITE;

    if (err == 0)
        return 0;

    if (change->flags & EV_DELETE) {
        /* Whatever it says, it is out: with its file, or it never was in. */
        if (writing)
            (void)change_stand_in(p, change);
        return 0;
    }

    /* The reader of a pipe has left; NetBSD calls that EBADF. */
    if (writing && (err == -EPIPE || (err == -EBADF && sys->is_open((int)change->ident) >= 0)))
        return change_stand_in(p, change);

    if (err == -EINVAL || err == -ENODEV || err == -EOPNOTSUPP)
        return -EPERM; /* not a kind of file that can be watched */
    return err;
}

/* A call stops at the first change that fails and does not tell which that was. To repeat a change
 * does no harm, so after a failure they go one by one. */
static int submit_changes(struct poller *p, const struct kevent *changes, int count)
{
    int err = 0;

    if (sys->kevent(p->u.kqueue.fd, changes, count, NULL, 0, NULL) >= 0)
        return 0;

    for (int i = 0; i < count && err == 0; i++)
        err = settle_change(p, &changes[i], submit_change(p, &changes[i]));
    return err;
}

static int kqueue_open(struct poller *p, const struct poller_ops *ops)
{
    (void)ops;

    int fd = sys->kqueue();
    if (fd < 0)
        return -errno;

    p->u.kqueue.fd = fd;
    p->u.kqueue.owner = getpid();
    return 0;
}

static void kqueue_close(struct poller *p)
{
    if (p->u.kqueue.owner == getpid())
        (void)sys->close(p->u.kqueue.fd);
}

static int kqueue_set(struct poller *p, int fd, uint64_t key, unsigned old, unsigned events)
{
    struct kevent changes[4];
    int count = 0;
    unsigned add = EV_ADD;
    unsigned unwanted = old & ~events;

    (void)fd; /* it is in the key */
    if (events & POLLER_EDGE)
        add |= EV_CLEAR;
    if ((old ^ events) & POLLER_EDGE)
        unwanted = old; /* a filter that exists keeps its EV_CLEAR */

    count = describe_changes(changes, count, key, unwanted, EV_DELETE);
    count = describe_changes(changes, count, key, events, add);
    int err = submit_changes(p, changes, count);
    if (err == 0)
        return 0;

    count = describe_changes(changes, 0, key, events & ~old, EV_DELETE);
    (void)submit_changes(p, changes, count);
    return err;
}

static unsigned events_of_record(const struct kevent *record)
{
    unsigned events;

    if (record->flags & EV_ERROR)
        return record->data == EBADF ? POLLER_GONE : POLLER_ERROR;
    if ((int)record->filter == EVFILT_TIMER)
        return record->ident == KQUEUE_ALARM ? 0 : POLLER_WRITE | POLLER_HANGUP;
    if ((int)record->filter == EVFILT_READ)
        events = POLLER_READ;
    else if ((int)record->filter == EVFILT_WRITE)
        events = POLLER_WRITE;
    else
        return 0;

    if (record->flags & EV_EOF)
        events |= record->fflags ? POLLER_HANGUP | POLLER_ERROR : POLLER_HANGUP;
    return events;
}

/* One event per descriptor: its two directions come as two records, in any order. */
static int merge_records(const struct kevent *records, int n, struct poller_event *out)
{
    int last[KQUEUE_BUCKETS]; /* index in `out` of the last event of each bucket, or -1 */
    int before[POLLER_BATCH]; /* the one before it in its bucket */
    int count = 0;

    memset(last, -1, sizeof(last));
    for (int i = 0; i < n; i++) {
        uint64_t key = (uint64_t)(uintptr_t)records[i].udata << 32 | (uint32_t)records[i].ident;
        unsigned events = events_of_record(&records[i]);
        int *bucket = &last[key % KQUEUE_BUCKETS];
        int at = *bucket;

        if (events == 0)
            continue;
        while (at >= 0 && out[at].key != key)
            at = before[at];
        if (at < 0) {
            at = count++;
            before[at] = *bucket;
            *bucket = at;
            out[at] = (struct poller_event){ .key = key };
        }
        out[at].events |= events;
    }
    return count;
}

static int kqueue_collect(struct poller *p, uint64_t timeout, struct poller_event *out, int max)
{
    struct kevent records[POLLER_BATCH];
    uint64_t span = timeout < KQUEUE_WAIT_MAX ? timeout : KQUEUE_WAIT_MAX;
    struct timespec ts = {
        .tv_sec = (time_t)(span / GYRE_S(1)),
        .tv_nsec = (long)(span % GYRE_S(1)),
    };
    const struct timespec *limit = timeout == GYRE_NEVER ? NULL : &ts;

    int n = sys->kevent(p->u.kqueue.fd, NULL, 0, records, max, limit);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    return merge_records(records, n, out);
}

static int kqueue_fd(const struct poller *p)
{
    return p->u.kqueue.fd;
}

static int kqueue_alarm(struct poller *p, uint64_t delay)
{
    struct kevent changes[2];

    /* Deleted before it is added: not every kernel restarts a timer that it has. */
    describe_change(&changes[0], KQUEUE_ALARM, EVFILT_TIMER, EV_DELETE);
    if (delay == GYRE_NEVER)
        return submit_changes(p, changes, 1);

    uint64_t ticks = delay / KQUEUE_TICK + (delay % KQUEUE_TICK != 0);
    if (ticks == 0)
        ticks = 1; /* 0 is an error, or never, to some kernels */
    if (ticks > KQUEUE_TICK_MAX)
        ticks = KQUEUE_TICK_MAX;

    describe_change(&changes[1], KQUEUE_ALARM, EVFILT_TIMER, EV_ADD | EV_ONESHOT);
    changes[1].fflags = KQUEUE_UNIT | NOTE_CRITICAL;
    KQUEUE_ASSIGN(changes[1].data, ticks);
    return submit_changes(p, changes, 2);
}

const struct poller_ops poller_kqueue = {
    .name = "kqueue",
    .edge = true,
    .open = kqueue_open,
    .close = kqueue_close,
    .set = kqueue_set,
    .wait = kqueue_collect,
    .fd = kqueue_fd,
    .alarm = kqueue_alarm,
};
