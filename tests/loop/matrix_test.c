/* What a callback may do to the watchers of its batch: {itself, the next, the previous, all} times
 * {stop, free, restart, use the memory for another watcher}, from every place in the batch.
 *
 * Every watcher is a block of its own, so that a memory checker sees each late access.
 *
 * SPDX-License-Identifier: MIT */
#include "items.h"

#include <stdlib.h>

enum { SIZE = 5 };

enum kind { CALLS, TIMERS, MIXED };
enum target { SELF, NEXT, PREVIOUS, ALL };
enum action { STOP, FREE, RESTART, REUSE };

/* A call or a timer. */
struct node {
    bool is_timer;
    union {
        struct gyre_call call;
        struct gyre_timer timer;
    } as;
};

struct scenario {
    struct fixture *f;
    enum target target;
    enum action action;
    int actor;
    bool has_acted;
    struct node *node[SIZE]; /* NULL: freed */
};

static struct scenario scenario;

static void run_actor(int id);

static void node_call_ran(struct gyre_call *call, void *arg)
{
    (void)call;
    run_actor((int)(intptr_t)arg);
}

static void node_timer_ran(struct gyre_timer *timer, void *arg)
{
    (void)timer;
    run_actor((int)(intptr_t)arg);
}

static void init_node(int id, bool is_timer)
{
    struct node *node = scenario.node[id];
    struct gyre_loop *loop = scenario.f->loop;
    void *arg = (void *)(intptr_t)id;

    memset(node, 0, sizeof(*node));
    node->is_timer = is_timer;
    if (is_timer)
        assert_int_equal(gyre_timer_init(&node->as.timer, loop, node_timer_ran, arg), 0);
    else
        assert_int_equal(gyre_call_init(&node->as.call, loop, node_call_ran, arg), 0);
}

static void start_node(int id)
{
    struct node *node = scenario.node[id];

    if (node->is_timer)
        assert_int_equal(gyre_timer_start(&node->as.timer, 0), 0);
    else
        assert_int_equal(gyre_call_start(&node->as.call), 0);
}

/* Those before the actor and the actor itself are through; the others must have been prevented. */
static void stop_node(int id)
{
    struct node *node = scenario.node[id];
    bool stopped =
        node->is_timer ? gyre_timer_stop(&node->as.timer) : gyre_call_stop(&node->as.call);

    assert_int_equal(stopped, id > scenario.actor);
}

static void act_on(int id)
{
    struct node *node = scenario.node[id];
    bool was_timer = node->is_timer;

    stop_node(id);
    switch (scenario.action) {
    case STOP:
        return;
    case FREE:
        spoil(node, sizeof(*node));
        free(node);
        scenario.node[id] = NULL;
        return;
    case RESTART:
        start_node(id);
        return;
    case REUSE:
        spoil(node, sizeof(*node));
        init_node(id, !was_timer);
        start_node(id);
        return;
    }
}

static bool is_target(int id)
{
    switch (scenario.target) {
    case SELF:
        return id == scenario.actor;
    case NEXT:
        return id == scenario.actor + 1;
    case PREVIOUS:
        return id == scenario.actor - 1;
    case ALL:
        return true;
    }
    return false;
}

static void run_actor(int id)
{
    record(scenario.f, id);
    if (id != scenario.actor || scenario.has_acted)
        return;

    scenario.has_acted = true;
    for (int i = 0; i < SIZE; i++)
        if (is_target(i))
            act_on(i);
}

/* What is queued again runs in the next tick: calls, then timers. */
static int expect_again(int *expected, bool timers)
{
    int count = 0;

    for (int i = 0; i < SIZE; i++)
        if (is_target(i) && scenario.node[i]->is_timer == timers)
            expected[count++] = i;
    return count;
}

static void check_trace(struct fixture *f)
{
    int expected[2 * SIZE];
    int count = 0;

    for (int i = 0; i < SIZE; i++)
        if (i <= scenario.actor || !is_target(i))
            expected[count++] = i;
    if (scenario.action == RESTART || scenario.action == REUSE) {
        count += expect_again(expected + count, false);
        count += expect_again(expected + count, true);
    }
    assert_trace(f, expected, count);
    f->trace_count = 0;
}

static void play(struct fixture *f, enum kind kind, enum target target, enum action action,
                 int actor)
{
    scenario = (struct scenario){ .f = f, .target = target, .action = action, .actor = actor };
    for (int i = 0; i < SIZE; i++) {
        scenario.node[i] = malloc(sizeof(struct node));
        assert_non_null(scenario.node[i]);
        init_node(i, kind == TIMERS || (kind == MIXED && i >= SIZE / 2));
        start_node(i);
    }
    advance(f, 0);
    check_trace(f);
    for (int i = 0; i < SIZE; i++)
        free(scenario.node[i]);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void play_all(void **state, enum kind kind, enum action action)
{
    for (enum target target = SELF; target <= ALL; target++)
        for (int actor = 0; actor < SIZE; actor++)
            play(fixture_of(state), kind, target, action, actor);
}

/* B2 */
static void calls_of_a_batch_may_be_stopped_by_any_of_them(void **state)
{
    play_all(state, CALLS, STOP);
}

/* B2, B3 */
static void calls_of_a_batch_may_be_freed_by_any_of_them(void **state)
{
    play_all(state, CALLS, FREE);
}

/* B2 */
static void calls_of_a_batch_may_be_restarted_by_any_of_them(void **state)
{
    play_all(state, CALLS, RESTART);
}

/* B2, B3, B9 */
static void memory_of_calls_may_be_used_for_timers_inside_the_batch(void **state)
{
    play_all(state, CALLS, REUSE);
}

/* B2 */
static void timers_of_a_batch_may_be_stopped_by_any_of_them(void **state)
{
    play_all(state, TIMERS, STOP);
}

/* B2, B3 */
static void timers_of_a_batch_may_be_freed_by_any_of_them(void **state)
{
    play_all(state, TIMERS, FREE);
}

/* B2, C14 */
static void timers_of_a_batch_may_be_restarted_by_any_of_them(void **state)
{
    play_all(state, TIMERS, RESTART);
}

/* B2, B3, B9 */
static void memory_of_timers_may_be_used_for_calls_inside_the_batch(void **state)
{
    play_all(state, TIMERS, REUSE);
}

/* B2 */
static void watchers_of_a_mixed_batch_may_be_stopped_by_any_of_them(void **state)
{
    play_all(state, MIXED, STOP);
}

/* B2, B3 */
static void watchers_of_a_mixed_batch_may_be_freed_by_any_of_them(void **state)
{
    play_all(state, MIXED, FREE);
}

/* B2 */
static void watchers_of_a_mixed_batch_may_be_restarted_by_any_of_them(void **state)
{
    play_all(state, MIXED, RESTART);
}

/* B2, B3, B9 */
static void memory_of_a_mixed_batch_may_change_its_use_inside_it(void **state)
{
    play_all(state, MIXED, REUSE);
}

static void spoil_self(struct gyre_call *call, void *arg)
{
    record(arg, 1);
    spoil(call, sizeof(*call));
}

/* B9 */
static void call_may_overwrite_itself_in_its_own_callback(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 3);
    assert_int_equal(gyre_call_init(&items[1].call, f->loop, spoil_self, f), 0);
    start_calls(3);
    for (int i = 0; i < 3; i++)
        assert_in_range(gyre_loop_run_once(f->loop, 0), 0, 3);
    ASSERT_TRACE(f, 0, 1, 2);
}

static void spoil_periodic_self(struct gyre_timer *timer, void *arg)
{
    record(arg, 1);
    assert_true(gyre_timer_stop(timer));
    spoil(timer, sizeof(*timer));
}

/* B9: a periodic timer is in the wheel again while its callback runs. */
static void periodic_timer_may_overwrite_itself_once_stopped(void **state)
{
    struct fixture *f = fixture_of(state);

    make_items(f, 3);
    start_timer(0, GYRE_MS(20));
    start_timer(2, GYRE_MS(20));
    assert_int_equal(gyre_timer_init(&items[1].timer, f->loop, spoil_periodic_self, f), 0);
    assert_int_equal(gyre_timer_start_every(&items[1].timer, GYRE_MS(10)), 0);
    advance(f, GYRE_MS(30));
    ASSERT_TRACE(f, 1, 0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ITEM_TEST_VIRTUAL(calls_of_a_batch_may_be_stopped_by_any_of_them),
        ITEM_TEST_VIRTUAL(calls_of_a_batch_may_be_freed_by_any_of_them),
        ITEM_TEST_VIRTUAL(calls_of_a_batch_may_be_restarted_by_any_of_them),
        ITEM_TEST_VIRTUAL(memory_of_calls_may_be_used_for_timers_inside_the_batch),
        ITEM_TEST_VIRTUAL(timers_of_a_batch_may_be_stopped_by_any_of_them),
        ITEM_TEST_VIRTUAL(timers_of_a_batch_may_be_freed_by_any_of_them),
        ITEM_TEST_VIRTUAL(timers_of_a_batch_may_be_restarted_by_any_of_them),
        ITEM_TEST_VIRTUAL(memory_of_timers_may_be_used_for_calls_inside_the_batch),
        ITEM_TEST_VIRTUAL(watchers_of_a_mixed_batch_may_be_stopped_by_any_of_them),
        ITEM_TEST_VIRTUAL(watchers_of_a_mixed_batch_may_be_freed_by_any_of_them),
        ITEM_TEST_VIRTUAL(watchers_of_a_mixed_batch_may_be_restarted_by_any_of_them),
        ITEM_TEST_VIRTUAL(memory_of_a_mixed_batch_may_change_its_use_inside_it),
        ITEM_TEST_VIRTUAL(call_may_overwrite_itself_in_its_own_callback),
        ITEM_TEST_VIRTUAL(periodic_timer_may_overwrite_itself_once_stopped),
    };

    return cmocka_run_group_tests_name("matrix", tests, NULL, NULL);
}
