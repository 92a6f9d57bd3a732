/* gyre_call_soon, gyre_call_later and gyre_call_at: order, memory, refusals, the end of the loop.
 * For the variant for threads see soon_thread_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "items.h"

#include "support/fault.h"

#include <errno.h>

static struct fixture *fixture;

static void note(void *arg)
{
    record(fixture, (int)(intptr_t)arg);
}

static void *number(int id)
{
    return (void *)(intptr_t)id;
}

static void soon(int id)
{
    assert_int_equal(gyre_call_soon(fixture->loop, note, number(id)), 0);
}

static void later(uint64_t delay, int id)
{
    assert_int_equal(gyre_call_later(fixture->loop, delay, note, number(id)), 0);
}

static int begin(void **state)
{
    int err = item_setup_virtual(state);

    fixture = fixture_of(state);
    return err;
}

/* ------------------------------------------------------------------ what runs when */

static void soon_runs_from_the_queue_not_inside_the_call(void **state)
{
    struct fixture *f = fixture_of(state);

    soon(1);
    assert_int_equal(f->trace_count, 0);
    assert_int_equal(run_ready(f), 1);
    ASSERT_TRACE(f, 1);
    assert_int_equal(run_ready(f), 0);
}

static void soon_keeps_the_order_of_the_program_among_calls(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 6);
    soon(1);
    start_call(2);
    soon(3);
    assert_int_equal(gyre_call_soon_threadsafe(f->loop, note, NULL, number(4)), 0);
    start_call(5);
    soon(6);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 6);
    ASSERT_TRACE(f, 1, 2, 3, 4, 5, 6);
}

static void soon_again(void *arg)
{
    note(arg);
    if (fixture->trace_count < 5)
        assert_int_equal(gyre_call_soon(fixture->loop, soon_again, arg), 0);
}

/* I-2 */
static void soon_in_its_own_function_runs_in_the_next_tick(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_call_soon(f->loop, soon_again, number(1)), 0);
    for (int tick = 1; tick <= 5; tick++) {
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
        assert_int_equal(f->trace_count, tick);
    }
    assert_false(gyre_loop_is_alive(f->loop));
}

static void soon_keeps_the_loop_alive_until_it_has_run(void **state)
{
    struct fixture *f = fixture_of(state);

    soon(1);
    assert_true(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 1);
}

static void later_runs_at_its_deadline(void **state)
{
    struct fixture *f = fixture_of(state);

    later(GYRE_MS(10), 1);
    assert_true(gyre_loop_is_alive(f->loop));
    advance(f, GYRE_MS(10) - 1);
    assert_int_equal(f->trace_count, 0);
    advance(f, 1);
    ASSERT_TRACE(f, 1);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void later_and_at_keep_the_order_of_timers(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t deadline = gyre_loop_now(f->loop) + GYRE_MS(5);

    make_items(f, 5);
    later(GYRE_MS(6), 9);
    later(GYRE_MS(5), 1);
    start_timer(2, GYRE_MS(5));
    assert_int_equal(gyre_call_at(f->loop, deadline, note, number(3)), 0);
    start_timer_at(4, deadline);
    later(0, 0);
    advance(f, GYRE_MS(6));
    ASSERT_TRACE(f, 0, 1, 2, 3, 4, 9);
}

static void at_in_the_past_runs_in_the_next_tick_in_its_order(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_call_at(f->loop, 2, note, number(2)), 0);
    assert_int_equal(gyre_call_at(f->loop, 0, note, number(0)), 0);
    assert_int_equal(gyre_call_at(f->loop, 1, note, number(1)), 0);
    assert_int_equal(f->trace_count, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 3);
    ASSERT_TRACE(f, 0, 1, 2);
}

/* C6 */
static void later_than_any_moment_never_runs(void **state)
{
    struct fixture *f = fixture_of(state);

    later(GYRE_NEVER, 1);
    later(GYRE_NEVER - 1, 2); /* the sum saturates */
    assert_int_equal(gyre_call_at(f->loop, GYRE_NEVER, note, number(3)), 0);
    advance(f, GYRE_NEVER - gyre_loop_now(f->loop));
    assert_int_equal(f->trace_count, 0);
    assert_true(gyre_loop_is_alive(f->loop));
}

/* ------------------------------------------------------------------ memory */

static void queue_some_of_each(int count)
{
    for (int i = 0; i < count; i++) {
        soon(i);
        later((uint64_t)(i % 7), i);
    }
    advance(fixture, 7);
    fixture->trace_count = 0;
}

static void nodes_are_used_again_without_an_allocation(void **state)
{
    struct fixture *f = fixture_of(state);

    queue_some_of_each(100);
    unsigned long before = allocations();
    size_t bytes = live_bytes();
    for (int i = 0; i < 20; i++)
        queue_some_of_each(100);
    assert_int_equal(allocations(), before);
    assert_int_equal(live_bytes(), bytes);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void node_can_be_used_again_inside_its_own_function(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_call_soon(f->loop, soon_again, number(1)), 0);
    unsigned long before = allocations();
    run_ready(f);
    assert_int_equal(f->trace_count, 5);
    assert_int_equal(allocations(), before);
}

static void later_again(void *arg)
{
    note(arg);
    if (fixture->trace_count < 5)
        assert_int_equal(gyre_call_later(fixture->loop, 3, later_again, arg), 0);
}

static void node_of_later_can_be_used_again_inside_its_own_function(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_call_later(f->loop, 3, later_again, number(1)), 0);
    unsigned long before = allocations();
    advance(f, 100);
    assert_int_equal(f->trace_count, 5);
    assert_int_equal(allocations(), before);
}

enum { KEPT_AT_MOST = 1024 * 128 }; /* bytes of nodes for later use */

/* What a burst leaves behind is bounded, however large it was. */
static void memory_after_a_burst_of_timers_is_bounded(void **state)
{
    size_t at_first = live_bytes();

    (void)state;
    for (int i = 0; i < 2000; i++)
        later(1, i);
    advance(fixture, 1);
    assert_in_range(live_bytes() - at_first, 1, KEPT_AT_MOST);
    fixture->trace_count = 0;
    queue_some_of_each(2000);
    assert_in_range(live_bytes() - at_first, 1, KEPT_AT_MOST);
}

static void memory_after_a_burst_of_calls_is_bounded(void **state)
{
    size_t at_first = live_bytes();

    (void)state;
    for (int i = 0; i < 2000; i++)
        soon(i);
    run_ready(fixture);
    assert_in_range(live_bytes() - at_first, 1, KEPT_AT_MOST);
    fixture->trace_count = 0;
    queue_some_of_each(2000);
    assert_in_range(live_bytes() - at_first, 1, KEPT_AT_MOST);
}

/* K-1 */
static void soon_without_memory_changes_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    fail_allocation(1, false);
    assert_int_equal(gyre_call_soon(f->loop, note, number(1)), -ENOMEM);
    assert_true(fault_fired());
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(run_ready(f), 0);
    soon(2);
    run_ready(f);
    ASSERT_TRACE(f, 2);
}

/* K-1 */
static void later_and_at_without_memory_change_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    fail_allocation(1, true);
    assert_int_equal(gyre_call_later(f->loop, 1, note, number(1)), -ENOMEM);
    assert_int_equal(gyre_call_at(f->loop, 1, note, number(1)), -ENOMEM);
    disarm_faults();
    assert_false(gyre_loop_is_alive(f->loop));
    advance(f, GYRE_S(1));
    later(1, 2);
    advance(f, 1);
    ASSERT_TRACE(f, 2);
}

/* K-1 */
static void warm_nodes_need_no_memory(void **state)
{
    struct fixture *f = fixture_of(state);

    queue_some_of_each(3);
    fail_allocation(1, true);
    queue_some_of_each(3);
    assert_false(fault_fired());
    disarm_faults();
    assert_false(gyre_loop_is_alive(f->loop));
}

/* ------------------------------------------------------------------ refusals and the end */

static void null_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    unsigned long before = allocations();

    assert_int_equal(gyre_call_soon(NULL, note, NULL), -EINVAL);
    assert_int_equal(gyre_call_soon(f->loop, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_call_later(NULL, 0, note, NULL), -EINVAL);
    assert_int_equal(gyre_call_later(f->loop, 0, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_call_at(NULL, 0, note, NULL), -EINVAL);
    assert_int_equal(gyre_call_at(f->loop, 0, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_call_soon_threadsafe(NULL, note, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_call_soon_threadsafe(f->loop, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(allocations(), before);
    assert_false(gyre_loop_is_alive(f->loop));
}

/* K-3 */
static void close_forgets_what_is_queued_and_frees_it(void **state)
{
    struct fixture *f = fixture_of(state);
    size_t before = live_bytes();

    for (int i = 0; i < 50; i++) {
        soon(i);
        later(0, i);
        later(GYRE_S(5), i);
        later(GYRE_NEVER, i);
    }
    assert_true(live_bytes() > before);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(f->trace_count, 0);
    assert_true(live_bytes() <= before); /* already, not only with the loop */
}

static void call_later_at_once(struct item *item)
{
    later(0, item->id);
}

/* K-2: in a long batch the loop collects more behind it, which is still there when it is over. */
static void close_frees_due_nodes_that_have_not_run(void **state)
{
    struct fixture *f = fixture_of(state);
    size_t before = live_bytes();

    make_item(f, 1)->then = call_later_at_once;
    start_call(1);
    for (int i = 0; i < 1500; i++)
        soon(0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1501);
    assert_true(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(f->trace_count, 1501);
    assert_true(live_bytes() <= before);
}

static void closed_loop_refuses_and_keeps_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_close(f->loop), 0);
    size_t bytes = live_bytes();
    assert_int_equal(gyre_call_soon(f->loop, note, NULL), -ESHUTDOWN);
    assert_int_equal(gyre_call_later(f->loop, 1, note, NULL), -ESHUTDOWN);
    assert_int_equal(gyre_call_at(f->loop, 1, note, NULL), -ESHUTDOWN);
    assert_int_equal(gyre_call_soon_threadsafe(f->loop, note, note, NULL), -ESHUTDOWN);
    assert_int_equal(live_bytes(), bytes);
    assert_int_equal(f->trace_count, 0);
}

static void use_the_loop_in_drop(void *arg)
{
    note(arg);
    assert_int_equal(gyre_call_soon(fixture->loop, note, NULL), -ESHUTDOWN);
    assert_int_equal(gyre_call_later(fixture->loop, 0, note, NULL), -ESHUTDOWN);
    assert_int_equal(gyre_call_soon_threadsafe(fixture->loop, note, note, NULL), -ESHUTDOWN);
}

static void drop_runs_in_the_order_of_posting_and_cannot_queue_more(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 1; i <= 3; i++) {
        soon(9);
        assert_int_equal(gyre_call_soon_threadsafe(f->loop, note, use_the_loop_in_drop, number(i)),
                         0);
    }
    assert_int_equal(gyre_call_soon_threadsafe(f->loop, note, NULL, number(9)), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    ASSERT_TRACE(f, 1, 2, 3);
}

#define SOON_TEST(name) cmocka_unit_test_setup_teardown(name, begin, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOON_TEST(soon_runs_from_the_queue_not_inside_the_call),
        SOON_TEST(soon_keeps_the_order_of_the_program_among_calls),
        SOON_TEST(soon_in_its_own_function_runs_in_the_next_tick),
        SOON_TEST(soon_keeps_the_loop_alive_until_it_has_run),
        SOON_TEST(later_runs_at_its_deadline),
        SOON_TEST(later_and_at_keep_the_order_of_timers),
        SOON_TEST(at_in_the_past_runs_in_the_next_tick_in_its_order),
        SOON_TEST(later_than_any_moment_never_runs),
        SOON_TEST(nodes_are_used_again_without_an_allocation),
        SOON_TEST(node_can_be_used_again_inside_its_own_function),
        SOON_TEST(node_of_later_can_be_used_again_inside_its_own_function),
        SOON_TEST(memory_after_a_burst_of_timers_is_bounded),
        SOON_TEST(memory_after_a_burst_of_calls_is_bounded),
        SOON_TEST(soon_without_memory_changes_nothing),
        SOON_TEST(later_and_at_without_memory_change_nothing),
        SOON_TEST(warm_nodes_need_no_memory),
        SOON_TEST(null_is_refused),
        SOON_TEST(close_forgets_what_is_queued_and_frees_it),
        SOON_TEST(close_frees_due_nodes_that_have_not_run),
        SOON_TEST(closed_loop_refuses_and_keeps_nothing),
        SOON_TEST(drop_runs_in_the_order_of_posting_and_cannot_queue_more),
    };

    return cmocka_run_group_tests_name("soon", tests, NULL, NULL);
}
