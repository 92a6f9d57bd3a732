/* What a worker is like as a thread, and what a pool says of itself.
 *
 * SPDX-License-Identifier: MIT */
#include "tasks.h"

#include "os/clock.h"

#include <signal.h>

/* ------------------------------------------------------------------ the thread */

static char name_seen[64];
static size_t stack_seen;
static sigset_t mask_seen;

static void look_around(struct task *task)
{
    (void)task;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &mask_seen);
#ifdef __linux__
    pthread_attr_t attr;
    void *stack;

    (void)pthread_getname_np(pthread_self(), name_seen, sizeof(name_seen));
    (void)pthread_getattr_np(pthread_self(), &attr);
    (void)pthread_attr_getstack(&attr, &stack, &stack_seen);
    (void)pthread_attr_destroy(&attr);
#endif
}

static void run_one_with(struct fixture *f, const struct gyre_pool_options *opt)
{
    assert_int_equal(gyre_pool_create(opt, &pool), 0);
    (void)submit(f, 0, look_around);
    run_all(f);
    end_pool();
}

/* J-8 */
static void worker_has_the_name_of_the_pool_cut_to_what_fits(void **state)
{
    static const struct {
        const char *name;
        const char *seen;
    } names[] = {
        { NULL, "gyre" },
        { "", "" },
        { "files", "files" },
        { "fifteen-letters", "fifteen-letters" },
        { "a-name-of-twenty-two", "a-name-of-twent" },
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct gyre_pool_options opt = pool_options(1);

        opt.name = names[i].name;
        run_one_with(fixture_of(state), &opt);
#ifdef __linux__
        assert_string_equal(name_seen, names[i].seen);
#endif
    }
}

static void name_need_not_outlive_the_call(void **state)
{
    char name[] = "first";
    struct gyre_pool_options opt = pool_options(1);

    opt.name = name;
    assert_int_equal(gyre_pool_create(&opt, &pool), 0);
    memcpy(name, "other", sizeof(name));
    (void)submit(fixture_of(state), 0, look_around);
    run_all(fixture_of(state));
#ifdef __linux__
    assert_string_equal(name_seen, "first");
#endif
}

static void worker_has_the_stack_that_was_asked_for(void **state)
{
    struct gyre_pool_options opt = pool_options(1);

    opt.stack_size = (size_t)24 << 20; /* more than any default */
    run_one_with(fixture_of(state), &opt);
#ifdef __linux__
    assert_true(stack_seen >= opt.stack_size);
#endif
}

static void worker_has_all_signals_blocked_and_the_submitter_has_not(void **state)
{
    static const int some[] = { SIGHUP, SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGUSR1, SIGPIPE };
    struct gyre_pool_options opt = pool_options(1);
    sigset_t before, after;

    (void)pthread_sigmask(SIG_BLOCK, NULL, &before);
    run_one_with(fixture_of(state), &opt);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (size_t i = 0; i < ARRAY_LEN(some); i++) {
        assert_true(sigismember(&mask_seen, some[i]));
        assert_int_equal(sigismember(&before, some[i]), sigismember(&after, some[i]));
    }
}

static void mask_is_restored_when_no_thread_can_be_started(void **state)
{
    struct fixture *f = fixture_of(state);
    sigset_t mask;

    (void)init_task(f, f->loop, 0, NULL);
    fail_call(SYS_THREAD_CREATE, 1, EAGAIN, false);
    assert_int_equal(gyre_work_submit(&tasks[0].work, pool, 0), -EAGAIN);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
}

/* ------------------------------------------------------------------ statistics */

static uint64_t sum_of(const uint64_t *buckets)
{
    uint64_t sum = 0;

    for (int i = 0; i < GYRE_POOL_BUCKETS; i++)
        sum += buckets[i];
    return sum;
}

static void stats_count_what_ran_and_what_never_did(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, hold);
    gate_await(&gate, 1);
    submit_all(f, 1, 4, NULL);
    assert_true(gyre_work_cancel(&tasks[2].work));
    struct gyre_pool_stats stats = stats_of(pool);
    assert_int_equal(stats.busy, 1);
    assert_int_equal(stats.queued, 3);
    assert_int_equal(stats.completed, 0);
    gate_open(&gate);
    run_all(f);
    stats = stats_of(pool);
    assert_int_equal(stats.busy, 0);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.max_queued, 4);
    assert_int_equal(stats.completed, 4);
    assert_int_equal(stats.cancelled, 1);
}

static void each_job_that_ran_is_in_both_histograms(void **state)
{
    struct fixture *f = fixture_of(state);

    submit_all(f, 0, 19, NULL);
    run_all(f);
    struct gyre_pool_stats stats = stats_of(pool);
    assert_int_equal(sum_of(stats.wait_time), 20);
    assert_int_equal(sum_of(stats.run_time), 20);
}

enum { LONG_BUCKET = 21 };

static void take_two_milliseconds(struct task *task)
{
    (void)task;
    gate_pass(&gate);
    uint64_t begin = clock_now();
    while (clock_now() - begin < (uint64_t)1 << LONG_BUCKET)
        (void)sched_yield();
}

/* Real time, so only from below. */
static void histograms_put_a_time_into_its_power_of_two(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t later = 0;

    (void)submit(f, 0, take_two_milliseconds);
    (void)submit(f, 1, take_two_milliseconds);
    gate_open(&gate);
    run_all(f);
    struct gyre_pool_stats stats = stats_of(pool);
    for (int i = LONG_BUCKET; i < GYRE_POOL_BUCKETS; i++)
        later += stats.run_time[i];
    assert_int_equal(later, 2);
    later = 0;
    for (int i = LONG_BUCKET - 1; i < GYRE_POOL_BUCKETS; i++)
        later += stats.wait_time[i];
    assert_in_range(later, 1, 2); /* the second waited for the first */
}

static void stats_are_refused_without_room_for_them(void **state)
{
    struct gyre_pool_stats stats = { .size = sizeof(stats) - 1 };

    (void)state;
    assert_int_equal(gyre_pool_get_stats(pool, &stats), -EINVAL);
    assert_int_equal(gyre_pool_get_stats(pool, NULL), -EINVAL);
    stats.size = sizeof(stats);
    assert_int_equal(gyre_pool_get_stats(NULL, &stats), -EINVAL);
    assert_int_equal(gyre_pool_get_stats(pool, &stats), 0);
    assert_int_equal(stats.size, sizeof(stats));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOLLESS_TEST(worker_has_the_name_of_the_pool_cut_to_what_fits),
        POOLLESS_TEST(name_need_not_outlive_the_call),
        POOLLESS_TEST(worker_has_the_stack_that_was_asked_for),
        POOLLESS_TEST(worker_has_all_signals_blocked_and_the_submitter_has_not),
        POOL_TEST(mask_is_restored_when_no_thread_can_be_started),
        POOL_TEST(stats_count_what_ran_and_what_never_did),
        POOL_TEST(each_job_that_ran_is_in_both_histograms),
        POOL_TEST(histograms_put_a_time_into_its_power_of_two),
        POOL_TEST(stats_are_refused_without_room_for_them),
    };

    return cmocka_run_group_tests_name("pool threads", tests, NULL, NULL);
}
