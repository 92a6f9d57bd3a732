/* The tick: ask the kernel, append what is due to the queue, run the queue. The only place that
 * calls the user's functions.
 *
 * Invariant: a node is out of every list, idle and no longer counted before its function is called,
 * and is not touched afterwards, so the function may free it.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"

enum {
    CHAIN_BUDGET = 64,   /* callbacks before the kernel is asked although the queue is not empty */
    BATCH_BUDGET = 1024, /* the same inside one long batch */
    GHOST_LIMIT = 2, /* reports about files that are not watched before the kernel set is redone */
};

/* No wait is longer, however far the next deadline: kernels have odd limits. */
#define LONGEST_WAIT GYRE_S(24 * 60 * 60)

int loop_begin_run(struct gyre_loop *l)
{
    if (!l)
        return -EINVAL;
    if (!loop_is_on_thread(l))
        return loop_refusal(l);
    if (l->is_closed)
        return -ESHUTDOWN;
    if (thread_running)
        return -EBUSY;

    thread_running = l;
    thread_budget = &l->ran;
    l->is_running = true;
    loop_set_owner(l, thread_token);
    rooms_begin_run(l);
    return 0;
}

void loop_end_run(struct gyre_loop *l)
{
    rooms_end_run(l);
    thread_running = NULL;
    thread_budget = NULL;
    l->is_running = false;
    if (l->is_foreign && l->inbox.forks == thread_forks)
        foreign_rest(l);
}

/* How many calls in a queue keep the loop alive, counting at most `limit`. */
static size_t weigh(const struct gyre_link *queue, size_t limit)
{
    size_t weight = 0;

    for (const struct gyre_link *link = queue->next; link != queue && weight < limit;
         link = link->next)
        weight += container_of(link, struct gyre_call, link)->weight;
    return weight;
}

bool loop_has_work(const struct gyre_loop *l)
{
    return l->live + l->live_timers + l->live_asyncs > 0 || weigh(l->ready, 1) > 0 ||
           weigh(l->batch, 1) > 0 || inbox_has_news(&l->inbox);
}

static bool stop_is_pending(const struct gyre_loop *l)
{
    return inbox_attention(&l->inbox) & ATTENTION_STOP;
}

/* Forget a pending stop; whether there was one. */
static bool take_stop(struct gyre_loop *l)
{
    return inbox_take_request(&l->inbox, ATTENTION_STOP);
}

/* How long the kernel may keep us, given that the caller would wait at most `max_wait`. */
static uint64_t wait_budget(struct gyre_loop *l, uint64_t max_wait)
{
    if (max_wait == 0 || !list_is_empty(l->ready) || inbox_attention(&l->inbox))
        return 0;
    if (l->is_virtual)
        return max_wait;

    uint64_t deadline = wheel_next(&l->wheel);
    if (deadline == GYRE_NEVER)
        return max_wait;
    uint64_t budget = time_until(deadline, clock_now());
    if (budget > LONGEST_WAIT)
        budget = LONGEST_WAIT;
    return budget < max_wait ? budget : max_wait;
}

/* The last look before a wait: from here on a post or a signal ends it. */
static bool may_sleep(struct gyre_loop *l)
{
    return list_is_empty(l->ready) && inbox_sleep(&l->inbox) && inbox_attention(&l->inbox) == 0;
}

/* An error that a producer met when it tried to wake us; told once. */
static int take_wake_error(struct gyre_loop *l)
{
    if (likely(__atomic_load_n(&l->inbox.wake_error, __ATOMIC_RELAXED) == 0))
        return 0;
    return __atomic_exchange_n(&l->inbox.wake_error, 0, __ATOMIC_RELAXED);
}

static int take_event(struct gyre_loop *l, const struct poller_event *event)
{
    if (likely(event->key >> 32 != FD_WAKE_GENERATION)) {
        io_deliver(l, event);
        return 0;
    }
    /* A poller that reports each wake-up once spares us reading it. */
    return l->poller.ops->edge ? 0 : wake_clear(&l->inbox.wake);
}

static void take_requests(struct gyre_loop *l)
{
    if (inbox_take_request(&l->inbox, ATTENTION_SIGNAL))
        signal_collect(l);
    if (inbox_take_request(&l->inbox, ATTENTION_ROOMS))
        rooms_collect(l);
}

/* Wait, then append fd events, signals, posts, what the rooms above have, and due timers to the
 * queue, in this order. */
static int collect(struct gyre_loop *l, uint64_t max_wait)
{
    struct poller_event events[POLLER_BATCH];
    uint64_t budget = wait_budget(l, max_wait);

    if (!list_is_empty(&l->fds.changed))
        interest_flush(l);
    if (budget > 0 && !may_sleep(l))
        budget = 0;

    int n = l->poller.ops->wait(&l->poller, budget, events, POLLER_BATCH);
    l->now = loop_clock(l);
    l->ran = 0;

    int err = n < 0 ? n : take_wake_error(l);
    for (int i = 0; i < n; i++) {
        int failed = take_event(l, &events[i]);
        err = failed < 0 ? failed : err;
    }
    if (unlikely(inbox_attention(&l->inbox)))
        take_requests(l);
    mail_collect(l);
    if (wheel_is_ripe(&l->wheel, l->now))
        timer_collect(l);
    if (unlikely(l->ghosts > GHOST_LIMIT))
        interest_rebuild(l);
    return err;
}

static inline void call_first(struct gyre_link *batch)
{
    struct gyre_call *call = container_of(list_pop(batch), struct gyre_call, link);

    call->state = CALL_IDLE;
    call->fn(call, call->arg);
}

static struct gyre_link *exchange_queues(struct gyre_loop *l)
{
    struct gyre_link *batch = l->ready;

    l->ready = l->batch;
    l->batch = batch;
    return batch;
}

/* The budget of a batch is spent: look at the kernel, and whether this is still the same process.
 * On an error what is left of the batch comes first in the next. */
static COLD int look_up(struct gyre_loop *l)
{
    int err = l->inbox.forks != thread_forks ? -EOWNERDEAD : collect(l, 0);

    if (err < 0) {
        list_splice(l->batch, l->ready);
        (void)exchange_queues(l);
    }
    return err;
}

/* Run exactly what is queued now. Returns how many ran, or the error that ended it. */
static inline int run_batch(struct gyre_loop *l)
{
    struct gyre_link *batch = exchange_queues(l);
    int count = 0;

    while (!list_is_empty(batch)) {
        call_first(batch);
        count++;
        if (unlikely(++l->ran >= BATCH_BUDGET)) {
            int err = look_up(l);
            if (err < 0)
                return err;
        }
    }
    return count;
}

/* In virtual time: look, then jump if the clock may, else wait for the real world. */
static int collect_virtual(struct gyre_loop *l, uint64_t max_wait)
{
    int err = collect(l, 0);

    if (err < 0 || max_wait == 0 || !list_is_empty(l->ready) || inbox_attention(&l->inbox))
        return err;
    if (testclock_jump(l, max_wait)) {
        timer_collect(l);
        return 0;
    }
    /* Nothing in the world can wake it but its clock, which nobody will advance. */
    if (l->live + l->live_asyncs == 0 && max_wait == GYRE_NEVER)
        return -EDEADLK;
    return collect(l, max_wait);
}

static int collect_or_jump(struct gyre_loop *l, uint64_t max_wait)
{
    return unlikely(l->is_virtual) ? collect_virtual(l, max_wait) : collect(l, max_wait);
}

static int tick(struct gyre_loop *l, uint64_t max_wait)
{
    int err = collect_or_jump(l, max_wait);

    return unlikely(err < 0) ? err : run_batch(l);
}

/* Whether the queue may run on without a look at the kernel. Not in a forked child: the fork has
 * spent the budget. */
static inline bool may_skip_collect(const struct gyre_loop *l)
{
    return !list_is_empty(l->ready) && l->ran < CHAIN_BUDGET && inbox_attention(&l->inbox) == 0 &&
           !inbox_has_mail(&l->inbox);
}

int loop_tick_now(struct gyre_loop *l)
{
    return tick(l, 0);
}

/* Whether the first call in the queue, by itself, keeps the loop alive. */
static inline bool first_is_reason(const struct gyre_loop *l)
{
    const struct gyre_link *first = l->ready->next;

    return first != l->ready && container_of(first, struct gyre_call, link)->weight > 0;
}

/* Whether nothing keeps the loop alive. A forked child has something to say first. */
static ASIDE bool is_over(const struct gyre_loop *l)
{
    return l->inbox.forks == thread_forks && !loop_has_work(l) && !stop_is_pending(l);
}

/* Collect, unless this is the child of a fork. */
static ASIDE int look(struct gyre_loop *l)
{
    return l->inbox.forks != thread_forks ? -EOWNERDEAD : collect_or_jump(l, GYRE_NEVER);
}

static int run(struct gyre_loop *l, gyre_while_fn *pending, void *arg)
{
    for (;;) {
        if (pending && !pending(arg))
            return GYRE_RUN_DONE;
        if (unlikely(!first_is_reason(l)) && is_over(l))
            return pending ? -EDEADLK : GYRE_RUN_DONE;

        int err = may_skip_collect(l) ? 0 : look(l);
        if (likely(err >= 0))
            err = run_batch(l);
        if (unlikely(err < 0))
            return err;
        if (unlikely(take_stop(l)))
            return GYRE_RUN_STOPPED;
    }
}

static int begin_and_run(struct gyre_loop *l, gyre_while_fn *pending, void *arg)
{
    int err = loop_begin_run(l);

    if (err < 0)
        return err;
    err = run(l, pending, arg);
    loop_end_run(l);
    return err;
}

int gyre_loop_run(struct gyre_loop *loop)
{
    return begin_and_run(loop, NULL, NULL);
}

int gyre_loop_run_while(struct gyre_loop *loop, gyre_while_fn *pending, void *arg)
{
    return pending ? begin_and_run(loop, pending, arg) : -EINVAL;
}

int gyre_loop_run_once(struct gyre_loop *loop, uint64_t max_wait)
{
    int err = loop_begin_run(loop);

    if (err < 0)
        return err;
    err = tick(loop, loop_has_work(loop) ? max_wait : 0);
    loop_end_run(loop);
    return err;
}

static int drain_until(struct gyre_loop *l, uint64_t deadline)
{
    int ran;

    do {
        uint64_t wait = time_until(deadline, loop_clock(l));
        /* A clock that stands still never reaches a deadline. */
        bool stands = l->is_virtual && deadline != GYRE_NEVER && !testclock_may_jump(l);

        ran = tick(l, stands ? 0 : wait);
        if (stands && wait > 0 && ran == 0 && list_is_empty(l->ready) && !stop_is_pending(l))
            return loop_has_work(l) ? -EDEADLK : 0;
    } while (ran >= 0 && !take_stop(l) && loop_has_work(l) && loop_clock(l) < deadline);
    return ran;
}

int gyre_loop_shutdown(struct gyre_loop *loop, uint64_t deadline)
{
    int err = loop_begin_run(loop);

    if (err < 0)
        return err;
    rooms_cancel(loop);
    if (loop_has_work(loop) || stop_is_pending(loop))
        err = drain_until(loop, deadline);
    loop_end_run(loop);
    if (err < 0)
        return err;
    size_t left = loop->live + loop->live_timers + loop->live_asyncs +
                  weigh(loop->ready, INT32_MAX) + inbox_has_news(&loop->inbox) + rooms_count(loop);
    return left > INT32_MAX ? INT32_MAX : (int)left;
}

void gyre_loop_stop(struct gyre_loop *loop)
{
    if (loop && loop->inbox.forks == thread_forks)
        inbox_request(&loop->inbox, ATTENTION_STOP);
}
