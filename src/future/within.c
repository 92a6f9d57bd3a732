/* gyre_within: a future with a limit in time.
 *
 * SPDX-License-Identifier: MIT */
#include "future/node.h"

struct within {
    struct node node;
    struct gyre_timer timer;
    bool is_late; /* it was the end of the time that cancelled the input */
};

static struct within *within_of(struct node *node)
{
    return container_of(node, struct within, node);
}

static void within_told(struct node *node, struct edge *edge)
{
    struct within *within = within_of(node);
    bool is_cancelling = node->f.flags & FUTURE_CANCELLING;

    (void)gyre_timer_stop(&within->timer);
    if (within->is_late && !is_cancelling && edge->source->state == GYRE_FUTURE_CANCELLED)
        future_settle_err(&node->f, -ETIMEDOUT, NULL);
    else
        future_forward(edge->source, &node->f);
}

static void end_time(struct within *within)
{
    within->is_late = !gyre_future_is_cancelling(within->node.edges[0].source);
    node_cancel_inputs(&within->node, GYRE_REASON_TIMEOUT, 0);
}

static void time_is_over(struct gyre_timer *timer, void *arg)
{
    struct within *within = arg;

    (void)timer;
    end_time(within);
    work_run(within->node.f.futures);
}

static const struct node_kind within_kind = {
    .future = { .name = "within", .is_node = true, .cancel = node_cancel, .fini = node_fini },
    .owns = true,
    .told = within_told,
};

/* A node without its clock; or, without `futures`, what there is instead. */
static inline struct gyre_future *new_within(struct gyre_future *f, const void *site)
{
    return node_new_unary(f, &within_kind, sizeof(struct within), false, site);
}

/* Make the clock, and start it unless the time is over already. */
static void begin_within(struct within *within, uint64_t deadline)
{
    struct gyre_future *f = within->node.edges->source;
    struct gyre_loop *loop = f->futures->loop;
    bool is_limited = future_is_pending(f) && deadline != GYRE_NEVER;

    within->is_late = false;
    if (is_limited && deadline > gyre_loop_now(loop)) {
        timer_begin(&within->timer, loop, time_is_over, within, deadline);
    } else {
        timer_prepare(&within->timer, loop, time_is_over, within);
        if (is_limited)
            end_time(within);
    }
    node_begin_unary(&within->node);
}

struct gyre_future *gyre_within(struct gyre_future *f, uint64_t delay)
{
    struct gyre_future *made = new_within(f, __builtin_return_address(0));

    if (!made->futures)
        return made;
    uint64_t deadline = delay == 0 || delay == GYRE_NEVER
                            ? delay
                            : gyre_time_add(gyre_loop_clock(made->futures->loop), delay);
    begin_within(within_of(node_of(made)), deadline);
    return made;
}

struct gyre_future *gyre_within_until(struct gyre_future *f, uint64_t deadline)
{
    struct gyre_future *made = new_within(f, __builtin_return_address(0));

    if (made->futures)
        begin_within(within_of(node_of(made)), deadline);
    return made;
}
