/* The timer wheel.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/wheel.h"
#include "base/list.h"
#include "base/util.h"
#include "loop/watcher.h"
#include "loop/timer_heap.h"

/* How many timers of a bucket wheel_next looks at before it makes do with the bucket's begin. */
enum { SCAN_LIMIT = 16 };

struct bucket_place {
    unsigned level;
    unsigned index;
};

static inline uint64_t tick_of(uint64_t time)
{
    return time >> WHEEL_TICK_BITS;
}

/* Where a tick later than the position belongs. */
static inline struct bucket_place place_of(const struct wheel *w, uint64_t tick)
{
    unsigned bit = 63u - (unsigned)__builtin_clzll(tick ^ w->position);
    unsigned level = bit / WHEEL_LEVEL_BITS;

    return (struct bucket_place){
        .level = level,
        .index = (unsigned)(tick >> (level * WHEEL_LEVEL_BITS)) % WHEEL_BUCKETS,
    };
}

/* The first tick of a bucket: the position's higher groups, the bucket's own, then zeros. */
static uint64_t bucket_begin(const struct wheel *w, struct bucket_place at)
{
    unsigned shift = at.level * WHEEL_LEVEL_BITS;
    uint64_t higher = w->position >> shift >> WHEEL_LEVEL_BITS << WHEEL_LEVEL_BITS << shift;

    return higher | (uint64_t)at.index << shift;
}

void wheel_init(struct wheel *w, uint64_t now)
{
    *w = (struct wheel){ .position = tick_of(now), .next = GYRE_NEVER };
    for (unsigned level = 0; level < WHEEL_LEVELS; level++)
        for (unsigned i = 0; i < WHEEL_BUCKETS; i++)
            list_init(&w->bucket[level][i]);
}

static inline void put(struct wheel *w, struct gyre_timer *timer)
{
    uint64_t tick = tick_of(timer->deadline);

    if (tick <= w->position) {
        timer->call.state = TIMER_NEAR;
        w->near = timer_heap_insert(w->near, timer);
        return;
    }

    struct bucket_place at = place_of(w, tick);
    timer->call.state = TIMER_FAR;
    timer->place.due = timer->deadline;
    w->occupied[at.level] |= (uint64_t)1 << at.index;
    list_append(&w->bucket[at.level][at.index], &timer->call.link);
}

void wheel_insert(struct wheel *w, struct gyre_timer *timer)
{
    timer->seq = w->seq++;
    if (timer->deadline < w->next)
        w->next = timer->deadline;
    put(w, timer);
}

void wheel_remove_near(struct wheel *w, struct gyre_timer *timer)
{
    w->near = timer_heap_remove(w->near, timer);
}

/* The earliest bucket with timers; false: all are empty. Lower levels come first, in a level the
 * lower index. */
static bool first_bucket(struct wheel *w, struct bucket_place *at)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        while (w->occupied[level]) {
            unsigned index = (unsigned)__builtin_ctzll(w->occupied[level]);

            if (!list_is_empty(&w->bucket[level][index])) {
                *at = (struct bucket_place){ .level = level, .index = index };
                return true;
            }
            w->occupied[level] &= w->occupied[level] - 1;
        }
    }
    return false;
}

static struct gyre_timer *timer_of(struct gyre_link *link)
{
    return container_of(link, struct gyre_timer, call.link);
}

/* Move the position to the begin of a bucket and place its timers anew. */
static void open_bucket(struct wheel *w, struct bucket_place at)
{
    struct gyre_link timers;

    list_init(&timers);
    list_splice(&timers, &w->bucket[at.level][at.index]);
    w->position = bucket_begin(w, at);
    while (!list_is_empty(&timers))
        put(w, timer_of(list_pop(&timers)));
}

struct gyre_timer *wheel_pop(struct wheel *w, uint64_t now)
{
    uint64_t tick = tick_of(now);
    struct bucket_place at;

    /* It has served: who waited for it, perhaps in vain, must not be sent to it again. */
    if (w->next <= now)
        w->stale = true;

    while (!w->near) {
        if (!first_bucket(w, &at) || bucket_begin(w, at) > tick) {
            if (tick > w->position)
                w->position = tick;
            return NULL;
        }
        open_bucket(w, at);
    }

    struct gyre_timer *timer = w->near;
    if (timer->deadline > now || timer->deadline == GYRE_NEVER)
        return NULL;
    w->near = timer_heap_remove(timer, timer);
    return timer;
}

struct gyre_timer *wheel_drain(struct wheel *w)
{
    struct gyre_timer *timer = w->near;
    struct bucket_place at;

    if (timer)
        w->near = timer_heap_remove(timer, timer);
    else if (first_bucket(w, &at))
        timer = timer_of(list_pop(&w->bucket[at.level][at.index]));
    return timer;
}

/* The earliest deadline of a bucket, or its begin if more than `limit` timers had to be looked at.
 * Timers that were pushed back go to where they belong by now; if that leaves none, GYRE_NEVER. */
static uint64_t scan_bucket(struct wheel *w, struct bucket_place at, size_t limit)
{
    struct gyre_link *head = &w->bucket[at.level][at.index];
    uint64_t earliest = GYRE_NEVER;
    struct gyre_link *next;

    for (struct gyre_link *link = head->next; link != head; link = next) {
        struct gyre_timer *timer = timer_of(link);
        struct bucket_place now_at = place_of(w, tick_of(timer->deadline));

        if (limit-- == 0)
            return bucket_begin(w, at) << WHEEL_TICK_BITS;
        next = link->next;
        if (now_at.level != at.level || now_at.index != at.index) {
            list_remove(link);
            put(w, timer);
        } else if (timer->deadline < earliest) {
            earliest = timer->deadline;
        }
    }
    return earliest;
}

static uint64_t find_next(struct wheel *w, size_t limit)
{
    struct bucket_place at;

    if (w->near)
        return w->near->deadline;

    while (first_bucket(w, &at)) {
        uint64_t earliest = scan_bucket(w, at, limit);

        if (earliest != GYRE_NEVER || !list_is_empty(&w->bucket[at.level][at.index]))
            return earliest;
    }
    return GYRE_NEVER;
}

uint64_t wheel_next(struct wheel *w)
{
    if (unlikely(w->stale)) {
        w->next = find_next(w, SCAN_LIMIT);
        w->stale = false;
    }
    return w->next;
}

uint64_t wheel_first_deadline(struct wheel *w)
{
    w->next = find_next(w, SIZE_MAX);
    w->stale = false;
    return w->next;
}

static bool bucket_is_sound(const struct wheel *w, struct bucket_place at)
{
    const struct gyre_link *head = &w->bucket[at.level][at.index];

    for (struct gyre_link *link = head->next; link != head; link = link->next) {
        const struct gyre_timer *timer = timer_of(link);
        uint64_t tick = tick_of(timer->place.due);

        if (link->next->prev != link || timer->call.state != TIMER_FAR ||
            timer->place.due > timer->deadline || tick <= w->position)
            return false;
        struct bucket_place due_at = place_of(w, tick);
        if (due_at.level != at.level || due_at.index != at.index ||
            !(w->occupied[at.level] >> at.index & 1))
            return false;
        if (!w->stale && timer->deadline < w->next)
            return false;
    }
    return true;
}

bool wheel_check(const struct wheel *w)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++)
        for (unsigned i = 0; i < WHEEL_BUCKETS; i++)
            if (!bucket_is_sound(w, (struct bucket_place){ .level = level, .index = i }))
                return false;
    return timer_heap_check(w->near);
}
