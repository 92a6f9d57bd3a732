/* The contract of pollers, os/poller.h: how long `wait` waits and what ends it, batches smaller
 * than what is ready, and the descriptor and the alarm for foreign loops.
 *
 * SPDX-License-Identifier: MIT */
#include "poller_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

/* ------------------------------------------------------------------ timeouts */

/* C4 */
static void wait_is_never_too_short(void **state)
{
    static const uint64_t timeouts[] = {
        0,       1,       999,        GYRE_US(60),    999999,
        1000000, 1000001, GYRE_MS(3), GYRE_MS(3) + 1, GYRE_MS(20) + 400000
    };
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
            uint64_t start = now();
            assert_int_equal(seen_within(key_of(fds[0], 1), timeouts[i]), 0);
            assert_true(now() - start >= timeouts[i]);
        }
    }
    close_both(fds);
}

static void empty_set_waits_too(void **state)
{
    uint64_t start = now();

    (void)state;
    assert_int_equal(seen_within(0, GYRE_MS(2)), 0);
    assert_true(now() - start >= GYRE_MS(2));
}

static void *write_later(void *arg)
{
    const struct timespec while_it_waits = { .tv_nsec = 20000000 };

    nanosleep(&while_it_waits, NULL);
    put(*(int *)arg, "x");
    return NULL;
}

/* C6, F17, F18 */
static void huge_timeout_lasts_until_something_happens(void **state)
{
    static const uint64_t timeouts[] = { GYRE_NEVER,          GYRE_NEVER - 1,
                                         UINT64_C(1) << 63,   GYRE_MS(0x80000000u),
                                         GYRE_MS(0x7fffffff), GYRE_S(86400) * 365 };
    pthread_t thread;
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
        assert_int_equal(pthread_create(&thread, NULL, write_later, &fds[1]), 0);
        assert_int_equal(seen_within(key_of(fds[0], 1), timeouts[i]), POLLER_READ);
        assert_int_equal(pthread_join(thread, NULL), 0);
        drain(fds[0]);
    }
    close_both(fds);
}

/* ------------------------------------------------------------------ signals */

static volatile sig_atomic_t alarms;

static void count_alarm(int signo)
{
    (void)signo;
    alarms++;
}

static void wait_under_alarms(int flags)
{
    const struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
    const struct itimerval never = { { 0, 0 }, { 0, 0 } };
    struct sigaction action = { .sa_flags = flags };
    struct sigaction old;
    struct poller_event event;

    action.sa_handler = count_alarm;
    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    for (int i = 0; i < 5; i++) {
        int before = alarms;
        assert_int_equal(poller.ops->wait(&poller, GYRE_NEVER, &event, 1), 0);
        assert_true(alarms > before);
    }
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
}

/* E10 */
static void signal_ends_the_wait_early(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    wait_under_alarms(0);
    close_both(fds);
}

/* E10 */
static void signal_with_restart_ends_the_wait_early(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    wait_under_alarms(SA_RESTART);
    close_both(fds);
}

/* ------------------------------------------------------------------ batches */

static void make_ready(int (*fds)[2], int count)
{
    for (int i = 0; i < count; i++) {
        make_pair(fds[i]);
        put(fds[i][1], "x");
    }
}

static void close_all(int (*fds)[2], int count)
{
    for (int i = 0; i < count; i++)
        close_both(fds[i]);
}

/* Look `looks` times with room for `max`: all that is asked for, of all of `count`, must come. */
static void assert_all_come(int (*fds)[2], int count, unsigned asked, int max, int looks)
{
    struct poller_event events[POLLER_BATCH];
    unsigned came[4096] = { 0 };

    for (int i = 0; i < count; i++)
        watch(fds[i][0], 0, asked);
    for (int look = 0; look < looks; look++) {
        int n = poller.ops->wait(&poller, 0, events, max);
        assert_in_range(n, 1, max);
        for (int i = 0; i < n; i++)
            came[(uint32_t)events[i].key % 4096] |= events[i].events;
    }
    for (int i = 0; i < count; i++)
        assert_int_equal(came[fds[i][0]], asked);
}

/* F33, I5 */
static void small_batch_starves_nobody(void **state)
{
    int fds[20][2];

    (void)state;
    make_ready(fds, 20);
    assert_all_come(fds, 20, POLLER_READ, 4, 5);
    close_all(fds, 20);
}

/* I5 */
static void batch_of_one_starves_no_direction(void **state)
{
    int fds[5][2];

    (void)state;
    make_ready(fds, 5);
    assert_all_come(fds, 5, POLLER_READ | POLLER_WRITE, 1, 10);
    close_all(fds, 5);
}

/* I5 */
static void more_than_a_batch_starves_nobody(void **state)
{
    enum { MANY = POLLER_BATCH + 100 };
    int fds[MANY][2];

    (void)state;
    make_ready(fds, MANY);
    assert_all_come(fds, MANY, POLLER_READ, POLLER_BATCH, 2);
    close_all(fds, MANY);
}

/* I5, K13 */
static void small_batches_stay_fair_when_the_set_shrinks(void **state)
{
    int fds[20][2];

    (void)state;
    make_ready(fds, 20);
    assert_all_come(fds, 20, POLLER_READ, 7, 3);
    for (int i = 3; i < 20; i++)
        watch(fds[i][0], POLLER_READ, 0);
    assert_all_come(fds, 3, POLLER_READ, 1, 3);
    close_all(fds, 20);
}

/* ------------------------------------------------------------------ the foreign loop */

static int foreign_fd(void)
{
    int fd = poller.ops->fd(&poller);

    if (fd == -ENOTSUP) {
        assert_int_equal(poller.ops->alarm(&poller, 0), -ENOTSUP);
        print_message("this poller has no descriptor\n");
        skip();
    }
    assert_in_range(fd, 0, 4096);
    return fd;
}

static void descriptor_is_readable_while_something_is_ready(void **state)
{
    int fd = foreign_fd();
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    assert_false(is_readable(fd));
    put(fds[1], "x");
    assert_true(becomes_readable(fd));
    assert_int_equal(seen(fds[0]), POLLER_READ);
    assert_true(is_readable(fd));
    drain(fds[0]);
    assert_int_equal(count_seen(), 0);
    assert_false(is_readable(fd));
    close_both(fds);
}

static void descriptor_is_closed_on_exec(void **state)
{
    int fd = foreign_fd();

    (void)state;
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void alarm_makes_the_descriptor_readable_after_its_delay(void **state)
{
    int fd = foreign_fd();
    uint64_t start = now();

    (void)state;
    assert_int_equal(poller.ops->alarm(&poller, GYRE_MS(5)), 0);
    assert_true(becomes_readable(fd));
    assert_true(now() - start >= GYRE_MS(5));
}

static void alarm_is_not_reported_and_comes_once(void **state)
{
    int fd = foreign_fd();

    (void)state;
    assert_int_equal(poller.ops->alarm(&poller, GYRE_MS(1)), 0);
    assert_true(becomes_readable(fd));
    assert_int_equal(count_seen(), 0);
    assert_false(is_readable(fd));
    assert_int_equal(seen_within(0, GYRE_MS(5)), 0);
    assert_false(is_readable(fd));
}

static void alarm_takes_no_room_from_events(void **state)
{
    int fd = foreign_fd();
    struct poller_event event;
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    assert_int_equal(poller.ops->alarm(&poller, 1), 0);
    assert_true(becomes_readable(fd));
    put(fds[1], "x");
    int n = poller.ops->wait(&poller, 0, &event, 1);
    if (n == 0)
        n = poller.ops->wait(&poller, 0, &event, 1);
    assert_int_equal(n, 1);
    assert_int_equal(event.key, key_of(fds[0], 1));
    close_both(fds);
}

/* C7, F36 */
static void alarm_without_delay_comes_at_once(void **state)
{
    int fd = foreign_fd();

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(poller.ops->alarm(&poller, 0), 0);
        assert_true(becomes_readable(fd));
        assert_int_equal(count_seen(), 0);
    }
}

static void later_alarm_replaces_an_earlier_one(void **state)
{
    int fd = foreign_fd();
    uint64_t start = now();

    (void)state;
    assert_int_equal(poller.ops->alarm(&poller, GYRE_S(3600)), 0);
    assert_int_equal(poller.ops->alarm(&poller, GYRE_MS(10)), 0);
    assert_int_equal(poller.ops->alarm(&poller, GYRE_MS(20)), 0);
    assert_true(becomes_readable(fd));
    assert_true(now() - start >= GYRE_MS(20));
}

static void alarm_can_be_called_off(void **state)
{
    int fd = foreign_fd();

    (void)state;
    assert_int_equal(poller.ops->alarm(&poller, GYRE_NEVER), 0);
    assert_int_equal(poller.ops->alarm(&poller, GYRE_MS(1)), 0);
    assert_int_equal(poller.ops->alarm(&poller, GYRE_NEVER), 0);
    assert_int_equal(seen_within(0, GYRE_MS(5)), 0);
    assert_false(is_readable(fd));
}

/* C6 */
static void huge_alarm_does_not_come(void **state)
{
    static const uint64_t delays[] = { GYRE_NEVER - 1, UINT64_C(1) << 63, GYRE_S(0x80000000u),
                                       GYRE_MS(0x80000000u) };
    int fd = foreign_fd();

    (void)state;
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        assert_int_equal(poller.ops->alarm(&poller, delays[i]), 0);
        assert_int_equal(seen_within(0, GYRE_MS(2)), 0);
        assert_false(is_readable(fd));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, poller_setup, poller_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wait_is_never_too_short),
        TEST(empty_set_waits_too),
        TEST(huge_timeout_lasts_until_something_happens),
        TEST(signal_ends_the_wait_early),
        TEST(signal_with_restart_ends_the_wait_early),
        TEST(small_batch_starves_nobody),
        TEST(batch_of_one_starves_no_direction),
        TEST(more_than_a_batch_starves_nobody),
        TEST(small_batches_stay_fair_when_the_set_shrinks),
        TEST(descriptor_is_readable_while_something_is_ready),
        TEST(descriptor_is_closed_on_exec),
        TEST(alarm_makes_the_descriptor_readable_after_its_delay),
        TEST(alarm_is_not_reported_and_comes_once),
        TEST(alarm_takes_no_room_from_events),
        TEST(alarm_without_delay_comes_at_once),
        TEST(later_alarm_replaces_an_earlier_one),
        TEST(alarm_can_be_called_off),
        TEST(huge_alarm_does_not_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
