/* Jobs of two loops on one pool, a tenth of them cancelled at some moment: each ends exactly once, on
 * its own loop, and runs at most once. And loops that are closed, and calls into them that time out,
 * while the others are at it.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/built_with.h"
#include "pool/caller.h"
#include "stress/yielding.h"

#include <stdlib.h>

enum {
    LOOPS = 2,
    AT_ONCE = 200, /* works of each loop that are out at the same time */
    THREADS = 4,
    IS_SLOW = BUILT_WITH_TSAN || BUILT_WITH_ASAN,
    JOBS = IS_SLOW ? 50000 : 500000, /* of each loop */
    RACES = IS_SLOW ? 100 : 400,
    CALLS = IS_SLOW ? 300 : 2000,
};

/* ------------------------------------------------------------------ a million jobs */

struct side;

struct piece {
    struct gyre_work work;
    struct side *side;
    unsigned runs;      /* since it was submitted; atomic */
    bool was_cancelled; /* gyre_work_cancel returned true */
    bool is_out;
};

struct side {
    pthread_t thread;
    struct gyre_loop *loop;
    struct piece pieces[AT_ONCE];
    int submitted;
    unsigned long ended;
    unsigned long never_ran;
    unsigned long wrong; /* what should not have been */
};

static struct side sides[LOOPS];

static void run_piece(struct gyre_work *work, void *arg)
{
    struct piece *piece = arg;

    (void)work;
    __atomic_add_fetch(&piece->runs, 1, __ATOMIC_SEQ_CST);
    if (chance(2))
        (void)sched_yield();
}

static void submit_piece(struct piece *piece);

static void cancel_one(struct side *side)
{
    struct piece *piece = &side->pieces[random_index(&yielding_random, AT_ONCE)];
    bool was_taken_back = gyre_work_cancel(&piece->work);

    side->wrong += was_taken_back && (!piece->is_out || piece->was_cancelled);
    piece->was_cancelled = piece->was_cancelled || was_taken_back;
}

static void end_piece(struct gyre_work *work, int status, void *arg)
{
    struct piece *piece = arg;
    struct side *side = piece->side;
    unsigned runs = __atomic_load_n(&piece->runs, __ATOMIC_SEQ_CST);

    (void)work;
    side->ended++;
    side->never_ran += status == -ECANCELED;
    side->wrong += !piece->is_out;
    side->wrong += status != (piece->was_cancelled ? -ECANCELED : 0);
    side->wrong += runs != (status == 0 ? 1 : 0);
    piece->is_out = false;
    if (chance(10))
        cancel_one(side);
    if (side->submitted < JOBS)
        submit_piece(piece);
}

static void submit_piece(struct piece *piece)
{
    struct side *side = piece->side;

    side->submitted++;
    piece->was_cancelled = false;
    piece->is_out = true;
    __atomic_store_n(&piece->runs, 0, __ATOMIC_SEQ_CST);
    int err = gyre_work_submit(&piece->work, pool, chance(10) ? GYRE_JOB_LOW : 0);
    side->wrong += err != 0;
}

/* On its own thread: make a loop, have all jobs of this side done, and end the loop. */
static void *run_side(void *arg)
{
    struct side *side = arg;
    struct gyre_loop_options opt = test_options();

    side->wrong += gyre_loop_create(&opt, &side->loop) != 0;
    for (int i = 0; i < AT_ONCE; i++) {
        struct piece *piece = &side->pieces[i];

        piece->side = side;
        side->wrong += gyre_work_init(&piece->work, side->loop, run_piece, end_piece, piece) != 0;
        submit_piece(piece);
    }
    side->wrong += gyre_loop_run(side->loop) != GYRE_RUN_DONE;
    side->wrong += gyre_loop_destroy(side->loop) != 0;
    return NULL;
}

static int stress_setup(void **state)
{
    if (caller_setup(state) < 0)
        return -1;
    end_pool();
    pool = make_pool(THREADS);
    fixture_of(state)->wait_limit = 100000000;
    install_yielding_calls();
    return 0;
}

/* J-5 */
static void each_of_a_million_jobs_ends_once(void **state)
{
    unsigned long never_ran = 0;

    (void)state;
    memset(sides, 0, sizeof(sides));
    for (int i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_create(&sides[i].thread, NULL, run_side, &sides[i]), 0);
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(pthread_join(sides[i].thread, NULL), 0);
        assert_int_equal(sides[i].wrong, 0);
        assert_int_equal(sides[i].ended, JOBS);
        never_ran += sides[i].never_ran;
    }
    assert_int_equal(stats_of(pool).completed, LOOPS * JOBS - never_ran);
    assert_int_equal(stats_of(pool).cancelled, never_ran);
    assert_true(never_ran > 0);
}

/* ------------------------------------------------------------------ loops that are closed */

/* An argument of a job and the value it makes of it, each a block that must be freed once. */
static int blocks_alive; /* atomic */

static void *make_block(void)
{
    __atomic_add_fetch(&blocks_alive, 1, __ATOMIC_SEQ_CST);
    return malloc(1);
}

static void free_block(void *block)
{
    __atomic_sub_fetch(&blocks_alive, 1, __ATOMIC_SEQ_CST);
    free(block);
}

static int exchange_blocks(struct gyre_job *job, void *arg)
{
    void *news = make_block();

    free_block(arg);
    if (gyre_job_post(job, free_block, free_block, news) < 0)
        free_block(news);
    if (chance(20))
        (void)sched_yield();
    gyre_job_return(job, make_block(), free_block);
    return gyre_job_cancelled(job) && chance(50) ? -ECANCELED : 0;
}

static void offload_some(struct gyre_loop *loop)
{
    static const unsigned flags[] = { 0, GYRE_JOB_LOW, GYRE_JOB_ABANDON, GYRE_JOB_BORROWS };

    for (int i = 0; i < 16; i++) {
        struct gyre_future *f = gyre_offload(loop, pool, flags[random_index(&yielding_random, 4)],
                                             exchange_blocks, free_block, make_block());

        if (chance(30))
            (void)gyre_future_cancel(f);
        if (chance(50))
            gyre_future_detach(f);
        else
            gyre_future_unref(f);
    }
}

static void *open_and_close(void *arg)
{
    for (int race = 0; race < RACES; race++) {
        struct gyre_loop_options opt = test_options();
        struct gyre_loop *loop;

        if (gyre_loop_create(&opt, &loop) != 0)
            return NULL;
        offload_some(loop);
        for (int tick = race % 4; tick > 0; tick--)
            (void)gyre_loop_run_once(loop, 0);
        if (gyre_loop_destroy(loop) != 0)
            return NULL;
    }
    return arg;
}

/* What they leave running ends after them; whatever was allocated is freed once. */
static void loops_close_while_others_use_the_pool(void **state)
{
    pthread_t threads[LOOPS];
    void *result;

    (void)state;
    for (int i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, &sides[i]), 0);
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &sides[i]);
    }
    end_pool();
    assert_int_equal(__atomic_load_n(&blocks_alive, __ATOMIC_SEQ_CST), 0);
}

/* Pools that come and go under a loop that stays, destroyed from another thread. */
static void *destroy_pool(void *arg)
{
    if (chance(50))
        (void)sched_yield();
    (void)gyre_pool_destroy(arg, chance(50) ? 0 : GYRE_NEVER);
    return NULL;
}

static void pools_are_destroyed_while_a_loop_uses_them(void **state)
{
    struct fixture *f = fixture_of(state);

    gyre_async_stop(&bell);
    for (int race = 0; race < RACES; race++) {
        pthread_t thread;

        offload_some(f->loop);
        assert_int_equal(pthread_create(&thread, NULL, destroy_pool, pool), 0);
        run_all(f);
        assert_int_equal(pthread_join(thread, NULL), 0);
        pool = make_pool(THREADS);
    }
    /* Nobody waits for an abandoned job, whose pool may be gone before it ends; but end it does. */
    do {
        run_all(f);
        (void)sched_yield();
    } while (__atomic_load_n(&blocks_alive, __ATOMIC_SEQ_CST) > 0);
    assert_int_equal(__atomic_load_n(&blocks_alive, __ATOMIC_SEQ_CST), 0);
}

/* ------------------------------------------------------------------ calls into loops */

static unsigned long strange_results;

static struct gyre_future *make_value(struct gyre_loop *loop, void *arg)
{
    (void)arg;
    if (chance(50))
        return gyre_sleep(loop, 0);

    struct gyre_future *f = gyre_future_create(loop);
    (void)gyre_future_resolve(f, make_block(), free_block);
    return f;
}

static void *call_often(void *arg)
{
    struct gyre_loop *loop = arg;

    for (int i = 0; i < CALLS; i++) {
        void *value = NULL;
        int err = gyre_loop_call(loop, make_value, NULL, chance(50) ? 1 : GYRE_MS(1), &value);

        if (err == 0 && value)
            free_block(value);
        if (err == -ESHUTDOWN)
            return NULL;
        if (err != 0 && err != -ETIMEDOUT && err != -ECANCELED)
            __atomic_add_fetch(&strange_results, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

/* Each value is taken or dropped, whoever is first: the outcome, the end of the time or of the loop. */
static void calls_race_with_their_time_and_the_end_of_the_loop(void **state)
{
    (void)state;
    strange_results = 0;
    for (int race = 0; race < 10; race++) {
        pthread_t threads[THREADS];
        struct gyre_loop *loop = make_loop();

        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, call_often, loop), 0);
        for (int i = 0; i < 50 * race; i++)
            assert_return_code(gyre_loop_run_once(loop, 0), 0);
        assert_int_equal(gyre_loop_close(loop), 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(gyre_loop_destroy(loop), 0);
    }
    assert_int_equal(strange_results, 0);
    assert_int_equal(__atomic_load_n(&blocks_alive, __ATOMIC_SEQ_CST), 0);
}

#define STRESS_TEST(name) cmocka_unit_test_setup_teardown(name, stress_setup, pool_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STRESS_TEST(each_of_a_million_jobs_ends_once),
        STRESS_TEST(loops_close_while_others_use_the_pool),
        STRESS_TEST(pools_are_destroyed_while_a_loop_uses_them),
        STRESS_TEST(calls_race_with_their_time_and_the_end_of_the_loop),
    };

    return cmocka_run_group_tests_name("pool stress", tests, NULL, NULL);
}
