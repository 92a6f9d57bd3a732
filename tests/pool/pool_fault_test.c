/* Every allocation of this room fails in turn: who asked is told, keeps what was his, and nothing is
 * left behind.
 *
 * SPDX-License-Identifier: MIT */
#include "caller.h"

static int arg_runs;    /* atomic */
static int arg_drops;   /* atomic */
static int value_drops; /* atomic */
static int posts;       /* that a job was allowed, */
static int posts_run;   /* and that came */
static int post_error;  /* of the others; atomic */
static int first_error;

static void count(int *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static void drop_arg(void *arg)
{
    (void)arg;
    count(&arg_drops);
}

static void drop_value(void *value)
{
    (void)value;
    count(&value_drops);
}

static void on_post(void *arg)
{
    (void)arg;
    posts_run++;
}

static int posting_job(struct gyre_job *job, void *arg)
{
    int err = gyre_job_post(job, on_post, NULL, NULL);

    if (err == 0)
        count(&posts);
    else
        __atomic_store_n(&post_error, err, __ATOMIC_SEQ_CST);
    gyre_job_return(job, arg, drop_value);
    count(&arg_runs);
    return err;
}

static void note(int err)
{
    if (first_error == 0 && err < 0)
        first_error = err;
}

/* ------------------------------------------------------------------ all that may allocate, but calls */

static void use_pool(struct gyre_loop *loop)
{
    struct task *task = &tasks[0];
    struct gyre_future *made[4] = { NULL };

    note(gyre_work_init(&task->work, loop, run_task, end_task, task));
    note(gyre_work_submit(&task->work, pool, 0));
    made[0] = gyre_offload(loop, pool, 0, posting_job, drop_arg, NULL);
    made[1] = gyre_offload(loop, NULL, GYRE_JOB_ABANDON, posting_job, drop_arg, NULL);
    made[2] = gyre_pool_room(loop, pool);
    made[3] = gyre_pool_shutdown(loop, pool, GYRE_POOL_DRAIN, GYRE_NEVER);
    assert_int_equal(gyre_loop_run(loop), GYRE_RUN_DONE);
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        note(gyre_future_error(made[i]));
        gyre_future_unref(made[i]);
    }
    note(__atomic_load_n(&post_error, __ATOMIC_SEQ_CST));
}

static void begin_anew(struct fixture *f)
{
    reset_tasks();
    tasks[0].f = f;
    f->trace_count = 0;
    arg_runs = arg_drops = value_drops = posts = posts_run = post_error = first_error = 0;
}

static void do_everything(struct fixture *f)
{
    struct gyre_loop_options loop_opt = test_options();
    struct gyre_pool_options opt = pool_options(2);
    struct gyre_loop *loop = NULL;

    begin_anew(f);
    int err = gyre_loop_create(&loop_opt, &loop);
    note(err);
    if (err < 0)
        return;
    err = gyre_pool_create(&opt, &pool);
    note(err);
    if (err == 0)
        use_pool(loop);
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
    pool = NULL;
    assert_int_equal(gyre_loop_destroy(loop), 0);
}

/* K-1 */
static void every_failing_allocation_is_told_and_leaves_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    size_t before = live_bytes();

    f->wait_limit = 100000;
    for (int forever = 0; forever < 2; forever++) {
        bool fired = true;

        for (unsigned n = 1; fired; n++) {
            fail_allocation(n, forever);
            do_everything(f);
            fired = fault_fired();
            disarm_faults();
            assert_int_equal(first_error, fired ? -ENOMEM : 0);
            assert_int_equal(live_bytes(), before);
            assert_int_equal(arg_drops, 0); /* of what was refused, it stays mine */
            assert_int_equal(value_drops, arg_runs);
            assert_int_equal(posts_run, posts);
            assert_int_equal(tasks[0].ends, tasks[0].runs);
        }
    }
}

/* ------------------------------------------------------------------ what is refused changes nothing */

static void refused_job_can_be_offloaded_again(void **state)
{
    struct fixture *f = fixture_of(state);
    bool fired = true;

    begin_anew(f);
    for (unsigned n = 1; fired; n++) {
        fail_allocation(n, false);
        struct gyre_future *refused = gyre_offload(f->loop, pool, 0, posting_job, drop_arg, NULL);
        fired = fault_fired();
        disarm_faults();
        if (fired)
            assert_int_equal(gyre_future_error(refused), -ENOMEM);
        run_all(f);
        assert_int_equal(arg_runs, fired ? 0 : 1);
        gyre_future_unref(refused);
    }
}

static void refused_shutdown_leaves_the_pool_open(void **state)
{
    struct fixture *f = fixture_of(state);
    bool fired = true;

    begin_anew(f);
    for (unsigned n = 1; fired; n++) {
        fail_allocation(n, false);
        struct gyre_future *end =
            gyre_pool_shutdown(f->loop, pool, GYRE_POOL_CANCEL_QUEUED, GYRE_NEVER);
        fired = fault_fired();
        disarm_faults();
        assert_int_equal(gyre_future_error(end), fired ? -ENOMEM : -EINPROGRESS);
        (void)init_task(f, f->loop, 0, NULL);
        assert_int_equal(gyre_work_submit(&tasks[0].work, pool, 0), fired ? 0 : -ESHUTDOWN);
        run_all(f);
        gyre_future_unref(end);
    }
}

/* ------------------------------------------------------------------ calls into the loop */

static int calls_run;

static struct gyre_future *sleep_a_little(struct gyre_loop *loop, void *arg)
{
    (void)arg;
    calls_run++;
    return gyre_sleep(loop, 0);
}

/* The memory is the loop's, and some of it is needed on its thread. */
static void every_failing_allocation_of_a_call_is_told_to_the_caller(void **state)
{
    struct fixture *f = fixture_of(state);
    bool fired = true;

    calls_run = 0;
    for (unsigned n = 1; fired; n++) {
        struct caller c = { .loop = f->loop, .fn = sleep_a_little, .timeout = GYRE_NEVER };

        fail_allocation(n, false);
        start_caller(&c);
        int err = serve_caller(&c);
        fired = fault_fired();
        disarm_faults();
        assert_int_equal(err, fired ? -ENOMEM : 0);
    }
    assert_in_range(calls_run, 1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOLLESS_TEST(every_failing_allocation_is_told_and_leaves_nothing),
        POOL_TEST(refused_job_can_be_offloaded_again),
        POOL_TEST(refused_shutdown_leaves_the_pool_open),
        CALLER_TEST(every_failing_allocation_of_a_call_is_told_to_the_caller),
    };

    return cmocka_run_group_tests_name("pool faults", tests, NULL, NULL);
}
