/* What the loop offers the rooms above it beyond its public header: a place for their state, and a
 * word when it runs and when it ends.
 *
 * Invariant: a room is attached at most once, on the loop's thread, and stays attached until destroy.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_ATTACH_H
#define GYRE_ATTACH_H

#include "base/util.h"
#include "gyre/loop.h"
#include "loop/watcher.h"
#include "os/thread.h"

enum room_number {
    ROOM_FUTURE,
    ROOM_POOL,
    ROOM_COUNT,
};

struct room;

struct room_ops {
    /* The loop begins to run, and has stopped running. May be NULL. */
    void (*begin_run)(struct room *room);
    void (*end_run)(struct room *room);

    /* gyre_loop_shutdown begins: ask everything to end. */
    void (*cancel)(struct room *room);

    /* How many things are left that nothing the loop knows of will end. */
    size_t (*count)(const struct room *room);

    /* After loop_call_for: append what there is to the queue. May be NULL. */
    void (*collect)(struct room *room);

    /* gyre_loop_after_fork, in the child; the mail is in the queue. May be NULL. */
    void (*after_fork)(struct room *room);

    /* gyre_loop_close begins: all sources are stopped, and the drop functions of the mail come next.
     * What they do to the room is allowed, but nothing can be started any more. May be NULL. */
    void (*end)(struct room *room);

    /* gyre_loop_close goes on: the mail is dropped, the poller is still open. */
    void (*close)(struct room *room);

    /* The loop's memory is about to go. */
    void (*destroy)(struct room *room);
};

struct room {
    const struct room_ops *ops;
};

/* What a loop begins with: for questions that rooms ask all the time. */
struct loop_head {
    uint64_t owner; /* the token of the thread that may use it; THREAD_NONE: see loop/core.h */
    struct room *rooms[ROOM_COUNT];
};

void loop_attach(struct gyre_loop *l, enum room_number number, struct room *room);

/* Why the calling thread may not use the loop: -ESHUTDOWN, -EOWNERDEAD, -EPERM. 0: it may after
 * all; a loop that rests in a foreign loop has been told to wake up. */
int loop_refusal(struct gyre_loop *l);

static inline bool loop_is_mine(const struct gyre_loop *l)
{
    const struct loop_head *head = (const void *)l;

    return likely(__atomic_load_n(&head->owner, __ATOMIC_RELAXED) == thread_token);
}

/* 0 if the calling thread may use the loop, else why not; a loop that rests in a foreign one is
 * told that something is about to change. */
static inline int loop_check(struct gyre_loop *l)
{
    return loop_is_mine(l) ? 0 : loop_refusal(l);
}

/* The room, if the calling thread may use the loop; NULL: it may not, or the room is not attached. */
static inline struct room *loop_room(struct gyre_loop *l, enum room_number number)
{
    const struct loop_head *head = (const void *)l;

    return likely(loop_check(l) == 0) ? head->rooms[number] : NULL;
}

/* Whether the calling thread is the loop's. */
bool loop_is_own(const struct gyre_loop *l);

/* The time in the world, whatever the loop's clock says: of this tick, if it runs, which costs
 * nothing. */
uint64_t loop_time(const struct gyre_loop *l);

const struct gyre_allocator *loop_allocator(const struct gyre_loop *l);

/* Hand an error that nobody can be returned to the loop's error hook. */
void loop_report(struct gyre_loop *l, const struct gyre_loop_error *error);

/* Something outside is at work for the loop and will send mail: it stays alive, and a virtual clock
 * does not jump. */
void loop_hold(struct gyre_loop *l);
void loop_unhold(struct gyre_loop *l);

/* ---- watchers in memory of the room's own, which need no questions */

/* As gyre_call_init and gyre_timer_init, but the memory may hold anything, and the thread is the loop's
 * for sure. */
void call_prepare(struct gyre_call *call, struct gyre_loop *l, gyre_call_fn *fn, void *arg);
void timer_prepare(struct gyre_timer *timer, struct gyre_loop *l, gyre_timer_fn *fn, void *arg);

/* Queue a call that is idle, or lent and in no list; not for a closed loop. In a forked child it will
 * run if the loop is taken over. */
void call_queue(struct gyre_call *call);

/* timer_prepare and gyre_timer_start_at in one; not for a closed loop. */
void timer_begin(struct gyre_timer *timer, struct gyre_loop *l, gyre_timer_fn *fn, void *arg,
                 uint64_t deadline);

/* ---- calls that wait for something other than their turn in the queue */

/* Whether an initialised call may be used by this thread: 0 or why not. */
int call_check(const struct gyre_call *call);

/* Put an idle call into `list` until call_wake or gyre_call_stop: 0 or why not. */
int call_wait(struct gyre_call *call, struct gyre_loop *l, struct gyre_link *list);

/* Move a waiting call from its list to the queue. */
void call_wake(struct gyre_call *call);

/* Take a waiting call out of its list, as if it had been stopped. */
void call_forget(struct gyre_call *call);

/* The same in steps, for a call that is in a list which other threads use: mark an idle call as
 * waiting (0 or why not), forget a waiting one that is in no list; call_queue queues it. */
int call_lend(struct gyre_call *call);
void call_lose(struct gyre_call *call);

/* Queue waiting calls that are in no list, linked by `next`, the last one first; after what has been
 * posted before. */
void loop_append(struct gyre_loop *l, struct gyre_link *list);

/* Any thread, as long as the loop is kept from going away: have it call room_ops.collect. True: it
 * sleeps, and has to be woken. */
bool loop_call_for(struct gyre_loop *l);
void loop_wake(struct gyre_loop *l);

/* Whether it is away: lent, and neither returned nor lost. */
static inline bool call_is_lent(const struct gyre_call *call)
{
    return call->state == CALL_WAITING;
}

static inline bool call_is_queued(const struct gyre_call *call)
{
    return call->state == CALL_QUEUED;
}

#endif
