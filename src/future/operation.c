/* Watchers as operations: sleep and a ready descriptor. Each is undone by stopping its
 * watcher, which is started while the future is pending, and only then.
 *
 * SPDX-License-Identifier: MIT */
#include "future/operation.h"

struct gyre_future *begin_operation(struct gyre_loop *loop, const struct future_kind *kind,
                                    size_t size, const void *site)
{
    int err;
    struct gyre_futures *fs = futures_of(loop, &err);

    if (unlikely(!fs))
        return future_refused(err);
    struct gyre_future *f = future_new(fs, kind, size, site);
    if (unlikely(!f))
        return future_refused(-ENOMEM);
    if (unlikely(scope_is_cancelled(fs->current))) {
        f->reason = fs->current->cause_reason;
        f->note.cause = fs->current->cause;
        future_settle_cancelled(f);
    }
    return f;
}

/* ---- sleep */

struct sleep {
    struct gyre_future f;
    struct gyre_timer timer;
};

static void woke_up(struct gyre_timer *timer, void *arg)
{
    struct gyre_future *f = arg;
    struct gyre_futures *fs = f->futures;

    (void)timer;
    future_settle_ok(f, NULL, NULL);
    work_run(fs);
}

static int cancel_sleep(struct gyre_future *f)
{
    (void)gyre_timer_stop(&container_of(f, struct sleep, f)->timer);
    return 0;
}

static const struct future_kind sleep_kind = { .name = "sleep", .cancel = cancel_sleep };

static struct gyre_future *sleep_until(struct gyre_loop *loop, uint64_t deadline, const void *site)
{
    struct gyre_future *f = begin_operation(loop, &sleep_kind, sizeof(struct sleep), site);

    if (unlikely(!future_is_pending(f)))
        return f;
    timer_begin(&container_of(f, struct sleep, f)->timer, loop, woke_up, f, deadline);
    return f;
}

struct gyre_future *gyre_sleep(struct gyre_loop *loop, uint64_t delay)
{
    return sleep_until(loop, gyre_time_add(gyre_loop_clock(loop), delay),
                       __builtin_return_address(0));
}

struct gyre_future *gyre_sleep_until(struct gyre_loop *loop, uint64_t deadline)
{
    return sleep_until(loop, deadline, __builtin_return_address(0));
}

/* ---- a ready descriptor */

struct ready {
    struct gyre_future f;
    struct gyre_io io;
};

static void became_ready(struct gyre_io *io, unsigned events, void *arg)
{
    struct gyre_future *f = arg;
    struct gyre_futures *fs = f->futures;

    (void)gyre_io_stop(io);
    if (events & GYRE_GONE)
        future_settle_err(f, -EBADF, "the descriptor was closed meanwhile");
    else
        future_settle_ok(f, (void *)(uintptr_t)events, NULL);
    work_run(fs);
}

static int cancel_ready(struct gyre_future *f)
{
    (void)gyre_io_stop(&container_of(f, struct ready, f)->io);
    return 0;
}

static const struct future_kind ready_kind = { .name = "io_ready", .cancel = cancel_ready };

struct gyre_future *gyre_io_ready(struct gyre_loop *loop, int fd, unsigned events)
{
    struct gyre_future *f =
        begin_operation(loop, &ready_kind, sizeof(struct ready), __builtin_return_address(0));

    if (!future_is_pending(f))
        return f;
    struct gyre_io *io = &container_of(f, struct ready, f)->io;
    *io = (struct gyre_io){ .fd = -1 };
    (void)gyre_io_init(io, loop, became_ready, f);
    int err = gyre_io_start(io, fd, events);
    if (err < 0)
        future_settle_err(f, err, NULL);
    return f;
}
