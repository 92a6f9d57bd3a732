/* See kinds.h.
 *
 * SPDX-License-Identifier: MIT */
#include "support/kinds.h"

#include "base/util.h"

#include <string.h>
#include <unistd.h>

static struct kinds the_kinds;

static void called(enum kind kind)
{
    struct kinds *k = &the_kinds;

    record(k->f, (int)kind);
    if (k->inside)
        k->inside(k, kind);
}

static void on_call(struct gyre_call *call, void *arg)
{
    assert_ptr_equal(call, &the_kinds.call);
    assert_ptr_equal(arg, &the_kinds);
    called(KIND_CALL);
}

static void on_timer(struct gyre_timer *timer, void *arg)
{
    assert_ptr_equal(timer, &the_kinds.timer);
    assert_ptr_equal(arg, &the_kinds);
    called(KIND_TIMER);
}

static void on_io(struct gyre_io *io, unsigned events, void *arg)
{
    assert_ptr_equal(io, &the_kinds.io);
    assert_ptr_equal(arg, &the_kinds);
    assert_int_not_equal(events, 0);
    the_kinds.io_events |= events;
    (void)drain(the_kinds.fds[0]);
    called(KIND_IO);
}

static void on_signal(struct gyre_signal *sig, unsigned count, void *arg)
{
    assert_ptr_equal(sig, &the_kinds.sig);
    assert_ptr_equal(arg, &the_kinds);
    assert_int_not_equal(count, 0);
    called(KIND_SIGNAL);
}

static void on_async(struct gyre_async *async, void *arg)
{
    assert_ptr_equal(async, &the_kinds.async);
    assert_ptr_equal(arg, &the_kinds);
    called(KIND_ASYNC);
}

static void on_post(struct gyre_post *post, void *arg)
{
    assert_ptr_equal(post, &the_kinds.post);
    assert_ptr_equal(arg, &the_kinds);
    called(KIND_POST);
}

static void on_soon(void *arg)
{
    assert_ptr_equal(arg, &the_kinds);
    called(KIND_SOON);
}

static void on_later(void *arg)
{
    assert_ptr_equal(arg, &the_kinds);
    called(KIND_LATER);
}

static void on_remote(void *arg)
{
    assert_ptr_equal(arg, &the_kinds);
    called(KIND_REMOTE);
}

static void dropped(enum kind kind)
{
    record(the_kinds.f, KIND_DROPPED + (int)kind);
    if (the_kinds.inside)
        the_kinds.inside(&the_kinds, kind);
}

static void drop_post(void *arg)
{
    assert_ptr_equal(arg, &the_kinds);
    dropped(KIND_POST);
}

static void drop_remote(void *arg)
{
    assert_ptr_equal(arg, &the_kinds);
    dropped(KIND_REMOTE);
}

int kinds_init_one(struct kinds *k, enum kind kind, struct gyre_loop *loop)
{
    switch (kind) {
    case KIND_CALL:
        return gyre_call_init(&k->call, loop, on_call, k);
    case KIND_TIMER:
        return gyre_timer_init(&k->timer, loop, on_timer, k);
    case KIND_IO:
        return gyre_io_init(&k->io, loop, on_io, k);
    case KIND_SIGNAL:
        return gyre_signal_init(&k->sig, loop, on_signal, k);
    case KIND_ASYNC:
        return gyre_async_init(&k->async, loop, on_async, k);
    case KIND_POST:
        return gyre_post_init(&k->post, loop, on_post, drop_post, k);
    default:
        return 0;
    }
}

struct kinds *kinds_init(struct fixture *f)
{
    struct kinds *k = &the_kinds;

    memset(k, 0, sizeof(*k));
    k->f = f;
    (void)signal(KIND_SIGNO, SIG_IGN); /* deliveries that nobody was told of come again */
    make_pair(f, k->fds);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        assert_int_equal(kinds_init_one(k, kind, f->loop), 0);
    return k;
}

int kinds_start(struct kinds *k, enum kind kind)
{
    switch (kind) {
    case KIND_CALL:
        return gyre_call_start(&k->call);
    case KIND_TIMER:
        return gyre_timer_start(&k->timer, GYRE_S(3600));
    case KIND_IO:
        return gyre_io_start(&k->io, k->fds[0], GYRE_READ);
    case KIND_SIGNAL:
        return gyre_signal_start(&k->sig, KIND_SIGNO);
    case KIND_ASYNC:
        return gyre_async_start(&k->async);
    case KIND_POST:
        return gyre_post_send(&k->post);
    case KIND_SOON:
        return gyre_call_soon(k->f->loop, on_soon, k);
    case KIND_LATER:
        return gyre_call_later(k->f->loop, GYRE_S(3600), on_later, k);
    default:
        return gyre_call_soon_threadsafe(k->f->loop, on_remote, drop_remote, k);
    }
}

void kinds_fire(struct kinds *k, enum kind kind)
{
    if (kind == KIND_LATER) {
        assert_int_equal(gyre_call_later(k->f->loop, 0, on_later, k), 0);
        return;
    }
    if (kind >= KIND_WATCHERS || !kinds_is_started(k, kind))
        assert_int_equal(kinds_start(k, kind), 0);
    if (kind == KIND_TIMER)
        assert_int_equal(gyre_timer_start(&k->timer, 0), 0);
    if (kind == KIND_IO)
        put(k->fds[1], "x");
    if (kind == KIND_SIGNAL)
        assert_int_equal(raise(KIND_SIGNO), 0);
    if (kind == KIND_ASYNC)
        assert_int_equal(gyre_async_send(&k->async), 0);
}

bool kinds_stop(struct kinds *k, enum kind kind)
{
    switch (kind) {
    case KIND_CALL:
        return gyre_call_stop(&k->call);
    case KIND_TIMER:
        return gyre_timer_stop(&k->timer);
    case KIND_IO:
        return gyre_io_stop(&k->io);
    case KIND_SIGNAL:
        return gyre_signal_stop(&k->sig);
    case KIND_ASYNC:
        return gyre_async_stop(&k->async);
    case KIND_POST:
        return gyre_post_stop(&k->post);
    default:
        return false;
    }
}

/* A post has no such question: it can be sent as long as it is not. */
bool kinds_is_started(struct kinds *k, enum kind kind)
{
    switch (kind) {
    case KIND_CALL:
        return gyre_call_is_started(&k->call);
    case KIND_TIMER:
        return gyre_timer_is_started(&k->timer);
    case KIND_IO:
        return gyre_io_is_started(&k->io);
    case KIND_SIGNAL:
        return gyre_signal_is_started(&k->sig);
    case KIND_ASYNC:
        return gyre_async_is_started(&k->async);
    default:
        return false;
    }
}

void kinds_ref(struct kinds *k, enum kind kind)
{
    if (kind == KIND_CALL)
        gyre_call_ref(&k->call);
    if (kind == KIND_TIMER)
        gyre_timer_ref(&k->timer);
    if (kind == KIND_IO)
        gyre_io_ref(&k->io);
    if (kind == KIND_SIGNAL)
        gyre_signal_ref(&k->sig);
    if (kind == KIND_ASYNC)
        gyre_async_ref(&k->async);
}

void kinds_unref(struct kinds *k, enum kind kind)
{
    if (kind == KIND_CALL)
        gyre_call_unref(&k->call);
    if (kind == KIND_TIMER)
        gyre_timer_unref(&k->timer);
    if (kind == KIND_IO)
        gyre_io_unref(&k->io);
    if (kind == KIND_SIGNAL)
        gyre_signal_unref(&k->sig);
    if (kind == KIND_ASYNC)
        gyre_async_unref(&k->async);
}

void kinds_stop_all(struct kinds *k)
{
    for (enum kind kind = 0; kind < KIND_WATCHERS; kind++)
        (void)kinds_stop(k, kind);
}

const char *kinds_name(enum kind kind)
{
    static const char *const names[] = { "call", "timer", "io",    "signal", "async",
                                         "post", "soon",  "later", "remote" };

    return kind < ARRAY_LEN(names) ? names[kind] : "?";
}
