/* The model of the queue: three lists of numbers, ready, batch and mail, and timers that are
 * searched from end to end.
 *
 * What is queued runs in the next batch; mail and due timers join it when the kernel is asked.
 * Whoever includes this keeps the lists in step with what it does to the loop, and asks check_turn
 * in every callback.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_QUEUE_MODEL_H
#define GYRE_TEST_QUEUE_MODEL_H

#include "loop/core.h"
#include "model/seeds.h"

#include <string.h>

enum {
    CALLS = 10,
    POSTS = 5,
    TIMERS = 5,
    WATCHERS = CALLS + POSTS + TIMERS,
    LIST_LIMIT = 4096,
    CHAIN_BUDGET = 64, /* callbacks before the kernel is asked although something is queued */
};

enum kind { CALL, POST, TIMER };

union any_watcher {
    struct gyre_call call;
    struct gyre_post post;
    struct gyre_timer timer;
};

/* A watcher, in a block of its own, so that a late access is seen. */
struct model_watcher {
    int id;
    enum kind kind;
    bool unref;
    uint64_t deadline; /* of a timer in the wheel, else GYRE_NEVER */
    uint64_t seq;
    union any_watcher *as;
};

/* What is to run, in this order: the number of a watcher, a number of its own from WATCHERS on
 * for each gyre_call_soon_threadsafe, and a negative one for each gyre_call_soon. */
struct list {
    int id[LIST_LIMIT];
    int count;
};

static struct model_watcher watchers[WATCHERS];
static struct list ready, batch, mail;
static struct gyre_loop *loop;
static uint64_t now;
static uint64_t end;
static uint64_t next_seq;
static int ran;             /* callbacks since the kernel was last asked */
static int fired;           /* callbacks in this step */
static bool skips_kernel;   /* gyre_loop_run: not every tick asks the kernel */
static bool stop_requested; /* by gyre_loop_stop */

static inline void append(struct list *list, int id)
{
    assert_in_range(list->count, 0, LIST_LIMIT - 1);
    list->id[list->count++] = id;
}

static inline void append_all(struct list *to, struct list *from)
{
    for (int i = 0; i < from->count; i++)
        append(to, from->id[i]);
    from->count = 0;
}

static inline int find(const struct list *list, int id)
{
    for (int i = 0; i < list->count; i++)
        if (list->id[i] == id)
            return i;
    return -1;
}

static inline bool take(struct list *list, int id)
{
    int i = find(list, id);

    if (i < 0)
        return false;
    memmove(&list->id[i], &list->id[i + 1], (size_t)(list->count - i - 1) * sizeof(int));
    list->count--;
    return true;
}

static inline bool is_queued(int id)
{
    return find(&ready, id) >= 0 || find(&batch, id) >= 0;
}

static inline bool is_pending(const struct model_watcher *w)
{
    return is_queued(w->id) || find(&mail, w->id) >= 0 || w->deadline != GYRE_NEVER;
}

static inline bool is_sooner(const struct model_watcher *a, const struct model_watcher *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->seq < b->seq;
}

/* The timer in the wheel that is due first; NULL: there is none. */
static inline struct model_watcher *first_timer(void)
{
    struct model_watcher *first = NULL;

    for (int i = CALLS + POSTS; i < WATCHERS; i++) {
        struct model_watcher *w = &watchers[i];

        if (w->deadline != GYRE_NEVER && (!first || is_sooner(w, first)))
            first = w;
    }
    return first;
}

static inline void collect(void)
{
    struct model_watcher *timer;

    append_all(&ready, &mail);
    while ((timer = first_timer()) != NULL && timer->deadline <= now) {
        append(&ready, timer->id);
        timer->deadline = GYRE_NEVER;
    }
    ran = 0;
}

static inline bool asks_the_kernel(void)
{
    return !skips_kernel || ready.count == 0 || ran >= CHAIN_BUDGET || stop_requested ||
           mail.count > 0;
}

static inline void begin_tick(void)
{
    if (asks_the_kernel())
        collect();
    if (ready.count == 0) {
        struct model_watcher *timer = first_timer();

        assert_non_null(timer);
        now = timer->deadline;
        assert_true(now <= end);
        collect();
    }
    append_all(&batch, &ready);
}

/* Called first in every callback. */
static inline void check_turn(int id)
{
    if (batch.count == 0)
        begin_tick();
    assert_int_equal(batch.id[0], id);
    assert_true(take(&batch, id));
    assert_true(gyre_loop_now(loop) == now);
    ran++;
    fired++;
}

static inline size_t count_live(const struct list *list)
{
    size_t count = 0;

    for (int i = 0; i < list->count; i++)
        count += list->id[i] < 0 || list->id[i] >= WATCHERS || !watchers[list->id[i]].unref;
    return count;
}

static inline size_t count_live_timers(void)
{
    size_t count = 0;

    for (int i = CALLS + POSTS; i < WATCHERS; i++)
        count += watchers[i].deadline != GYRE_NEVER && !watchers[i].unref;
    return count;
}

static inline bool model_is_alive(void)
{
    return count_live(&ready) + count_live(&batch) + count_live_timers() > 0 || mail.count > 0;
}

#endif
