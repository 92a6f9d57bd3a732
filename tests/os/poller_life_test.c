/* The contract of pollers, os/poller.h: opening, closing, several at once, and fork.
 *
 * SPDX-License-Identifier: MIT */
#include "poller_fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------------ opening and closing */

static void close_leaves_no_descriptor_and_no_memory(void **state)
{
    int fds[2];

    (void)state;
    make_pair(fds);
    int before = count_fds();
    for (int i = 0; i < 10; i++) {
        poller_open(&poller);
        watch(fds[0], 0, POLLER_READ | POLLER_WRITE);
        assert_int_equal(seen(fds[0]), POLLER_WRITE);
        (void)poller.ops->alarm(&poller, GYRE_S(3600));
        poller.ops->close(&poller);
        assert_int_equal(count_fds(), before);
        assert_int_equal(allocator_blocks, 0);
    }
    close_both(fds);
}

static void close_leaves_watched_descriptors_open(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    poller_open(&poller);
    watch(fds[0], 0, POLLER_READ);
    poller.ops->close(&poller);
    put(fds[1], "x");
    assert_true(is_readable(fds[0]));
    close_both(fds);
}

/* K1, K2 */
static void open_without_descriptors_left_fails_and_leaves_nothing(void **state)
{
    struct rlimit limit, none;
    int err;

    (void)state;
    int before = count_fds();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    err = poller.ops->open(&poller, poller.ops);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (err == 0) {
        assert_int_equal(count_fds(), before);
        poller.ops->close(&poller);
    } else {
        assert_int_equal(err, -EMFILE);
    }
    assert_int_equal(count_fds(), before);
}

/* F30, A6: poll(2) refuses more entries than the limit of files, whatever they are. */
static void lowered_limit_of_files_is_an_error_at_most(void **state)
{
    enum { PIPES = 40 };
    struct poller_event events[POLLER_BATCH];
    struct rlimit limit, low;
    int fds[PIPES][2];

    (void)state;
    poller_open(&poller);
    for (int i = 0; i < PIPES; i++) {
        make_pipe(fds[i]);
        put(fds[i][1], "x");
        watch(fds[i][0], 0, POLLER_READ);
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = 8;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int n = poller.ops->wait(&poller, 0, events, POLLER_BATCH);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(n == PIPES || n == -EINVAL);
    assert_int_equal(count_seen(), PIPES);
    for (int i = 0; i < PIPES; i++)
        close_both(fds[i]);
    poller.ops->close(&poller);
}

static void wait_on_a_set_that_somebody_closed_is_an_error(void **state)
{
    struct poller_event event;

    (void)state;
    poller_open(&poller);
    int fd = poller.ops->fd(&poller);
    if (fd == -ENOTSUP) {
        poller.ops->close(&poller);
        print_message("this poller has no descriptor\n");
        skip();
    }
    assert_int_equal(close(fd), 0);
    assert_int_equal(poller.ops->wait(&poller, 0, &event, 1), -EBADF);
    assert_int_equal(poller.ops->wait(&poller, 1, &event, 1), -EBADF);
    assert_int_equal(poller.ops->wait(&poller, GYRE_NEVER, &event, 1), -EBADF);
    poller.ops->close(&poller);
}

/* ------------------------------------------------------------------ several pollers */

static void two_pollers_watch_one_descriptor_independently(void **state)
{
    struct poller_event event;
    struct poller other;
    int fds[2];

    (void)state;
    poller_open(&poller);
    poller_open(&other);
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    assert_int_equal(other.ops->set(&other, fds[0], key_of(fds[0], 2), 0, POLLER_READ), 0);
    put(fds[1], "x");
    assert_int_equal(seen(fds[0]), POLLER_READ);
    assert_int_equal(other.ops->wait(&other, 0, &event, 1), 1);
    assert_int_equal(event.key, key_of(fds[0], 2));
    other.ops->close(&other);
    assert_int_equal(seen(fds[0]), POLLER_READ);
    poller.ops->close(&poller);
    close_both(fds);
}

/* ------------------------------------------------------------------ fork */

/* Run `in_child` in a child and see it end well. */
static void run_in_child(void (*in_child)(int fd), int fd)
{
    int status;
    pid_t pid = fork();

    assert_return_code(pid, errno);
    if (pid == 0) {
        in_child(fd);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void close_poller(int fd)
{
    (void)fd;
    poller.ops->close(&poller);
}

/* G1, F12 */
static void closing_in_a_child_does_not_disturb_the_parent(void **state)
{
    int fds[2];

    (void)state;
    poller_open(&poller);
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    (void)poller.ops->alarm(&poller, GYRE_NEVER);
    run_in_child(close_poller, -1);
    put(fds[1], "x");
    assert_int_equal(seen(fds[0]), POLLER_READ);
    watch(fds[0], POLLER_READ, 0);
    assert_int_equal(count_seen(), 0);
    poller.ops->close(&poller);
    close_both(fds);
}

static void replace_poller(int fd)
{
    poller.ops->close(&poller);
    poller_open(&poller);
    watch(fd, 0, POLLER_READ);
    if (seen(fd) != POLLER_READ)
        _exit(1);
    watch(fd, POLLER_READ, 0);
    if (count_seen() != 0)
        _exit(2);
    poller.ops->close(&poller);
}

/* G5 */
static void poller_of_a_child_is_its_own(void **state)
{
    int fds[2];

    (void)state;
    poller_open(&poller);
    make_pipe(fds);
    put(fds[1], "x");
    watch(fds[0], 0, POLLER_READ);
    run_in_child(replace_poller, fds[0]);
    assert_int_equal(seen(fds[0]), POLLER_READ);
    poller.ops->close(&poller);
    close_both(fds);
}

/* G5 */
static void forked_generations_leave_no_descriptor(void **state)
{
    int fds[2];

    (void)state;
    poller_open(&poller);
    make_pipe(fds);
    put(fds[1], "x");
    watch(fds[0], 0, POLLER_READ);
    int before = count_fds();
    for (int i = 0; i < 10; i++)
        run_in_child(replace_poller, fds[0]);
    assert_int_equal(count_fds(), before);
    poller.ops->close(&poller);
    close_both(fds);
}

/* ------------------------------------------------------------------ the list */

static void pollers_are_found_by_name(void **state)
{
    (void)state;
    for (const struct poller_ops *const *ops = poller_list; *ops; ops++)
        assert_ptr_equal(poller_find((*ops)->name), *ops);
}

static void unknown_poller_is_not_found(void **state)
{
    (void)state;
    assert_null(poller_find("select"));
    assert_null(poller_find(""));
}

static void poller_without_a_name_is_the_first(void **state)
{
    (void)state;
    assert_ptr_equal(poller_find(NULL), poller_list[0]);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, poller_setup_closed, poller_teardown_closed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(close_leaves_no_descriptor_and_no_memory),
        TEST(close_leaves_watched_descriptors_open),
        TEST(open_without_descriptors_left_fails_and_leaves_nothing),
        TEST(lowered_limit_of_files_is_an_error_at_most),
        TEST(wait_on_a_set_that_somebody_closed_is_an_error),
        TEST(two_pollers_watch_one_descriptor_independently),
        TEST(closing_in_a_child_does_not_disturb_the_parent),
        TEST(poller_of_a_child_is_its_own),
        TEST(forked_generations_leave_no_descriptor),
        TEST(pollers_are_found_by_name),
        TEST(unknown_poller_is_not_found),
        TEST(poller_without_a_name_is_the_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
