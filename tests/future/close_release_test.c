/* What a drop function may do while the loop is being closed.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "gyre/scope.h"

#include <errno.h>

static void release(void *op)
{
    gyre_future_unref(op);
}

/* `both` is settled before the drop function of `first` runs, its input only afterwards. */
static void drop_function_at_close_may_release_what_is_settled_already(void **state)
{
    struct fixture *f = fixture_of(state);
    static const struct gyre_future_ops ops = { .drop = release };
    struct gyre_scope scope = { 0 };

    assert_int_equal(gyre_scope_init(&scope, f->loop, NULL), 0);
    gyre_scope_enter(&scope);
    struct gyre_future *first = gyre_future_create(f->loop);
    struct gyre_future *input = gyre_future_create(f->loop);
    gyre_scope_leave(&scope);
    struct gyre_future *both = gyre_all(f->loop, 1, &input);
    gyre_future_set_cancel(first, &ops, both);

    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(gyre_future_fail(input, -EIO), -EALREADY);
    assert_int_equal(gyre_future_reason(first), GYRE_REASON_CLOSED);
    gyre_future_unref(first);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(drop_function_at_close_may_release_what_is_settled_already,
                                        setup, teardown),
    };

    return cmocka_run_group_tests_name("close release", tests, NULL, NULL);
}
