/* gyre_then, gyre_then_start and gyre_after: what follows on a future, in a function of the user's.
 *
 * Edge 0 is the future it follows on, edge 1 what a gyre_next_fn has returned.
 *
 * SPDX-License-Identifier: MIT */
#include "future/step.h"

enum { THEN_DONE, THEN_NEXT };

struct then {
    struct step step;
    bool follows_all; /* also on failures and cancellations */
    gyre_map_fn *map; /* one of the two is set */
    gyre_next_fn *next;
    void *arg;
};

static struct then *then_of(struct step *step)
{
    return container_of(step, struct then, step);
}

static void then_told(struct node *node, struct edge *edge)
{
    const struct then *then = then_of(step_of(node));
    bool is_ok = edge->source->state == GYRE_FUTURE_OK;

    if (edge == &node->edges[THEN_NEXT])
        future_forward(edge->source, &node->f);
    else if (is_ok && node->f.flags & FUTURE_CANCELLING && !then->map && !then->follows_all)
        future_settle_cancelled(&node->f); /* what should follow is not started any more */
    else if (is_ok || then->follows_all)
        step_queue(step_of(node));
    else
        future_forward(edge->source, &node->f);
}

static void run_map(struct step *step)
{
    struct then *then = then_of(step);
    struct gyre_future *f = &step->node.f;
    gyre_drop_fn *drop;
    void *value;

    future_take_value(step->node.edges[THEN_DONE].source, &value, &drop);
    int err = then->map(&value, &drop, then->arg);
    if (err >= 0) {
        future_settle_ok(f, value, drop);
        return;
    }
    future_settle_err(f, err, NULL);
    if (drop)
        drop(value);
}

static void run_next(struct step *step)
{
    struct then *then = then_of(step);
    struct node *node = &step->node;
    struct gyre_future *done = node->edges[THEN_DONE].source;
    struct gyre_future *next = then->next(done, then->arg);

    if (!next)
        future_settle_ok(&node->f, NULL, NULL);
    else if (next == done)
        future_forward(done, &node->f);
    else
        step_connect(step, &node->edges[THEN_NEXT], next);
}

/* What runs whatever happens runs also if it is cancelled when it is about to. */
static int cancel_then(struct gyre_future *f)
{
    struct step *step = step_of(node_of(f));

    if (then_of(step)->follows_all && gyre_call_is_started(&step->call))
        return -EINPROGRESS;
    return step_cancel(f);
}

static const struct node_kind then_kind = {
    .future = { .name = "then", .is_node = true, .cancel = cancel_then, .fini = node_fini },
    .owns = true,
    .told = then_told,
};

static struct gyre_future *follow(struct gyre_future *f, const struct then *how,
                                  void (*run)(struct step *step), const void *site)
{
    if (!how->map && !how->next)
        return future_refused(-EINVAL);
    struct gyre_future *made = node_new_unary(f, &then_kind, sizeof(struct then), true, site);
    if (!made->futures)
        return made;

    struct then *then = then_of(step_of(node_of(made)));
    then->follows_all = how->follows_all;
    then->map = how->map;
    then->next = how->next;
    then->arg = how->arg;
    step_init(&then->step, run);
    node_begin_unary(node_of(made));
    return made;
}

struct gyre_future *gyre_then(struct gyre_future *f, gyre_map_fn *map, void *arg)
{
    const struct then how = { .map = map, .arg = arg };

    return follow(f, &how, run_map, __builtin_return_address(0));
}

struct gyre_future *gyre_then_start(struct gyre_future *f, gyre_next_fn *next, void *arg)
{
    const struct then how = { .next = next, .arg = arg };

    return follow(f, &how, run_next, __builtin_return_address(0));
}

struct gyre_future *gyre_after(struct gyre_future *f, gyre_next_fn *next, void *arg)
{
    const struct then how = { .follows_all = true, .next = next, .arg = arg };

    return follow(f, &how, run_next, __builtin_return_address(0));
}
