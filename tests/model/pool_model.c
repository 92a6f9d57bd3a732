/* The protocol of pools, in every interleaving: each job that is accepted ends once, or is given back
 * once; none runs after it was withdrawn; none waits while a worker sleeps or could be started; and
 * nothing is touched after it is gone. Each of these properties can fail: a twin of the pool that
 * has one mistake in it must be found out.
 *
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/explore.h"
#include "model/pool_world.h"

static struct world_plan plan;

/* ------------------------------------------------------------------ threads */

static void first_worker(void)
{
    world_work(0);
}

static void second_worker(void)
{
    world_work(1);
}

static void third_worker(void)
{
    world_work(2);
}

/* Between two calls of a loop's thread nothing is kept in locals. */
static void submit(int job)
{
    world_submit(job, 0);
    explore_forget(10 + (uint64_t)job);
}

static void cancel(int job)
{
    world_cancel(job);
    explore_forget(20 + (uint64_t)job);
}

static void submit_one(void)
{
    world_is(0);
    submit(0);
    world_run(0);
}

static void submit_another(void)
{
    world_is(1);
    submit(2);
    world_run(1);
}

static void submit_two(void)
{
    world_is(0);
    submit(0);
    submit(1);
    world_run(0);
}

static void submit_three(void)
{
    world_is(0);
    submit(0);
    submit(1);
    submit(2);
    world_run(0);
}

static void submit_three_and_await_one(void)
{
    world_is(0);
    submit(0);
    submit(1);
    submit(2);
    world_run_for(0, 1);
}

static void submit_one_after_the_other(void)
{
    world_is(0);
    submit(0);
    world_run(0);
    explore_forget(30);
    submit(1);
    world_run(0);
}

static void submit_two_and_cancel_the_second(void)
{
    world_is(0);
    submit(0);
    submit(1);
    cancel(1);
    world_run(0);
}

static void submit_three_and_cancel_the_second(void)
{
    world_is(0);
    submit(0);
    submit(1);
    submit(2);
    cancel(1);
    world_run(0);
}

static void submit_four_and_cancel_the_last(void)
{
    world_is(0);
    for (int job = 0; job < 4; job++)
        submit(job);
    cancel(3);
    world_run_for(0, 3);
}

static void submit_two_and_close(void)
{
    world_is(0);
    submit(0);
    submit(1);
    world_close(0);
}

static void submit_two_and_close_after_the_first(void)
{
    world_is(0);
    submit(0);
    submit(1);
    world_run_for(0, 1);
    explore_forget(30);
    world_close(0);
}

static void submit_three_and_close(void)
{
    world_is(0);
    submit(0);
    submit(1);
    submit(2);
    world_close(0);
}

static void submit_two_and_close_then(void)
{
    world_is(0);
    submit(0);
    submit(1);
    world_run(0);
    explore_forget(30);
    world_close(0);
}

static void submit_one_and_close_then(void)
{
    world_is(0);
    submit(0);
    world_run(0);
    explore_forget(30);
    world_close(0);
}

/* A loop that has nothing to do with the pool any more, so that nothing keeps it. */
static void close_at_once(void)
{
    world_is(1);
    world_close(1);
}

static void submit_one_elsewhere_and_close(void)
{
    world_is(1);
    submit(2);
    world_close(1);
}

static void await_the_end(void)
{
    world_is(1);
    world_await_end(3);
    world_run(1);
}

static void destroy_and_wait(void)
{
    world_is(OTHERS);
    if (world_destroy(GYRE_NEVER) != 0)
        world_blame("destroy has left a thread though it waited");
}

static void destroy_without_waiting(void)
{
    world_is(OTHERS);
    if (world_destroy(0) == 0 && world_threads() > 0)
        world_blame("destroy has left a thread and not said so");
}

static void let_time_pass(void)
{
    world_is(OTHERS);
    world_let_time_pass();
}

/* ------------------------------------------------------------------ what must hold in the end */

static const char *check_all(void)
{
    return explore_has_returned(0) ? world_check() : "a job is slept on";
}

static const char *check_two_loops(void)
{
    return explore_has_returned(1) ? check_all() : "a job is slept on";
}

static const char *check_one_thread(void)
{
    const char *wrong = check_all();

    return !wrong && world_most_threads() > 1 ? "two threads where one would do" : wrong;
}

/* All jobs but those that last for ever. */
static const char *check_others(void)
{
    if (!explore_has_returned(0))
        return "a job waits for a long one though a worker sleeps";
    return world_blamed();
}

static const char *check_freed(void)
{
    const char *wrong = check_two_loops();

    if (!wrong && !explore_has_returned(2))
        return "destroy never ended";
    return !wrong && !world_pool_is_freed() ? "the pool was not freed" : wrong;
}

/* ------------------------------------------------------------------ searches */

static const char *search_for(explore_thread *const *threads, size_t count, explore_check *check)
{
    world_make(&plan);
    const char *wrong = explore(threads, (int)count, check, pool_mistake == NO_POOL_MISTAKE);
    world_end();
    printf("%lu states: %s\n", explore_states(), wrong ? wrong : "all is well");
    return wrong;
}

#define SEARCH(check, ...)                                                                  \
    search_for((explore_thread *const[]){ __VA_ARGS__ },                                    \
               sizeof((explore_thread *const[]){ __VA_ARGS__ }) / sizeof(explore_thread *), \
               (check))

static const char *search_two_jobs(void)
{
    plan = (struct world_plan){ .max_threads = 2 };
    return SEARCH(check_all, submit_two, first_worker, second_worker);
}

static const char *search_two_loops(void)
{
    plan = (struct world_plan){ .max_threads = 1, .loop_of = { 0, 0, 1, 1 } };
    return SEARCH(check_two_loops, submit_one, submit_another, first_worker);
}

static const char *search_one_after_the_other(void)
{
    plan = (struct world_plan){ .max_threads = 2 };
    return SEARCH(check_one_thread, submit_one_after_the_other, first_worker, second_worker);
}

static const char *search_hands(void)
{
    plan = (struct world_plan){ .max_threads = 2, .threads = 1, .are_quick = true };
    return SEARCH(check_all, submit_three, first_worker, second_worker);
}

static const char *search_cancel(void)
{
    plan = (struct world_plan){ .max_threads = 1, .threads = 1, .are_quick = true };
    return SEARCH(check_all, submit_two_and_cancel_the_second, first_worker);
}

static const char *search_long_job(void)
{
    plan = (struct world_plan){
        .max_threads = 2, .threads = 2, .are_quick = true, .inside = { world_stop }
    };
    return SEARCH(check_others, submit_four_and_cancel_the_last, first_worker, second_worker);
}

static const char *search_close(void)
{
    plan = (struct world_plan){ .max_threads = 1, .are_quick = true };
    return SEARCH(check_all, submit_two_and_close, first_worker);
}

static const char *search_close_of_others(void)
{
    plan = (struct world_plan){ .max_threads = 1, .are_quick = true, .ours = { true, true } };
    return SEARCH(check_all, submit_two_and_close, first_worker);
}

static const char *search_close_then(void)
{
    plan = (struct world_plan){ .max_threads = 1, .wakes_itself = true };
    return SEARCH(check_all, submit_one_and_close_then, first_worker);
}

static const char *search_destroy(void)
{
    plan = (struct world_plan){ .max_threads = 1, .is_destroyed = true };
    return SEARCH(check_freed, submit_one_and_close_then, close_at_once, destroy_and_wait,
                  first_worker);
}

/* ------------------------------------------------------------------ the pool as it is */

static void every_job_ends_though_workers_come_and_sleep(void **state)
{
    (void)state;
    assert_null(search_two_jobs());
    assert_null(search_two_loops());
}

static void every_job_in_a_hand_ends_once(void **state)
{
    (void)state;
    assert_null(search_hands());
}

static void job_that_follows_another_needs_no_second_thread(void **state)
{
    (void)state;
    assert_null(search_one_after_the_other());
}

static void cancelled_job_runs_or_ends_as_cancelled(void **state)
{
    (void)state;
    assert_null(search_cancel());
    plan = (struct world_plan){ .max_threads = 2 };
    assert_null(SEARCH(check_all, submit_two_and_cancel_the_second, first_worker, second_worker));
}

static void cancelled_job_in_a_hand_runs_or_ends_as_cancelled(void **state)
{
    (void)state;
    plan = (struct world_plan){ .max_threads = 1, .threads = 1, .are_quick = true };
    assert_null(SEARCH(check_all, submit_three_and_cancel_the_second, first_worker));
    plan = (struct world_plan){ .max_threads = 2, .threads = 1, .are_quick = true };
    assert_null(SEARCH(check_all, submit_three_and_cancel_the_second, first_worker, second_worker));
}

static void no_job_waits_for_a_long_one_while_a_worker_sleeps(void **state)
{
    (void)state;
    assert_null(search_long_job());
    plan = (struct world_plan){ .max_threads = 3,
                                .threads = 2,
                                .are_quick = true,
                                .inside = { world_stop, NULL, world_stop } };
    assert_null(SEARCH(check_others, submit_three_and_await_one, first_worker, second_worker,
                       third_worker));
}

static void closed_loop_gets_back_what_has_not_ended(void **state)
{
    (void)state;
    assert_null(search_close());
    assert_null(search_close_of_others());
    assert_null(search_close_then());
    plan = (struct world_plan){ .max_threads = 1, .are_quick = true, .ours = { true } };
    assert_null(SEARCH(check_all, submit_two_and_close_after_the_first, first_worker));
}

static void closed_loop_gets_back_what_is_in_hands(void **state)
{
    (void)state;
    plan = (struct world_plan){
        .max_threads = 2, .threads = 1, .are_quick = true, .ours = { false, true, false }
    };
    assert_null(SEARCH(check_all, submit_three_and_close, first_worker, second_worker));
}

static void loop_is_closed_while_another_goes_on(void **state)
{
    (void)state;
    plan = (struct world_plan){
        .max_threads = 1, .are_quick = true, .loop_of = { 0, 0, 1, 1 }, .ours[2] = true
    };
    assert_null(SEARCH(check_two_loops, submit_one, submit_one_elsewhere_and_close, first_worker));
}

static void destroyed_pool_ends_all_jobs_and_is_freed_once(void **state)
{
    (void)state;
    assert_null(search_destroy());
    plan = (struct world_plan){ .max_threads = 1, .is_destroyed = true };
    assert_null(SEARCH(check_freed, submit_one_and_close_then, close_at_once,
                       destroy_without_waiting, first_worker));
    plan = (struct world_plan){
        .max_threads = 1, .threads = 1, .are_quick = true, .is_destroyed = true
    };
    assert_null(SEARCH(check_freed, submit_two_and_close_then, close_at_once,
                       destroy_without_waiting, first_worker));
}

static void job_that_comes_as_a_thread_ends_is_run(void **state)
{
    (void)state;
    plan = (struct world_plan){ .max_threads = 1 };
    assert_null(
        SEARCH(check_all, submit_one_after_the_other, first_worker, second_worker, let_time_pass));
}

static void jobs_that_find_no_thread_end_too(void **state)
{
    (void)state;
    for (unsigned fails = 1; fails <= 4; fails++) {
        plan = (struct world_plan){ .max_threads = 1, .first_fails = fails };
        plan.loop_of[2] = 1;
        assert_null(SEARCH(check_two_loops, submit_two, submit_another, first_worker));
    }
}

static void end_of_the_pool_is_told_though_jobs_find_no_thread(void **state)
{
    (void)state;
    for (unsigned fails = 0; fails <= 2; fails++) {
        plan = (struct world_plan){
            .max_threads = 1, .first_fails = fails, .loop_of = { 0, 0, 1, 1 }, .ours[3] = true
        };
        assert_null(SEARCH(check_two_loops, submit_one, await_the_end, first_worker));
    }
}

/* ------------------------------------------------------------------ and with a mistake in it */

static void expect_found(enum pool_mistake which, const char *(*search)(void))
{
    pool_mistake = which;
    const char *wrong = search();
    pool_mistake = NO_POOL_MISTAKE;
    assert_non_null(wrong);
}

static void sleep_without_a_look_at_the_intake_is_found_out(void **state)
{
    (void)state;
    expect_found(ARM_WITHOUT_LOOK, search_two_loops);
}

static void torn_exchanges_of_slots_are_found_out(void **state)
{
    (void)state;
    expect_found(TAKE_BY_READING, search_cancel);
    expect_found(TAKE_BY_READING, search_hands);
    expect_found(CANCEL_BY_STORING, search_cancel);
}

static void end_without_the_lock_is_found_out(void **state)
{
    (void)state;
    expect_found(END_WITHOUT_LOCK, search_close);
    expect_found(END_WITHOUT_LOCK, search_close_of_others);
}

static void mailbox_left_open_is_found_out(void **state)
{
    (void)state;
    expect_found(OPEN_MAILBOX, search_close);
    expect_found(OPEN_MAILBOX, search_close_of_others);
}

static void close_that_forgets_who_wakes_is_found_out(void **state)
{
    (void)state;
    expect_found(UNCOUNTED_WAKER, search_close_then);
}

static void late_announcement_is_found_out(void **state)
{
    (void)state;
    expect_found(LATE_ANNOUNCEMENT, search_one_after_the_other);
}

static void torn_shut_is_found_out(void **state)
{
    (void)state;
    expect_found(TORN_SHUT, search_destroy);
}

static void worker_that_calls_nobody_is_found_out(void **state)
{
    (void)state;
    expect_found(NO_CALL_FOR_THE_REST, search_long_job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_ends_though_workers_come_and_sleep),
        cmocka_unit_test(every_job_in_a_hand_ends_once),
        cmocka_unit_test(job_that_follows_another_needs_no_second_thread),
        cmocka_unit_test(cancelled_job_runs_or_ends_as_cancelled),
        cmocka_unit_test(cancelled_job_in_a_hand_runs_or_ends_as_cancelled),
        cmocka_unit_test(no_job_waits_for_a_long_one_while_a_worker_sleeps),
        cmocka_unit_test(closed_loop_gets_back_what_has_not_ended),
        cmocka_unit_test(closed_loop_gets_back_what_is_in_hands),
        cmocka_unit_test(loop_is_closed_while_another_goes_on),
        cmocka_unit_test(destroyed_pool_ends_all_jobs_and_is_freed_once),
        cmocka_unit_test(job_that_comes_as_a_thread_ends_is_run),
        cmocka_unit_test(jobs_that_find_no_thread_end_too),
        cmocka_unit_test(end_of_the_pool_is_told_though_jobs_find_no_thread),
        cmocka_unit_test(sleep_without_a_look_at_the_intake_is_found_out),
        cmocka_unit_test(torn_exchanges_of_slots_are_found_out),
        cmocka_unit_test(end_without_the_lock_is_found_out),
        cmocka_unit_test(mailbox_left_open_is_found_out),
        cmocka_unit_test(close_that_forgets_who_wakes_is_found_out),
        cmocka_unit_test(late_announcement_is_found_out),
        cmocka_unit_test(torn_shut_is_found_out),
        cmocka_unit_test(worker_that_calls_nobody_is_found_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
