/* bare: messages between threads by hand, as a limit to compare with: a stack without a lock. A
 * sleeping loop leaves a mark in it, and only the message that finds the mark writes to the eventfd.
 *
 * Invariant: `first` is NULL (empty, the loop is awake), &asleep (empty, the loop sleeps or is about
 * to), or the latest of the messages that have not been taken.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct message {
    struct message *next;
    struct side *to;
    void (*fn)(struct message *self);
    void *producer;
};

static void arrived(struct message *message); /* posts.h, below */

struct side {
    _Atomic(struct message *) first;
    int epoll, eventfd;
    bool stopped;
};

static struct message asleep;

static void side_open(struct side *side)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };

    side->epoll = epoll_create1(EPOLL_CLOEXEC);
    side->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bench_check(!epoll_ctl(side->epoll, EPOLL_CTL_ADD, side->eventfd, &event), "epoll_ctl");
}

static void side_close(struct side *side)
{
    close(side->epoll);
    close(side->eventfd);
}

static void side_stop(struct side *side)
{
    side->stopped = true;
}

static struct message *reverse(struct message *latest)
{
    struct message *oldest = NULL;

    while (latest) {
        struct message *next = latest->next;
        latest->next = oldest;
        oldest = latest;
        latest = next;
    }
    return oldest;
}

static void await_message(struct side *side)
{
    struct message *none = NULL;
    struct epoll_event event;

    if (atomic_compare_exchange_strong(&side->first, &none, &asleep))
        epoll_wait(side->epoll, &event, 1, -1);
}

static void side_run(struct side *side)
{
    while (!side->stopped) {
        struct message *next, *latest = atomic_exchange(&side->first, NULL);

        if (!latest || latest == &asleep) {
            await_message(side);
            continue;
        }
        for (struct message *m = reverse(latest); m; m = next) {
            next = m->next;
            m->fn(m);
        }
    }
}

static void message_init(struct message *message, struct side *to)
{
    message->to = to;
    message->fn = arrived;
}

static inline void message_send(struct message *message)
{
    struct side *to = message->to;
    struct message *latest = atomic_load_explicit(&to->first, memory_order_relaxed);

    do {
        message->next = latest == &asleep ? NULL : latest;
    } while (!atomic_compare_exchange_weak_explicit(&to->first, &latest, message,
                                                    memory_order_release, memory_order_relaxed));
    if (latest == &asleep) {
        uint64_t one = 1;
        bench_check(write(to->eventfd, &one, sizeof one) == sizeof one, "eventfd");
    }
}

#include "posts.h"
