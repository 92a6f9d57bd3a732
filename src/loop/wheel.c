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

/* The first tick of a bucket: the position's higher groups, the bucket's own, then zeros. */
static uint64_t bucket_begin(const struct wheel *w, unsigned slot)
{
    unsigned shift = slot / WHEEL_BUCKETS * WHEEL_LEVEL_BITS;
    uint64_t higher = w->position >> shift >> WHEEL_LEVEL_BITS << WHEEL_LEVEL_BITS << shift;

    return higher | (uint64_t)(slot % WHEEL_BUCKETS) << shift;
}

void wheel_init(struct wheel *w, uint64_t now)
{
    *w = (struct wheel){ .position = wheel_tick(now), .next = GYRE_NEVER };
    for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
        list_init(&w->bucket[slot]);
}

void wheel_put_near(struct wheel *w, struct gyre_timer *timer)
{
    timer->call.state = TIMER_NEAR;
    w->near = timer_heap_insert(w->near, timer);
}

void wheel_remove_near(struct wheel *w, struct gyre_timer *timer)
{
    wheel_forget(w, timer);
    w->near = timer_heap_remove(w->near, timer);
}

/* The earliest bucket with timers; false: all are empty. Lower levels come first. Forgets the bits
 * of empty ones on the way. */
static bool first_bucket(struct wheel *w, unsigned *slot)
{
    for (unsigned word = 0; word < ARRAY_LEN(w->occupied); word++) {
        uint64_t *occupied = &w->occupied[word];

        for (; *occupied; *occupied &= *occupied - 1) {
            *slot = word * 64 + (unsigned)__builtin_ctzll(*occupied);
            if (!list_is_empty(&w->bucket[*slot]))
                return true;
        }
    }
    return false;
}

static struct gyre_timer *timer_of(struct gyre_link *link)
{
    return container_of(link, struct gyre_timer, call.link);
}

/* Move the position to the begin of a bucket and place its timers anew. The heap is empty: those
 * that are near by now are sorted all at once.
 *
 * In a long list each timer is a cache miss that hides the next. So a second walk, from the end,
 * fetches the later half while the first half is placed. When they have met, it goes over timers
 * that have been placed, which costs little: whatever list a link is in, it leads to links. */
static void open_bucket(struct wheel *w, unsigned slot)
{
    struct gyre_link *bucket = &w->bucket[slot];
    struct gyre_link near = { .next = NULL };
    struct gyre_link *last = &near;
    struct gyre_link *next;
    struct gyre_link *ahead = bucket->prev;

    w->position = bucket_begin(w, slot);
    for (struct gyre_link *link = bucket->next; link != bucket; link = next) {
        struct gyre_timer *timer = timer_of(link);
        uint64_t tick = wheel_tick(timer->deadline);

        __builtin_prefetch(&timer_of(ahead)->deadline);
        ahead = ahead->prev;
        next = link->next;
        if (tick > w->position) {
            wheel_put_far(w, timer, tick);
            continue;
        }
        timer->call.state = TIMER_NEAR;
        last->next = link;
        last = link;
    }
    last->next = NULL;
    list_init(bucket);
    w->near = timer_heap_build(near.next ? timer_of(near.next) : NULL);
}

/* A bucket of one timer that is due, and was not pushed back, needs no lower levels. */
static bool open_single(struct wheel *w, unsigned slot, uint64_t now)
{
    struct gyre_link *bucket = &w->bucket[slot];
    struct gyre_timer *timer = timer_of(bucket->next);

    if (bucket->next != bucket->prev || timer->deadline != timer->place.due ||
        timer->deadline > now)
        return false;
    list_init(bucket);
    w->position = wheel_tick(timer->deadline);
    wheel_put_near(w, timer);
    return true;
}

struct gyre_timer *wheel_pop(struct wheel *w, uint64_t now)
{
    uint64_t tick = wheel_tick(now);
    unsigned slot;

    if (!wheel_is_ripe(w, now))
        return NULL;
    /* It has served: who waited for it, perhaps in vain, must not be sent to it again. */
    if (now >= w->next)
        w->stale = true;

    while (!w->near) {
        if (!first_bucket(w, &slot) || bucket_begin(w, slot) > tick) {
            if (tick > w->position)
                w->position = tick;
            return NULL;
        }
        if (!open_single(w, slot, now))
            open_bucket(w, slot);
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
    unsigned slot;

    if (timer)
        w->near = timer_heap_remove(timer, timer);
    else if (first_bucket(w, &slot))
        timer = timer_of(list_pop(&w->bucket[slot]));
    return timer;
}

/* The earliest deadline of a bucket, or its begin if more than `limit` timers had to be looked at.
 * Timers that were pushed back go to where they belong by now; if that leaves none, GYRE_NEVER. */
static uint64_t scan_bucket(struct wheel *w, unsigned slot, size_t limit)
{
    struct gyre_link *head = &w->bucket[slot];
    uint64_t earliest = GYRE_NEVER;
    struct gyre_link *next;

    for (struct gyre_link *link = head->next; link != head; link = next) {
        struct gyre_timer *timer = timer_of(link);
        uint64_t tick = wheel_tick(timer->deadline);

        if (limit-- == 0)
            return bucket_begin(w, slot) << WHEEL_TICK_BITS;
        next = link->next;
        if (wheel_slot(w, tick) != slot) {
            list_remove(link);
            wheel_put_far(w, timer, tick);
        } else if (timer->deadline < earliest) {
            earliest = timer->deadline;
        }
    }
    return earliest;
}

static uint64_t find_next(struct wheel *w, size_t limit)
{
    unsigned slot;

    if (w->near)
        return w->near->deadline;

    while (first_bucket(w, &slot)) {
        uint64_t earliest = scan_bucket(w, slot, limit);

        if (earliest != GYRE_NEVER || !list_is_empty(&w->bucket[slot]))
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

static bool bucket_is_sound(const struct wheel *w, unsigned slot)
{
    const struct gyre_link *head = &w->bucket[slot];

    for (struct gyre_link *link = head->next; link != head; link = link->next) {
        const struct gyre_timer *timer = timer_of(link);
        uint64_t tick = wheel_tick(timer->place.due);

        if (link->next->prev != link || timer->call.state != TIMER_FAR ||
            timer->place.due > timer->deadline || tick <= w->position)
            return false;
        if (wheel_slot(w, tick) != slot || !(w->occupied[slot / 64] >> slot % 64 & 1))
            return false;
        if (!w->stale && timer->deadline < w->next)
            return false;
    }
    return true;
}

bool wheel_check(const struct wheel *w)
{
    for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
        if (!bucket_is_sound(w, slot))
            return false;
    return timer_heap_check(w->near);
}
