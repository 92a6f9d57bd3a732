/* Futures made of several: all, settled, race, wait. Each is a function that is told of an input
 * that has settled, and decides.
 *
 * SPDX-License-Identifier: MIT */
#include "future/node.h"

/* ---- what they share */

/* Make a node that takes over its inputs, and start it. */
static struct gyre_future *combine(struct gyre_loop *loop, const struct node_kind *kind,
                                   size_t count, struct gyre_future *const *inputs,
                                   const void *site)
{
    int err;
    struct gyre_futures *fs = futures_of(loop, &err);

    if (!fs)
        return future_refused(err);
    err = node_check(fs, kind->owns, count, inputs);
    if (err < 0)
        return future_refused(err);

    struct node *node = node_new(fs, kind, sizeof(*node), count, true, site);
    if (!node) {
        node_release_inputs(fs, count, inputs);
        return future_refused(-ENOMEM);
    }
    node_connect_all(node, inputs);
    if (count == 0)
        future_settle_ok(&node->f, NULL, NULL);
    node_begin(node);
    return &node->f;
}

/* The first input that failed rather than being cancelled on the way. NULL: none did. */
static struct gyre_future *first_error(const struct node *node)
{
    for (uint32_t i = 0; i < node->failure_count; i++) {
        struct gyre_future *input = node->edges[node->failures[i]].source;

        if (input->state == GYRE_FUTURE_ERR)
            return input;
    }
    return NULL;
}

static void observe_failures(struct node *node)
{
    for (uint32_t i = 0; i < node->failure_count; i++)
        future_observe(node->edges[node->failures[i]].source);
}

/* The last input of a node has settled, and it cannot be OK. If it was asked to be cancelled and none
 * failed, so it is. Else it fails with the first error, and takes all of them as seen. */
void node_settle_failed(struct node *node)
{
    struct gyre_future *cause = first_error(node);

    if (!cause && node->f.flags & FUTURE_CANCELLING) {
        future_settle_cancelled(&node->f);
        return;
    }
    if (!(node->f.flags & FUTURE_CANCELLING))
        cause = node->edges[node->failures[0]].source;
    if (cause->state == GYRE_FUTURE_ERR)
        future_settle_err(&node->f, cause->err, cause->note.message);
    else
        future_settle_err(&node->f, -ECANCELED, NULL);
    observe_failures(node);
}

/* ---- all */

static void all_told(struct node *node, struct edge *edge)
{
    if (edge->source->state != GYRE_FUTURE_OK && node_note_failure(node, edge))
        node_cancel_inputs(node, GYRE_REASON_SIBLING, 0);
    if (node->left > 0)
        return;
    if (node->failure_count + node->undone_count == 0)
        future_settle_ok(&node->f, NULL, NULL);
    else
        node_settle_failed(node);
}

static const struct node_kind all_kind = {
    .future = { .name = "all", .is_node = true, .cancel = node_cancel, .fini = node_fini },
    .owns = true,
    .told = all_told,
};

struct gyre_future *gyre_all(struct gyre_loop *loop, size_t count,
                             struct gyre_future *const *futures)
{
    return combine(loop, &all_kind, count, futures, __builtin_return_address(0));
}

/* ---- settled */

static void settled_told(struct node *node, struct edge *edge)
{
    if (edge->source->state != GYRE_FUTURE_OK)
        (void)node_note_failure(node, edge);
    if (node->left > 0)
        return;
    if (node_was_undone(node))
        future_settle_cancelled(&node->f);
    else
        future_settle_ok(&node->f, NULL, NULL);
}

static const struct node_kind settled_kind = {
    .future = { .name = "settled", .is_node = true, .cancel = node_cancel, .fini = node_fini },
    .owns = true,
    .told = settled_told,
};

struct gyre_future *gyre_settled(struct gyre_loop *loop, size_t count,
                                 struct gyre_future *const *futures)
{
    return combine(loop, &settled_kind, count, futures, __builtin_return_address(0));
}

/* ---- race: as.pending.op is the input that has won */

/* None was OK. If it was undone, that one of them had failed before says nothing. */
static void settle_lost(struct node *node)
{
    if (!node_was_undone(node)) {
        node_settle_failed(node);
        return;
    }
    observe_failures(node);
    future_settle_cancelled(&node->f);
}

static void race_told(struct node *node, struct edge *edge)
{
    struct gyre_future *f = &node->f;

    if (edge->source->state != GYRE_FUTURE_OK) {
        (void)node_note_failure(node, edge);
    } else if (!f->as.pending.op) {
        f->as.pending.op = edge->source;
        node_cancel_inputs(node, GYRE_REASON_SIBLING, 0);
    }
    if (node->left > 0)
        return;
    if (!f->as.pending.op) {
        settle_lost(node);
        return;
    }
    observe_failures(node);
    future_forward(f->as.pending.op, f);
}

static const struct node_kind race_kind = {
    .future = { .name = "race", .is_node = true, .cancel = node_cancel, .fini = node_fini },
    .owns = true,
    .told = race_told,
};

struct gyre_future *gyre_race(struct gyre_loop *loop, size_t count,
                              struct gyre_future *const *futures)
{
    if (count == 0)
        return future_refused(-EINVAL);
    return combine(loop, &race_kind, count, futures, __builtin_return_address(0));
}
