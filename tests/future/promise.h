/* Futures that a test settles itself, for the tests of futures.
 *
 * Every test here begins with future_setup: a loop on a virtual clock whose error hook counts. What
 * was reported must be expected (expect_reports) before the test ends. Continuations are the items of
 * loop/items.h.
 *
 * Promise i is promises[i], static for the reason that items are.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_PROMISE_H
#define GYRE_TEST_PROMISE_H

#include "base/util.h"
#include "gyre/future.h"
#include "gyre/scope.h"
#include "loop/items.h"

#include <errno.h>

enum { PROMISE_LIMIT = 64 };

/* ------------------------------------------------------------------ what is reported */

struct reports {
    int count; /* that no expect_reports has asked about */
    struct gyre_loop *loop;
    struct gyre_loop_error last;
    void (*inside)(void); /* what the hook does, if anything */
};

static struct reports reports;

static inline void note_report(struct gyre_loop *loop, const struct gyre_loop_error *error,
                               void *arg)
{
    assert_ptr_equal(arg, &reports);
    reports.count++;
    reports.loop = loop;
    reports.last = *error;
    if (reports.inside)
        reports.inside();
}

/* `count` errors have been reported since the last time this was asked. */
static inline void expect_reports(int count)
{
    assert_int_equal(reports.count, count);
    reports.count = 0;
}

/* ------------------------------------------------------------------ promises */

/* A future of gyre_future_create with its producer, who counts what he is told. */
struct promise {
    struct gyre_future *f;             /* as gyre_future_create returned it */
    int asked;                         /* calls of the cancel hook */
    int closed;                        /* calls of the drop hook */
    int answer;                        /* what the cancel hook returns */
    void (*inside)(struct promise *p); /* what either hook does, if anything */
    struct promise *other;             /* for `inside` */
};

static struct promise promises[PROMISE_LIMIT];

static inline int promise_asked(struct gyre_future *f, void *op)
{
    struct promise *p = op;

    assert_ptr_equal(f, p->f);
    p->asked++;
    if (p->inside)
        p->inside(p);
    return p->answer;
}

static inline void promise_closed(void *op)
{
    struct promise *p = op;

    p->closed++;
    if (p->inside)
        p->inside(p);
}

static const struct gyre_future_ops promise_ops = {
    .cancel = promise_asked,
    .drop = promise_closed,
};

/* Promise `id` without hooks. */
static inline struct promise *make_bare_promise(struct fixture *f, int id)
{
    struct promise *p = &promises[id];

    *p = (struct promise){ .f = gyre_future_create(f->loop) };
    assert_int_equal(gyre_future_state(p->f), GYRE_FUTURE_PENDING);
    return p;
}

/* Promise `id`, whose cancel hook returns `answer`. */
static inline struct promise *make_promise(struct fixture *f, int id, int answer)
{
    struct promise *p = make_bare_promise(f, id);

    p->answer = answer;
    assert_int_equal(gyre_future_set_cancel(p->f, &promise_ops, p), 0);
    return p;
}

/* ------------------------------------------------------------------ values */

/* What a future is resolved with, or the detail of its error; counts how often it is dropped. */
struct parcel {
    int drops;
    void (*inside)(struct parcel *parcel); /* what dropping it does, if anything */
};

static inline void drop_parcel(void *arg)
{
    struct parcel *parcel = arg;

    parcel->drops++;
    if (parcel->inside)
        parcel->inside(parcel);
}

/* ------------------------------------------------------------------ the ways to settle */

enum way {
    WAY_RESOLVE,
    WAY_FAIL,
    WAY_FAIL_WITH,
    WAY_ABANDON,
    WAY_CANCEL,
    WAY_COUNT,
};

enum { WAY_ERROR = -EIO };

/* Settle `f`; `parcel` goes along where something can, and is counted as dropped where not. Returns
 * what the producer was told. */
static inline int settle(struct gyre_future *f, enum way way, struct parcel *parcel)
{
    int err = 0;

    switch (way) {
    case WAY_RESOLVE:
        return gyre_future_resolve(f, parcel, drop_parcel);
    case WAY_FAIL_WITH:
        return gyre_future_fail_with(f, WAY_ERROR, "in words", parcel, drop_parcel);
    case WAY_FAIL:
        err = gyre_future_fail(f, WAY_ERROR);
        break;
    case WAY_ABANDON:
        gyre_future_abandon(f);
        break;
    case WAY_CANCEL:
        (void)gyre_future_cancel(f);
        break;
    case WAY_COUNT:
        fail_msg("not a way");
    }
    drop_parcel(parcel);
    return err;
}

static inline enum gyre_future_state state_after(enum way way)
{
    return way == WAY_RESOLVE  ? GYRE_FUTURE_OK
           : way == WAY_CANCEL ? GYRE_FUTURE_CANCELLED
                               : GYRE_FUTURE_ERR;
}

static inline int error_after(enum way way)
{
    return way == WAY_RESOLVE   ? 0
           : way == WAY_CANCEL  ? -ECANCELED
           : way == WAY_ABANDON ? -EOWNERDEAD
                                : WAY_ERROR;
}

/* It was cancelled, for this reason. */
static inline void assert_cancelled(const struct gyre_future *f, enum gyre_reason reason)
{
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
    assert_int_equal(gyre_future_reason(f), reason);
    assert_false(gyre_future_is_cancelling(f));
}

/* End both sides of a promise: its producer's, if that has not ended, and one reference. */
static inline void end_promise(struct promise *p)
{
    gyre_future_ignore_error(p->f);
    gyre_future_abandon(p->f);
    gyre_future_unref(p->f);
    p->f = NULL;
}

/* ------------------------------------------------------------------ setup and teardown */

static inline int future_setup(void **state)
{
    memset(promises, 0, sizeof(promises));
    memset(&reports, 0, sizeof(reports));
    if (item_setup_virtual(state) < 0)
        return -1;
    return gyre_loop_on_error(fixture_of(state)->loop, note_report, &reports);
}

static inline int future_teardown(void **state)
{
    int err = teardown(state);

    if (reports.count == 0)
        return err;
    print_error("teardown: errors reported: %d, should be 0\n", reports.count);
    return -1;
}

/* Item `id` is to be queued when `f` is settled. */
static inline void wait_for(struct gyre_future *f, int id)
{
    assert_int_equal(gyre_future_on_done(f, &items[id].call), 0);
}

#define FUTURE_TEST(name) cmocka_unit_test_setup_teardown(name, future_setup, future_teardown)

#endif
