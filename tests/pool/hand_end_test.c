/* Jobs in the hand of a worker that are cancelled, or whose pool or loop ends. Step by step, with
 * workers that no thread runs.
 *
 * SPDX-License-Identifier: MIT */
#include "hands.h"
#include "loop/child.h"

/* Task 0 runs, 1 to 3 are in the same worker's hand. */
static void hold_three(struct fixture *f)
{
    hire(1);
    submit_all(f, 0, 3, NULL);
    assert_int_equal(take(0), 0);
    assert_int_equal(held_by(0), 3);
}

static void assert_status(int from, int to, int status)
{
    for (int i = from; i <= to; i++) {
        assert_int_equal(tasks[i].ends, 1);
        assert_int_equal(tasks[i].status, status);
        assert_int_equal(runs_of(i), status == 0);
    }
}

/* ------------------------------------------------------------------ cancelled */

static void cancelled_job_in_hand_never_runs_and_ends_at_once(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_three(f);
    assert_true(gyre_work_cancel(&tasks[2].work));
    (void)run_ready(f);
    ASSERT_TRACE(f, 2);
    assert_int_equal(stats_of(pool).queued, 2);
    assert_int_equal(stats_of(pool).cancelled, 1);
    finish(0);
    ASSERT_RAN(0, 1, 3);
    run_all(f);
    assert_status(2, 2, -ECANCELED);
}

static void job_taken_out_of_the_hand_has_begun(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_three(f);
    run(0);
    assert_int_equal(take_next(0), 1);
    assert_false(gyre_work_cancel(&tasks[1].work));
    assert_true(gyre_work_cancelled(&tasks[1].work));
    finish(0);
    run_all(f);
    assert_status(0, 3, 0);
}

/* Between its two steps. */
static void job_that_is_just_being_taken_has_begun(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_three(f);
    run(0);
    assert_int_equal(take_next(0), 1);
    work_set_state(&tasks[1].work, WORK_HELD); /* as it was a moment ago */
    assert_false(gyre_work_cancel(&tasks[1].work));
    work_set_state(&tasks[1].work, WORK_RUNNING);
    finish(0);
    run_all(f);
    assert_status(0, 3, 0);
}

static void worker_whose_hand_was_emptied_comes_back(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_three(f);
    for (int i = 1; i <= 3; i++)
        assert_true(gyre_work_cancel(&tasks[i].work));
    finish(0);
    assert_int_equal(pool->returning, 0);
    assert_int_equal(stats_of(pool).busy, 0);
    (void)submit(f, 4, NULL);
    work_on(0);
    run_all(f);
    assert_status(1, 3, -ECANCELED);
    assert_status(4, 4, 0);
}

/* It thought that there is more as it ran its latest. */
static void worker_whose_last_job_is_taken_away_does_not_announce_itself(void **state)
{
    struct fixture *f = fixture_of(state);

    hire(1);
    submit_all(f, 0, 1, NULL);
    assert_int_equal(take(0), 0);
    run(0);
    assert_int_equal(pool->returning, 0);
    assert_true(gyre_work_cancel(&tasks[1].work));
    assert_int_equal(take_next(0), NO_TASK);
    come_back(0);
    assert_int_equal(pool->returning, 0);
    run_all(f);
    assert_status(1, 1, -ECANCELED);
}

static void job_that_was_put_back_is_cancelled_like_any_other(void **state)
{
    struct fixture *f = fixture_of(state);

    hire(2);
    set_pace(0, 3);
    set_pace(1, 1);
    submit_all(f, 0, 6, NULL);
    assert_int_equal(take(0), 0);
    put_off(0);
    assert_int_equal(take(1), 4);
    finish(1);
    assert_int_equal(take(1), 6);
    finish(1);
    lose_patience(1, 0);
    assert_int_equal(take(1), 1); /* 2 in its own hand, 3 in the queue */
    assert_true(gyre_work_cancel(&tasks[2].work));
    assert_true(gyre_work_cancel(&tasks[3].work));
    finish(0);
    finish(1);
    run_all(f);
    assert_status(2, 3, -ECANCELED);
    assert_status(0, 1, 0);
    assert_int_equal(stats_of(pool).completed + stats_of(pool).cancelled, 7);
}

/* ------------------------------------------------------------------ the pool ends */

static void destroy_cancels_what_is_in_hand(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_three(f);
    assert_int_equal(gyre_pool_destroy(pool, 0), 1);
    pool = NULL;
    (void)run_ready(f);
    assert_status(1, 3, -ECANCELED);
    finish(0);
    dismiss();
    run_all(f);
    assert_status(0, 0, 0);
}

static void shutdown_cancels_what_is_in_hand_if_told_to(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_three(f);
    struct gyre_future *end =
        gyre_pool_shutdown(f->loop, pool, GYRE_POOL_CANCEL_QUEUED, GYRE_NEVER);
    (void)run_ready(f);
    assert_status(1, 3, -ECANCELED);
    assert_int_equal(gyre_future_state(end), GYRE_FUTURE_PENDING);
    finish(0);
    run_all(f);
    assert_int_equal(gyre_future_error(end), 0);
    gyre_future_unref(end);
}

static void shutdown_awaits_what_is_in_hand(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_three(f);
    struct gyre_future *end = gyre_pool_shutdown(f->loop, pool, GYRE_POOL_DRAIN, GYRE_NEVER);
    for (int i = 1; i <= 3; i++) {
        run(0);
        (void)take_next(0);
        (void)run_ready(f);
        assert_int_equal(gyre_future_state(end), GYRE_FUTURE_PENDING);
    }
    finish(0);
    run_all(f);
    assert_status(0, 3, 0);
    assert_int_equal(gyre_future_error(end), 0);
    gyre_future_unref(end);
}

static void shutdown_that_is_late_names_what_is_in_hand(void **state)
{
    struct fixture *f = fixture_of(state);

    hold_three(f);
    struct gyre_future *end =
        gyre_pool_shutdown(f->loop, pool, GYRE_POOL_DRAIN, gyre_loop_now(f->loop));
    assert_int_equal(gyre_loop_run_until(f->loop, end), GYRE_RUN_DONE);
    assert_int_equal((intptr_t)gyre_future_peek(end), 4);
    gyre_future_unref(end);
    finish(0);
    run_all(f);
}

/* ------------------------------------------------------------------ the loop is closed */

static void work_in_hand_is_given_back_when_its_loop_is_closed(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    hire(1);
    (void)init_task(f, other, 0, NULL);
    assert_int_equal(gyre_work_submit(&tasks[0].work, pool, 0), 0);
    submit_all(f, 1, 3, NULL);
    assert_int_equal(take(0), 0);
    assert_int_equal(held_by(0), 3);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    memset(&tasks[1], 0x55, 3 * sizeof(tasks[1])); /* they are mine */
    finish(0);
    ASSERT_RAN(0);
    assert_int_equal(gyre_loop_run(other), GYRE_RUN_DONE);
    assert_int_equal(stats_of(pool).cancelled, 3);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

static int arg_drops;

static void drop_arg(void *arg)
{
    (void)arg;
    arg_drops++;
}

static int never_run(struct gyre_job *job, void *arg)
{
    (void)job;
    (void)arg;
    fail();
    return 0;
}

static void job_in_hand_is_dropped_when_its_loop_is_closed(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    arg_drops = 0;
    hire(1);
    (void)init_task(f, other, 0, NULL);
    assert_int_equal(gyre_work_submit(&tasks[0].work, pool, 0), 0);
    gyre_future_detach(gyre_offload(f->loop, pool, 0, never_run, drop_arg, f));
    assert_int_equal(take(0), 0);
    assert_int_equal(held_by(0), 1);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(arg_drops, 1);
    finish(0);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

/* ------------------------------------------------------------------ the process forks */

/* One is in a hand, one has just been taken out of it, one has run. */
static int end_all_in_child(struct fixture *f)
{
    CHECK(gyre_loop_after_fork(f->loop) == 0);
    CHECK(gyre_loop_run(f->loop) == GYRE_RUN_DONE);
    CHECK(f->trace_count == 4);
    CHECK(tasks[0].status == 0);
    for (int i = 1; i <= 3; i++)
        CHECK(tasks[i].ends == 1 && tasks[i].status == -EOWNERDEAD);
    CHECK(gyre_pool_destroy(pool, GYRE_NEVER) == 0);
    return gyre_loop_destroy(f->loop);
}

static int close_in_child(struct fixture *f)
{
    CHECK(gyre_loop_destroy(f->loop) == 0);
    CHECK(f->trace_count == 0);
    memset(&tasks[0], 0x55, 4 * sizeof(tasks[0])); /* they are mine */
    return gyre_pool_destroy(pool, 0);
}

static void fork_amid_a_hand(struct fixture *f, int (*body)(struct fixture *f))
{
    hold_three(f);
    run(0);
    assert_int_equal(take_next(0), 1);
    work_set_state(&tasks[1].work, WORK_HELD); /* as it was a moment ago */
    pid_t pid = fork();
    if (pid == 0)
        _exit(body(f));
    assert_child_succeeds(pid);
    work_set_state(&tasks[1].work, WORK_RUNNING);
    finish(0);
    run_all(f);
    assert_status(0, 3, 0);
}

static void jobs_in_hand_end_in_a_forked_child(void **state)
{
    fork_amid_a_hand(fixture_of(state), end_all_in_child);
}

static void child_that_closes_the_loop_gets_back_what_is_in_hand(void **state)
{
    fork_amid_a_hand(fixture_of(state), close_in_child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HAND_TEST(cancelled_job_in_hand_never_runs_and_ends_at_once),
        HAND_TEST(job_taken_out_of_the_hand_has_begun),
        HAND_TEST(job_that_is_just_being_taken_has_begun),
        HAND_TEST(worker_whose_hand_was_emptied_comes_back),
        HAND_TEST(worker_whose_last_job_is_taken_away_does_not_announce_itself),
        HAND_TEST(job_that_was_put_back_is_cancelled_like_any_other),
        HAND_TEST(destroy_cancels_what_is_in_hand),
        HAND_TEST(shutdown_cancels_what_is_in_hand_if_told_to),
        HAND_TEST(shutdown_awaits_what_is_in_hand),
        HAND_TEST(shutdown_that_is_late_names_what_is_in_hand),
        HAND_TEST(work_in_hand_is_given_back_when_its_loop_is_closed),
        HAND_TEST(job_in_hand_is_dropped_when_its_loop_is_closed),
        HAND_TEST(jobs_in_hand_end_in_a_forked_child),
        HAND_TEST(child_that_closes_the_loop_gets_back_what_is_in_hand),
    };

    return cmocka_run_group_tests_name("hands that end", tests, NULL, NULL);
}
