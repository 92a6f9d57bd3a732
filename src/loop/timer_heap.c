/* A pairing heap of timers.
 *
 * SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "loop/timer_heap.h"

static struct gyre_timer *timer_at(struct gyre_link *link)
{
    return link ? container_of(link, struct gyre_timer, call.link) : NULL;
}

/* Make the later of two roots the first child of the other. */
static struct gyre_timer *meld(struct gyre_timer *a, struct gyre_timer *b)
{
    if (timer_precedes(b, a)) {
        struct gyre_timer *earlier = b;
        b = a;
        a = earlier;
    }

    struct gyre_timer *child = a->place.child;
    b->call.link.next = child ? &child->call.link : NULL;
    b->call.link.prev = &a->call.link;
    if (child)
        child->call.link.prev = &b->call.link;
    a->place.child = b;
    return a;
}

/* Make one heap of a list of siblings: meld them in pairs, then the pairs from the last to the
 * first. Returns its root, with stale sibling links. */
static struct gyre_timer *meld_siblings(struct gyre_timer *first)
{
    struct gyre_timer *pairs = NULL;

    while (first) {
        struct gyre_timer *second = timer_at(first->call.link.next);
        struct gyre_timer *rest = second ? timer_at(second->call.link.next) : NULL;
        struct gyre_timer *pair = second ? meld(first, second) : first;

        pair->call.link.next = pairs ? &pairs->call.link : NULL;
        pairs = pair;
        first = rest;
    }

    struct gyre_timer *root = pairs;
    if (!root)
        return NULL;
    pairs = timer_at(root->call.link.next);
    while (pairs) {
        struct gyre_timer *rest = timer_at(pairs->call.link.next);
        root = meld(root, pairs);
        pairs = rest;
    }
    return root;
}

static struct gyre_timer *as_root(struct gyre_timer *timer)
{
    if (timer) {
        timer->call.link.next = NULL;
        timer->call.link.prev = NULL;
    }
    return timer;
}

struct gyre_timer *timer_heap_insert(struct gyre_timer *root, struct gyre_timer *timer)
{
    timer->place.child = NULL;
    return as_root(root ? meld(root, timer) : timer);
}

/* Take the subtree of `timer` off its parent and siblings. */
static void cut(struct gyre_timer *timer)
{
    struct gyre_timer *before = timer_at(timer->call.link.prev);
    struct gyre_link *next = timer->call.link.next;

    if (before->place.child == timer)
        before->place.child = timer_at(next);
    else
        before->call.link.next = next;
    if (next)
        next->prev = timer->call.link.prev;
}

struct gyre_timer *timer_heap_remove(struct gyre_timer *root, struct gyre_timer *timer)
{
    struct gyre_timer *orphans = meld_siblings(timer->place.child);

    if (timer == root)
        return as_root(orphans);
    cut(timer);
    return as_root(orphans ? meld(root, orphans) : root);
}

/* ---- building: a merge sort that takes its runs as they come */

/* More than enough for the runs of any list: run i of the merge holds at least 2^i of them. */
enum { RUN_LEVELS = 48 };

static struct gyre_timer *merge(struct gyre_timer *a, struct gyre_timer *b)
{
    struct gyre_link head;
    struct gyre_link *tail = &head;

    while (a && b) {
        struct gyre_timer **first = timer_precedes(b, a) ? &b : &a;

        tail->next = &(*first)->call.link;
        tail = tail->next;
        *first = timer_at(tail->next);
    }
    tail->next = a ? &a->call.link : b ? &b->call.link : NULL;
    return timer_at(head.next);
}

/* Cut the longest sorted beginning off the list. */
static struct gyre_timer *cut_run(struct gyre_timer **list)
{
    struct gyre_timer *run = *list;
    struct gyre_timer *last = run;
    struct gyre_timer *next = timer_at(last->call.link.next);

    while (next && !timer_precedes(next, last)) {
        last = next;
        next = timer_at(last->call.link.next);
    }
    last->call.link.next = NULL;
    *list = next;
    return run;
}

/* sorted[i], for i below `levels`, is the merge of 2^i runs, or NULL. */
static struct gyre_timer *sort(struct gyre_timer *list)
{
    struct gyre_timer *sorted[RUN_LEVELS];
    unsigned levels = 0;
    struct gyre_timer *run = cut_run(&list);

    while (list) {
        unsigned level = 0;

        for (; level < levels && sorted[level]; level++) {
            run = merge(sorted[level], run);
            sorted[level] = NULL;
        }
        if (level == levels)
            levels++;
        sorted[level] = run;
        run = cut_run(&list);
    }
    for (unsigned level = 0; level < levels; level++)
        if (sorted[level])
            run = merge(sorted[level], run);
    return run;
}

/* A sorted list as a heap: each node the only child of the one before. */
struct gyre_timer *timer_heap_build(struct gyre_timer *list)
{
    struct gyre_timer *root = list ? sort(list) : NULL;
    struct gyre_link *parent = NULL;

    for (struct gyre_timer *timer = root; timer; timer = timer->place.child) {
        timer->place.child = timer_at(timer->call.link.next);
        timer->call.link.next = NULL;
        timer->call.link.prev = parent;
        parent = &timer->call.link;
    }
    return root;
}

/* ---- checking */

static bool children_are_sound(const struct gyre_timer *parent)
{
    const struct gyre_link *before = &parent->call.link;
    const struct gyre_timer *child = parent->place.child;

    while (child) {
        if (timer_precedes(child, parent) || child->call.link.prev != before)
            return false;
        before = &child->call.link;
        child = timer_at(child->call.link.next);
    }
    return true;
}

/* The next node depth first: a child, else a sibling, else the sibling of the nearest parent that
 * has one. NULL after the last. */
static const struct gyre_timer *next_in_heap(const struct gyre_timer *node)
{
    if (node->place.child)
        return node->place.child;

    while (!node->call.link.next) {
        const struct gyre_timer *before = timer_at(node->call.link.prev);

        while (before && before->place.child != node) {
            node = before;
            before = timer_at(node->call.link.prev);
        }
        if (!before)
            return NULL;
        node = before;
    }
    return timer_at(node->call.link.next);
}

bool timer_heap_check(const struct gyre_timer *root)
{
    for (const struct gyre_timer *node = root; node; node = next_in_heap(node))
        if (!children_are_sound(node))
            return false;
    return true;
}
