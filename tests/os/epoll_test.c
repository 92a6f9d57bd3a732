/* The epoll pollers: what they ask of the kernel and what they do about each error. For the rest
 * see the tests of the contract, poller_*_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "poller_fixture.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What the system calls are to do, and what they were asked. */
static struct {
    int create_err, ctl_op, ctl_err, wait_err, pwait2_err, timerfd_err, settime_err;
    int waits, pwait2s;
    int timeout_ms;
    uint64_t timeout_ns;
} fake;

static const struct sys_table *real;
static struct sys_table table;

static int fail_with(int err)
{
    errno = err;
    return -1;
}

static int fake_create(void)
{
    return fake.create_err ? fail_with(fake.create_err) : real->epoll_create();
}

/* Fails once. */
static int fake_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    int err = op == fake.ctl_op ? fake.ctl_err : 0;

    if (!err)
        return real->epoll_ctl(epfd, op, fd, event);
    fake.ctl_err = 0;
    return fail_with(err);
}

static int fake_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
    fake.waits++;
    fake.timeout_ms = timeout_ms;
    return fake.wait_err ? fail_with(fake.wait_err) : real->epoll_wait(epfd, events, max, 0);
}

static int fake_pwait2(int epfd, struct epoll_event *events, int max, uint64_t timeout_ns)
{
    fake.pwait2s++;
    fake.timeout_ns = timeout_ns;
    return fake.pwait2_err ? fail_with(fake.pwait2_err) : real->epoll_wait(epfd, events, max, 0);
}

static int fake_timerfd(void)
{
    return fake.timerfd_err ? fail_with(fake.timerfd_err) : real->timerfd_create();
}

static int fake_settime(int fd, uint64_t delay_ns)
{
    return fake.settime_err ? fail_with(fake.settime_err) : real->timerfd_settime(fd, delay_ns);
}

static int setup_of(void **state, const struct poller_ops *ops)
{
    poller_setup_closed(state);
    memset(&fake, 0, sizeof(fake));
    real = sys;
    table = *real;
    table.epoll_create = fake_create;
    table.epoll_ctl = fake_ctl;
    table.epoll_wait = fake_wait;
    table.epoll_pwait2 = fake_pwait2;
    table.timerfd_create = fake_timerfd;
    table.timerfd_settime = fake_settime;
    sys = &table;
    poller.ops = ops;
    return poller.ops->open(&poller, poller.ops);
}

static int setup(void **state)
{
    return setup_of(state, &poller_epoll);
}

static int setup_coarse(void **state)
{
    return setup_of(state, &poller_epoll_wait);
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

/* ------------------------------------------------------------------ timeouts */

/* C4, C6, F16, F17 */
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
        { GYRE_MS(0x7fffffff) - 1, 0x7fffffff },
        { GYRE_MS(0x7fffffff) + 1, 0x7fffffff },
        { GYRE_MS(0x80000000u), 0x7fffffff },
        { GYRE_MS(0x100000000u), 0x7fffffff },
        { UINT64_C(1) << 63, 0x7fffffff },
        { GYRE_NEVER - 1, 0x7fffffff },
        { GYRE_NEVER, -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(wait_for(cases[i].asked), 0);
        assert_int_equal(fake.timeout_ms, cases[i].given);
    }
    assert_int_equal(fake.pwait2s, 0);
}

/* C4, F18 */
static void nanoseconds_are_passed_on(void **state)
{
    static const uint64_t timeouts[] = { 1, 999999, 1000001, UINT64_C(1) << 63, GYRE_NEVER - 1 };

    (void)state;
    for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
        assert_int_equal(wait_for(timeouts[i]), 0);
        assert_int_equal(fake.timeout_ns, timeouts[i]);
    }
    assert_int_equal(fake.waits, 0);
}

static void waiting_not_at_all_or_for_ever_needs_no_newer_call(void **state)
{
    (void)state;
    assert_int_equal(wait_for(0), 0);
    assert_int_equal(fake.timeout_ms, 0);
    assert_int_equal(wait_for(GYRE_NEVER), 0);
    assert_int_equal(fake.timeout_ms, -1);
    assert_int_equal(fake.pwait2s, 0);
}

/* K6, F38: whatever a sandbox or an old kernel says. */
static void refused_epoll_pwait2_falls_back_once_and_for_all(void **state)
{
    static const int errors[] = { ENOSYS, EPERM, EACCES, EINVAL };
    int fds[2];

    (void)state;
    make_pipe(fds);
    put(fds[1], "x");
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        poller.ops->close(&poller);
        assert_int_equal(poller.ops->open(&poller, poller.ops), 0);
        watch(fds[0], 0, POLLER_READ);
        fake.pwait2s = 0;
        fake.pwait2_err = errors[i];
        assert_int_equal(wait_for(1000001), 1);
        assert_int_equal(fake.timeout_ms, 2);
        assert_int_equal(wait_for(1000001), 1);
        assert_int_equal(fake.pwait2s, 1);
    }
    close_both(fds);
}

/* ------------------------------------------------------------------ errors */

static void failure_to_open_is_reported(void **state)
{
    struct poller other = { .ops = &poller_epoll };

    (void)state;
    fake.create_err = EMFILE;
    assert_int_equal(other.ops->open(&other, other.ops), -EMFILE);
}

static void failure_to_wait_is_reported(void **state)
{
    (void)state;
    fake.pwait2_err = fake.wait_err = EBADF;
    assert_int_equal(wait_for(0), -EBADF);
    assert_int_equal(wait_for(1), -EBADF);
    assert_int_equal(wait_for(GYRE_NEVER), -EBADF);
}

/* E10 */
static void signal_is_no_failure_and_no_reason_to_fall_back(void **state)
{
    (void)state;
    fake.pwait2_err = fake.wait_err = EINTR;
    assert_int_equal(wait_for(0), 0);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(wait_for(1), 0);
        assert_int_equal(fake.pwait2s, i);
    }
}

static int set_failing(int op, int err, int fd, unsigned old, unsigned events)
{
    fake.ctl_op = op;
    fake.ctl_err = err;
    return poller.ops->set(&poller, fd, key_of(fd, 1), old, events);
}

static void failure_to_add_or_change_is_reported(void **state)
{
    static const int errors[] = { ENOMEM, ENOSPC, EPERM, EBADF };
    int fds[2];

    (void)state;
    make_pair(fds);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        int err = set_failing(EPOLL_CTL_ADD, errors[i], fds[0], 0, POLLER_WRITE);
        assert_int_equal(err, -errors[i]);
        assert_int_equal(count_seen(), 0);
        watch(fds[0], 0, POLLER_READ);
        err = set_failing(EPOLL_CTL_MOD, errors[i], fds[0], POLLER_READ, POLLER_WRITE);
        assert_int_equal(err, -errors[i]);
        watch(fds[0], POLLER_READ, 0);
    }
    close_both(fds);
}

/* A3 */
static void addition_that_exists_is_changed(void **state)
{
    int fds[2];

    (void)state;
    make_pair(fds);
    watch(fds[0], 0, POLLER_READ);
    assert_int_equal(set_failing(EPOLL_CTL_ADD, EEXIST, fds[0], 0, POLLER_WRITE), 0);
    assert_int_equal(seen(fds[0]), POLLER_WRITE);
    close_both(fds);
}

/* A3 */
static void change_of_what_does_not_exist_adds_it(void **state)
{
    int fds[2];

    (void)state;
    make_pair(fds);
    assert_int_equal(set_failing(EPOLL_CTL_MOD, ENOENT, fds[0], POLLER_READ, POLLER_WRITE), 0);
    assert_int_equal(seen(fds[0]), POLLER_WRITE);
    close_both(fds);
}

/* A4 */
static void failure_to_remove_is_success(void **state)
{
    static const int errors[] = { ENOENT, EBADF, EPERM, ENOMEM };
    int fds[2];

    (void)state;
    make_pair(fds);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        assert_int_equal(set_failing(EPOLL_CTL_DEL, errors[i], fds[0], POLLER_READ, 0), 0);
    close_both(fds);
}

/* ------------------------------------------------------------------ the alarm */

/* K1, K2 */
static void failure_of_the_alarm_is_reported_and_leaves_nothing(void **state)
{
    int before = count_fds();

    (void)state;
    fake.timerfd_err = EMFILE;
    assert_int_equal(poller.ops->alarm(&poller, GYRE_S(1)), -EMFILE);
    fake.timerfd_err = 0;
    fake.ctl_op = EPOLL_CTL_ADD;
    fake.ctl_err = ENOSPC;
    assert_int_equal(poller.ops->alarm(&poller, GYRE_S(1)), -ENOSPC);
    assert_int_equal(count_fds(), before);
    fake.settime_err = EINVAL;
    assert_int_equal(poller.ops->alarm(&poller, GYRE_S(1)), -EINVAL);
    fake.settime_err = 0;
    assert_int_equal(poller.ops->alarm(&poller, GYRE_S(1)), 0);
}

static void alarm_takes_one_descriptor(void **state)
{
    int before = count_fds();

    (void)state;
    for (uint64_t i = 1; i < 4; i++)
        assert_int_equal(poller.ops->alarm(&poller, GYRE_S(i)), 0);
    assert_int_equal(count_fds(), before + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(milliseconds_are_rounded_up_and_never_negative,
                                        setup_coarse, teardown),
        TEST(nanoseconds_are_passed_on),
        TEST(waiting_not_at_all_or_for_ever_needs_no_newer_call),
        TEST(refused_epoll_pwait2_falls_back_once_and_for_all),
        TEST(failure_to_open_is_reported),
        TEST(failure_to_wait_is_reported),
        TEST(signal_is_no_failure_and_no_reason_to_fall_back),
        TEST(failure_to_add_or_change_is_reported),
        TEST(addition_that_exists_is_changed),
        TEST(change_of_what_does_not_exist_adds_it),
        TEST(failure_to_remove_is_success),
        TEST(failure_of_the_alarm_is_reported_and_leaves_nothing),
        TEST(alarm_takes_one_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
