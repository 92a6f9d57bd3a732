/* Works: jobs in the user's memory.
 *
 * SPDX-License-Identifier: MIT */
#include "tasks.h"

#include <poll.h>
#include <stdlib.h>

/* ------------------------------------------------------------------ run and done */

static pthread_t ran_on;

static void note_thread(struct task *task)
{
    (void)task;
    ran_on = pthread_self();
}

static void work_runs_on_a_worker_and_ends_on_the_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    struct task *task = submit(f, 0, note_thread);

    assert_true(gyre_work_is_started(&task->work));
    assert_int_equal(task->ends, 0);
    run_all(f);
    assert_false(pthread_equal(ran_on, pthread_self()));
    assert_int_equal(runs_of(0), 1);
    assert_int_equal(task->ends, 1);
    assert_int_equal(task->status, 0);
    assert_false(gyre_work_is_started(&task->work));
}

/* Without it run_all would return at once. */
static void submitted_work_keeps_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_false(gyre_loop_is_alive(f->loop));
    (void)submit(f, 0, hold);
    assert_true(gyre_loop_is_alive(f->loop));
    gate_open(&gate);
    run_all(f);
    assert_int_equal(tasks[0].ends, 1);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void submit_twice_more(struct task *task)
{
    assert_false(gyre_work_is_started(&task->work));
    if (task->ends < 3)
        assert_int_equal(gyre_work_submit(&task->work, pool, 0), 0);
}

static void work_may_be_submitted_again_in_done(void **state)
{
    struct fixture *f = fixture_of(state);

    submit(f, 0, NULL)->after = submit_twice_more;
    run_all(f);
    ASSERT_TRACE(f, 0, 0, 0);
    assert_int_equal(runs_of(0), 3);
}

static void init_on_another_pool(struct task *task)
{
    task->after = NULL;
    (void)init_task(task->f, task->f->loop, 0, NULL);
    assert_int_equal(gyre_work_submit(&task->work, NULL, GYRE_JOB_LOW), 0);
}

static void work_may_be_initialised_again_in_done(void **state)
{
    struct fixture *f = fixture_of(state);

    submit(f, 0, NULL)->after = init_on_another_pool;
    run_all(f);
    ASSERT_TRACE(f, 0, 0);
}

static void do_nothing(struct gyre_work *work, void *arg)
{
    (void)work;
    (void)arg;
}

static void free_work(struct gyre_work *work, int status, void *arg)
{
    record(arg, status);
    free(work);
}

static void work_may_be_freed_in_done(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 0; i < 4; i++) {
        struct gyre_work *work = calloc(1, sizeof(*work));

        assert_non_null(work);
        assert_int_equal(gyre_work_init(work, f->loop, do_nothing, free_work, f), 0);
        assert_int_equal(gyre_work_submit(work, i % 2 ? NULL : pool, 0), 0);
    }
    run_all(f);
    ASSERT_TRACE(f, 0, 0, 0, 0);
}

static void submitting_does_not_allocate(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, NULL);
    run_all(f);
    unsigned long before = allocations();
    submit_all(f, 0, 19, NULL);
    (void)gyre_work_cancel(&tasks[19].work);
    run_all(f);
    assert_int_equal(allocations(), before);
}

/* ------------------------------------------------------------------ refusals */

static void bad_arguments_are_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_work work = { 0 };

    assert_int_equal(gyre_work_init(NULL, f->loop, do_nothing, free_work, NULL), -EINVAL);
    assert_int_equal(gyre_work_init(&work, NULL, do_nothing, free_work, NULL), -EINVAL);
    assert_int_equal(gyre_work_init(&work, f->loop, NULL, free_work, NULL), -EINVAL);
    assert_int_equal(gyre_work_init(&work, f->loop, do_nothing, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_work_submit(NULL, pool, 0), -EINVAL);
    assert_int_equal(gyre_work_submit(&work, pool, 0), GYRE_EUNINIT);
    assert_false(gyre_work_cancel(NULL));
    assert_false(gyre_work_cancel(&work));
    assert_false(gyre_work_cancelled(NULL));
    assert_false(gyre_work_is_started(NULL));
    assert_int_equal(gyre_work_init(&work, f->loop, do_nothing, free_work, NULL), 0);
    assert_int_equal(gyre_work_submit(&work, pool, GYRE_JOB_ABANDON), -EINVAL);
    assert_int_equal(gyre_work_submit(&work, pool, GYRE_JOB_BORROWS), -EINVAL);
    assert_int_equal(gyre_work_submit(&work, pool, 1u << 31), -EINVAL);
}

static void submitted_work_can_be_neither_submitted_nor_initialised(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_work *work = &submit(f, 0, hold)->work;

    assert_int_equal(gyre_work_submit(work, pool, 0), -EALREADY);
    assert_int_equal(gyre_work_init(work, f->loop, run_task, end_task, &tasks[0]), -EBUSY);
    gate_await(&gate, 1);
    assert_int_equal(gyre_work_submit(work, NULL, 0), -EALREADY);
    gate_open(&gate);
    await_news(f->loop);
    assert_int_equal(gyre_work_submit(work, pool, 0), -EALREADY); /* on its way home */
    run_all(f);
    ASSERT_TRACE(f, 0);
}

static int wrong_thread_errors[3];

static void *use_from_elsewhere(void *arg)
{
    struct task *task = arg;

    wrong_thread_errors[0] = gyre_work_submit(&task->work, pool, 0);
    wrong_thread_errors[1] = gyre_work_cancel(&tasks[1].work);
    wrong_thread_errors[2] =
        gyre_work_init(&tasks[2].work, task->f->loop, run_task, end_task, task);
    return NULL;
}

/* D25 */
static void other_threads_are_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;

    (void)submit(f, 1, hold);
    gate_await(&gate, 1);
    (void)init_task(f, f->loop, 0, NULL);
    assert_int_equal(pthread_create(&thread, NULL, use_from_elsewhere, &tasks[0]), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(wrong_thread_errors[0], -EPERM);
    assert_false(wrong_thread_errors[1]);
    assert_int_equal(wrong_thread_errors[2], -EPERM);
    assert_false(gyre_work_cancelled(&tasks[1].work));
    gate_open(&gate);
    run_all(f);
    ASSERT_TRACE(f, 1);
}

static void closed_loop_refuses(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *other = make_loop();

    (void)init_task(f, other, 0, NULL);
    assert_int_equal(gyre_loop_close(other), 0);
    assert_int_equal(gyre_work_submit(&tasks[0].work, pool, 0), -ESHUTDOWN);
    assert_int_equal(gyre_work_init(&tasks[1].work, other, run_task, end_task, &tasks[1]),
                     -ESHUTDOWN);
    assert_null(gyre_loop_pool(other));
    assert_int_equal(gyre_loop_destroy(other), 0);
    assert_int_equal(stats_of(pool).threads, 0);
}

/* ------------------------------------------------------------------ cancel */

static void waiting_work_that_is_cancelled_never_runs(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    submit_all(f, 1, 3, NULL);
    assert_true(gyre_work_cancel(&tasks[2].work));
    assert_int_equal(tasks[2].ends, 0); /* in the next tick */
    assert_true(gyre_work_is_started(&tasks[2].work));
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), 1);
    assert_int_equal(tasks[2].status, -ECANCELED);
    gate_open(&gate);
    run_all(f);
    ASSERT_TRACE(f, 2, 0, 1, 3);
    assert_int_equal(runs_of(2), 0);
}

static void work_cancelled_twice_ends_once(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    (void)submit(f, 1, NULL);
    assert_true(gyre_work_cancel(&tasks[1].work));
    assert_false(gyre_work_cancel(&tasks[1].work));
    gate_open(&gate);
    run_all(f);
    ASSERT_TRACE(f, 1, 0);
}

static void run_until_told(struct task *task)
{
    gate_pass(&gate);
    while (!gyre_work_cancelled(&task->work))
        (void)sched_yield();
}

static void running_work_is_told_and_has_run(void **state)
{
    struct fixture *f = fixture_of(state);

    gate_open(&gate);
    (void)submit(f, 0, run_until_told);
    gate_await(&gate, 1);
    assert_false(gyre_work_cancel(&tasks[0].work));
    run_all(f);
    assert_int_equal(tasks[0].status, 0);
    (void)submit(f, 0, NULL);
    assert_false(gyre_work_cancelled(&tasks[0].work)); /* it begins anew */
    run_all(f);
}

static void cancel_comes_too_late_for_work_that_has_run(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, NULL);
    await_news(f->loop);
    assert_false(gyre_work_cancel(&tasks[0].work));
    run_all(f);
    assert_false(gyre_work_cancel(&tasks[0].work));
    assert_int_equal(tasks[0].status, 0);
    ASSERT_TRACE(f, 0);
}

static void cancel_task_1(struct task *task)
{
    (void)task;
    assert_true(gyre_work_cancel(&tasks[1].work));
}

static void done_may_cancel_another(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 2, hold);
    gate_await(&gate, 1);
    (void)submit(f, 0, NULL);
    (void)submit(f, 1, NULL);
    tasks[0].after = cancel_task_1;
    assert_true(gyre_work_cancel(&tasks[0].work));
    (void)run_ready(f);
    ASSERT_TRACE(f, 0, 1);
    gate_open(&gate);
    run_all(f);
}

/* ------------------------------------------------------------------ the loop meanwhile */

static int readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0);
}

/* D21: the loop is woken, also one that rests in a foreign loop. */
static void cancel_wakes_a_loop_that_rests(void **state)
{
    struct fixture *f = fixture_of(state);
    int fd = gyre_loop_fd(f->loop);

    if (fd < 0)
        skip();
    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    (void)submit(f, 1, NULL);
    (void)run_ready(f);
    assert_int_equal(readable(fd), 0);
    assert_true(gyre_work_cancel(&tasks[1].work));
    assert_int_equal(readable(fd), 1);
    (void)run_ready(f);
    ASSERT_TRACE(f, 1);
    gate_open(&gate);
    run_all(f);
}

static void fired(struct gyre_timer *timer, void *arg)
{
    (void)timer;
    record(arg, 99);
}

/* D27 */
static void virtual_clock_does_not_jump_while_a_work_is_out(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_timer timer = { 0 };

    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    assert_int_equal(gyre_timer_init(&timer, f->loop, fired, f), 0);
    assert_int_equal(gyre_timer_start(&timer, GYRE_S(60)), 0);
    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_MS(1)), 0);
    gate_open(&gate);
    run_all(f);
    ASSERT_TRACE(f, 0, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(work_runs_on_a_worker_and_ends_on_the_loop),
        POOL_TEST(submitted_work_keeps_the_loop_alive),
        POOL_TEST(work_may_be_submitted_again_in_done),
        POOL_TEST(work_may_be_initialised_again_in_done),
        POOL_TEST(work_may_be_freed_in_done),
        POOL_TEST(submitting_does_not_allocate),
        POOL_TEST(bad_arguments_are_refused),
        POOL_TEST(submitted_work_can_be_neither_submitted_nor_initialised),
        POOL_TEST(other_threads_are_refused),
        POOL_TEST(closed_loop_refuses),
        POOL_TEST(waiting_work_that_is_cancelled_never_runs),
        POOL_TEST(work_cancelled_twice_ends_once),
        POOL_TEST(running_work_is_told_and_has_run),
        POOL_TEST(cancel_comes_too_late_for_work_that_has_run),
        POOL_TEST(done_may_cancel_another),
        POOL_TEST(cancel_wakes_a_loop_that_rests),
        VIRTUAL_POOL_TEST(virtual_clock_does_not_jump_while_a_work_is_out),
    };

    return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
