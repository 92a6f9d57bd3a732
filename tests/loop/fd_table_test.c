/* The table of descriptors: loop/fd_table.h.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "base/list.h"
#include "loop/fd_table.h"
#include "support/fault.h"

#include <errno.h>

static struct fd_table table;

static int setup_table(void **state)
{
    fd_table_init(&table);
    return setup_bare(state);
}

static int teardown_table(void **state)
{
    disarm_faults();
    fd_table_fini(&table, &test_allocator);
    return teardown(state);
}

static void reserve(int fd)
{
    assert_int_equal(fd_table_reserve(&table, &test_allocator, fd), 0);
}

static void empty_table_has_no_slots(void **state)
{
    (void)state;
    assert_null(fd_table_find(&table, 0));
    assert_null(fd_table_find(&table, INT32_MAX));
    assert_int_equal(fd_table_limit(&table), 0);
    assert_true(list_is_empty(&table.changed));
}

static void reserved_page_has_slots_for_all_its_numbers(void **state)
{
    (void)state;
    reserve(FD_PAGE_SLOTS);
    assert_null(fd_table_find(&table, FD_PAGE_SLOTS - 1));
    assert_non_null(fd_table_find(&table, FD_PAGE_SLOTS));
    assert_non_null(fd_table_find(&table, 2 * FD_PAGE_SLOTS - 1));
    assert_null(fd_table_find(&table, 2 * FD_PAGE_SLOTS));
    assert_in_range(fd_table_limit(&table), 2 * FD_PAGE_SLOTS, 100 * FD_PAGE_SLOTS);
}

static void fresh_slot_has_no_watchers_and_was_told_nothing(void **state)
{
    (void)state;
    reserve(0);
    for (int fd = 0; fd < FD_PAGE_SLOTS; fd++) {
        const struct fd_slot *slot = fd_table_find(&table, fd);

        assert_true(list_is_empty(&slot->watchers));
        assert_int_equal(slot->wanted | slot->told | slot->is_changed, 0);
    }
}

static void numbers_have_slots_of_their_own(void **state)
{
    (void)state;
    for (int fd = 0; fd < 20 * FD_PAGE_SLOTS; fd++) {
        reserve(fd);
        fd_table_find(&table, fd)->generation = (uint32_t)fd;
    }
    for (int fd = 0; fd < 20 * FD_PAGE_SLOTS; fd++)
        assert_int_equal(fd_table_find(&table, fd)->generation, fd);
}

/* A12: whoever holds a slot may let the table grow. */
static void slots_stay_where_they_are_when_the_table_grows(void **state)
{
    struct fd_slot *slot;

    (void)state;
    reserve(5);
    slot = fd_table_find(&table, 5);
    for (int fd = 10; fd < 1000000; fd *= 2)
        reserve(fd);
    assert_ptr_equal(fd_table_find(&table, 5), slot);
    assert_true(list_is_empty(&slot->watchers));
}

/* K-5: a high number costs a page and a word for each page below it, not a slot for each number. */
static void high_number_costs_little(void **state)
{
    (void)state;
    size_t before = live_bytes();
    reserve(1000000);
    assert_non_null(fd_table_find(&table, 1000000));
    assert_null(fd_table_find(&table, 999000));
    assert_in_range(live_bytes() - before, FD_PAGE_SLOTS * sizeof(struct fd_slot), 300000);
}

static void second_reserve_costs_nothing(void **state)
{
    (void)state;
    reserve(300);
    unsigned long before = allocations();
    reserve(300);
    reserve(300 / FD_PAGE_SLOTS * FD_PAGE_SLOTS);
    assert_int_equal(allocations(), before);
}

/* K-1: neither the list of pages nor the page; and then as if nothing had been. */
static void reserve_without_memory_changes_nothing(void **state)
{
    (void)state;
    reserve(0);
    for (unsigned n = 1; n <= 2; n++) {
        fail_allocation(n, false);
        assert_int_equal(fd_table_reserve(&table, &test_allocator, 100000), -ENOMEM);
        assert_true(fault_fired());
        assert_null(fd_table_find(&table, 100000));
        assert_non_null(fd_table_find(&table, 0));
    }
    reserve(100000);
    assert_non_null(fd_table_find(&table, 100000));
}

static void emptied_table_can_be_used_again(void **state)
{
    (void)state;
    size_t before = live_bytes();
    reserve(7000);
    fd_table_fini(&table, &test_allocator);
    assert_int_equal(live_bytes(), before);
    assert_null(fd_table_find(&table, 7000));
    reserve(7000);
    assert_non_null(fd_table_find(&table, 7000));
}

#define TABLE_TEST(name) cmocka_unit_test_setup_teardown(name, setup_table, teardown_table)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLE_TEST(empty_table_has_no_slots),
        TABLE_TEST(reserved_page_has_slots_for_all_its_numbers),
        TABLE_TEST(fresh_slot_has_no_watchers_and_was_told_nothing),
        TABLE_TEST(numbers_have_slots_of_their_own),
        TABLE_TEST(slots_stay_where_they_are_when_the_table_grows),
        TABLE_TEST(high_number_costs_little),
        TABLE_TEST(second_reserve_costs_nothing),
        TABLE_TEST(reserve_without_memory_changes_nothing),
        TABLE_TEST(emptied_table_can_be_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
