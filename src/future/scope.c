/* Cancel scopes.
 *
 * Invariants: `reason` is why this scope itself was cancelled, kept for ever. `cause` and
 * `cause_reason` say which scope's cancellation is in force here, the outermost one: its own, or one
 * above with no shield in between; cause_reason is NONE while there is none. The timer is started
 * while the scope has a deadline and was not cancelled itself. `outer` holds only in the chain of
 * entered scopes, which leads from futures->current to the root.
 *
 * SPDX-License-Identifier: MIT */
#include "future/core.h"

static uint32_t scope_tag(const struct gyre_scope *scope)
{
    return ~(uint32_t)(uintptr_t)scope | 1; /* never what zeroed memory has */
}

/* Whether it is in use, by a loop that is not closed. */
static bool scope_is_open(const struct gyre_scope *scope)
{
    return scope && scope->tag == scope_tag(scope) && scope->futures;
}

static int scope_enter(const struct gyre_scope *scope)
{
    if (!scope)
        return -EINVAL;
    if (scope->tag != scope_tag(scope))
        return GYRE_EUNINIT;
    return scope->futures ? loop_check(scope->futures->loop) : -ESHUTDOWN;
}

/* ---- cancelled */

/* The next one in a walk that leaves out what is below `scope`. */
static struct gyre_scope *scope_next_beside(const struct gyre_scope *top, struct gyre_scope *scope)
{
    for (; scope != top; scope = scope->parent)
        if (scope->sibling.next != &scope->parent->children)
            return container_of(scope->sibling.next, struct gyre_scope, sibling);
    return NULL;
}

struct gyre_scope *scope_next(const struct gyre_scope *top, struct gyre_scope *scope)
{
    if (!list_is_empty(&scope->children))
        return container_of(scope->children.next, struct gyre_scope, sibling);
    return scope_next_beside(top, scope);
}

/* Find out what is in force in a scope, from its parent's and its own state. Returns whether that has
 * changed. */
static bool find_cause(struct gyre_scope *scope)
{
    const struct gyre_scope *parent = scope->parent;
    uint64_t cause = scope->cause;
    uint8_t reason = scope->cause_reason;

    if (parent && !scope->is_shielded && scope_is_cancelled(parent)) {
        scope->cause = parent->cause;
        scope->cause_reason = parent->cause_reason;
    } else {
        scope->cause = scope->reason ? scope->id : 0;
        scope->cause_reason = scope->reason;
    }
    return scope->cause != cause || scope->cause_reason != reason;
}

static void request_operations(const struct gyre_scope *scope, const struct gyre_scope *by)
{
    for (struct gyre_link *link = scope->operations.next; link != &scope->operations;
         link = link->next) {
        struct gyre_future *f = container_of(link, struct gyre_future, member);

        if (!f->kind->owns_scope || by->cause != scope->id)
            future_request(f, (enum gyre_reason)by->cause_reason, by->cause);
    }
}

/* The state of `top` may have changed: pass it on to all below whose state changes with it. What is
 * in force already is not asked for again, which would take the place of a later cause. No function of
 * the user's runs here: the requests are carried out when the work is done. */
static void spread(struct gyre_scope *top)
{
    struct gyre_scope *scope = top;

    while (scope) {
        if (!find_cause(scope)) {
            scope = scope_next_beside(top, scope);
            continue;
        }
        if (scope_is_cancelled(scope))
            request_operations(scope, scope);
        scope = scope_next(top, scope);
    }
}

bool scope_cancel_for(struct gyre_scope *scope, enum gyre_reason reason)
{
    if (scope->reason != GYRE_REASON_NONE || !scope->futures)
        return false;

    scope->reason = (uint8_t)reason;
    (void)gyre_timer_stop(&scope->timer);
    if (!scope_is_cancelled(scope)) /* else what is in force already comes from further out */
        spread(scope);
    work_run(scope->futures);
    return true;
}

bool gyre_scope_cancel(struct gyre_scope *scope)
{
    return scope_enter(scope) == 0 && scope_cancel_for(scope, GYRE_REASON_REQUEST);
}

static void deadline_came(struct gyre_timer *timer, void *arg)
{
    (void)timer;
    (void)scope_cancel_for(arg, GYRE_REASON_TIMEOUT);
}

int gyre_scope_set_deadline(struct gyre_scope *scope, uint64_t deadline)
{
    int err = scope_enter(scope);

    if (err < 0)
        return err;
    if (scope->reason != GYRE_REASON_NONE)
        return -EALREADY;
    if (deadline == GYRE_NEVER)
        (void)gyre_timer_stop(&scope->timer);
    else if (deadline <= gyre_loop_now(scope->futures->loop))
        (void)scope_cancel_for(scope, GYRE_REASON_TIMEOUT);
    else
        (void)gyre_timer_start_at(&scope->timer, deadline);
    return 0;
}

int gyre_scope_set_shield(struct gyre_scope *scope, bool is_shielded)
{
    int err = scope_enter(scope);

    if (err < 0)
        return err;
    scope->is_shielded = is_shielded;
    spread(scope);
    work_run(scope->futures);
    return 0;
}

/* ---- made and ended */

static void scope_set(struct gyre_scope *scope, struct gyre_futures *fs)
{
    *scope = (struct gyre_scope){ .futures = fs, .id = fs->next_id++, .tag = scope_tag(scope) };
    list_init(&scope->children);
    list_init(&scope->operations);
    timer_prepare(&scope->timer, fs->loop, deadline_came, scope);
}

void scope_init_root(struct gyre_futures *fs)
{
    scope_set(&fs->root, fs);
    fs->current = &fs->root;
}

int gyre_scope_init(struct gyre_scope *scope, struct gyre_loop *loop, struct gyre_scope *parent)
{
    int err;
    struct gyre_futures *fs = scope ? futures_of(loop, &err) : NULL;

    if (!scope)
        return -EINVAL;
    if (!fs)
        return err;
    if (scope_is_open(scope))
        return -EBUSY;
    if (parent && !scope_is_open(parent))
        return -EINVAL;
    if (parent && parent->futures != fs)
        return -EXDEV;

    scope_set(scope, fs);
    scope->parent = parent ? parent : fs->current;
    (void)find_cause(scope);
    list_append(&scope->parent->children, &scope->sibling);
    return 0;
}

/* Take it out of the chain of entered scopes. */
static void leave_for_good(struct gyre_scope *scope)
{
    struct gyre_futures *fs = scope->futures;

    for (struct gyre_scope **at = &fs->current; *at != &fs->root; at = &(*at)->outer)
        if (*at == scope) {
            *at = scope->outer;
            return;
        }
}

static void move_operations(struct gyre_scope *scope, struct gyre_scope *parent)
{
    if (scope_is_cancelled(parent))
        request_operations(scope, parent);
    for (struct gyre_link *link = scope->operations.next; link != &scope->operations;
         link = link->next)
        container_of(link, struct gyre_future, member)->scope = parent;
    list_splice(&parent->operations, &scope->operations);
}

/* A cancellation that came from `scope` stays in force below it, as their own. */
static void move_children(struct gyre_scope *scope, struct gyre_scope *parent)
{
    while (!list_is_empty(&scope->children)) {
        struct gyre_scope *child =
            container_of(list_pop(&scope->children), struct gyre_scope, sibling);

        if (!child->is_shielded && child->reason == GYRE_REASON_NONE && scope_is_cancelled(scope)) {
            child->reason = scope->cause_reason;
            (void)gyre_timer_stop(&child->timer);
        }
        child->parent = parent;
        list_append(&parent->children, &child->sibling);
        spread(child);
    }
}

void gyre_scope_fini(struct gyre_scope *scope)
{
    if (!scope_is_open(scope) || futures_enter(scope->futures) < 0)
        return;

    (void)gyre_timer_stop(&scope->timer);
    leave_for_good(scope);
    list_remove(&scope->sibling);
    move_operations(scope, scope->parent);
    move_children(scope, scope->parent);
    scope->tag = 0;
    work_run(scope->futures);
}

void scope_close_all(struct gyre_futures *fs)
{
    struct gyre_scope *root = &fs->root;

    fs->current = root;
    while (!list_is_empty(&root->children)) {
        struct gyre_scope *scope =
            container_of(list_pop(&root->children), struct gyre_scope, sibling);

        list_splice(&root->operations, &scope->operations);
        list_splice(&root->children, &scope->children);
        scope->futures = NULL;
    }
}

/* ---- the current one */

int gyre_scope_enter(struct gyre_scope *scope)
{
    int err = scope_enter(scope);

    if (err < 0)
        return err;
    struct gyre_futures *fs = scope->futures;
    for (const struct gyre_scope *s = fs->current; s != &fs->root; s = s->outer)
        if (s == scope)
            return -EALREADY;
    scope->outer = fs->current;
    fs->current = scope;
    return 0;
}

int gyre_scope_leave(struct gyre_scope *scope)
{
    int err = scope_enter(scope);

    if (err < 0)
        return err;
    if (scope->futures->current != scope)
        return -EINVAL;
    scope->futures->current = scope->outer;
    return 0;
}

/* ---- questions */

uint64_t gyre_scope_deadline(const struct gyre_scope *scope)
{
    uint64_t deadline = GYRE_NEVER;

    if (!scope_is_open(scope))
        return deadline;
    for (; scope; scope = scope->is_shielded ? NULL : scope->parent) {
        uint64_t own = gyre_timer_deadline(&scope->timer);

        deadline = own < deadline ? own : deadline;
    }
    return deadline;
}

bool gyre_scope_is_cancelled(const struct gyre_scope *scope)
{
    return scope_is_open(scope) && scope_is_cancelled(scope);
}

enum gyre_reason gyre_scope_reason(const struct gyre_scope *scope)
{
    return scope_is_open(scope) ? (enum gyre_reason)scope->cause_reason : GYRE_REASON_NONE;
}

bool gyre_scope_caused(const struct gyre_scope *scope, const struct gyre_future *f)
{
    return scope_is_open(scope) && gyre_future_reason(f) != GYRE_REASON_NONE &&
           f->note.cause == scope->id;
}
