/* The kqueue poller: what it asks of kevent, what it makes of each kind of record, and what it does
 * about each error. For the rest see the tests of the contract, poller_*_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "poller_fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/event.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the system calls are to do, and what they were asked. */
static struct {
    int filter, flags, err; /* a change of that filter and flag fails */
    int fetch_err;          /* so do waits */
    struct kevent records[8];
    int record_count; /* reported by the next wait */

    int calls;
    struct kevent last;      /* the last change */
    bool forever;            /* the last wait had no timeout */
    struct timespec timeout; /* what it had */
} fake;

static const struct sys_table *real;
static struct sys_table table;

static int fetch(int kq, struct kevent *events, int count, const struct timespec *timeout)
{
    int n = fake.record_count;

    fake.forever = !timeout;
    if (timeout)
        fake.timeout = *timeout;
    if (fake.fetch_err) {
        errno = fake.fetch_err;
        return -1;
    }
    if (n == 0)
        return real->kevent(kq, NULL, 0, events, count, timeout);
    assert_in_range(n, 1, count);
    memcpy(events, fake.records, (size_t)n * sizeof(struct kevent));
    fake.record_count = 0;
    return n;
}

/* L4: a call that changes has no event list, so it cannot take events out of the queue. */
static int fake_kevent(int kq, const struct kevent *changes, int change_count,
                       struct kevent *events, int event_count, const struct timespec *timeout)
{
    fake.calls++;
    assert_true(change_count == 0 || event_count == 0);
    for (int i = 0; i < change_count; i++) {
        fake.last = changes[i];
        if (fake.err && (int)changes[i].filter == fake.filter && changes[i].flags & fake.flags) {
            errno = fake.err;
            return -1;
        }
        if (real->kevent(kq, &changes[i], 1, NULL, 0, NULL) < 0)
            return -1;
    }
    return event_count > 0 ? fetch(kq, events, event_count, timeout) : 0;
}

static int fail_to_open(void)
{
    errno = ENFILE;
    return -1;
}

static int setup(void **state)
{
    poller_setup_closed(state);
    memset(&fake, 0, sizeof(fake));
    real = sys;
    table = *real;
    table.kevent = fake_kevent;
    sys = &table;
    poller.ops = &poller_kqueue;
    return poller.ops->open(&poller, poller.ops);
}

static int teardown(void **state)
{
    poller.ops->close(&poller);
    sys = real;
    return poller_teardown_closed(state);
}

static void refuse(int filter, int flags, int err)
{
    fake.filter = filter;
    fake.flags = flags;
    fake.err = err;
}

/* ------------------------------------------------------------------ records */

static void add_record(int filter, int flags, unsigned fflags, int data)
{
    struct kevent *record = &fake.records[fake.record_count++];

    memset(record, 0, sizeof(*record));
    record->ident = 7;
    record->filter = (__typeof__(record->filter))filter;
    record->flags = (__typeof__(record->flags))flags;
    record->fflags = fflags;
    record->data = data;
    record->udata = (__typeof__(record->udata))(uintptr_t)1;
}

static unsigned events_of(int filter, int flags, unsigned fflags, int data)
{
    add_record(filter, flags, fflags, data);
    return seen(7);
}

/* L6 */
static void end_of_file_is_a_hangup_in_its_direction(void **state)
{
    (void)state;
    assert_int_equal(events_of(EVFILT_READ, EV_EOF, 0, 0), POLLER_READ | POLLER_HANGUP);
    assert_int_equal(events_of(EVFILT_WRITE, EV_EOF, 0, 0), POLLER_WRITE | POLLER_HANGUP);
}

static void end_of_file_with_a_socket_error_is_an_error_too(void **state)
{
    unsigned both = POLLER_HANGUP | POLLER_ERROR;

    (void)state;
    assert_int_equal(events_of(EVFILT_READ, EV_EOF, ECONNRESET, 0), POLLER_READ | both);
    assert_int_equal(events_of(EVFILT_WRITE, EV_EOF, ECONNRESET, 0), POLLER_WRITE | both);
}

static void flags_without_end_of_file_are_not_an_error(void **state)
{
    (void)state;
    assert_int_equal(events_of(EVFILT_READ, EV_ADD | EV_CLEAR, 1, 3), POLLER_READ);
}

/* L3: macOS sets EV_ERROR beside the flags of the change. */
static void error_record_of_a_closed_descriptor_says_gone(void **state)
{
    (void)state;
    assert_int_equal(events_of(EVFILT_READ, EV_ERROR, 0, EBADF), POLLER_GONE);
    assert_int_equal(events_of(EVFILT_READ, EV_ERROR | EV_ADD, 0, EBADF), POLLER_GONE);
}

/* L3 */
static void other_error_record_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(events_of(EVFILT_WRITE, EV_ERROR | EV_ADD, 0, EIO), POLLER_ERROR);
}

/* A5 */
static void process_or_signal_of_the_same_number_is_not_a_descriptor(void **state)
{
    (void)state;
    add_record(EVFILT_PROC, 0, 0, 0);
    add_record(EVFILT_SIGNAL, 0, 0, 0);
    assert_int_equal(count_seen(), 0);
    add_record(EVFILT_PROC, EV_EOF, 0, 0);
    add_record(EVFILT_READ, 0, 0, 1);
    add_record(EVFILT_SIGNAL, 0, 0, 0);
    assert_int_equal(seen(7), POLLER_READ);
}

/* H18 */
static void records_of_one_descriptor_are_merged_in_any_order(void **state)
{
    (void)state;
    add_record(EVFILT_WRITE, 0, 0, 1);
    add_record(EVFILT_READ, EV_EOF, 0, 0);
    assert_int_equal(seen(7), POLLER_READ | POLLER_WRITE | POLLER_HANGUP);
}

static void records_of_two_generations_are_not_merged(void **state)
{
    (void)state;
    add_record(EVFILT_READ, 0, 0, 1);
    add_record(EVFILT_WRITE, 0, 0, 1);
    fake.records[1].udata = (__typeof__(fake.records[1].udata))(uintptr_t)2;
    assert_int_equal(count_seen(), 2);
}

/* H18: the numbers are far enough apart to meet in any table of the batch. */
static void interleaved_records_are_merged_each_with_its_own(void **state)
{
    struct poller_event events[POLLER_BATCH];

    (void)state;
    for (int i = 0; i < 8; i++) {
        add_record(i < 4 ? EVFILT_READ : EVFILT_WRITE, 0, 0, 1);
        fake.records[i].ident = 7 + 1024 * (unsigned)(i % 4);
    }
    assert_int_equal(poller.ops->wait(&poller, 0, events, POLLER_BATCH), 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(events[i].key, key_of(7 + 1024 * i, 1));
        assert_int_equal(events[i].events, POLLER_READ | POLLER_WRITE);
    }
}

/* ------------------------------------------------------------------ cost */

static int calls_of(int fd, unsigned old, unsigned events)
{
    fake.calls = 0;
    watch(fd, old, events);
    return fake.calls;
}

static void each_change_is_one_system_call(void **state)
{
    unsigned both = POLLER_READ | POLLER_WRITE;
    int fds[2];

    (void)state;
    make_pair(fds);
    assert_int_equal(calls_of(fds[0], 0, both), 1);
    assert_int_equal(calls_of(fds[0], both, POLLER_READ), 1);
    assert_int_equal(calls_of(fds[0], POLLER_READ, both | POLLER_EDGE), 1);
    assert_int_equal(calls_of(fds[0], both | POLLER_EDGE, 0), 1);
    close_both(fds);
}

/* ------------------------------------------------------------------ errors */

static void failure_to_open_is_reported(void **state)
{
    struct poller other = { .ops = &poller_kqueue };

    (void)state;
    table.kqueue = fail_to_open;
    assert_int_equal(other.ops->open(&other, other.ops), -ENFILE);
}

static void failure_to_wait_is_reported(void **state)
{
    struct poller_event event;

    (void)state;
    fake.fetch_err = EBADF;
    assert_int_equal(poller.ops->wait(&poller, 0, &event, 1), -EBADF);
}

static void failure_to_add_is_reported(void **state)
{
    static const struct {
        int err, reported;
    } cases[] = { { ENOMEM, -ENOMEM }, { ENOSPC, -ENOSPC }, { EBADF, -EBADF },
                  { EINVAL, -EPERM },  { ENODEV, -EPERM },  { EOPNOTSUPP, -EPERM } };
    unsigned both = POLLER_READ | POLLER_WRITE;
    int fds[2];

    (void)state;
    make_pair(fds);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        refuse(EVFILT_READ, EV_ADD, cases[i].err);
        int err = poller.ops->set(&poller, fds[0], key_of(fds[0], 1), 0, both);
        assert_int_equal(err, cases[i].reported);
        assert_int_equal(count_seen(), 0);
    }
    close_both(fds);
}

static void refused_direction_takes_the_other_back(void **state)
{
    unsigned both = POLLER_READ | POLLER_WRITE;
    int fds[2];

    (void)state;
    make_pair(fds);
    put(fds[1], "x");
    refuse(EVFILT_WRITE, EV_ADD, EINVAL);
    assert_int_equal(poller.ops->set(&poller, fds[0], key_of(fds[0], 1), 0, both), -EPERM);
    assert_int_equal(count_seen(), 0);
    close_both(fds);
}

static void refused_addition_leaves_what_was_there(void **state)
{
    unsigned both = POLLER_READ | POLLER_WRITE;
    int fds[2];

    (void)state;
    make_pair(fds);
    put(fds[1], "x");
    watch(fds[0], 0, POLLER_READ);
    refuse(EVFILT_WRITE, EV_ADD, ENOMEM);
    int err = poller.ops->set(&poller, fds[0], key_of(fds[0], 1), POLLER_READ, both);
    assert_int_equal(err, -ENOMEM);
    assert_int_equal(seen(fds[0]), POLLER_READ);
    close_both(fds);
}

/* A4, L10 */
static void failure_to_delete_is_success(void **state)
{
    static const int errors[] = { ENOENT, EBADF, ENOMEM, EPERM };
    int fds[2];

    (void)state;
    make_pair(fds);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        refuse(EVFILT_READ, EV_DELETE, errors[i]);
        watch(fds[0], 0, POLLER_READ | POLLER_WRITE);
        watch(fds[0], POLLER_READ | POLLER_WRITE, 0);
        assert_int_equal(seen(fds[0]) & POLLER_WRITE, 0);
    }
    close_both(fds);
}

/* L2: NetBSD refuses a pipe without a reader as it refuses a closed descriptor. */
static void open_pipe_that_is_called_bad_is_reported_to_its_writer(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    fill(fds[1]);
    refuse(EVFILT_WRITE, EV_ADD, EBADF);
    watch(fds[1], 0, POLLER_WRITE);
    for (int i = 0; i < 2; i++) {
        unsigned events = seen_within(key_of(fds[1], 1), GYRE_S(30));
        assert_int_equal(events, POLLER_WRITE | POLLER_HANGUP);
    }
    watch(fds[1], POLLER_WRITE, 0);
    assert_int_equal(seen_within(key_of(fds[1], 1), GYRE_MS(5)), 0);
    close_both(fds);
}

/* ------------------------------------------------------------------ times */

/* C4, C6 */
static void timeouts_are_exact_up_to_a_day(void **state)
{
    static const uint64_t timeouts[] = { 0,
                                         1,
                                         999999999,
                                         GYRE_S(1),
                                         GYRE_S(1) + 1,
                                         GYRE_S(86400),
                                         GYRE_S(86400) + 1,
                                         UINT64_C(1) << 63,
                                         GYRE_NEVER - 1 };

    (void)state;
    for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
        uint64_t expected = timeouts[i] < GYRE_S(86400) ? timeouts[i] : GYRE_S(86400);
        add_record(EVFILT_READ, 0, 0, 1);
        assert_int_equal(seen_within(key_of(7, 1), timeouts[i]), POLLER_READ);
        assert_false(fake.forever);
        assert_in_range(fake.timeout.tv_nsec, 0, 999999999);
        assert_int_equal(GYRE_S((uint64_t)fake.timeout.tv_sec) + (uint64_t)fake.timeout.tv_nsec,
                         expected);
    }
}

static void no_timeout_is_for_ever(void **state)
{
    (void)state;
    add_record(EVFILT_READ, 0, 0, 1);
    assert_int_equal(seen_within(key_of(7, 1), GYRE_NEVER), POLLER_READ);
    assert_true(fake.forever);
}

/* C4, C6, C7 */
static void alarm_is_at_least_one_unit_and_never_negative(void **state)
{
    static const uint64_t delays[] = { 0, 1, 999999, GYRE_S(1), UINT64_C(1) << 63, GYRE_NEVER - 1 };

    (void)state;
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        assert_int_equal(poller.ops->alarm(&poller, delays[i]), 0);
        assert_int_equal((int)fake.last.filter, EVFILT_TIMER);
        assert_true(fake.last.data > 0);
        assert_int_equal(fake.last.flags & EV_ONESHOT, EV_ONESHOT);
    }
}

static void failure_of_the_alarm_is_reported(void **state)
{
    (void)state;
    refuse(EVFILT_TIMER, EV_ADD, ENOMEM);
    assert_int_equal(poller.ops->alarm(&poller, GYRE_S(1)), -ENOMEM);
    assert_int_equal(poller.ops->alarm(&poller, GYRE_NEVER), 0);
}

/* ------------------------------------------------------------------ fork */

/* G2: a child has no kqueue, but may have another file under its number. */
static void child_does_not_close_the_number_of_the_kqueue(void **state)
{
    int number = poller.ops->fd(&poller);
    int fds[2];
    int status;

    (void)state;
    make_pipe(fds);
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(fds[1], number) != number)
            _exit(1);
        poller.ops->close(&poller);
        _exit(write(number, "x", 1) == 1 ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close_both(fds);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(end_of_file_is_a_hangup_in_its_direction),
        TEST(end_of_file_with_a_socket_error_is_an_error_too),
        TEST(flags_without_end_of_file_are_not_an_error),
        TEST(error_record_of_a_closed_descriptor_says_gone),
        TEST(other_error_record_is_an_error),
        TEST(process_or_signal_of_the_same_number_is_not_a_descriptor),
        TEST(records_of_one_descriptor_are_merged_in_any_order),
        TEST(records_of_two_generations_are_not_merged),
        TEST(interleaved_records_are_merged_each_with_its_own),
        TEST(each_change_is_one_system_call),
        TEST(failure_to_open_is_reported),
        TEST(failure_to_wait_is_reported),
        TEST(failure_to_add_is_reported),
        TEST(refused_direction_takes_the_other_back),
        TEST(refused_addition_leaves_what_was_there),
        TEST(failure_to_delete_is_success),
        TEST(open_pipe_that_is_called_bad_is_reported_to_its_writer),
        TEST(timeouts_are_exact_up_to_a_day),
        TEST(no_timeout_is_for_ever),
        TEST(alarm_is_at_least_one_unit_and_never_negative),
        TEST(failure_of_the_alarm_is_reported),
        TEST(child_does_not_close_the_number_of_the_kqueue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
