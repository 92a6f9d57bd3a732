/* Pollers: what tells the loop which descriptors are ready.
 *
 * A poller only translates. It keeps the kernel's set of descriptors in step with `set` and turns
 * what the kernel reports into {key, events}; it calls nobody, knows no loop and decides nothing.
 * The loop remembers what it told the poller (`old` below), so a poller needs no table of its own
 * unless its kernel interface demands one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_POLLER_H
#define GYRE_POLLER_H

#include "gyre/loop.h"

#include <stdint.h>
#include <sys/types.h>

enum {
    POLLER_READ = GYRE_READ,
    POLLER_WRITE = GYRE_WRITE,
    POLLER_HANGUP = GYRE_HANGUP,
    POLLER_ERROR = GYRE_ERROR,
    POLLER_GONE = GYRE_GONE, /* reported: the descriptor is closed, and no longer in the set */
    POLLER_EDGE = 32,        /* asked for: report once per arrival, if the poller has `edge` */
    POLLER_BATCH = 256,      /* events per wait the loop makes room for */
};

/* `key` is what `set` was given; its lower 32 bits are the descriptor, the upper ones a generation.
 */
struct poller_event {
    uint64_t key;
    unsigned events;
};

/* The state of every kind of poller; each uses its own arm. */
struct poller {
    const struct poller_ops *ops;
    const struct gyre_allocator *allocator;
    union {
        struct {
            int fd;
            int alarm_fd; /* timerfd, -1 until the first alarm */
            bool coarse;  /* the kernel has no epoll_pwait2, or we were told not to use it */
        } epoll;
        struct {
            int fd;
            pid_t owner; /* a kqueue is not inherited by fork: its number may be another file */
        } kqueue;
        struct {
            struct pollfd *fds; /* `count` of them in use, in no order */
            uint64_t *keys;     /* key of each */
            int *place;         /* fd -> index in fds, -1 if not there; `places` entries */
            int count;
            int capacity;
            int places;
            int next; /* where the next report begins, so that a full batch starves nobody */
        } poll;
        void *script; /* tests */
    } u;
};

/* Every function returns 0 (wait: the number of events) or a negative errno. */
struct poller_ops {
    const char *name;

    /* Whether POLLER_EDGE is honoured. */
    bool edge;

    /* `allocator` and `ops` are set. On failure nothing is left open. */
    int (*open)(struct poller *p, const struct poller_ops *ops);

    /* Also in a forked child, where it must not disturb the parent's set. */
    void (*close)(struct poller *p);

    /* Make room for descriptors below `capacity`, so that `set` needs no memory for them. NULL: it
     * never does. */
    int (*reserve)(struct poller *p, int capacity);

    /* Tell the kernel that interest in fd went from `old` to `events` (0: none), bits of READ,
     * WRITE and EDGE. Survives a file that was closed behind our back: an addition that exists is
     * changed, a change or removal of what does not exist adds it, or succeeds. Removing
     * never fails for lack of memory. */
    int (*set)(struct poller *p, int fd, uint64_t key, unsigned old, unsigned events);

    /* Wait at most `timeout` ns (GYRE_NEVER: for ever), rounded up to what the kernel can; fill at
     * most `max` (at most POLLER_BATCH) events. One event per fd and wait, with READ and WRITE
     * merged; HANGUP and ERROR come also when not asked for. A signal ends the wait early: 0. */
    int (*wait)(struct poller *p, uint64_t timeout, struct poller_event *out, int max);

    /* The descriptor by which the whole set can be polled; -ENOTSUP if there is none. */
    int (*fd)(const struct poller *p);

    /* Make that descriptor readable after `delay` ns, once; GYRE_NEVER: never. Replaces the alarm
     * before. Not reported by wait. */
    int (*alarm)(struct poller *p, uint64_t delay);
};

extern const struct poller_ops poller_epoll;      /* Linux */
extern const struct poller_ops poller_epoll_wait; /* Linux: as if there were no epoll_pwait2 */
extern const struct poller_ops poller_kqueue;     /* the BSDs and macOS */
extern const struct poller_ops poller_poll;       /* everywhere */

/* What this platform has, best first, ended by NULL: os/pollers_*.c. */
extern const struct poller_ops *const poller_list[];

/* The poller of that name, or NULL; the best one for a NULL name. */
const struct poller_ops *poller_find(const char *name);

#endif
