/* Fork at awkward moments: in a callback, in another thread, from generation to generation; and of loops
 * that are special.
 *
 * SPDX-License-Identifier: MIT */
#include "child.h"

#include "support/fault.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>

/* ------------------------------------------------------------------ in a callback */

static pid_t forked; /* 0 in the child */
static bool refused; /* in the child: everything was, inside the callback */

static void fork_inside(struct kinds *k, enum kind kind)
{
    struct gyre_loop *loop = k->f->loop;

    k->inside = NULL;
    (void)kinds_stop(k, kind);
    assert_int_equal(kinds_start(k, KIND_SOON), 0);
    forked = fork();
    if (forked != 0)
        return;
    refused = gyre_loop_after_fork(loop) == -EBUSY && gyre_loop_close(loop) == -EBUSY &&
              gyre_loop_destroy(loop) == -EBUSY && kinds_start(k, KIND_CALL) == -EOWNERDEAD &&
              gyre_loop_run(loop) == -EOWNERDEAD && !gyre_loop_is_alive(loop);
}

/* What is left of the batch runs first, then what the callback queued before it forked. */
static int go_on_in_child(struct kinds *k, int ran)
{
    int count = k->f->trace_count;

    CHECK(ran == -EOWNERDEAD);
    CHECK(refused);
    CHECK(gyre_loop_run_once(k->f->loop, 0) == -EOWNERDEAD);
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    CHECK(run_ready(k->f) == 2);
    CHECK(k->f->trace[count] == KIND_LATER);
    CHECK(k->f->trace[count + 1] == KIND_SOON);
    CHECK(gyre_loop_destroy(k->f->loop) == 0);
    return 0;
}

static void callback_that_forks_ends_the_childs_run(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = 0; kind < KIND_POST; kind++) {
        f->trace_count = 0;
        k->inside = fork_inside;
        kinds_fire(k, kind);
        kinds_fire(k, KIND_LATER); /* the last of the tick */
        int ran = gyre_loop_run_once(f->loop, 0);

        if (forked == 0)
            _exit(go_on_in_child(k, ran));
        assert_child_succeeds(forked);
        assert_int_equal(ran, 2);
        assert_int_equal(run_ready(f), 1);
        ASSERT_TRACE(f, (int)kind, KIND_LATER, KIND_SOON);
    }
}

static int destroy_after_refusal(struct kinds *k, int ran)
{
    CHECK(ran == -EOWNERDEAD);
    CHECK(refused);
    CHECK(gyre_loop_destroy(k->f->loop) == 0);
    return 0;
}

static bool always(void *arg)
{
    (void)arg;
    return true;
}

static int run_in_turn(struct gyre_loop *loop, int way)
{
    switch (way) {
    case 0:
        return gyre_loop_run(loop);
    case 1:
        return gyre_loop_run_while(loop, always, NULL);
    default:
        return gyre_loop_shutdown(loop, GYRE_NEVER);
    }
}

static void every_way_of_running_ends_in_the_child(void **state)
{
    static const int expected[] = { GYRE_RUN_DONE, -EDEADLK, 0 };
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (int way = 0; way < 3; way++) {
        k->inside = fork_inside;
        kinds_fire(k, KIND_IO);
        int ran = run_in_turn(f->loop, way);

        if (forked == 0)
            _exit(destroy_after_refusal(k, ran));
        assert_child_succeeds(forked);
        assert_int_equal(ran, expected[way]);
    }
}

/* ------------------------------------------------------------------ in another thread */

struct forker {
    struct kinds *k;
    int (*body)(struct kinds *k);
    bool failed;
};

static void *fork_in_thread(void *arg)
{
    struct forker *forker = arg;
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(forker->body(forker->k));
    forker->failed = waitpid(pid, &status, 0) != pid || status != 0;
    gyre_loop_stop(forker->k->f->loop);
    return NULL;
}

static int take_over(struct kinds *k)
{
    CHECK(gyre_loop_run_once(k->f->loop, 0) == -EOWNERDEAD);
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    CHECK(all_run(k) == 0);
    CHECK(gyre_loop_destroy(k->f->loop) == 0);
    return 0;
}

static int destroy_only(struct kinds *k)
{
    CHECK(gyre_loop_destroy(k->f->loop) == 0);
    return 0;
}

/* The child's one thread is a copy of another than the loop's. */
static void child_of_any_thread_may_take_over_or_destroy(void **state)
{
    static int (*const bodies[])(struct kinds * k) = { take_over, destroy_only };
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    pthread_t thread;

    start_all(k);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct forker forker = { .k = k, .body = bodies[i] };

        assert_int_equal(pthread_create(&thread, NULL, fork_in_thread, &forker), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_false(forker.failed);
    }
    assert_int_equal(all_run(k), 0);
}

static int nothing_works(struct kinds *k)
{
    CHECK(gyre_loop_run_once(k->f->loop, 0) == -EOWNERDEAD);
    CHECK(gyre_loop_after_fork(k->f->loop) == -EBUSY);
    CHECK(gyre_loop_close(k->f->loop) == -EBUSY);
    CHECK(gyre_loop_destroy(k->f->loop) == -EBUSY);
    return 0;
}

static void start_forker(void *arg)
{
    pthread_t *thread = ((void **)arg)[0];

    assert_int_equal(pthread_create(thread, NULL, fork_in_thread, ((void **)arg)[1]), 0);
}

/* The thread that was running it does not exist in the child, so nobody knows what it was about. */
static void loop_that_another_thread_was_running_is_lost_to_the_child(void **state)
{
    struct fixture *f = fixture_of(state);
    struct forker forker = { .k = kinds_init(f), .body = nothing_works };
    pthread_t thread;
    void *args[] = { &thread, &forker };

    assert_int_equal(kinds_start(forker.k, KIND_TIMER), 0);
    at_next_wait(start_forker, args);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(forker.failed);
}

/* ------------------------------------------------------------------ special loops */

static int parents_fd;

static bool is_readable(int fd)
{
    return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1;
}

static int use_own_descriptor(struct kinds *k)
{
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    int fd = gyre_loop_fd(k->f->loop);

    CHECK(fd >= 0);
    CHECK(!is_readable(fd));
    kinds_fire(k, KIND_TIMER);
    kinds_fire(k, KIND_POST);
    CHECK(is_readable(fd));
    CHECK(run_ready(k->f) == 2);
    CHECK(!is_readable(fd));
    CHECK(gyre_loop_destroy(k->f->loop) == 0);
    return 0;
}

static void foreign_loops_of_parent_and_child_are_separate(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    parents_fd = gyre_loop_fd(f->loop);
    if (parents_fd < 0)
        return; /* this poller has none */
    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    assert_int_equal(run_ready(f), 0);
    in_child(k, use_own_descriptor);
    assert_false(is_readable(parents_fd));
    kinds_fire(k, KIND_TIMER);
    assert_true(is_readable(parents_fd));
    assert_int_equal(run_ready(f), 1);
}

static int advance_in_child(struct kinds *k)
{
    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    CHECK(gyre_loop_now(k->f->loop) == GYRE_S(1));
    CHECK(gyre_test_advance(k->f->loop, GYRE_S(3600)) == 2);
    CHECK(gyre_loop_destroy(k->f->loop) == 0);
    return 0;
}

static void clocks_of_parent_and_child_are_separate(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop_options opt = test_options();

    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    assert_int_equal(gyre_test_loop_create(&opt, &f->loop), 0);
    struct kinds *k = kinds_init(f);
    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    assert_int_equal(kinds_start(k, KIND_LATER), 0);
    in_child(k, advance_in_child);
    assert_true(gyre_loop_now(f->loop) == GYRE_S(1));
    assert_int_equal(gyre_test_advance(f->loop, GYRE_S(3600)), 2);
}

/* ------------------------------------------------------------------ generations */

enum { GENERATIONS = 200 };

/* Each generation takes over, sees everything run, and leaves the rest to its child. Counted is from the
 * first child on: some tools have a descriptor less there. */
static int one_generation(struct kinds *k, int n)
{
    static int fds;

    CHECK(gyre_loop_after_fork(k->f->loop) == 0);
    if (n == 1)
        fds = count_fds();
    CHECK(count_fds() == fds);
    k->f->trace_count = 0;
    kinds_fire(k, KIND_TIMER);
    kinds_fire(k, KIND_ASYNC);
    kinds_fire(k, KIND_SIGNAL);
    kinds_fire(k, KIND_IO);
    CHECK(run_ready(k->f) == 4);
    if (n == GENERATIONS)
        CHECK(write(k->err, "", 1) == 1);
    return 0;
}

static int all_generations(struct kinds *k)
{
    for (int n = 1; n <= GENERATIONS; n++) {
        CHECK(one_generation(k, n) == 0);
        if (n < GENERATIONS && fork() != 0)
            break;
    }
    return 0;
}

/* G5 */
static void many_generations_leak_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    int fds[2];
    char byte;

    make_pipe(f, fds);
    k->err = fds[1]; /* written by the last one */
    for (enum kind kind = KIND_TIMER; kind < KIND_POST; kind++)
        assert_int_equal(kinds_start(k, kind), 0);
    in_child(k, all_generations);
    close_fd(f, &fds[1]);
    assert_int_equal(poll(&(struct pollfd){ .fd = fds[0], .events = POLLIN }, 1, -1), 1);
    /* Not the end of the file: that would be a generation that died. */
    assert_int_equal(read(fds[0], &byte, 1), 1);
    kinds_stop_all(k);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(callback_that_forks_ends_the_childs_run),
        TEST(every_way_of_running_ends_in_the_child),
        TEST(child_of_any_thread_may_take_over_or_destroy),
        TEST(loop_that_another_thread_was_running_is_lost_to_the_child),
        TEST(foreign_loops_of_parent_and_child_are_separate),
        TEST(clocks_of_parent_and_child_are_separate),
        TEST(many_generations_leak_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
