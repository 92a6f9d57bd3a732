/* gyre_dir_open, next and close.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/files.h"

static struct gyre_dir *open_dir(void)
{
    return take_value(gyre_dir_open(disk.loop, disk.pool, disk.dir));
}

static struct gyre_future *start_next(struct gyre_dir *dir, size_t max)
{
    return gyre_dir_next(disk.loop, disk.pool, dir, max);
}

static struct gyre_dir_batch *next_batch(struct gyre_dir *dir, size_t max)
{
    return take_value(start_next(dir, max));
}

static void close_dir(struct gyre_dir *dir)
{
    expect_ok(gyre_dir_close(disk.loop, disk.pool, dir));
}

/* Make files 000, 001, ... */
static void make_numbered(int count)
{
    char name[16];

    for (int i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "%03d", i);
        make_file(name, "");
    }
}

/* Read on to the end; each of the numbered files must come once. Returns how many batches that took,
 * without the empty one. */
static int read_numbered(struct gyre_dir *dir, size_t max, int count)
{
    bool seen[1000] = { false };

    for (int batches = 0;; batches++) {
        struct gyre_dir_batch *batch = next_batch(dir, max);
        size_t size = batch->count;

        assert_true(size <= max);
        for (size_t i = 0; i < size; i++) {
            int number = atoi(batch->entries[i].name);

            assert_in_range(number, 0, 999);
            assert_false(seen[number]);
            seen[number] = true;
            count--;
        }
        gyre_file_free(batch);
        if (size == 0) {
            assert_int_equal(count, 0);
            return batches;
        }
    }
}

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

/* ------------------------------------------------------------------ one at a time */

static void second_next_and_close_are_refused_while_one_is_under_way(void **state)
{
    struct gyre_dir *dir;

    (void)state;
    make_numbered(3);
    dir = open_dir();
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = start_next(dir, 2);
    expect_error(start_next(dir, 2), -EBUSY);
    expect_error(gyre_dir_close(disk.loop, disk.pool, dir), -EBUSY);
    unplug_pool(plugged);
    finish(f);
    read_numbered(dir, 2, 1);
    gyre_future_unref(f);
    close_dir(dir);
}

/* A cancelled future says that the directory was taken, so it has to be. */
static void close_in_a_cancelled_scope_closes_when_the_one_under_way_ends(void **state)
{
    struct gyre_scope scope = { 0 };
    struct gyre_dir *dir = open_dir();
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *next = start_next(dir, 2);

    (void)state;
    assert_int_equal(gyre_scope_init(&scope, disk.loop, NULL), 0);
    gyre_scope_cancel(&scope);
    gyre_scope_enter(&scope);
    struct gyre_future *f = gyre_dir_close(disk.loop, disk.pool, dir);
    gyre_scope_leave(&scope);
    gyre_scope_fini(&scope);
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(f);
    assert_int_equal(sys_calls(SYS_CLOSE_DIR), 0);
    unplug_pool(plugged);
    expect_ok(next);
    assert_int_equal(sys_calls(SYS_CLOSE_DIR), 1);
}

static void next_that_was_queued_and_cancelled_loses_no_entry(void **state)
{
    struct gyre_dir *dir;

    (void)state;
    make_numbered(3);
    dir = open_dir();
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = start_next(dir, 2);
    gyre_future_cancel(f);
    finish(f);
    gyre_future_unref(f);
    run_ready(fixture_of(state));
    unplug_pool(plugged);
    read_numbered(dir, 2, 3);
    close_dir(dir);
}

static void next_in_the_callback_that_cancelled_one_is_refused(void **state)
{
    struct gyre_dir *dir = open_dir();
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = start_next(dir, 2);

    gyre_future_cancel(f);
    expect_refusal(start_next(dir, 2), -EBUSY);
    gyre_future_unref(f);
    run_ready(fixture_of(state));
    unplug_pool(plugged);
    read_numbered(dir, 2, 0);
    close_dir(dir);
}

static void next_that_is_refused_leaves_the_directory_free(void **state)
{
    struct gyre_dir *dir;

    (void)state;
    make_numbered(3);
    dir = open_dir();
    fail_allocation(1, false);
    expect_error(start_next(dir, 2), -ENOMEM);
    read_numbered(dir, 2, 3);
    close_dir(dir);
}

/* ------------------------------------------------------------------ ends */

static void directory_that_nobody_takes_is_closed(void **state)
{
    int before = count_fds();
    struct gyre_future *f = gyre_dir_open(disk.loop, disk.pool, disk.dir);

    (void)state;
    finish(f);
    assert_int_equal(count_fds(), before + 1);
    gyre_future_unref(f);
    assert_int_equal(count_fds(), before);
}

static void close_that_was_queued_and_cancelled_closes_all_the_same(void **state)
{
    struct gyre_dir *dir = open_dir();
    int before = count_fds();
    struct gyre_future *plugged = plug_pool();

    gyre_future_unref(gyre_dir_close(disk.loop, disk.pool, dir));
    run_ready(fixture_of(state));
    assert_int_equal(count_fds(), before - 1);
    unplug_pool(plugged);
}

static void directory_can_be_freed_when_the_loop_is_gone(void **state)
{
    int before = count_fds();
    struct gyre_dir *dir = open_dir();

    (void)state;
    gyre_loop_close(disk.loop);
    expect_refusal(gyre_dir_close(disk.loop, disk.pool, dir), -ESHUTDOWN);
    gyre_dir_free(dir);
    gyre_dir_free(NULL);
    assert_true(count_fds() < before + 1);
}

static sem_t entered, left;

static void enter_and_wait(void *arg)
{
    (void)arg;
    sem_post(&entered);
    sem_wait(&left);
}

static void directory_freed_while_it_is_read_is_closed_when_that_ends(void **state)
{
    struct gyre_dir *dir = open_dir();

    (void)state;
    sem_init(&entered, 0, 0);
    sem_init(&left, 0, 0);
    at_file_call(SYS_READ_DIR, 1, enter_and_wait, NULL);
    struct gyre_future *f = start_next(dir, 2);
    sem_wait(&entered);
    gyre_loop_close(disk.loop); /* which does not wait for it */
    gyre_dir_free(dir);
    assert_int_equal(sys_calls(SYS_CLOSE_DIR), 0);
    sem_post(&left);
    gyre_future_unref(f);
    assert_int_equal(gyre_pool_destroy(disk.pool, GYRE_NEVER), 0);
    disk.pool = NULL;
    assert_int_equal(sys_calls(SYS_CLOSE_DIR), 1);
    sem_destroy(&entered);
    sem_destroy(&left);
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
        FILES_TEST(second_next_and_close_are_refused_while_one_is_under_way),
        FILES_TEST(close_in_a_cancelled_scope_closes_when_the_one_under_way_ends),
        FILES_TEST(next_that_was_queued_and_cancelled_loses_no_entry),
        FILES_TEST(next_in_the_callback_that_cancelled_one_is_refused),
        FILES_TEST(next_that_is_refused_leaves_the_directory_free),
        FILES_TEST(directory_that_nobody_takes_is_closed),
        FILES_TEST(close_that_was_queued_and_cancelled_closes_all_the_same),
        FILES_TEST(directory_can_be_freed_when_the_loop_is_gone),
        FILES_TEST(directory_freed_while_it_is_read_is_closed_when_that_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
