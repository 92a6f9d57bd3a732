/* gyre_shield: a future that can be cancelled without cancelling what it stands for.
 *
 * SPDX-License-Identifier: MIT */
#include "future/node.h"

static void shield_told(struct node *node, struct edge *edge)
{
    struct gyre_future *f = &node->f;
    struct gyre_future *source = edge->source;

    switch ((enum gyre_future_state)source->state) {
    case GYRE_FUTURE_PENDING:
        break;
    case GYRE_FUTURE_OK:
        future_settle_ok(f, source, NULL);
        f->flags |= FUTURE_ALIAS;
        break;
    case GYRE_FUTURE_ERR:
        future_settle_err(f, source->err, source->note.message);
        f->as.settled.value = source->as.settled.value;
        future_observe(source);
        break;
    case GYRE_FUTURE_CANCELLED:
        future_forward(source, f);
        break;
    }
}

/* The source goes on alone: the reference must not be released, which might cancel it. */
static int cancel_shield(struct gyre_future *f)
{
    struct edge *edge = &node_of(f)->edges[0];

    if (edge->link.next) {
        edge_unlink(edge);
        edge->node = NULL;
        edge->source->flags &= (uint16_t)~FUTURE_OWNED;
        gyre_future_detach(edge->source);
        edge->source = NULL;
    }
    return 0;
}

static const struct node_kind shield_kind = {
    .future = { .name = "shield", .is_node = true, .cancel = cancel_shield, .fini = node_fini },
    .owns = true,
    .told = shield_told,
};

struct gyre_future *gyre_shield(struct gyre_future *f)
{
    struct gyre_future *shield =
        node_new_unary(f, &shield_kind, sizeof(struct node), false, __builtin_return_address(0));

    if (shield->futures)
        node_begin_unary(node_of(shield));
    return shield;
}
