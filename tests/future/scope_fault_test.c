/* Scopes and groups without memory: every allocation of a call fails in turn, and the call is refused
 * without effect each time.
 *
 * SPDX-License-Identifier: MIT */
#include "future/groups.h"
#include "support/fault.h"

/* Enough for every allocation a call makes. */
enum { ALLOCATIONS = 8 };

/* Something that may be refused for lack of memory: 0 or why not. */
typedef int call_fn(struct fixture *f);

/* Make the call with the first allocation failing, then the second, until it succeeds. Returns how
 * often it was refused; `check` is asked after each time. */
static int refuse_until_it_succeeds(struct fixture *f, call_fn *call, void (*check)(void))
{
    for (unsigned n = 1; n <= ALLOCATIONS; n++) {
        size_t bytes = live_bytes();

        fail_allocation(n, false);
        int err = call(f);
        bool fired = fault_fired();
        disarm_faults();
        if (!fired) {
            assert_int_equal(err, 0);
            return (int)n - 1;
        }
        assert_int_equal(err, -ENOMEM);
        if (n == 1) /* later, the room of the futures stays */
            assert_int_equal(live_bytes(), bytes);
        check();
    }
    fail_msg("it allocates without end");
    return 0;
}

static int init_scope(struct fixture *f)
{
    return gyre_scope_init(&scopes[0], f->loop, NULL);
}

static void check_scope(void)
{
    assert_int_equal(gyre_scope_enter(&scopes[0]), GYRE_EUNINIT);
    assert_false(gyre_scope_cancel(&scopes[0]));
}

static void init_of_the_first_scope_is_refused_without_memory(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(refuse_until_it_succeeds(f, init_scope, check_scope), 1);
    start_op_in(f, 0, 1);
    cancel_scope(0);
    ASSERT_TRACE(f, 1);
    release_ops(1, 1);
    end_scopes(1);
}

static void later_scopes_take_no_memory(void **state)
{
    struct fixture *f = fixture_of(state);
    unsigned long before;

    make_scope(f, 0, -1);
    before = allocations();
    make_scope(f, 1, 0);
    enter(1);
    leave(1);
    assert_int_equal(gyre_scope_set_deadline(&scopes[1], gyre_loop_now(f->loop) + 10), 0);
    assert_int_equal(gyre_scope_set_shield(&scopes[1], true), 0);
    cancel_scope(0);
    cancel_scope(1);
    end_scopes(2);
    assert_int_equal(allocations(), before);
}

static void scope_is_cancelled_without_memory(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    make_group_in(f, 0, 0);
    start_kids(f, 1, 3, false);
    join_group();
    fail_allocation(1, true);
    cancel_scope(0);
    assert_state(join, GYRE_FUTURE_CANCELLED);
    release_ops(1, 3);
    end_group();
    end_scopes(1);
    assert_false(fault_fired());
    disarm_faults();
}

static int create_group(struct fixture *f)
{
    return gyre_group_create(f->loop, 0, &group);
}

static void check_group(void)
{
    assert_null(group);
}

static void create_of_a_group_is_refused_without_memory(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(refuse_until_it_succeeds(f, create_group, check_group), 2);
    start_kids(f, 1, 1, false);
    resolve_op(1);
    assert_state(join_group(), GYRE_FUTURE_OK);
    release_ops(1, 1);
    end_group();
}

static int spawn_first(struct fixture *f)
{
    return try_spawn(f, 1);
}

static void check_spawned(void)
{
    assert_int_equal(kids[1].dropped, 0);
    assert_int_equal(gyre_group_count(group), 0);
}

static void spawn_is_refused_without_memory_and_leaves_the_argument(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    assert_int_equal(refuse_until_it_succeeds(f, spawn_first, check_spawned), 1);
    run_ready(f);
    assert_int_equal(kids[1].started, 1);
    assert_int_equal(kids[1].dropped, 0);
    release_ops(1, 1);
    end_group();
}

static int add_first(struct fixture *f)
{
    (void)f;
    return gyre_group_add(group, ops[1].future);
}

static void check_added(void)
{
    assert_op_state(1, GYRE_FUTURE_PENDING);
    assert_int_equal(ops[1].asked, 0);
    assert_int_equal(gyre_group_count(group), 0);
}

static void add_is_refused_without_memory_and_leaves_the_reference(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_op(f, 1);
    assert_int_equal(refuse_until_it_succeeds(f, add_first, check_added), 1);
    assert_int_equal(gyre_group_count(group), 1);
    end_group();
    ASSERT_TRACE(f, 1);
}

static void spawn_that_is_refused_does_not_keep_the_join_from_settling(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    start_kids(f, 1, 1, false);
    join_group();
    fail_allocation(1, false);
    assert_int_equal(try_spawn(f, 2), -ENOMEM);
    disarm_faults();
    resolve_op(1);
    assert_state(join, GYRE_FUTURE_OK);
    release_ops(1, 1);
    end_group();
}

static void errors_are_kept_without_memory(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, GYRE_GROUP_SUPERVISE);
    start_kids(f, 0, 15, false);
    join_group();
    fail_allocation(1, true);
    for (int id = 0; id < 16; id++)
        fail_op(id, -1 - id);
    assert_false(fault_fired());
    disarm_faults();
    for (int id = 0; id < 16; id++)
        assert_failed(gyre_future_failure(join, (size_t)id), -1 - id);
    assert_failed(join, -1);
    release_ops(0, 15);
    end_group();
}

/* What the child could not start is its error. */
static void child_that_starts_without_memory_fails(void **state)
{
    struct fixture *f = fixture_of(state);

    make_group(f, 0);
    spawn(f, 1);
    join_group();
    fail_allocation(1, true);
    run_ready(f);
    disarm_faults();
    ASSERT_TRACE(f, 101);
    assert_failed(join, -ENOMEM);
    end_group();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(init_of_the_first_scope_is_refused_without_memory),
        GROUP_TEST(later_scopes_take_no_memory),
        GROUP_TEST(scope_is_cancelled_without_memory),
        GROUP_TEST(create_of_a_group_is_refused_without_memory),
        GROUP_TEST(spawn_is_refused_without_memory_and_leaves_the_argument),
        GROUP_TEST(add_is_refused_without_memory_and_leaves_the_reference),
        GROUP_TEST(spawn_that_is_refused_does_not_keep_the_join_from_settling),
        GROUP_TEST(errors_are_kept_without_memory),
        GROUP_TEST(child_that_starts_without_memory_fails),
    };

    return cmocka_run_group_tests_name("scope_fault", tests, NULL, NULL);
}
