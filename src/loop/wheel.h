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
    WHEEL_LEVELS = 7,                      /* 12 + 7 * 8 bits reach beyond 2^64 ns */
    WHEEL_BUCKETS = 1 << WHEEL_LEVEL_BITS, /* of each level */
    WHEEL_SLOTS = WHEEL_LEVELS * WHEEL_BUCKETS,
};

struct wheel {
    uint64_t position;
    uint64_t seq; /* of the next start */
    uint64_t next;
    bool stale;
    struct gyre_timer *near;
    uint64_t occupied[WHEEL_SLOTS / 64];
    struct gyre_link bucket[WHEEL_SLOTS]; /* level by level: the number of a bucket is its slot */
};

void wheel_init(struct wheel *w, uint64_t now);

static inline uint64_t wheel_tick(uint64_t time)
{
    return time >> WHEEL_TICK_BITS;
}

/* The slot of a tick later than the position. The highest bit that differs, rounded down to a whole
 * group, is both how far to shift the tick and, times 32, the first slot of the level. */
static inline unsigned wheel_slot(const struct wheel *w, uint64_t tick)
{
    unsigned highest = 63u - (unsigned)__builtin_clzll(tick ^ w->position);
    unsigned shift = highest & ~(WHEEL_LEVEL_BITS - 1u);

    return shift * (WHEEL_BUCKETS / WHEEL_LEVEL_BITS) | (unsigned)(tick >> shift) % WHEEL_BUCKETS;
}

static inline void wheel_put_far(struct wheel *w, struct gyre_timer *timer, uint64_t tick)
{
    unsigned slot = wheel_slot(w, tick);

    timer->call.state = TIMER_FAR;
    timer->place.due = timer->deadline;
    w->occupied[slot / 64] |= (uint64_t)1 << slot % 64;
    list_append(&w->bucket[slot], &timer->call.link);
}

void wheel_put_near(struct wheel *w, struct gyre_timer *timer);
void wheel_remove_near(struct wheel *w, struct gyre_timer *timer);

/* Whether a deadline lies beyond what is in the heap. */
static inline bool wheel_is_far(const struct wheel *w, uint64_t deadline)
{
    return wheel_tick(deadline) > w->position;
}

/* Place a timer that is in no list; its deadline is set. Sets seq, place and call.state. */
static inline void wheel_insert(struct wheel *w, struct gyre_timer *timer)
{
    timer->seq = w->seq++;
    if (timer->deadline < w->next)
        w->next = timer->deadline;
    if (likely(wheel_is_far(w, timer->deadline)))
        wheel_put_far(w, timer, wheel_tick(timer->deadline));
    else
        wheel_put_near(w, timer);
}

/* The deadline of a placed timer is about to go. */
static inline void wheel_forget(struct wheel *w, const struct gyre_timer *timer)
{
    if (timer->deadline <= w->next)
        w->stale = true;
}

static inline void wheel_remove_far(struct wheel *w, struct gyre_timer *timer)
{
    wheel_forget(w, timer);
    list_remove(&timer->call.link);
}

static inline void wheel_remove(struct wheel *w, struct gyre_timer *timer)
{
    if (likely(timer->call.state == TIMER_FAR))
        wheel_remove_far(w, timer);
    else
        wheel_remove_near(w, timer);
}

/* Whether a store is enough to move a placed timer to this deadline. */
static inline bool wheel_may_push_back(const struct gyre_timer *timer, uint64_t deadline)
{
    return timer->call.state == TIMER_FAR && deadline >= timer->place.due;
}

/* That store; the timer counts as started anew. Its bucket will find out. */
static inline void wheel_push_back(struct wheel *w, struct gyre_timer *timer, uint64_t deadline)
{
    wheel_forget(w, timer);
    timer->deadline = deadline;
    timer->seq = w->seq++;
    if (unlikely(deadline < w->next))
        w->next = deadline;
}

/* Change the deadline of a placed timer. */
static inline void wheel_move(struct wheel *w, struct gyre_timer *timer, uint64_t deadline)
{
    if (likely(wheel_may_push_back(timer, deadline))) {
        wheel_push_back(w, timer, deadline);
        return;
    }
    wheel_remove(w, timer);
    timer->deadline = deadline;
    wheel_insert(w, timer);
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
