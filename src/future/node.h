/* A future made of others: its inputs, and what becomes of it as they settle.
 *
 * A kind of node is a table; the kinds of several inputs are in combine.c, those of one in files of
 * their own. Each input is an edge; edge i is input i.
 *
 * Invariants: an edge with a node is in the list of its source while that is pending and the node
 * waits for it, and its link.next is NULL otherwise. An edge without a node stands for an input that
 * was given before, or is not there yet. The node holds a reference to the source of each other
 * edge until it is freed. `left` counts the edges whose source has not been told to have settled.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_FUTURE_NODE_H
#define GYRE_FUTURE_NODE_H

#include "future/core.h"

struct node;

struct edge {
    struct gyre_link link;
    struct gyre_future *source;
    struct node *node;
};

struct node_kind {
    struct future_kind future;

    /* It takes its inputs over, and cancels them when it is cancelled. */
    bool owns;

    /* The source of `edge` has settled; `left` counts it no more. */
    void (*told)(struct node *node, struct edge *edge);
};

struct node {
    struct gyre_future f;
    struct edge *edges;
    uint32_t *failures; /* indices of edges, in the order they were noted; NULL: not kept */
    uint32_t count;
    uint32_t left;
    uint32_t failure_count;
    uint32_t undone_count; /* inputs that it has cancelled itself */
};

static inline const struct node_kind *node_kind_of(const struct node *node)
{
    return container_of(node->f.kind, const struct node_kind, future);
}

static inline struct node *node_of(const struct gyre_future *f)
{
    return container_of((uintptr_t)f, struct node, f);
}

static inline void edge_unlink(struct edge *edge)
{
    list_remove(&edge->link);
    edge->link.next = NULL;
}

/* How many bytes a node takes whose own part has `size`; 0: too many. */
size_t node_size(size_t size, size_t count, bool keeps_failures);

/* Whether a node may be made of these: 0, -EINVAL, -EXDEV, -EBUSY. `fs` NULL: of any loop. */
int node_check(const struct gyre_futures *fs, bool owns, size_t count,
               struct gyre_future *const *inputs);

/* The same for what a function of the user's has returned: also -EDEADLK, if that waits for `node`. A
 * longer way round is not found. */
int node_check_next(const struct node *node, const struct gyre_future *next);

/* The node that has taken over a pending future. NULL: none has. */
struct node *node_owner(const struct gyre_future *input);

/* The join of the group whose child a node is, NULL if it is none: group.c */
const struct gyre_future *group_of_child(const struct node *node);

/* Cancel and release what a node would have taken over. */
void node_release_inputs(struct gyre_futures *fs, size_t count, struct gyre_future *const *inputs);

/* Make a node whose own part has `size` bytes and whose edges are still empty. NULL: no memory. */
struct node *node_new(struct gyre_futures *fs, const struct node_kind *kind, size_t size,
                      size_t count, bool keeps_failures, const void *site);

/* Connect an empty edge to its input, whose reference comes along or, for kinds that do not own, is
 * taken. One that is settled is told when node_begin is called. */
void node_connect(struct node *node, struct edge *edge, struct gyre_future *input);

/* The same for all edges; an input that comes a second time stays without a node. */
void node_connect_all(struct node *node, struct gyre_future *const *inputs);

/* Make a node of one input, which is connected; with `has_next` an empty edge follows. If what it
 * returns is a constant future, without `futures`, there is no node, and that is the result. */
struct gyre_future *node_new_unary(struct gyre_future *f, const struct node_kind *kind, size_t size,
                                   bool has_next, const void *site);

/* Connect an input that comes later; the node is told at once if it is settled. */
void node_connect_now(struct node *node, struct edge *edge, struct gyre_future *input);

/* In a cancelled scope ask the node to stop; tell the settled inputs; do the work. The second is for a
 * node of node_new_unary. */
void node_begin(struct node *node);
void node_begin_unary(struct node *node);

/* Tell a node that the source of an edge, which is in no list any more, has settled. */
void node_tell(struct edge *edge);

/* Note, in their order, an edge whose source has failed or was cancelled by others; one that the
 * node itself has cancelled is only counted. Returns whether it is the first failure. */
bool node_note_failure(struct node *node, struct edge *edge);

/* Whether it was asked to be undone, and an input has been. */
bool node_was_undone(const struct node *node);

/* Settle a node whose inputs have all settled, one of them not OK: combine.c */
void node_settle_failed(struct node *node);

/* The source of the nth failure; NULL: there are no more. */
struct gyre_future *node_failure(const struct node *node, size_t nth);

/* Ask all inputs that are pending to stop, in order. Those in a shielded scope that the node is not in
 * are asked when the shield is taken away. */
void node_cancel_inputs(struct node *node, enum gyre_reason reason, uint64_t cause);

/* Ask one that its owner has not been able to ask, if no other shield is in the way. */
void node_request_held(struct gyre_future *input);

/* Give back the reference to an input. Whoever holds another may hand it to a new owner. */
void node_let_go(struct node *node, struct gyre_future *input);

/* Stop waiting for the inputs. */
void node_detach(struct node *node);

/* What the kinds put into their tables: forward the request to the inputs and wait for them. */
int node_cancel(struct gyre_future *f);

/* Stop waiting: undone. */
int node_cancel_by_detaching(struct gyre_future *f);

/* Release the inputs. */
void node_fini(struct gyre_future *f);

#endif
