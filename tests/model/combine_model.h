/* What a future made of others may be, as the states of its inputs allow it, when nothing is under way.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_COMBINE_MODEL_H
#define GYRE_TEST_COMBINE_MODEL_H

#include "support/fixture.h"

#include "gyre/future.h"

enum kind {
    PROMISE,
    ALL,
    SETTLED,
    RACE,
    WAIT,
    WITHIN,
    SHIELD,
    THEN,
    START,
    MAP,
    COMPLETIONS,
    NEXT
};

struct slot {
    struct gyre_future *f; /* NULL: free */
    enum kind kind;
};

struct census {
    int pending, ok, failed;
};

static inline struct census count_inputs(const struct gyre_future *f)
{
    struct census c = { 0, 0, 0 };

    for (size_t i = 0; i < gyre_future_count(f); i++) {
        const struct gyre_future *input = gyre_future_at(f, i);

        if (!input)
            continue;
        switch (gyre_future_state(input)) {
        case GYRE_FUTURE_PENDING:
            c.pending++;
            break;
        case GYRE_FUTURE_OK:
            c.ok++;
            break;
        case GYRE_FUTURE_ERR:
        case GYRE_FUTURE_CANCELLED:
            c.failed++;
            break;
        }
    }
    return c;
}

static inline void assert_inputs_are_asked(const struct gyre_future *f)
{
    for (size_t i = 0; i < gyre_future_count(f); i++) {
        const struct gyre_future *input = gyre_future_at(f, i);

        if (input && gyre_future_state(input) == GYRE_FUTURE_PENDING)
            assert_true(gyre_future_is_cancelling(input));
    }
}

static inline void check_slot(const struct slot *slot)
{
    const struct gyre_future *f = slot->f;
    struct census c = count_inputs(f);
    bool is_pending = gyre_future_state(f) == GYRE_FUTURE_PENDING;
    bool is_ok = gyre_future_state(f) == GYRE_FUTURE_OK;

    if (gyre_future_count(f) == 0)
        return; /* a promise, or refused */
    switch (slot->kind) {
    case ALL:
        assert_int_equal(is_pending, c.pending > 0);
        assert_int_equal(is_ok, c.pending + c.failed == 0);
        if (c.failed > 0)
            assert_inputs_are_asked(f);
        break;
    case RACE:
        assert_int_equal(is_pending, c.pending > 0);
        assert_int_equal(is_ok, c.pending == 0 && c.ok > 0);
        if (c.ok > 0)
            assert_inputs_are_asked(f);
        break;
    case SETTLED:
        assert_int_equal(is_pending, c.pending > 0);
        if (c.failed == 0)
            assert_int_equal(is_ok, c.pending == 0);
        break;
    case WITHIN:
        assert_int_equal(is_pending, c.pending > 0);
        assert_int_equal(is_ok, c.ok > 0);
        break;
    case SHIELD:
        assert_int_equal(is_pending, c.pending > 0);
        break;
    case WAIT:
    case COMPLETIONS:
        assert_true(!is_pending || c.pending > 0);
        break;
    case THEN:
    case START:
        assert_true(c.failed == 0 || !is_pending);
        assert_true(c.pending == 0 || is_pending);
        break;
    case MAP:
        assert_true(c.pending == 0 || is_pending);
        break;
    case PROMISE:
    case NEXT:
        break;
    }
    if (is_pending && gyre_future_is_cancelling(f) && slot->kind != WAIT)
        assert_inputs_are_asked(f);
}

#endif
