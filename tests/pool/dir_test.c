/* gyre_dir_open and next. One at a time, and the ends: dir_end_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/dirs.h"

/* ------------------------------------------------------------------ batches */

static void every_entry_comes_once_in_batches_of_at_most_so_many(void **state)
{
    (void)state;
    make_numbered(10);
    for (size_t max = 1; max <= 11; max++) {
        struct gyre_dir *dir = open_dir();

        assert_int_equal(read_numbered(dir, max, 10), (10 + (int)max - 1) / (int)max);
        close_dir(dir);
    }
}

static void empty_directory_has_an_empty_batch_again_and_again(void **state)
{
    struct gyre_dir *dir = open_dir();

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(read_numbered(dir, 5, 0), 0);
    close_dir(dir);
}

static void any_number_of_entries_may_be_asked_for(void **state)
{
    struct gyre_dir *dir;

    (void)state;
    make_numbered(1000);
    dir = open_dir();
    read_numbered(dir, SIZE_MAX, 1000);
    close_dir(dir);
}

/* As whoever removes a tree does it. */
static void entries_may_be_removed_between_batches(void **state)
{
    struct gyre_dir *dir;
    struct gyre_dir_batch *batch;

    (void)state;
    make_numbered(1000);
    dir = open_dir();
    while ((batch = next_batch(dir, 50))->count > 0) {
        for (size_t i = 0; i < batch->count; i++)
            assert_return_code(unlink(at(batch->entries[i].name)), errno);
        gyre_file_free(batch);
    }
    gyre_file_free(batch);
    assert_int_equal(count_files(), 0);
    close_dir(dir);
}

static void directory_that_was_removed_has_no_more_entries(void **state)
{
    (void)state;
    assert_return_code(mkdir(at("d"), 0700), errno);
    struct gyre_dir *dir = take_value(gyre_dir_open(disk.loop, disk.pool, at("d")));
    assert_return_code(rmdir(at("d")), errno);
    struct gyre_future *f = start_next(dir, 5);
    finish(f);
    assert_true(gyre_future_error(f) == 0 || gyre_future_error(f) == -ENOENT);
    if (gyre_future_error(f) == 0)
        assert_int_equal(((struct gyre_dir_batch *)gyre_future_peek(f))->count, 0);
    gyre_future_unref(f);
    close_dir(dir);
}

static void longest_names_fit_into_a_batch_of_any_size(void **state)
{
    char name[256];

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[255] = '\0';
    for (int i = 0; i < 20; i++) {
        memcpy(name, (char[]){ (char)('0' + i / 10), (char)('0' + i % 10), '-' }, 3);
        make_file(name, "");
    }
    for (size_t max = 1; max < 30; max += 4) {
        struct gyre_dir *dir = open_dir();

        read_numbered(dir, max, 20);
        close_dir(dir);
    }
}

static enum gyre_file_type type_in(const struct gyre_dir_batch *batch, const char *name)
{
    for (size_t i = 0; i < batch->count; i++)
        if (strcmp(batch->entries[i].name, name) == 0)
            return batch->entries[i].type;
    fail_msg("no entry %s", name);
    return GYRE_FILE_UNKNOWN;
}

static void make_one_of_each(void)
{
    make_file("file", "");
    assert_return_code(mkdir(at("dir"), 0700), errno);
    assert_return_code(symlink("nowhere", at("link")), errno);
    assert_return_code(mkfifo(at("fifo"), 0600), errno);
}

static void assert_types(void)
{
    struct gyre_dir *dir = open_dir();
    struct gyre_dir_batch *batch = next_batch(dir, 10);

    assert_int_equal(batch->count, 4);
    assert_int_equal(type_in(batch, "file"), GYRE_FILE_REGULAR);
    assert_int_equal(type_in(batch, "dir"), GYRE_FILE_DIRECTORY);
    assert_int_equal(type_in(batch, "link"), GYRE_FILE_LINK);
    assert_int_equal(type_in(batch, "fifo"), GYRE_FILE_FIFO);
    gyre_file_free(batch);
    close_dir(dir);
}

static void entries_have_types(void **state)
{
    (void)state;
    make_one_of_each();
    assert_types();
}

static void types_that_the_directory_does_not_tell_are_looked_up(void **state)
{
    (void)state;
    make_one_of_each();
    hide_entry_types(true);
    assert_types();
    assert_int_equal(sys_calls(SYS_STAT_AT), 4);
}

static void entry_that_has_gone_is_of_unknown_type(void **state)
{
    struct gyre_dir *dir;
    struct gyre_dir_batch *batch;

    (void)state;
    make_file("file", "");
    hide_entry_types(true);
    fail_call(SYS_STAT_AT, 1, ENOENT, false);
    dir = open_dir();
    batch = next_batch(dir, 10);
    assert_int_equal(type_in(batch, "file"), GYRE_FILE_UNKNOWN);
    gyre_file_free(batch);
    close_dir(dir);
}

static void device_is_told_from_a_file(void **state)
{
    struct gyre_dir *dir = take_value(gyre_dir_open(disk.loop, disk.pool, "/dev"));
    struct gyre_dir_batch *batch;
    bool is_device = false;

    (void)state;
    while ((batch = next_batch(dir, 100))->count > 0) {
        for (size_t i = 0; i < batch->count; i++)
            if (strcmp(batch->entries[i].name, "null") == 0)
                is_device = batch->entries[i].type == GYRE_FILE_DEVICE;
        gyre_file_free(batch);
    }
    gyre_file_free(batch);
    close_dir(dir);
    assert_true(is_device);
}

static void batch_outlives_its_directory_and_its_loop(void **state)
{
    struct gyre_dir *dir;
    struct gyre_dir_batch *batch;

    make_file("file", "");
    dir = open_dir();
    batch = next_batch(dir, 1);
    close_dir(dir);
    assert_int_equal(gyre_loop_destroy(disk.loop), 0);
    fixture_of(state)->loop = NULL;
    assert_string_equal(batch->entries[0].name, "file");
    gyre_file_free(batch);
}

/* ------------------------------------------------------------------ errors */

static void open_fails_for_what_is_not_a_directory(void **state)
{
    (void)state;
    make_file("file", "");
    expect_error(gyre_dir_open(disk.loop, disk.pool, at("file")), -ENOTDIR);
    expect_error(gyre_dir_open(disk.loop, disk.pool, at("nothing")), -ENOENT);
}

static void open_that_fails_in_any_step_leaves_nothing(void **state)
{
    int before = count_fds();

    (void)state;
    fail_call(SYS_OPEN_DIR, 1, ENOMEM, false);
    expect_error(gyre_dir_open(disk.loop, disk.pool, disk.dir), -ENOMEM);
    fail_call(SYS_OPEN_AT, 1, EMFILE, false);
    expect_error(gyre_dir_open(disk.loop, disk.pool, disk.dir), -EMFILE);
    assert_int_equal(count_fds(), before);
}

static void error_of_the_first_entry_is_that_of_the_batch(void **state)
{
    struct gyre_dir *dir = open_dir();

    (void)state;
    make_numbered(3);
    fail_call(SYS_READ_DIR, 1, EIO, false);
    expect_error(start_next(dir, 10), -EIO);
    read_numbered(dir, 10, 3);
    close_dir(dir);
}

static void error_after_some_entries_is_left_for_the_next_batch(void **state)
{
    struct gyre_dir *dir;
    struct gyre_dir_batch *batch;

    (void)state;
    make_numbered(10);
    dir = open_dir();
    fail_call(SYS_READ_DIR, 6, EIO, false); /* two of the five before may be dots */
    batch = next_batch(dir, 100);
    assert_in_range(batch->count, 3, 5);
    gyre_file_free(batch);
    expect_error(start_next(dir, 100), -EIO);
    close_dir(dir);
}

static void interrupted_reading_of_an_entry_is_begun_again(void **state)
{
    struct gyre_dir *dir;

    (void)state;
    make_numbered(3);
    dir = open_dir();
    fail_call(SYS_READ_DIR, 2, EINTR, false);
    read_numbered(dir, 10, 3);
    close_dir(dir);
}

static void batch_without_memory_loses_no_entry(void **state)
{
    struct gyre_dir *dir;

    (void)state;
    make_numbered(3);
    dir = open_dir();
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = start_next(dir, 2);
    fail_allocation(1, false);
    unplug_pool(plugged);
    expect_error(f, -ENOMEM);
    read_numbered(dir, 2, 3);
    close_dir(dir);
}

static void batch_of_no_entries_is_refused(void **state)
{
    struct gyre_dir *dir = open_dir();

    (void)state;
    expect_error(start_next(dir, 0), -EINVAL);
    close_dir(dir);
}

static void close_tells_of_an_error_and_closes(void **state)
{
    int before = count_fds();
    struct gyre_dir *dir = open_dir();

    (void)state;
    fail_call(SYS_CLOSE_DIR, 1, EIO, false);
    expect_error(gyre_dir_close(disk.loop, disk.pool, dir), -EIO);
    assert_int_equal(count_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(every_entry_comes_once_in_batches_of_at_most_so_many),
        FILES_TEST(empty_directory_has_an_empty_batch_again_and_again),
        FILES_TEST(any_number_of_entries_may_be_asked_for),
        FILES_TEST(entries_may_be_removed_between_batches),
        FILES_TEST(directory_that_was_removed_has_no_more_entries),
        FILES_TEST(longest_names_fit_into_a_batch_of_any_size),
        FILES_TEST(entries_have_types),
        FILES_TEST(types_that_the_directory_does_not_tell_are_looked_up),
        FILES_TEST(entry_that_has_gone_is_of_unknown_type),
        FILES_TEST(device_is_told_from_a_file),
        FILES_TEST(batch_outlives_its_directory_and_its_loop),
        FILES_TEST(open_fails_for_what_is_not_a_directory),
        FILES_TEST(open_that_fails_in_any_step_leaves_nothing),
        FILES_TEST(error_of_the_first_entry_is_that_of_the_batch),
        FILES_TEST(error_after_some_entries_is_left_for_the_next_batch),
        FILES_TEST(interrupted_reading_of_an_entry_is_begun_again),
        FILES_TEST(batch_without_memory_loses_no_entry),
        FILES_TEST(batch_of_no_entries_is_refused),
        FILES_TEST(close_tells_of_an_error_and_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
