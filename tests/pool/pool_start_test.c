/* No thread can be started: jobs that find none, and those that others submit meanwhile.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/core.h"
#include "tasks.h"

#include "os/sys.h"

static struct sys_table table;
static const struct sys_table *below;
static struct fixture *fixture;
static int starts;      /* that were tried */
static int starts_fail; /* so many of them */
static int arrivals;    /* tasks that come as a thread is being started */

/* The pool is locked, but nobody needs that to put a job into its intake. */
static int failing_start(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
                         void *arg)
{
    starts++;
    if (starts <= arrivals)
        (void)submit(fixture, starts, NULL);
    return starts <= starts_fail ? EAGAIN : below->thread_create(thread, attr, fn, arg);
}

static int start_setup(void **state)
{
    int err = pool_setup(state);

    fixture = fixture_of(state);
    starts = starts_fail = arrivals = 0;
    below = sys;
    table = *sys;
    table.thread_create = failing_start;
    sys = &table;
    return err;
}

static int submit_first(struct fixture *f)
{
    (void)init_task(f, f->loop, 0, NULL);
    return gyre_work_submit(&tasks[0].work, pool, 0);
}

static void refused_job_is_idle_and_can_be_submitted_again(void **state)
{
    struct fixture *f = fixture_of(state);

    starts_fail = 2;
    assert_int_equal(submit_first(f), -EAGAIN);
    assert_false(gyre_work_is_started(&tasks[0].work));
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(stats_of(pool).queued, 0);
    starts_fail = 0;
    assert_int_equal(submit_first(f), 0);
    run_all(f);
    ASSERT_TRACE(f, 0);
}

static void job_that_comes_during_a_failure_gets_the_next_thread(void **state)
{
    struct fixture *f = fixture_of(state);

    starts_fail = arrivals = 1;
    assert_int_equal(submit_first(f), -EAGAIN);
    run_all(f);
    ASSERT_TRACE(f, 1);
    assert_int_equal(tasks[1].status, 0);
}

/* Else nobody would ever come for it, nor for any later one. */
static void job_that_finds_no_thread_after_it_was_accepted_ends(void **state)
{
    struct fixture *f = fixture_of(state);

    starts_fail = 3;
    arrivals = 2;
    assert_int_equal(submit_first(f), -EAGAIN);
    run_all(f);
    ASSERT_TRACE(f, 1, 2);
    assert_int_equal(tasks[1].status, -EAGAIN);
    assert_int_equal(tasks[2].status, -EAGAIN);
    assert_int_equal(submit_first(f), 0);
    run_all(f);
    ASSERT_TRACE(f, 1, 2, 0);
    assert_int_equal(runs_of(1) + runs_of(2), 0);
}

static void job_that_found_no_thread_counts_as_one_that_never_ran(void **state)
{
    struct fixture *f = fixture_of(state);

    starts_fail = 2;
    arrivals = 1;
    (void)submit_first(f);
    run_all(f);
    assert_int_equal(stats_of(pool).cancelled, 1);
    assert_int_equal(stats_of(pool).completed, 0);
}

/* ------------------------------------------------------------------ of another loop */

static int other_result;

/* The first use of a pool takes its lock. */
static void meet_the_pool(struct gyre_loop *loop)
{
    struct gyre_pool_user *user;

    assert_int_equal(pool_user_find(loop, pool, &user), 0);
}

static void *submit_from_elsewhere(void *arg)
{
    struct gyre_loop *loop = make_loop();

    meet_the_pool(loop);
    (void)init_task(arg, loop, 1, NULL);
    gate_pass(&gate);
    other_result = gyre_work_submit(&tasks[1].work, pool, 0);
    (void)gyre_loop_destroy(loop);
    return NULL;
}

/* One loop has to call, and meanwhile another one relies on that. */
static void failure_of_one_loop_ends_the_jobs_of_others(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;

    starts_fail = 2;
    meet_the_pool(f->loop);
    assert_int_equal(pthread_create(&thread, NULL, submit_from_elsewhere, f), 0);
    gate_await(&gate, 1);
    pool_lock(pool);
    gate_open(&gate);
    while (!mailbox_has_mail(&pool->intake))
        (void)sched_yield();
    assert_int_equal(submit_first(f), 0);
    pool_unlock(pool);
    run_all(f);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(other_result, -EAGAIN);
    ASSERT_TRACE(f, 0);
    assert_int_equal(tasks[0].status, -EAGAIN);
}

/* ------------------------------------------------------------------ a bounded queue */

static void bounded_queue_refuses_what_finds_no_thread(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool_options opt = pool_options(1);

    end_pool();
    opt.queue_limit = 1;
    assert_int_equal(gyre_pool_create(&opt, &pool), 0);
    starts_fail = 1;
    assert_int_equal(submit_first(f), -EAGAIN);
    assert_false(gyre_work_is_started(&tasks[0].work));
    assert_int_equal(submit_first(f), 0);
    run_all(f);
    ASSERT_TRACE(f, 0);
}

#define START_TEST(name) cmocka_unit_test_setup_teardown(name, start_setup, pool_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        START_TEST(refused_job_is_idle_and_can_be_submitted_again),
        START_TEST(job_that_comes_during_a_failure_gets_the_next_thread),
        START_TEST(job_that_finds_no_thread_after_it_was_accepted_ends),
        START_TEST(job_that_found_no_thread_counts_as_one_that_never_ran),
        START_TEST(failure_of_one_loop_ends_the_jobs_of_others),
        START_TEST(bounded_queue_refuses_what_finds_no_thread),
    };

    return cmocka_run_group_tests_name("pool start", tests, NULL, NULL);
}
