/* The rules of the model of futures, and how time passes in it; see future_model.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_FUTURE_RULES_H
#define GYRE_TEST_FUTURE_RULES_H

#include "model/future_model.h"

/* ---- rule 1: a future hears that an input has settled */

/* Whether an input was cancelled because `i` asked it to. */
static inline bool is_own_doing(int i, int input)
{
    const struct model_future *from = &m.f[input];

    return from->state == GYRE_FUTURE_CANCELLED &&
           ((m.f[i].has_decided && from->reason == GYRE_REASON_SIBLING && !from->cause) ||
            (m.f[i].is_cancelling && from->reason == m.f[i].reason));
}

static inline void tell_many(int i, int input)
{
    struct model_future *f = &m.f[i];
    bool is_ok = m.f[input].state == GYRE_FUTURE_OK;
    int cancelled;

    if (!is_ok && is_own_doing(i, input))
        f->undone++;
    else if (!is_ok)
        f->failure[f->failures++] = input;
    if (f->kind == ALL && !is_ok && f->failures == 1 && f->failure[0] == input)
        request_inputs(i, GYRE_REASON_SIBLING, 0);
    if (f->kind == RACE && is_ok && f->winner == NONE) {
        f->winner = input;
        request_inputs(i, GYRE_REASON_SIBLING, 0);
    }
    if (count_linked(f) > 0)
        return;
    cancelled = f->undone;
    for (int k = 0; k < f->failures; k++)
        cancelled += m.f[f->failure[k]].state == GYRE_FUTURE_CANCELLED;
    if (f->kind == RACE && f->winner != NONE)
        forward(f->winner, i);
    else if (f->kind != ALL && f->is_cancelling && cancelled > 0)
        settle(i, GYRE_FUTURE_CANCELLED, 0);
    else if (f->kind == SETTLED || (f->kind == ALL && f->failures + f->undone == 0))
        settle(i, GYRE_FUTURE_OK, 0);
    else
        settle_failed(i);
}

static inline void tell_one(int i, int input)
{
    struct model_future *f = &m.f[i];
    const struct model_future *from = &m.f[input];

    if (f->kind == CHILD) {
        end_child(i, input);
    } else if (f->kind == THEN && from->state == GYRE_FUTURE_OK) {
        f->is_queued = true;
        m.queue[m.queued++] = i;
    } else if (f->kind == SHIELD && from->state == GYRE_FUTURE_OK) {
        settle(i, GYRE_FUTURE_OK, 0);
        f->alias = input;
    } else if (f->kind == WITHIN && f->is_late && !f->is_cancelling &&
               from->state == GYRE_FUTURE_CANCELLED) {
        settle(i, GYRE_FUTURE_ERR, -ETIMEDOUT);
    } else {
        forward(input, i);
    }
}

static inline void tell(int i, int k)
{
    struct model_future *f = &m.f[i];
    int input = f->input[k];

    f->is_linked[k] = false;
    if (!is_pending(i))
        return;
    if (f->kind == ALL || f->kind == SETTLED || f->kind == RACE)
        tell_many(i, input);
    else if (f->kind != WAIT)
        tell_one(i, input);
    else if (count_linked(f) == 0 || f->mode == GYRE_WAIT_FIRST ||
             (f->mode == GYRE_WAIT_FIRST_ERROR && m.f[input].state == GYRE_FUTURE_ERR))
        settle(i, GYRE_FUTURE_OK, 0);
}

/* ---- rule 2: a future that is pending is asked to stop, once, and before rule 1 */

static inline void unqueue(int i)
{
    int left = 0;

    for (int k = 0; k < m.queued; k++)
        if (m.queue[k] != i)
            m.queue[left++] = m.queue[k];
    m.queued = left;
    m.f[i].is_queued = false;
}

static inline void ask(int i)
{
    struct model_future *f = &m.f[i];

    f->was_asked = true;
    if (f->kind == JOIN) {
        if (m.s[f->own_scope].cause != f->cause || !is_cancelled(f->own_scope))
            (void)cancel_scope(f->own_scope, f->reason);
    } else if (f->kind == PROMISE || f->kind == SLEEP || f->kind == WAIT) {
        settle(i, GYRE_FUTURE_CANCELLED, 0);
    } else if (f->kind == SHIELD) {
        m.f[f->input[0]].refs--; /* which does not cancel it */
        m.f[f->input[0]].is_owned = false;
        f->input[0] = NONE;
        settle(i, GYRE_FUTURE_CANCELLED, 0);
    } else if (f->is_queued && f->kind == THEN) {
        unqueue(i);
        settle(i, GYRE_FUTURE_CANCELLED, 0);
    } else {
        request_inputs(i, f->reason, f->cause);
    }
}

/* ---- rule 3: a settled future without references goes */

static inline void free_future(int i)
{
    struct model_future *f = &m.f[i];

    f->is_free = true;
    if (f->value)
        m.is_dropped[f->value] = true;
    for (int k = 0; k < f->count; k++) {
        if (f->input[k] == NONE)
            continue;
        m.f[f->input[k]].is_owned = m.f[f->input[k]].is_owned && f->kind == WAIT;
        release(f->input[k]);
    }
    if (f->kind != JOIN)
        return;
    for (int child = 0; child < FUTURES; child++) /* those that have failed */
        if (m.f[child].kind == CHILD && m.f[child].group == i && m.f[child].refs > 0)
            release(child);
    fini_scope(f->own_scope);
}

/* ---- all of them */

static inline bool may_ask(int i)
{
    return m.f[i].kind && !m.f[i].is_free && is_pending(i) && m.f[i].is_cancelling &&
           !m.f[i].was_asked;
}

/* Apply a rule to a future; false: none applies. */
static inline bool step(int i, bool is_asking)
{
    struct model_future *f = &m.f[i];

    if (is_asking && may_ask(i)) {
        ask(i);
        return true;
    }
    if (!f->kind || f->is_free || is_asking)
        return false;
    for (int k = 0; k < f->count; k++)
        if (f->is_linked[k] && f->input[k] != NONE && !is_pending(f->input[k])) {
            tell(i, k);
            return true;
        }
    if (f->refs > 0 || is_pending(i))
        return false;
    free_future(i);
    return true;
}

/* Whichever has waited longest, of those that may be asked or of all. */
static inline int find_first(bool is_asking)
{
    int first = NONE;

    for (int i = 0; i < FUTURES; i++)
        if (m.f[i].kind && m.f[i].turn && (!is_asking || may_ask(i)) &&
            (first == NONE || m.f[i].turn < m.f[first].turn))
            first = i;
    return first;
}

/* Serve the future that has waited longest: it is asked, or else those that wait for it are told. */
static inline bool serve_first(void)
{
    int first = find_first(true);

    if (first != NONE) {
        m.f[first].turn = 0;
        ask(first);
        return true;
    }
    first = find_first(false);
    if (first == NONE)
        return false;
    m.f[first].turn = 0;
    for (int i = 0; i < FUTURES && !is_pending(first); i++)
        for (int k = 0; k < m.f[i].count && m.f[i].kind; k++)
            if (m.f[i].is_linked[k] && m.f[i].input[k] == first)
                tell(i, k);
    return true;
}

/* Apply one rule to some future: nobody is told of anything while somebody can be asked. */
static inline bool apply_one(void)
{
    static const int strides[] = { 1, 5, 7, 11, 13, 17, 19, 23, 25, 29, 31, 35, 37, 41, 43, 47 };
    int first = m.order.state ? random_index(&m.order, FUTURES) : 0;
    int stride = m.order.state ? strides[random_index(&m.order, (int)ARRAY_LEN(strides))] : 1;

    for (int n = 0; n < 2 * FUTURES; n++)
        if (step((first + n * stride) % FUTURES, n < FUTURES))
            return true;
    return false;
}

static inline void apply_rules(void)
{
    do {
        while (!m.order.state && serve_first())
            ;
    } while (apply_one());
}

/* ---- time, and the queue */

/* Make future `i`, in a scope. An operation is cancelled if that is. */
static inline struct model_future *make(int i, enum kind kind, int scope)
{
    struct model_future *f = &m.f[i];

    *f = (struct model_future){
        .kind = kind, .refs = 1, .scope = scope, .winner = NONE, .alias = NONE
    };
    f->deadline = GYRE_NEVER;
    for (int k = 0; k < INPUTS; k++)
        f->input[k] = NONE;
    if (kind >= LEAF_KINDS || !is_cancelled(scope))
        return f;
    f->state = GYRE_FUTURE_CANCELLED;
    f->reason = m.s[scope].cause_reason;
    f->cause = m.s[scope].cause;
    return f;
}

static inline void start_sleep(int i, uint64_t delay)
{
    if (!is_pending(i))
        return;
    m.f[i].deadline = m.now + delay;
    m.f[i].seq = ++m.seqs;
}

/* Connect an input, which may be settled already. */
static inline void connect(int i, int k, int input)
{
    m.f[i].input[k] = input;
    m.f[i].is_linked[k] = true;
    if (m.f[i].kind == WAIT)
        m.f[input].refs++;
    else
        m.f[input].is_owned = true;
}

static inline void tell_settled(int i)
{
    for (int k = 0; k < m.f[i].count; k++)
        if (m.f[i].is_linked[k] && is_pending(i) && !is_pending(m.f[i].input[k]))
            tell(i, k);
}

/* A child has an input now: it catches up with what it has missed. */
static inline void begin_child(int child, int input)
{
    struct model_future *f = &m.f[child];
    const struct model_scope *own = &m.s[m.f[f->group].own_scope];

    connect(child, 0, input);
    tell_settled(child);
    if (is_pending(child) && f->is_cancelling)
        request_inputs(child, f->reason, f->cause);
    else if (own->cause_reason)
        request(child, own->cause_reason, own->cause);
}

static inline void run_then(int i)
{
    struct model_future *f = &m.f[i];
    int holder = holder_of_value(f->input[0]);
    int value = m.f[holder].value;

    m.f[holder].value = 0;
    f->is_queued = false;
    settle(i, f->map_err ? GYRE_FUTURE_ERR : GYRE_FUTURE_OK, f->map_err);
    if (!f->map_err)
        f->value = value;
    else if (value)
        m.is_dropped[value] = true;
}

/* `start_child` makes what a child starts. */
static inline void run_queue(void (*start_child)(int child))
{
    apply_rules();
    while (m.queued > 0) {
        int i = m.queue[0];

        m.queued--;
        memmove(m.queue, m.queue + 1, (size_t)m.queued * sizeof(m.queue[0]));
        if (m.f[i].kind == THEN)
            run_then(i);
        else
            start_child(i);
        apply_rules();
    }
}

/* The timer that comes next after `seq` at `deadline`, or later: number i is that of future i,
 * FUTURES + s that of scope s. */
static inline int next_timer(uint64_t deadline, uint64_t seq)
{
    uint64_t best = GYRE_NEVER, best_seq = 0;
    int found = NONE;

    for (int n = 0; n < FUTURES + SCOPES; n++) {
        bool is_scope = n >= FUTURES;
        uint64_t d = is_scope ? m.s[n - FUTURES].deadline : m.f[n].deadline;
        uint64_t q = is_scope ? m.s[n - FUTURES].seq : m.f[n].seq;
        bool exists = is_scope ? m.s[n - FUTURES].life != 0 : m.f[n].kind != UNUSED;

        if (!exists || d == GYRE_NEVER || d < deadline || (d == deadline && q <= seq))
            continue;
        if (d < best || (d == best && q < best_seq)) {
            best = d;
            best_seq = q;
            found = n;
        }
    }
    return found;
}

/* Of a within. If somebody else has cancelled its input before, it is not late. */
static inline void end_time(int i)
{
    m.f[i].is_late = !m.f[m.f[i].input[0]].is_cancelling;
    request_inputs(i, GYRE_REASON_TIMEOUT, 0);
}

static inline void fire(int n)
{
    if (n >= FUTURES) {
        (void)cancel_scope(n - FUTURES, GYRE_REASON_TIMEOUT);
    } else if (m.f[n].kind == SLEEP) {
        settle(n, GYRE_FUTURE_OK, 0);
    } else {
        m.f[n].deadline = GYRE_NEVER;
        end_time(n);
    }
    apply_rules();
}

static inline void advance_model(uint64_t duration, void (*start_child)(int child))
{
    uint64_t end = m.now + duration;
    uint64_t seq = 0;

    run_queue(start_child);
    for (;;) {
        int n = next_timer(m.now, seq);
        uint64_t deadline = n == NONE      ? GYRE_NEVER
                            : n >= FUTURES ? m.s[n - FUTURES].deadline
                                           : m.f[n].deadline;

        if (deadline != m.now && m.queued > 0) { /* all that is due now has fired */
            run_queue(start_child);
            continue;
        }
        if (n == NONE || deadline > end)
            break;
        seq = n >= FUTURES ? m.s[n - FUTURES].seq : m.f[n].seq;
        m.now = deadline;
        fire(n);
    }
    m.now = end;
}

#endif
