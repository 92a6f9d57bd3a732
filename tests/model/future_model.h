/* The model of futures: a table of futures and one of scopes, and rules that are applied until none
 * applies any more.
 *
 * A step of the model changes a table the way a call changes the library; then the rules run. In which
 * order they do is not promised, and may matter (of two futures that fail because of the same event
 * either may be the first), so the order is part of the question: of several orders that are tried,
 * one must give what the library gives.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_FUTURE_MODEL_H
#define GYRE_TEST_FUTURE_MODEL_H

#include "base/util.h"
#include "gyre/scope.h"
#include "gyre/test.h"
#include "model/seeds.h"

#include <errno.h>
#include <string.h>

enum {
    FUTURES = 96, /* apply_rules has strides that have no divisor in common with it */
    SCOPES = 24,
    INPUTS = 3,
    NONE = -1,
};

enum kind {
    UNUSED,
    PROMISE, /* undone at once */
    SLOW,    /* undone later */
    SLEEP,
    LEAF_KINDS, /* so far */
    ALL,
    SETTLED,
    RACE,
    WAIT,
    WITHIN,
    SHIELD,
    THEN,
    NODE_KINDS, /* so far */
    CHILD,      /* of a group: a node that nobody sees */
    JOIN,
};

struct model_future {
    enum kind kind;
    enum gyre_future_state state;
    int err;
    enum gyre_reason reason;
    int cause; /* the life of a scope; 0: none */
    bool is_cancelling, was_asked;
    bool is_held; /* its owner would have asked it, but for a shield */
    enum gyre_reason held_reason;
    int held_cause;
    bool is_free, is_owned, is_late, is_queued;
    int refs;
    int scope;
    int count, input[INPUTS];
    bool is_linked[INPUTS]; /* it will be told of it */
    int failures, failure[INPUTS];
    int undone;       /* inputs that it has cancelled itself, which are no failures */
    int winner;       /* of a race */
    bool has_decided; /* it has cancelled the other inputs */
    int mode;         /* of a wait */
    int value, alias;
    int map_err;            /* what the function of a then returns */
    uint64_t deadline, seq; /* of its timer, GYRE_NEVER: not started */
    uint64_t turn;          /* when something happened to it that a rule is for; 0: nothing did */
    int group;              /* of a child: its join */
    int children, first_err, own_scope;
    bool is_joined, supervises, reports;
};

struct model_scope {
    int life; /* 0: not in use; a number that no other scope has had */
    int parent;
    enum gyre_reason reason, cause_reason;
    int cause;
    bool is_shielded, is_of_group;
    uint64_t deadline, seq;
};

struct model {
    struct model_future f[FUTURES];
    struct model_scope s[SCOPES];
    int queue[FUTURES], queued;   /* thens and children */
    bool is_dropped[FUTURES + 1]; /* value i + 1 is the one of future i */
    int lives;
    uint64_t now, seqs, turns;
    struct random order; /* state 0: first come, first served */
};

static struct model m;

static inline bool is_pending(int i)
{
    return m.f[i].state == GYRE_FUTURE_PENDING;
}

static inline bool is_cancelled(int s)
{
    return m.s[s].cause_reason != GYRE_REASON_NONE;
}

/* ---- asking */

static inline void take_turn(int i)
{
    if (!m.f[i].turn)
        m.f[i].turn = ++m.turns;
}

static inline void request(int i, enum gyre_reason reason, int cause)
{
    struct model_future *f = &m.f[i];

    if (!is_pending(i))
        return;
    if (!f->is_cancelling) {
        take_turn(i);
        f->is_cancelling = true;
        f->reason = reason;
        f->cause = cause;
    } else if (cause && f->cause && cause == m.s[f->scope].cause) {
        f->cause = cause;
    }
}

/* Whether a shielded scope has the input in it, but not the future made of it. */
static inline bool is_beyond_a_shield(int i, int input)
{
    int inner = m.f[input].scope, outer = m.f[i].scope;

    while (inner != 0 && !m.s[inner].is_shielded)
        inner = m.s[inner].parent;
    while (outer != 0 && outer != inner)
        outer = m.s[outer].parent;
    return outer != inner;
}

static inline void request_input(int i, int input, enum gyre_reason reason, int cause)
{
    struct model_future *f = &m.f[input];

    if (!is_pending(input))
        return;
    if (!is_beyond_a_shield(i, input)) {
        request(input, reason, cause);
    } else if (!f->is_cancelling && !f->is_held) {
        f->is_held = true;
        f->held_reason = reason;
        f->held_cause = cause;
    }
}

static inline void request_inputs(int i, enum gyre_reason reason, int cause)
{
    m.f[i].has_decided |= reason == GYRE_REASON_SIBLING;
    for (int k = 0; k < m.f[i].count; k++)
        if (m.f[i].input[k] != NONE)
            request_input(i, m.f[i].input[k], reason, cause);
}

/* A shield has gone. */
static inline void request_held(int input)
{
    struct model_future *f = &m.f[input];

    for (int i = 0; i < FUTURES; i++)
        for (int k = 0; k < m.f[i].count; k++)
            if (m.f[i].kind != WAIT && m.f[i].is_linked[k] && m.f[i].input[k] == input &&
                f->is_held && !f->is_cancelling) {
                f->is_held = false;
                request_input(i, input, f->held_reason, f->held_cause);
            }
}

static inline void request_in(int scope, int by)
{
    for (int i = 0; i < FUTURES; i++)
        if (m.f[i].kind && is_pending(i) && m.f[i].scope == scope &&
            (m.f[i].kind != JOIN || m.s[by].cause != m.s[scope].life))
            request(i, m.s[by].cause_reason, m.s[by].cause);
}

/* ---- scopes */

/* What is in force already is not asked for again. */
static inline void spread(int s)
{
    struct model_scope *scope = &m.s[s];
    struct model_scope before = *scope;
    bool from_above = s != 0 && !scope->is_shielded && is_cancelled(scope->parent);

    scope->cause_reason = from_above ? m.s[scope->parent].cause_reason : scope->reason;
    scope->cause = from_above ? m.s[scope->parent].cause : scope->reason ? scope->life : 0;
    if (scope->cause == before.cause && scope->cause_reason == before.cause_reason)
        return;
    if (is_cancelled(s))
        request_in(s, s);
    for (int below = 1; below < SCOPES; below++)
        if (m.s[below].life && m.s[below].parent == s)
            spread(below);
}

static inline bool cancel_scope(int s, enum gyre_reason reason)
{
    if (m.s[s].reason)
        return false;
    m.s[s].reason = reason;
    m.s[s].deadline = GYRE_NEVER;
    if (!is_cancelled(s))
        spread(s);
    return true;
}

static inline void request_held_in(int s)
{
    for (int i = 0; i < FUTURES; i++)
        if (m.f[i].kind && m.f[i].scope == s)
            request_held(i);
    for (int below = 1; below < SCOPES; below++)
        if (m.s[below].life && m.s[below].parent == s && !m.s[below].is_shielded)
            request_held_in(below);
}

static inline void take_shield(int s)
{
    if (!m.s[s].is_shielded)
        return;
    m.s[s].is_shielded = false;
    request_held_in(s);
}

static inline void init_scope(int s, int parent)
{
    m.s[s] = (struct model_scope){ .life = ++m.lives, .parent = parent, .deadline = GYRE_NEVER };
    spread(s);
}

static inline void fini_scope(int s)
{
    int parent = m.s[s].parent;

    take_shield(s);
    for (int i = 0; i < FUTURES; i++) {
        if (!m.f[i].kind || m.f[i].scope != s)
            continue;
        m.f[i].scope = parent;
        if (is_cancelled(parent))
            request(i, m.s[parent].cause_reason, m.s[parent].cause);
    }
    for (int below = 1; below < SCOPES; below++) {
        if (!m.s[below].life || m.s[below].parent != s)
            continue;
        m.s[below].parent = parent;
        if (!m.s[below].is_shielded && !m.s[below].reason && is_cancelled(s)) {
            m.s[below].reason = m.s[s].cause_reason;
            m.s[below].deadline = GYRE_NEVER;
        }
        spread(below);
    }
    m.s[s].life = 0;
    m.s[s].deadline = GYRE_NEVER;
}

/* ---- settling */

static inline void release(int i)
{
    if (--m.f[i].refs == 0)
        request(i, GYRE_REASON_DROPPED, 0);
}

static inline void settle(int i, enum gyre_future_state state, int err)
{
    take_turn(i);
    m.f[i].state = state;
    m.f[i].err = err;
    m.f[i].deadline = GYRE_NEVER;
}

static inline void forward(int from, int to)
{
    struct model_future *f = &m.f[from];

    settle(to, f->state, f->err);
    if (f->state == GYRE_FUTURE_CANCELLED && !m.f[to].is_cancelling) {
        m.f[to].reason = f->reason;
        m.f[to].cause = f->cause;
    }
    m.f[to].value = f->value;
    m.f[to].alias = f->alias;
    f->value = 0;
}

static inline int holder_of_value(int i)
{
    while (m.f[i].alias != NONE)
        i = m.f[i].alias;
    return i;
}

/* All or none of the inputs decide. */
static inline void settle_failed(int i)
{
    const struct model_future *f = &m.f[i];
    int failed = f->failures > 0 && !f->is_cancelling ? f->failure[0] : NONE;

    for (int k = f->failures - 1; k >= 0 && f->is_cancelling; k--)
        if (m.f[f->failure[k]].state == GYRE_FUTURE_ERR)
            failed = f->failure[k];
    if (failed == NONE)
        settle(i, GYRE_FUTURE_CANCELLED, 0);
    else if (m.f[failed].state == GYRE_FUTURE_ERR)
        settle(i, GYRE_FUTURE_ERR, m.f[failed].err);
    else
        settle(i, GYRE_FUTURE_ERR, -ECANCELED);
}

static inline void maybe_end_group(int i)
{
    struct model_future *f = &m.f[i];
    struct model_scope *own = &m.s[f->own_scope];
    bool from_above = own->cause_reason && own->cause != own->life;

    if (!f->is_joined || f->children > 0 || !is_pending(i))
        return;
    own->deadline = GYRE_NEVER;
    if (f->first_err) {
        settle(i, GYRE_FUTURE_ERR, f->first_err);
    } else if (f->is_cancelling || from_above) {
        if (!f->is_cancelling) {
            f->reason = own->cause_reason;
            f->cause = own->cause;
        }
        settle(i, GYRE_FUTURE_CANCELLED, 0);
    } else {
        bool is_late = own->cause_reason == GYRE_REASON_TIMEOUT;
        settle(i, is_late ? GYRE_FUTURE_ERR : GYRE_FUTURE_OK, is_late ? -ETIMEDOUT : 0);
    }
}

/* `input` NONE: the child returned nothing. */
static inline void end_child(int child, int input)
{
    int group = m.f[child].group;

    m.f[group].children--;
    if (input != NONE && m.f[input].state == GYRE_FUTURE_ERR && !m.f[group].reports) {
        settle(child, GYRE_FUTURE_ERR, m.f[input].err);
        if (!m.f[group].first_err) {
            m.f[group].first_err = m.f[input].err;
            if (!m.f[group].supervises)
                (void)cancel_scope(m.f[group].own_scope, GYRE_REASON_SIBLING);
        }
    } else {
        settle(child, GYRE_FUTURE_OK, 0);
        release(child);
    }
    maybe_end_group(group);
}

static inline int count_linked(const struct model_future *f)
{
    int left = 0;

    for (int k = 0; k < f->count; k++)
        left += f->is_linked[k];
    return left;
}

#endif
