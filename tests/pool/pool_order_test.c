/* Short jobs and long ones beside each other, with real workers: who waits for whom, and in which
 * order things come home.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/core.h"
#include "tasks.h"

#include <poll.h>

enum { MANY = TASK_LIMIT };

/* These run many jobs, and may have to wait for each. */
static int with_patience(void **state, int err)
{
    if (err == 0)
        fixture_of(state)->wait_limit = 10000000;
    return err;
}

static int order_setup(void **state)
{
    reset_tasks();
    return with_patience(state, setup(state));
}

static int order_setup_virtual(void **state)
{
    reset_tasks();
    return with_patience(state, setup_virtual(state));
}

#define ORDER_TEST(name) cmocka_unit_test_setup_teardown(name, order_setup, pool_teardown)
#define VIRTUAL_ORDER_TEST(name) \
    cmocka_unit_test_setup_teardown(name, order_setup_virtual, pool_teardown)

/* Have short jobs run until workers take several at a time. */
static void make_workers_quick(struct fixture *f)
{
    for (int round = 0; round < 20; round++) {
        submit_all(f, 0, MANY - 1, NULL);
        run_all(f);
    }
    reset_tasks();
    f->trace_count = 0;
}

/* Run the loop until so many of the tasks have ended. */
static void run_until_ended(struct fixture *f, int count)
{
    while (f->trace_count < count)
        assert_return_code(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
}

/* ------------------------------------------------------------------ who waits for whom */

static void long_job_keeps_no_short_one_waiting(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool(2);
    for (int at = 0; at < MANY; at += 7) {
        make_workers_quick(f);
        for (int i = 0; i < MANY; i++)
            (void)submit(f, i, i == at ? hold : NULL);
        run_until_ended(f, MANY - 1);
        assert_int_equal(tasks[at].ends, 0);
        gate_open(&gate);
        run_all(f);
    }
}

static int still_to_submit;

static void submit_again(struct task *task)
{
    if (still_to_submit-- > 0)
        assert_int_equal(gyre_work_submit(&task->work, pool, 0), 0);
}

/* Takes a worker longer than submitting it takes the loop, but not long. */
static void count_a_little(struct task *task)
{
    (void)task;
    for (volatile int i = 0; i < 1000; i++)
        continue;
}

/* The queue is hardly ever empty: a task that has ended is submitted again, until those that came with the
 * long one have ended too. */
static void stream_of_short_jobs_keeps_none_behind_a_long_one_waiting(void **state)
{
    struct fixture *f = fixture_of(state);
    const int old = MANY / 2;

    pool = make_pool(2);
    make_workers_quick(f);
    still_to_submit = 1000000;
    submit_all(f, old, MANY - 1, count_a_little);
    for (int i = old; i < MANY; i++)
        tasks[i].after = submit_again;
    for (int i = 0; i < old; i++)
        (void)submit(f, i, i == 0 ? hold : count_a_little);
    for (int i = 1; i < old; i++)
        while (tasks[i].ends == 0) {
            assert_true(still_to_submit > 0);
            f->trace_count = 0;
            assert_return_code(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
        }
    assert_int_equal(tasks[0].ends, 0);
    still_to_submit = 0;
    gate_open(&gate);
    f->trace_count = 0;
    run_all(f);
}

/* Also if all others are long: there is a thread for each. */
static void each_long_job_gets_a_thread_of_its_own(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool(4);
    for (int round = 0; round < 10; round++) {
        make_workers_quick(f);
        for (int i = 0; i < MANY; i++)
            (void)submit(f, i, i % 16 == round % 16 ? hold : NULL);
        gate_await(&gate, 4);
        gate_open(&gate);
        run_all(f);
        assert_int_equal(f->trace_count, MANY);
    }
}

/* ------------------------------------------------------------------ the order */

static void one_thread_starts_short_jobs_in_the_order_of_submission(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool(1);
    make_workers_quick(f);
    for (int i = 0; i < MANY; i++) {
        (void)submit(f, i, NULL);
        if (i % 5 == 0)
            (void)gyre_loop_run_once(f->loop, 0);
    }
    run_all(f);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(ran[i], i);
        assert_int_equal(f->trace[i], i);
    }
}

static int posts_seen[MANY];

static void note_post(void *arg)
{
    posts_seen[(intptr_t)arg]++;
}

static void post_progress(struct task *task)
{
    void *id = (void *)(intptr_t)task->id;

    for (int i = 0; i < 3; i++)
        (void)gyre_call_soon_threadsafe(task->f->loop, note_post, NULL, id);
}

static void expect_progress(struct task *task)
{
    assert_int_equal(posts_seen[task->id], 3);
}

/* Though the ends of others are collected all the time. */
static void posts_of_a_job_come_before_its_end(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool(4);
    for (int round = 0; round < 30; round++) {
        memset(posts_seen, 0, sizeof(posts_seen));
        f->trace_count = 0;
        for (int i = 0; i < MANY; i++)
            submit(f, i, i % 2 ? post_progress : NULL)->after = i % 2 ? expect_progress : NULL;
        run_all(f);
        assert_int_equal(f->trace_count, MANY);
    }
}

static int progress;

static void note_progress(void *arg)
{
    assert_int_equal(progress++, (intptr_t)arg);
}

static int job_with_progress(struct gyre_job *job, void *arg)
{
    for (intptr_t i = 0; i < 10; i++)
        if (gyre_job_post(job, note_progress, NULL, (void *)i) < 0)
            return -EIO;
    gyre_job_return(job, arg, NULL);
    return 0;
}

static void progress_of_a_job_comes_in_order_and_before_its_future(void **state)
{
    struct fixture *f = fixture_of(state);

    pool = make_pool(2);
    for (int round = 0; round < 50; round++) {
        progress = 0;
        f->trace_count = 0;
        submit_all(f, 0, MANY / 2 - 1, NULL);
        struct gyre_future *future = gyre_offload(f->loop, pool, 0, job_with_progress, NULL, f);
        submit_all(f, MANY / 2, MANY - 1, NULL);
        assert_int_equal(gyre_loop_run_until(f->loop, future), GYRE_RUN_DONE);
        assert_int_equal(gyre_future_error(future), 0);
        assert_int_equal(progress, 10);
        gyre_future_unref(future);
        run_all(f);
    }
}

/* ------------------------------------------------------------------ loops that sleep */

static int drops;

static void drop_and_stop(void *arg)
{
    drops++;
    gyre_loop_stop(arg);
}

static int value_job(struct gyre_job *job, void *arg)
{
    gate_pass(&gate);
    gyre_job_return(job, arg, drop_and_stop);
    return 0;
}

static void open_gate(void *arg)
{
    (void)arg;
    gate_open(&gate);
}

static void never_fires(struct gyre_timer *timer, void *arg)
{
    (void)timer;
    (void)arg;
    fail();
}

/* Nothing but a timer far away keeps it. */
static void end_of_an_abandoned_job_wakes_the_loop(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_timer timer = { 0 };

    drops = 0;
    pool = make_pool(1);
    struct gyre_future *job =
        gyre_offload(f->loop, pool, GYRE_JOB_ABANDON, value_job, NULL, f->loop);
    gate_await(&gate, 1);
    assert_true(gyre_future_cancel(job));
    gyre_future_unref(job);
    (void)run_ready(f);
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_timer_init(&timer, f->loop, never_fires, NULL), 0);
    assert_int_equal(gyre_timer_start(&timer, GYRE_S(1000)), 0);
    at_next_wait(open_gate, NULL);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    assert_int_equal(drops, 1);
    (void)gyre_timer_stop(&timer);
}

static unsigned long writes_in(struct fixture *f, int from, int to)
{
    unsigned long before = sys_calls(SYS_WRITE) + sys_calls(SYS_KEVENT);

    gate_close(&gate);
    submit_all(f, from, to, hold);
    gate_await(&gate, to - from + 1);
    at_next_wait(open_gate, NULL);
    run_all(f);
    return sys_calls(SYS_WRITE) + sys_calls(SYS_KEVENT) - before;
}

/* One for each time that it falls asleep, not one for each job. */
static void loop_is_written_to_no_more_often_than_it_waits(void **state)
{
    struct fixture *f = fixture_of(state);

    if (!poller_is(f, "epoll"))
        skip();
    pool = make_pool(4);
    for (int round = 0; round < 20; round++) {
        unsigned long waits = sys_calls(SYS_WAIT);
        unsigned long writes = writes_in(f, 0, 3);

        assert_in_range(writes, 1, sys_calls(SYS_WAIT) - waits);
    }
}

static bool readable_within(int fd, int ms)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };

    return poll(&one, 1, ms) == 1;
}

/* Rests inside another loop. */
static void end_of_a_job_makes_a_resting_loop_readable(void **state)
{
    struct fixture *f = fixture_of(state);
    int fd = gyre_loop_fd(f->loop);

    if (fd < 0)
        skip();
    pool = make_pool(1);
    submit_all(f, 0, 1, hold);
    gate_await(&gate, 1);
    while (readable_within(fd, 0)) /* for what was submitted */
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_true(gyre_work_cancel(&tasks[1].work));
    assert_true(readable_within(fd, 60000));
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    while (readable_within(fd, 0))
        assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    gate_open(&gate);
    while (f->trace_count < 2) {
        assert_true(readable_within(fd, 60000));
        assert_return_code(gyre_loop_run_once(f->loop, 0), 0);
    }
    ASSERT_TRACE(f, 1, 0);
}

static void jobs_end_on_a_loop_of_virtual_time(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t begin = gyre_loop_now(f->loop);
    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    struct gyre_future *nap = gyre_sleep(f->loop, GYRE_S(3600));

    pool = make_pool(2);
    submit_all(f, 0, 9, NULL);
    run_until_ended(f, 10); /* the clock stands still for them */
    assert_int_equal(gyre_loop_now(f->loop), begin);
    assert_int_equal(gyre_future_state(nap), GYRE_FUTURE_PENDING);
    run_all(f);
    assert_int_equal(gyre_loop_now(f->loop), begin + GYRE_S(3600));
    gyre_future_unref(nap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ORDER_TEST(long_job_keeps_no_short_one_waiting),
        ORDER_TEST(stream_of_short_jobs_keeps_none_behind_a_long_one_waiting),
        ORDER_TEST(each_long_job_gets_a_thread_of_its_own),
        ORDER_TEST(one_thread_starts_short_jobs_in_the_order_of_submission),
        ORDER_TEST(posts_of_a_job_come_before_its_end),
        ORDER_TEST(progress_of_a_job_comes_in_order_and_before_its_future),
        ORDER_TEST(end_of_an_abandoned_job_wakes_the_loop),
        ORDER_TEST(loop_is_written_to_no_more_often_than_it_waits),
        ORDER_TEST(end_of_a_job_makes_a_resting_loop_readable),
        VIRTUAL_ORDER_TEST(jobs_end_on_a_loop_of_virtual_time),
    };

    return cmocka_run_group_tests_name("pool order", tests, NULL, NULL);
}
