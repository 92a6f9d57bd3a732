/* Groups: a scope that owns its children.
 *
 * The group is one block with its join, a future, and lives as long as that: the handle is one more
 * reference to it. Each child is a node of its own in the group's scope, which nobody else sees: it
 * starts the child, is told when that has settled, and if that failed takes over the error and
 * stays, in `failures`, linked by its `member`, which a settled future whose error has been looked
 * at does not use.
 *
 * Invariants: `children` has one node for each child that has not finished, and the group one
 * reference to each node in it and in `failures`. The join is in the group's own scope, and hears
 * of the scopes above through it, but not of that scope itself. It settles when is_joined is set
 * and there are no children.
 *
 * SPDX-License-Identifier: MIT */
#include "future/node.h"

struct gyre_group {
    struct gyre_future join;
    struct gyre_scope scope;
    struct gyre_link children;   /* child.sibling */
    struct gyre_link failures;   /* gyre_future.member */
    struct gyre_link *looked_at; /* one of failures, number looked_nth, or NULL */
    size_t looked_nth;
    size_t count;
    int first_error; /* 0: none */
    const char *first_message;
    unsigned flags;
    bool is_joined;
};

struct child {
    struct node node;
    struct gyre_group *group;
    struct gyre_link sibling;
    struct gyre_call call; /* queued until it is started */
    bool is_started;
    gyre_child_fn *start;
    gyre_drop_fn *drop;
    void *arg;
};

static struct gyre_group *group_of(const struct gyre_future *join)
{
    return container_of((uintptr_t)join, struct gyre_group, join);
}

static struct child *child_of(struct node *node)
{
    return container_of(node, struct child, node);
}

/* ---- the end */

/* Whether something other than the group's own scope has cancelled it. */
static bool is_cancelled_from_outside(const struct gyre_group *group)
{
    const struct gyre_scope *scope = &group->scope;

    return group->join.flags & FUTURE_CANCELLING ||
           (scope_is_cancelled(scope) && scope->cause != scope->id);
}

static void settle_join(struct gyre_group *group)
{
    struct gyre_future *join = &group->join;

    (void)gyre_timer_stop(&group->scope.timer);
    if (group->first_error) {
        future_settle_err(join, group->first_error, group->first_message);
        return;
    }
    if (is_cancelled_from_outside(group)) {
        if (!(join->flags & FUTURE_CANCELLING)) {
            join->reason = group->scope.cause_reason;
            join->note.cause = group->scope.cause;
        }
        future_settle_cancelled(join);
        return;
    }
    if (group->scope.cause_reason == GYRE_REASON_TIMEOUT)
        future_settle_err(join, -ETIMEDOUT, NULL);
    else
        future_settle_ok(join, NULL, NULL);
}

static void maybe_end(struct gyre_group *group)
{
    if (group->is_joined && group->count == 0 && future_is_pending(&group->join))
        settle_join(group);
}

/* ---- children */

/* The child's error becomes the node's, which stays. */
static void keep_failure(struct gyre_group *group, struct node *node, struct gyre_future *input)
{
    future_forward(input, &node->f);
    future_observe(&node->f);
    list_append(&group->failures, &node->f.member);
    if (group->first_error)
        return;
    group->first_error = node->f.err;
    group->first_message = node->f.note.message;
    if (!(group->flags & GYRE_GROUP_SUPERVISE))
        (void)scope_cancel_for(&group->scope, GYRE_REASON_SIBLING);
}

/* A constant failure says so of itself, but nobody has heard that the child could not start. */
static bool is_looked_at(const struct gyre_future *input)
{
    return input->futures && input->flags & FUTURE_OBSERVED;
}

/* Its outcome: NULL, it had nothing to wait for. */
static void end_child(struct node *node, struct gyre_future *input)
{
    struct gyre_group *group = child_of(node)->group;

    list_remove(&child_of(node)->sibling);
    group->count--;
    bool has_failed = input && input->state == GYRE_FUTURE_ERR;
    bool is_reporting = group->flags & GYRE_GROUP_REPORT;

    if (has_failed && !is_reporting) {
        keep_failure(group, node, input);
    } else {
        future_settle_ok(&node->f, NULL, NULL);
        future_release(&node->f);
    }
    if (has_failed && is_reporting && !is_looked_at(input))
        future_report(input, group->join.futures->loop); /* which may close the loop */
    maybe_end(group);
}

static void child_told(struct node *node, struct edge *edge)
{
    end_child(node, edge->source);
}

/* A child that is not started yet will be, and told then. */
static int cancel_child(struct gyre_future *f)
{
    return child_of(node_of(f))->is_started ? node_cancel(f) : -EINPROGRESS;
}

static void close_child(struct gyre_future *f)
{
    struct child *child = child_of(node_of(f));

    if (!child->is_started && child->drop)
        child->drop(child->arg);
}

static const struct node_kind child_kind = {
    .future = { .name = "child",
                .is_node = true,
                .cancel = cancel_child,
                .close = close_child,
                .fini = node_fini },
    .owns = true,
    .told = child_told,
};

/* Pass on to a child that has just been started what it has missed. */
static void catch_up(struct node *node, const struct gyre_scope *scope)
{
    if (!future_is_pending(&node->f))
        return;
    if (node->f.flags & FUTURE_CANCELLING)
        (void)node_cancel(&node->f);
    else if (scope_is_cancelled(scope))
        future_request(&node->f, (enum gyre_reason)scope->cause_reason, scope->cause);
}

/* Wait for what the child has started, and do the work. One that has failed already cancels its
 * siblings, whose hooks may give up the group and the error: hold both. */
static void take_child(struct child *child, struct gyre_future *input)
{
    struct node *node = &child->node;
    struct gyre_group *group = child->group;
    struct gyre_futures *fs = group->join.futures;

    bool holds_group = future_begin_call(&group->join);
    node->f.refs++;
    child->is_started = true;
    node_connect_now(node, &node->edges[0], input);
    catch_up(node, &group->scope);
    future_release(&node->f);
    if (holds_group)
        future_end_call(&group->join);
    work_run(fs);
}

const struct gyre_future *group_of_child(const struct node *node)
{
    return node->f.kind == &child_kind.future
               ? &container_of(node, const struct child, node)->group->join
               : NULL;
}

/* Whether a future may become a child: as node_check, or -EDEADLK if it waits for the group. */
static int check_child(const struct gyre_group *group, struct gyre_future *input)
{
    const struct gyre_future *join = &group->join;
    const struct node *owner = node_owner(join);

    if (input == join || (owner && input == &owner->f))
        return -EDEADLK;
    return node_check(join->futures, true, 1, &input);
}

static void start_child(struct gyre_call *call, void *arg)
{
    struct child *child = arg;
    struct gyre_group *group = child->group;
    struct gyre_futures *fs = group->join.futures;

    (void)call;
    (void)future_begin_call(&group->join);
    child->is_started = true;
    scope_switch(fs, &group->scope);
    struct gyre_future *input = child->start(child->arg);
    scope_switch(fs, &fs->root);

    int err = input ? check_child(group, input) : 0;
    if (input)
        take_child(child, err < 0 ? future_refused(err) : input);
    else
        end_child(&child->node, NULL);
    future_end_call(&group->join);
    work_run(fs);
}

/* ---- the group */

static int cancel_group(struct gyre_future *f)
{
    struct gyre_scope *scope = &group_of(f)->scope;

    /* A scope above has told the group's own scope by itself. */
    if (!scope_is_cancelled(scope) || scope->cause != f->note.cause)
        (void)scope_cancel_for(scope, (enum gyre_reason)f->reason);
    return -EINPROGRESS;
}

static void release_all(struct gyre_link *list, size_t offset)
{
    while (!list_is_empty(list))
        future_release((struct gyre_future *)(void *)((char *)list_pop(list) - offset));
}

static void fini_group(struct gyre_future *f)
{
    struct gyre_group *group = group_of(f);

    release_all(&group->children, offsetof(struct child, sibling)); /* the loop was closed */
    release_all(&group->failures, offsetof(struct gyre_future, member));
    gyre_scope_fini(&group->scope);
}

static const struct future_kind group_kind = {
    .name = "group",
    .owns_scope = true,
    .cancel = cancel_group,
    .fini = fini_group,
};

int gyre_group_create(struct gyre_loop *loop, unsigned flags, struct gyre_group **out)
{
    int err;

    if (!out || flags & ~(unsigned)(GYRE_GROUP_SUPERVISE | GYRE_GROUP_REPORT))
        return -EINVAL;
    struct gyre_futures *fs = futures_of(loop, &err);
    if (!fs)
        return err;
    struct gyre_future *f =
        future_new(fs, &group_kind, sizeof(struct gyre_group), __builtin_return_address(0));
    if (!f)
        return -ENOMEM;

    struct gyre_group *group = group_of(f);
    group->scope = (struct gyre_scope){ .futures = NULL };
    (void)gyre_scope_init(&group->scope, loop, NULL);
    scope_move(f, &group->scope);
    list_init(&group->children);
    list_init(&group->failures);
    group->looked_at = NULL;
    group->count = 0;
    group->first_error = 0;
    group->first_message = NULL;
    group->flags = flags;
    group->is_joined = false;
    /* The scope has heard of it, but may forget who it was when the one above ends. */
    if (unlikely(scope_is_cancelled(&group->scope)))
        future_request_now(f, (enum gyre_reason)group->scope.cause_reason, group->scope.cause);
    *out = group;
    return 0;
}

void gyre_group_unref(struct gyre_group *group)
{
    if (!group || futures_enter(group->join.futures) < 0)
        return;

    struct gyre_futures *fs = group->join.futures;
    group->is_joined = true;
    maybe_end(group);
    future_release(&group->join);
    work_run(fs);
}

/* Whether a child may be added: 0 or why not. */
static int group_enter(const struct gyre_group *group)
{
    if (!group)
        return -EINVAL;
    int err = group->join.futures->is_closed ? -ESHUTDOWN : futures_enter(group->join.futures);
    if (err < 0)
        return err;
    return future_is_pending(&group->join) ? 0 : -EINVAL;
}

static struct child *new_child(struct gyre_group *group, const void *site)
{
    struct gyre_futures *fs = group->join.futures;
    struct node *node = node_new(fs, &child_kind, sizeof(struct child), 1, false, site);

    if (!node)
        return NULL;
    scope_move(&node->f, &group->scope);
    struct child *child = child_of(node);
    child->group = group;
    child->call = (struct gyre_call){ 0 };
    child->is_started = false;
    list_append(&group->children, &child->sibling);
    group->count++;
    return child;
}

int gyre_group_spawn(struct gyre_group *group, gyre_child_fn *start, gyre_drop_fn *drop, void *arg)
{
    int err = start ? group_enter(group) : -EINVAL;

    if (err < 0)
        return err;
    struct child *child = new_child(group, __builtin_return_address(0));
    if (!child)
        return -ENOMEM;
    child->start = start;
    child->drop = drop;
    child->arg = arg;
    (void)gyre_call_init(&child->call, group->join.futures->loop, start_child, child);
    (void)gyre_call_start(&child->call);
    return 0;
}

int gyre_group_add(struct gyre_group *group, struct gyre_future *f)
{
    int err = group_enter(group);

    if (err == 0)
        err = check_child(group, f);
    if (err < 0)
        return err;
    struct child *child = new_child(group, __builtin_return_address(0));
    if (!child)
        return -ENOMEM;
    take_child(child, f);
    return 0;
}

struct gyre_future *gyre_group_join(struct gyre_group *group)
{
    int err = group ? futures_enter(group->join.futures) : -EINVAL;

    if (err < 0)
        return future_refused(err);
    group->is_joined = true;
    group->join.refs++;
    maybe_end(group);
    work_run(group->join.futures);
    return &group->join;
}

bool gyre_group_cancel(struct gyre_group *group)
{
    return group && gyre_scope_cancel(&group->scope);
}

struct gyre_scope *gyre_group_scope(struct gyre_group *group)
{
    return group ? &group->scope : NULL;
}

size_t gyre_group_count(const struct gyre_group *group)
{
    return group ? group->count : 0;
}

struct gyre_future *gyre_group_take_failure(struct gyre_group *group)
{
    if (!group || futures_enter(group->join.futures) < 0 || list_is_empty(&group->failures))
        return NULL;
    group->looked_at = NULL;
    return container_of(list_pop(&group->failures), struct gyre_future, member);
}

/* ---- failures, of groups and of nodes */

/* Where the last search ended the next one goes on: going through all of them is one walk. */
static struct gyre_future *group_failure(struct gyre_group *group, size_t nth)
{
    bool is_ahead = group->looked_at && nth >= group->looked_nth;
    struct gyre_link *link = is_ahead ? group->looked_at : group->failures.next;
    size_t at = is_ahead ? group->looked_nth : 0;

    for (; link != &group->failures && at < nth; at++)
        link = link->next;
    if (link == &group->failures)
        return NULL;
    group->looked_at = link;
    group->looked_nth = at;
    return container_of(link, struct gyre_future, member);
}

struct gyre_future *gyre_future_failure(const struct gyre_future *f, size_t nth)
{
    if (!f || !f->futures)
        return NULL;
    if (f->kind == &group_kind)
        return group_failure(group_of(f), nth);
    return f->kind->is_node ? node_failure(node_of(f), nth) : NULL;
}
