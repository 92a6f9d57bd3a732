/* gyre_repeat: one operation after the other, without end.
 *
 * The edge holds the operation under way, or the one that has just ended until the next is started,
 * so that what has been does not pile up.
 *
 * SPDX-License-Identifier: MIT */
#include "future/step.h"

struct repeat {
    struct step step;
    gyre_next_fn *next;
    void *arg;
};

static void repeat_told(struct node *node, struct edge *edge)
{
    if (edge->source->state != GYRE_FUTURE_OK)
        future_forward(edge->source, &node->f);
    else if (node->f.flags & FUTURE_CANCELLING)
        future_settle_cancelled(&node->f); /* one of them is done, but not all this */
    else
        step_queue(step_of(node));
}

static void run_repeat(struct step *step)
{
    struct repeat *repeat = container_of(step, struct repeat, step);
    struct edge *edge = &step->node.edges[0];
    struct gyre_future *done = edge->source;
    struct gyre_future *next = repeat->next(done, repeat->arg);

    if (next && next == done) {
        repeat_told(&step->node, edge); /* it is OK still, and held */
        return;
    }
    if (edge->node)
        node_let_go(&step->node, done);
    *edge = (struct edge){ .source = NULL };
    if (next)
        step_connect(step, edge, next);
    else
        future_settle_ok(&step->node.f, NULL, NULL);
}

static const struct step_kind repeat_kind = {
    .node = { .future = { .name = "repeat",
                          .is_node = true,
                          .cancel = step_cancel,
                          .fini = node_fini },
              .owns = true,
              .told = repeat_told },
    .run = run_repeat,
};

struct gyre_future *gyre_repeat(struct gyre_loop *loop, gyre_next_fn *next, void *arg)
{
    int err;
    struct gyre_futures *fs = next ? futures_of(loop, &err) : NULL;

    if (!fs)
        return future_refused(next ? err : -EINVAL);
    struct node *node = node_new(fs, &repeat_kind.node, sizeof(struct repeat), 1, false,
                                 __builtin_return_address(0));
    if (!node)
        return future_refused(-ENOMEM);

    struct repeat *repeat = container_of(step_of(node), struct repeat, step);
    repeat->next = next;
    repeat->arg = arg;
    step_init(&repeat->step);
    step_queue(&repeat->step);
    node_begin(node);
    return &node->f;
}
