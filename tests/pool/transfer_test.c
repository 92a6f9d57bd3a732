/* gyre_file_read, write, pread and pwrite.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/files.h"

#include <sched.h>

static char buf[64];

static int open_with(void **state, const char *text)
{
    make_file("a", text);
    memset(buf, 0, sizeof(buf));
    return own_fd(fixture_of(state), open(at("a"), O_RDWR | O_CLOEXEC));
}

static struct gyre_future *start_read(int fd, size_t size)
{
    return gyre_file_read(disk.loop, disk.pool, fd, buf, size);
}

static struct gyre_future *start_write(int fd, const char *text)
{
    return gyre_file_write(disk.loop, disk.pool, fd, text, strlen(text));
}

/* ------------------------------------------------------------------ read */

static void read_gives_what_was_asked_for_and_moves_on(void **state)
{
    int fd = open_with(state, "hello, world");

    expect_number(start_read(fd, 5), 5);
    assert_string_equal(buf, "hello");
    expect_number(start_read(fd, 7), 7);
    assert_string_equal(buf, ", world");
}

static void read_gives_less_only_at_the_end_of_the_file(void **state)
{
    int fd = open_with(state, "hello");

    expect_number(start_read(fd, sizeof(buf)), 5);
    expect_number(start_read(fd, sizeof(buf)), 0);
}

static void short_reads_are_continued(void **state)
{
    int fd = open_with(state, "hello, world");

    shorten_transfers(5);
    expect_number(start_read(fd, 11), 11);
    assert_string_equal(buf, "hello, worl");
    assert_int_equal(sys_calls(SYS_FILE_READ), 3);
}

static void interrupted_read_is_begun_again(void **state)
{
    int fd = open_with(state, "hello");

    fail_call(SYS_FILE_READ, 1, EINTR, false);
    expect_number(start_read(fd, 5), 5);
    assert_string_equal(buf, "hello");
}

static void read_fails_if_nothing_could_be_read(void **state)
{
    int fd = open_with(state, "hello");

    fail_call(SYS_FILE_READ, 1, EIO, false);
    expect_error(start_read(fd, 5), -EIO);
    expect_error(start_read(-1, 5), -EBADF);
}

static void error_after_some_bytes_is_left_for_the_next_read(void **state)
{
    int fd = open_with(state, "hello, world");

    shorten_transfers(3);
    fail_call(SYS_FILE_READ, 3, EIO, true);
    expect_number(start_read(fd, 12), 6);
    assert_string_equal(buf, "hello,");
    expect_error(start_read(fd, 12), -EIO);
    disarm_faults();
}

static void read_of_no_bytes_still_asks_the_system(void **state)
{
    int fd = open_with(state, "hello");

    expect_number(gyre_file_read(disk.loop, disk.pool, fd, NULL, 0), 0);
    expect_error(gyre_file_read(disk.loop, disk.pool, -1, NULL, 0), -EBADF);
}

static void read_of_an_empty_non_blocking_pipe_does_not_wait(void **state)
{
    int fds[2];

    make_pipe(fixture_of(state), fds);
    expect_error(start_read(fds[0], 5), -EAGAIN);
}

static void queued_read_that_is_cancelled_leaves_position_and_memory_alone(void **state)
{
    int fd = open_with(state, "hello");
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = start_read(fd, 5);

    gyre_future_cancel(f);
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(f);
    unplug_pool(plugged);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    assert_string_equal(buf, "");
}

static void read_that_is_cancelled_half_way_gives_what_it_has(void **state)
{
    int fd = open_with(state, "hello, world");

    shorten_transfers(4);
    cancel_at(SYS_FILE_READ, 2);
    struct gyre_future *f = start_read(fd, 12);
    let_it_be_cancelled(f);
    expect_number(f, 8);
    assert_string_equal(buf, "hello, w");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 8);
}

static sem_t entered, left;

static void enter_and_wait(void *arg)
{
    (void)arg;
    sem_post(&entered);
    sem_wait(&left);
}

static void read_that_runs_when_the_last_reference_goes_goes_on(void **state)
{
    int fd = open_with(state, "hello");

    sem_init(&entered, 0, 0);
    sem_init(&left, 0, 0);
    at_file_call(SYS_FILE_READ, 1, enter_and_wait, NULL);
    struct gyre_future *f = start_read(fd, 5);
    sem_wait(&entered);
    gyre_future_unref(f);
    sem_post(&left);
    assert_int_equal(gyre_loop_run(disk.loop), GYRE_RUN_DONE); /* it keeps the loop alive */
    assert_string_equal(buf, "hello");
    sem_destroy(&entered);
    sem_destroy(&left);
}

static void read_waits_for_all_bytes_from_a_pipe(void **state)
{
    int fds[2];

    make_pipe(fixture_of(state), fds);
    assert_return_code(fcntl(fds[0], F_SETFL, 0), errno); /* blocking */
    put(fds[1], "hel");
    struct gyre_future *f = start_read(fds[0], 5);
    while (sys_calls(SYS_FILE_READ) < 2)
        sched_yield();
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_PENDING);
    put(fds[1], "lo");
    expect_number(f, 5);
    assert_string_equal(buf, "hello");
}

static void closing_the_loop_waits_for_a_read_into_our_memory(void **state)
{
    int fd = open_with(state, "hello");
    sem_t begun;

    sem_init(&begun, 0, 0);
    at_file_call(SYS_FILE_READ, 1, have_it_closed, &begun);
    struct gyre_future *f = start_read(fd, 5);
    sem_wait(&begun);
    assert_int_equal(gyre_loop_close(disk.loop), 0);
    assert_string_equal(buf, "hello");
    gyre_future_unref(f);
    sem_destroy(&begun);
}

/* ------------------------------------------------------------------ write */

static void write_writes_all_and_moves_on(void **state)
{
    int fd = open_with(state, "");

    expect_number(start_write(fd, "hello"), 5);
    expect_number(start_write(fd, ", world"), 7);
    assert_string_equal(text_of("a"), "hello, world");
}

static void short_writes_are_continued(void **state)
{
    int fd = open_with(state, "");

    shorten_transfers(5);
    expect_number(start_write(fd, "hello, world"), 12);
    assert_string_equal(text_of("a"), "hello, world");
    assert_int_equal(sys_calls(SYS_FILE_WRITE), 3);
}

static void interrupted_write_is_begun_again(void **state)
{
    int fd = open_with(state, "");

    shorten_transfers(5);
    fail_call(SYS_FILE_WRITE, 2, EINTR, false);
    expect_number(start_write(fd, "hello, world"), 12);
    assert_string_equal(text_of("a"), "hello, world");
}

static void failed_write_tells_how_many_bytes_went_out(void **state)
{
    int fd = open_with(state, "");

    shorten_transfers(3);
    fail_call(SYS_FILE_WRITE, 3, ENOSPC, false);
    struct gyre_future *f = start_write(fd, "hello, world");
    finish(f);
    assert_int_equal(gyre_future_error(f), -ENOSPC);
    assert_int_equal((intptr_t)gyre_future_detail(f), 6);
    gyre_future_unref(f);
    assert_string_equal(text_of("a"), "hello,");
}

static void write_that_fails_at_once_has_written_nothing(void **state)
{
    int fd = open_with(state, "");

    fail_call(SYS_FILE_WRITE, 1, EIO, false);
    struct gyre_future *f = start_write(fd, "hello");
    finish(f);
    assert_int_equal(gyre_future_error(f), -EIO);
    assert_null(gyre_future_detail(f));
    gyre_future_unref(f);
}

static void write_that_has_begun_is_not_cancelled(void **state)
{
    int fd = open_with(state, "");

    shorten_transfers(4);
    cancel_at(SYS_FILE_WRITE, 2);
    struct gyre_future *f = start_write(fd, "hello, world");
    let_it_be_cancelled(f);
    expect_number(f, 12);
    assert_string_equal(text_of("a"), "hello, world");
}

static void queued_write_that_is_cancelled_writes_nothing(void **state)
{
    int fd = open_with(state, "");
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = start_write(fd, "hello");

    gyre_future_unref(f); /* which cancels it */
    unplug_pool(plugged);
    assert_string_equal(text_of("a"), "");
}

static void write_to_a_pipe_without_a_reader_fails_without_a_signal(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    close_fd(f, &fds[0]);
    expect_error(start_write(fds[1], "hello"), -EPIPE);
}

static void write_of_no_bytes_still_asks_the_system(void **state)
{
    int fd = open_with(state, "hello");

    expect_number(gyre_file_write(disk.loop, disk.pool, fd, NULL, 0), 0);
    expect_error(gyre_file_write(disk.loop, disk.pool, -1, NULL, 0), -EBADF);
    assert_string_equal(text_of("a"), "hello");
}

/* ------------------------------------------------------------------ at an offset */

static void pread_reads_at_its_offset_and_leaves_the_position(void **state)
{
    int fd = open_with(state, "hello, world");

    shorten_transfers(2);
    fail_call(SYS_PREAD, 2, EINTR, false);
    expect_number(gyre_file_pread(disk.loop, disk.pool, fd, buf, 5, 7), 5);
    assert_string_equal(buf, "world");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    expect_number(gyre_file_pread(disk.loop, disk.pool, fd, buf, 5, 10), 2);
    expect_number(gyre_file_pread(disk.loop, disk.pool, fd, buf, 5, 1000), 0);
}

static void pwrite_writes_at_its_offset_and_leaves_the_position(void **state)
{
    int fd = open_with(state, "hello, world");

    shorten_transfers(2);
    fail_call(SYS_PWRITE, 2, EINTR, false);
    expect_number(gyre_file_pwrite(disk.loop, disk.pool, fd, "there", 5, 7), 5);
    assert_string_equal(text_of("a"), "hello, there");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
}

static void pread_and_pwrite_fail_as_read_and_write(void **state)
{
    int fd = open_with(state, "hello, world");

    shorten_transfers(3);
    fail_call(SYS_PREAD, 2, EIO, false);
    expect_number(gyre_file_pread(disk.loop, disk.pool, fd, buf, 12, 0), 3);
    fail_call(SYS_PWRITE, 2, ENOSPC, false);
    struct gyre_future *f = gyre_file_pwrite(disk.loop, disk.pool, fd, "HELLO", 5, 0);
    finish(f);
    assert_int_equal(gyre_future_error(f), -ENOSPC);
    assert_int_equal((intptr_t)gyre_future_detail(f), 3);
    gyre_future_unref(f);
    assert_string_equal(text_of("a"), "HELlo, world");
}

/* Beyond what fits into 32 bits, with or without a sign. */
static void offsets_are_as_large_as_the_file_system_allows(void **state)
{
    static const uint64_t offsets[] = { (uint64_t)1 << 31, ((uint64_t)1 << 32) - 2,
                                        (uint64_t)5 << 32 };
    int fd = open_with(state, "hello");

    shorten_transfers(2);
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        uint64_t end = offsets[i] + 5;

        expect_number(gyre_file_pwrite(disk.loop, disk.pool, fd, "there", 5, offsets[i]), 5);
        expect_number(gyre_file_pread(disk.loop, disk.pool, fd, buf, 9, offsets[i]), 5);
        assert_string_equal(buf, "there");
        struct stat *st = take_value(gyre_file_fstat(disk.loop, disk.pool, fd));
        assert_true((uint64_t)st->st_size == end);
        gyre_file_free(st);
    }
}

static void write_to_a_file_that_is_appended_to_ignores_the_position(void **state)
{
    make_file("a", "hello");
    int fd = own_fd(fixture_of(state), open(at("a"), O_RDWR | O_APPEND | O_CLOEXEC));

    shorten_transfers(2);
    expect_number(start_write(fd, ", world"), 7);
    assert_string_equal(text_of("a"), "hello, world");
}

static void what_is_no_file_fails_as_the_system_call(void **state)
{
    struct fixture *f = fixture_of(state);
    int dir = own_fd(f, open(disk.dir, O_RDONLY | O_CLOEXEC));
    int fds[2];

    make_pipe(f, fds);
    expect_error(start_read(dir, 5), -EISDIR);
    expect_error(start_write(dir, "x"), -EBADF);
    expect_error(gyre_file_pread(disk.loop, disk.pool, fds[0], buf, 5, 0), -ESPIPE);
    expect_error(gyre_file_pwrite(disk.loop, disk.pool, fds[1], "x", 1, 0), -ESPIPE);
    expect_error(gyre_file_sync(disk.loop, disk.pool, fds[0]), -EINVAL);
}

static void size_or_offset_out_of_bounds_is_refused(void **state)
{
    int fd = open_with(state, "hello");
    static const uint64_t wrong[] = { UINT64_MAX, (uint64_t)INT64_MAX + 1 };

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        expect_error(gyre_file_pread(disk.loop, disk.pool, fd, buf, 1, wrong[i]), -EINVAL);
        expect_error(gyre_file_pwrite(disk.loop, disk.pool, fd, buf, 1, wrong[i]), -EINVAL);
    }
    /* The last byte would be out of bounds. */
    expect_error(gyre_file_pread(disk.loop, disk.pool, fd, buf, 9, INT64_MAX - 8), -EINVAL);
    expect_error(gyre_file_pwrite(disk.loop, disk.pool, fd, buf, 9, INT64_MAX - 8), -EINVAL);
    expect_error(start_read(fd, SIZE_MAX), -EINVAL);
    expect_error(gyre_file_write(disk.loop, disk.pool, fd, buf, SIZE_MAX), -EINVAL);
    assert_int_equal(sys_calls(SYS_PREAD) + sys_calls(SYS_PWRITE) + sys_calls(SYS_FILE_READ), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(read_gives_what_was_asked_for_and_moves_on),
        FILES_TEST(read_gives_less_only_at_the_end_of_the_file),
        FILES_TEST(short_reads_are_continued),
        FILES_TEST(interrupted_read_is_begun_again),
        FILES_TEST(read_fails_if_nothing_could_be_read),
        FILES_TEST(error_after_some_bytes_is_left_for_the_next_read),
        FILES_TEST(read_of_no_bytes_still_asks_the_system),
        FILES_TEST(read_of_an_empty_non_blocking_pipe_does_not_wait),
        FILES_TEST(queued_read_that_is_cancelled_leaves_position_and_memory_alone),
        FILES_TEST(read_that_is_cancelled_half_way_gives_what_it_has),
        FILES_TEST(read_that_runs_when_the_last_reference_goes_goes_on),
        FILES_TEST(read_waits_for_all_bytes_from_a_pipe),
        FILES_TEST(closing_the_loop_waits_for_a_read_into_our_memory),
        FILES_TEST(write_writes_all_and_moves_on),
        FILES_TEST(short_writes_are_continued),
        FILES_TEST(interrupted_write_is_begun_again),
        FILES_TEST(failed_write_tells_how_many_bytes_went_out),
        FILES_TEST(write_that_fails_at_once_has_written_nothing),
        FILES_TEST(write_that_has_begun_is_not_cancelled),
        FILES_TEST(queued_write_that_is_cancelled_writes_nothing),
        FILES_TEST(write_to_a_pipe_without_a_reader_fails_without_a_signal),
        FILES_TEST(write_of_no_bytes_still_asks_the_system),
        FILES_TEST(pread_reads_at_its_offset_and_leaves_the_position),
        FILES_TEST(pwrite_writes_at_its_offset_and_leaves_the_position),
        FILES_TEST(pread_and_pwrite_fail_as_read_and_write),
        FILES_TEST(offsets_are_as_large_as_the_file_system_allows),
        FILES_TEST(write_to_a_file_that_is_appended_to_ignores_the_position),
        FILES_TEST(what_is_no_file_fails_as_the_system_call),
        FILES_TEST(size_or_offset_out_of_bounds_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
