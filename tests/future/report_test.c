/* Errors that nobody looked at: what is reported, when, and what counts as looking.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* A promise that has failed. */
static struct gyre_future *make_failed(struct fixture *f, int id)
{
    struct gyre_future *failed = make_promise(f, id, 0)->f;

    assert_int_equal(gyre_future_fail(failed, -EIO), 0);
    return failed;
}

/* ------------------------------------------------------------------ what and when */

static void error_is_reported_with_the_last_reference(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *failed = gyre_future_ref(make_failed(f, 0));

    gyre_future_unref(failed);
    expect_reports(0);
    gyre_future_unref(failed);
    assert_ptr_equal(reports.loop, f->loop);
    assert_int_equal(reports.last.size, sizeof(struct gyre_loop_error));
    assert_int_equal(reports.last.kind, GYRE_ERROR_UNOBSERVED);
    assert_int_equal(reports.last.err, -EIO);
    assert_string_equal(reports.last.message, gyre_strerror(-EIO));
    expect_reports(1);
}

static void report_has_the_words_of_the_producer(void **state)
{
    static const char words[] = "the disk is on fire";
    struct promise *p = make_promise(fixture_of(state), 0, 0);
    struct parcel detail = { 0 };

    assert_int_equal(gyre_future_fail_with(p->f, -EIO, words, &detail, drop_parcel), 0);
    gyre_future_unref(p->f);
    assert_ptr_equal(reports.last.message, words);
    assert_int_equal(detail.drops, 1);
    expect_reports(1);
}

static void report_of_an_abandoned_future_says_so(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);

    gyre_future_abandon(p->f);
    gyre_future_unref(p->f);
    assert_int_equal(reports.last.err, -EOWNERDEAD);
    expect_reports(1);
}

/* Two places in the program. What calls the library must not be its last act, or the address would be
 * that of its caller. */
static __attribute__((noinline)) struct gyre_future *make_here(struct gyre_loop *loop)
{
    struct gyre_future *f = gyre_future_create(loop);

    assert_int_equal(gyre_future_fail(f, -EIO), 0);
    return f;
}

static __attribute__((noinline)) struct gyre_future *make_there(struct gyre_loop *loop)
{
    struct gyre_future *f = gyre_future_create(loop);

    assert_int_equal(gyre_future_fail(f, -EIO), 0);
    return f;
}

static const void *site_of(struct gyre_future *f)
{
    gyre_future_unref(f);
    expect_reports(1);
    return reports.last.site;
}

static void report_names_the_place_where_the_future_was_made(void **state)
{
    struct gyre_loop *loop = fixture_of(state)->loop;
    uintptr_t here = (uintptr_t)site_of(make_here(loop));
    uintptr_t begin = (uintptr_t)make_here;

    assert_true(here == (uintptr_t)site_of(make_here(loop)));
    assert_true(here != (uintptr_t)site_of(make_there(loop)));
    assert_in_range(here, begin, begin + 1000);
}

static void error_is_reported_at_close_and_not_again(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *failed[3];

    for (int i = 0; i < 3; i++)
        failed[i] = make_failed(f, i);
    gyre_future_ignore_error(failed[1]);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    expect_reports(2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(gyre_future_error(failed[i]), -EIO);
        gyre_future_unref(failed[i]);
    }
    expect_reports(0);
}

static void error_that_came_too_late_is_not_reported(void **state)
{
    struct promise *p = make_bare_promise(fixture_of(state), 0);

    assert_true(gyre_future_cancel(p->f));
    assert_int_equal(gyre_future_fail(p->f, -EIO), -EALREADY);
    gyre_future_unref(p->f);
    expect_reports(0);
}

static void values_and_cancellations_are_not_reported(void **state)
{
    struct fixture *f = fixture_of(state);
    struct parcel parcel = { 0 };

    assert_int_equal(settle(make_promise(f, 0, 0)->f, WAY_RESOLVE, &parcel), 0);
    assert_true(gyre_future_cancel(make_promise(f, 1, 0)->f));
    for (int i = 0; i < 2; i++)
        gyre_future_unref(promises[i].f);
    expect_reports(0);
    assert_int_equal(parcel.drops, 1);
}

/* ------------------------------------------------------------------ what counts as looking */

static void look_at_error(struct gyre_future *f)
{
    assert_int_equal(gyre_future_error(f), -EIO);
}

static void look_at_message(struct gyre_future *f)
{
    assert_non_null(gyre_future_message(f));
}

static void look_at_detail(struct gyre_future *f)
{
    assert_null(gyre_future_detail(f));
}

static void cancel_it(struct gyre_future *f)
{
    assert_false(gyre_future_cancel(f));
}

static void error_that_was_looked_at_is_not_reported(void **state)
{
    static void (*const looks[])(struct gyre_future * f) = {
        look_at_error, look_at_message, look_at_detail, cancel_it, gyre_future_ignore_error,
    };

    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        struct gyre_future *failed = make_failed(fixture_of(state), 0);

        looks[i](failed);
        looks[i](failed);
        gyre_future_unref(failed);
        expect_reports(0);
    }
}

static void other_questions_are_no_look_at_the_error(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *failed = make_failed(f, 0);

    assert_int_equal(gyre_future_state(failed), GYRE_FUTURE_ERR);
    assert_null(gyre_future_peek(failed));
    assert_null(gyre_future_take(failed));
    assert_int_equal(gyre_future_reason(failed), GYRE_REASON_NONE);
    assert_false(gyre_future_is_cancelling(failed));
    wait_for(failed, make_item(f, 0)->id);
    run_ready(f);
    gyre_future_unref(gyre_future_ref(failed));
    gyre_future_unref(failed);
    expect_reports(1);
}

/* There was no error yet to be looked at. */
static void look_at_a_pending_future_does_not_count(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, -EINPROGRESS);

    assert_int_equal(gyre_future_error(p->f), -EINPROGRESS);
    assert_non_null(gyre_future_message(p->f));
    assert_null(gyre_future_detail(p->f));
    assert_true(gyre_future_cancel(p->f));
    assert_int_equal(gyre_future_fail(p->f, -EIO), 0);
    gyre_future_unref(p->f);
    expect_reports(1);
}

static void error_may_be_ignored_in_advance(void **state)
{
    struct promise *p = make_promise(fixture_of(state), 0, 0);

    gyre_future_ignore_error(p->f);
    assert_int_equal(gyre_future_fail(p->f, -EIO), 0);
    gyre_future_unref(p->f);
    gyre_future_ignore_error(NULL);
    expect_reports(0);
}

static void error_that_became_that_of_another_future_is_reported_once(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int before = 0; before < 2; before++) {
        struct promise *p = make_promise(f, 0, 0);

        (void)gyre_future_ref(p->f);
        if (before)
            assert_int_equal(gyre_future_fail(p->f, -EIO), 0);
        struct gyre_future *outer = gyre_within(p->f, GYRE_NEVER);
        if (!before)
            assert_int_equal(gyre_future_fail(p->f, -EIO), 0);
        gyre_future_unref(p->f);
        expect_reports(0);
        gyre_future_unref(outer);
        assert_int_equal(reports.last.err, -EIO);
        expect_reports(1);
    }
}

/* ------------------------------------------------------------------ the hook */

static struct gyre_future *second_failed;

static void use_the_loop(void)
{
    struct gyre_future *f = second_failed;

    second_failed = NULL;
    assert_int_equal(gyre_call_start(&items[0].call), 0);
    reports.inside = NULL;
    gyre_future_unref(f);
    gyre_future_unref(gyre_sleep(reports.loop, 1));
}

static void hook_may_start_watchers_and_release_futures(void **state)
{
    struct fixture *f = fixture_of(state);

    make_item(f, 0);
    second_failed = make_failed(f, 1);
    reports.inside = use_the_loop;
    gyre_future_unref(make_failed(f, 0));
    expect_reports(2);
    assert_int_equal(run_ready(f), 1);
}

/* The same while the loop is being closed: the other one is reported too, and only once. */
static void release_second(void)
{
    reports.inside = NULL;
    gyre_future_unref(second_failed);
}

static void hook_may_release_futures_while_the_loop_is_closed(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *first = make_failed(f, 0);

    second_failed = make_failed(f, 1);
    reports.inside = release_second;
    assert_int_equal(gyre_loop_close(f->loop), 0);
    expect_reports(2);
    gyre_future_unref(first);
}

/* What is written to the standard error while `failed` is released. */
static size_t capture_report(struct gyre_future *failed, char *text, size_t size)
{
    int fds[2];
    int saved = dup(STDERR_FILENO);

    assert_int_equal(pipe(fds), 0);
    fflush(stderr);
    assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
    gyre_future_unref(failed);
    fflush(stderr);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    close(fds[1]);
    ssize_t n = read(fds[0], text, size - 1);
    close(fds[0]);
    assert_true(n >= 0);
    text[n] = '\0';
    return (size_t)n;
}

static void without_a_hook_a_line_is_printed(void **state)
{
    struct fixture *f = fixture_of(state);
    char text[500];
    char site[40];

    (void)site_of(make_here(f->loop));
    snprintf(site, sizeof(site), "%p", reports.last.site);
    assert_int_equal(gyre_loop_on_error(f->loop, NULL, NULL), 0);
    size_t n = capture_report(make_here(f->loop), text, sizeof(text));
    assert_non_null(strstr(text, "gyre"));
    assert_non_null(strstr(text, gyre_strerror(-EIO)));
    assert_non_null(strstr(text, "EIO"));
    assert_non_null(strstr(text, site));
    assert_ptr_equal(strchr(text, '\n'), text + n - 1);
    expect_reports(0);
}

static void hook_can_be_set_again_after_the_line_was_restored(void **state)
{
    struct fixture *f = fixture_of(state);
    char text[500];

    assert_int_equal(gyre_loop_on_error(f->loop, NULL, NULL), 0);
    assert_int_equal(gyre_loop_on_error(f->loop, note_report, &reports), 0);
    assert_int_equal(capture_report(make_failed(f, 0), text, sizeof(text)), 0);
    expect_reports(1);
}

static void hook_can_only_be_set_on_an_open_loop(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_on_error(NULL, note_report, &reports), -EINVAL);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(gyre_loop_on_error(f->loop, NULL, NULL), -ESHUTDOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(error_is_reported_with_the_last_reference),
        FUTURE_TEST(report_has_the_words_of_the_producer),
        FUTURE_TEST(report_of_an_abandoned_future_says_so),
        FUTURE_TEST(report_names_the_place_where_the_future_was_made),
        FUTURE_TEST(error_is_reported_at_close_and_not_again),
        FUTURE_TEST(error_that_came_too_late_is_not_reported),
        FUTURE_TEST(values_and_cancellations_are_not_reported),
        FUTURE_TEST(error_that_was_looked_at_is_not_reported),
        FUTURE_TEST(other_questions_are_no_look_at_the_error),
        FUTURE_TEST(look_at_a_pending_future_does_not_count),
        FUTURE_TEST(error_may_be_ignored_in_advance),
        FUTURE_TEST(error_that_became_that_of_another_future_is_reported_once),
        FUTURE_TEST(hook_may_start_watchers_and_release_futures),
        FUTURE_TEST(hook_may_release_futures_while_the_loop_is_closed),
        FUTURE_TEST(without_a_hook_a_line_is_printed),
        FUTURE_TEST(hook_can_be_set_again_after_the_line_was_restored),
        FUTURE_TEST(hook_can_only_be_set_on_an_open_loop),
    };

    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
