/* Who may call what: every function of gyre/future.h and gyre/scope.h with nothing, on another thread,
 * on a closed loop, and after that was destroyed. Each must say what is documented, and change nothing.
 * Forked children are in future_fork_test.c, the futures that refused calls return in
 * refused_future_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "refusals.h"

#include <pthread.h>

static void nothing_is_refused(void **state)
{
    struct world nothing = { .loop = NULL };

    (void)state;
    assert_int_equal(call_all(&nothing, ARRAY_LEN(tables), WITH_NOTHING, 0), 0);
}

static void *call_all_elsewhere(void *arg)
{
    return (void *)(intptr_t)call_all(arg, ARRAY_LEN(tables), ELSEWHERE, -EPERM);
}

static void another_thread_is_refused_without_effect(void **state)
{
    struct world w = make_world(fixture_of(state));
    struct picture before = take_picture(&w);
    pthread_t thread;
    void *wrong;

    assert_int_equal(pthread_create(&thread, NULL, call_all_elsewhere, &w), 0);
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    assert_unchanged(&w, &before);
    end_world(&w);
}

static void *look_elsewhere(void *arg)
{
    return (void *)(intptr_t)gyre_future_error(arg);
}

/* It is told the error, but that is no look. */
static void another_thread_does_not_observe(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);
    pthread_t thread;
    void *said;

    assert_int_equal(gyre_future_fail(p->f, -EIO), 0);
    assert_int_equal(pthread_create(&thread, NULL, look_elsewhere, p->f), 0);
    assert_int_equal(pthread_join(thread, &said), 0);
    assert_int_equal((intptr_t)said, -EIO);
    gyre_future_unref(p->f);
    expect_reports(1);
}

static void closed_loop_refuses_what_needs_it(void **state)
{
    struct fixture *f = fixture_of(state);
    struct world w = make_world(f);

    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(call_all(&w, ARRAY_LEN(tables), WHEN_CLOSED, 0), 0);
    assert_int_equal(promises[0].asked, 0);
    assert_int_equal(promises[0].closed, 1);
    end_world(&w);
}

static void futures_and_scopes_of_a_destroyed_loop_refuse_the_same(void **state)
{
    struct fixture *f = fixture_of(state);
    struct world w = make_world(f);

    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    w.loop = NULL;
    assert_int_equal(call_all(&w, ARRAY_LEN(tables) - 1, WHEN_CLOSED, 0), 0);
    end_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(nothing_is_refused),
        FUTURE_TEST(another_thread_is_refused_without_effect),
        FUTURE_TEST(another_thread_does_not_observe),
        FUTURE_TEST(closed_loop_refuses_what_needs_it),
        FUTURE_TEST(futures_and_scopes_of_a_destroyed_loop_refuse_the_same),
    };

    return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
