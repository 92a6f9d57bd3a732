/* Asyncs that four threads send while the loop stops and starts them, sleeps, and closes: no news
 * is slept on, and nobody is called who was stopped.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "yielding.h"

#include <errno.h>
#include <string.h>

enum { SENDERS = 4, BELLS = 6, SENDS = 20000, ROUNDS = 3000, RACES = 200 };

struct bell {
    struct gyre_async async;
    unsigned rung;  /* sends that began; counted before each, */
    unsigned heard; /* and what of that the latest callback knew */
    bool is_silent; /* stopped: must not be called */
    unsigned long wrong;
};

static struct bell bells[BELLS];
static struct gyre_loop *loop;
static bool senders_must_end;
static int senders_running;
static unsigned long strange_results;

static void on_async(struct gyre_async *async, void *arg)
{
    struct bell *bell = arg;

    (void)async;
    bell->wrong += bell->is_silent;
    bell->heard = __atomic_load_n(&bell->rung, __ATOMIC_SEQ_CST);
}

static int begin(void **state)
{
    if (setup(state) < 0)
        return -1;
    fixture_of(state)->wait_limit = 10000000;
    loop = fixture_of(state)->loop;
    install_yielding_calls();
    senders_must_end = false;
    senders_running = SENDERS;
    strange_results = 0;
    return 0;
}

static void start_bells(void)
{
    memset(bells, 0, sizeof(bells));
    for (int i = 0; i < BELLS; i++) {
        assert_int_equal(gyre_async_init(&bells[i].async, loop, on_async, &bells[i]), 0);
        assert_int_equal(gyre_async_start(&bells[i].async), 0);
    }
}

static void ring_one(void)
{
    struct bell *bell = &bells[chance(50) ? 0 : random_index(&yielding_random, BELLS)];

    __atomic_add_fetch(&bell->rung, 1, __ATOMIC_SEQ_CST);
    int err = gyre_async_send(&bell->async);
    if (err != 0 && err != -EINVAL && err != -ESHUTDOWN)
        __atomic_add_fetch(&strange_results, 1, __ATOMIC_RELAXED);
}

static void *ring_many(void *arg)
{
    for (int i = 0; i < SENDS; i++) {
        ring_one();
        if (chance(5))
            (void)sched_yield();
    }
    __atomic_sub_fetch(&senders_running, 1, __ATOMIC_SEQ_CST);
    gyre_loop_stop(loop);
    return arg;
}

static void *ring_until_told(void *arg)
{
    while (!__atomic_load_n(&senders_must_end, __ATOMIC_SEQ_CST)) {
        ring_one();
        if (chance(5))
            (void)sched_yield();
    }
    return arg;
}

static void start_senders(pthread_t *threads, void *(*body)(void *arg))
{
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, body, NULL), 0);
}

static void join_senders(const pthread_t *threads)
{
    __atomic_store_n(&senders_must_end, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(strange_results, 0);
}

/* D1: after the last send every async has been called once more. */
static void no_news_is_slept_on(void **state)
{
    pthread_t threads[SENDERS];

    start_bells();
    start_senders(threads, ring_many);
    while (__atomic_load_n(&senders_running, __ATOMIC_SEQ_CST) > 0)
        assert_int_equal(gyre_loop_run(loop), GYRE_RUN_STOPPED);
    join_senders(threads);
    (void)run_ready(fixture_of(state));
    for (int i = 0; i < BELLS; i++)
        assert_int_equal(bells[i].heard, bells[i].rung);
}

/* D2: with sends on their way at every stop. */
static void stopped_async_is_silent_until_it_is_started(void **state)
{
    pthread_t threads[SENDERS];

    (void)state;
    start_bells();
    start_senders(threads, ring_until_told);
    for (int i = 0; i < ROUNDS; i++) {
        struct bell *bell = &bells[i % BELLS];

        assert_true(gyre_async_stop(&bell->async));
        bell->is_silent = true;
        assert_return_code(gyre_loop_run_once(loop, 0), 0);
        bell->is_silent = false;
        assert_int_equal(gyre_async_start(&bell->async), 0);
        assert_return_code(gyre_loop_run_once(loop, 0), 0);
    }
    join_senders(threads);
    for (int i = 0; i < BELLS; i++)
        assert_int_equal(bells[i].wrong, 0);
}

/* D2, D11 */
static void sends_that_race_with_close_are_forgotten_or_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t threads[SENDERS];

    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    for (int race = 0; race < RACES; race++) {
        loop = make_loop();
        senders_must_end = false;
        start_bells();
        start_senders(threads, ring_until_told);
        for (int i = 0; i < race % 7; i++)
            assert_return_code(gyre_loop_run_once(loop, 0), 0);
        assert_int_equal(gyre_loop_close(loop), 0);
        for (int i = 0; i < BELLS; i++) {
            bells[i].is_silent = true;
            assert_int_equal(gyre_async_send(&bells[i].async), -ESHUTDOWN);
        }
        join_senders(threads);
        assert_int_equal(gyre_loop_destroy(loop), 0);
    }
}

#define STRESS_TEST(name) cmocka_unit_test_setup_teardown(name, begin, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STRESS_TEST(no_news_is_slept_on),
        STRESS_TEST(stopped_async_is_silent_until_it_is_started),
        STRESS_TEST(sends_that_race_with_close_are_forgotten_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
