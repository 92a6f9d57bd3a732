/* gyre_file_close: what is given to it is closed, whatever becomes of the call, unless it is refused.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/files.h"

static bool fd_is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void closed_descriptor_is_closed(void **state)
{
    int fd = make_open_file();

    (void)state;
    expect_ok(gyre_file_close(disk.loop, disk.pool, fd));
    assert_false(fd_is_open(fd));
}

static void close_of_what_is_not_open_fails(void **state)
{
    (void)state;
    expect_error(gyre_file_close(disk.loop, disk.pool, -1), -EBADF);
}

static void close_tells_of_data_that_was_lost(void **state)
{
    int fd = make_open_file();

    (void)state;
    fail_call(SYS_FILE_CLOSE, 1, EIO, false);
    expect_error(gyre_file_close(disk.loop, disk.pool, fd), -EIO);
    assert_false(fd_is_open(fd));
}

static void interrupted_close_is_not_repeated(void **state)
{
    int fd = make_open_file();

    (void)state;
    fail_call(SYS_FILE_CLOSE, 1, EINTR, false);
    expect_ok(gyre_file_close(disk.loop, disk.pool, fd));
    assert_int_equal(sys_calls(SYS_FILE_CLOSE), 1);
}

static void close_that_was_queued_and_cancelled_closes_all_the_same(void **state)
{
    int fd = make_open_file();
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = gyre_file_close(disk.loop, disk.pool, fd);

    (void)state;
    gyre_future_cancel(f);
    gyre_future_unref(f);
    run_ready(fixture_of(state));
    assert_false(fd_is_open(fd));
    unplug_pool(plugged);
}

static void close_in_a_cancelled_scope_closes(void **state)
{
    struct gyre_scope scope = { 0 };
    int fd = make_open_file();

    (void)state;
    assert_int_equal(gyre_scope_init(&scope, disk.loop, NULL), 0);
    gyre_scope_cancel(&scope);
    gyre_scope_enter(&scope);
    gyre_future_unref(gyre_file_close(disk.loop, disk.pool, fd));
    gyre_scope_leave(&scope);
    gyre_scope_fini(&scope);
    assert_false(fd_is_open(fd));
}

/* A cancelled future says that the descriptor was taken, so it has to be. */
static void close_in_a_cancelled_scope_closes_without_memory_too(void **state)
{
    struct gyre_scope scope = { 0 };
    int fd = make_open_file();

    (void)state;
    expect_ok(gyre_file_stat(disk.loop, disk.pool, disk.dir)); /* whatever is allocated once */
    assert_int_equal(gyre_scope_init(&scope, disk.loop, NULL), 0);
    gyre_scope_cancel(&scope);
    gyre_scope_enter(&scope);
    fail_allocation(1, false);
    struct gyre_future *f = gyre_file_close(disk.loop, disk.pool, fd);
    gyre_scope_leave(&scope);
    gyre_scope_fini(&scope);
    assert_true(fault_fired());
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(f);
    assert_false(fd_is_open(fd));
}

static void close_that_is_queued_when_the_loop_is_closed_closes(void **state)
{
    int fd = make_open_file();
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = gyre_file_close(disk.loop, disk.pool, fd);

    (void)state;
    gyre_loop_close(disk.loop);
    assert_false(fd_is_open(fd));
    gyre_future_unref(f);
    gyre_future_unref(plugged);
    sem_post(&plug);
    assert_int_equal(gyre_pool_destroy(disk.pool, GYRE_NEVER), 0);
    disk.pool = NULL;
    sem_destroy(&plug);
}

static void close_that_is_refused_leaves_the_descriptor_open(void **state)
{
    int fd = make_open_file();

    (void)state;
    expect_ok(gyre_pool_shutdown(disk.loop, disk.pool, GYRE_POOL_DRAIN, GYRE_NEVER));
    expect_error(gyre_file_close(disk.loop, disk.pool, fd), -ESHUTDOWN);
    assert_true(fd_is_open(fd));
    close(fd);
}

static void close_without_memory_leaves_the_descriptor_open(void **state)
{
    int fd = make_open_file();

    (void)state;
    expect_ok(gyre_file_stat(disk.loop, disk.pool, disk.dir)); /* whatever is allocated once */
    fail_allocation(1, false);
    expect_error(gyre_file_close(disk.loop, disk.pool, fd), -ENOMEM);
    assert_true(fd_is_open(fd));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(closed_descriptor_is_closed),
        FILES_TEST(close_of_what_is_not_open_fails),
        FILES_TEST(close_tells_of_data_that_was_lost),
        FILES_TEST(interrupted_close_is_not_repeated),
        FILES_TEST(close_that_was_queued_and_cancelled_closes_all_the_same),
        FILES_TEST(close_in_a_cancelled_scope_closes),
        FILES_TEST(close_in_a_cancelled_scope_closes_without_memory_too),
        FILES_TEST(close_that_is_queued_when_the_loop_is_closed_closes),
        FILES_TEST(close_that_is_refused_leaves_the_descriptor_open),
        FILES_TEST(close_without_memory_leaves_the_descriptor_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
