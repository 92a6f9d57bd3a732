/* The end of pools: gyre_pool_destroy in every state of its jobs.
 *
 * SPDX-License-Identifier: MIT */
#include "tasks.h"

static void run_until_told(struct task *task)
{
    while (!gyre_work_cancelled(&task->work))
        (void)sched_yield();
}

/* ------------------------------------------------------------------ destroy */

static void destroy_of_null_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(gyre_pool_destroy(NULL, GYRE_NEVER), 0);
}

static void destroy_of_the_loops_own_pool_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_pool_destroy(gyre_loop_pool(f->loop), 0), -EPERM);
    assert_int_equal(gyre_work_submit(&tasks[0].work, NULL, 0), GYRE_EUNINIT);
}

static void destroy_of_an_unused_pool_needs_no_wait(void **state)
{
    size_t before = live_bytes();
    struct gyre_pool *unused = make_pool(1);

    (void)state;
    assert_int_equal(gyre_pool_destroy(unused, 0), 0);
    assert_int_equal(live_bytes(), before);
}

/* J-4: an idle thread ends at once, whatever its idle time, and has ended when destroy returns. */
static void destroy_ends_idle_threads(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool(4);
    submit_all(f, 0, 3, hold);
    gate_await(&gate, 4);
    gate_open(&gate);
    run_all(f);
    assert_int_equal(stats_of(pool).threads, 4);
    assert_int_equal(gyre_pool_destroy(pool, 0), 0);
    pool = NULL;
}

/* J-4 */
static void destroy_waits_for_what_runs_which_is_told(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, run_until_told);
    while (runs_of(0) == 0)
        (void)sched_yield();
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
    pool = NULL;
    assert_int_equal(tasks[0].ends, 0); /* on the loop, and not before it runs */
    run_all(f);
    assert_int_equal(tasks[0].ends, 1);
    assert_int_equal(tasks[0].status, 0);
}

/* J-4 */
static void destroy_without_waiting_leaves_what_runs_alone(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool(2);
    submit_all(f, 0, 1, hold);
    gate_await(&gate, 2);
    assert_int_equal(gyre_pool_destroy(pool, 0), 2);
    pool = NULL;
    assert_int_equal(tasks[0].ends, 0);
    gate_open(&gate);
    run_all(f);
    assert_int_equal(tasks[0].ends + tasks[1].ends, 2);
    assert_int_equal(tasks[0].status, 0);
}

static void destroy_gives_up_when_its_time_is_over(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    assert_int_equal(gyre_pool_destroy(pool, GYRE_MS(2)), 1);
    pool = NULL;
    gate_open(&gate);
    run_all(f);
    ASSERT_TRACE(f, 0);
}

/* J-4 */
static void destroy_cancels_what_waits(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    submit_all(f, 1, 3, NULL);
    assert_int_equal(gyre_pool_destroy(pool, 0), 1);
    pool = NULL;
    (void)run_ready(f);
    ASSERT_TRACE(f, 1, 2, 3);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(tasks[i].status, -ECANCELED);
        assert_int_equal(runs_of(i), 0);
    }
    gate_open(&gate);
    run_all(f);
    ASSERT_TRACE(f, 1, 2, 3, 0);
}

/* J-4 */
static void destroy_ends_once_what_was_cancelled_before(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    (void)submit(f, 1, NULL);
    assert_true(gyre_work_cancel(&tasks[1].work));
    assert_false(gyre_work_cancel(&tasks[0].work));
    assert_int_equal(gyre_pool_destroy(pool, 0), 1);
    pool = NULL;
    gate_open(&gate);
    run_all(f);
    ASSERT_TRACE(f, 1, 0);
}

static int destroy_result;

static void destroy_from_inside(struct task *task)
{
    (void)task;
    destroy_result = gyre_pool_destroy(pool, GYRE_NEVER);
}

/* J-4 */
static void worker_cannot_destroy_its_own_pool(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, destroy_from_inside);
    run_all(f);
    assert_int_equal(destroy_result, -EDEADLK);
    (void)submit(f, 1, NULL);
    run_all(f);
    ASSERT_TRACE(f, 0, 1);
}

static void destroy_another(struct task *task)
{
    (void)task;
    destroy_result = gyre_pool_destroy(pool, GYRE_NEVER);
    pool = NULL;
}

static void worker_can_destroy_another_pool(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *other = make_pool(1);

    submit_all(f, 0, 2, NULL);
    (void)init_task(f, f->loop, 3, destroy_another);
    assert_int_equal(gyre_work_submit(&tasks[3].work, other, 0), 0);
    run_all(f);
    assert_int_equal(destroy_result, 0);
    assert_int_equal(f->trace_count, 4);
    assert_int_equal(gyre_pool_destroy(other, GYRE_NEVER), 0);
}

static void *destroy_it(void *arg)
{
    destroy_result = gyre_pool_destroy(arg, GYRE_NEVER);
    return NULL;
}

static void any_thread_can_destroy_a_pool(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;

    submit_all(f, 0, 9, NULL);
    assert_int_equal(pthread_create(&thread, NULL, destroy_it, pool), 0);
    run_all(f); /* sleeps until what was cancelled comes too */
    assert_int_equal(pthread_join(thread, NULL), 0);
    pool = NULL;
    assert_int_equal(destroy_result, 0);
    assert_int_equal(f->trace_count, 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(tasks[i].status, runs_of(i) ? 0 : -ECANCELED);
}

/* ------------------------------------------------------------------ those that submit themselves */

static int refusal;

static void submit_again(struct task *task)
{
    refusal = gyre_work_submit(&task->work, pool, 0);
}

/* J-4: whenever the end comes, each submission ends exactly once. */
static void job_that_submits_itself_ends_with_the_pool(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 0; i < 4; i++)
        init_task(f, f->loop, i, NULL)->after = submit_again;
    for (int i = 0; i < 4; i++)
        assert_int_equal(gyre_work_submit(&tasks[i].work, pool, 0), 0);
    while (f->trace_count < 50)
        assert_return_code(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
    struct gyre_future *end =
        gyre_pool_shutdown(f->loop, pool, GYRE_POOL_CANCEL_QUEUED, GYRE_NEVER);
    run_all(f);
    assert_int_equal(refusal, -ESHUTDOWN);
    assert_int_equal(gyre_future_error(end), 0);
    gyre_future_unref(end);
    struct gyre_pool_stats stats = stats_of(pool);
    assert_int_equal(f->trace_count, stats.completed + stats.cancelled);
}

/* ------------------------------------------------------------------ who ends first */

static void pool_may_outlive_its_loops(void **state)
{
    struct fixture *f = fixture_of(state);

    submit_all(f, 0, 3, NULL);
    run_all(f);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = make_loop();
    submit_all(f, 4, 7, NULL);
    run_all(f);
    assert_int_equal(f->trace_count, 8);
}

static void pool_may_end_before_its_loops(void **state)
{
    struct fixture *f = fixture_of(state);

    submit_all(f, 0, 3, NULL);
    run_all(f);
    end_pool();
    pool = make_pool(1);
    submit_all(f, 4, 7, NULL);
    run_all(f);
    assert_int_equal(f->trace_count, 8);
}

/* Nothing is kept of a pool that is gone just because the loop once used it. */
static void loop_forgets_pools_that_are_gone(void **state)
{
    struct fixture *f = fixture_of(state);
    size_t most = 0;

    for (int i = 0; i < 40; i++) {
        pool = make_pool(1);
        (void)submit(f, 0, NULL);
        run_all(f);
        end_pool();
        if (i == 10)
            most = live_bytes();
    }
    assert_true(live_bytes() <= most);
}

/* The last of its jobs frees it, on a loop that has ended or not. */
static void abandoned_pool_is_freed_with_its_last_job(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    pool = make_pool(2);
    (void)submit(f, 0, hold);
    (void)init_task(f, other, 1, hold);
    assert_int_equal(gyre_work_submit(&tasks[1].work, pool, 0), 0);
    gate_await(&gate, 2);
    assert_int_equal(gyre_pool_destroy(pool, 0), 2);
    pool = NULL;
    gate_open(&gate);
    assert_int_equal(gyre_loop_destroy(other), 0);
    run_all(f);
    ASSERT_TRACE(f, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOLLESS_TEST(destroy_of_null_does_nothing),
        POOL_TEST(destroy_of_the_loops_own_pool_is_refused),
        POOL_TEST(destroy_of_an_unused_pool_needs_no_wait),
        POOLLESS_TEST(destroy_ends_idle_threads),
        POOL_TEST(destroy_waits_for_what_runs_which_is_told),
        POOLLESS_TEST(destroy_without_waiting_leaves_what_runs_alone),
        POOL_TEST(destroy_gives_up_when_its_time_is_over),
        POOL_TEST(destroy_cancels_what_waits),
        POOL_TEST(destroy_ends_once_what_was_cancelled_before),
        POOL_TEST(worker_cannot_destroy_its_own_pool),
        POOL_TEST(worker_can_destroy_another_pool),
        POOL_TEST(any_thread_can_destroy_a_pool),
        POOL_TEST(job_that_submits_itself_ends_with_the_pool),
        POOL_TEST(pool_may_outlive_its_loops),
        POOL_TEST(pool_may_end_before_its_loops),
        POOLLESS_TEST(loop_forgets_pools_that_are_gone),
        POOLLESS_TEST(abandoned_pool_is_freed_with_its_last_job),
    };

    return cmocka_run_group_tests_name("pool end", tests, NULL, NULL);
}
