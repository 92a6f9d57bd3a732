/* Every system call and every allocation of a call for a whole file fails in turn, or the call is
 * cancelled there, or the loop closed: whatever that ends in, there is no temporary file, no
 * descriptor and nothing half done.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/files.h"
#include "support/fault_core.h"

static const char old_text[] = "old";
static const char new_text[] = "the new text, in several pieces";

enum kind {
    READ_ALL,
    WRITE_OVER,
    WRITE_NEW,
    COPY_OVER,
    COPY_LASTING,
    COPY_NEW,
    COPY_NEW_LASTING,
    KINDS
};

/* `source` has the new text; `target` the old one, or it does not exist. */
static struct gyre_future *start_kind(enum kind kind)
{
    const char *target = at("target");

    switch (kind) {
    case READ_ALL:
        return gyre_file_read_all(disk.loop, disk.pool, at("source"), 100);
    case WRITE_OVER:
    case WRITE_NEW:
        return gyre_file_write_atomic(disk.loop, disk.pool, target, new_text, strlen(new_text),
                                      0600);
    case COPY_OVER:
        return gyre_file_copy(disk.loop, disk.pool, at("source"), target, 0);
    case COPY_LASTING:
        return gyre_file_copy(disk.loop, disk.pool, at("source"), target, GYRE_COPY_SYNC);
    case COPY_NEW:
        return gyre_file_copy(disk.loop, disk.pool, at("source"), target, GYRE_COPY_NEW);
    case COPY_NEW_LASTING:
    case KINDS:
        break;
    }
    return gyre_file_copy(disk.loop, disk.pool, at("source"), target,
                          GYRE_COPY_NEW | GYRE_COPY_SYNC);
}

static bool has_old_target(enum kind kind)
{
    return kind != WRITE_NEW && kind != COPY_NEW && kind != COPY_NEW_LASTING;
}

static void make_files_for(enum kind kind)
{
    make_file("source", new_text);
    (void)remove(at("target"));
    if (has_old_target(kind))
        make_file("target", old_text);
}

/* The target is as it was, or as it was to become. */
static void assert_target(enum kind kind, bool is_new)
{
    assert_int_equal(exists("target"), is_new || has_old_target(kind));
    if (exists("target"))
        assert_string_equal(text_of("target"), is_new ? new_text : old_text);
}

/* Run it with the fault that was armed; returns its error. */
static int run_kind(enum kind kind, struct gyre_future *f)
{
    finish(f);
    int err = gyre_future_error(f);
    bool is_there = err == 0 || gyre_future_detail(f);

    if (kind == READ_ALL && err == 0)
        assert_string_equal(((struct gyre_buffer *)gyre_future_peek(f))->data, new_text);
    gyre_future_unref(f);
    assert_target(kind, is_there && kind != READ_ALL);
    assert_int_equal(count_files(), 1 + exists("target"));
    return err;
}

/* Let the n-th call for files fail, for n = 1, 2, ..., until there are not so many. Returns how many
 * there are, and in `failures` how often the whole failed. */
static unsigned fail_each_call(enum kind kind, int err, unsigned *failures)
{
    int before = count_fds();

    *failures = 0;
    for (unsigned n = 1;; n++) {
        make_files_for(kind);
        fail_file_call(n, err, false);
        int result = run_kind(kind, start_kind(kind));

        assert_int_equal(count_fds(), before);
        if (fault_files_armed()) { /* there was no n-th */
            assert_int_equal(result, 0);
            disarm_faults();
            return n - 1;
        }
        assert_true(result == 0 || result == -err);
        *failures += result < 0;
    }
}

static void any_failing_call_leaves_all_or_nothing(void **state)
{
    static const int errors[] = { EIO, ENOSPC, ENOENT };

    (void)state;
    shorten_transfers(10);
    for (enum kind kind = READ_ALL; kind < KINDS; kind++)
        for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
            unsigned failures;
            unsigned calls = fail_each_call(kind, errors[i], &failures);

            /* Only closing what was read, or the kernel's help in copying, may fail unnoticed. */
            assert_in_range(calls, 5, 100);
            assert_in_range(failures, 4, calls);
        }
}

static void any_failing_call_leaves_all_or_nothing_without_the_kernels_help(void **state)
{
    unsigned failures;

    (void)state;
    shorten_transfers(10);
    for (enum kind kind = COPY_OVER; kind < KINDS; kind++) {
        fail_call(SYS_COPY_RANGE, 1, ENOSYS, true);
        assert_in_range(fail_each_call(kind, EIO, &failures), 10, 100);
        assert_true(failures > 6);
    }
}

static void any_interrupted_call_is_begun_again(void **state)
{
    unsigned failures;

    (void)state;
    shorten_transfers(10);
    for (enum kind kind = READ_ALL; kind < KINDS; kind++) {
        assert_in_range(fail_each_call(kind, EINTR, &failures), 5, 100);
        assert_int_equal(failures, 0);
    }
}

/* Let all calls from the n-th on fail, but for those that clean up. */
static void disk_that_is_full_for_good_leaves_the_old_file(void **state)
{
    (void)state;
    shorten_transfers(10);
    for (enum kind kind = WRITE_OVER; kind < KINDS; kind++) {
        make_files_for(kind);
        fail_call(SYS_COPY_RANGE, 2, ENOSPC, true);
        fail_call(SYS_FILE_WRITE, 2, ENOSPC, true);
        assert_int_equal(run_kind(kind, start_kind(kind)), -ENOSPC);
        disarm_faults();
    }
}

static void any_failing_allocation_leaves_all_or_nothing(void **state)
{
    (void)state;
    for (enum kind kind = READ_ALL; kind < KINDS; kind++) {
        unsigned n = 0;
        int err;

        do {
            make_files_for(kind);
            struct gyre_future *plugged = plug_pool();
            fail_allocation(++n, false);
            struct gyre_future *f = start_kind(kind);
            unplug_pool(plugged);
            err = run_kind(kind, f);
            assert_true(err == 0 || err == -ENOMEM);
        } while (fault_fired());
        assert_int_equal(err, 0);
        assert_true(n > 1);
        disarm_faults();
    }
}

/* ------------------------------------------------------------------ ended from outside */

static bool stage_was_met; /* written by the worker */

static void be_cancelled(void *arg)
{
    stage_was_met = true;
    have_it_cancelled(arg);
}

/* Cancel it before the n-th system call of a kind; false: there is none. */
static bool cancel_at_stage(enum kind kind, enum sys_call which, unsigned n)
{
    make_files_for(kind);
    stage_was_met = false;
    cancel_at(which, n);
    at_file_call(which, n, be_cancelled, NULL);
    struct gyre_future *f = start_kind(kind);
    let_it_be_cancelled(f);
    bool is_ok = gyre_future_state(f) == GYRE_FUTURE_OK;
    assert_true(is_ok || gyre_future_state(f) == GYRE_FUTURE_CANCELLED);
    gyre_future_unref(f);
    assert_target(kind, is_ok && kind != READ_ALL);
    assert_int_equal(count_files(), 1 + exists("target"));
    return stage_was_met;
}

static void cancelling_at_any_stage_leaves_all_or_nothing(void **state)
{
    int before = count_fds();
    unsigned stages = 0;

    (void)state;
    shorten_transfers(10);
    for (enum kind kind = READ_ALL; kind < KINDS; kind++)
        for (enum sys_call which = SYS_FILE_READ; which <= SYS_CLOSE_DIR; which++)
            for (unsigned n = 1; cancel_at_stage(kind, which, n); n++)
                stages++;
    at_file_call(SYS_KINDS, 0, NULL, NULL);
    assert_in_range(stages, 50, 200);
    assert_int_equal(count_fds(), before);
}

/* On the worker: let the test close the loop, and go on when it is closed. */
static void be_closed(void *arg)
{
    stage_was_met = true;
    gyre_loop_stop(disk.loop);
    have_it_closed(arg);
}

/* Close the loop before the n-th system call of a kind; false: there is none. */
static bool close_at_stage(enum kind kind, enum sys_call which, unsigned n)
{
    sem_t begun;

    make_files_for(kind);
    disk.loop = make_loop();
    sem_init(&begun, 0, 0);
    stage_was_met = false;
    at_file_call(which, n, be_closed, &begun);
    struct gyre_future *f = start_kind(kind);
    int result = gyre_loop_run_until(disk.loop, f);
    assert_int_equal(gyre_loop_close(disk.loop), 0);
    assert_int_equal(gyre_pool_destroy(disk.pool, GYRE_NEVER), 0);
    gyre_future_unref(f);
    assert_int_equal(gyre_loop_destroy(disk.loop), 0);
    disk.pool = make_pool(1);
    sem_destroy(&begun);
    assert_int_equal(result, stage_was_met ? GYRE_RUN_STOPPED : GYRE_RUN_DONE);
    assert_int_equal(count_files(), 1 + exists("target"));
    if (exists("target") && strcmp(text_of("target"), new_text) != 0)
        assert_target(kind, false);
    return stage_was_met;
}

static void closing_the_loop_at_any_stage_leaves_all_or_nothing(void **state)
{
    struct gyre_loop *loop = disk.loop;
    int before = count_fds();

    (void)state;
    shorten_transfers(10);
    for (enum kind kind = READ_ALL; kind < KINDS; kind++)
        for (enum sys_call which = SYS_FILE_READ; which <= SYS_CLOSE_DIR; which++)
            for (unsigned n = 1; close_at_stage(kind, which, n); n++)
                ;
    at_file_call(SYS_KINDS, 0, NULL, NULL);
    disk.loop = loop;
    assert_int_equal(count_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(any_failing_call_leaves_all_or_nothing),
        FILES_TEST(any_failing_call_leaves_all_or_nothing_without_the_kernels_help),
        FILES_TEST(any_interrupted_call_is_begun_again),
        FILES_TEST(disk_that_is_full_for_good_leaves_the_old_file),
        FILES_TEST(any_failing_allocation_leaves_all_or_nothing),
        FILES_TEST(cancelling_at_any_stage_leaves_all_or_nothing),
        FILES_TEST(closing_the_loop_at_any_stage_leaves_all_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
