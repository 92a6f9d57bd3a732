/* The pairing heap of timers: exact order by (deadline, seq), whatever is removed from wherever.
 *
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "loop/timer_heap.h"
#include "model/random.h"

enum { EXHAUSTIVE = 7, MANY = 2000 };

/* Timers in a heap; the heap of the model is `is_in`. */
struct heap {
    struct gyre_timer *root;
    struct gyre_timer timer[MANY];
    bool is_in[MANY];
    int count;
};

static struct heap heap;

static void insert(int i, uint64_t deadline, uint64_t seq)
{
    heap.timer[i].deadline = deadline;
    heap.timer[i].seq = seq;
    heap.root = timer_heap_insert(heap.root, &heap.timer[i]);
    heap.is_in[i] = true;
    heap.count++;
}

/* Put `order`, a list of `count` timers, in as a whole; the n-th has seq n. */
static void build(const int *order, int count, uint64_t (*deadline_of)(int i))
{
    struct gyre_timer *list = NULL;

    assert_null(heap.root);
    for (int n = count - 1; n >= 0; n--) {
        struct gyre_timer *timer = &heap.timer[order[n]];

        memset(timer, 0xDD, sizeof(*timer));
        timer->deadline = deadline_of(order[n]);
        timer->seq = (uint64_t)n;
        timer->call.link.next = list ? &list->call.link : NULL;
        list = timer;
        heap.is_in[order[n]] = true;
    }
    heap.root = timer_heap_build(list);
    heap.count = count;
    assert_true(timer_heap_check(heap.root));
}

/* What a timer's owner may do with it once it is out. */
static void take(int i)
{
    heap.root = timer_heap_remove(heap.root, &heap.timer[i]);
    memset(&heap.timer[i], 0xDD, sizeof(heap.timer[i]));
    heap.is_in[i] = false;
    heap.count--;
}

static int index_of_root(void)
{
    return (int)(heap.root - heap.timer);
}

static bool is_first(int i, int size)
{
    for (int k = 0; k < size; k++)
        if (heap.is_in[k] && k != i && timer_precedes(&heap.timer[k], &heap.timer[i]))
            return false;
    return true;
}

static void swap(int *a, int *b)
{
    int kept = *a;

    *a = *b;
    *b = kept;
}

/* The next permutation in lexical order; false after the last. */
static bool permute(int *order, int n)
{
    int i = n - 1;
    int k = n - 1;

    while (i > 0 && order[i - 1] > order[i])
        i--;
    if (i == 0)
        return false;
    while (order[k] < order[i - 1])
        k--;
    swap(&order[i - 1], &order[k]);
    for (k = n - 1; i < k; i++, k--)
        swap(&order[i], &order[k]);
    return true;
}

/* Take everything out from the top, which must come in order. */
static void drain_in_order(int size)
{
    while (heap.root) {
        int i = index_of_root();

        assert_true(heap.is_in[i]);
        assert_true(is_first(i, size));
        take(i);
        assert_true(timer_heap_check(heap.root));
    }
    assert_int_equal(heap.count, 0);
}

static void empty_heap_is_sound(void **state)
{
    (void)state;
    assert_true(timer_heap_check(NULL));
}

static void earlier_deadline_precedes(void **state)
{
    struct gyre_timer early = { .deadline = 1, .seq = 2 };
    struct gyre_timer late = { .deadline = 2, .seq = 1 };

    (void)state;
    assert_true(timer_precedes(&early, &late));
    assert_false(timer_precedes(&late, &early));
}

static void earlier_start_precedes_at_equal_deadlines(void **state)
{
    struct gyre_timer first = { .deadline = 5, .seq = 1 };
    struct gyre_timer second = { .deadline = 5, .seq = 2 };

    (void)state;
    assert_true(timer_precedes(&first, &second));
    assert_false(timer_precedes(&second, &first));
    assert_false(timer_precedes(&first, &first));
}

static void only_timer_leaves_an_empty_heap(void **state)
{
    (void)state;
    insert(0, 1, 1);
    assert_ptr_equal(heap.root, &heap.timer[0]);
    take(0);
    assert_null(heap.root);
}

/* C1: timer i has deadline i / `equal`, so that up to `equal` of them tie. */
static void try_all_orders(int n, uint64_t equal)
{
    int order[EXHAUSTIVE] = { 0, 1, 2, 3, 4, 5, 6 };

    do {
        for (int victim = 0; victim < n; victim++) {
            for (int i = 0; i < n; i++)
                insert(order[i], (uint64_t)order[i] / equal, (uint64_t)i);
            assert_true(timer_heap_check(heap.root));
            take(victim);
            assert_true(timer_heap_check(heap.root));
            drain_in_order(n);
        }
    } while (permute(order, n));
}

/* C1 */
static void each_removal_after_each_insert_order_keeps_the_order(void **state)
{
    (void)state;
    for (int n = 1; n <= EXHAUSTIVE; n++)
        try_all_orders(n, 1);
}

/* C1, C8 */
static void each_removal_among_equal_deadlines_keeps_the_order(void **state)
{
    (void)state;
    for (int n = 1; n <= EXHAUSTIVE; n++)
        try_all_orders(n, 3);
}

/* C1: the shape after removals differs from any that inserts alone can make. */
static void each_pair_of_removals_keeps_the_order(void **state)
{
    int order[EXHAUSTIVE] = { 0, 1, 2, 3, 4, 5, 6 };
    enum { N = 6 };

    (void)state;
    do {
        for (int pair = 0; pair < N * N; pair++) {
            if (pair / N == pair % N)
                continue;
            for (int i = 0; i < N; i++)
                insert(order[i], (uint64_t)order[i], (uint64_t)i);
            take(index_of_root());
            for (int victim = pair / N, i = 0; i < 2; victim = pair % N, i++)
                if (heap.is_in[victim])
                    take(victim);
            assert_true(timer_heap_check(heap.root));
            drain_in_order(N);
        }
    } while (permute(order, N));
}

/* C1 */
static void random_inserts_and_removals_keep_the_invariant(void **state)
{
    enum { SIZE = 60, STEPS = 60000 };
    struct random random = { .state = 1 };

    (void)state;
    for (uint64_t step = 0; step < STEPS; step++) {
        int i = random_index(&random, SIZE);

        if (heap.root && random_chance(&random, 25))
            i = index_of_root();
        if (heap.is_in[i])
            take(i);
        else
            insert(i, random_below(&random, SIZE / 2), step);
        assert_true(timer_heap_check(heap.root));
        if (heap.root)
            assert_true(is_first(index_of_root(), SIZE));
    }
    drain_in_order(SIZE);
}

/* C1 */
static void long_lists_and_deep_chains_are_drained_in_order(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++)
        insert(i, (uint64_t)(i % 2 ? i : MANY - i), (uint64_t)i);
    drain_in_order(MANY);
    for (int i = 0; i < MANY; i++)
        insert(i, (uint64_t)(MANY - i), (uint64_t)i);
    drain_in_order(MANY);
}

/* ------------------------------------------------------------------ building at once */

static uint64_t own_deadline(int i)
{
    return (uint64_t)i;
}

static uint64_t shared_deadline(int i)
{
    return (uint64_t)i / 3;
}

static uint64_t same_deadline(int i)
{
    (void)i;
    return 1;
}

static void empty_list_makes_an_empty_heap(void **state)
{
    (void)state;
    assert_null(timer_heap_build(NULL));
}

/* C1: each removal after each order of the list, and one that is inserted later. */
static void build_all_orders(int n, uint64_t (*deadline_of)(int i))
{
    int order[EXHAUSTIVE] = { 0, 1, 2, 3, 4, 5, 6 };

    do {
        for (int victim = 0; victim < n; victim++) {
            build(order, n, deadline_of);
            take(victim);
            assert_true(timer_heap_check(heap.root));
            insert(victim, deadline_of(n - 1 - victim), EXHAUSTIVE);
            assert_true(timer_heap_check(heap.root));
            drain_in_order(n);
        }
    } while (permute(order, n));
}

/* C1 */
static void heap_built_from_any_order_keeps_the_order(void **state)
{
    (void)state;
    for (int n = 1; n <= EXHAUSTIVE; n++)
        build_all_orders(n, own_deadline);
}

/* C1, C8 */
static void heap_built_from_equal_deadlines_keeps_the_order(void **state)
{
    (void)state;
    for (int n = 1; n <= EXHAUSTIVE; n++) {
        build_all_orders(n, shared_deadline);
        build_all_orders(n, same_deadline);
    }
}

/* C1: in order, backwards, in a few runs, and shuffled. */
static void heaps_built_from_long_lists_are_drained_in_order(void **state)
{
    struct random random = { .state = 2 };
    int order[MANY];

    (void)state;
    for (int i = 0; i < MANY; i++)
        order[i] = i;
    build(order, MANY, own_deadline);
    drain_in_order(MANY);
    for (int i = 0; i < MANY; i++)
        order[i] = MANY - 1 - i;
    build(order, MANY, own_deadline);
    drain_in_order(MANY);
    for (int i = 0; i < MANY; i++)
        order[i] = i * 7 % MANY;
    build(order, MANY, shared_deadline);
    drain_in_order(MANY);
    for (int i = 0; i < MANY; i++)
        swap(&order[i], &order[random_index(&random, MANY)]);
    build(order, MANY, own_deadline);
    drain_in_order(MANY);
}

/* ------------------------------------------------------------------ the check itself */

/* A heap of several levels, with siblings on each. Returns the size of the array in use. */
static int make_deep_heap(void)
{
    enum { N = 40 };

    for (int i = 0; i < N; i++)
        insert(i, (uint64_t)(i * 7 % N + 1), (uint64_t)i);
    for (int i = 0; i < 4; i++)
        take(index_of_root());
    assert_true(timer_heap_check(heap.root));
    return N;
}

static void check_finds_any_timer_that_precedes_its_parent(void **state)
{
    int size = make_deep_heap();

    (void)state;
    for (int i = 0; i < size; i++) {
        uint64_t deadline = heap.timer[i].deadline;

        if (!heap.is_in[i] || &heap.timer[i] == heap.root)
            continue;
        heap.timer[i].deadline = 0;
        assert_false(timer_heap_check(heap.root));
        heap.timer[i].deadline = deadline;
    }
    assert_true(timer_heap_check(heap.root));
}

static void check_finds_any_broken_back_link(void **state)
{
    struct gyre_timer elsewhere = { 0 };
    int size = make_deep_heap();

    (void)state;
    for (int i = 0; i < size; i++) {
        struct gyre_link *link = &heap.timer[i].call.link;
        struct gyre_link *before = link->prev;

        if (!heap.is_in[i] || &heap.timer[i] == heap.root)
            continue;
        link->prev = &elsewhere.call.link;
        assert_false(timer_heap_check(heap.root));
        link->prev = before;
    }
    assert_true(timer_heap_check(heap.root));
}

static int begin_empty(void **state)
{
    (void)state;
    memset(&heap, 0, sizeof(heap));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(empty_heap_is_sound, begin_empty),
        cmocka_unit_test_setup(earlier_deadline_precedes, begin_empty),
        cmocka_unit_test_setup(earlier_start_precedes_at_equal_deadlines, begin_empty),
        cmocka_unit_test_setup(only_timer_leaves_an_empty_heap, begin_empty),
        cmocka_unit_test_setup(each_removal_after_each_insert_order_keeps_the_order, begin_empty),
        cmocka_unit_test_setup(each_removal_among_equal_deadlines_keeps_the_order, begin_empty),
        cmocka_unit_test_setup(each_pair_of_removals_keeps_the_order, begin_empty),
        cmocka_unit_test_setup(random_inserts_and_removals_keep_the_invariant, begin_empty),
        cmocka_unit_test_setup(long_lists_and_deep_chains_are_drained_in_order, begin_empty),
        cmocka_unit_test_setup(empty_list_makes_an_empty_heap, begin_empty),
        cmocka_unit_test_setup(heap_built_from_any_order_keeps_the_order, begin_empty),
        cmocka_unit_test_setup(heap_built_from_equal_deadlines_keeps_the_order, begin_empty),
        cmocka_unit_test_setup(heaps_built_from_long_lists_are_drained_in_order, begin_empty),
        cmocka_unit_test_setup(check_finds_any_timer_that_precedes_its_parent, begin_empty),
        cmocka_unit_test_setup(check_finds_any_broken_back_link, begin_empty),
    };

    return cmocka_run_group_tests_name("timer_heap", tests, NULL, NULL);
}
