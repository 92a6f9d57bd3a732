/* Timers.
 *
 * Invariant: a started timer is in the wheel, counted in live_timers, or in the queue, counted in
 * live; `counted` tells whether it is counted at all.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"

/* The first deadline of the series that lies after this tick. */
static void rearm_periodic(struct gyre_timer *timer)
{
    struct gyre_loop *l = timer->call.loop;
    uint64_t late = l->now > timer->deadline ? l->now - timer->deadline : 0;
    uint64_t missed = late / timer->interval;

    timer->missed = missed > UINT32_MAX ? UINT32_MAX : (uint32_t)missed;
    timer->deadline = time_add(timer->deadline + missed * timer->interval, timer->interval);
    timer->call.counted = !timer->call.unref;
    l->live_timers += timer->call.counted;
    wheel_insert(&l->wheel, timer);
}

static void timer_fire(struct gyre_call *call, void *arg)
{
    struct gyre_timer *timer = container_of(call, struct gyre_timer, call);

    if (timer->interval)
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
    timer->interval = 0;
    timer->missed = 0;
    return 0;
}

static void arm(struct gyre_timer *timer, uint64_t deadline, uint64_t interval)
{
    struct gyre_loop *l = timer->call.loop;

    timer->interval = interval;
    if (timer->call.state >= TIMER_FAR) {
        wheel_move(&l->wheel, timer, deadline);
        return;
    }

    if (timer->call.state == CALL_QUEUED)
        queue_remove(l, &timer->call);
    timer->call.counted = !timer->call.unref;
    l->live_timers += timer->call.counted;
    timer->deadline = deadline;
    wheel_insert(&l->wheel, timer);
}

int gyre_timer_start(struct gyre_timer *timer, uint64_t delay)
{
    if (unlikely(!timer))
        return -EINVAL;

    int err = watcher_enter(&timer->call);
    if (unlikely(err < 0))
        return err;
    arm(timer, time_add(loop_clock(timer->call.loop), delay), 0);
    return 0;
}

int gyre_timer_start_at(struct gyre_timer *timer, uint64_t deadline)
{
    if (unlikely(!timer))
        return -EINVAL;

    int err = watcher_enter(&timer->call);
    if (unlikely(err < 0))
        return err;
    arm(timer, deadline, 0);
    return 0;
}

int gyre_timer_start_every(struct gyre_timer *timer, uint64_t interval)
{
    if (!timer || interval == 0)
        return -EINVAL;

    int err = watcher_enter(&timer->call);
    if (err < 0)
        return err;
    timer->missed = 0;
    arm(timer, time_add(loop_clock(timer->call.loop), interval), interval);
    return 0;
}

bool gyre_timer_stop(struct gyre_timer *timer)
{
    if (!timer || !watcher_is_queued_or_placed(&timer->call))
        return false;

    struct gyre_loop *l = timer->call.loop;
    if (timer->call.state == CALL_QUEUED) {
        queue_remove(l, &timer->call);
        return true;
    }
    wheel_remove(&l->wheel, timer);
    timer->call.state = CALL_IDLE;
    l->live_timers -= timer->call.counted;
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

static void set_unref_of_timer(struct gyre_timer *timer, bool unref)
{
    if (!timer)
        return;
    if (!gyre_timer_is_started(timer)) {
        watcher_set_unref(&timer->call, unref, NULL);
        return;
    }

    struct gyre_loop *l = timer->call.loop;
    watcher_set_unref(&timer->call, unref,
                      timer->call.state == CALL_QUEUED ? &l->live : &l->live_timers);
    timer->call.counted = !timer->call.unref;
}

void gyre_timer_ref(struct gyre_timer *timer)
{
    set_unref_of_timer(timer, false);
}

void gyre_timer_unref(struct gyre_timer *timer)
{
    set_unref_of_timer(timer, true);
}

void timer_collect(struct gyre_loop *l)
{
    struct gyre_timer *timer;

    while ((timer = wheel_pop(&l->wheel, l->now)) != NULL) {
        l->live_timers -= timer->call.counted;
        queue_append(l, &timer->call, timer->call.counted);
    }
}

void timer_retire(struct gyre_loop *l, struct gyre_call *call)
{
    if (call->fn == timer_fire)
        soon_retire_timer(l, container_of(call, struct gyre_timer, call));
}

void timer_close(struct gyre_loop *l)
{
    struct gyre_timer *timer;

    while ((timer = wheel_drain(&l->wheel)) != NULL) {
        timer->call.state = CALL_IDLE;
        timer->call.counted = 0;
        soon_retire_timer(l, timer);
    }
    l->live_timers = 0;
}
