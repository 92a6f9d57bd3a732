/* gyre_file_copy. What every fault leaves: whole_fault_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/files.h"

enum { LARGE = 700000 }; /* several pieces, if it is copied through memory */

static struct gyre_future *copy(const char *from, const char *to, unsigned flags)
{
    return gyre_file_copy(disk.loop, disk.pool, at(from), at(to), flags);
}

static void without_the_kernels_help(void)
{
    fail_call(SYS_COPY_RANGE, 1, ENOSYS, true);
}

/* ------------------------------------------------------------------ contents */

static void copy_has_the_contents_and_the_permissions(void **state)
{
    mode_t mask = umask(027);

    (void)state;
    make_large_file("a", LARGE);
    assert_return_code(chmod(at("a"), 0574), errno);
    expect_number(copy("a", "b", 0), LARGE);
    umask(mask);
    assert_true(files_are_equal("a", "b"));
    assert_int_equal(mode_of("b"), 0550);
    assert_int_equal(count_files(), 2);
}

static void empty_file_can_be_copied(void **state)
{
    (void)state;
    make_file("a", "");
    expect_number(copy("a", "b", 0), 0);
    assert_true(files_are_equal("a", "b"));
}

static void copying_through_memory_does_the_same(void **state)
{
    (void)state;
    make_large_file("a", LARGE);
    without_the_kernels_help();
    shorten_transfers(9999);
    expect_number(copy("a", "b", 0), LARGE);
    disarm_faults();
    assert_true(files_are_equal("a", "b"));
}

static void kernel_that_gives_up_half_way_is_replaced(void **state)
{
    (void)state;
    make_large_file("a", LARGE);
    shorten_transfers(100000);
    fail_call(SYS_COPY_RANGE, 3, EXDEV, true);
    expect_number(copy("a", "b", 0), LARGE);
    disarm_faults();
    assert_true(files_are_equal("a", "b"));
}

static void interrupted_copying_is_begun_again(void **state)
{
    (void)state;
    make_large_file("a", LARGE);
    shorten_transfers(100000);
    fail_call(SYS_COPY_RANGE, 2, EINTR, false);
    expect_number(copy("a", "b", 0), LARGE);
    assert_int_equal(sys_calls(SYS_FILE_WRITE), 0); /* it was not given up */
    assert_true(files_are_equal("a", "b"));
}

/* On the worker, before it copies on. */
static void shrink_file(void *arg)
{
    (void)arg;
    (void)!truncate(at("a"), 4);
}

static void grow_file(void *arg)
{
    (void)arg;
    (void)!truncate(at("a"), LARGE);
}

/* Whether the kernel helps or not. */
static void file_that_changes_its_size_is_copied_to_its_end(void **state)
{
    static const enum sys_call calls[] = { SYS_COPY_RANGE, SYS_FILE_READ };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        if (calls[i] == SYS_FILE_READ)
            without_the_kernels_help();
        make_file("a", "0123456789");
        at_file_call(calls[i], 1, shrink_file, NULL);
        expect_number(copy("a", "b", 0), 4);
        assert_string_equal(text_of("b"), "0123");
        at_file_call(calls[i], 1, grow_file, NULL);
        expect_number(copy("a", "b", 0), LARGE);
        assert_true(files_are_equal("a", "b"));
    }
    disarm_faults();
}

static void file_with_a_hole_is_copied(void **state)
{
    (void)state;
    make_file("a", "begin");
    assert_return_code(truncate(at("a"), LARGE), errno);
    expect_number(copy("a", "b", 0), LARGE);
    assert_true(files_are_equal("a", "b"));
}

static void file_whose_size_the_system_does_not_know_is_copied_whole(void **state)
{
    (void)state;
    if (access("/proc/version", R_OK) != 0)
        skip();
    expect_ok(gyre_file_copy(disk.loop, disk.pool, "/proc/version", at("b"), 0));
    assert_true(strlen(text_of("b")) > 0);
}

/* ------------------------------------------------------------------ targets */

static void existing_target_is_replaced_and_its_other_names_keep_the_old(void **state)
{
    (void)state;
    make_file("a", "new");
    make_file("b", "old");
    assert_return_code(link(at("b"), at("c")), errno);
    expect_number(copy("a", "b", 0), 3);
    assert_string_equal(text_of("b"), "new");
    assert_string_equal(text_of("c"), "old");
}

static void file_can_be_copied_onto_itself(void **state)
{
    (void)state;
    make_file("a", "text");
    expect_number(copy("a", "a", 0), 4);
    assert_string_equal(text_of("a"), "text");
    assert_int_equal(count_files(), 1);
}

static void new_target_is_made_and_an_old_one_left_alone(void **state)
{
    (void)state;
    make_file("a", "new");
    expect_number(copy("a", "b", GYRE_COPY_NEW), 3);
    assert_string_equal(text_of("b"), "new");
    make_file("b", "old");
    expect_error(copy("a", "b", GYRE_COPY_NEW), -EEXIST);
    assert_string_equal(text_of("b"), "old");
    assert_int_equal(count_files(), 2);
}

static void copy_is_synced_only_if_asked_for(void **state)
{
    (void)state;
    make_file("a", "text");
    expect_number(copy("a", "b", 0), 4);
    assert_int_equal(sys_calls(SYS_SYNC), 0);
    expect_number(copy("a", "c", GYRE_COPY_SYNC), 4);
    assert_int_equal(sys_calls(SYS_SYNC), 2);
    expect_number(copy("a", "d", GYRE_COPY_SYNC | GYRE_COPY_NEW), 4);
    assert_int_equal(sys_calls(SYS_SYNC), 4);
}

static void failed_sync_of_the_directory_says_that_the_copy_is_there(void **state)
{
    (void)state;
    make_file("a", "text");
    fail_call(SYS_SYNC, 2, EIO, false);
    struct gyre_future *f = copy("a", "b", GYRE_COPY_SYNC);
    finish(f);
    assert_int_equal(gyre_future_error(f), -EIO);
    assert_non_null(gyre_future_detail(f));
    gyre_future_unref(f);
    assert_string_equal(text_of("b"), "text");
}

static void failed_sync_of_the_directory_removes_a_new_copy(void **state)
{
    (void)state;
    make_file("a", "text");
    fail_call(SYS_SYNC, 2, EIO, false);
    struct gyre_future *f = copy("a", "b", GYRE_COPY_SYNC | GYRE_COPY_NEW);
    finish(f);
    assert_int_equal(gyre_future_error(f), -EIO);
    assert_null(gyre_future_detail(f));
    gyre_future_unref(f);
    assert_false(exists("b"));
}

static void close_that_tells_of_lost_data_fails_the_copy(void **state)
{
    (void)state;
    make_file("a", "new");
    make_file("b", "old");
    fail_call(SYS_FILE_CLOSE, 1, EDQUOT, false);
    expect_error(copy("a", "b", 0), -EDQUOT);
    assert_string_equal(text_of("b"), "old");
    assert_int_equal(count_files(), 2);
}

/* ------------------------------------------------------------------ refusals */

static void what_is_not_a_regular_file_is_not_copied(void **state)
{
    (void)state;
    assert_return_code(mkdir(at("d"), 0700), errno);
    assert_return_code(mkfifo(at("fifo"), 0600), errno);
    expect_error(copy("d", "b", 0), -EISDIR);
    expect_error(copy("fifo", "b", 0), -EINVAL);
    expect_error(copy("nothing", "b", 0), -ENOENT);
    assert_int_equal(count_files(), 2);
}

/* A socket cannot be opened at all. */
static void socket_is_not_copied(void **state)
{
    make_socket(fixture_of(state), "socket");
    expect_error(copy("socket", "b", 0), -EINVAL);
    assert_false(exists("b"));
}

/* Opened, it would let a writer go on, who would then have nobody to write to. */
static void fifo_is_not_even_opened(void **state)
{
    (void)state;
    assert_return_code(mkfifo(at("fifo"), 0600), errno);
    expect_error(copy("fifo", "b", 0), -EINVAL);
    assert_int_equal(sys_calls(SYS_OPEN_AT), 0);
}

/* On the worker, which has just looked at it. */
static void put_fifo_in_place(void *arg)
{
    (void)arg;
    (void)unlink(at("a"));
    (void)mkfifo(at("a"), 0600);
}

static void fifo_that_takes_the_place_of_the_file_is_not_waited_for(void **state)
{
    (void)state;
    make_file("a", "text");
    at_file_call(SYS_OPEN_AT, 1, put_fifo_in_place, NULL);
    expect_error(copy("a", "b", 0), -EINVAL);
    assert_int_equal(count_files(), 1);
}

static void target_of_another_kind_is_left_alone(void **state)
{
    assert_return_code(mkfifo(at("fifo"), 0600), errno);
    make_socket(fixture_of(state), "socket");
    make_file("a", "text");
    expect_error(copy("a", "fifo", 0), -EINVAL);
    expect_error(copy("a", "socket", 0), -EINVAL);
    assert_int_equal(type_of("fifo"), S_IFIFO);
    assert_int_equal(type_of("socket"), S_IFSOCK);
    assert_int_equal(count_files(), 3);
}

static void link_to_the_source_is_followed_and_one_in_the_place_of_the_target_replaced(void **state)
{
    (void)state;
    make_file("a", "text");
    assert_return_code(symlink("a", at("from")), errno);
    assert_return_code(symlink("nothing", at("to")), errno);
    expect_error(copy("from", "to", GYRE_COPY_NEW), -EEXIST);
    expect_number(copy("from", "to", 0), 4);
    assert_int_equal(type_of("to"), S_IFREG);
    assert_string_equal(text_of("to"), "text");
    assert_false(exists("nothing"));
}

static void target_that_cannot_be_a_file_fails(void **state)
{
    (void)state;
    make_file("a", "text");
    assert_return_code(mkdir(at("d"), 0700), errno);
    expect_error(copy("a", "d", 0), -EISDIR);
    expect_error(copy("a", "d", GYRE_COPY_NEW), -EEXIST);
    expect_error(copy("a", "n/b", 0), -ENOENT);
    assert_int_equal(count_files(), 2);
}

static void unknown_flags_are_refused(void **state)
{
    (void)state;
    make_file("a", "text");
    expect_error(copy("a", "b", 4), -EINVAL);
    assert_false(exists("b"));
}

/* ------------------------------------------------------------------ cancelling */

/* Cancelled before the n-th call of a kind: the old target is there, or none if there was none. */
static void assert_cancelled_at(enum sys_call which, unsigned n, unsigned flags)
{
    cancel_at(which, n);
    struct gyre_future *f = copy("a", "b", flags);
    let_it_be_cancelled(f);
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(f);
}

static void copying_ends_between_two_pieces_when_cancelled(void **state)
{
    (void)state;
    make_large_file("a", LARGE);
    make_file("b", "old");
    shorten_transfers(100000);
    assert_cancelled_at(SYS_COPY_RANGE, 2, 0);
    assert_int_equal(sys_calls(SYS_COPY_RANGE), 2);
    assert_string_equal(text_of("b"), "old");
    assert_int_equal(count_files(), 2);
}

static void copying_through_memory_ends_between_two_pieces_when_cancelled(void **state)
{
    (void)state;
    make_large_file("a", LARGE);
    make_file("b", "old");
    without_the_kernels_help();
    assert_cancelled_at(SYS_FILE_WRITE, 2, 0);
    disarm_faults();
    assert_int_equal(sys_calls(SYS_FILE_WRITE), 2);
    assert_string_equal(text_of("b"), "old");
    assert_int_equal(count_files(), 2);
}

static void cancelled_copying_removes_a_new_target(void **state)
{
    (void)state;
    make_large_file("a", LARGE);
    shorten_transfers(100000);
    assert_cancelled_at(SYS_COPY_RANGE, 2, GYRE_COPY_NEW);
    assert_int_equal(count_files(), 1);
}

static void queued_copying_that_is_cancelled_does_nothing(void **state)
{
    (void)state;
    make_file("a", "text");
    struct gyre_future *plugged = plug_pool();
    gyre_future_unref(copy("a", "b", 0));
    unplug_pool(plugged);
    assert_int_equal(count_files(), 1);
    assert_int_equal(sys_calls(SYS_OPEN_AT), 0);
}

static void running_copying_ends_by_itself_when_the_loop_is_closed(void **state)
{
    sem_t begun;

    (void)state;
    make_large_file("a", LARGE);
    shorten_transfers(100000);
    sem_init(&begun, 0, 0);
    at_file_call(SYS_COPY_RANGE, 2, have_it_closed, &begun);
    struct gyre_future *f = copy("a", "b", 0);
    sem_wait(&begun);
    gyre_loop_close(disk.loop);
    assert_int_equal(gyre_pool_destroy(disk.pool, GYRE_NEVER), 0);
    disk.pool = NULL;
    gyre_future_unref(f);
    assert_int_equal(count_files(), 1);
    sem_destroy(&begun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(copy_has_the_contents_and_the_permissions),
        FILES_TEST(empty_file_can_be_copied),
        FILES_TEST(copying_through_memory_does_the_same),
        FILES_TEST(kernel_that_gives_up_half_way_is_replaced),
        FILES_TEST(interrupted_copying_is_begun_again),
        FILES_TEST(file_that_changes_its_size_is_copied_to_its_end),
        FILES_TEST(file_with_a_hole_is_copied),
        FILES_TEST(file_whose_size_the_system_does_not_know_is_copied_whole),
        FILES_TEST(existing_target_is_replaced_and_its_other_names_keep_the_old),
        FILES_TEST(file_can_be_copied_onto_itself),
        FILES_TEST(new_target_is_made_and_an_old_one_left_alone),
        FILES_TEST(copy_is_synced_only_if_asked_for),
        FILES_TEST(failed_sync_of_the_directory_says_that_the_copy_is_there),
        FILES_TEST(failed_sync_of_the_directory_removes_a_new_copy),
        FILES_TEST(close_that_tells_of_lost_data_fails_the_copy),
        FILES_TEST(what_is_not_a_regular_file_is_not_copied),
        FILES_TEST(socket_is_not_copied),
        FILES_TEST(fifo_is_not_even_opened),
        FILES_TEST(fifo_that_takes_the_place_of_the_file_is_not_waited_for),
        FILES_TEST(target_of_another_kind_is_left_alone),
        FILES_TEST(link_to_the_source_is_followed_and_one_in_the_place_of_the_target_replaced),
        FILES_TEST(target_that_cannot_be_a_file_fails),
        FILES_TEST(unknown_flags_are_refused),
        FILES_TEST(copying_ends_between_two_pieces_when_cancelled),
        FILES_TEST(copying_through_memory_ends_between_two_pieces_when_cancelled),
        FILES_TEST(cancelled_copying_removes_a_new_target),
        FILES_TEST(queued_copying_that_is_cancelled_does_nothing),
        FILES_TEST(running_copying_ends_by_itself_when_the_loop_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
