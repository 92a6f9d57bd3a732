/* What a callback may do to the watchers of its batch, for each kind that the outside world feeds:
 * {itself, the next, the previous} times {stop, free, restart}, from every place in the batch.
 *
 * Every watcher is a block of its own, so that a memory checker sees each late access.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 5 };

enum kind { IO, SIGNAL, ASYNC, POST };
enum target { SELF, NEXT, PREVIOUS, TARGETS };
enum action { STOP, FREE, RESTART };

struct node {
    union {
        struct gyre_io io;
        struct gyre_signal sig;
        struct gyre_async async;
        struct gyre_post post;
    } as;
    int id;
};

static struct scenario {
    struct fixture *f;
    enum kind kind;
    enum target target;
    enum action action;
    int actor;
    bool has_acted;
    int fds[2];              /* all io watchers read fds[0] */
    struct node *node[SIZE]; /* NULL: freed */
    bool is_started[SIZE];
} scenario;

static void act(int id);

static void node_ran(const struct node *node)
{
    int id = node->id;

    record(scenario.f, id);
    act(id);
}

static void on_io(struct gyre_io *io, unsigned events, void *arg)
{
    (void)io;
    assert_int_equal(events, GYRE_READ);
    node_ran(arg);
}

static void on_signal(struct gyre_signal *sig, unsigned count, void *arg)
{
    (void)sig;
    assert_int_equal(count, 1);
    node_ran(arg);
}

static void on_async(struct gyre_async *async, void *arg)
{
    (void)async;
    node_ran(arg);
}

static void on_post(struct gyre_post *post, void *arg)
{
    (void)post;
    node_ran(arg);
}

/* ------------------------------------------------------------------ the same for each kind */

static int signal_of(const struct node *node)
{
    return SIGRTMIN + 1 + node->id;
}

static int init_node(struct node *node)
{
    struct gyre_loop *loop = scenario.f->loop;

    switch (scenario.kind) {
    case IO:
        return gyre_io_init(&node->as.io, loop, on_io, node);
    case SIGNAL:
        return gyre_signal_init(&node->as.sig, loop, on_signal, node);
    case ASYNC:
        return gyre_async_init(&node->as.async, loop, on_async, node);
    default:
        return gyre_post_init(&node->as.post, loop, on_post, NULL, node);
    }
}

/* For a post, to start is to send; for the others, to listen. */
static int start_node(struct node *node)
{
    scenario.is_started[node->id] = true;
    switch (scenario.kind) {
    case IO:
        return gyre_io_start(&node->as.io, scenario.fds[0], GYRE_READ);
    case SIGNAL:
        return gyre_signal_start(&node->as.sig, signal_of(node));
    case ASYNC:
        return gyre_async_start(&node->as.async);
    default:
        return gyre_post_send(&node->as.post);
    }
}

static bool stop_node(struct node *node)
{
    scenario.is_started[node->id] = false;
    switch (scenario.kind) {
    case IO:
        return gyre_io_stop(&node->as.io);
    case SIGNAL:
        return gyre_signal_stop(&node->as.sig);
    case ASYNC:
        return gyre_async_stop(&node->as.async);
    default:
        return gyre_post_stop(&node->as.post);
    }
}

/* Make every started node due once. */
static void fire_all(void)
{
    drain(scenario.fds[0]);
    put(scenario.fds[1], "x");
    for (int i = 0; i < SIZE; i++) {
        struct node *node = scenario.node[i];

        if (!node || !scenario.is_started[i])
            continue;
        if (scenario.kind == SIGNAL)
            raise(signal_of(node));
        else if (scenario.kind == ASYNC)
            assert_int_equal(gyre_async_send(&node->as.async), 0);
        else if (scenario.kind == POST) /* or it was sent already */
            assert_in_range(-gyre_post_send(&node->as.post), 0, EALREADY);
    }
}

/* ------------------------------------------------------------------ the matrix */

static int target_of(int actor)
{
    if (scenario.target == SELF)
        return actor;
    return (actor + (scenario.target == NEXT ? 1 : SIZE - 1)) % SIZE;
}

/* Only a post that has run, or runs, is through. */
static bool is_through(int id)
{
    return scenario.kind == POST && id <= scenario.actor;
}

static void act(int id)
{
    int target = target_of(id);
    struct node *node = scenario.node[target];

    if (scenario.has_acted || id != scenario.actor)
        return;
    scenario.has_acted = true;
    assert_int_equal(stop_node(node), !is_through(target));
    assert_false(stop_node(node));
    if (scenario.action == RESTART)
        assert_int_equal(start_node(node), 0);
    if (scenario.action != FREE)
        return;
    free(node);
    scenario.node[target] = NULL;
}

static void begin(struct fixture *f, enum kind kind, enum target target, enum action action,
                  int actor)
{
    scenario = (struct scenario){
        .f = f, .kind = kind, .target = target, .action = action, .actor = actor
    };
    make_pair(f, scenario.fds);
    for (int i = 0; i < SIZE; i++) {
        struct node *node = calloc(1, sizeof(*node));

        assert_non_null(node);
        scenario.node[i] = node;
        node->id = i;
        if (kind == SIGNAL)
            signal(signal_of(node), SIG_IGN);
        assert_int_equal(init_node(node), 0);
        assert_int_equal(start_node(node), 0);
    }
}

static void end(void)
{
    for (int i = 0; i < SIZE; i++) {
        if (scenario.node[i])
            (void)stop_node(scenario.node[i]);
        free(scenario.node[i]);
    }
    for (int i = 0; i < 2; i++)
        close_fd(scenario.f, &scenario.fds[i]);
}

/* All in order, but for one that was stopped before its turn. */
static void check_batch(void)
{
    int target = target_of(scenario.actor);
    int expected[SIZE], count = 0;

    for (int i = 0; i < SIZE; i++)
        if (i != target || target <= scenario.actor)
            expected[count++] = i;
    assert_trace(scenario.f, expected, count);
}

/* Those that are started, each once. */
static void check_next(void)
{
    int runs[SIZE] = { 0 };

    for (int i = 0; i < scenario.f->trace_count; i++)
        runs[scenario.f->trace[i]]++;
    for (int i = 0; i < SIZE; i++)
        assert_int_equal(runs[i], scenario.is_started[i]);
}

static void check_one(struct fixture *f, enum kind kind, enum target target, enum action action,
                      int actor)
{
    begin(f, kind, target, action, actor);
    fire_all();
    f->trace_count = 0;
    assert_return_code(gyre_loop_run_once(f->loop, 0), 0);
    check_batch();
    if (kind == POST) /* what has run is not started, unless it was sent anew */
        for (int i = 0; i < SIZE; i++)
            scenario.is_started[i] = i == target_of(actor) && action == RESTART;
    fire_all();
    f->trace_count = 0;
    assert_return_code(gyre_loop_run_once(f->loop, 0), 0);
    check_next();
    end();
}

static void check_all(void **state, enum kind kind, enum action action)
{
    for (int target = 0; target < TARGETS; target++)
        for (int actor = 0; actor < SIZE; actor++)
            check_one(fixture_of(state), kind, (enum target)target, action, actor);
}

#define MATRIX_TEST(kind, action, name) \
    static void name(void **state)      \
    {                                   \
        check_all(state, kind, action); \
    }

/* B2 */
MATRIX_TEST(IO, STOP, descriptors_of_a_batch_may_be_stopped_by_any_of_them)
MATRIX_TEST(SIGNAL, STOP, signals_of_a_batch_may_be_stopped_by_any_of_them)
MATRIX_TEST(ASYNC, STOP, asyncs_of_a_batch_may_be_stopped_by_any_of_them)
MATRIX_TEST(POST, STOP, posts_of_a_batch_may_be_stopped_by_any_of_them)

/* B2, B3 */
MATRIX_TEST(IO, FREE, descriptors_of_a_batch_may_be_freed_by_any_of_them)
MATRIX_TEST(SIGNAL, FREE, signals_of_a_batch_may_be_freed_by_any_of_them)
MATRIX_TEST(ASYNC, FREE, asyncs_of_a_batch_may_be_freed_by_any_of_them)
MATRIX_TEST(POST, FREE, posts_of_a_batch_may_be_freed_by_any_of_them)

/* B2, B4 */
MATRIX_TEST(IO, RESTART, descriptors_of_a_batch_may_be_restarted_by_any_of_them)
MATRIX_TEST(SIGNAL, RESTART, signals_of_a_batch_may_be_restarted_by_any_of_them)
MATRIX_TEST(ASYNC, RESTART, asyncs_of_a_batch_may_be_restarted_by_any_of_them)
MATRIX_TEST(POST, RESTART, posts_of_a_batch_may_be_restarted_by_any_of_them)

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(descriptors_of_a_batch_may_be_stopped_by_any_of_them),
        FIXTURE_TEST(signals_of_a_batch_may_be_stopped_by_any_of_them),
        FIXTURE_TEST(asyncs_of_a_batch_may_be_stopped_by_any_of_them),
        FIXTURE_TEST(posts_of_a_batch_may_be_stopped_by_any_of_them),
        FIXTURE_TEST(descriptors_of_a_batch_may_be_freed_by_any_of_them),
        FIXTURE_TEST(signals_of_a_batch_may_be_freed_by_any_of_them),
        FIXTURE_TEST(asyncs_of_a_batch_may_be_freed_by_any_of_them),
        FIXTURE_TEST(posts_of_a_batch_may_be_freed_by_any_of_them),
        FIXTURE_TEST(descriptors_of_a_batch_may_be_restarted_by_any_of_them),
        FIXTURE_TEST(signals_of_a_batch_may_be_restarted_by_any_of_them),
        FIXTURE_TEST(asyncs_of_a_batch_may_be_restarted_by_any_of_them),
        FIXTURE_TEST(posts_of_a_batch_may_be_restarted_by_any_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
