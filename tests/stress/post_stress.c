/* Posts of four threads to a loop that sleeps, runs, stops and closes: each is run once or dropped
 * once, or was refused and is neither, and those of one thread keep their order.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fault.h"
#include "support/fixture.h"

#include "yielding.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum {
    SENDERS = 4,
    POSTS = 25000,       /* of each */
    RACES = 40,          /* between close and the senders, */
    RACING_POSTS = 1000, /* with so many posts of each */
    ALARMS = 300,
};

struct parcel {
    struct gyre_post post;
    int sender;
    int number;
    int result; /* of the send; read once the sender has been joined */
    unsigned ran;
    unsigned dropped;
};

static struct parcel *parcels[SENDERS];
static int posts_of_each;
static int last_done[SENDERS]; /* the latest number of each sender that was run or dropped */
static unsigned long done;
static unsigned long disorder;
static struct gyre_loop *loop;
static int senders_running;

static void note(struct parcel *parcel)
{
    disorder += parcel->number <= last_done[parcel->sender];
    last_done[parcel->sender] = parcel->number;
    done++;
}

static void on_post(struct gyre_post *post, void *arg)
{
    struct parcel *parcel = arg;

    (void)post;
    parcel->ran++;
    note(parcel);
}

static void on_drop(void *arg)
{
    struct parcel *parcel = arg;

    parcel->dropped++;
    note(parcel);
}

static void *send_all(void *arg)
{
    struct parcel *own = arg;

    for (int i = 0; i < posts_of_each; i++) {
        own[i].result = gyre_post_send(&own[i].post);
        if (chance(2))
            (void)sched_yield();
    }
    __atomic_sub_fetch(&senders_running, 1, __ATOMIC_SEQ_CST);
    gyre_loop_stop(loop);
    return NULL;
}

static void prepare(int count)
{
    posts_of_each = count;
    done = disorder = 0;
    for (int s = 0; s < SENDERS; s++) {
        last_done[s] = -1;
        parcels[s] = calloc((size_t)count, sizeof(*parcels[s]));
        assert_non_null(parcels[s]);
        for (int i = 0; i < count; i++) {
            struct parcel *parcel = &parcels[s][i];

            parcel->sender = s;
            parcel->number = i;
            assert_int_equal(gyre_post_init(&parcel->post, loop, on_post, on_drop, parcel), 0);
        }
    }
}

static void start_senders(pthread_t *threads)
{
    senders_running = SENDERS;
    for (int s = 0; s < SENDERS; s++)
        assert_int_equal(pthread_create(&threads[s], NULL, send_all, parcels[s]), 0);
}

static void join_senders(const pthread_t *threads)
{
    for (int s = 0; s < SENDERS; s++)
        assert_int_equal(pthread_join(threads[s], NULL), 0);
}

/* Returns how many were accepted. */
static unsigned long check_and_free(void)
{
    unsigned long accepted = 0;

    for (int s = 0; s < SENDERS; s++) {
        for (int i = 0; i < posts_of_each; i++) {
            const struct parcel *parcel = &parcels[s][i];

            assert_true(parcel->result == 0 || parcel->result == -ESHUTDOWN);
            assert_int_equal(parcel->ran + parcel->dropped, parcel->result == 0);
            accepted += parcel->result == 0;
        }
        free(parcels[s]);
    }
    assert_int_equal(done, accepted);
    assert_int_equal(disorder, 0);
    return accepted;
}

static int begin(void **state)
{
    if (setup(state) < 0)
        return -1;
    fixture_of(state)->wait_limit = 10000000;
    loop = fixture_of(state)->loop;
    install_yielding_calls();
    return 0;
}

/* D1, I-4: the loop falls asleep whenever the senders are slow. */
static void hundred_thousand_posts_run_once_each(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t threads[SENDERS];

    prepare(POSTS);
    start_senders(threads);
    while (__atomic_load_n(&senders_running, __ATOMIC_SEQ_CST) > 0)
        assert_return_code(gyre_loop_run(loop), 0);
    join_senders(threads);
    (void)run_ready(f);
    assert_int_equal(check_and_free(), SENDERS * POSTS);
}

static void wait_for_ever(struct gyre_async *async, void *arg)
{
    (void)async;
    (void)arg;
}

/* D1: with nothing else to wake it, a post that is slept on would be the end. */
static void sleeping_loop_is_woken_by_each_post(void **state)
{
    static struct gyre_async keeper;
    pthread_t threads[SENDERS];

    (void)state;
    memset(&keeper, 0, sizeof(keeper));
    assert_int_equal(gyre_async_init(&keeper, loop, wait_for_ever, NULL), 0);
    assert_int_equal(gyre_async_start(&keeper), 0);
    prepare(RACING_POSTS);
    start_senders(threads);
    while (done < SENDERS * RACING_POSTS)
        assert_return_code(gyre_loop_run_once(loop, GYRE_NEVER), 0);
    join_senders(threads);
    assert_int_equal(check_and_free(), SENDERS * RACING_POSTS);
}

/* D2, D11, D12: close comes at any moment, and so does the end of the loop's life. */
static void posts_that_race_with_close_are_done_once_or_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t threads[SENDERS];

    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    for (int race = 0; race < RACES; race++) {
        loop = make_loop();
        prepare(RACING_POSTS);
        start_senders(threads);
        for (int i = 0; i < race && done < SENDERS * RACING_POSTS; i++)
            assert_return_code(gyre_loop_run_once(loop, 0), 0);
        assert_int_equal(gyre_loop_close(loop), 0);
        join_senders(threads);
        (void)check_and_free();
        assert_int_equal(gyre_loop_destroy(loop), 0);
    }
}

/* ------------------------------------------------------------------ a signal handler */

static struct gyre_post alarm_post;
static volatile sig_atomic_t alarms_accepted;
static int alarms_run;

static void on_alarm_post(struct gyre_post *post, void *arg)
{
    (void)post;
    (void)arg;
    alarms_run++;
}

static void send_in_handler(int signo)
{
    (void)signo;
    if (gyre_post_send(&alarm_post) == 0)
        alarms_accepted++;
}

static void use_memory(void *arg)
{
    void *blocks[20];

    for (size_t i = 0; i < 20; i++)
        blocks[i] = malloc(1 + i * 100);
    for (size_t i = 0; i < 20; i++)
        free(blocks[i]);
    if (alarms_run < ALARMS)
        assert_int_equal(gyre_call_soon(loop, use_memory, arg), 0);
}

/* D10: the handler comes at any moment, in the allocator too. */
static void posts_of_a_signal_handler_find_no_lock_taken(void **state)
{
    struct itimerval often = { .it_value.tv_usec = 100, .it_interval.tv_usec = 100 };
    static const struct itimerval never;

    (void)state;
    memset(&alarm_post, 0, sizeof(alarm_post));
    alarms_run = 0;
    alarms_accepted = 0;
    assert_int_equal(gyre_post_init(&alarm_post, loop, on_alarm_post, NULL, NULL), 0);
    signal(SIGALRM, send_in_handler);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    assert_int_equal(gyre_call_soon(loop, use_memory, NULL), 0);
    assert_int_equal(gyre_loop_run(loop), GYRE_RUN_DONE);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    signal(SIGALRM, SIG_IGN);
    (void)run_ready(fixture_of(state));
    assert_int_equal(alarms_run, alarms_accepted);
}

#define STRESS_TEST(name) cmocka_unit_test_setup_teardown(name, begin, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STRESS_TEST(hundred_thousand_posts_run_once_each),
        STRESS_TEST(sleeping_loop_is_woken_by_each_post),
        STRESS_TEST(posts_that_race_with_close_are_done_once_or_refused),
        STRESS_TEST(posts_of_a_signal_handler_find_no_lock_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
