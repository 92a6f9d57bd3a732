/* gyre_then and gyre_then_start: what follows on a value, in a function of the user's.
 *
 * Edge 0 is the future it follows on. When that is OK the function is queued as `call`; edge 1 is the
 * future that a gyre_next_fn has returned.
 *
 * SPDX-License-Identifier: MIT */
#include "future/node.h"

enum { THEN_DONE, THEN_NEXT, THEN_EDGES };

struct then {
    struct node node;
    struct gyre_call call;
    bool is_running;
    gyre_map_fn *map; /* one of the two is set */
    gyre_next_fn *next;
    void *arg;
};

static struct then *then_of(struct node *node)
{
    return container_of(node, struct then, node);
}

static void then_told(struct node *node, struct edge *edge)
{
    if (edge == &node->edges[THEN_DONE] && edge->source->state == GYRE_FUTURE_OK)
        (void)gyre_call_start(&then_of(node)->call);
    else
        future_forward(edge->source, &node->f);
}

static void run_map(struct then *then, struct gyre_future *done)
{
    struct gyre_future *f = &then->node.f;
    gyre_drop_fn *drop;
    void *value;

    future_take_value(done, &value, &drop);
    int err = then->map(&value, &drop, then->arg);
    if (err >= 0) {
        future_settle_ok(f, value, drop);
        return;
    }
    future_settle_err(f, err, NULL);
    if (drop)
        drop(value);
}

static void run_next(struct then *then, struct gyre_future *done)
{
    struct node *node = &then->node;
    struct gyre_future *next = then->next(done, then->arg);
    int err = next ? node_check(node->f.futures, true, 1, &next) : 0;

    if (!next)
        future_settle_ok(&node->f, NULL, NULL);
    else if (err < 0)
        future_settle_err(&node->f, err, "the next future cannot be taken over");
    else
        node_connect_now(node, &node->edges[THEN_NEXT], next);
    /* It was asked to stop while `next` ran, when there was nothing yet to ask. */
    if (future_is_pending(&node->f) && node->f.flags & FUTURE_CANCELLING)
        (void)node_cancel(&node->f);
}

static void run_then(struct gyre_call *call, void *arg)
{
    struct then *then = arg;
    struct gyre_future *f = &then->node.f;
    struct gyre_futures *fs = f->futures;
    struct gyre_future *done = then->node.edges[THEN_DONE].source;

    (void)call;
    (void)future_hold(f);
    then->is_running = true;
    scope_switch(fs, f->scope);
    if (then->map)
        run_map(then, done);
    else
        run_next(then, done);
    scope_switch(fs, &fs->root);
    then->is_running = false;
    future_let_go(f);
    work_run(fs);
}

static int cancel_then(struct gyre_future *f)
{
    struct then *then = then_of(node_of(f));

    if (gyre_call_stop(&then->call))
        return 0;
    return then->is_running ? -EINPROGRESS : node_cancel(f);
}

static const struct node_kind then_kind = {
    .future = { .name = "then", .is_node = true, .cancel = cancel_then, .fini = node_fini },
    .owns = true,
    .told = then_told,
};

static struct gyre_future *follow(struct gyre_future *f, gyre_map_fn *map, gyre_next_fn *next,
                                  void *arg, const void *site)
{
    struct gyre_future *refusal;

    if (!map && !next)
        return future_refused(-EINVAL);
    struct node *node =
        node_new_unary(f, &then_kind, sizeof(struct then), THEN_EDGES, site, &refusal);
    if (!node)
        return refusal;

    struct then *then = then_of(node);
    then->call = (struct gyre_call){ 0 };
    (void)gyre_call_init(&then->call, f->futures->loop, run_then, then);
    then->is_running = false;
    then->map = map;
    then->next = next;
    then->arg = arg;
    node_begin(node);
    return &node->f;
}

struct gyre_future *gyre_then(struct gyre_future *f, gyre_map_fn *map, void *arg)
{
    return follow(f, map, NULL, arg, __builtin_return_address(0));
}

struct gyre_future *gyre_then_start(struct gyre_future *f, gyre_next_fn *next, void *arg)
{
    return follow(f, NULL, next, arg, __builtin_return_address(0));
}
