/* gyre_completions: inputs in the order in which they settle.
 *
 * `order` is that order, of which `given` have been handed out. A next that finds none waits in
 * `nexts`; so nexts wait only while nothing is left to hand out.
 *
 * SPDX-License-Identifier: MIT */
#include "future/node.h"

struct completions {
    struct node node; /* failures: the order in which all inputs have settled */
    uint32_t given;
    uint32_t distinct; /* inputs, those given twice counted once */
    struct gyre_link nexts;
};

struct next {
    struct gyre_future f;
    struct gyre_link link;
    struct gyre_future *completions; /* holds a reference while it is pending */
};

static struct completions *completions_of(struct node *node)
{
    return container_of(node, struct completions, node);
}

static struct next *next_of(struct gyre_future *f)
{
    return container_of(f, struct next, f);
}

/* ---- one next */

/* Settle it with an input, or with the end if that is NULL. */
static void give(struct next *next, struct gyre_future *input)
{
    if (input)
        future_settle_ok(&next->f, input, NULL);
    else
        future_settle_err(&next->f, -ENOENT, "all of them have settled");
    future_observe(&next->f); /* the end is no error that anybody has to look at */
}

static int cancel_next(struct gyre_future *f)
{
    list_remove(&next_of(f)->link);
    return 0;
}

static void fini_next(struct gyre_future *f)
{
    future_release(next_of(f)->completions);
}

static const struct future_kind next_kind = {
    .name = "completions_next",
    .cancel = cancel_next,
    .fini = fini_next,
};

/* ---- all of them */

static struct gyre_future *take_settled(struct completions *c)
{
    return c->given < c->node.failure_count ? node_failure(&c->node, c->given++) : NULL;
}

static void serve(struct completions *c)
{
    bool is_over = c->given == c->distinct;

    while (!list_is_empty(&c->nexts) && (is_over || c->given < c->node.failure_count)) {
        struct next *next = container_of(list_pop(&c->nexts), struct next, link);

        give(next, take_settled(c));
        is_over = c->given == c->distinct;
    }
}

static void completions_told(struct node *node, struct edge *edge)
{
    struct completions *c = completions_of(node);

    (void)node_note_failure(node, edge);
    serve(c);
    if (node->left == 0)
        future_settle_ok(&node->f, NULL, NULL);
}

static int cancel_completions(struct gyre_future *f)
{
    struct completions *c = completions_of(node_of(f));

    node_detach(&c->node);
    c->distinct = c->node.failure_count; /* no more will come */
    serve(c);
    return 0;
}

static const struct node_kind completions_kind = {
    .future = { .name = "completions",
                .is_node = true,
                .cancel = cancel_completions,
                .fini = node_fini },
    .owns = false,
    .told = completions_told,
};

struct gyre_future *gyre_completions(struct gyre_loop *loop, size_t count,
                                     struct gyre_future *const *futures)
{
    int err;
    struct gyre_futures *fs = futures_of(loop, &err);

    if (!fs)
        return future_refused(err);
    err = node_check(fs, false, count, futures);
    if (err < 0)
        return future_refused(err);

    struct node *node = node_new(fs, &completions_kind, sizeof(struct completions), count, true,
                                 __builtin_return_address(0));
    if (!node)
        return future_refused(-ENOMEM);
    struct completions *c = completions_of(node);
    c->given = 0;
    list_init(&c->nexts);
    node_connect_all(node, futures);
    c->distinct = node->left;
    if (count == 0)
        future_settle_ok(&node->f, NULL, NULL);
    node_begin(node);
    return &node->f;
}

struct gyre_future *gyre_completions_next(struct gyre_future *completions)
{
    struct gyre_future *f = completions;

    if (!f || (f->futures && f->kind != &completions_kind.future))
        return future_refused(-EINVAL);
    if (!f->futures)
        return f;
    int err = f->futures->is_closed ? -ESHUTDOWN : futures_enter(f->futures);
    struct gyre_futures *fs = f->futures;
    struct gyre_future *next_future =
        err == 0 ? future_new(fs, &next_kind, sizeof(struct next), __builtin_return_address(0))
                 : NULL;
    if (!next_future)
        return future_refused(err < 0 ? err : -ENOMEM);

    struct completions *c = completions_of(node_of(f));
    struct next *next = next_of(next_future);
    next->completions = gyre_future_ref(f);
    list_append(&c->nexts, &next->link);
    if (unlikely(scope_is_cancelled(fs->current)))
        future_request_now(next_future, (enum gyre_reason)fs->current->cause_reason,
                           fs->current->cause);
    serve(c);
    work_run(fs);
    return next_future;
}
