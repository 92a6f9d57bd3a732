/* The loop itself, and what the files of this room know of each other.
 *
 * Invariants: `ready` holds what is queued for the next tick, `batch` the rest of what this tick
 * runs, and the two change places with every tick; a call is in one of them exactly if its state is
 * CALL_QUEUED. The loop is alive while one of its counts is not 0, a call of weight 1 is queued, or
 * the inbox has mail. The counts are sums of weights; queued calls are not counted, which would
 * cost more than to look for one when all counts are 0.
 *
 * `head.owner` is the token of the thread that may use the loop without further questions, THREAD_NONE
 * if there are any (closed, or resting in a foreign loop): then loop_refusal answers them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_CORE_H
#define GYRE_CORE_H

#include "base/list.h"
#include "base/util.h"
#include "gyre/loop.h"
#include "loop/attach.h"
#include "loop/fd_table.h"
#include "loop/inbox.h"
#include "loop/watcher.h"
#include "loop/wheel.h"
#include "os/clock.h"
#include "os/poller.h"
#include "os/signal_table.h"
#include "os/thread.h"

#include <assert.h>
#include <errno.h>

struct soon;

struct gyre_loop {
    /* What the hot paths touch. */
    struct loop_head head;
    uint64_t thread; /* the token of the loop's thread; THREAD_NONE once closed */
    struct gyre_link *ready;
    struct gyre_link *batch;
    struct gyre_link queue[2];
    size_t live;        /* started io and signal watchers */
    size_t live_timers; /* timers in the wheel */
    size_t live_asyncs; /* started asyncs, and what loop_hold was called for */

    uint64_t now;
    uint32_t ran; /* callbacks since the kernel was last asked */
    bool is_running;
    bool is_closed;
    bool is_shut;    /* gyre_loop_shutdown was called: rooms attached later are told so at once */
    bool is_foreign; /* gyre_loop_fd was called: keep the descriptor up to date */
    uint64_t alarm;  /* when that descriptor becomes readable for the sake of a timer */

    bool is_virtual; /* a test loop: time is virtual_now */
    bool autojump;
    uint64_t virtual_now;

    struct soon *free_soon; /* nodes of gyre_call_soon that wait for their next use */
    unsigned free_count;

    int fd_capacity;
    uint64_t timer_slack; /* for the thread that owns the loop; 0: as it is */
    struct gyre_allocator allocator;
    struct poller poller;
    struct fd_table fds;
    unsigned ghosts; /* reports about files that are no longer watched, since the last rebuild */
    struct gyre_link signals; /* gyre_signal.sibling, in the order they were started */
    struct gyre_link asyncs;  /* gyre_async.sibling */
    struct signal_port port;
    gyre_error_fn *error_fn;
    void *error_arg;
    struct wheel wheel;

    /* Other threads write here: on cache lines of its own. */
    char padding_before[64];
    struct inbox inbox;
    char padding_after[64];
};

static_assert(offsetof(struct gyre_loop, head) == 0, "rooms find it there");

/* ---- who may use the loop: access.c */

/* Whether the calling thread is the loop's, also while it rests or is being closed. */
static inline bool loop_is_on_thread(const struct gyre_loop *l)
{
    return __atomic_load_n(&l->thread, __ATOMIC_RELAXED) == thread_token;
}

static inline void loop_set_owner(struct gyre_loop *l, uint64_t owner)
{
    __atomic_store_n(&l->head.owner, owner, __ATOMIC_RELAXED);
}

/* Whether nothing stands in the way of starting this watcher. */
static inline bool watcher_is_mine(const struct gyre_call *call)
{
    return likely(watcher_is_initialised(call)) && loop_is_mine(call->loop);
}

/* The same at length: 0, or why not. */
static inline int watcher_enter(const struct gyre_call *call)
{
    if (unlikely(!watcher_is_initialised(call)))
        return GYRE_EUNINIT;
    return loop_check(call->loop);
}

/* The common part of every init. */
int watcher_init(struct gyre_call *call, struct gyre_loop *loop, bool is_started,
                 gyre_call_fn *fire, void *arg);

/* Whether the calling thread may stop this initialised watcher. */
static inline bool watcher_may_stop(const struct gyre_call *call)
{
    return loop_is_on_thread(call->loop);
}

/* Whether it is a watcher in some list, and the calling thread may stop it. The loop of one that is
 * in none may be gone, so that is looked at last. */
static inline bool watcher_is_queued_or_placed(const struct gyre_call *call)
{
    return watcher_is_initialised(call) && call->state != CALL_IDLE && watcher_may_stop(call);
}

/* ref (weight 1) or unref (0) an initialised watcher. `count` is where it is counted, or NULL. */
void watcher_set_weight(struct gyre_call *call, uint8_t weight, size_t *count);

/* ---- the queue: call.c */

static inline void queue_append(struct gyre_loop *l, struct gyre_call *call)
{
    list_append(l->ready, &call->link);
    call->state = CALL_QUEUED;
}

/* Append a list that is linked by `next`, its last node first. */
void queue_append_reversed(struct gyre_loop *l, struct gyre_link *list);

static inline void queue_remove(struct gyre_call *call)
{
    list_remove(&call->link);
    call->state = CALL_IDLE;
}

/* ---- time: testclock.c */

uint64_t loop_virtual_clock(const struct gyre_loop *l);

/* Whether the clock of a test loop may be moved to spare a wait: not while another thread may have
 * news at any moment. */
bool testclock_may_jump(const struct gyre_loop *l);

/* Instead of waiting `max_wait`, move the clock to the next deadline, or on by max_wait if that
 * comes first. False: it may not. */
bool testclock_jump(struct gyre_loop *l, uint64_t max_wait);

static inline uint64_t loop_clock(const struct gyre_loop *l)
{
    return unlikely(l->is_virtual) ? loop_virtual_clock(l) : clock_now();
}

static inline uint64_t time_until(uint64_t deadline, uint64_t now)
{
    if (deadline == GYRE_NEVER)
        return GYRE_NEVER;
    return deadline > now ? deadline - now : 0;
}

/* ---- the tick: tick.c */

/* Mark the loop as running on this thread; 0 or a negative errno. */
int loop_begin_run(struct gyre_loop *l);
void loop_end_run(struct gyre_loop *l);

/* Collect what is there without waiting, and run one batch. Returns the number of callbacks. */
int loop_tick_now(struct gyre_loop *l);

bool loop_has_work(const struct gyre_loop *l);

/* ---- sources. collect appends what is due to the queue */

void timer_collect(struct gyre_loop *l);
void timer_close(struct gyre_loop *l);

/* What the kernel is told about descriptors: interest.c */
int interest_add(struct gyre_loop *l, struct fd_slot *slot, int fd, unsigned events);
void interest_update(struct gyre_loop *l, struct fd_slot *slot, int fd);
void interest_flush(struct gyre_loop *l);
int interest_watch_wake(struct gyre_loop *l, struct poller *p);

/* Mark the watched descriptors that are closed, by told == 0. Before anything is opened for the
 * loop itself: it might get one of their numbers. */
void interest_find_closed(struct gyre_loop *l);

/* Tell a new poller everything but what is marked closed: told becomes wanted. */
int interest_move(struct gyre_loop *l, struct poller *p);

/* After interest_move: stop the watchers of closed descriptors, who are told GYRE_GONE. */
void interest_drop_closed(struct gyre_loop *l);

/* Replace a poller whose kernel set keeps reporting files that are not watched. */
void interest_rebuild(struct gyre_loop *l);

void io_deliver(struct gyre_loop *l, const struct poller_event *event);
void io_gone(struct gyre_loop *l, struct fd_slot *slot, int fd);
void io_refused(struct gyre_loop *l, struct fd_slot *slot);
void io_close(struct gyre_loop *l);

void signal_collect(struct gyre_loop *l);
void signal_close(struct gyre_loop *l);
void signal_init_port(struct gyre_loop *l);
void signal_adopt_port(struct gyre_loop *l);

/* Append the posts and asyncs in the inbox: post.c */
void mail_collect(struct gyre_loop *l);

/* What the queue calls for a post and for a timer, and thus how to tell one: post.c, timer.c */
gyre_call_fn post_fire;
gyre_call_fn timer_fire;

void async_close(struct gyre_loop *l);
void async_reset(struct gyre_loop *l);

/* Free a node of gyre_call_soon or gyre_call_later that left the queue or the wheel without being
 * called; leaves others alone: soon.c */
void soon_retire(struct gyre_loop *l, struct gyre_call *call);
void soon_close(struct gyre_loop *l);

/* The rooms above: attach.c */
void rooms_begin_run(struct gyre_loop *l);
void rooms_end_run(struct gyre_loop *l);
void rooms_cancel(struct gyre_loop *l);
size_t rooms_count(const struct gyre_loop *l);
void rooms_collect(struct gyre_loop *l);
void rooms_after_fork(struct gyre_loop *l);
void rooms_end(struct gyre_loop *l);
void rooms_close(struct gyre_loop *l);
void rooms_destroy(struct gyre_loop *l);

/* Between two runs of a loop whose gyre_loop_fd is in use, make that descriptor readable when there
 * is something to do: foreign.c */
void foreign_rest(struct gyre_loop *l);

/* Something is about to change while it rests: let the foreign loop run it. */
void foreign_disturb(struct gyre_loop *l);

#endif
