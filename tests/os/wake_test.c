/* Waking a poller: with an eventfd, with a pipe, when they are full, and when the system refuses.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "base/util.h"
#include "os/sys.h"
#include "os/wake.h"
#include "support/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

static struct wake wake;
static const struct sys_table *below;
static struct sys_table with_pipe;

static int open_native(void **state)
{
    setup_bare(state);
    return wake_open(&wake);
}

static int open_pipe(void **state)
{
    setup_bare(state);
    below = sys;
    with_pipe = *sys;
    with_pipe.wake_pair = sys_pipe;
    sys = &with_pipe;
    int err = wake_open(&wake);
    sys = below;
    return err;
}

static int close_wake(void **state)
{
    disarm_faults();
    wake_close(&wake);
    return teardown(state);
}

static bool is_readable(void)
{
    struct pollfd one = { .fd = wake.read_fd, .events = POLLIN };

    return poll(&one, 1, 0) == 1;
}

/* Until the kernel takes no more. */
static void saturate(void)
{
    static const uint64_t most = UINT64_MAX - 1;
    static const char bytes[4096];

    if (wake.read_fd == wake.write_fd)
        assert_int_equal(write(wake.write_fd, &most, sizeof(most)), sizeof(most));
    while (wake.read_fd != wake.write_fd && write(wake.write_fd, bytes, sizeof(bytes)) > 0)
        ;
    assert_int_equal(write(wake.write_fd, (const uint64_t[]){ 1 }, 8), -1);
    assert_int_equal(errno, EAGAIN);
}

static void fresh_wake_is_not_readable(void **state)
{
    (void)state;
    assert_false(is_readable());
}

static void sent_wake_is_readable_until_cleared(void **state)
{
    (void)state;
    assert_int_equal(wake_send(&wake), 0);
    assert_true(is_readable());
    assert_true(is_readable());
    assert_int_equal(wake_clear(&wake), 0);
    assert_false(is_readable());
}

static void many_wakes_are_cleared_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(wake_send(&wake), 0);
    assert_int_equal(wake_clear(&wake), 0);
    assert_false(is_readable());
}

static void clearing_what_was_not_sent_is_no_error(void **state)
{
    (void)state;
    assert_int_equal(wake_clear(&wake), 0);
    assert_int_equal(wake_clear(&wake), 0);
}

/* D3, D4: a counter or pipe that takes no more is emptied, so that the write makes an edge. */
static void full_wake_can_be_sent(void **state)
{
    (void)state;
    saturate();
    unsigned long written = sys_calls(SYS_WRITE);

    assert_int_equal(wake_send(&wake), 0);
    assert_true(is_readable());
    assert_int_equal(sys_calls(SYS_WRITE) - written, 2);
    assert_int_equal(wake_clear(&wake), 0);
    assert_false(is_readable());
}

/* D3: another thread fills it again in between: then that was the edge. */
static void wake_that_stays_full_counts_as_sent(void **state)
{
    (void)state;
    fail_call(SYS_WRITE, 1, EAGAIN, true);
    assert_int_equal(wake_send(&wake), 0);
    disarm_faults();
}

/* D3 */
static void refused_write_is_reported(void **state)
{
    (void)state;
    fail_call(SYS_WRITE, 1, EPERM, false);
    assert_int_equal(wake_send(&wake), -EPERM);
}

/* D3 */
static void refused_write_to_a_full_wake_is_reported(void **state)
{
    (void)state;
    saturate();
    fail_call(SYS_WRITE, 2, EPERM, false);
    assert_int_equal(wake_send(&wake), -EPERM);
}

static void refused_read_is_reported(void **state)
{
    (void)state;
    fail_call(SYS_READ, 1, EIO, false);
    assert_int_equal(wake_clear(&wake), -EIO);
}

/* E2 */
static void interrupted_calls_are_repeated(void **state)
{
    (void)state;
    fail_call(SYS_WRITE, 1, EINTR, false);
    assert_int_equal(wake_send(&wake), 0);
    assert_true(is_readable());
    fail_call(SYS_READ, 1, EINTR, false);
    assert_int_equal(wake_clear(&wake), 0);
    assert_false(is_readable());
}

/* D8, F9 */
static void descriptors_are_nonblocking_and_close_on_exec(void **state)
{
    const int fds[] = { wake.read_fd, wake.write_fd };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
    }
}

/* D5 */
static void end_of_the_pipe_is_reported(void **state)
{
    (void)state;
    close(wake.write_fd);
    wake.write_fd = wake.read_fd; /* for close_wake */
    assert_int_equal(wake_clear(&wake), -EPIPE);
}

/* ------------------------------------------------------------------ opening */

static void assert_open_fails(enum sys_call which, unsigned n, int err)
{
    int fds = count_fds();

    fail_call(which, n, err, false);
    assert_int_equal(wake_open(&wake), -err);
    assert_true(fault_fired());
    assert_int_equal(count_fds(), fds);
}

/* D3, K2: a system that lets us open but not use it is found out at once. */
static void failure_to_open_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    assert_open_fails(SYS_WAKE_PAIR, 1, EMFILE);
    assert_open_fails(SYS_WRITE, 1, EPERM);
    assert_open_fails(SYS_READ, 1, EACCES);
}

/* K2 */
static void no_room_for_a_descriptor_is_reported(void **state)
{
    struct rlimit before, none;
    int fds[2];

    (void)state;
    assert_return_code(getrlimit(RLIMIT_NOFILE, &before), errno);
    none = before;
    none.rlim_cur = 0;
    assert_return_code(setrlimit(RLIMIT_NOFILE, &none), errno);
    int native = wake_open(&wake);
    int piped = sys_pipe(fds);
    int piped_errno = errno;
    assert_return_code(setrlimit(RLIMIT_NOFILE, &before), errno);
    assert_int_equal(native, -EMFILE);
    assert_int_equal(piped, -1);
    assert_int_equal(piped_errno, EMFILE);
}

#define NATIVE(name) cmocka_unit_test_setup_teardown(name, open_native, close_wake)
#define PIPED(name)                                        \
    {                                                      \
#name " (pipe)", name, open_pipe, close_wake, NULL \
    }
#define CLOSED(name) cmocka_unit_test_setup_teardown(name, setup_bare, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE(fresh_wake_is_not_readable),
        PIPED(fresh_wake_is_not_readable),
        NATIVE(sent_wake_is_readable_until_cleared),
        PIPED(sent_wake_is_readable_until_cleared),
        NATIVE(many_wakes_are_cleared_at_once),
        PIPED(many_wakes_are_cleared_at_once),
        NATIVE(clearing_what_was_not_sent_is_no_error),
        PIPED(clearing_what_was_not_sent_is_no_error),
        NATIVE(full_wake_can_be_sent),
        PIPED(full_wake_can_be_sent),
        NATIVE(wake_that_stays_full_counts_as_sent),
        NATIVE(refused_write_is_reported),
        NATIVE(refused_write_to_a_full_wake_is_reported),
        PIPED(refused_write_to_a_full_wake_is_reported),
        NATIVE(refused_read_is_reported),
        NATIVE(interrupted_calls_are_repeated),
        PIPED(interrupted_calls_are_repeated),
        NATIVE(descriptors_are_nonblocking_and_close_on_exec),
        PIPED(descriptors_are_nonblocking_and_close_on_exec),
        PIPED(end_of_the_pipe_is_reported),
        CLOSED(failure_to_open_is_reported_and_leaves_nothing),
        CLOSED(no_room_for_a_descriptor_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
