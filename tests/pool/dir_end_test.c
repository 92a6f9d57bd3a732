/* A directory and the gyre_dir_next under way: one at a time, and which of them closes it.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/dirs.h"

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

static void directory_that_is_opened_while_the_loop_is_closed_is_closed(void **state)
{
    sem_t begun;

    (void)state;
    sem_init(&begun, 0, 0);
    at_file_call(SYS_OPEN_DIR, 1, have_it_closed, &begun);
    struct gyre_future *f = gyre_dir_open(disk.loop, disk.pool, disk.dir);
    sem_wait(&begun);
    gyre_loop_close(disk.loop);
    assert_int_equal(gyre_pool_destroy(disk.pool, GYRE_NEVER), 0);
    disk.pool = NULL;
    gyre_future_unref(f);
    assert_int_equal(sys_calls(SYS_CLOSE_DIR), 1);
    sem_destroy(&begun);
}

static void next_that_is_queued_when_the_loop_is_closed_leaves_the_directory(void **state)
{
    struct gyre_dir *dir = open_dir();
    struct gyre_future *plugged = plug_pool();
    struct gyre_future *f = start_next(dir, 2);

    (void)state;
    gyre_loop_close(disk.loop);
    assert_int_equal(sys_calls(SYS_CLOSE_DIR), 0);
    gyre_dir_free(dir); /* which is its only holder now */
    assert_int_equal(sys_calls(SYS_CLOSE_DIR), 1);
    gyre_future_unref(f);
    gyre_future_unref(plugged);
    sem_post(&plug);
    assert_int_equal(gyre_pool_destroy(disk.pool, GYRE_NEVER), 0);
    disk.pool = NULL;
    sem_destroy(&plug);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(second_next_and_close_are_refused_while_one_is_under_way),
        FILES_TEST(close_in_a_cancelled_scope_closes_when_the_one_under_way_ends),
        FILES_TEST(next_that_was_queued_and_cancelled_loses_no_entry),
        FILES_TEST(next_in_the_callback_that_cancelled_one_is_refused),
        FILES_TEST(next_that_is_refused_leaves_the_directory_free),
        FILES_TEST(directory_that_nobody_takes_is_closed),
        FILES_TEST(close_that_was_queued_and_cancelled_closes_all_the_same),
        FILES_TEST(directory_can_be_freed_when_the_loop_is_gone),
        FILES_TEST(directory_freed_while_it_is_read_is_closed_when_that_ends),
        FILES_TEST(directory_that_is_opened_while_the_loop_is_closed_is_closed),
        FILES_TEST(next_that_is_queued_when_the_loop_is_closed_leaves_the_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
