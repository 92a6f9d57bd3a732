/* The timer wheel: started timers, found again in the order (deadline, seq).
 *
 * Time is cut into ticks of 2^12 ns. Timers whose tick is at most `position` are near: a heap holds
 * them in exact order. Later ones lie unordered in buckets: the level of a timer is the highest
 * group of eight bits in which its tick differs from `position`, the bucket that group's value. As
 * `position` moves on, a bucket is opened and its timers go to a lower level or to the heap.
 *
 * Invariants: position never decreases; a timer in a bucket has place.due <= deadline, and its
 * bucket is the one of place.due: a timer that was pushed back stays where it is until the bucket
 * comes up. `next` is never later than the earliest deadline, unless `stale` it is close to it. A
 * bit of `occupied` may outlive the last timer of its bucket, never the reverse.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_WHEEL_H
#define GYRE_WHEEL_H

#include "base/list.h"
#include "base/util.h"
#include "gyre/loop.h"
#include "loop/watcher.h"

enum {
    WHEEL_TICK_BITS = 12,
    WHEEL_LEVEL_BITS = 8,
    WHEEL_LEVELS = 7, /* 12 + 7 * 8 bits reach beyond 2^64 ns */
    WHEEL_BUCKETS = 1 << WHEEL_LEVEL_BITS,
    WHEEL_WORDS = WHEEL_BUCKETS / 64,
};

struct wheel {
    uint64_t position;
    uint64_t seq; /* of the next start */
    uint64_t next;
    bool stale;
    struct gyre_timer *near;
    uint64_t occupied[WHEEL_LEVELS][WHEEL_WORDS];
    struct gyre_link bucket[WHEEL_LEVELS][WHEEL_BUCKETS];
};

void wheel_init(struct wheel *w, uint64_t now);

static inline uint64_t wheel_tick(uint64_t time)
{
    return time >> WHEEL_TICK_BITS;
}

/* The bucket of a tick later than the position. */
static inline unsigned wheel_level(const struct wheel *w, uint64_t tick)
{
    return (63u - (unsigned)__builtin_clzll(tick ^ w->position)) / WHEEL_LEVEL_BITS;
}

static inline unsigned wheel_index(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (level * WHEEL_LEVEL_BITS)) % WHEEL_BUCKETS;
}

static inline void wheel_put_far(struct wheel *w, struct gyre_timer *timer, uint64_t tick)
{
    unsigned level = wheel_level(w, tick);
    unsigned index = wheel_index(tick, level);

    timer->call.state = TIMER_FAR;
    timer->place.due = timer->deadline;
    w->occupied[level][index / 64] |= (uint64_t)1 << index % 64;
    list_append(&w->bucket[level][index], &timer->call.link);
}

void wheel_put_near(struct wheel *w, struct gyre_timer *timer);
void wheel_remove_near(struct wheel *w, struct gyre_timer *timer);

/* Place a timer that is in no list; its deadline is set. Sets seq, place and call.state. */
static inline void wheel_insert(struct wheel *w, struct gyre_timer *timer)
{
    uint64_t tick = wheel_tick(timer->deadline);

    timer->seq = w->seq++;
    if (timer->deadline < w->next)
        w->next = timer->deadline;
    if (unlikely(tick <= w->position))
        wheel_put_near(w, timer);
    else
        wheel_put_far(w, timer, tick);
}

static inline void wheel_remove(struct wheel *w, struct gyre_timer *timer)
{
    if (timer->deadline <= w->next)
        w->stale = true;
    if (likely(timer->call.state == TIMER_FAR))
        list_remove(&timer->call.link);
    else
        wheel_remove_near(w, timer);
}

/* Change the deadline of a placed timer; it counts as started anew. To a later time that is a
 * store: its bucket will find out. */
static inline void wheel_move(struct wheel *w, struct gyre_timer *timer, uint64_t deadline)
{
    if (unlikely(timer->call.state != TIMER_FAR || deadline < timer->place.due)) {
        wheel_remove(w, timer);
        timer->deadline = deadline;
        wheel_insert(w, timer);
        return;
    }

    if (timer->deadline <= w->next)
        w->stale = true;
    timer->deadline = deadline;
    timer->seq = w->seq++;
    if (unlikely(deadline < w->next))
        w->next = deadline;
}

/* Whether wheel_pop is worth calling: something may be due, or the position has fallen too far
 * behind the clock. Most often neither. */
static inline bool wheel_is_ripe(const struct wheel *w, uint64_t now)
{
    if (now >= w->next)
        return true;
    return w->next != GYRE_NEVER && (wheel_tick(now) ^ w->position) >= WHEEL_BUCKETS;
}

/* Take out the first timer whose deadline is at most `now`; NULL: none. */
struct gyre_timer *wheel_pop(struct wheel *w, uint64_t now);

/* Take out any timer; NULL: the wheel is empty. */
struct gyre_timer *wheel_drain(struct wheel *w);

/* A time not later than the earliest deadline, GYRE_NEVER if there is none. Cheap: it may be a
 * little too early, when many timers lie in one bucket or the earliest one was stopped. */
uint64_t wheel_next(struct wheel *w);

/* The earliest deadline itself. Looks at every timer of a bucket. */
uint64_t wheel_first_deadline(struct wheel *w);

/* Whether the invariants hold; for tests. */
bool wheel_check(const struct wheel *w);

#endif
