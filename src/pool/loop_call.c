/* gyre_loop_call: another thread has something done on a loop and waits for it.
 *
 * The request is shared by those who may still touch it, the caller, the loop, and a post that tells
 * the loop of a time-out; the last one frees it. Only the loop's thread uses `future`, `then` and
 * `begun`, which is in pools.calls from the begin of the call until its end, so that the end of the
 * loop can be told to the caller too. While `fn` runs the caller does not leave: its argument is his.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "os/clock.h"
#include "pool/core.h"

enum request_state {
    REQUEST_POSTED,
    REQUEST_RUNNING, /* fn has not returned */
    REQUEST_BEGUN,
    REQUEST_ENDED, /* `err` and `value` are set */
    REQUEST_LATE,  /* the caller has left */
};

struct request {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* `state` */
    enum request_state state;
    unsigned refs;
    int err;
    bool wants_value;
    bool is_late; /* the caller has waited for long enough */
    void *value;

    uint32_t forks; /* of the caller's process */
    struct gyre_loop *loop;
    gyre_loop_call_fn *fn;
    void *arg;
    struct gyre_call then;
    struct gyre_post late;
    struct gyre_future *future;
    struct gyre_link begun;
    struct gyre_allocator allocator;
};

/* ---- its life */

static struct request *new_request(struct gyre_loop *loop, gyre_loop_call_fn *fn, void *arg)
{
    const struct gyre_allocator *allocator = loop_allocator(loop);
    struct request *r = memory_alloc(allocator, sizeof(*r));

    if (!r)
        return NULL;
    *r = (struct request){ .refs = 2,
                           .forks = thread_forks,
                           .loop = loop,
                           .fn = fn,
                           .arg = arg,
                           .allocator = *allocator };
    list_init(&r->begun);
    if (pthread_mutex_init(&r->lock, NULL) == 0) {
        if (worker_cond_init(&r->changed) == 0)
            return r;
        (void)pthread_mutex_destroy(&r->lock);
    }
    memory_free(allocator, r, sizeof(*r));
    return NULL;
}

static void free_request(struct request *r)
{
    struct gyre_allocator allocator = r->allocator;

    (void)pthread_cond_destroy(&r->changed);
    (void)pthread_mutex_destroy(&r->lock);
    memory_free(&allocator, r, sizeof(*r));
}

/* The caller is a thread of the process from which this one was forked. He may have left the lock
 * held, and the condition thinks that he waits for it. */
static bool caller_is_elsewhere(const struct request *r)
{
    return r->forks != thread_forks;
}

static void lock_request(struct request *r)
{
    if (likely(!caller_is_elsewhere(r)))
        (void)pthread_mutex_lock(&r->lock);
}

/* One reference less; unlocks. */
static void leave_request(struct request *r)
{
    struct gyre_allocator allocator = r->allocator;
    bool is_last = --r->refs == 0;

    if (unlikely(caller_is_elsewhere(r))) {
        if (is_last)
            memory_free(&allocator, r, sizeof(*r));
        return;
    }
    (void)pthread_mutex_unlock(&r->lock);
    if (is_last)
        free_request(r);
}

/* ---- on the loop */

/* With the lock held: tell the caller, who is still there. */
static void tell_caller(struct request *r, int err, struct gyre_future *future)
{
    r->state = REQUEST_ENDED;
    r->err = err;
    r->value = err == 0 && r->wants_value ? gyre_future_take(future) : NULL;
    (void)pthread_cond_signal(&r->changed);
}

static void end_request(struct request *r, int err)
{
    struct gyre_future *future = r->future;

    r->future = NULL;
    list_remove(&r->begun);
    (void)gyre_call_stop(&r->then);
    lock_request(r);
    if (r->state != REQUEST_LATE && caller_is_elsewhere(r))
        r->refs--;
    else if (r->state != REQUEST_LATE)
        tell_caller(r, err, future);
    leave_request(r);
    gyre_future_unref(future);
}

void loop_calls_end(struct gyre_link *calls)
{
    while (!list_is_empty(calls))
        end_request(container_of(calls->next, struct request, begun), -ESHUTDOWN);
}

static void on_settled(struct gyre_call *call, void *arg)
{
    struct request *r = arg;

    (void)call;
    end_request(r, gyre_future_error(r->future));
}

/* The caller is still there, and knows now that it has begun. */
static bool begin_in_time(struct request *r)
{
    if (caller_is_elsewhere(r))
        return false;
    (void)pthread_mutex_lock(&r->lock);
    bool is_in_time = r->state == REQUEST_POSTED;
    if (is_in_time)
        r->state = REQUEST_RUNNING;
    (void)pthread_mutex_unlock(&r->lock);
    return is_in_time;
}

/* fn has returned: the caller, who may be late already, is free to leave. */
static void let_caller_leave(struct request *r)
{
    if (caller_is_elsewhere(r))
        return;
    (void)pthread_mutex_lock(&r->lock);
    r->state = REQUEST_BEGUN;
    if (r->is_late)
        (void)pthread_cond_signal(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

static void begin_request(void *arg)
{
    struct request *r = arg;
    struct pools *pools = pools_of(r->loop);

    if (!pools || !begin_in_time(r)) {
        end_request(r, pools ? -ETIMEDOUT : -ENOMEM);
        return;
    }
    list_append(&pools->calls, &r->begun);
    r->future = r->fn(r->loop, r->arg);
    if (!r->future) {
        end_request(r, 0);
        return;
    }
    (void)gyre_call_init(&r->then, r->loop, on_settled, r);
    int err = gyre_future_on_done(r->future, &r->then);
    if (err < 0)
        end_request(r, err);
    else
        let_caller_leave(r);
}

static void request_was_dropped(void *arg)
{
    end_request(arg, -ESHUTDOWN);
}

/* ---- a caller whose time is over */

static void drop_late(void *arg)
{
    struct request *r = arg;

    lock_request(r);
    leave_request(r);
}

static void cancel_late(struct gyre_post *post, void *arg)
{
    struct request *r = arg;

    (void)post;
    if (r->future)
        (void)gyre_future_cancel(r->future);
    drop_late(r);
}

/* With the lock held: leave without an outcome. One that has begun is cancelled. */
static void leave_late(struct request *r)
{
    bool has_begun = r->state == REQUEST_BEGUN;

    r->state = REQUEST_LATE;
    if (has_begun) {
        /* Whoever closes the loop must end the request first, so it is there while we hold the lock. */
        (void)gyre_post_init(&r->late, r->loop, cancel_late, drop_late, r);
        if (gyre_post_send(&r->late) == 0) {
            (void)pthread_mutex_unlock(&r->lock); /* the reference is the post's */
            return;
        }
    }
    leave_request(r);
}

/* ---- the caller */

static int await_request(struct request *r, uint64_t timeout, void **value)
{
    uint64_t deadline = timeout == GYRE_NEVER ? GYRE_NEVER : gyre_time_add(clock_now(), timeout);

    (void)pthread_mutex_lock(&r->lock);
    while (r->state != REQUEST_ENDED) {
        if (r->is_late && r->state != REQUEST_RUNNING) {
            leave_late(r);
            return -ETIMEDOUT;
        }
        if (!worker_cond_wait(&r->changed, &r->lock, r->is_late ? GYRE_NEVER : deadline))
            r->is_late = true;
    }

    int err = r->err;
    if (err == 0 && value)
        *value = r->value;
    leave_request(r);
    return err;
}

int gyre_loop_call(struct gyre_loop *loop, gyre_loop_call_fn *fn, void *arg, uint64_t timeout,
                   void **value)
{
    if (!loop || !fn)
        return -EINVAL;
    if (loop_is_own(loop))
        return -EDEADLK;

    struct request *r = new_request(loop, fn, arg);
    if (!r)
        return -ENOMEM;
    r->wants_value = value != NULL;
    int err = gyre_call_soon_threadsafe(loop, begin_request, request_was_dropped, r);
    if (err < 0) {
        free_request(r);
        return err;
    }
    return await_request(r, timeout, value);
}
