/* gyre_call_soon_threadsafe: everything accepted either runs or is dropped, exactly once; what is
 * refused does neither.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fault.h"
#include "support/fixture.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

enum { THREADS = 4, POSTS = 2000 };

/* One argument of gyre_call_soon_threadsafe. Those who count are the loop's thread and, before
 * that, the sender. */
struct job {
    struct sender *sender;
    int index;
    int ran;
    int dropped;
    int err;
};

struct sender {
    pthread_t thread;
    struct gyre_loop *loop;
    struct job jobs[POSTS];
    int last_run; /* index of the latest job that ran or was dropped, -1 at first */
    int disorder;
};

static struct sender senders[THREADS];
static int running_senders;
static int jobs_run;

static void keep_order(struct job *job)
{
    job->sender->disorder += job->index <= job->sender->last_run;
    job->sender->last_run = job->index;
}

static void run_job(void *arg)
{
    struct job *job = arg;

    keep_order(job);
    job->ran++;
    jobs_run++;
}

static void drop_job(void *arg)
{
    struct job *job = arg;

    keep_order(job);
    job->dropped++;
}

static void *send_all(void *arg)
{
    struct sender *sender = arg;

    for (int i = 0; i < POSTS; i++) {
        struct job *job = &sender->jobs[i];

        job->err = gyre_call_soon_threadsafe(sender->loop, run_job, drop_job, job);
    }
    __atomic_fetch_sub(&running_senders, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void start_senders(struct fixture *f)
{
    memset(senders, 0, sizeof(senders));
    jobs_run = 0;
    running_senders = THREADS;
    for (int t = 0; t < THREADS; t++) {
        senders[t].loop = f->loop;
        senders[t].last_run = -1;
        for (int i = 0; i < POSTS; i++)
            senders[t].jobs[i] = (struct job){ .sender = &senders[t], .index = i };
        assert_int_equal(pthread_create(&senders[t].thread, NULL, send_all, &senders[t]), 0);
    }
}

static void join_senders(void)
{
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_join(senders[t].thread, NULL), 0);
}

static bool are_sending(void *arg)
{
    (void)arg;
    return __atomic_load_n(&running_senders, __ATOMIC_SEQ_CST) > 0;
}

static bool is_unfinished(void *arg)
{
    (void)arg;
    return jobs_run < THREADS * POSTS;
}

/* Exactly one of fn and drop for what was accepted, neither for what was refused. Returns how many
 * were accepted. */
static int check_jobs(void)
{
    int accepted = 0;

    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(senders[t].disorder, 0);
        for (int i = 0; i < POSTS; i++) {
            const struct job *job = &senders[t].jobs[i];

            assert_true(job->err == 0 || job->err == -ESHUTDOWN || job->err == -ENOMEM);
            assert_int_equal(job->ran + job->dropped, job->err == 0);
            accepted += job->err == 0;
        }
    }
    return accepted;
}

/* Somebody outside may have news: without it the loop would end when it is idle for a moment. */
static struct gyre_async keep_alive;

static void ignore(struct gyre_async *async, void *arg)
{
    (void)async;
    (void)arg;
}

static void start_keep_alive(struct fixture *f)
{
    memset(&keep_alive, 0, sizeof(keep_alive));
    assert_int_equal(gyre_async_init(&keep_alive, f->loop, ignore, NULL), 0);
    assert_int_equal(gyre_async_start(&keep_alive), 0);
}

/* D11 */
static void jobs_of_all_threads_run_once_in_the_order_of_each(void **state)
{
    struct fixture *f = fixture_of(state);

    f->wait_limit = THREADS * POSTS + 100;
    start_keep_alive(f);
    start_senders(f);
    assert_int_equal(gyre_loop_run_while(f->loop, is_unfinished, NULL), GYRE_RUN_DONE);
    join_senders();
    assert_int_equal(check_jobs(), THREADS * POSTS);
    assert_int_equal(jobs_run, THREADS * POSTS);
    assert_true(gyre_async_stop(&keep_alive));
}

/* D11, K-3 */
static void jobs_that_have_not_run_at_close_are_dropped_once(void **state)
{
    struct fixture *f = fixture_of(state);

    start_senders(f);
    join_senders();
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(check_jobs(), THREADS * POSTS);
    assert_int_equal(jobs_run, 0);
}

/* D11: some are accepted, some refused, and no third thing happens. */
static void close_while_threads_send_loses_and_doubles_nothing(void **state)
{
    struct fixture *f = fixture_of(state);

    f->wait_limit = ULONG_MAX; /* it asks all the time */
    for (int round = 0; round < 10; round++) {
        start_senders(f);
        while (jobs_run < round * 500 && are_sending(NULL))
            assert_in_range(gyre_loop_run_once(f->loop, 0), 0, THREADS * POSTS);
        assert_int_equal(gyre_loop_close(f->loop), 0);
        join_senders();
        check_jobs();
        assert_int_equal(gyre_loop_destroy(f->loop), 0);
        f->loop = make_loop();
    }
}

/* K-1 */
static void job_without_memory_is_refused_and_stays_the_callers(void **state)
{
    struct fixture *f = fixture_of(state);
    struct job job = { .sender = &senders[0] };

    fail_allocation(1, false);
    assert_int_equal(gyre_call_soon_threadsafe(f->loop, run_job, drop_job, &job), -ENOMEM);
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(run_ready(f), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(job.ran + job.dropped, 0);
}

/* K-1 */
static void threads_whose_jobs_find_no_memory_now_and_then_lose_only_those(void **state)
{
    struct fixture *f = fixture_of(state);

    f->wait_limit = ULONG_MAX;
    start_senders(f);
    for (unsigned n = 1; are_sending(NULL); n = n % 13 + 1) {
        fail_allocation(n, false);
        assert_in_range(gyre_loop_run_once(f->loop, 0), 0, THREADS * POSTS);
    }
    join_senders();
    disarm_faults();
    run_ready(f);
    assert_int_equal(check_jobs(), jobs_run);
}

static struct fixture *fixture;

static void note(void *arg)
{
    record(fixture, (int)(intptr_t)arg);
}

static void *post_2(void *arg)
{
    return (void *)(intptr_t)gyre_call_soon_threadsafe(arg, note, NULL, (void *)2);
}

/* A post of another thread that came before one from the loop's own thread runs before it. */
static void own_posts_do_not_overtake_those_of_other_threads(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;
    void *result;

    fixture = f;
    assert_int_equal(gyre_call_soon(f->loop, note, (void *)1), 0);
    assert_int_equal(pthread_create(&thread, NULL, post_2, f->loop), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    assert_int_equal(gyre_call_soon_threadsafe(f->loop, note, NULL, (void *)3), 0);
    assert_int_equal(gyre_call_soon(f->loop, note, (void *)4), 0);
    run_ready(f);
    ASSERT_TRACE(f, 1, 2, 3, 4);
}

/* The same where the loop rests in another loop between two runs. */
static void resting_loop_keeps_the_order_of_the_program(void **state)
{
    struct fixture *f = fixture_of(state);

    fixture = f;
    if (gyre_loop_fd(f->loop) < 0)
        skip();
    assert_int_equal(gyre_call_soon_threadsafe(f->loop, note, NULL, (void *)1), 0);
    assert_int_equal(gyre_call_soon(f->loop, note, (void *)2), 0);
    assert_int_equal(gyre_call_soon_threadsafe(f->loop, note, NULL, (void *)3), 0);
    run_ready(f);
    ASSERT_TRACE(f, 1, 2, 3);
}

static void post_keeps_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;

    fixture = f;
    assert_int_equal(pthread_create(&thread, NULL, post_2, f->loop), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 2);
}

#define THREAD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREAD_TEST(jobs_of_all_threads_run_once_in_the_order_of_each),
        THREAD_TEST(jobs_that_have_not_run_at_close_are_dropped_once),
        THREAD_TEST(close_while_threads_send_loses_and_doubles_nothing),
        THREAD_TEST(job_without_memory_is_refused_and_stays_the_callers),
        THREAD_TEST(threads_whose_jobs_find_no_memory_now_and_then_lose_only_those),
        THREAD_TEST(own_posts_do_not_overtake_those_of_other_threads),
        THREAD_TEST(resting_loop_keeps_the_order_of_the_program),
        THREAD_TEST(post_keeps_the_loop_alive),
    };

    return cmocka_run_group_tests_name("soon_thread", tests, NULL, NULL);
}
