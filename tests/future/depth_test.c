/* Depth: a hundred thousand futures, each made of the one before, on a stack on which no recursion over
 * them fits; how many ticks that takes, and the order of their continuations.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

#include <pthread.h>

enum {
    DEPTH = 100000,
    STACK_SIZE = 256 * 1024,
};

enum link {
    LINK_WITHIN,
    LINK_SHIELD,
    LINK_ALL,
    LINK_SETTLED,
    LINK_RACE,
    LINK_WAIT,
    LINK_MIXED, /* one after the other of those above */
    LINK_THEN,
    LINK_COUNT,
};

/* What a thread is to do. It cannot fail a test: it says what was wrong. */
struct task {
    const char *(*fn)(struct task *task);
    enum link link;
    struct gyre_future *first; /* a promise, of which the thread holds one more reference */
    struct gyre_future *last;
};

static struct gyre_future *end(struct gyre_future *done, void *arg)
{
    (void)done;
    (void)arg;
    return NULL;
}

/* A wait takes over nothing: its own reference is then the only one. */
static struct gyre_future *wait_for(struct gyre_future *f)
{
    struct gyre_future *wait = gyre_wait(fixture->loop, GYRE_WAIT_ALL, 1, &f, GYRE_S(1));

    gyre_future_unref(f);
    return wait;
}

static struct gyre_future *link_to(struct gyre_future *f, enum link link)
{
    switch (link) {
    case LINK_WITHIN:
        return gyre_within(f, GYRE_S(1));
    case LINK_SHIELD:
        return gyre_shield(f);
    case LINK_ALL:
        return gyre_all(fixture->loop, 1, &f);
    case LINK_SETTLED:
        return gyre_settled(fixture->loop, 1, &f);
    case LINK_RACE:
        return gyre_race(fixture->loop, 1, &f);
    case LINK_WAIT:
        return wait_for(f);
    case LINK_THEN:
        return gyre_then_start(f, end, NULL);
    case LINK_MIXED:
    case LINK_COUNT:
        break;
    }
    return f;
}

static void build(struct task *task, int depth)
{
    task->first = gyre_future_create(fixture->loop);
    task->last = gyre_future_ref(task->first);
    for (int i = 0; i < depth; i++)
        task->last = link_to(task->last,
                             task->link == LINK_MIXED ? (enum link)(i % LINK_MIXED) : task->link);
}

static enum gyre_future_state state_of_last(const struct task *task)
{
    return gyre_future_state(task->last);
}

/* ------------------------------------------------------------------ in a thread of its own */

static void *run_task(void *arg)
{
    struct task *task = arg;

    if (gyre_loop_adopt(fixture->loop) < 0)
        return (void *)(uintptr_t) "the loop cannot be adopted";
    build(task, DEPTH);
    const char *wrong = task->fn(task);
    (void)gyre_future_resolve(task->first, NULL, NULL); /* too late or not, its side has ended */
    gyre_future_unref(task->first);
    return (void *)(uintptr_t)wrong;
}

static void run_on_a_small_stack(const char *(*fn)(struct task *task), enum link link)
{
    struct task task = { .fn = fn, .link = link };
    pthread_attr_t attr;
    pthread_t thread;
    void *wrong;

    fixture->wait_limit = UINT32_MAX;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, STACK_SIZE), 0);
    assert_int_equal(pthread_create(&thread, &attr, run_task, &task), 0);
    assert_int_equal(pthread_join(thread, &wrong), 0);
    pthread_attr_destroy(&attr);
    if (fixture->loop)
        assert_int_equal(gyre_loop_adopt(fixture->loop), 0);
    if (wrong)
        fail_msg("kind %d: %s", (int)link, (const char *)wrong);
}

static const char *resolve_first(struct task *task)
{
    (void)gyre_future_resolve(task->first, NULL, NULL);
    if (task->link == LINK_THEN && gyre_loop_run(fixture->loop) != GYRE_RUN_DONE)
        return "the loop did not run to its end";
    if (state_of_last(task) != GYRE_FUTURE_OK)
        return "the last one is not OK";
    if (gyre_future_peek(task->last))
        return "there is a value";
    gyre_future_unref(task->last);
    return NULL;
}

static void resolved_chain_of_any_kind_does_not_recurse(void **state)
{
    (void)state;
    for (int link = 0; link < LINK_COUNT; link++)
        run_on_a_small_stack(resolve_first, (enum link)link);
}

static const char *fail_first(struct task *task)
{
    bool passes_on = task->link != LINK_SETTLED && task->link != LINK_WAIT;

    (void)gyre_future_fail(task->first, -EIO);
    if (state_of_last(task) != (passes_on ? GYRE_FUTURE_ERR : GYRE_FUTURE_OK))
        return "the last one has another outcome";
    if (passes_on && gyre_future_error(task->last) != -EIO)
        return "the last one has another error";
    gyre_future_ignore_error(task->first); /* where nobody passes it on */
    gyre_future_unref(task->last);
    return report_count == 0 ? NULL : "an error was reported";
}

static void failed_chain_of_any_kind_does_not_recurse(void **state)
{
    (void)state;
    for (int link = 0; link < LINK_COUNT; link++)
        if (link != LINK_MIXED) /* what is OK in the middle of that hides the error */
            run_on_a_small_stack(fail_first, (enum link)link);
}

static bool passes_cancel_on(enum link link)
{
    return link != LINK_SHIELD && link != LINK_WAIT && link != LINK_MIXED;
}

static const char *cancel_last(struct task *task)
{
    (void)gyre_future_cancel(task->last);
    if (task->link != LINK_MIXED && state_of_last(task) != GYRE_FUTURE_CANCELLED)
        return "the last one is not cancelled";
    if (passes_cancel_on(task->link) && gyre_future_state(task->first) != GYRE_FUTURE_CANCELLED)
        return "the first one is not cancelled";
    gyre_future_unref(task->last);
    return NULL;
}

static void cancelled_chain_of_any_kind_does_not_recurse(void **state)
{
    (void)state;
    for (int link = 0; link < LINK_COUNT; link++)
        run_on_a_small_stack(cancel_last, (enum link)link);
}

static const char *drop_last(struct task *task)
{
    gyre_future_unref(task->last);
    bool is_cancelled = gyre_future_state(task->first) == GYRE_FUTURE_CANCELLED;
    return is_cancelled == passes_cancel_on(task->link) ? NULL
                                                        : "the first one is in another state";
}

static void dropped_chain_of_any_kind_does_not_recurse(void **state)
{
    (void)state;
    for (int link = 0; link < LINK_COUNT; link++)
        run_on_a_small_stack(drop_last, (enum link)link);
}

static const char *close_loop(struct task *task)
{
    if (gyre_loop_destroy(fixture->loop) < 0)
        return "the loop was not destroyed";
    fixture->loop = NULL;
    if (gyre_future_reason(task->last) != GYRE_REASON_CLOSED)
        return "the last one was not cancelled by the close";
    gyre_future_unref(task->last);
    return NULL;
}

static void close_of_the_loop_does_not_recurse(void **state)
{
    struct gyre_loop_options opt = test_options();

    (void)state;
    for (int link = 0; link < LINK_COUNT; link++) {
        run_on_a_small_stack(close_loop, (enum link)link);
        assert_int_equal(gyre_test_loop_create(&opt, &fixture->loop), 0);
    }
}

static const char *run_out_of_time(struct task *task)
{
    (void)gyre_test_advance(fixture->loop, GYRE_S(1));
    if (gyre_future_error(task->last) != -ETIMEDOUT)
        return "the last one has not timed out";
    gyre_future_unref(task->last);
    return NULL;
}

static void limits_that_end_at_one_moment_do_not_recurse(void **state)
{
    (void)state;
    run_on_a_small_stack(run_out_of_time, LINK_WITHIN);
}

/* A loop in the way of futures: each next returns another one that waits for the rest. */
static int rounds;

static struct gyre_future *go_round(struct gyre_future *done, void *arg)
{
    struct task *task = arg;

    (void)done;
    if (++rounds == DEPTH)
        return gyre_future_ref(task->first);
    return gyre_then_start(gyre_all(fixture->loop, 0, NULL), go_round, task);
}

static const char *go_round_and_end(struct task *task)
{
    gyre_future_unref(task->last); /* the promise itself: this is another chain */
    rounds = 0;
    task->last = go_round(NULL, task);
    (void)gyre_loop_run(fixture->loop);
    if (rounds != DEPTH || state_of_last(task) != GYRE_FUTURE_PENDING)
        return "it has not gone round";
    (void)gyre_future_resolve(task->first, NULL, NULL);
    if (state_of_last(task) != GYRE_FUTURE_OK)
        return "the last one is not OK";
    gyre_future_unref(task->last);
    return NULL;
}

static void loop_of_nexts_does_not_recurse(void **state)
{
    (void)state;
    run_on_a_small_stack(go_round_and_end, LINK_COUNT);
}

/* ------------------------------------------------------------------ ticks and order */

static void any_depth_settles_in_the_call_and_runs_in_one_tick(void **state)
{
    struct task task = { .link = LINK_MIXED };

    (void)state;
    build(&task, 1000);
    watch(task.last, 1);
    watch(task.first, 0);
    assert_int_equal(gyre_future_resolve(task.first, NULL, NULL), 0);
    assert_ok(task.last);
    assert_int_equal(gyre_loop_run_once(fixture->loop, 0), 2);
    assert_int_equal(gyre_loop_run_once(fixture->loop, 0), 0);
    ASSERT_TRACE(fixture, DONE + 0, DONE + 1);
    gyre_future_unref(task.last);
    gyre_future_unref(task.first);
}

static void continuations_run_from_the_inside_out_in_one_tick(void **state)
{
    struct gyre_future *f = gyre_future_create(fixture->loop);
    struct gyre_future *first = gyre_future_ref(f);
    int expected[OP_LIMIT];

    (void)state;
    for (int i = 0; i < OP_LIMIT; i++) {
        watch(f, i);
        expected[i] = DONE + i;
        if (i + 1 < OP_LIMIT)
            f = link_to(f, (enum link)(i % LINK_MIXED));
    }
    assert_int_equal(gyre_future_resolve(first, NULL, NULL), 0);
    assert_int_equal(gyre_loop_run_once(fixture->loop, 0), OP_LIMIT);
    assert_trace(fixture, expected, OP_LIMIT);
    gyre_future_unref(first);
    gyre_future_unref(f);
}

static void continuations_of_several_futures_run_by_their_distance(void **state)
{
    struct gyre_future *root = make_op(0);
    struct gyre_future *near[3];
    struct gyre_future *far[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        near[i] = gyre_wait(fixture->loop, GYRE_WAIT_ALL, 1, &root, GYRE_NEVER);
        far[i] = gyre_shield(near[i]);
        watch(far[i], 20 + i);
        watch(near[i], 10 + i);
    }
    watch(root, 1);
    resolve_op(0);
    assert_int_equal(gyre_loop_run_once(fixture->loop, 0), 7);
    ASSERT_TRACE(fixture, DONE + 1, DONE + 10, DONE + 11, DONE + 12, DONE + 20, DONE + 21,
                 DONE + 22);
    for (int i = 0; i < 3; i++)
        gyre_future_unref(far[i]);
    gyre_future_unref(root);
}

static void losers_are_cancelled_before_any_continuation_runs(void **state)
{
    struct gyre_future *in[2];

    (void)state;
    in[0] = make_op(0);
    in[1] =
        gyre_within(gyre_all(fixture->loop, 1, (struct gyre_future *[]){ make_op(1) }), GYRE_S(1));
    struct gyre_future *f = gyre_race(fixture->loop, 2, in);
    watch(f, 5);
    watch(in[1], 4);
    watch(in[0], 3);
    resolve_op(0);
    ASSERT_TRACE(fixture, CANCEL + 1);
    assert_int_equal(gyre_loop_run_once(fixture->loop, 0), 3);
    ASSERT_TRACE(fixture, CANCEL + 1, DONE + 3, DONE + 4, DONE + 5);
    gyre_future_unref(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(resolved_chain_of_any_kind_does_not_recurse),
        OP_TEST(failed_chain_of_any_kind_does_not_recurse),
        OP_TEST(cancelled_chain_of_any_kind_does_not_recurse),
        OP_TEST(dropped_chain_of_any_kind_does_not_recurse),
        OP_TEST(close_of_the_loop_does_not_recurse),
        OP_TEST(limits_that_end_at_one_moment_do_not_recurse),
        OP_TEST(loop_of_nexts_does_not_recurse),
        OP_TEST(any_depth_settles_in_the_call_and_runs_in_one_tick),
        OP_TEST(continuations_run_from_the_inside_out_in_one_tick),
        OP_TEST(continuations_of_several_futures_run_by_their_distance),
        OP_TEST(losers_are_cancelled_before_any_continuation_runs),
    };

    return cmocka_run_group_tests_name("depth", tests, NULL, NULL);
}
