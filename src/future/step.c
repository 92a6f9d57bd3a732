/* Nodes that run a function of the user's.
 *
 * SPDX-License-Identifier: MIT */
#include "future/step.h"

static const struct step_kind *step_kind_of(const struct step *step)
{
    return container_of(node_kind_of(&step->node), const struct step_kind, node);
}

static void run_step(struct gyre_call *call, void *arg)
{
    struct step *step = arg;
    struct gyre_future *f = &step->node.f;
    struct gyre_futures *fs = f->futures;

    (void)call;
    (void)future_begin_call(f);
    scope_switch(fs, f->scope);
    step_kind_of(step)->run(step);
    scope_switch(fs, &fs->root);
    future_end_call(f);
    /* It was asked to stop meanwhile, when there was nothing yet to ask. */
    if (future_is_pending(f) && f->flags & FUTURE_CANCELLING)
        (void)node_cancel(f);
    work_run(fs);
}

void step_init(struct step *step)
{
    call_prepare(&step->call, step->node.f.futures->loop, run_step, step);
}

void step_queue(struct step *step)
{
    if (!call_is_queued(&step->call) && likely(!step->node.f.futures->is_closed))
        call_queue(&step->call);
}

int step_cancel(struct gyre_future *f)
{
    struct step *step = step_of(node_of(f));

    if (gyre_call_stop(&step->call))
        return 0;
    return f->flags & FUTURE_CALLING ? -EINPROGRESS : node_cancel(f);
}

void step_connect(struct step *step, struct edge *edge, struct gyre_future *next)
{
    struct node *node = &step->node;
    int err = node_check_next(node, next);

    if (err < 0)
        future_settle_err(&node->f, err, "the future that was returned cannot be taken over");
    else
        node_connect_now(node, edge, next);
}
