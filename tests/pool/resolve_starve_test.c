/* Name servers that do not answer hold up other names, and nothing else (J-1). Every thread of the
 * resolver stands at the gate here, and stays there.
 *
 * SPDX-License-Identifier: MIT */
#include "stand_in.h"

#include "base/util.h"

enum { THREADS = 4, JOBS = 50 };

static struct gyre_future *stuck[THREADS];

static void block_all_threads(struct fixture *f)
{
    shut_gate();
    for (size_t i = 0; i < THREADS; i++)
        stuck[i] = look_up(f, NULL, "stuck.test");
    await_at_gate(THREADS);
}

/* Nobody has left the gate, and nobody else has come. */
static void assert_still_blocked(void)
{
    await_at_gate(THREADS);
    assert_int_equal(questions(), THREADS);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(gyre_future_state(stuck[i]), GYRE_FUTURE_PENDING);
}

static void release_stuck(struct fixture *f)
{
    open_gate();
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(outcome_of(f, stuck[i]), 0);
}

static int return_argument(struct gyre_job *job, void *arg)
{
    gyre_job_return(job, arg, NULL);
    return 0;
}

static void stuck_resolvers_do_not_hold_up_offloaded_jobs(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *job[JOBS];

    block_all_threads(f);
    for (size_t i = 0; i < JOBS; i++)
        job[i] = gyre_offload(f->loop, NULL, 0, return_argument, NULL, &stuck[i % THREADS]);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(gyre_loop_run_until(f->loop, job[i]), GYRE_RUN_DONE);
        assert_ptr_equal(gyre_future_peek(job[i]), &stuck[i % THREADS]);
        gyre_future_unref(job[i]);
    }
    assert_still_blocked();
    release_stuck(f);
}

static unsigned works_run;

static void count_work(struct gyre_work *work, void *arg)
{
    (void)work;
    (void)arg;
    __atomic_add_fetch(&works_run, 1, __ATOMIC_SEQ_CST);
}

static void work_done(struct gyre_work *work, int status, void *arg)
{
    (void)work;
    record(arg, status);
}

static bool are_missing(void *arg)
{
    const struct fixture *f = arg;

    return f->trace_count < JOBS;
}

static void stuck_resolvers_do_not_hold_up_works(void **state)
{
    static struct gyre_work work[JOBS];
    struct fixture *f = fixture_of(state);

    works_run = 0;
    block_all_threads(f);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(gyre_work_init(&work[i], f->loop, count_work, work_done, f), 0);
        assert_int_equal(gyre_work_submit(&work[i], NULL, 0), 0);
    }
    assert_int_equal(gyre_loop_run_while(f->loop, are_missing, f), GYRE_RUN_DONE);
    assert_int_equal(works_run, JOBS);
    assert_still_blocked();
    release_stuck(f);
}

static void stuck_resolvers_do_not_hold_up_numbers(void **state)
{
    static const char *const host[] = { "127.0.0.1", "::1", "192.0.2.7" };
    struct fixture *f = fixture_of(state);
    const struct sockaddr_in address = { .sin_family = AF_INET };

    block_all_threads(f);
    for (size_t i = 0; i < ARRAY_LEN(host); i++)
        assert_int_equal(outcome_at_once(gyre_resolve(f->loop, NULL, host[i], "80")), 0);
    assert_int_equal(
        outcome_at_once(gyre_resolve_address(f->loop, NULL, (const struct sockaddr *)&address,
                                             sizeof(address), GYRE_RESOLVE_NUMERIC)),
        0);
    assert_still_blocked();
    release_stuck(f);
}

static void other_names_wait_and_can_be_cancelled_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *waiting[JOBS];

    block_all_threads(f);
    for (size_t i = 0; i < JOBS; i++)
        waiting[i] = look_up(f, NULL, "other.test");
    assert_int_equal(run_ready(f), 0);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(gyre_future_state(waiting[i]), GYRE_FUTURE_PENDING);
        assert_true(gyre_future_cancel(waiting[i]));
        assert_int_equal(outcome_at_once(waiting[i]), -ECANCELED);
    }
    assert_still_blocked();
    release_stuck(f);
    assert_int_equal(questions(), THREADS);
}

static void other_names_are_asked_for_when_one_is_answered(void **state)
{
    struct fixture *f = fixture_of(state);

    block_all_threads(f);
    struct gyre_future *waiting = look_up(f, NULL, "other.test");
    assert_int_equal(run_ready(f), 0);
    release_stuck(f);
    assert_int_equal(outcome_of(f, waiting), 0);
    assert_int_equal(questions(), THREADS + 1);
}

static void cancelled_lookup_still_has_its_thread(void **state)
{
    struct fixture *f = fixture_of(state);

    block_all_threads(f);
    for (size_t i = 0; i < THREADS; i++) {
        assert_true(gyre_future_cancel(stuck[i]));
        gyre_future_unref(stuck[i]);
    }
    struct gyre_future *waiting = look_up(f, NULL, "other.test");
    assert_int_equal(run_ready(f), 0);
    assert_int_equal(gyre_future_state(waiting), GYRE_FUTURE_PENDING);
    assert_int_equal(sys_calls(SYS_THREAD_CREATE), THREADS);
    open_gate();
    assert_int_equal(outcome_of(f, waiting), 0);
}

/* Two loops have two resolvers. */
static void stuck_resolvers_of_one_loop_do_not_hold_up_another(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_loop *mine = f->loop;

    block_all_threads(f);
    f->loop = make_loop();
    struct gyre_future *other = look_up(f, NULL, "other.test");
    await_at_gate(THREADS + 1);
    open_gate();
    assert_int_equal(outcome_of(f, other), 0);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = mine;
    release_stuck(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESOLVE_TEST(stuck_resolvers_do_not_hold_up_offloaded_jobs),
        RESOLVE_TEST(stuck_resolvers_do_not_hold_up_works),
        RESOLVE_TEST(stuck_resolvers_do_not_hold_up_numbers),
        RESOLVE_TEST(other_names_wait_and_can_be_cancelled_at_once),
        RESOLVE_TEST(other_names_are_asked_for_when_one_is_answered),
        RESOLVE_TEST(cancelled_lookup_still_has_its_thread),
        RESOLVE_TEST(stuck_resolvers_of_one_loop_do_not_hold_up_another),
    };

    return cmocka_run_group_tests_name("resolve_starve", tests, NULL, NULL);
}
