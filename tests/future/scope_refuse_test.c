/* Scopes that are refused: in use, not in use, another loop's, another thread's, a closed loop's.
 *
 * SPDX-License-Identifier: MIT */
#include "future/scopes.h"

#include <pthread.h>

static void second_init_is_refused_without_effect(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, -1);
    start_op_in(f, 0, 1);
    assert_int_equal(gyre_scope_init(&scopes[0], f->loop, NULL), -EBUSY);
    assert_int_equal(gyre_scope_init(&scopes[0], f->loop, &scopes[1]), -EBUSY);
    cancel_scope(1);
    assert_int_equal(f->trace_count, 0);
    cancel_scope(0);
    ASSERT_TRACE(f, 1);
    release_ops(1, 1);
    end_scopes(2);
}

static void assert_not_in_use(struct gyre_scope *scope)
{
    assert_int_equal(gyre_scope_enter(scope), GYRE_EUNINIT);
    assert_int_equal(gyre_scope_leave(scope), GYRE_EUNINIT);
    assert_int_equal(gyre_scope_set_deadline(scope, 1), GYRE_EUNINIT);
    assert_int_equal(gyre_scope_set_shield(scope, true), GYRE_EUNINIT);
    assert_false(gyre_scope_cancel(scope));
    assert_false(gyre_scope_is_cancelled(scope));
    assert_int_equal(gyre_scope_reason(scope), GYRE_REASON_NONE);
    assert_true(gyre_scope_deadline(scope) == GYRE_NEVER);
    gyre_scope_fini(scope);
}

static void zeroed_scope_is_not_in_use(void **state)
{
    struct gyre_scope scope = { 0 };

    (void)state;
    assert_not_in_use(&scope);
}

static void garbage_is_not_a_scope(void **state)
{
    struct gyre_scope scope;

    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        memset(&scope, byte, sizeof(scope));
        assert_not_in_use(&scope);
    }
}

static void copied_and_moved_scopes_are_not_in_use(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_scope copy;

    make_scope(f, 0, -1);
    start_op_in(f, 0, 1);
    copy = scopes[0];
    assert_not_in_use(&copy);
    assert_int_equal(gyre_scope_init(&scopes[1], f->loop, &copy), -EINVAL);
    assert_int_equal(f->trace_count, 0);
    cancel_scope(0);
    ASSERT_TRACE(f, 1);
    release_ops(1, 1);
    end_scopes(1);
}

static void null_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_scope_init(NULL, f->loop, NULL), -EINVAL);
    assert_int_equal(gyre_scope_init(&scopes[0], NULL, NULL), -EINVAL);
    assert_int_equal(gyre_scope_enter(NULL), -EINVAL);
    assert_int_equal(gyre_scope_leave(NULL), -EINVAL);
    assert_int_equal(gyre_scope_set_deadline(NULL, 1), -EINVAL);
    assert_int_equal(gyre_scope_set_shield(NULL, true), -EINVAL);
    assert_false(gyre_scope_cancel(NULL));
    assert_false(gyre_scope_is_cancelled(NULL));
    assert_int_equal(gyre_scope_reason(NULL), GYRE_REASON_NONE);
    assert_true(gyre_scope_deadline(NULL) == GYRE_NEVER);
    assert_false(gyre_scope_caused(NULL, NULL));
    make_scope(f, 0, -1);
    assert_false(gyre_scope_caused(&scopes[0], NULL));
    end_scopes(1);
}

static void parent_that_is_not_in_use_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_scope_init(&scopes[0], f->loop, &scopes[1]), -EINVAL);
    assert_not_in_use(&scopes[0]);
    assert_int_equal(gyre_scope_init(&scopes[0], f->loop, &scopes[0]), -EINVAL);
    assert_not_in_use(&scopes[0]);
}

static void parent_of_another_loop_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    assert_int_equal(gyre_scope_init(&scopes[0], other, NULL), 0);
    assert_int_equal(gyre_scope_init(&scopes[1], f->loop, &scopes[0]), -EXDEV);
    assert_not_in_use(&scopes[1]);
    end_scopes(1);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

/* Returns NULL if everything was refused. */
static void *use_scope_elsewhere(void *arg)
{
    struct fixture *f = arg;
    bool refused = gyre_scope_init(&scopes[1], f->loop, NULL) == -EPERM &&
                   gyre_scope_enter(&scopes[0]) == -EPERM &&
                   gyre_scope_leave(&scopes[0]) == -EPERM && !gyre_scope_cancel(&scopes[0]) &&
                   gyre_scope_set_deadline(&scopes[0], 0) == -EPERM &&
                   gyre_scope_set_shield(&scopes[0], true) == -EPERM;

    gyre_scope_fini(&scopes[0]);
    return refused ? NULL : arg;
}

static void another_thread_is_refused_without_effect(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;
    void *result;

    make_scope(f, 0, -1);
    start_op_in(f, 0, 1);
    assert_int_equal(pthread_create(&thread, NULL, use_scope_elsewhere, f), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    assert_not_in_use(&scopes[1]);
    assert_op_state(1, GYRE_FUTURE_PENDING);
    cancel_scope(0);
    ASSERT_TRACE(f, 1);
    release_ops(1, 1);
    end_scopes(1);
}

/* ------------------------------------------------------------------ the end of the loop */

static void scope_of_a_closed_loop_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    enter(0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(gyre_scope_enter(&scopes[0]), -ESHUTDOWN);
    assert_int_equal(gyre_scope_leave(&scopes[0]), -ESHUTDOWN);
    assert_int_equal(gyre_scope_set_deadline(&scopes[0], 1), -ESHUTDOWN);
    assert_int_equal(gyre_scope_set_shield(&scopes[0], true), -ESHUTDOWN);
    assert_int_equal(gyre_scope_init(&scopes[1], f->loop, NULL), -ESHUTDOWN);
    assert_false(gyre_scope_cancel(&scopes[0]));
    assert_false(gyre_scope_is_cancelled(&scopes[0]));
    gyre_scope_fini(&scopes[0]);
}

static void scopes_of_a_destroyed_loop_can_be_used_on_another(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_scope(f, 1, 0);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = make_loop();
    make_scope(f, 1, -1); /* without fini */
    gyre_scope_fini(&scopes[0]);
    make_scope(f, 0, 1);
    start_op_in(f, 0, 1);
    cancel_scope(1);
    ASSERT_TRACE(f, 1);
    release_ops(1, 1);
    end_scopes(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCOPE_TEST(second_init_is_refused_without_effect),
        SCOPE_TEST(zeroed_scope_is_not_in_use),
        SCOPE_TEST(garbage_is_not_a_scope),
        SCOPE_TEST(copied_and_moved_scopes_are_not_in_use),
        SCOPE_TEST(null_is_refused),
        SCOPE_TEST(parent_that_is_not_in_use_is_refused),
        SCOPE_TEST(parent_of_another_loop_is_refused),
        SCOPE_TEST(another_thread_is_refused_without_effect),
        SCOPE_TEST(scope_of_a_closed_loop_is_refused),
        SCOPE_TEST(scopes_of_a_destroyed_loop_can_be_used_on_another),
    };

    return cmocka_run_group_tests_name("scope_refuse", tests, NULL, NULL);
}
