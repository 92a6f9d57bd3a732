/* Posts that carry futures, and are dropped when the loop is closed.
 *
 * SPDX-License-Identifier: MIT */
#include "future/promise.h"

static struct gyre_post result_post;

static void never_run(struct gyre_post *post, void *arg)
{
    (void)post;
    (void)arg;
    fail_msg("the loop is closed");
}

static void send(struct fixture *f, struct promise *p, gyre_drop_fn *drop)
{
    assert_int_equal(gyre_post_init(&result_post, f->loop, never_run, drop, p), 0);
    assert_int_equal(gyre_post_send(&result_post), 0);
}

static void end_both_sides(void *arg)
{
    struct promise *p = arg;

    gyre_future_abandon(p->f);
    gyre_future_unref(p->f);
}

/* Whoever leaves it behind leaks it. */
static void dropped_post_may_end_both_sides_of_a_future(void **state)
{
    struct fixture *f = fixture_of(state);

    send(f, make_bare_promise(f, 0), end_both_sides);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    expect_reports(1);
}

static void end_production(void *arg)
{
    struct promise *p = arg;

    gyre_future_abandon(p->f);
}

/* Its producer's side has ended, so nothing is dropped a second time; nobody is woken. */
static void dropped_post_may_settle_a_future(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    make_item(f, 0);
    wait_for(p->f, 0);
    send(f, p, end_production);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(p->closed, 0);
    assert_int_equal(gyre_future_error(p->f), -EOWNERDEAD);
    assert_false(gyre_call_is_started(&items[0].call));
    expect_reports(1);
    gyre_future_unref(p->f);
}

static void give_back(void *arg)
{
    struct promise *p = arg;

    gyre_future_unref(p->f);
}

static void dropped_post_may_drop_the_last_reference(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    send(f, p, give_back);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(p->asked, 0); /* no hook but the one for the close is called any more */
    assert_int_equal(p->closed, 1);
}

static void start_more(void *arg)
{
    struct promise *p = arg;
    struct gyre_loop *loop = reports.loop;
    struct gyre_future *more[] = { gyre_future_create(loop), gyre_sleep(loop, 1),
                                   gyre_shield(p->f) };

    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        assert_int_equal(gyre_future_error(more[i]), -ESHUTDOWN);
    assert_int_equal(gyre_future_on_done(p->f, &items[0].call), -ESHUTDOWN);
}

static void dropped_post_can_start_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);

    make_item(f, 0);
    reports.loop = f->loop;
    send(f, p, start_more);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_cancelled(p->f, GYRE_REASON_CLOSED);
    assert_int_equal(p->closed, 1);
    gyre_future_unref(p->f);
}

static void resolve(void *arg)
{
    struct promise *p = arg;

    assert_int_equal(gyre_future_resolve(p->f, NULL, NULL), 0);
}

static struct gyre_future *never_next(struct gyre_future *done, void *arg)
{
    (void)done;
    (void)arg;
    fail_msg("the loop is closed");
    return NULL;
}

static void what_follows_on_what_a_dropped_post_resolves_does_not_run(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_bare_promise(f, 0);
    struct gyre_future *then = gyre_then_start(p->f, never_next, NULL);

    send(f, p, resolve);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(gyre_loop_run(f->loop), -ESHUTDOWN);
    assert_cancelled(then, GYRE_REASON_CLOSED);
    gyre_future_unref(then);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FUTURE_TEST(dropped_post_may_end_both_sides_of_a_future),
        FUTURE_TEST(dropped_post_may_settle_a_future),
        FUTURE_TEST(dropped_post_may_drop_the_last_reference),
        FUTURE_TEST(dropped_post_can_start_nothing),
        FUTURE_TEST(what_follows_on_what_a_dropped_post_resolves_does_not_run),
    };

    return cmocka_run_group_tests_name("close post", tests, NULL, NULL);
}
