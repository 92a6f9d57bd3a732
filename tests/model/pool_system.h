/* What the pool of pool_world.c stands on: one lock, conditions and threads whose every use is a step,
 * and loops that are no more than what a pool needs of them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_MODEL_POOL_SYSTEM_H
#define GYRE_MODEL_POOL_SYSTEM_H

#include "model/no_trail.h"

#include <errno.h>
#include <pthread.h>

#include "gyre/pool.h"
#include "model/pool_world.h"
#include "os/sys.h"
#include "os/thread.h"
#include "os/worker.h"

/* From here on atomic operations are steps. */
#include "model/explore.h"

/* ------------------------------------------------------------------ the system */

enum { CAME, ENDED, CONDITIONS }; /* work_came, work_ended */

static struct {
    bool is_locked;
    bool is_late;                  /* all deadlines have passed */
    unsigned asleep[CONDITIONS];   /* a bit for each thread that waits, */
    unsigned eligible[CONDITIONS]; /* those that did when it was signalled last, */
    unsigned calls[CONDITIONS];    /* and how many of them may go on */
    unsigned started;
    unsigned starts_to_fail;
    const char *wrong; /* the first thing that went wrong */
} sys_state;

static int self;

void world_is(int thread)
{
    self = thread;
}

void world_blame(const char *what)
{
    if (!sys_state.wrong)
        sys_state.wrong = what;
}

/* The thread goes on no more. */
static void stop(void)
{
    uint64_t seen;

    if (!explore_replayed(&seen))
        explore_block();
}

static int world_lock(pthread_mutex_t *mutex);
static int world_unlock(pthread_mutex_t *mutex);
static int world_signal(pthread_cond_t *cond);
static int world_broadcast(pthread_cond_t *cond);

static pthread_t world_self(void)
{
    return (pthread_t)self;
}

#define pthread_mutex_lock(mutex)       world_lock(mutex)
#define pthread_mutex_unlock(mutex)     world_unlock(mutex)
#define pthread_mutex_init(mutex, attr) ((void)(mutex), (void)(attr), 0)
#define pthread_mutex_destroy(mutex)    ((void)(mutex), 0)
#define pthread_cond_destroy(cond)      ((void)(cond), 0)
#define pthread_cond_signal(cond)       world_signal(cond)
#define pthread_cond_broadcast(cond)    world_broadcast(cond)
#define pthread_self()                  world_self()
#define pthread_detach(thread)          ((void)(thread), 0)
#define pthread_join(thread, result)    ((void)(thread), (void)(result), 0)

/* It is early, but for the one look of somebody whose wait for what is in a hand is over. */
static bool is_overdue;

static int world_clock(clockid_t clock, struct timespec *ts)
{
    (void)clock;
    *ts = (struct timespec){ .tv_sec = is_overdue ? 2 : 1 };
    is_overdue = false;
    return 0;
}

const struct sys_table sys_real = { .clock_gettime = world_clock };
const struct sys_table *sys = &sys_real;

uint32_t thread_forks;

int thread_watch_forks(void)
{
    return 0;
}

THREAD_LOCAL uint64_t thread_token;

#include "base/memory.c"
#include "base/options.c"

#include "pool/core.h"

/* ------------------------------------------------------------------ loops */

struct gyre_loop {
    struct loop_head head;
    bool is_called; /* it is to collect */
    bool is_asleep;
    bool is_woken;
    bool is_gone;
    unsigned wakes, sleeps;
    unsigned held;
    struct gyre_link ready;
};

static struct gyre_loop loops[WORLD_LOOPS];
static struct pools the_pools[WORLD_LOOPS];
static struct gyre_pool_user *the_users[WORLD_LOOPS];
static struct gyre_pool *the_pool;
static struct worker the_workers[WORLD_WORKERS];
static struct gyre_work the_works[WORLD_JOBS];
static struct gyre_work dead_work; /* what the memory of a work looks like when it is reused */

struct world_job world_jobs[WORLD_JOBS];
static bool pool_is_freed;
static struct world_plan plan;

static bool is_dead(const struct gyre_work *work)
{
    return memcmp(work, &dead_work, sizeof(*work)) == 0;
}

bool loop_call_for(struct gyre_loop *l)
{
    uint64_t slept;

    if (!explore_replayed(&slept)) {
        if (l < loops || l >= loops + WORLD_LOOPS || l->is_gone) {
            world_blame("a loop that is gone was called");
            slept = false;
        } else {
            slept = l->is_asleep;
            l->is_called = true;
            l->is_asleep = false;
        }
        explore_did(slept);
    }
    return slept;
}

void loop_wake(struct gyre_loop *l)
{
    uint64_t seen;

    if (!explore_replayed(&seen)) {
        if (l->is_gone)
            world_blame("a loop that is gone was woken");
        l->is_woken = true;
        l->wakes++;
        explore_did(0);
    }
}

/* Sleep until it is called, which it may have been. */
static void await_call(struct gyre_loop *l)
{
    uint64_t seen;

    if (!explore_replayed(&seen)) {
        seen = l->is_called;
        l->is_asleep = !seen;
        l->sleeps += l->is_asleep;
        explore_did(seen);
    }
    if (!seen && !explore_replayed(&seen)) {
        if (!l->is_woken && !(plan.wakes_itself && l->is_called))
            explore_block();
        l->is_woken = false;
        explore_did(0);
    }
}

static void take_call(struct gyre_loop *l)
{
    uint64_t seen;

    if (!explore_replayed(&seen)) {
        l->is_called = false;
        explore_did(0);
    }
}

void loop_append(struct gyre_loop *l, struct gyre_link *list)
{
    struct gyre_link *last = l->ready.prev;
    struct gyre_link *follower = &l->ready;
    struct gyre_link *next;

    for (; list; list = next) {
        next = list->next;
        container_of(list, struct gyre_call, link)->state = CALL_QUEUED;
        list->next = follower;
        follower->prev = list;
        follower = list;
    }
    follower->prev = last;
    last->next = follower;
}

void loop_hold(struct gyre_loop *l)
{
    l->held++;
}

void loop_unhold(struct gyre_loop *l)
{
    l->held--;
}

uint64_t loop_time(const struct gyre_loop *l)
{
    (void)l;
    return GYRE_S(1);
}

const struct gyre_allocator *loop_allocator(const struct gyre_loop *l)
{
    (void)l;
    return &memory_default;
}

void loop_attach(struct gyre_loop *l, enum room_number number, struct room *room)
{
    (void)l;
    (void)number;
    (void)room;
}

int loop_refusal(struct gyre_loop *l)
{
    (void)l;
    return 0;
}

void loop_calls_end(struct gyre_link *calls)
{
    (void)calls;
}

int gyre_call_init(struct gyre_call *call, struct gyre_loop *l, gyre_call_fn *fn, void *arg)
{
    *call = (struct gyre_call){
        .fn = fn, .arg = arg, .loop = l, .tag = watcher_tag(call), .weight = 1
    };
    return 0;
}

bool gyre_call_is_started(const struct gyre_call *call)
{
    return call->state != CALL_IDLE;
}

int call_check(const struct gyre_call *call)
{
    (void)call;
    return 0;
}

int call_lend(struct gyre_call *call)
{
    call->state = CALL_WAITING;
    return 0;
}

void call_queue(struct gyre_call *call)
{
    list_append(&call->loop->ready, &call->link);
    call->state = CALL_QUEUED;
}

void call_lose(struct gyre_call *call)
{
    call->state = CALL_IDLE;
}

/* ------------------------------------------------------------------ locks, conditions, threads */

static int world_lock(pthread_mutex_t *mutex)
{
    uint64_t seen;

    if (!explore_replayed(&seen)) {
        seen = mutex != &the_pool->lock || pool_is_freed;
        if (seen)
            world_blame("the lock of a pool that is gone was taken");
        else if (sys_state.is_locked)
            explore_block();
        else
            sys_state.is_locked = true;
        explore_did(seen);
    }
    if (seen)
        stop();
    return 0;
}

/* No step: what follows is one, or touches nothing of others'. */
static int world_unlock(pthread_mutex_t *mutex)
{
    (void)mutex;
    sys_state.is_locked = false;
    return 0;
}

static int number_of(const pthread_cond_t *cond)
{
    return cond == &the_pool->work_came ? CAME : ENDED;
}

static unsigned count_bits(unsigned bits)
{
    return (unsigned)__builtin_popcount(bits);
}

static int world_signal(pthread_cond_t *cond)
{
    int c = number_of(cond);
    uint64_t seen;

    if (!explore_replayed(&seen)) {
        sys_state.eligible[c] |= sys_state.asleep[c];
        if (sys_state.calls[c] < count_bits(sys_state.asleep[c]))
            sys_state.calls[c]++;
        explore_did(0);
    }
    return 0;
}

/* With the lock held, so it is no step. */
static int world_broadcast(pthread_cond_t *cond)
{
    int c = number_of(cond);

    sys_state.eligible[c] = sys_state.asleep[c];
    sys_state.calls[c] = count_bits(sys_state.asleep[c]);
    return 0;
}

static void wake_up(int c, bool is_called)
{
    unsigned bit = 1u << self;

    sys_state.asleep[c] &= ~bit;
    sys_state.eligible[c] &= ~bit;
    if (is_called)
        sys_state.calls[c]--;
    if (sys_state.calls[c] > count_bits(sys_state.eligible[c]))
        sys_state.calls[c] = count_bits(sys_state.eligible[c]);
}

bool worker_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline)
{
    int c = number_of(cond);
    bool watches = deadline > GYRE_S(1) && deadline <= GYRE_S(2) + HAND_PATIENCE;
    uint64_t is_called;

    (void)world_unlock(lock);
    sys_state.asleep[c] |= 1u << self;
    if (!explore_replayed(&is_called)) {
        is_called = sys_state.calls[c] > 0 && sys_state.eligible[c] & 1u << self;
        bool is_late = deadline == 0 || watches || (deadline != GYRE_NEVER && sys_state.is_late);
        if (sys_state.is_locked || !(is_called || is_late))
            explore_block();
        wake_up(c, is_called);
        sys_state.is_locked = true;
        explore_did(is_called);
    }
    is_overdue = c == CAME && watches && !is_called;
    if (c == CAME)
        explore_forget(3 + is_called + 2 * is_overdue); /* a worker has nothing else in mind */
    return is_called;
}

int worker_cond_init(pthread_cond_t *cond)
{
    (void)cond;
    return 0;
}

int worker_start(pthread_t *thread, size_t stack_size, void *(*begin)(void *), void *arg)
{
    (void)stack_size;
    (void)begin;
    (void)arg;
    if (sys_state.starts_to_fail > 0) {
        sys_state.starts_to_fail--;
        return -EAGAIN;
    }
    *thread = (pthread_t)sys_state.started++;
    return 0;
}

bool worker_may_have_stack(size_t size)
{
    return size > 0;
}

unsigned worker_processors(void)
{
    return 1;
}

void sys_name_thread(const char *name)
{
    (void)name;
}

void world_let_time_pass(void)
{
    uint64_t seen;

    if (!explore_replayed(&seen)) {
        sys_state.is_late = true;
        explore_did(0);
    }
}

#endif
