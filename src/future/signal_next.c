/* gyre_signal_next: signals as futures.
 *
 * From the first call for a signal on, the loop keeps a watcher for it, so that none is lost, or ends
 * the process, between two calls. What comes while nobody waits is counted for the next one who
 * asks. The watcher keeps the loop alive only while somebody waits.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "future/operation.h"

struct signal_source {
    struct gyre_signal sig;
    struct gyre_link link; /* in futures->signals */
    int signo;
    unsigned unclaimed; /* deliveries that nobody has waited for */
    struct gyre_link waiters;
};

struct next_signal {
    struct gyre_future f;
    struct gyre_link link; /* in source->waiters while it is pending */
    struct signal_source *source;
};

/* ---- a source */

static void settle_waiters(struct signal_source *source, unsigned count)
{
    while (!list_is_empty(&source->waiters)) {
        struct next_signal *next =
            container_of(list_pop(&source->waiters), struct next_signal, link);

        future_settle_ok(&next->f, (void *)(uintptr_t)count, NULL);
    }
    gyre_signal_unref(&source->sig);
}

static void signal_came(struct gyre_signal *sig, unsigned count, void *arg)
{
    struct gyre_futures *fs = arg;
    struct signal_source *source = container_of(sig, struct signal_source, sig);

    if (list_is_empty(&source->waiters))
        source->unclaimed =
            count > UINT32_MAX - source->unclaimed ? UINT32_MAX : source->unclaimed + count;
    else
        settle_waiters(source, count);
    work_run(fs);
}

static struct signal_source *find_source(const struct gyre_futures *fs, int signo)
{
    for (struct gyre_link *link = fs->signals.next; link != &fs->signals; link = link->next) {
        struct signal_source *source = container_of(link, struct signal_source, link);

        if (source->signo == signo)
            return source;
    }
    return NULL;
}

static void free_source(struct gyre_futures *fs, struct signal_source *source)
{
    list_remove(&source->link);
    memory_free(&fs->allocator, source, sizeof(*source));
}

/* The source for a signal, made if there is none yet: 0 or why not. */
static int get_source(struct gyre_futures *fs, int signo, struct signal_source **out)
{
    *out = find_source(fs, signo);
    if (*out)
        return 0;
    struct signal_source *source = memory_alloc(&fs->allocator, sizeof(*source));
    if (!source)
        return -ENOMEM;

    *source = (struct signal_source){ .signo = signo };
    list_init(&source->waiters);
    list_append(&fs->signals, &source->link);
    (void)gyre_signal_init(&source->sig, fs->loop, signal_came, fs);
    gyre_signal_unref(&source->sig);
    int err = gyre_signal_start(&source->sig, signo);
    if (err < 0) {
        free_source(fs, source);
        return err;
    }
    *out = source;
    return 0;
}

void signals_close(struct gyre_futures *fs)
{
    while (!list_is_empty(&fs->signals))
        free_source(fs, container_of(fs->signals.next, struct signal_source, link));
}

/* ---- the next one */

static int cancel_signal(struct gyre_future *f)
{
    struct next_signal *next = container_of(f, struct next_signal, f);

    list_remove(&next->link);
    if (list_is_empty(&next->source->waiters))
        gyre_signal_unref(&next->source->sig);
    return 0;
}

static const struct future_kind signal_kind = { .name = "signal_next", .cancel = cancel_signal };

static void await_signal(struct next_signal *next)
{
    struct signal_source *source = next->source;

    list_append(&source->waiters, &next->link);
    gyre_signal_ref(&source->sig);
    if (source->unclaimed > 0)
        settle_waiters(source, source->unclaimed);
    source->unclaimed = 0;
}

struct gyre_future *gyre_signal_next(struct gyre_loop *loop, int signo)
{
    struct gyre_future *f = begin_operation(loop, &signal_kind, sizeof(struct next_signal),
                                            __builtin_return_address(0));

    if (!future_is_pending(f))
        return f;
    struct next_signal *next = container_of(f, struct next_signal, f);
    int err = get_source(f->futures, signo, &next->source);
    if (err < 0)
        future_settle_err(f, err, NULL);
    else
        await_signal(next);
    return f;
}

int gyre_signal_forget(struct gyre_loop *loop, int signo)
{
    int err;
    struct gyre_futures *fs = futures_of(loop, &err);
    struct signal_source *source = fs ? find_source(fs, signo) : NULL;

    if (!fs)
        return err;
    if (!source)
        return -ENOENT;
    if (!list_is_empty(&source->waiters))
        return -EBUSY;
    (void)gyre_signal_stop(&source->sig);
    free_source(fs, source);
    return 0;
}
