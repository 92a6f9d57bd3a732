/* Timers.
 *
 * Invariant: a started timer is in the wheel, counted in live_timers, or in the queue.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"

/* How many places behind a timer in the queue the one is that it fetches: see timer_collect. */
enum { FETCH_AHEAD = 8 };

/* The first deadline of the series that lies after this tick. */
static void rearm_periodic(struct gyre_timer *timer)
{
    struct gyre_loop *l = timer->call.loop;
    uint64_t late = l->now > timer->deadline ? l->now - timer->deadline : 0;
    uint64_t missed = late / timer->interval;

    timer->missed = missed > UINT32_MAX ? UINT32_MAX : (uint32_t)missed;
    timer->deadline = gyre_time_add(timer->deadline + missed * timer->interval, timer->interval);
    l->live_timers += timer->call.weight;
    wheel_insert(&l->wheel, timer);
}

void timer_fire(struct gyre_call *call, void *arg)
{
    struct gyre_timer *timer = container_of(call, struct gyre_timer, call);

    /* It may be gone by now; then this fetches nothing, or something else. */
    __builtin_prefetch(timer->place.later);
    __builtin_prefetch(&timer->place.later->fn);
    if (call->repeats)
        rearm_periodic(timer);
    timer->fn(timer, arg);
}

int gyre_timer_init(struct gyre_timer *timer, struct gyre_loop *loop, gyre_timer_fn *fn, void *arg)
{
    if (!timer || !loop || !fn)
        return -EINVAL;

    int err = watcher_init(&timer->call, loop, timer->call.state != CALL_IDLE, timer_fire, arg);
    if (err < 0)
        return err;
    timer->fn = fn;
    timer->missed = 0;
    return 0;
}

/* Start a timer that is in no list. */
static inline void place(struct gyre_timer *timer, uint64_t deadline)
{
    struct gyre_loop *l = timer->call.loop;

    l->live_timers += timer->call.weight;
    timer->deadline = deadline;
    wheel_insert(&l->wheel, timer);
}

/* Only what is read before it is written: the rest costs as much again. */
void timer_prepare(struct gyre_timer *timer, struct gyre_loop *l, gyre_timer_fn *fn, void *arg)
{
    timer->call.fn = timer_fire;
    timer->call.arg = arg;
    timer->call.loop = l;
    timer->call.tag = watcher_tag(&timer->call);
    timer->call.state = CALL_IDLE;
    timer->call.weight = 1;
    timer->call.repeats = 0;
    timer->call.sent = 0;
    timer->fn = fn;
    timer->missed = 0;
}

void timer_begin(struct gyre_timer *timer, struct gyre_loop *l, gyre_timer_fn *fn, void *arg,
                 uint64_t deadline)
{
    timer_prepare(timer, l, fn, arg);
    place(timer, deadline);
}

/* Start a timer, whatever its state. */
static ASIDE int arm_anyway(struct gyre_timer *timer, uint64_t deadline)
{
    if (timer->call.state >= TIMER_FAR) {
        wheel_move(&timer->call.loop->wheel, timer, deadline);
        return 0;
    }
    if (timer->call.state == CALL_QUEUED)
        queue_remove(&timer->call);
    place(timer, deadline);
    return 0;
}

/* The two common cases without a stack frame: a start, and a restart to a later time. */
static inline int arm(struct gyre_timer *timer, uint64_t deadline)
{
    struct wheel *w = &timer->call.loop->wheel;

    timer->call.repeats = 0;
    if (timer->call.state == CALL_IDLE && wheel_is_far(w, deadline))
        place(timer, deadline);
    else if (likely(wheel_may_push_back(timer, deadline)))
        wheel_push_back(w, timer, deadline);
    else
        return arm_anyway(timer, deadline);
    return 0;
}

static COLD int arm_or_refuse(struct gyre_timer *timer, uint64_t deadline)
{
    int err = timer ? watcher_enter(&timer->call) : -EINVAL;

    return err < 0 ? err : arm(timer, deadline);
}

int gyre_timer_start_at(struct gyre_timer *timer, uint64_t deadline)
{
    if (unlikely(!timer || !watcher_is_mine(&timer->call)))
        return arm_or_refuse(timer, deadline);
    return arm(timer, deadline);
}

int gyre_timer_start(struct gyre_timer *timer, uint64_t delay)
{
    if (!timer)
        return -EINVAL;
    if (!watcher_is_initialised(&timer->call))
        return GYRE_EUNINIT;
    return gyre_timer_start_at(timer, gyre_time_add(loop_clock(timer->call.loop), delay));
}

int gyre_timer_start_every(struct gyre_timer *timer, uint64_t interval)
{
    if (!timer || interval == 0)
        return -EINVAL;

    int err = gyre_timer_start(timer, interval);
    if (err < 0)
        return err;
    timer->call.repeats = 1;
    timer->interval = interval;
    timer->missed = 0;
    return 0;
}

static inline void left_wheel(struct gyre_timer *timer)
{
    timer->call.state = CALL_IDLE;
    timer->call.loop->live_timers -= timer->call.weight;
}

/* Stop a timer that is not in a bucket, or may not be stopped. */
static ASIDE bool stop_anyway(struct gyre_timer *timer)
{
    if (!timer || !watcher_is_queued_or_placed(&timer->call))
        return false;
    if (timer->call.state == CALL_QUEUED) {
        queue_remove(&timer->call);
        return true;
    }
    wheel_remove(&timer->call.loop->wheel, timer);
    left_wheel(timer);
    return true;
}

bool gyre_timer_stop(struct gyre_timer *timer)
{
    /* As in watcher_is_queued_or_placed, the loop is looked at last. */
    if (unlikely(!timer || !watcher_is_initialised(&timer->call) ||
                 timer->call.state != TIMER_FAR || !watcher_may_stop(&timer->call)))
        return stop_anyway(timer);

    wheel_remove_far(&timer->call.loop->wheel, timer);
    left_wheel(timer);
    return true;
}

bool gyre_timer_is_started(const struct gyre_timer *timer)
{
    return timer && watcher_is_queued_or_placed(&timer->call);
}

uint64_t gyre_timer_deadline(const struct gyre_timer *timer)
{
    return gyre_timer_is_started(timer) ? timer->deadline : GYRE_NEVER;
}

uint32_t gyre_timer_missed(const struct gyre_timer *timer)
{
    return timer && watcher_is_initialised(&timer->call) ? timer->missed : 0;
}

static void set_weight_of_timer(struct gyre_timer *timer, uint8_t weight)
{
    if (timer && watcher_is_initialised(&timer->call))
        watcher_set_weight(&timer->call, weight,
                           timer->call.state >= TIMER_FAR ? &timer->call.loop->live_timers : NULL);
}

void gyre_timer_ref(struct gyre_timer *timer)
{
    set_weight_of_timer(timer, 1);
}

void gyre_timer_unref(struct gyre_timer *timer)
{
    set_weight_of_timer(timer, 0);
}

/* Where many timers expire at once, each has left the cache again by the time it fires, and the
 * next is known only when it has come back. So on the way into the queue, where their order is
 * known and they are at hand, each is told which one to fetch when it fires. */
void timer_collect(struct gyre_loop *l)
{
    struct gyre_timer *recent[FETCH_AHEAD] = { NULL };
    struct gyre_timer *timer;

    for (unsigned i = 0; (timer = wheel_pop(&l->wheel, l->now)) != NULL; i++) {
        struct gyre_timer **earlier = &recent[i % FETCH_AHEAD];

        if (*earlier)
            (*earlier)->place.later = timer;
        *earlier = timer;
        timer->place.later = timer;
        l->live_timers -= timer->call.weight;
        queue_append(l, &timer->call);
    }
}

void timer_close(struct gyre_loop *l)
{
    struct gyre_timer *timer;

    while ((timer = wheel_drain(&l->wheel)) != NULL) {
        timer->call.state = CALL_IDLE;
        soon_retire(l, &timer->call);
    }
    l->live_timers = 0;
}
