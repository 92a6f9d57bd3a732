/* gyre_file_read_all and gyre_file_write_atomic. What every fault leaves: whole_fault_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/files.h"

/* ------------------------------------------------------------------ read_all */

static struct gyre_future *read_all(const char *name, size_t limit)
{
    return gyre_file_read_all(disk.loop, disk.pool, at(name), limit);
}

static void assert_contents(struct gyre_future *f, const char *text)
{
    finish(f);
    assert_int_equal(gyre_future_error(f), 0);
    const struct gyre_buffer *buffer = gyre_future_peek(f);
    assert_int_equal(buffer->size, strlen(text));
    assert_string_equal(buffer->data, text);
    gyre_future_unref(f);
}

static void file_is_read_whole_and_ends_with_a_nul(void **state)
{
    (void)state;
    make_file("a", "hello, world");
    assert_contents(read_all("a", SIZE_MAX), "hello, world");
    make_file("a", "");
    assert_contents(read_all("a", SIZE_MAX), "");
}

static void contents_can_be_taken_and_outlive_the_loop(void **state)
{
    make_file("a", "hello");
    struct gyre_buffer *buffer = take_value(read_all("a", SIZE_MAX));
    assert_int_equal(gyre_loop_destroy(disk.loop), 0);
    fixture_of(state)->loop = NULL;
    assert_string_equal(buffer->data, "hello");
    gyre_file_free(buffer);
}

static void file_of_exactly_the_limit_is_read_and_a_larger_one_is_not(void **state)
{
    (void)state;
    make_file("a", "12345");
    assert_contents(read_all("a", 5), "12345");
    unsigned long reads = sys_calls(SYS_FILE_READ);
    expect_error(read_all("a", 4), -EFBIG);
    expect_error(read_all("a", 0), -EFBIG);
    assert_int_equal(sys_calls(SYS_FILE_READ), reads); /* the size alone said so */
    make_file("a", "");
    assert_contents(read_all("a", 0), "");
}

static void large_file_is_read_with_short_reads(void **state)
{
    enum { SIZE = 100000 };

    (void)state;
    make_large_file("a", SIZE);
    shorten_transfers(777);
    struct gyre_buffer *buffer = take_value(read_all("a", SIZE_MAX));
    assert_int_equal(buffer->size, SIZE);
    for (size_t i = 0; i < SIZE; i++)
        if ((unsigned char)buffer->data[i] != (unsigned char)(i * 7 + i / 251))
            fail_msg("byte %zu is wrong", i);
    gyre_file_free(buffer);
}

/* On the worker, before it reads: ten times as much. */
static void grow_file(void *arg)
{
    FILE *file = fopen(at("a"), "a");

    (void)arg;
    for (int i = 0; file && i < 9; i++)
        fputs("0123456789", file);
    fclose(file);
}

static void file_that_grows_meanwhile_is_read_to_its_end(void **state)
{
    struct gyre_buffer *buffer;

    (void)state;
    make_file("a", "0123456789");
    at_file_call(SYS_FILE_READ, 1, grow_file, NULL);
    buffer = take_value(read_all("a", SIZE_MAX));
    assert_int_equal(buffer->size, 100);
    assert_int_equal(strlen(buffer->data), 100);
    gyre_file_free(buffer);
}

static void file_that_grows_beyond_the_limit_is_too_large(void **state)
{
    (void)state;
    make_file("a", "0123456789");
    at_file_call(SYS_FILE_READ, 1, grow_file, NULL);
    expect_error(read_all("a", 99), -EFBIG);
}

/* On the worker, before it reads on. */
static void shrink_file(void *arg)
{
    (void)arg;
    (void)!truncate(at("a"), 4);
}

static void file_that_shrinks_meanwhile_ends_where_it_does(void **state)
{
    (void)state;
    make_file("a", "0123456789");
    at_file_call(SYS_FILE_READ, 1, shrink_file, NULL);
    assert_contents(read_all("a", SIZE_MAX), "0123");
    make_file("a", "0123456789");
    shorten_transfers(6);
    at_file_call(SYS_FILE_READ, 2, shrink_file, NULL);
    assert_contents(read_all("a", SIZE_MAX), "012345");
}

/* On the worker, which reads from the other end: more than fits into the first piece of memory. */
static void *fill_fifo(void *arg)
{
    FILE *file = fopen(arg, "w");

    for (int i = 0; i < 10000; i++)
        putc('x', file);
    fclose(file);
    return NULL;
}

static void file_of_unknown_size_is_read_to_its_end(void **state)
{
    char path[PATH_SIZE];
    pthread_t thread;

    (void)state;
    strcpy(path, at("fifo"));
    assert_return_code(mkfifo(path, 0600), errno);
    assert_int_equal(pthread_create(&thread, NULL, fill_fifo, path), 0);
    struct gyre_buffer *buffer = take_value(read_all("fifo", 10000));
    assert_int_equal(buffer->size, 10000);
    assert_int_equal(strlen(buffer->data), 10000);
    assert_in_range(sys_calls(SYS_FILE_READ), 2, 100); /* not byte by byte */
    gyre_file_free(buffer);
    pthread_join(thread, NULL);
}

static void what_cannot_be_read_fails(void **state)
{
    (void)state;
    expect_error(read_all("nothing", SIZE_MAX), -ENOENT);
    expect_error(read_all(".", SIZE_MAX), -EISDIR);
}

static void file_that_does_not_fit_into_memory_fails(void **state)
{
    (void)state;
    make_file("a", "");
    assert_return_code(truncate(at("a"), (off_t)1 << 40), errno);
    fail_call(SYS_FILE_READ, 1, EIO, false); /* it is not even tried */
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = read_all("a", SIZE_MAX);
    fail_allocation(1, false);
    unplug_pool(plugged);
    expect_error(f, -ENOMEM);
    disarm_faults();
}

static void reading_ends_early_when_cancelled(void **state)
{
    (void)state;
    make_file("a", "hello, world");
    shorten_transfers(4);
    cancel_at(SYS_FILE_READ, 2);
    struct gyre_future *f = read_all("a", SIZE_MAX);
    let_it_be_cancelled(f);
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(f);
    assert_int_equal(sys_calls(SYS_FILE_READ), 2);
}

/* ------------------------------------------------------------------ write_atomic */

static struct gyre_future *write_text(const char *name, const char *text)
{
    return gyre_file_write_atomic(disk.loop, disk.pool, at(name), text, strlen(text), 0640);
}

static void file_is_made_and_replaced_whole(void **state)
{
    (void)state;
    expect_ok(write_text("a", "first"));
    assert_string_equal(text_of("a"), "first");
    expect_ok(write_text("a", "second"));
    assert_string_equal(text_of("a"), "second");
    expect_ok(gyre_file_write_atomic(disk.loop, disk.pool, at("a"), NULL, 0, 0640));
    assert_string_equal(text_of("a"), "");
    assert_int_equal(count_files(), 1);
}

static void new_file_has_its_own_mode_less_the_umask(void **state)
{
    mode_t mask = umask(007);

    (void)state;
    make_file("a", "old");
    assert_return_code(chmod(at("a"), 0700), errno);
    expect_ok(gyre_file_write_atomic(disk.loop, disk.pool, at("a"), "x", 1, 0446));
    umask(mask);
    assert_int_equal(mode_of("a"), 0440);
}

static void other_names_of_the_old_file_keep_its_contents(void **state)
{
    (void)state;
    make_file("a", "old");
    assert_return_code(link(at("a"), at("b")), errno);
    assert_return_code(symlink("a", at("link")), errno);
    expect_ok(write_text("a", "new"));
    assert_string_equal(text_of("b"), "old");
    expect_ok(write_text("link", "newer"));
    assert_string_equal(text_of("a"), "new");
    assert_string_equal(text_of("link"), "newer");
}

static void path_without_a_directory_is_in_the_current_one(void **state)
{
    char before[PATH_SIZE];

    (void)state;
    assert_non_null(getcwd(before, sizeof(before)));
    assert_return_code(chdir(disk.dir), errno);
    expect_ok(gyre_file_write_atomic(disk.loop, disk.pool, "a", "text", 4, 0600));
    assert_return_code(chdir(before), errno);
    assert_string_equal(text_of("a"), "text");
}

static void path_that_cannot_be_a_file_fails_and_leaves_nothing(void **state)
{
    static const struct {
        const char *path;
        int err;
    } cases[] = { { "", -ENOENT },    { "/", -EISDIR },    { "d/", -EISDIR },
                  { "n/a", -ENOENT }, { "f/a", -ENOTDIR }, { "d", -EISDIR } };

    (void)state;
    assert_return_code(mkdir(at("d"), 0700), errno);
    make_file("f", "");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool is_in_dir = cases[i].path[0] >= 'a';
        const char *path = is_in_dir ? at(cases[i].path) : cases[i].path;

        expect_error(gyre_file_write_atomic(disk.loop, disk.pool, path, "x", 1, 0600),
                     cases[i].err);
    }
    assert_int_equal(count_files(), 2);
}

/* What a device or a socket is for cannot be done by a file. */
static void file_does_not_take_the_place_of_what_is_no_file(void **state)
{
    assert_return_code(mkfifo(at("fifo"), 0600), errno);
    make_socket(fixture_of(state), "socket");
    expect_error(write_text("fifo", "text"), -EINVAL);
    expect_error(write_text("socket", "text"), -EINVAL);
    assert_int_equal(type_of("fifo"), S_IFIFO);
    assert_int_equal(type_of("socket"), S_IFSOCK);
    assert_int_equal(count_files(), 2);
}

/* On the worker, at the rename: what has been done by then? */
static void note_syncs(void *arg)
{
    *(unsigned long *)arg = sys_calls(SYS_SYNC);
}

static void contents_are_synced_before_the_rename_and_the_directory_after(void **state)
{
    unsigned long syncs = 0;

    (void)state;
    at_file_call(SYS_RENAME_AT, 1, note_syncs, &syncs);
    expect_ok(write_text("a", "text"));
    assert_int_equal(syncs, 1);
    assert_int_equal(sys_calls(SYS_SYNC), 2);
}

static void directory_that_cannot_be_synced_at_all_is_no_error(void **state)
{
    (void)state;
    fail_call(SYS_SYNC, 2, EINVAL, false);
    expect_ok(write_text("a", "text"));
}

static void failed_sync_of_the_directory_says_that_the_file_is_there(void **state)
{
    (void)state;
    make_file("a", "old");
    fail_call(SYS_SYNC, 2, EIO, false);
    struct gyre_future *f = write_text("a", "new");
    finish(f);
    assert_int_equal(gyre_future_error(f), -EIO);
    assert_non_null(gyre_future_detail(f));
    gyre_future_unref(f);
    assert_string_equal(text_of("a"), "new");
    assert_int_equal(count_files(), 1);
}

static void full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    make_file("a", "old");
    shorten_transfers(2);
    fail_call(SYS_FILE_WRITE, 2, ENOSPC, true);
    struct gyre_future *f = write_text("a", "longer");
    finish(f);
    assert_int_equal(gyre_future_error(f), -ENOSPC);
    assert_null(gyre_future_detail(f));
    gyre_future_unref(f);
    disarm_faults();
    assert_string_equal(text_of("a"), "old");
    assert_int_equal(count_files(), 1);
}

static void taken_name_of_a_temporary_file_is_not_used(void **state)
{
    (void)state;
    fail_call(SYS_OPEN_AT, 2, EEXIST, false);
    expect_ok(write_text("a", "text"));
    assert_int_equal(sys_calls(SYS_OPEN_AT), 3);
    assert_string_equal(text_of("a"), "text");
}

/* Several workers replace one file over and over, in the same moments. */
static void many_writers_of_one_file_leave_one_of_their_files(void **state)
{
    static const char text[] = "the same for all of them";
    struct gyre_pool *pool = make_pool(4);
    struct gyre_future *writes[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(writes); i++)
        writes[i] = gyre_file_write_atomic(disk.loop, pool, at("a"), text, i % sizeof(text), 0600);
    for (size_t i = 0; i < ARRAY_LEN(writes); i++)
        expect_ok(writes[i]);
    assert_int_equal(strncmp(text_of("a"), text, strlen(text_of("a"))), 0);
    assert_int_equal(count_files(), 1);
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
}

static void longest_name_can_be_written_and_a_longer_one_cannot(void **state)
{
    char name[257];

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[256] = '\0';
    expect_error(write_text(name, "text"), -ENAMETOOLONG);
    assert_int_equal(sys_calls(SYS_FILE_WRITE), 0); /* it was known before */
    name[255] = '\0';
    expect_ok(write_text(name, "text"));
    assert_int_equal(count_files(), 1);
}

static void search_for_a_name_ends(void **state)
{
    (void)state;
    fail_call(SYS_OPEN_AT, 2, EEXIST, true);
    expect_error(write_text("a", "text"), -EEXIST);
    disarm_faults();
    assert_int_equal(count_files(), 0);
}

static void writing_ends_early_when_cancelled_and_leaves_the_old_file(void **state)
{
    (void)state;
    make_file("a", "old");
    cancel_at(SYS_FILE_WRITE, 1);
    struct gyre_future *f = write_text("a", "new");
    let_it_be_cancelled(f);
    assert_int_equal(gyre_future_state(f), GYRE_FUTURE_CANCELLED);
    gyre_future_unref(f);
    assert_string_equal(text_of("a"), "old");
    assert_int_equal(count_files(), 1);
}

static void writing_that_is_cancelled_after_the_rename_is_ok(void **state)
{
    (void)state;
    make_file("a", "old");
    cancel_at(SYS_RENAME_AT, 1);
    struct gyre_future *f = write_text("a", "new");
    let_it_be_cancelled(f);
    expect_ok(f);
    assert_string_equal(text_of("a"), "new");
}

static void queued_writing_that_is_cancelled_does_nothing(void **state)
{
    (void)state;
    struct gyre_future *plugged = plug_pool();
    gyre_future_unref(write_text("a", "new"));
    unplug_pool(plugged);
    assert_int_equal(count_files(), 0);
    assert_int_equal(sys_calls(SYS_OPEN_AT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(file_is_read_whole_and_ends_with_a_nul),
        FILES_TEST(contents_can_be_taken_and_outlive_the_loop),
        FILES_TEST(file_of_exactly_the_limit_is_read_and_a_larger_one_is_not),
        FILES_TEST(large_file_is_read_with_short_reads),
        FILES_TEST(file_that_grows_meanwhile_is_read_to_its_end),
        FILES_TEST(file_that_grows_beyond_the_limit_is_too_large),
        FILES_TEST(file_that_shrinks_meanwhile_ends_where_it_does),
        FILES_TEST(file_of_unknown_size_is_read_to_its_end),
        FILES_TEST(what_cannot_be_read_fails),
        FILES_TEST(file_that_does_not_fit_into_memory_fails),
        FILES_TEST(reading_ends_early_when_cancelled),
        FILES_TEST(file_is_made_and_replaced_whole),
        FILES_TEST(new_file_has_its_own_mode_less_the_umask),
        FILES_TEST(other_names_of_the_old_file_keep_its_contents),
        FILES_TEST(path_without_a_directory_is_in_the_current_one),
        FILES_TEST(path_that_cannot_be_a_file_fails_and_leaves_nothing),
        FILES_TEST(file_does_not_take_the_place_of_what_is_no_file),
        FILES_TEST(contents_are_synced_before_the_rename_and_the_directory_after),
        FILES_TEST(directory_that_cannot_be_synced_at_all_is_no_error),
        FILES_TEST(failed_sync_of_the_directory_says_that_the_file_is_there),
        FILES_TEST(full_disk_leaves_the_old_file),
        FILES_TEST(taken_name_of_a_temporary_file_is_not_used),
        FILES_TEST(many_writers_of_one_file_leave_one_of_their_files),
        FILES_TEST(longest_name_can_be_written_and_a_longer_one_cannot),
        FILES_TEST(search_for_a_name_ends),
        FILES_TEST(writing_ends_early_when_cancelled_and_leaves_the_old_file),
        FILES_TEST(writing_that_is_cancelled_after_the_rename_is_ok),
        FILES_TEST(queued_writing_that_is_cancelled_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
