/* Futures made of others: what all kinds share.
 *
 * SPDX-License-Identifier: MIT */
#include "future/node.h"

size_t node_size(size_t size, size_t count, bool keeps_failures)
{
    size_t each = sizeof(struct edge) + (keeps_failures ? sizeof(uint32_t) : 0);

    return count > (UINT32_MAX - BLOCK_STEP - size) / each ? 0 : size + count * each;
}

/* ---- the inputs, before there is a node */

/* Mark the inputs, so that one that comes again is known; the constant ones count each time. Returns
 * whether this is its first time. */
static bool mark_input(struct gyre_future *input)
{
    if (!input->futures)
        return true;
    if (input->flags & FUTURE_MARKED)
        return false;
    input->flags |= FUTURE_MARKED;
    return true;
}

static void unmark_inputs(size_t count, struct gyre_future *const *inputs)
{
    for (size_t i = 0; i < count; i++)
        if (inputs[i]->futures)
            inputs[i]->flags &= (uint16_t)~FUTURE_MARKED;
}

int node_check(const struct gyre_futures *fs, bool owns, size_t count,
               struct gyre_future *const *inputs)
{
    if (count > 0 && !inputs)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (!inputs[i])
            return -EINVAL;
        if (!inputs[i]->futures)
            continue;
        if (inputs[i]->futures != fs)
            return -EXDEV;
        if (owns && inputs[i]->flags & FUTURE_OWNED)
            return -EBUSY;
    }
    return 0;
}

struct node *node_owner(const struct gyre_future *input)
{
    if (!(input->flags & FUTURE_OWNED))
        return NULL;
    for (const struct gyre_link *link = input->edges.next; link != &input->edges;
         link = link->next) {
        struct node *node = container_of(link, const struct edge, link)->node;

        if (node_kind_of(node)->owns)
            return node;
    }
    return NULL;
}

/* Whether `next` waits for the node, by the shortest way. */
static bool waits_for(const struct gyre_future *next, const struct node *node)
{
    const struct node *owner = node_owner(&node->f);

    return next == &node->f || (owner && (next == &owner->f || next == group_of_child(owner)));
}

int node_check_next(const struct node *node, const struct gyre_future *next)
{
    if (!next->futures)
        return 0;
    if (next->futures != node->f.futures)
        return -EXDEV;
    if ((next->kind->is_node || next->kind->owns_scope) && waits_for(next, node))
        return -EDEADLK;
    return next->flags & FUTURE_OWNED ? -EBUSY : 0;
}

void node_release_inputs(struct gyre_futures *fs, size_t count, struct gyre_future *const *inputs)
{
    for (size_t i = 0; i < count; i++) {
        if (!inputs[i]->futures || !mark_input(inputs[i]))
            continue;
        future_request(inputs[i], GYRE_REASON_DROPPED, 0);
    }
    /* None of them goes before the work is done. */
    for (size_t i = 0; i < count; i++) {
        if (!inputs[i]->futures || !(inputs[i]->flags & FUTURE_MARKED))
            continue;
        inputs[i]->flags &= (uint16_t)~FUTURE_MARKED;
        future_observe(inputs[i]);
        future_release(inputs[i]);
    }
    work_run(fs);
}

/* ---- making one */

/* Its own part but for the edges, which come behind it. */
static inline void fill_node(struct node *node, size_t size, size_t count)
{
    node->edges = (struct edge *)(void *)((char *)node + size);
    node->failures = NULL;
    node->count = (uint32_t)count;
    node->left = 0;
    node->failure_count = 0;
    node->undone_count = 0;
}

struct node *node_new(struct gyre_futures *fs, const struct node_kind *kind, size_t size,
                      size_t count, bool keeps_failures, const void *site)
{
    size_t total = node_size(size, count, keeps_failures);
    struct gyre_future *f = total ? future_new(fs, &kind->future, total, site) : NULL;

    if (!f)
        return NULL;
    struct node *node = node_of(f);
    fill_node(node, size, count);
    for (size_t i = 0; i < count; i++)
        node->edges[i] = (struct edge){ .source = NULL };
    if (keeps_failures)
        node->failures = (uint32_t *)(void *)(node->edges + count);
    return node;
}

void node_connect(struct node *node, struct edge *edge, struct gyre_future *input)
{
    edge->link.next = NULL;
    edge->source = input;
    edge->node = node;
    node->left++;
    if (!input->futures)
        return;
    if (node_kind_of(node)->owns)
        input->flags |= FUTURE_OWNED;
    else
        input->refs++;
    if (future_is_pending(input))
        list_append(&input->edges, &edge->link);
}

void node_connect_all(struct node *node, struct gyre_future *const *inputs)
{
    for (size_t i = 0; i < node->count; i++) {
        if (mark_input(inputs[i]))
            node_connect(node, &node->edges[i], inputs[i]);
        else
            node->edges[i].source = inputs[i];
    }
    unmark_inputs(node->count, inputs);
}

void node_connect_now(struct node *node, struct edge *edge, struct gyre_future *input)
{
    node_connect(node, edge, input);
    if (!future_is_pending(input))
        node_tell(edge);
}

/* Before any input is told, so that those which this scope has cancelled as well are no failures. */
static inline void hear_of_cancelled_scope(struct node *node)
{
    const struct gyre_scope *scope = node->f.futures->current;

    if (unlikely(scope_is_cancelled(scope)))
        future_request(&node->f, (enum gyre_reason)scope->cause_reason, scope->cause);
}

void node_begin(struct node *node)
{
    hear_of_cancelled_scope(node);
    for (size_t i = 0; i < node->count && future_is_pending(&node->f); i++) {
        struct edge *edge = &node->edges[i];

        if (edge->node && !future_is_pending(edge->source))
            node_tell(edge);
    }
    work_run(node->f.futures);
}

void node_begin_unary(struct node *node)
{
    hear_of_cancelled_scope(node);
    if (!future_is_pending(node->edges->source))
        node_tell(node->edges);
    work_run(node->f.futures);
}

static COLD struct gyre_future *refuse_for_memory(struct gyre_future *f)
{
    node_release_inputs(f->futures, 1, &f);
    return future_refused(-ENOMEM);
}

struct gyre_future *node_new_unary(struct gyre_future *f, const struct node_kind *kind, size_t size,
                                   bool has_next, const void *site)
{
    size_t count = has_next ? 2 : 1;

    if (unlikely(!f))
        return future_refused(-EINVAL);
    if (unlikely(!f->futures))
        return f; /* a constant failure goes through */
    int err = f->futures->is_closed ? -ESHUTDOWN : futures_enter(f->futures);
    if (err == 0 && kind->owns && f->flags & FUTURE_OWNED)
        err = -EBUSY;
    if (unlikely(err < 0))
        return future_refused(err);

    struct gyre_future *made =
        future_new(f->futures, &kind->future, size + count * sizeof(struct edge), site);
    if (unlikely(!made))
        return refuse_for_memory(f);
    struct node *node = node_of(made);
    fill_node(node, size, count);
    if (has_next)
        node->edges[1] = (struct edge){ .source = NULL };
    node_connect(node, &node->edges[0], f);
    return made;
}

/* ---- while it waits */

void node_tell(struct edge *edge)
{
    struct node *node = edge->node;

    node->left--;
    if (future_is_pending(&node->f))
        node_kind_of(node)->told(node, edge);
}

/* Whether an input was cancelled because the node asked it to: since another one had decided the
 * matter, or since it was asked itself. */
static bool is_own_doing(const struct node *node, const struct gyre_future *input)
{
    if (!node_kind_of(node)->owns || input->state != GYRE_FUTURE_CANCELLED)
        return false;
    return (node->f.flags & FUTURE_DECIDED && input->reason == GYRE_REASON_SIBLING &&
            input->note.cause == 0) ||
           (node->f.flags & FUTURE_CANCELLING && input->reason == node->f.reason);
}

bool node_note_failure(struct node *node, struct edge *edge)
{
    if (is_own_doing(node, edge->source)) {
        node->undone_count++;
        return false;
    }
    if (node->failures)
        node->failures[node->failure_count] = (uint32_t)(edge - node->edges);
    return node->failure_count++ == 0;
}

bool node_was_undone(const struct node *node)
{
    if (!(node->f.flags & FUTURE_CANCELLING))
        return false;
    for (uint32_t i = 0; i < node->failure_count; i++)
        if (node->edges[node->failures[i]].source->state == GYRE_FUTURE_CANCELLED)
            return true;
    return node->undone_count > 0;
}

static bool is_beyond_a_shield(const struct node *node, const struct gyre_future *input)
{
    return node->f.futures->has_shields && input->scope != node->f.scope &&
           future_is_pending(input) && scope_is_shielded_from(input->scope, node->f.scope);
}

static void hold_request(struct gyre_future *input, enum gyre_reason reason, uint64_t cause)
{
    if (input->flags & (FUTURE_CANCELLING | FUTURE_HELD))
        return;
    input->flags |= FUTURE_HELD;
    input->reason = (uint8_t)reason;
    input->note.cause = cause;
}

void node_cancel_inputs(struct node *node, enum gyre_reason reason, uint64_t cause)
{
    if (reason == GYRE_REASON_SIBLING)
        node->f.flags |= FUTURE_DECIDED;
    for (size_t i = 0; i < node->count; i++) {
        struct gyre_future *input = node->edges[i].source;

        if (!node->edges[i].node || !input->futures)
            continue;
        if (unlikely(is_beyond_a_shield(node, input)))
            hold_request(input, reason, cause);
        else
            future_request(input, reason, cause);
    }
}

void node_request_held(struct gyre_future *input)
{
    const struct node *owner = input->flags & FUTURE_HELD ? node_owner(input) : NULL;

    if (!owner || is_beyond_a_shield(owner, input))
        return;
    input->flags &= (uint16_t)~FUTURE_HELD;
    future_request(input, (enum gyre_reason)input->reason, input->note.cause);
}

void node_detach(struct node *node)
{
    for (size_t i = 0; i < node->count; i++)
        if (node->edges[i].link.next)
            edge_unlink(&node->edges[i]);
}

int node_cancel(struct gyre_future *f)
{
    node_cancel_inputs(node_of(f), (enum gyre_reason)f->reason, f->note.cause);
    return -EINPROGRESS;
}

int node_cancel_by_detaching(struct gyre_future *f)
{
    node_detach(node_of(f));
    return 0;
}

void node_let_go(struct node *node, struct gyre_future *input)
{
    if (input->refs > 1 && node_kind_of(node)->owns) /* never a constant one, which has none */
        input->flags &= (uint16_t)~FUTURE_OWNED;
    future_let_go_input(input);
}

void node_fini(struct gyre_future *f)
{
    struct node *node = node_of(f);

    for (size_t i = 0; i < node->count; i++)
        if (node->edges[i].node)
            node_let_go(node, node->edges[i].source);
}

/* ---- looking at it */

size_t gyre_future_count(const struct gyre_future *f)
{
    return f && f->futures && f->kind->is_node ? node_of(f)->count : 0;
}

struct gyre_future *gyre_future_at(const struct gyre_future *f, size_t index)
{
    return index < gyre_future_count(f) ? node_of(f)->edges[index].source : NULL;
}

struct gyre_future *node_failure(const struct node *node, size_t nth)
{
    return nth < node->failure_count && node->failures ? node->edges[node->failures[nth]].source
                                                       : NULL;
}
