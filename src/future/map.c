/* gyre_map_limit: a list of operations, a few at a time.
 *
 * `call` is queued whenever another one may be started. Edge i is operation i, without a node until
 * it is started, and without a source if it never is.
 *
 * SPDX-License-Identifier: MIT */
#include "future/node.h"

struct map {
    struct node node; /* left: how many are running */
    struct gyre_call call;
    enum gyre_map_mode mode;
    bool is_starting;
    size_t next;
    size_t limit;
    gyre_start_fn *start;
    void *arg;
};

static struct map *map_of(struct node *node)
{
    return container_of(node, struct map, node);
}

/* Whether another one will be started. */
static bool map_goes_on(const struct map *map)
{
    const struct node *node = &map->node;

    return map->next < node->count && !(node->f.flags & FUTURE_CANCELLING) &&
           (map->mode == GYRE_MAP_SETTLED || node->failure_count == 0);
}

/* Settle it, if nothing runs any more and nothing will be started. */
static void end_map(struct map *map)
{
    struct node *node = &map->node;

    if (map->is_starting || node->left > 0 || map_goes_on(map))
        return;
    (void)gyre_call_stop(&map->call);
    if (map->mode == GYRE_MAP_ALL && node->failure_count > 0)
        node_settle_failed(node);
    else if (node->f.flags & FUTURE_CANCELLING &&
             (map->next < node->count || node->failure_count > 0))
        future_settle_cancelled(&node->f);
    else
        future_settle_ok(&node->f, NULL, NULL);
}

static void map_told(struct node *node, struct edge *edge)
{
    struct map *map = map_of(node);

    if (edge->source->state != GYRE_FUTURE_OK) {
        node_note_failure(node, edge);
        if (map->mode == GYRE_MAP_ALL && node->failure_count == 1)
            node_cancel_inputs(node, GYRE_REASON_SIBLING, 0);
    }
    if (map->is_starting)
        return;
    if (map_goes_on(map))
        (void)gyre_call_start(&map->call);
    else
        end_map(map);
}

static void start_one(struct map *map)
{
    struct node *node = &map->node;
    size_t index = map->next++;
    struct gyre_future *input = map->start(index, map->arg);
    int err = input ? node_check(node->f.futures, true, 1, &input) : 0;

    if (input)
        node_connect_now(node, &node->edges[index], err < 0 ? future_refused(err) : input);
}

static void run_map_limit(struct gyre_call *call, void *arg)
{
    struct map *map = arg;
    struct gyre_future *f = &map->node.f;
    struct gyre_futures *fs = f->futures;

    (void)call;
    (void)future_hold(f);
    map->is_starting = true;
    while (map->node.left < map->limit && map_goes_on(map)) {
        scope_switch(fs, f->scope);
        start_one(map);
        scope_switch(fs, &fs->root);
        work_run(fs);
    }
    map->is_starting = false;
    /* Those that were started while it was asked to stop. */
    if (f->flags & FUTURE_CANCELLING)
        (void)node_cancel(f);
    end_map(map);
    future_let_go(f);
    work_run(fs);
}

static int cancel_map(struct gyre_future *f)
{
    struct map *map = map_of(node_of(f));

    (void)gyre_call_stop(&map->call);
    (void)node_cancel(f);
    end_map(map);
    return -EINPROGRESS;
}

static const struct node_kind map_kind = {
    .future = { .name = "map_limit", .is_node = true, .cancel = cancel_map, .fini = node_fini },
    .owns = true,
    .told = map_told,
};

struct gyre_future *gyre_map_limit(struct gyre_loop *loop, enum gyre_map_mode mode, size_t count,
                                   size_t limit, gyre_start_fn *start, void *arg)
{
    int err;
    struct gyre_futures *fs = futures_of(loop, &err);

    if (!fs)
        return future_refused(err);
    if (!start || limit == 0 || (unsigned)mode > GYRE_MAP_SETTLED)
        return future_refused(-EINVAL);

    struct node *node =
        node_new(fs, &map_kind, sizeof(struct map), count, true, __builtin_return_address(0));
    if (!node)
        return future_refused(-ENOMEM);
    struct map *map = map_of(node);
    map->call = (struct gyre_call){ 0 };
    (void)gyre_call_init(&map->call, loop, run_map_limit, map);
    map->mode = mode;
    map->is_starting = false;
    map->next = 0;
    map->limit = limit;
    map->start = start;
    map->arg = arg;
    if (count == 0)
        future_settle_ok(&node->f, NULL, NULL);
    else
        (void)gyre_call_start(&map->call);
    node_begin(node);
    return &node->f;
}
