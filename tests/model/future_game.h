/* What is played with in future_model_test.c, beside the model: the futures of the library, how they
 * are compared, and the steps that make, settle and combine them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_FUTURE_GAME_H
#define GYRE_TEST_FUTURE_GAME_H

#include "model/future_rules.h"

#include "future/core.h"
#include "support/fault.h"

enum {
    ORDERS = 400, /* that are tried, the plain one first */
    LONG_TIME = 10,
};

static struct gyre_loop *loop;
static struct random rnd;

/* What is known of future i outside the model. */
static struct gyre_future *real[FUTURES];
static bool is_held[FUTURES];              /* by the test; of a join, its future */
static struct gyre_group *groups[FUTURES]; /* handles */
static struct gyre_scope real_scopes[SCOPES];
static int asked[FUTURES], ended[FUTURES], dropped_values[FUTURES + 1];
static bool is_taken[FUTURES + 1];
static struct {
    bool is_reserved; /* this number is that of a child, or of what one will start */
    bool was_spawned;
    enum kind kind; /* of what it starts; UNUSED: nothing */
    int leaf;
    bool is_kept;
    uint64_t delay;
    int started, dropped;
} children[FUTURES];

/* What the step under way does, for the functions that do it to the model. */
static int the_future, the_input, the_scope, the_err;
static uint64_t the_time;

/* ------------------------------------------------------------------ comparison */

static struct gyre_scope *scope_of(int s)
{
    for (int i = 0; m.s[s].is_of_group && i < FUTURES; i++)
        if (m.f[i].kind == JOIN && m.f[i].own_scope == s && !m.f[i].is_free)
            return gyre_group_scope(groups[i]);
    return m.s[s].is_of_group ? NULL : &real_scopes[s];
}

static bool is_in_use(int s)
{
    return s > 0 && m.s[s].life && scope_of(s);
}

static int *pointer_to(int value)
{
    return value ? &dropped_values[value] : NULL;
}

static bool has_reason(int i)
{
    return m.f[i].state == GYRE_FUTURE_CANCELLED || (is_pending(i) && m.f[i].is_cancelling);
}

/* What can be seen of it without a reference: an order that is wrong may not know that it has been
 * freed, but its block is still there. */
static bool state_agrees(int i)
{
    const struct model_future *f = &m.f[i];

    bool has_value = f->state == GYRE_FUTURE_OK && f->alias == NONE;

    for (int s = 1; s < SCOPES && has_reason(i); s++)
        if (is_in_use(s) && (real[i]->note.cause == scope_of(s)->id) != (f->cause == m.s[s].life))
            return false;
    return gyre_future_state(real[i]) == f->state &&
           gyre_future_is_cancelling(real[i]) == (is_pending(i) && f->is_cancelling) &&
           gyre_future_reason(real[i]) == (has_reason(i) ? f->reason : GYRE_REASON_NONE) &&
           (f->state != GYRE_FUTURE_ERR || real[i]->err == f->err) &&
           (!has_value || real[i]->as.settled.value == pointer_to(f->value)) &&
           !(real[i]->flags & FUTURE_ALIAS) == (f->alias == NONE) &&
           real[i]->refs == (uint32_t)f->refs && !(real[i]->flags & FUTURE_OWNED) != f->is_owned;
}

/* Those it lists, in their order: only futures of several inputs do, and groups. */
static bool failures_agree(int i)
{
    const struct model_future *f = &m.f[i];
    bool agrees = f->kind == JOIN || !gyre_future_failure(real[i], (size_t)f->failures);

    for (int k = 0; k < f->failures && agrees; k++)
        agrees = gyre_future_failure(real[i], (size_t)k) == real[f->failure[k]];
    return agrees;
}

static bool held_future_agrees(int i)
{
    const struct model_future *f = &m.f[i];
    const struct model_future *holder = &m.f[holder_of_value(i)];
    int value = f->state == GYRE_FUTURE_OK && holder->state == GYRE_FUTURE_OK ? holder->value : 0;
    bool agrees = !f->is_free && state_agrees(i) && failures_agree(i) &&
                  gyre_future_peek(real[i]) == pointer_to(value);

    for (int s = 1; s < SCOPES && agrees; s++)
        if (is_in_use(s))
            agrees = gyre_scope_caused(scope_of(s), real[i]) ==
                     (has_reason(i) && f->cause == m.s[s].life);
    return agrees;
}

static bool group_agrees(int i)
{
    struct gyre_future *failure = gyre_future_failure(real[i], 0);

    return gyre_group_count(groups[i]) == (size_t)m.f[i].children &&
           (failure ? failure->err : 0) == m.f[i].first_err;
}

static bool scope_agrees(int s)
{
    const struct gyre_scope *scope = scope_of(s);

    return scope->reason == m.s[s].reason && gyre_scope_reason(scope) == m.s[s].cause_reason &&
           gyre_scope_is_cancelled(scope) == is_cancelled(s) &&
           gyre_timer_deadline(&scope->timer) == m.s[s].deadline;
}

/* Returns the number of what differs; NONE: nothing. */
static int find_difference(void)
{
    for (int i = 0; i < FUTURES; i++) {
        const struct model_future *f = &m.f[i];

        if (is_held[i] && !held_future_agrees(i))
            return i;
        if (real[i] && f->kind && !f->is_free && !state_agrees(i))
            return i;
        if ((f->kind == PROMISE || f->kind == SLOW) && asked[i] != f->was_asked)
            return i;
        if (dropped_values[i + 1] != m.is_dropped[i + 1])
            return i;
        if (groups[i] && !group_agrees(i))
            return i;
    }
    for (int s = 1; s < SCOPES; s++)
        if (is_in_use(s) && !scope_agrees(s))
            return FUTURES + s;
    return NONE;
}

/* The step has been done to the library. Find an order in which the model does the same. */
static void agree(void (*change)(void))
{
    static struct model before;
    int first_difference = NONE;

    before = m;
    for (int order = 0; order < ORDERS; order++) {
        m = before;
        m.order.state = (uint64_t)order;
        change();
        apply_rules();
        int difference = find_difference();
        if (difference == NONE)
            return;
        if (order == 0)
            first_difference = difference;
    }
    m = before;
    m.order.state = 0;
    change();
    apply_rules();
    const struct model_future *f = &m.f[first_difference % FUTURES];
    fail_msg("number %d, kind %d: state %d, error %d, reason %d in the model", first_difference,
             f->kind, f->state, f->err, f->reason);
}

/* ------------------------------------------------------------------ choices */

static int choose(bool (*fits)(int i), int count)
{
    int first = random_index(&rnd, count);

    for (int n = 0; n < count; n++)
        if (fits((first + n) % count))
            return (first + n) % count;
    return NONE;
}

static enum kind random_kind(enum kind first, enum kind end)
{
    return (enum kind)((int)first + random_index(&rnd, (int)(end - first)));
}

static bool is_unused(int i)
{
    return m.f[i].kind == UNUSED && !children[i].is_reserved;
}

/* Numbers are given in the order of creation, which is mostly that of events too. */
static int choose_unused(void)
{
    int i = 0;

    while (i < FUTURES && !is_unused(i))
        i++;
    return i < FUTURES ? i : NONE;
}

static bool is_held_at_all(int i)
{
    return is_held[i];
}

static bool may_be_input(int i)
{
    return is_held[i] && !m.f[i].is_owned;
}

static bool may_be_produced(int i)
{
    return (m.f[i].kind == PROMISE && !asked[i] && !ended[i]) || (m.f[i].kind == SLOW && !ended[i]);
}

static bool has_handle(int i)
{
    return groups[i] != NULL;
}

static bool is_own_scope(int s)
{
    return is_in_use(s) && !m.s[s].is_of_group;
}

static bool is_unused_scope(int s)
{
    return s > 0 && !m.s[s].life;
}

/* The root, or a scope. */
static int choose_scope(void)
{
    int s = random_chance(&rnd, 30) ? NONE : choose(is_in_use, SCOPES);

    return s == NONE ? 0 : s;
}

static void enter(int s)
{
    if (s > 0)
        assert_int_equal(gyre_scope_enter(scope_of(s)), 0);
}

static void leave(int s)
{
    if (s > 0)
        assert_int_equal(gyre_scope_leave(scope_of(s)), 0);
}

/* ------------------------------------------------------------------ operations */

static int asked_fast(struct gyre_future *f, void *op)
{
    assert_ptr_equal(f, real[(int *)op - asked]);
    ++*(int *)op;
    return 0;
}

static int asked_slow(struct gyre_future *f, void *op)
{
    (void)asked_fast(f, op);
    return -EINPROGRESS;
}

/* At the close of the loop. */
static void op_dropped(void *op)
{
    ended[(int *)op - asked]++;
}

static struct gyre_future *start_leaf(int i, enum kind kind, uint64_t delay)
{
    static const struct gyre_future_ops fast = { .cancel = asked_fast, .drop = op_dropped };
    static const struct gyre_future_ops slow = { .cancel = asked_slow, .drop = op_dropped };

    if (kind == SLEEP)
        return real[i] = gyre_sleep(loop, delay);
    real[i] = gyre_future_create(loop);
    if (gyre_future_state(real[i]) == GYRE_FUTURE_PENDING)
        (void)gyre_future_set_cancel(real[i], kind == SLOW ? &slow : &fast, &asked[i]);
    else
        ended[i]++; /* there is no side to end */
    return real[i];
}

static enum kind the_kind;

static void model_start_leaf(void)
{
    (void)make(the_future, the_kind, the_scope);
    if (the_kind == SLEEP)
        start_sleep(the_future, the_time);
}

static void do_start_leaf(void)
{
    the_future = choose_unused();
    if (the_future == NONE)
        return;
    the_kind = random_kind(PROMISE, LEAF_KINDS);
    the_scope = choose_scope();
    the_time = 1 + random_below(&rnd, LONG_TIME);
    enter(the_scope);
    (void)start_leaf(the_future, the_kind, the_time);
    leave(the_scope);
    is_held[the_future] = true;
    agree(model_start_leaf);
}

static void drop_value(void *value)
{
    ++*(int *)value;
}

static void model_settle(void)
{
    if (the_err == -EOWNERDEAD && m.f[the_future].is_cancelling)
        settle(the_future, GYRE_FUTURE_CANCELLED, 0);
    else
        settle(the_future, the_err ? GYRE_FUTURE_ERR : GYRE_FUTURE_OK, the_err);
    if (!the_err)
        m.f[the_future].value = the_future + 1;
}

static void do_settle(void)
{
    static const int errors[] = { 0, 0, 0, -EIO, -EPIPE, -EOWNERDEAD };

    the_future = choose(may_be_produced, FUTURES);
    if (the_future == NONE)
        return;
    bool is_undone = m.f[the_future].is_cancelling && random_chance(&rnd, 50);
    the_err = is_undone ? -EOWNERDEAD : errors[random_index(&rnd, (int)ARRAY_LEN(errors))];
    struct gyre_future *f = real[the_future];
    ended[the_future]++;
    if (the_err == 0)
        assert_int_equal(gyre_future_resolve(f, &dropped_values[the_future + 1], drop_value), 0);
    else if (the_err == -EOWNERDEAD)
        gyre_future_abandon(f);
    else
        assert_int_equal(gyre_future_fail(f, the_err), 0);
    agree(model_settle);
}

static void model_cancel(void)
{
    request(the_future, GYRE_REASON_REQUEST, 0);
}

static void do_cancel(void)
{
    the_future = choose(is_held_at_all, FUTURES);
    if (the_future == NONE)
        return;
    assert_int_equal(gyre_future_cancel(real[the_future]), is_pending(the_future));
    agree(model_cancel);
}

static void model_release(void)
{
    release(the_future);
}

static void do_unref(void)
{
    the_future = choose(is_held_at_all, FUTURES);
    if (the_future == NONE)
        return;
    is_held[the_future] = false;
    gyre_future_unref(real[the_future]);
    agree(model_release);
}

static void model_take(void)
{
    if (m.f[the_future].state == GYRE_FUTURE_OK)
        m.f[holder_of_value(the_future)].value = 0;
}

static void do_take(void)
{
    the_future = choose(is_held_at_all, FUTURES);
    if (the_future == NONE)
        return;
    int *value = gyre_future_take(real[the_future]);
    if (value)
        is_taken[value - dropped_values] = true;
    agree(model_take);
}

/* ------------------------------------------------------------------ futures made of others */

static int the_inputs[INPUTS], the_count;
static bool is_kept[INPUTS]; /* the test keeps a reference of its own */

static void choose_inputs(int count)
{
    for (the_count = 0; the_count < count; the_count++) {
        int i = choose(may_be_input, FUTURES);

        if (i == NONE)
            return;
        for (int k = 0; k < the_count; k++)
            if (the_inputs[k] == i)
                return;
        the_inputs[the_count] = i;
        is_kept[the_count] = random_chance(&rnd, 50);
    }
}

/* Hand the inputs over. */
static void give_inputs(struct gyre_future **inputs)
{
    for (int k = 0; k < the_count; k++) {
        inputs[k] = real[the_inputs[k]];
        if (is_kept[k])
            gyre_future_ref(inputs[k]);
        is_held[the_inputs[k]] = is_kept[k];
    }
}

static int map_value(void **value, gyre_drop_fn **drop, void *arg)
{
    (void)value;
    (void)drop;
    return -*(int *)arg;
}

static struct gyre_future *combine(struct gyre_future **inputs)
{
    static int map_errors[] = { 0, EDOM };
    size_t count = (size_t)the_count;

    switch ((int)the_kind) {
    case ALL:
        return gyre_all(loop, count, inputs);
    case SETTLED:
        return gyre_settled(loop, count, inputs);
    case RACE:
        return gyre_race(loop, count, inputs);
    case WAIT:
        return gyre_wait(loop, (enum gyre_wait_mode)the_err, count, inputs, GYRE_NEVER);
    case WITHIN:
        return gyre_within(inputs[0], the_time);
    case SHIELD:
        return gyre_shield(inputs[0]);
    default:
        return gyre_then(inputs[0], map_value, &map_errors[the_err % 2]);
    }
}

static void model_combine(void)
{
    struct model_future *f = make(the_future, the_kind, the_scope);

    f->mode = the_err;
    f->map_err = the_err % 2 ? -EDOM : 0;
    f->count = the_count;
    for (int k = 0; k < the_count; k++) {
        m.f[the_inputs[k]].refs += is_kept[k] && the_kind != WAIT;
        connect(the_future, k, the_inputs[k]);
    }
    if (the_kind == WITHIN && is_pending(the_inputs[0])) {
        if (the_time == 0) {
            end_time(the_future);
        } else {
            f->deadline = m.now + the_time;
            f->seq = ++m.seqs;
        }
    }
    if (is_cancelled(the_scope))
        request(the_future, m.s[the_scope].cause_reason, m.s[the_scope].cause);
    tell_settled(the_future);
}

static void do_combine(void)
{
    struct gyre_future *inputs[INPUTS];

    the_kind = random_kind(ALL, NODE_KINDS);
    the_future = choose_unused();
    choose_inputs(the_kind <= WAIT ? 1 + random_index(&rnd, INPUTS) : 1);
    if (the_future == NONE || the_count == 0)
        return;
    the_scope = choose_scope();
    the_err = random_index(&rnd, 3);
    the_time = random_below(&rnd, LONG_TIME);
    if (the_kind == WAIT)
        for (int k = 0; k < the_count; k++)
            inputs[k] = real[the_inputs[k]];
    else
        give_inputs(inputs);
    enter(the_scope);
    real[the_future] = combine(inputs);
    leave(the_scope);
    is_held[the_future] = true;
    agree(model_combine);
}

#endif
