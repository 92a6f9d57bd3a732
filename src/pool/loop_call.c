/* gyre_loop_call: another thread has something done on a loop and waits for it.
 *
 * The request is shared by those who may still touch it, the caller, the loop, and a post that tells
 * the loop of a time-out; the last one frees it. Only the loop's thread uses `future` and `guard`.
 * The guard is a future that is pending as long as the request is, so that the end of the loop is
 * told to the caller too.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "os/clock.h"
#include "pool/core.h"

enum request_state {
    REQUEST_POSTED,
    REQUEST_BEGUN,
    REQUEST_ENDED, /* `err` and `value` are set */
    REQUEST_LATE,  /* the caller has left */
};

struct request {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    enum request_state state;
    unsigned refs;
    int err;
    void *value;

    struct gyre_loop *loop;
    gyre_loop_call_fn *fn;
    void *arg;
    struct gyre_call then;
    struct gyre_post late;
    struct gyre_future *future;
    struct gyre_future *guard;
    struct gyre_allocator allocator;
};

/* ---- its life */

static struct request *new_request(struct gyre_loop *loop, gyre_loop_call_fn *fn, void *arg)
{
    const struct gyre_allocator *allocator = loop_allocator(loop);
    struct request *r = memory_alloc(allocator, sizeof(*r));

    if (!r)
        return NULL;
    *r = (struct request){ .refs = 2, .loop = loop, .fn = fn, .arg = arg, .allocator = *allocator };
    if (pthread_mutex_init(&r->lock, NULL) == 0) {
        if (worker_cond_init(&r->ended) == 0)
            return r;
        (void)pthread_mutex_destroy(&r->lock);
    }
    memory_free(allocator, r, sizeof(*r));
    return NULL;
}

static void free_request(struct request *r)
{
    struct gyre_allocator allocator = r->allocator;

    (void)pthread_cond_destroy(&r->ended);
    (void)pthread_mutex_destroy(&r->lock);
    memory_free(&allocator, r, sizeof(*r));
}

/* One reference less; unlocks. */
static void leave_request(struct request *r)
{
    bool is_last = --r->refs == 0;

    (void)pthread_mutex_unlock(&r->lock);
    if (is_last)
        free_request(r);
}

/* ---- on the loop */

/* Tell the caller, if he is still there, and leave. */
static void end_request(struct request *r, int err)
{
    struct gyre_future *future = r->future;
    struct gyre_future *guard = r->guard;

    r->future = NULL;
    (void)pthread_mutex_lock(&r->lock);
    if (r->state != REQUEST_LATE) {
        r->state = REQUEST_ENDED;
        r->err = err;
        r->value = err == 0 && future ? gyre_future_take(future) : NULL;
        (void)pthread_cond_signal(&r->ended);
    }
    leave_request(r);
    gyre_future_unref(future);
    if (guard) {
        gyre_future_abandon(guard);
        gyre_future_unref(guard);
    }
}

static int guard_goes_on(struct gyre_future *f, void *op)
{
    (void)f;
    (void)op;
    return -EINPROGRESS;
}

static void loop_was_closed(void *op)
{
    end_request(op, -ESHUTDOWN);
}

static const struct gyre_future_ops guard_ops = {
    .cancel = guard_goes_on,
    .drop = loop_was_closed,
};

static void on_settled(struct gyre_call *call, void *arg)
{
    struct request *r = arg;

    (void)call;
    end_request(r, gyre_future_error(r->future));
}

/* The caller is still there, and knows now that it has begun. */
static bool begin_in_time(struct request *r)
{
    (void)pthread_mutex_lock(&r->lock);
    bool is_in_time = r->state == REQUEST_POSTED;
    if (is_in_time)
        r->state = REQUEST_BEGUN;
    (void)pthread_mutex_unlock(&r->lock);
    return is_in_time;
}

static void begin_request(void *arg)
{
    struct request *r = arg;

    if (!begin_in_time(r)) {
        end_request(r, -ETIMEDOUT);
        return;
    }
    r->guard = gyre_future_create(r->loop);
    gyre_future_ignore_error(r->guard);
    int err = gyre_future_set_cancel(r->guard, &guard_ops, r);
    if (err == 0)
        r->future = r->fn(r->loop, r->arg);
    if (err == 0 && r->future) {
        (void)gyre_call_init(&r->then, r->loop, on_settled, r);
        err = gyre_future_on_done(r->future, &r->then);
        if (err == 0)
            return;
    }
    end_request(r, err == -EALREADY ? -ENOMEM : err);
}

static void request_was_dropped(void *arg)
{
    end_request(arg, -ESHUTDOWN);
}

/* ---- a caller whose time is over */

static void cancel_late(struct gyre_post *post, void *arg)
{
    struct request *r = arg;

    (void)post;
    if (r->future)
        (void)gyre_future_cancel(r->future);
    (void)pthread_mutex_lock(&r->lock);
    leave_request(r);
}

static void drop_late(void *arg)
{
    struct request *r = arg;

    (void)pthread_mutex_lock(&r->lock);
    leave_request(r);
}

/* With the lock held: leave without an outcome. One that has begun is cancelled. */
static void give_up(struct request *r)
{
    bool has_begun = r->state == REQUEST_BEGUN;

    r->state = REQUEST_LATE;
    if (!has_begun) {
        leave_request(r);
        return;
    }
    /* The caller's reference goes to the post. */
    (void)pthread_mutex_unlock(&r->lock);
    (void)gyre_post_init(&r->late, r->loop, cancel_late, drop_late, r);
    if (gyre_post_send(&r->late) < 0)
        drop_late(r);
}

/* ---- the caller */

static int await_request(struct request *r, uint64_t timeout, void **value)
{
    uint64_t deadline = timeout == GYRE_NEVER ? GYRE_NEVER : gyre_time_add(clock_now(), timeout);

    (void)pthread_mutex_lock(&r->lock);
    while (r->state != REQUEST_ENDED)
        if (!worker_cond_wait(&r->ended, &r->lock, deadline) && r->state != REQUEST_ENDED) {
            give_up(r);
            return -ETIMEDOUT;
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
    int err = gyre_call_soon_threadsafe(loop, begin_request, request_was_dropped, r);
    if (err < 0) {
        free_request(r);
        return err;
    }
    return await_request(r, timeout, value);
}
