/* Lookups without memory and without threads: each allocation and each system call fails in turn.
 *
 * SPDX-License-Identifier: MIT */
#include "stand_in.h"

#include "base/util.h"

#include <netinet/in.h>

/* The four kinds of lookups; 0 if it was OK. */
static int look_up_name(struct fixture *f, struct gyre_pool *pool)
{
    return outcome_of(f, look_up(f, pool, "name.test"));
}

static int look_up_number(struct fixture *f, struct gyre_pool *pool)
{
    return outcome_of(f, look_up(f, pool, "192.0.2.1"));
}

static int look_up_by_address(struct fixture *f, struct gyre_pool *pool, unsigned flags)
{
    const struct sockaddr_in in = { .sin_family = AF_INET };

    return outcome_of(
        f, gyre_resolve_address(f->loop, pool, (const struct sockaddr *)&in, sizeof(in), flags));
}

static int look_up_address(struct fixture *f, struct gyre_pool *pool)
{
    return look_up_by_address(f, pool, 0);
}

static int write_address(struct fixture *f, struct gyre_pool *pool)
{
    return look_up_by_address(f, pool, GYRE_RESOLVE_NUMERIC);
}

typedef int kind_fn(struct fixture *f, struct gyre_pool *pool);
static kind_fn *const kinds[] = { look_up_name, look_up_number, look_up_address, write_address };

/* On a fresh loop and a fresh pool, with the n-th allocation failing; whether it was met. */
static bool survives_allocation(struct fixture *f, kind_fn *kind, unsigned n, bool forever)
{
    f->loop = make_loop();
    struct gyre_pool *pool = make_resolver(1);

    fail_allocation(n, forever);
    int err = kind(f, pool);
    bool fired = fault_fired();
    disarm_faults();
    assert_int_equal(err, fired ? -ENOMEM : 0);
    assert_int_equal(kind(f, pool), 0);
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    return fired;
}

static void every_failing_allocation_fails_the_lookup_only(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (int forever = 0; forever < 2; forever++) {
            unsigned n = 1;

            while (survives_allocation(f, kinds[i], n, forever))
                n++;
            assert_in_range(n, 3, 20);
        }
}

static void lookup_without_a_thread_fails_and_the_next_succeeds(void **state)
{
    struct fixture *f = fixture_of(state);

    fail_call(SYS_THREAD_CREATE, 1, EAGAIN, true);
    assert_int_equal(look_up_name(f, NULL), -EAGAIN);
    assert_int_equal(look_up_address(f, NULL), -EAGAIN);
    assert_int_equal(look_up_number(f, NULL), 0);
    assert_int_equal(write_address(f, NULL), 0);
    disarm_faults();
    assert_int_equal(look_up_name(f, NULL), 0);
}

static void one_thread_has_to_do_if_there_is_no_other(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *found[5];

    shut_gate();
    fail_call(SYS_THREAD_CREATE, 2, EAGAIN, true);
    for (size_t i = 0; i < ARRAY_LEN(found); i++)
        found[i] = look_up(f, NULL, "name.test");
    await_at_gate(1);
    disarm_faults();
    open_gate();
    for (size_t i = 0; i < ARRAY_LEN(found); i++)
        assert_int_equal(outcome_of(f, found[i]), 0);
}

static void failing_look_for_numbers_is_an_error_at_once(void **state)
{
    struct fixture *f = fixture_of(state);

    fail_call(SYS_GETADDRINFO, 1, ENFILE, false);
    assert_int_equal(look_up_number(f, NULL), -ENFILE);
    fail_call(SYS_GETADDRINFO, 1, ENFILE, false);
    assert_int_equal(look_up_name(f, NULL), -ENFILE);
    fail_call(SYS_GETNAMEINFO, 1, ENFILE, false);
    assert_int_equal(write_address(f, NULL), -ENFILE);
    disarm_faults();
    assert_int_equal(questions(), 0);
}

static void full_queue_refuses_the_lookup(void **state)
{
    const struct gyre_pool_options opt = {
        .size = sizeof(opt), .max_threads = 1, .queue_limit = 1, .allocator = &test_allocator
    };
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool;

    assert_int_equal(gyre_pool_create(&opt, &pool), 0);
    shut_gate();
    struct gyre_future *running = look_up(f, pool, "name.test");
    await_at_gate(1);
    struct gyre_future *waiting = look_up(f, pool, "name.test");
    assert_int_equal(outcome_at_once(look_up(f, pool, "name.test")), -EAGAIN);
    open_gate();
    assert_int_equal(outcome_of(f, running), 0);
    assert_int_equal(outcome_of(f, waiting), 0);
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESOLVE_TEST(every_failing_allocation_fails_the_lookup_only),
        RESOLVE_TEST(lookup_without_a_thread_fails_and_the_next_succeeds),
        RESOLVE_TEST(one_thread_has_to_do_if_there_is_no_other),
        RESOLVE_TEST(failing_look_for_numbers_is_an_error_at_once),
        RESOLVE_TEST(full_queue_refuses_the_lookup),
    };

    return cmocka_run_group_tests_name("resolve_fault", tests, NULL, NULL);
}
