/* Descriptors and names: what gyre/file.h promises of gyre_file_open to gyre_file_rmdir, but for
 * reading and writing, see transfer_test.c, and closing, see file_close_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/files.h"

/* ------------------------------------------------------------------ open */

static int open_file(const char *name, int flags)
{
    struct gyre_future *f = gyre_file_open(disk.loop, disk.pool, at(name), flags, 0600);

    return (int)(intptr_t)take_value(f);
}

static void opened_file_is_there_and_close_on_exec(void **state)
{
    (void)state;
    make_file("a", "text");
    int fd = open_file("a", O_RDONLY);

    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    close(fd);
}

static void created_file_has_its_mode_less_the_umask(void **state)
{
    mode_t mask = umask(027);

    (void)state;
    expect_ok(gyre_file_open(disk.loop, disk.pool, at("a"), O_WRONLY | O_CREAT, 0666));
    umask(mask);
    assert_int_equal(mode_of("a"), 0640);
}

static void open_of_a_missing_file_fails(void **state)
{
    (void)state;
    expect_error(gyre_file_open(disk.loop, disk.pool, at("a"), O_RDONLY, 0), -ENOENT);
}

static void descriptor_that_nobody_takes_is_closed(void **state)
{
    int before = count_fds();

    (void)state;
    make_file("a", "");
    struct gyre_future *f = gyre_file_open(disk.loop, disk.pool, at("a"), O_RDONLY, 0);
    finish(f);
    assert_int_equal(count_fds(), before + 1);
    gyre_future_unref(f);
    assert_int_equal(count_fds(), before);
}

/* Its number, as a pointer, is NULL. */
static void descriptor_zero_that_nobody_takes_is_closed(void **state)
{
    int saved = fcntl(0, F_DUPFD_CLOEXEC, 3);

    (void)state;
    assert_return_code(saved, errno);
    close(0);
    struct gyre_future *f = gyre_file_open(disk.loop, disk.pool, "/dev/null", O_RDONLY, 0);
    finish(f);
    assert_int_equal((intptr_t)gyre_future_peek(f), 0);
    assert_int_equal(gyre_future_error(f), 0);
    assert_true(fcntl(0, F_GETFD) >= 0);
    gyre_future_unref(f);
    assert_int_equal(fcntl(0, F_GETFD), -1);
    dup2(saved, 0);
    close(saved);
}

static void open_that_is_cancelled_too_late_is_ok_and_leaves_nothing_open(void **state)
{
    int before = count_fds();

    (void)state;
    make_file("a", "");
    cancel_at(SYS_OPEN_AT, 1);
    struct gyre_future *f = gyre_file_open(disk.loop, disk.pool, at("a"), O_RDONLY, 0);
    let_it_be_cancelled(f);
    assert_int_equal(gyre_future_error(f), 0);
    gyre_future_unref(f);
    assert_int_equal(count_fds(), before);
}

/* What the worker brings when nobody is there any more. */
static void file_that_is_opened_while_the_loop_is_closed_is_closed(void **state)
{
    int before = count_fds();
    sem_t begun;

    (void)state;
    make_file("a", "");
    sem_init(&begun, 0, 0);
    at_file_call(SYS_OPEN_AT, 1, have_it_closed, &begun);
    struct gyre_future *f = gyre_file_open(disk.loop, disk.pool, at("a"), O_RDONLY, 0);
    sem_wait(&begun);
    gyre_loop_close(disk.loop);
    assert_int_equal(gyre_pool_destroy(disk.pool, GYRE_NEVER), 0);
    disk.pool = NULL;
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(f);
    assert_int_equal(sys_calls(SYS_OPEN_AT), 1);
    assert_in_range(count_fds(), 0, before); /* those of the loop have gone, too */
    assert_int_equal(sys_calls(SYS_FILE_CLOSE), 1);
    sem_destroy(&begun);
}

static void open_that_was_queued_and_cancelled_creates_nothing(void **state)
{
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = gyre_file_open(disk.loop, disk.pool, at("a"), O_WRONLY | O_CREAT, 0600);

    (void)state;
    gyre_future_cancel(f);
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(f);
    unplug_pool(plugged);
    assert_false(exists("a"));
}

static void path_may_be_changed_after_the_call(void **state)
{
    char path[PATH_SIZE];

    (void)state;
    strcpy(path, at("a"));
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = gyre_file_open(disk.loop, disk.pool, path, O_WRONLY | O_CREAT, 0600);
    memset(path, 'x', sizeof(path));
    unplug_pool(plugged);
    expect_ok(f);
    assert_true(exists("a"));
}

static void loops_own_pool_serves_a_call_without_a_pool(void **state)
{
    (void)state;
    expect_ok(gyre_file_mkdir(disk.loop, NULL, at("a"), 0700));
    assert_true(exists("a"));
}

/* ------------------------------------------------------------------ sync and stat */

static void sync_reaches_the_file(void **state)
{
    int fd = own_fd(fixture_of(state), make_open_file());

    expect_ok(gyre_file_sync(disk.loop, disk.pool, fd));
    assert_int_equal(sys_calls(SYS_SYNC), 1);
    fail_call(SYS_SYNC, 1, EIO, false);
    expect_error(gyre_file_sync(disk.loop, disk.pool, fd), -EIO);
    fail_call(SYS_SYNC, 1, EINTR, false);
    expect_ok(gyre_file_sync(disk.loop, disk.pool, fd));
}

static void stat_tells_of_a_path_and_of_a_descriptor(void **state)
{
    int fd = own_fd(fixture_of(state), make_open_file());
    struct stat *st;

    make_file("b", "12345");
    st = take_value(gyre_file_stat(disk.loop, disk.pool, at("b")));
    assert_int_equal(st->st_size, 5);
    gyre_file_free(st);
    put(fd, "123");
    st = take_value(gyre_file_fstat(disk.loop, disk.pool, fd));
    assert_int_equal(st->st_size, 3);
    gyre_file_free(st);
}

static void stat_follows_a_link(void **state)
{
    (void)state;
    make_file("a", "12345");
    assert_return_code(symlink("a", at("link")), errno);
    struct gyre_future *f = gyre_file_stat(disk.loop, disk.pool, at("link"));
    finish(f);
    assert_int_equal(((struct stat *)gyre_future_peek(f))->st_size, 5);
    gyre_future_unref(f); /* frees what was not taken: teardown counts */
}

static void stat_fails_as_the_system_call(void **state)
{
    (void)state;
    expect_error(gyre_file_stat(disk.loop, disk.pool, at("a")), -ENOENT);
    expect_error(gyre_file_fstat(disk.loop, disk.pool, -1), -EBADF);
}

static void stat_without_memory_for_the_value_fails(void **state)
{
    (void)state;
    expect_ok(gyre_file_stat(disk.loop, disk.pool, disk.dir));
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = gyre_file_stat(disk.loop, disk.pool, disk.dir);
    fail_allocation(1, false);
    unplug_pool(plugged);
    expect_error(f, -ENOMEM);
}

static void free_ignores_null(void **state)
{
    (void)state;
    gyre_file_free(NULL);
}

/* ------------------------------------------------------------------ names */

enum { NAME_CALLS = 4 };

/* A call of each kind: a is a file, d a directory. */
static struct gyre_future *start_name_call(int which)
{
    switch (which) {
    case 0:
        return gyre_file_rename(disk.loop, disk.pool, at("a"), at("new"));
    case 1:
        return gyre_file_unlink(disk.loop, disk.pool, at("a"));
    case 2:
        return gyre_file_mkdir(disk.loop, disk.pool, at("new"), 0750);
    default:
        return gyre_file_rmdir(disk.loop, disk.pool, at("d"));
    }
}

static void make_names(void)
{
    make_file("a", "text");
    (void)mkdir(at("d"), 0700);
    (void)remove(at("new"));
}

static bool name_call_has_happened(int which)
{
    switch (which) {
    case 0:
        return !exists("a") && exists("new");
    case 1:
        return !exists("a");
    case 2:
        return exists("new");
    default:
        return !exists("d");
    }
}

static void names_are_changed_as_by_the_system_calls(void **state)
{
    (void)state;
    for (int i = 0; i < NAME_CALLS; i++) {
        make_names();
        expect_ok(start_name_call(i));
        assert_true(name_call_has_happened(i));
    }
}

static void names_are_left_alone_by_a_call_that_fails(void **state)
{
    (void)state;
    for (int i = 0; i < NAME_CALLS; i++) {
        make_names();
        fail_file_call(1, EROFS, false);
        expect_error(start_name_call(i), -EROFS);
        assert_false(name_call_has_happened(i));
    }
}

static void interrupted_change_of_a_name_is_begun_again(void **state)
{
    (void)state;
    for (int i = 0; i < NAME_CALLS; i++) {
        make_names();
        fail_file_call(1, EINTR, false);
        expect_ok(start_name_call(i));
        assert_true(name_call_has_happened(i));
    }
}

static void names_are_left_alone_by_a_queued_call_that_is_cancelled(void **state)
{
    (void)state;
    for (int i = 0; i < NAME_CALLS; i++) {
        make_names();
        struct gyre_future *plugged = plug_pool();
        struct gyre_future *f = start_name_call(i);
        gyre_future_cancel(f);
        assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
        gyre_future_unref(f);
        unplug_pool(plugged);
        assert_false(name_call_has_happened(i));
    }
}

static void change_of_a_name_that_has_begun_is_not_cancelled(void **state)
{
    static const enum sys_call kinds[] = { SYS_RENAME_AT, SYS_UNLINK_AT, SYS_MKDIR_AT,
                                           SYS_UNLINK_AT };

    (void)state;
    for (int i = 0; i < NAME_CALLS; i++) {
        make_names();
        cancel_at(kinds[i], 1);
        struct gyre_future *f = start_name_call(i);
        let_it_be_cancelled(f);
        expect_ok(f);
        assert_true(name_call_has_happened(i));
    }
}

/* ------------------------------------------------------------------ refusals */

static void null_is_refused_wherever_something_must_be(void **state)
{
    (void)state;
    expect_error(gyre_file_open(disk.loop, disk.pool, NULL, O_RDONLY, 0), -EINVAL);
    expect_error(gyre_file_read(disk.loop, disk.pool, 0, NULL, 1), -EINVAL);
    expect_error(gyre_file_write(disk.loop, disk.pool, 0, NULL, 1), -EINVAL);
    expect_error(gyre_file_stat(disk.loop, disk.pool, NULL), -EINVAL);
    expect_error(gyre_file_rename(disk.loop, disk.pool, NULL, at("a")), -EINVAL);
    expect_error(gyre_file_rename(disk.loop, disk.pool, at("a"), NULL), -EINVAL);
    expect_error(gyre_file_unlink(disk.loop, disk.pool, NULL), -EINVAL);
    expect_error(gyre_file_mkdir(disk.loop, disk.pool, NULL, 0), -EINVAL);
    expect_error(gyre_file_rmdir(disk.loop, disk.pool, NULL), -EINVAL);
    expect_error(gyre_dir_open(disk.loop, disk.pool, NULL), -EINVAL);
    expect_error(gyre_dir_next(disk.loop, disk.pool, NULL, 1), -EINVAL);
    expect_error(gyre_dir_close(disk.loop, disk.pool, NULL), -EINVAL);
    expect_error(gyre_file_read_all(disk.loop, disk.pool, NULL, 1), -EINVAL);
    expect_error(gyre_file_write_atomic(disk.loop, disk.pool, NULL, "", 0, 0600), -EINVAL);
    expect_error(gyre_file_write_atomic(disk.loop, disk.pool, at("a"), NULL, 1, 0600), -EINVAL);
    expect_error(gyre_file_copy(disk.loop, disk.pool, NULL, at("a"), 0), -EINVAL);
    expect_error(gyre_file_copy(disk.loop, disk.pool, at("a"), NULL, 0), -EINVAL);
    assert_int_equal(count_files(), 0);
}

static void call_on_no_loop_or_on_a_closed_one_is_refused(void **state)
{
    (void)state;
    expect_refusal(gyre_file_mkdir(NULL, disk.pool, at("a"), 0700), -EINVAL);
    gyre_loop_close(disk.loop);
    expect_refusal(gyre_file_mkdir(disk.loop, disk.pool, at("a"), 0700), -ESHUTDOWN);
    assert_false(exists("a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(opened_file_is_there_and_close_on_exec),
        FILES_TEST(created_file_has_its_mode_less_the_umask),
        FILES_TEST(open_of_a_missing_file_fails),
        FILES_TEST(descriptor_that_nobody_takes_is_closed),
        FILES_TEST(descriptor_zero_that_nobody_takes_is_closed),
        FILES_TEST(open_that_is_cancelled_too_late_is_ok_and_leaves_nothing_open),
        FILES_TEST(file_that_is_opened_while_the_loop_is_closed_is_closed),
        FILES_TEST(open_that_was_queued_and_cancelled_creates_nothing),
        FILES_TEST(path_may_be_changed_after_the_call),
        FILES_TEST(loops_own_pool_serves_a_call_without_a_pool),
        FILES_TEST(sync_reaches_the_file),
        FILES_TEST(stat_tells_of_a_path_and_of_a_descriptor),
        FILES_TEST(stat_follows_a_link),
        FILES_TEST(stat_fails_as_the_system_call),
        FILES_TEST(stat_without_memory_for_the_value_fails),
        FILES_TEST(free_ignores_null),
        FILES_TEST(names_are_changed_as_by_the_system_calls),
        FILES_TEST(names_are_left_alone_by_a_call_that_fails),
        FILES_TEST(interrupted_change_of_a_name_is_begun_again),
        FILES_TEST(names_are_left_alone_by_a_queued_call_that_is_cancelled),
        FILES_TEST(change_of_a_name_that_has_begun_is_not_cancelled),
        FILES_TEST(null_is_refused_wherever_something_must_be),
        FILES_TEST(call_on_no_loop_or_on_a_closed_one_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
