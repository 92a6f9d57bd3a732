/* Pools in a forked child, which has none of their threads.
 *
 * The parent forks while task 0 is held by the only worker (or by none, where a test says so), tasks 1
 * and 2 wait, a job runs or waits, and one waits for the end of the pool. The locks of the pool are
 * nobody's in the child, so whatever it does must not ask for them.
 *
 * SPDX-License-Identifier: MIT */
#include "built_with.h"
#include "caller.h"
#include "loop/child.h"
#include "loop/core.h"

static struct gyre_future *job;     /* waits behind task 0 */
static struct gyre_future *running; /* on a pool of its own */
static struct gyre_future *end;     /* of `ending`, whose only job is `running` */
static struct gyre_pool *ending;
static int arg_drops;
static struct gate running_gate = GATE_INIT;

static void drop_arg(void *arg)
{
    (void)arg;
    arg_drops++;
}

static int held_job(struct gyre_job *j, void *arg)
{
    (void)j;
    (void)arg;
    gate_pass(&running_gate);
    return 0;
}

static int never_begun(struct gyre_job *j, void *arg)
{
    (void)j;
    (void)arg;
    return 0;
}

static void begin_everything(struct fixture *f)
{
    arg_drops = 0;
    gate_close(&running_gate);
    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    submit_all(f, 1, 2, NULL);
    job = gyre_offload(f->loop, pool, 0, never_begun, drop_arg, NULL);
    ending = make_pool(1);
    running = gyre_offload(f->loop, ending, GYRE_JOB_ABANDON, held_job, drop_arg, NULL);
    gate_await(&running_gate, 1);
    end = gyre_pool_shutdown(f->loop, ending, GYRE_POOL_DRAIN, gyre_loop_now(f->loop) + GYRE_S(5));
}

/* Nothing of all that has suffered in the parent. */
static void end_everything(struct fixture *f)
{
    gate_open(&gate);
    gate_open(&running_gate);
    run_all(f);
    ASSERT_TRACE(f, 0, 1, 2);
    assert_int_equal(gyre_future_error(job), 0);
    assert_int_equal(gyre_future_error(running), 0);
    assert_int_equal(gyre_future_error(end), 0);
    assert_int_equal(arg_drops, 0);
    gyre_future_unref(job);
    gyre_future_unref(running);
    gyre_future_unref(end);
    assert_int_equal(gyre_pool_destroy(ending, GYRE_NEVER), 0);
}

static void fork_amid_everything(struct fixture *f, int (*body)(struct fixture *f))
{
    begin_everything(f);
    pid_t pid = fork();
    if (pid == 0) {
        (void)alarm(WATCHDOG_S);
        _exit(body(f));
    }
    assert_child_succeeds(pid);
    end_everything(f);
}

/* ------------------------------------------------------------------ without taking the loop over */

static int use_nothing(struct fixture *f)
{
    struct gyre_pool_stats stats = { .size = sizeof(stats) };

    CHECK(gyre_pool_get_stats(pool, &stats) == -EOWNERDEAD);
    CHECK(gyre_work_submit(&tasks[3].work, pool, 0) != 0);
    CHECK(!gyre_work_cancel(&tasks[1].work));
    CHECK(!gyre_future_cancel(job));
    CHECK(gyre_future_error(gyre_offload(f->loop, pool, 0, never_begun, NULL, NULL)) ==
          -EOWNERDEAD);
    CHECK(gyre_future_error(gyre_pool_room(f->loop, pool)) == -EOWNERDEAD);
    CHECK(gyre_loop_pool(f->loop) == NULL);
    CHECK(gyre_loop_call(f->loop, NULL, NULL, 0, NULL) == -EINVAL);
    return 0;
}

static void child_is_refused_before_it_takes_the_loop_over(void **state)
{
    fork_amid_everything(fixture_of(state), use_nothing);
}

static int destroy_loop_first(struct fixture *f)
{
    CHECK(gyre_loop_destroy(f->loop) == 0);
    CHECK(gyre_pool_destroy(pool, GYRE_NEVER) == 0);
    CHECK(gyre_pool_destroy(ending, GYRE_NEVER) == 0);
    gyre_future_unref(job);
    gyre_future_unref(running);
    gyre_future_unref(end);
    CHECK(f->trace_count == 0);
    CHECK(arg_drops == 1); /* of the job that waits; the other one has its argument */
    return 0;
}

static void child_may_destroy_the_loop_before_the_pools(void **state)
{
    fork_amid_everything(fixture_of(state), destroy_loop_first);
}

static int destroy_pools_first(struct fixture *f)
{
    CHECK(gyre_pool_destroy(pool, GYRE_NEVER) == 0);
    CHECK(gyre_pool_destroy(ending, 0) == 0);
    CHECK(gyre_loop_destroy(f->loop) == 0);
    gyre_future_unref(job);
    gyre_future_unref(running);
    gyre_future_unref(end);
    return 0;
}

static void child_may_destroy_the_pools_before_the_loop(void **state)
{
    fork_amid_everything(fixture_of(state), destroy_pools_first);
}

/* ------------------------------------------------------------------ taken over */

static int everything_has_ended(struct fixture *f)
{
    CHECK(gyre_loop_after_fork(f->loop) == 0);
    CHECK(gyre_loop_run(f->loop) == GYRE_RUN_DONE);
    CHECK(f->trace_count == 3);
    for (int i = 0; i < 3; i++)
        CHECK(tasks[i].ends == 1 && tasks[i].status == -EOWNERDEAD);
    CHECK(gyre_future_error(job) == -EOWNERDEAD);
    CHECK(gyre_future_error(running) == -EOWNERDEAD);
    CHECK(gyre_future_error(end) == -EOWNERDEAD);
    CHECK(arg_drops == 1);
    return 0;
}

static int take_over(struct fixture *f)
{
    if (everything_has_ended(f))
        return 1;
    CHECK(gyre_loop_destroy(f->loop) == 0);
    CHECK(gyre_pool_destroy(pool, GYRE_NEVER) == 0);
    return gyre_pool_destroy(ending, GYRE_NEVER);
}

static void jobs_under_way_end_in_a_child_that_takes_the_loop_over(void **state)
{
    fork_amid_everything(fixture_of(state), take_over);
}

static int destroy_pools_then_take_over(struct fixture *f)
{
    CHECK(gyre_pool_destroy(pool, 0) == 0);
    CHECK(gyre_pool_destroy(ending, 0) == 0);
    if (everything_has_ended(f))
        return 1;
    return gyre_loop_destroy(f->loop);
}

static void jobs_under_way_end_also_when_their_pools_are_freed(void **state)
{
    fork_amid_everything(fixture_of(state), destroy_pools_then_take_over);
}

/* The pools are freed, so whoever asks them is found out. */
static int cancel_everything(struct fixture *f)
{
    CHECK(gyre_pool_destroy(pool, 0) == 0);
    CHECK(gyre_pool_destroy(ending, 0) == 0);
    CHECK(gyre_loop_after_fork(f->loop) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(!gyre_work_cancel(&tasks[i].work)); /* it has ended already */
    CHECK(gyre_future_cancel(job));
    CHECK(gyre_future_cancel(running));
    CHECK(gyre_future_cancel(end));
    CHECK(gyre_future_state(running) == GYRE_FUTURE_CANCELLED);
    CHECK(gyre_future_state(end) == GYRE_FUTURE_CANCELLED);
    CHECK(gyre_loop_run(f->loop) == GYRE_RUN_DONE);
    CHECK(f->trace_count == 3);
    CHECK(gyre_future_error(job) == -EOWNERDEAD);
    CHECK(arg_drops == 1);
    return gyre_loop_destroy(f->loop);
}

static void child_may_cancel_what_was_under_way(void **state)
{
    fork_amid_everything(fixture_of(state), cancel_everything);
}

static int close_before_they_are_told(struct fixture *f)
{
    CHECK(gyre_loop_after_fork(f->loop) == 0);
    CHECK(gyre_loop_destroy(f->loop) == 0);
    CHECK(f->trace_count == 0);
    CHECK(arg_drops == 1);
    CHECK(gyre_pool_destroy(pool, 0) == 0);
    return 0;
}

static void child_may_take_over_and_close(void **state)
{
    fork_amid_everything(fixture_of(state), close_before_they_are_told);
}

static int use_new_pools(struct fixture *f)
{
    if (everything_has_ended(f))
        return 1;
    CHECK(gyre_work_submit(&tasks[0].work, pool, 0) == -EOWNERDEAD);
    CHECK(gyre_pool_destroy(pool, 0) == 0);
    pool = make_pool(2);
    for (int i = 0; i < 3; i++) {
        tasks[i].inside = NULL;
        CHECK(gyre_work_submit(&tasks[i].work, i < 2 ? pool : NULL, 0) == 0);
    }
    CHECK(gyre_loop_run(f->loop) == GYRE_RUN_DONE);
    CHECK(f->trace_count == 6);
    CHECK(tasks[2].status == 0);
    CHECK(gyre_pool_destroy(pool, GYRE_NEVER) == 0);
    return gyre_loop_destroy(f->loop);
}

/* G-3 */
static void child_may_go_on_with_new_pools(void **state)
{
    if (BUILT_WITH_TSAN)
        skip();
    fork_amid_everything(fixture_of(state), use_new_pools);
}

static int fork_again(struct fixture *f)
{
    if (gyre_loop_after_fork(f->loop) != 0)
        return 1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(destroy_pools_then_take_over(f));
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
    return everything_has_ended(f) || gyre_loop_destroy(f->loop);
}

static void grandchild_may_do_the_same(void **state)
{
    fork_amid_everything(fixture_of(state), fork_again);
}

/* ------------------------------------------------------------------ idle, or home */

static int job_that_is_home_is_kept(struct fixture *f)
{
    CHECK(gyre_loop_after_fork(f->loop) == 0);
    CHECK(gyre_pool_destroy(pool, 0) == 0);
    CHECK(gyre_loop_run(f->loop) == GYRE_RUN_DONE);
    CHECK(f->trace_count == 1);
    CHECK(tasks[0].status == 0);
    CHECK((intptr_t)gyre_future_peek(end) == 0 && gyre_future_error(end) == 0);
    return gyre_loop_destroy(f->loop);
}

static void what_is_home_already_ends_as_it_has(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, NULL);
    end = gyre_pool_shutdown(f->loop, pool, GYRE_POOL_DRAIN, GYRE_NEVER);
    await_news(f->loop);
    pid_t pid = fork();
    if (pid == 0)
        _exit(job_that_is_home_is_kept(f));
    assert_child_succeeds(pid);
    run_all(f);
    ASSERT_TRACE(f, 0);
    gyre_future_unref(end);
}

static int use_own_pool_anew(struct fixture *f)
{
    CHECK(gyre_loop_after_fork(f->loop) == 0);
    CHECK(gyre_work_submit(&tasks[0].work, NULL, 0) == 0);
    CHECK(gyre_loop_run(f->loop) == GYRE_RUN_DONE);
    CHECK(tasks[0].ends == 2);
    return gyre_loop_destroy(f->loop);
}

/* G-3: a thread that is idle in the parent is not there in the child. */
static void own_pool_is_made_anew(void **state)
{
    struct fixture *f = fixture_of(state);

    if (BUILT_WITH_TSAN)
        skip();
    end_pool();
    (void)submit(f, 0, NULL);
    run_all(f);
    pid_t pid = fork();
    if (pid == 0)
        _exit(use_own_pool_anew(f));
    assert_child_succeeds(pid);
    (void)submit(f, 0, NULL);
    run_all(f);
    assert_int_equal(tasks[0].ends, 2);
}

/* ------------------------------------------------------------------ calls into the loop */

static int calls_begun;

static struct gyre_future *start_sleep(struct gyre_loop *loop, void *arg)
{
    (void)arg;
    calls_begun++;
    return gyre_sleep(loop, GYRE_S(500));
}

static int nobody_waits_for_calls(struct fixture *f)
{
    CHECK(gyre_loop_after_fork(f->loop) == 0);
    CHECK(gyre_loop_run(f->loop) == GYRE_RUN_DONE);
    CHECK(calls_begun == 1);
    return gyre_loop_destroy(f->loop);
}

/* One has begun, one has not: their callers are not in the child. */
static void calls_of_threads_that_are_not_there_are_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller first = { .loop = f->loop, .fn = start_sleep, .timeout = GYRE_NEVER };
    struct caller second = first;

    calls_begun = 0;
    start_caller(&first);
    while (calls_begun == 0)
        assert_return_code(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
    start_caller(&second);
    gyre_async_stop(&bell);
    while (!inbox_has_mail(&f->loop->inbox))
        (void)sched_yield();
    pid_t pid = fork();
    if (pid == 0)
        _exit(nobody_waits_for_calls(f));
    assert_child_succeeds(pid);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(join_caller(&first), -ESHUTDOWN);
    assert_int_equal(join_caller(&second), -ESHUTDOWN);
}

#define FORK_TEST(name) cmocka_unit_test_setup_teardown(name, caller_setup_quiet, pool_teardown)

/* Without the bell, which would keep the loop alive. */
static int caller_setup_quiet(void **state)
{
    if (caller_setup(state) < 0)
        return -1;
    (void)gyre_async_stop(&bell);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FORK_TEST(child_is_refused_before_it_takes_the_loop_over),
        FORK_TEST(child_may_destroy_the_loop_before_the_pools),
        FORK_TEST(child_may_destroy_the_pools_before_the_loop),
        FORK_TEST(jobs_under_way_end_in_a_child_that_takes_the_loop_over),
        FORK_TEST(jobs_under_way_end_also_when_their_pools_are_freed),
        FORK_TEST(child_may_cancel_what_was_under_way),
        FORK_TEST(child_may_take_over_and_close),
        FORK_TEST(child_may_go_on_with_new_pools),
        FORK_TEST(grandchild_may_do_the_same),
        FORK_TEST(what_is_home_already_ends_as_it_has),
        FORK_TEST(own_pool_is_made_anew),
        CALLER_TEST(calls_of_threads_that_are_not_there_are_cancelled),
    };

    return cmocka_run_group_tests_name("pool fork", tests, NULL, NULL);
}
