/* Pools: when threads start and end, in which order jobs run, and what a full queue does.
 *
 * SPDX-License-Identifier: MIT */
#include "tasks.h"

static struct gyre_pool *make_pool_with(struct gyre_pool_options opt)
{
    struct gyre_pool *made = NULL;

    opt.size = sizeof(opt);
    opt.allocator = &test_allocator;
    assert_int_equal(gyre_pool_create(&opt, &made), 0);
    return made;
}

/* ------------------------------------------------------------------ options */

static void impossible_options_are_refused(void **state)
{
    static const struct gyre_allocator half = { .alloc = NULL };
    const struct gyre_pool_options bad[] = {
        { .size = 0 },
        { .size = sizeof(bad[0]), .max_threads = 2, .min_threads = 3 },
        { .size = sizeof(bad[0]), .max_threads = 1025 },
        { .size = sizeof(bad[0]), .stack_size = 1 },
        { .size = sizeof(bad[0]), .allocator = &half },
    };
    struct gyre_pool *made = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(gyre_pool_create(&bad[i], &made), -EINVAL);
    assert_int_equal(gyre_pool_create(NULL, NULL), -EINVAL);
    assert_null(made);
}

static void options_of_a_shorter_struct_mean_the_rest_is_zero(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool_options opt = pool_options(1);

    opt.size = offsetof(struct gyre_pool_options, min_threads);
    opt.min_threads = 7;
    assert_int_equal(gyre_pool_create(&opt, &pool), 0);
    submit_all(f, 0, 3, NULL);
    run_all(f);
    assert_int_equal(stats_of(pool).max_threads, 1);
}

/* ------------------------------------------------------------------ threads */

static void pool_without_jobs_has_no_thread(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(count_threads(), f->threads_before);
    assert_int_equal(stats_of(pool).threads, 0);
    assert_int_equal(gyre_pool_destroy(pool, 0), 0);
    pool = NULL;
}

static void first_job_starts_one_thread(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool(4);
    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    assert_int_equal(stats_of(pool).threads, 1);
    assert_int_equal(count_threads(), f->threads_before + 1);
    gate_open(&gate);
    run_all(f);
}

static void jobs_that_follow_each_other_need_one_thread(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool(4);
    for (int i = 0; i < 40; i++) {
        (void)submit(f, i, NULL);
        run_all(f);
    }
    assert_int_equal(stats_of(pool).max_threads, 1);
    assert_int_equal(f->trace_count, 40);
}

/* J-2: one thread more for each, and later one signal each to those that are idle. */
static void jobs_submitted_at_once_run_side_by_side(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool(4);
    for (int round = 0; round < 50; round++) {
        gate_close(&gate);
        submit_all(f, 0, 3, hold);
        gate_await(&gate, 4);
        gate_open(&gate);
        run_all(f);
        f->trace_count = 0;
    }
    assert_int_equal(stats_of(pool).max_threads, 4);
}

static void no_more_threads_run_than_allowed(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool(3);
    submit_all(f, 0, 9, hold);
    gate_await(&gate, 3);
    assert_int_equal(stats_of(pool).threads, 3);
    assert_int_equal(stats_of(pool).busy, 3);
    assert_int_equal(stats_of(pool).queued, 7);
    gate_open(&gate);
    run_all(f);
    assert_int_equal(f->trace_count, 10);
    assert_int_equal(stats_of(pool).max_threads, 3);
    assert_int_equal(stats_of(pool).max_busy, 3);
}

static void default_is_four_threads_or_more(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool(0);
    submit_all(f, 0, 3, hold);
    gate_await(&gate, 4);
    gate_open(&gate);
    run_all(f);
}

/* ------------------------------------------------------------------ idle threads */

/* Whether the pool comes to have `threads`, within a time that a loaded machine needs. */
static bool comes_to(unsigned threads)
{
    for (int i = 0; i < 20000; i++) {
        if (stats_of(pool).threads == threads)
            return true;
        pause_a_little();
    }
    return false;
}

static void idle_threads_end_and_the_next_job_starts_one(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool_with((struct gyre_pool_options){ .max_threads = 3, .idle_time = GYRE_MS(1) });
    for (int round = 0; round < 3; round++) {
        gate_close(&gate);
        submit_all(f, 0, 2, hold);
        gate_await(&gate, 3);
        gate_open(&gate);
        run_all(f);
        assert_true(comes_to(0));
    }
    assert_int_equal(f->trace_count, 9);
}

static void idle_threads_up_to_the_minimum_stay(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool_with(
        (struct gyre_pool_options){ .max_threads = 4, .min_threads = 2, .idle_time = GYRE_MS(1) });
    submit_all(f, 0, 3, hold);
    gate_await(&gate, 4);
    gate_open(&gate);
    run_all(f);
    assert_true(comes_to(2));
    for (int i = 0; i < 20; i++) {
        pause_a_little();
        assert_int_equal(stats_of(pool).threads, 2);
    }
}

/* The thread is about to end, or has, or waits: whichever it is, the job must not be forgotten. */
static void job_that_comes_as_a_thread_ends_is_run(void **state)
{
    struct fixture *f = fixture_of(state);

    f->wait_limit = 100000;
    pool = make_pool_with((struct gyre_pool_options){ .max_threads = 2, .idle_time = 1 });
    for (int i = 0; i < 1000; i++) {
        (void)submit(f, i % TASK_LIMIT, NULL);
        if (i % 3 == 0)
            (void)sched_yield();
        run_all(f);
        f->trace_count = 0;
    }
    assert_int_equal(stats_of(pool).completed, 1000);
}

/* ------------------------------------------------------------------ order */

static void assert_ran(const int *expected, int count)
{
    assert_int_equal(ran_count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(ran[i], expected[i]);
}

static void jobs_start_in_the_order_of_submission(void **state)
{
    struct fixture *f = fixture_of(state);
    static const int expected[] = { 0, 1, 2, 3, 4, 5 };

    (void)submit(f, 0, hold);
    submit_all(f, 1, 5, NULL);
    gate_open(&gate);
    run_all(f);
    assert_ran(expected, 6);
    ASSERT_TRACE(f, 0, 1, 2, 3, 4, 5);
}

static void low_jobs_start_when_there_are_no_others(void **state)
{
    struct fixture *f = fixture_of(state);
    static const int expected[] = { 0, 2, 4, 1, 3 };

    (void)submit(f, 0, hold);
    for (int i = 1; i <= 4; i++) {
        (void)init_task(f, f->loop, i, NULL);
        assert_int_equal(gyre_work_submit(&tasks[i].work, pool, i % 2 ? GYRE_JOB_LOW : 0), 0);
    }
    gate_open(&gate);
    run_all(f);
    assert_ran(expected, 5);
}

/* ------------------------------------------------------------------ a bounded queue */

static void full_queue_refuses_and_changes_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool_with((struct gyre_pool_options){ .max_threads = 1, .queue_limit = 2 });
    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    submit_all(f, 1, 2, NULL);
    (void)init_task(f, f->loop, 3, NULL);
    assert_int_equal(gyre_work_submit(&tasks[3].work, pool, 0), -EAGAIN);
    assert_int_equal(gyre_work_submit(&tasks[3].work, pool, GYRE_JOB_LOW), -EAGAIN);
    assert_false(gyre_work_is_started(&tasks[3].work));
    assert_int_equal(stats_of(pool).queued, 2);
    gate_open(&gate);
    run_all(f);
    (void)submit(f, 3, NULL);
    run_all(f);
    ASSERT_TRACE(f, 0, 1, 2, 3);
}

static void job_taken_back_makes_room(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool_with((struct gyre_pool_options){ .max_threads = 1, .queue_limit = 1 });
    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    (void)submit(f, 1, NULL);
    struct gyre_future *room = gyre_pool_room(f->loop, pool);
    (void)run_ready(f);
    assert_int_equal(gyre_future_state(room), GYRE_FUTURE_PENDING);
    assert_true(gyre_work_cancel(&tasks[1].work));
    (void)run_ready(f);
    assert_int_equal(gyre_future_error(room), 0);
    gyre_future_unref(room);
    (void)submit(f, 2, NULL);
    gate_open(&gate);
    run_all(f);
    ASSERT_TRACE(f, 1, 0, 2);
}

static void room_is_there_when_a_job_is_taken_from_the_queue(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool_with((struct gyre_pool_options){ .max_threads = 1, .queue_limit = 1 });
    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    (void)submit(f, 1, NULL);
    struct gyre_future *rooms[] = { gyre_pool_room(f->loop, pool), gyre_pool_room(f->loop, pool) };
    gate_open(&gate);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gyre_loop_run_until(f->loop, rooms[i]), GYRE_RUN_DONE);
        assert_int_equal(gyre_future_error(rooms[i]), 0);
        gyre_future_unref(rooms[i]);
    }
    run_all(f);
}

static void queue_without_a_limit_always_has_room(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *room = gyre_pool_room(f->loop, pool);

    assert_int_equal(gyre_future_state(room), GYRE_FUTURE_PENDING); /* never inside the call */
    assert_int_equal(gyre_loop_run_until(f->loop, room), GYRE_RUN_DONE);
    assert_int_equal(gyre_future_error(room), 0);
    assert_int_equal(stats_of(pool).threads, 0);
    gyre_future_unref(room);
}

static void cancelled_wait_for_room_leaves_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool_with((struct gyre_pool_options){ .max_threads = 1, .queue_limit = 1 });
    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    (void)submit(f, 1, NULL);
    struct gyre_future *room = gyre_pool_room(f->loop, pool);
    assert_true(gyre_future_cancel(room));
    assert_int_equal(gyre_future_state(room), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(room);
    gyre_future_unref(gyre_pool_room(f->loop, pool)); /* nor one whose last reference goes */
    gate_open(&gate);
    run_all(f);
    ASSERT_TRACE(f, 0, 1);
}

/* ------------------------------------------------------------------ no thread to be had */

static void job_is_refused_while_no_thread_can_be_started(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)init_task(f, f->loop, 0, NULL);
    fail_call(SYS_THREAD_CREATE, 1, EAGAIN, true);
    for (int i = 0; i < 2; i++)
        assert_int_equal(gyre_work_submit(&tasks[0].work, pool, 0), -EAGAIN);
    disarm_faults();
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_work_submit(&tasks[0].work, pool, 0), 0);
    run_all(f);
    ASSERT_TRACE(f, 0);
}

/* J-6 */
static void pool_works_with_the_threads_it_could_start(void **state)
{
    struct fixture *f = fixture_of(state);

    for (unsigned k = 2; k <= 5; k++) {
        pool = make_pool(5);
        gate_close(&gate);
        f->trace_count = 0;
        fail_call(SYS_THREAD_CREATE, k, EAGAIN, true);
        submit_all(f, 0, 9, hold);
        gate_await(&gate, (int)k - 1);
        assert_int_equal(stats_of(pool).threads, k - 1);
        gate_open(&gate);
        run_all(f);
        disarm_faults();
        assert_int_equal(f->trace_count, 10);
        end_pool();
    }
}

/* ------------------------------------------------------------------ several pools, several loops */

static void pool_of_null_is_the_loops_own(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *own = gyre_loop_pool(f->loop);

    assert_non_null(own);
    assert_ptr_equal(gyre_loop_pool(f->loop), own);
    assert_int_equal(stats_of(own).threads, 0);
    (void)submit(f, 0, NULL); /* `pool` is NULL here */
    run_all(f);
    assert_int_equal(stats_of(own).completed, 1);
    assert_null(gyre_loop_pool(NULL));
}

static void one_loop_may_use_several_pools(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *other = make_pool(1);

    pool = make_pool(1);
    (void)submit(f, 0, hold);
    (void)init_task(f, f->loop, 1, hold);
    assert_int_equal(gyre_work_submit(&tasks[1].work, other, 0), 0);
    gate_await(&gate, 2);
    assert_int_equal(stats_of(pool).busy, 1);
    assert_int_equal(stats_of(other).busy, 1);
    gate_open(&gate);
    run_all(f);
    assert_int_equal(gyre_pool_destroy(other, GYRE_NEVER), 0);
}

static void each_job_ends_on_the_loop_that_submitted_it(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    (void)submit(f, 0, hold);
    (void)init_task(f, other, 1, NULL);
    assert_int_equal(gyre_work_submit(&tasks[1].work, pool, 0), 0);
    gate_open(&gate);
    run_all(f);
    ASSERT_TRACE(f, 0);
    assert_int_equal(gyre_loop_run(other), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 0, 1);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOLLESS_TEST(impossible_options_are_refused),
        POOLLESS_TEST(options_of_a_shorter_struct_mean_the_rest_is_zero),
        POOL_TEST(pool_without_jobs_has_no_thread),
        POOLLESS_TEST(first_job_starts_one_thread),
        POOLLESS_TEST(jobs_that_follow_each_other_need_one_thread),
        POOLLESS_TEST(jobs_submitted_at_once_run_side_by_side),
        POOLLESS_TEST(no_more_threads_run_than_allowed),
        POOLLESS_TEST(default_is_four_threads_or_more),
        POOLLESS_TEST(idle_threads_end_and_the_next_job_starts_one),
        POOLLESS_TEST(idle_threads_up_to_the_minimum_stay),
        POOLLESS_TEST(job_that_comes_as_a_thread_ends_is_run),
        POOL_TEST(jobs_start_in_the_order_of_submission),
        POOL_TEST(low_jobs_start_when_there_are_no_others),
        POOLLESS_TEST(full_queue_refuses_and_changes_nothing),
        POOLLESS_TEST(job_taken_back_makes_room),
        POOLLESS_TEST(room_is_there_when_a_job_is_taken_from_the_queue),
        POOL_TEST(queue_without_a_limit_always_has_room),
        POOLLESS_TEST(cancelled_wait_for_room_leaves_nothing),
        POOL_TEST(job_is_refused_while_no_thread_can_be_started),
        POOLLESS_TEST(pool_works_with_the_threads_it_could_start),
        POOLLESS_TEST(pool_of_null_is_the_loops_own),
        POOLLESS_TEST(one_loop_may_use_several_pools),
        POOL_TEST(each_job_ends_on_the_loop_that_submitted_it),
    };

    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
