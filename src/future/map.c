/* gyre_map_limit: a list of operations, a few at a time.
 *
 * The step is queued whenever another one may be started. Edge i is operation i, without a node until
 * it is started, and without a source if it never is.
 *
 * SPDX-License-Identifier: MIT */
#include "future/step.h"

struct map {
    struct step step; /* node.left: how many are running */
    enum gyre_map_mode mode;
    bool is_starting;
    size_t next;
    size_t limit;
    gyre_start_fn *start;
    void *arg;
};

static struct map *map_of(struct node *node)
{
    return container_of(step_of(node), struct map, step);
}

/* Whether another one will be started. */
static bool map_goes_on(const struct map *map)
{
    const struct node *node = &map->step.node;

    return map->next < node->count && !(node->f.flags & FUTURE_CANCELLING) &&
           (map->mode == GYRE_MAP_SETTLED || node->failure_count == 0);
}

/* Settle it, if nothing runs any more and nothing will be started. */
static void end_map(struct map *map)
{
    struct node *node = &map->step.node;

    if (map->is_starting || node->left > 0 || map_goes_on(map))
        return;
    (void)gyre_call_stop(&map->step.call);
    if (map->mode == GYRE_MAP_ALL && node->failure_count > 0)
        node_settle_failed(node);
    else if (map->next < node->count || node_was_undone(node))
        future_settle_cancelled(&node->f);
    else
        future_settle_ok(&node->f, NULL, NULL);
}

static void map_told(struct node *node, struct edge *edge)
{
    struct map *map = map_of(node);

    if (edge->source->state != GYRE_FUTURE_OK && node_note_failure(node, edge) &&
        map->mode == GYRE_MAP_ALL)
        node_cancel_inputs(node, GYRE_REASON_SIBLING, 0);
    if (map->is_starting)
        return;
    if (map_goes_on(map))
        step_queue(&map->step);
    else
        end_map(map);
}

static void start_one(struct map *map)
{
    struct node *node = &map->step.node;
    size_t index = map->next++;
    struct gyre_future *input = map->start(index, map->arg);
    int err = input ? node_check_next(node, input) : 0;

    if (input)
        node_connect_now(node, &node->edges[index], err < 0 ? future_refused(err) : input);
}

static void run_map_limit(struct step *step)
{
    struct map *map = container_of(step, struct map, step);

    /* No more at once: those that are settled already would make this a long way. */
    map->is_starting = true;
    for (size_t i = 0; i < map->limit && step->node.left < map->limit && map_goes_on(map); i++)
        start_one(map);
    map->is_starting = false;
    /* What was started last was not there yet when the others were cancelled. */
    if (map->mode == GYRE_MAP_ALL && step->node.failure_count > 0)
        node_cancel_inputs(&step->node, GYRE_REASON_SIBLING, 0);
    if (step->node.left < map->limit && map_goes_on(map))
        step_queue(step);
    else
        end_map(map);
}

static int cancel_map(struct gyre_future *f)
{
    struct map *map = map_of(node_of(f));

    (void)gyre_call_stop(&map->step.call);
    (void)node_cancel(f);
    end_map(map);
    return -EINPROGRESS;
}

static const struct step_kind map_kind = {
    .node = { .future = { .name = "map_limit",
                          .is_node = true,
                          .cancel = cancel_map,
                          .fini = node_fini },
              .owns = true,
              .told = map_told },
    .run = run_map_limit,
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
        node_new(fs, &map_kind.node, sizeof(struct map), count, true, __builtin_return_address(0));
    if (!node)
        return future_refused(-ENOMEM);
    struct map *map = map_of(node);
    step_init(&map->step);
    map->mode = mode;
    map->is_starting = false;
    map->next = 0;
    map->limit = limit;
    map->start = start;
    map->arg = arg;
    if (count == 0)
        future_settle_ok(&node->f, NULL, NULL);
    else
        step_queue(&map->step);
    node_begin(node);
    return &node->f;
}
