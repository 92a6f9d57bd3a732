/* bare: the least a timer can do, as a limit to compare with; not a library.
 *
 * One circle of lists, a millisecond each, 131 seconds long: longer delays and any order within a
 * millisecond are beyond it. Moving a timer to a later time only writes the new time; it is put in
 * its place when the old one comes.
 *
 * Invariant: a started timer is in the list of `slot`, which is not later than its deadline.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <sys/epoll.h>

static void timer_fired(size_t i); /* timers.h, below, defines it with these operations */

struct link {
    struct link *next, *prev;
};

struct timer {
    struct link link; /* next is NULL: not started */
    uint64_t slot, deadline;
    void (*fn)(struct timer *timer);
};

enum { SLOTS = 1 << 17 };

static struct link *slots;
static struct timer *timers;
static uint64_t now, constant;
static int epoll;

static void on_timer(struct timer *timer)
{
    timer_fired((size_t)(timer - timers));
}

static void make_timers(size_t count, uint64_t const_ms)
{
    constant = const_ms;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    bench_check(epoll >= 0, "epoll_create1");
    now = bench_wall() / 1000000;

    slots = bench_alloc(SLOTS, sizeof *slots);
    for (size_t i = 0; i < SLOTS; i++)
        slots[i].next = slots[i].prev = &slots[i];
    timers = bench_alloc(count, sizeof *timers);
    for (size_t i = 0; i < count; i++)
        timers[i].fn = on_timer;
}

static inline void link_timer(struct timer *timer)
{
    struct link *head = &slots[timer->deadline % SLOTS];

    timer->slot = timer->deadline;
    timer->link.next = head;
    timer->link.prev = head->prev;
    head->prev->next = &timer->link;
    head->prev = &timer->link;
}

static inline void unlink_timer(struct timer *timer)
{
    timer->link.next->prev = timer->link.prev;
    timer->link.prev->next = timer->link.next;
    timer->link.next = NULL;
}

static inline void start_after(size_t i, uint64_t ms)
{
    struct timer *timer = &timers[i];

    timer->deadline = now + ms;
    if (timer->link.next) {
        if (timer->deadline >= timer->slot)
            return;
        unlink_timer(timer);
    }
    link_timer(timer);
}

static inline void start_const(size_t i)
{
    start_after(i, constant);
}

static inline void restart_after(size_t i, uint64_t ms)
{
    start_after(i, ms);
}

static inline void restart_const(size_t i)
{
    start_after(i, constant);
}

static inline void start_after_fresh(size_t i, uint64_t ms)
{
    start_after(i, bench_wall() / 1000000 - now + ms);
}

static inline void restart_after_fresh(size_t i, uint64_t ms)
{
    start_after_fresh(i, ms);
}

static inline void restart_const_fresh(size_t i)
{
    start_after_fresh(i, constant);
}

static inline void stop_timer(size_t i)
{
    if (timers[i].link.next)
        unlink_timer(&timers[i]);
}

static void expire_slot(struct link *head)
{
    struct link *next;

    for (struct link *link = head->next; link != head; link = next) {
        struct timer *timer = (struct timer *)link;
        next = link->next;
        unlink_timer(timer);
        if (timer->deadline > now)
            link_timer(timer);
        else
            timer->fn(timer);
    }
}

static void turn(void (*fn)(void))
{
    struct epoll_event event;
    uint64_t then = now;

    epoll_wait(epoll, &event, 1, 0);
    now = bench_wall() / 1000000;
    while (then < now)
        expire_slot(&slots[++then % SLOTS]);
    if (fn)
        fn();
}

#include "timers.h"
