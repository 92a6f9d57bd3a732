/* The poll poller: what it asks of poll(2) and what it does about each error. For the rest see the
 * tests of the contract, poller_*_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "poller_fixture.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What poll is to do, and what it was asked. */
static struct {
    int err;
    short revents; /* of every entry, instead of the truth */
    int timeout_ms;
    nfds_t count;
} fake;

static const struct sys_table *real;
static struct sys_table table;

static int fake_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    fake.timeout_ms = timeout_ms;
    fake.count = count;
    if (fake.err) {
        errno = fake.err;
        return -1;
    }
    if (!fake.revents)
        return real->poll(fds, count, 0);
    for (nfds_t i = 0; i < count; i++)
        fds[i].revents = fake.revents;
    return (int)count;
}

static int setup(void **state)
{
    poller_setup_closed(state);
    memset(&fake, 0, sizeof(fake));
    real = sys;
    table = *real;
    table.poll = fake_poll;
    sys = &table;
    poller.ops = &poller_poll;
    return poller.ops->open(&poller, poller.ops);
}

static int teardown(void **state)
{
    poller.ops->close(&poller);
    sys = real;
    return poller_teardown_closed(state);
}

static int wait_for(uint64_t timeout)
{
    struct poller_event event;

    return poller.ops->wait(&poller, timeout, &event, 1);
}

/* C4, C6, F17 */
static void milliseconds_are_rounded_up_and_never_negative(void **state)
{
    static const struct {
        uint64_t asked;
        int given;
    } cases[] = {
        { 0, 0 },
        { 1, 1 },
        { 999999, 1 },
        { 1000000, 1 },
        { 1000001, 2 },
        { GYRE_MS(0x7fffffff) + 1, 0x7fffffff },
        { GYRE_MS(0x100000000u), 0x7fffffff },
        { GYRE_NEVER - 1, 0x7fffffff },
        { GYRE_NEVER, -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(wait_for(cases[i].asked), 0);
        assert_int_equal(fake.timeout_ms, cases[i].given);
    }
}

/* F30 */
static void failure_to_wait_is_reported(void **state)
{
    static const int errors[] = { EINVAL, ENOMEM };

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        fake.err = errors[i];
        assert_int_equal(wait_for(0), -errors[i]);
    }
}

/* E10 */
static void signal_is_no_failure(void **state)
{
    (void)state;
    fake.err = EINTR;
    assert_int_equal(wait_for(GYRE_NEVER), 0);
}

/* L14: an entry that is not asked for would still be reported for hang-ups. */
static void removed_descriptor_is_not_passed_to_the_kernel(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    watch(fds[1], 0, POLLER_WRITE);
    watch(fds[0], POLLER_READ, 0);
    assert_int_equal(wait_for(0), 1);
    assert_int_equal(fake.count, 1);
    close_both(fds);
}

static unsigned events_of(int fd, short revents)
{
    fake.revents = revents;
    return seen(fd);
}

static void each_bit_has_its_meaning(void **state)
{
    int fds[2];

    (void)state;
    make_pair(fds);
    watch(fds[0], 0, POLLER_READ | POLLER_WRITE);
    assert_int_equal(events_of(fds[0], POLLIN), POLLER_READ);
    assert_int_equal(events_of(fds[0], POLLOUT), POLLER_WRITE);
    assert_int_equal(events_of(fds[0], POLLHUP), POLLER_HANGUP);
    assert_int_equal(events_of(fds[0], POLLERR), POLLER_ERROR);
    assert_int_equal(events_of(fds[0], POLLIN | POLLHUP), POLLER_READ | POLLER_HANGUP);
    assert_int_equal(events_of(fds[0], POLLOUT | POLLERR), POLLER_WRITE | POLLER_ERROR);
    close_both(fds);
}

/* A6 */
static void invalid_descriptor_is_gone_and_no_longer_asked_for(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    assert_int_equal(events_of(fds[0], POLLNVAL), POLLER_GONE);
    assert_int_equal(count_seen(), 0);
    assert_int_equal(fake.count, 0);
    close_both(fds);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(milliseconds_are_rounded_up_and_never_negative),
        TEST(failure_to_wait_is_reported),
        TEST(signal_is_no_failure),
        TEST(removed_descriptor_is_not_passed_to_the_kernel),
        TEST(each_bit_has_its_meaning),
        TEST(invalid_descriptor_is_gone_and_no_longer_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
