/* gyre_then, gyre_then_start and gyre_after: what follows on a future, in a function of the user's.
 *
 * Edge 0 is the future it follows on, edge 1 what a gyre_next_fn has returned.
 *
 * SPDX-License-Identifier: MIT */
#include "future/step.h"

enum { THEN_DONE, THEN_NEXT };

struct then {
    struct step step;
    union {
        gyre_map_fn *map;
        gyre_next_fn *next;
    } fn;
    void *arg;
};

static struct then *then_of(struct gyre_future *f)
{
    return container_of(step_of(node_of(f)), struct then, step);
}

/* A node that follows on `f`, without a function; or, without `futures`, what there is instead. */
static inline struct gyre_future *follow(struct gyre_future *f, const struct step_kind *kind,
                                         bool has_next, void *arg, const void *site)
{
    struct gyre_future *made = node_new_unary(f, &kind->node, sizeof(struct then), has_next, site);

    if (likely(made->futures)) {
        then_of(made)->arg = arg;
        step_init(&then_of(made)->step);
    }
    return made;
}

/* ---- gyre_then */

static void then_told(struct node *node, struct edge *edge)
{
    if (edge->source->state == GYRE_FUTURE_OK)
        step_queue(step_of(node));
    else
        future_forward(edge->source, &node->f);
}

static void run_map(struct step *step)
{
    struct gyre_future *f = &step->node.f;
    struct then *then = then_of(f);
    gyre_drop_fn *drop;
    void *value;

    future_take_value(step->node.edges[THEN_DONE].source, &value, &drop);
    int err = then->fn.map(&value, &drop, then->arg);
    if (err >= 0) {
        future_settle_ok(f, value, drop);
        return;
    }
    future_settle_err(f, err, NULL);
    if (drop)
        drop(value);
}

static const struct step_kind then_kind = {
    .node = { .future = { .name = "then",
                          .is_node = true,
                          .cancel = step_cancel,
                          .fini = node_fini },
              .owns = true,
              .told = then_told },
    .run = run_map,
};

struct gyre_future *gyre_then(struct gyre_future *f, gyre_map_fn *map, void *arg)
{
    if (!map)
        return future_refused(-EINVAL);
    struct gyre_future *made = follow(f, &then_kind, false, arg, __builtin_return_address(0));
    if (!made->futures)
        return made;
    then_of(made)->fn.map = map;
    node_begin_unary(node_of(made));
    return made;
}

/* ---- gyre_then_start, gyre_after */

static void then_start_told(struct node *node, struct edge *edge)
{
    bool is_ok = edge->source->state == GYRE_FUTURE_OK;

    if (edge == &node->edges[THEN_NEXT] || !is_ok)
        future_forward(edge->source, &node->f);
    else if (node->f.flags & FUTURE_CANCELLING)
        future_settle_cancelled(&node->f); /* what should follow is not started any more */
    else
        step_queue(step_of(node));
}

static void after_told(struct node *node, struct edge *edge)
{
    if (edge == &node->edges[THEN_NEXT])
        future_forward(edge->source, &node->f);
    else
        step_queue(step_of(node));
}

static void run_next(struct step *step)
{
    struct node *node = &step->node;
    struct then *then = then_of(&node->f);
    struct gyre_future *done = node->edges[THEN_DONE].source;
    struct gyre_future *next = then->fn.next(done, then->arg);

    if (!next)
        future_settle_ok(&node->f, NULL, NULL);
    else if (next == done)
        future_forward(done, &node->f);
    else
        step_connect(step, &node->edges[THEN_NEXT], next);
}

/* What runs whatever happens runs also if it is cancelled when it is about to. */
static int cancel_after(struct gyre_future *f)
{
    return gyre_call_is_started(&then_of(f)->step.call) ? -EINPROGRESS : step_cancel(f);
}

static const struct step_kind then_start_kind = {
    .node = { .future = { .name = "then_start",
                          .is_node = true,
                          .cancel = step_cancel,
                          .fini = node_fini },
              .owns = true,
              .told = then_start_told },
    .run = run_next,
};

static const struct step_kind after_kind = {
    .node = { .future = { .name = "after",
                          .is_node = true,
                          .cancel = cancel_after,
                          .fini = node_fini },
              .owns = true,
              .told = after_told },
    .run = run_next,
};

static struct gyre_future *follow_and_start(struct gyre_future *f, const struct step_kind *kind,
                                            gyre_next_fn *next, void *arg, const void *site)
{
    if (!next)
        return future_refused(-EINVAL);
    struct gyre_future *made = follow(f, kind, true, arg, site);
    if (!made->futures)
        return made;
    then_of(made)->fn.next = next;
    node_begin_unary(node_of(made));
    return made;
}

struct gyre_future *gyre_then_start(struct gyre_future *f, gyre_next_fn *next, void *arg)
{
    return follow_and_start(f, &then_start_kind, next, arg, __builtin_return_address(0));
}

struct gyre_future *gyre_after(struct gyre_future *f, gyre_next_fn *next, void *arg)
{
    return follow_and_start(f, &after_kind, next, arg, __builtin_return_address(0));
}
