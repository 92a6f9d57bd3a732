/* What a worker takes along, in which order it runs, and who else may have it. Step by step, with
 * workers that no thread runs.
 *
 * SPDX-License-Identifier: MIT */
#include "hands.h"

/* ------------------------------------------------------------------ what is taken along */

static void worker_takes_along_what_it_will_have_run_soon(void **state)
{
    hire(2);
    set_pace(0, 4);
    submit_all(fixture_of(state), 0, 8, NULL);
    assert_int_equal(take(0), 0);
    assert_int_equal(held_by(0), 4);
    assert_int_equal(pool->queued, 4);
    assert_int_equal(take(1), 5);
    assert_int_equal(held_by(1), 3);
    finish(0);
    finish(1);
    ASSERT_RAN(0, 1, 2, 3, 4, 5, 6, 7, 8);
    run_all(fixture_of(state));
}

static void hand_holds_no_more_than_it_can(void **state)
{
    hire(1);
    submit_all(fixture_of(state), 0, HAND_SIZE + 3, NULL);
    assert_int_equal(take(0), 0);
    assert_int_equal(held_by(0), HAND_SIZE);
    assert_int_equal(pool->queued, 3);
    finish(0);
    work_on(0);
    run_all(fixture_of(state));
    assert_int_equal(fixture_of(state)->trace_count, HAND_SIZE + 4);
}

static void worker_whose_jobs_are_long_takes_one_at_a_time(void **state)
{
    hire(1);
    submit_all(fixture_of(state), 0, 2, NULL);
    for (int i = 0; i <= 2; i++) {
        workers[0].pace = i == 0 ? 0 : WAKE_TIME + 1; /* at first nothing is known of them */
        assert_int_equal(take(0), i);
        assert_int_equal(held_by(0), 0);
        finish(0);
    }
    run_all(fixture_of(state));
}

static void jobs_of_low_priority_stay_in_the_queue(void **state)
{
    struct fixture *f = fixture_of(state);

    hire(1);
    for (int i = 0; i <= 5; i++) {
        (void)init_task(f, f->loop, i, NULL);
        assert_int_equal(gyre_work_submit(&tasks[i].work, pool, i < 3 ? GYRE_JOB_LOW : 0), 0);
    }
    assert_int_equal(take(0), 3);
    assert_int_equal(held_by(0), 2);
    assert_int_equal(pool->queued, 3);
    finish(0);
    assert_int_equal(take(0), 0);
    assert_int_equal(held_by(0), 0);
    finish(0);
    work_on(0);
    ASSERT_RAN(3, 4, 5, 0, 1, 2);
    run_all(f);
}

/* A place in it is free when a job begins, and not before. */
static void nothing_is_taken_along_from_a_bounded_queue(void **state)
{
    struct gyre_pool_options opt = pool_options(1);

    opt.queue_limit = 4;
    hire_with(opt, 1);
    submit_all(fixture_of(state), 0, 3, NULL);
    assert_int_equal(take(0), 0);
    assert_int_equal(held_by(0), 0);
    assert_int_equal(stats_of(pool).queued, 3);
    finish(0);
    work_on(0);
    run_all(fixture_of(state));
}

/* ------------------------------------------------------------------ the order */

static void one_worker_runs_all_in_the_order_of_submission(void **state)
{
    struct fixture *f = fixture_of(state);

    hire(1);
    submit_all(f, 0, 19, NULL);
    (void)take(0);
    submit_all(f, 20, 49, NULL);
    finish(0);
    work_on(0);
    assert_int_equal(ran_count, 50);
    run_all(f);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(ran[i], i);
        assert_int_equal(f->trace[i], i);
    }
}

static void jobs_that_come_meanwhile_wait_behind_those_in_hand(void **state)
{
    struct fixture *f = fixture_of(state);

    hire(1);
    submit_all(f, 0, 2, NULL);
    assert_int_equal(take(0), 0);
    (void)submit(f, 3, NULL);
    assert_int_equal(pool->queued, 0);
    finish(0);
    work_on(0);
    ASSERT_RAN(0, 1, 2, 3);
    run_all(f);
    ASSERT_TRACE(f, 0, 1, 2, 3);
}

/* ------------------------------------------------------------------ who else may have it */

static void idle_worker_takes_what_waits_too_long_in_the_hand_of_a_busy_one(void **state)
{
    hire(2);
    set_pace(0, 2);
    submit_all(fixture_of(state), 0, 4, NULL);
    assert_int_equal(take(0), 0); /* which is long: it has 1 and 2 in hand */
    put_off(0);
    work_on(1);
    ASSERT_RAN(3, 4);
    workers[1].now = workers[0].filled + HAND_PATIENCE - 1;
    assert_int_equal(take(1), NO_TASK);
    lose_patience(1, 0);
    work_on(1);
    ASSERT_RAN(3, 4, 1, 2);
    assert_int_equal(held_by(0), 0);
    finish(0);
    run_all(fixture_of(state));
}

/* Also if there is always something else to do, so that nobody is ever idle. */
static void what_is_in_hand_for_too_long_goes_back_before_all_others(void **state)
{
    struct fixture *f = fixture_of(state);

    hire(2);
    set_pace(0, 2);
    set_pace(1, 0);
    submit_all(f, 0, 4, NULL);
    assert_int_equal(take(0), 0);
    put_off(0);
    assert_int_equal(take(1), 3);
    finish(1);
    (void)submit(f, 5, NULL);
    lose_patience(1, 0);
    work_on(1);
    ASSERT_RAN(3, 1, 2, 4, 5);
    finish(0);
    run_all(f);
}

/* Workers 0 and 1 have long jobs, and tasks 1 and 3 in hand. */
static void hold_two(struct fixture *f)
{
    hire(3);
    for (int i = 0; i < 2; i++) {
        set_pace(i, 1);
        submit_all(f, 2 * i, 2 * i + 1, NULL);
        assert_int_equal(take(i), 2 * i);
        assert_int_equal(held_by(i), 1);
        put_off(i);
    }
}

static void what_is_in_several_hands_goes_back_in_the_order_of_submission(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_two(f);
    lose_patience(2, 1);
    work_on(2);
    ASSERT_RAN(1, 3);
    finish(0);
    finish(1);
    run_all(f);
}

static void what_is_in_several_hands_goes_back_in_order_before_low_jobs(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_two(f);
    (void)init_task(f, f->loop, 4, NULL);
    assert_int_equal(gyre_work_submit(&tasks[4].work, pool, GYRE_JOB_LOW), 0);
    work_on(2);
    ASSERT_RAN(1, 3, 4);
    finish(0);
    finish(1);
    run_all(f);
}

/* GYRE_JOB_LOW: only when no other job waits. */
static void job_of_low_priority_waits_for_those_in_hand(void **state)
{
    struct fixture *f = fixture_of(state);

    hire(2);
    set_pace(0, 1);
    submit_all(f, 0, 2, NULL);
    (void)init_task(f, f->loop, 3, NULL);
    assert_int_equal(gyre_work_submit(&tasks[3].work, pool, GYRE_JOB_LOW), 0);
    assert_int_equal(take(0), 0);
    assert_int_equal(held_by(0), 1);
    put_off(0);
    work_on(1);
    ASSERT_RAN(2, 1, 3);
    finish(0);
    run_all(f);
}

/* The one who was called takes the last one from the queue; another has one more in hand. */
static void worker_is_called_for_what_others_have_in_hand(void **state)
{
    struct fixture *f = fixture_of(state);

    hire_with(pool_options(3), 2);
    set_pace(0, 1);
    pool->sleeping = 1; /* worker 1, until it is called */
    submit_all(f, 0, 2, NULL);
    assert_int_equal(take(0), 0);
    assert_int_equal(held_by(0), 1);
    assert_int_equal(pool->waking, 1);
    pool->sleeping = pool->waking = 0;
    assert_int_equal(take(1), 2);
    assert_int_equal(stats_of(pool).threads, 3);
    while (runs_of(1) == 0)
        pause_a_little();
    finish(0);
    finish(1);
    run_all(f);
}

static void hand_that_was_emptied_can_be_filled_again(void **state)
{
    struct fixture *f = fixture_of(state);

    hire(2);
    set_pace(0, 1);
    submit_all(f, 0, 2, NULL);
    assert_int_equal(take(0), 0);
    put_off(0);
    assert_int_equal(take(1), 2);
    finish(1);
    lose_patience(1, 0);
    assert_int_equal(take(1), 1);
    run(0);
    come_back(0);
    submit_all(f, 3, 5, NULL);
    assert_int_equal(take(0), 3);
    assert_int_equal(held_by(0), 1);
    finish(0);
    finish(1);
    work_on(1);
    ASSERT_RAN(2, 0, 3, 4, 1, 5);
    run_all(f);
}

/* ------------------------------------------------------------------ what is counted */

static void jobs_in_hand_count_as_queued(void **state)
{
    struct fixture *f = fixture_of(state);

    hire(1);
    submit_all(f, 0, 4, NULL);
    assert_int_equal(take(0), 0);
    assert_int_equal(pool->queued, 0);
    assert_int_equal(stats_of(pool).queued, 4);
    run(0);
    assert_int_equal(take_next(0), 1);
    assert_int_equal(stats_of(pool).queued, 3);
    finish(0);
    assert_int_equal(stats_of(pool).queued, 0);
    run_all(f);
}

static void most_that_were_queued_are_those_that_waited_at_once(void **state)
{
    struct fixture *f = fixture_of(state);

    hire(2);
    set_pace(0, 2);
    submit_all(f, 0, 5, NULL);
    assert_int_equal(take(0), 0); /* and 1 and 2 */
    assert_int_equal(stats_of(pool).max_queued, 6);
    submit_all(f, 6, 8, NULL); /* six again, without those in hand */
    assert_int_equal(stats_of(pool).max_queued, 6);
    (void)submit(f, 9, NULL);
    assert_int_equal(stats_of(pool).max_queued, 7);
    finish(0);
    work_on(0);
    assert_int_equal(stats_of(pool).max_queued, 7);
    run_all(f);
}

static void most_that_were_busy_ran_jobs_at_once(void **state)
{
    struct fixture *f = fixture_of(state);

    hire(3);
    for (int i = 0; i < 3; i++)
        set_pace(i, 0);
    submit_all(f, 0, 3, NULL);
    for (int i = 0; i < 2; i++) { /* one after the other */
        (void)take(i);
        finish(i);
    }
    assert_int_equal(stats_of(pool).max_busy, 1);
    (void)take(0);
    run(0); /* it is not back yet, but has no job */
    assert_int_equal(stats_of(pool).busy, 0);
    (void)take(1);
    finish(1);
    assert_int_equal(stats_of(pool).max_busy, 1);
    come_back(0);
    submit_all(f, 4, 5, NULL);
    (void)take(1);
    (void)take(2);
    finish(2);
    assert_int_equal(stats_of(pool).max_busy, 2);
    finish(1);
    run_all(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HAND_TEST(worker_takes_along_what_it_will_have_run_soon),
        HAND_TEST(hand_holds_no_more_than_it_can),
        HAND_TEST(worker_whose_jobs_are_long_takes_one_at_a_time),
        HAND_TEST(jobs_of_low_priority_stay_in_the_queue),
        HAND_TEST(nothing_is_taken_along_from_a_bounded_queue),
        HAND_TEST(one_worker_runs_all_in_the_order_of_submission),
        HAND_TEST(jobs_that_come_meanwhile_wait_behind_those_in_hand),
        HAND_TEST(idle_worker_takes_what_waits_too_long_in_the_hand_of_a_busy_one),
        HAND_TEST(what_is_in_hand_for_too_long_goes_back_before_all_others),
        HAND_TEST(what_is_in_several_hands_goes_back_in_the_order_of_submission),
        HAND_TEST(what_is_in_several_hands_goes_back_in_order_before_low_jobs),
        HAND_TEST(job_of_low_priority_waits_for_those_in_hand),
        HAND_TEST(worker_is_called_for_what_others_have_in_hand),
        HAND_TEST(hand_that_was_emptied_can_be_filled_again),
        HAND_TEST(jobs_in_hand_count_as_queued),
        HAND_TEST(most_that_were_queued_are_those_that_waited_at_once),
        HAND_TEST(most_that_were_busy_ran_jobs_at_once),
    };

    return cmocka_run_group_tests_name("hands", tests, NULL, NULL);
}
