/* Every function of gyre/future.h and gyre/scope.h, with what it says when it is refused.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_REFUSALS_H
#define GYRE_TEST_REFUSALS_H

#include "promise.h"

#include "future/core.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* What the functions are called with. With nothing, all pointers are NULL. */
struct world {
    struct gyre_loop *loop;
    struct gyre_future *f;       /* a pending promise */
    struct gyre_future *settled; /* one that has a value */
    struct gyre_future *completions;
    struct gyre_call *call;
    struct gyre_scope *scope;
    struct gyre_scope *fresh; /* only zeroed */
    struct gyre_group *group;
};

/* ------------------------------------------------------------------ what they say */

/* On top of errors, which are negative. */
enum { NOTHING = 0, SOMETHING = 1, NO_FUTURE = 1000 };

/* What a returned future says; it is never NULL. */
static int outcome(struct gyre_future *f)
{
    if (!f)
        return NO_FUTURE;
    int err = gyre_future_error(f);
    gyre_future_unref(f);
    return err;
}

static int is_something(const void *pointer)
{
    return pointer ? SOMETHING : NOTHING;
}

static int map_to_itself(void **value, gyre_drop_fn **drop, void *arg)
{
    (void)value;
    (void)drop;
    (void)arg;
    return 0;
}

static inline struct gyre_future *start_nothing(size_t index, void *arg)
{
    (void)index;
    return arg;
}

static inline struct gyre_future *start_next(struct gyre_future *done, void *arg)
{
    (void)done;
    return arg;
}

static inline struct gyre_future *start_child(void *arg)
{
    return arg;
}

static void never_dropped(void *arg)
{
    (void)arg;
    abort();
}

/* ------------------------------------------------------------------ one row for each function */

/* What it says with nothing; where it is REFUSED, on another thread -EPERM, in a forked child
 * -EOWNERDEAD, else what it says all the same; on a closed loop. */
enum { REFUSED = 2000, UNTESTED = 2001 };

struct row {
    const char *name;
    int (*call)(struct world *w);
    int with_nothing;
    int elsewhere;
    int when_closed;
};

#define CALL(name, expression)                   \
    static inline int do_##name(struct world *w) \
    {                                            \
        return expression;                       \
    }

#define VOID_CALL(name, statement)               \
    static inline int do_##name(struct world *w) \
    {                                            \
        statement;                               \
        return NOTHING;                          \
    }

CALL(create, outcome(gyre_future_create(w->loop)))
CALL(sleep, outcome(gyre_sleep(w->loop, 1)))
CALL(sleep_until, outcome(gyre_sleep_until(w->loop, 1)))
CALL(io_ready, outcome(gyre_io_ready(w->loop, 0, GYRE_READ)))
CALL(signal_next, outcome(gyre_signal_next(w->loop, SIGUSR2)))
CALL(signal_forget, gyre_signal_forget(w->loop, SIGUSR2))
CALL(all, outcome(gyre_all(w->loop, 1, &w->f)))
CALL(all_of_none, outcome(gyre_all(w->loop, 0, NULL)))
CALL(settled, outcome(gyre_settled(w->loop, 1, &w->f)))
CALL(race, outcome(gyre_race(w->loop, 1, &w->f)))
CALL(wait, outcome(gyre_wait(w->loop, GYRE_WAIT_ALL, 1, &w->f, 1)))
CALL(completions, outcome(gyre_completions(w->loop, 1, &w->f)))
CALL(repeat, outcome(gyre_repeat(w->loop, start_next, NULL)))
CALL(map_limit, outcome(gyre_map_limit(w->loop, GYRE_MAP_ALL, 1, 1, start_nothing, NULL)))
CALL(run_until, gyre_loop_run_until(w->loop, w->f))
CALL(scope_init, gyre_scope_init(w->fresh, w->loop, NULL))

static int do_group_create(struct world *w)
{
    struct gyre_group *group;

    return gyre_group_create(w->loop, 0, &group);
}

static const struct row loop_rows[] = {
    { "gyre_future_create", do_create, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_sleep", do_sleep, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_sleep_until", do_sleep_until, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_io_ready", do_io_ready, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_signal_next", do_signal_next, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_signal_forget", do_signal_forget, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_all", do_all, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_all of none", do_all_of_none, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_settled", do_settled, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_race", do_race, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_wait", do_wait, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_completions", do_completions, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_map_limit", do_map_limit, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_repeat", do_repeat, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_loop_run_until", do_run_until, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_scope_init", do_scope_init, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_group_create", do_group_create, -EINVAL, REFUSED, -ESHUTDOWN },
};

CALL(on_done, gyre_future_on_done(w->f, w->call))
CALL(cancel, gyre_future_cancel(w->f))
CALL(set_cancel, gyre_future_set_cancel(w->f, &promise_ops, NULL))
CALL(resolve, gyre_future_resolve(w->f, NULL, NULL))
CALL(resolve_and_drop, gyre_future_resolve(w->f, w, never_dropped))
CALL(fail, gyre_future_fail(w->f, -EIO))
CALL(fail_with, gyre_future_fail_with(w->f, -EIO, "no", NULL, NULL))
CALL(fail_with_and_drop, gyre_future_fail_with(w->f, -EIO, "no", w, never_dropped))
CALL(within, outcome(gyre_within(w->f, 1)))
CALL(within_until, outcome(gyre_within_until(w->f, 1)))
CALL(shield, outcome(gyre_shield(w->f)))
CALL(then, outcome(gyre_then(w->f, map_to_itself, NULL)))
CALL(then_start, outcome(gyre_then_start(w->f, start_next, NULL)))
CALL(after, outcome(gyre_after(w->f, start_next, NULL)))
CALL(completions_next, outcome(gyre_completions_next(w->completions)))
VOID_CALL(abandon, gyre_future_abandon(w->f))
VOID_CALL(unref, gyre_future_unref(w->f))
VOID_CALL(detach, gyre_future_detach(w->f))
VOID_CALL(ignore_error, gyre_future_ignore_error(w->f))
CALL(ref, is_something(gyre_future_ref(w->f)))
CALL(take, is_something(gyre_future_take(w->settled)))
CALL(peek, is_something(gyre_future_peek(w->settled)))
CALL(detail, is_something(gyre_future_detail(w->f)))
CALL(message, is_something(gyre_future_message(w->f)))
CALL(error, gyre_future_error(w->f))
CALL(state, (int)gyre_future_state(w->f))
CALL(is_cancelling, gyre_future_is_cancelling(w->f))
CALL(reason, (int)gyre_future_reason(w->f))
CALL(count, (int)gyre_future_count(w->completions))
CALL(at, is_something(gyre_future_at(w->completions, 0)))
CALL(failure, is_something(gyre_future_failure(w->f, 0)))

static const struct row future_rows[] = {
    { "gyre_future_on_done", do_on_done, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_future_cancel", do_cancel, false, false, false },
    { "gyre_future_set_cancel", do_set_cancel, -EINVAL, REFUSED, -EALREADY },
    { "gyre_future_resolve", do_resolve, -EINVAL, REFUSED, -EALREADY },
    { "gyre_future_resolve with drop", do_resolve_and_drop, -EINVAL, REFUSED, UNTESTED },
    { "gyre_future_fail", do_fail, -EINVAL, REFUSED, -EALREADY },
    { "gyre_future_fail_with", do_fail_with, -EINVAL, REFUSED, -EALREADY },
    { "gyre_future_fail_with, drop", do_fail_with_and_drop, -EINVAL, REFUSED, UNTESTED },
    { "gyre_within", do_within, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_within_until", do_within_until, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_shield", do_shield, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_then", do_then, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_then_start", do_then_start, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_after", do_after, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_completions_next", do_completions_next, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_future_abandon", do_abandon, NOTHING, NOTHING, NOTHING },
    { "gyre_future_ref", do_ref, NOTHING, NOTHING, SOMETHING },
    { "gyre_future_unref", do_unref, NOTHING, NOTHING, NOTHING },
    { "gyre_future_ref", do_ref, NOTHING, NOTHING, SOMETHING },
    { "gyre_future_detach", do_detach, NOTHING, NOTHING, NOTHING },
    { "gyre_future_ignore_error", do_ignore_error, NOTHING, NOTHING, NOTHING },
    { "gyre_future_take", do_take, NOTHING, NOTHING, UNTESTED },
    { "gyre_future_peek", do_peek, NOTHING, SOMETHING, SOMETHING },
    { "gyre_future_detail", do_detail, NOTHING, NOTHING, NOTHING },
    { "gyre_future_message", do_message, SOMETHING, SOMETHING, SOMETHING },
    { "gyre_future_error", do_error, -EINVAL, -EINPROGRESS, -ECANCELED },
    { "gyre_future_state", do_state, GYRE_FUTURE_ERR, GYRE_FUTURE_PENDING, GYRE_FUTURE_CANCELLED },
    { "gyre_future_is_cancelling", do_is_cancelling, false, false, false },
    { "gyre_future_reason", do_reason, GYRE_REASON_NONE, GYRE_REASON_NONE, GYRE_REASON_CLOSED },
    { "gyre_future_count", do_count, 0, 1, 1 },
    { "gyre_future_at", do_at, NOTHING, SOMETHING, SOMETHING },
    { "gyre_future_failure", do_failure, NOTHING, NOTHING, NOTHING },
};

VOID_CALL(scope_fini, gyre_scope_fini(w->scope))
CALL(scope_enter, gyre_scope_enter(w->scope))
CALL(scope_leave, gyre_scope_leave(w->scope))
CALL(scope_cancel, gyre_scope_cancel(w->scope))
CALL(scope_set_deadline, gyre_scope_set_deadline(w->scope, 0))
CALL(scope_set_shield, gyre_scope_set_shield(w->scope, true))
CALL(scope_deadline, gyre_scope_deadline(w->scope) == GYRE_NEVER)
CALL(scope_is_cancelled, gyre_scope_is_cancelled(w->scope))
CALL(scope_reason, (int)gyre_scope_reason(w->scope))
CALL(scope_caused, gyre_scope_caused(w->scope, w->f))
CALL(group_spawn, gyre_group_spawn(w->group, start_child, never_dropped, NULL))
CALL(group_add, gyre_group_add(w->group, w->f))
CALL(group_join, outcome(gyre_group_join(w->group)))
CALL(group_cancel, gyre_group_cancel(w->group))
CALL(group_scope, is_something(gyre_group_scope(w->group)))
CALL(group_count, (int)gyre_group_count(w->group))
CALL(group_take_failure, is_something(gyre_group_take_failure(w->group)))
VOID_CALL(group_unref, gyre_group_unref(w->group))

static const struct row scope_rows[] = {
    { "gyre_scope_enter", do_scope_enter, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_scope_leave", do_scope_leave, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_scope_cancel", do_scope_cancel, false, false, false },
    { "gyre_scope_set_deadline", do_scope_set_deadline, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_scope_set_shield", do_scope_set_shield, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_scope_deadline", do_scope_deadline, true, true, true },
    { "gyre_scope_is_cancelled", do_scope_is_cancelled, false, false, false },
    { "gyre_scope_reason", do_scope_reason, GYRE_REASON_NONE, GYRE_REASON_NONE, GYRE_REASON_NONE },
    { "gyre_scope_caused", do_scope_caused, false, false, false },
    { "gyre_scope_fini", do_scope_fini, NOTHING, NOTHING, NOTHING },
    { "gyre_group_spawn", do_group_spawn, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_group_add", do_group_add, -EINVAL, REFUSED, -ESHUTDOWN },
    { "gyre_group_join", do_group_join, -EINVAL, REFUSED, -ECANCELED },
    { "gyre_group_cancel", do_group_cancel, false, false, false },
    { "gyre_group_scope", do_group_scope, NOTHING, SOMETHING, SOMETHING },
    { "gyre_group_count", do_group_count, 0, 0, 0 },
    { "gyre_group_take_failure", do_group_take_failure, NOTHING, NOTHING, NOTHING },
    { "gyre_group_unref", do_group_unref, NOTHING, NOTHING, UNTESTED },
};

static const struct {
    const struct row *rows;
    size_t count;
} tables[] = {
    { future_rows, ARRAY_LEN(future_rows) },
    { scope_rows, ARRAY_LEN(scope_rows) },
    { loop_rows, ARRAY_LEN(loop_rows) }, /* the last: not for a loop that is gone */
};

/* ------------------------------------------------------------------ the world */

static struct gyre_call waiting_call, free_call;
static struct gyre_scope child_scope, zeroed_scope;
static struct parcel held;

static void ignore_call(struct gyre_call *call, void *arg)
{
    (void)call;
    (void)arg;
}

static inline struct world make_world(struct fixture *f)
{
    struct world w = { .loop = f->loop, .call = &free_call, .scope = &child_scope };

    memset(&waiting_call, 0, sizeof(waiting_call));
    memset(&free_call, 0, sizeof(free_call));
    memset(&child_scope, 0, sizeof(child_scope));
    memset(&zeroed_scope, 0, sizeof(zeroed_scope));
    memset(&held, 0, sizeof(held));
    w.fresh = &zeroed_scope;
    w.f = make_promise(f, 0, 0)->f;
    w.settled = make_promise(f, 1, 0)->f;
    assert_int_equal(settle(w.settled, WAY_RESOLVE, &held), 0);
    w.completions = gyre_completions(f->loop, 1, &w.f);
    assert_int_equal(gyre_call_init(&waiting_call, f->loop, ignore_call, NULL), 0);
    assert_int_equal(gyre_call_init(&free_call, f->loop, ignore_call, NULL), 0);
    assert_int_equal(gyre_future_on_done(w.f, &waiting_call), 0);
    assert_int_equal(gyre_scope_init(&child_scope, f->loop, NULL), 0);
    assert_int_equal(gyre_group_create(f->loop, 0, &w.group), 0);
    return w;
}

static void end_world(struct world *w)
{
    gyre_group_unref(w->group);
    gyre_scope_fini(w->scope);
    gyre_future_unref(w->completions);
    gyre_future_unref(w->settled);
    gyre_future_unref(w->f);
    assert_int_equal(held.drops, 1);
}

/* What a call that was refused could have changed. */
struct picture {
    struct gyre_future f, settled, completions;
    struct gyre_call waiting, free;
    struct gyre_scope scope, fresh;
    size_t live;
    struct gyre_scope *current;
    size_t children;
    bool is_alive;
};

static inline struct picture take_picture(const struct world *w)
{
    struct picture p;

    memset(&p, 0, sizeof(p)); /* also what lies between the members */
    p.f = *w->f;
    p.settled = *w->settled;
    p.completions = *w->completions;
    p.waiting = waiting_call;
    p.free = *w->call;
    p.scope = *w->scope;
    p.fresh = *w->fresh;
    p.live = w->f->futures->live;
    p.current = w->f->futures->current;
    p.children = gyre_group_count(w->group);
    p.is_alive = gyre_loop_is_alive(w->loop);
    return p;
}

static void assert_unchanged(const struct world *w, const struct picture *before)
{
    struct picture after = take_picture(w);

    assert_memory_equal(&after, before, sizeof(after));
    assert_int_equal(promises[0].asked + promises[0].closed, 0);
}

/* ------------------------------------------------------------------ calling them */

enum where { WITH_NOTHING, ELSEWHERE, WHEN_CLOSED };

static int expected_of(const struct row *row, enum where where, int refusal)
{
    int said = where == WITH_NOTHING ? row->with_nothing
               : where == ELSEWHERE  ? row->elsewhere
                                     : row->when_closed;

    return said == REFUSED ? refusal : said;
}

/* Whether a row says something else, or changes anything where it may not. No assertions: it may be
 * another thread or process. */
static bool is_wrong(const struct row *row, struct world *w, enum where where, int refusal)
{
    int expected = expected_of(row, where, refusal);
    struct picture before, after;

    if (expected == UNTESTED)
        return false;
    if (where == ELSEWHERE)
        before = take_picture(w);
    int said = row->call(w);
    if (said != expected) {
        fprintf(stderr, "%s: %d, should be %d\n", row->name, said, expected);
        return true;
    }
    if (where != ELSEWHERE)
        return false;
    after = take_picture(w);
    if (memcmp(&before, &after, sizeof(before)) == 0)
        return false;
    fprintf(stderr, "%s has changed something\n", row->name);
    return true;
}

/* How many of them. */
static int call_all(struct world *w, size_t table_count, enum where where, int refusal)
{
    int wrong = 0;

    for (size_t t = 0; t < table_count; t++)
        for (size_t i = 0; i < tables[t].count; i++)
            wrong += is_wrong(&tables[t].rows[i], w, where, refusal);
    return wrong;
}

#endif
