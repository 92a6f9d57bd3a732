/* Futures in a forked child: refused until the loop is closed or taken over, and never in the parent's
 * way.
 *
 * SPDX-License-Identifier: MIT */
#include "refusals.h"

#include <sys/wait.h>
#include <unistd.h>

static void in_child(struct world *w, int (*body)(struct world *w))
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit(body(w));
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int find_everything_refused(struct world *w)
{
    return call_all(w, ARRAY_LEN(tables), ELSEWHERE, -EOWNERDEAD);
}

static void forked_child_is_refused_without_effect(void **state)
{
    struct world w = make_world(fixture_of(state));

    in_child(&w, find_everything_refused);
    end_world(&w);
}

static int close_in_child(struct world *w)
{
    if (gyre_loop_close(w->loop) != 0)
        return 1;
    if (promises[0].closed != 1 || promises[0].asked != 0)
        return 2;
    return call_all(w, ARRAY_LEN(tables), WHEN_CLOSED, 0) ? 3 : 0;
}

static void forked_child_may_close_and_the_parent_does_not_notice(void **state)
{
    struct world w = make_world(fixture_of(state));
    struct picture before = take_picture(&w);

    in_child(&w, close_in_child);
    assert_unchanged(&w, &before);
    end_world(&w);
}

static int go_on_in_child(struct world *w)
{
    if (gyre_loop_after_fork(w->loop) != 0)
        return 1;
    struct gyre_future *sleep = gyre_sleep(w->loop, GYRE_S(1));
    if (gyre_future_resolve(w->f, NULL, NULL) != 0 || gyre_loop_run_once(w->loop, 0) != 1)
        return 2;
    if (gyre_test_advance(w->loop, GYRE_S(1)) != 1 || gyre_future_error(sleep) != 0)
        return 3;
    gyre_future_unref(sleep);
    return 0;
}

static void forked_child_that_takes_over_goes_on_with_its_futures(void **state)
{
    struct world w = make_world(fixture_of(state));
    struct picture before = take_picture(&w);

    in_child(&w, go_on_in_child);
    assert_unchanged(&w, &before);
    end_world(&w);
}

/* ---- forks in the middle of something */

static pid_t forked;

static void fork_and_fail_the_other(struct promise *p)
{
    assert_int_equal(gyre_future_fail(p->other->f, -EIO), 0);
    forked = fork();
    assert_true(forked >= 0);
    if (forked == 0)
        alarm(10);
}

/* The group of the other is told after the hook, in both processes. */
static void child_of_a_fork_in_a_cancel_hook_may_close(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);
    struct gyre_group *group;
    int status;

    p->other = make_bare_promise(f, 1);
    p->inside = fork_and_fail_the_other;
    assert_int_equal(gyre_group_create(f->loop, 0, &group), 0);
    assert_int_equal(gyre_group_add(group, p->other->f), 0);
    struct gyre_future *both = gyre_all(f->loop, 1, &p->f);
    (void)gyre_future_cancel(both);
    if (forked == 0)
        _exit(gyre_loop_close(f->loop) == 0 && reports.count == 0 ? 0 : 1);
    assert_int_equal(waitpid(forked, &status, 0), forked);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    gyre_group_unref(group);
    expect_reports(1); /* the group's own */
    gyre_future_unref(both);
}

static void fork_in_hook(struct promise *p)
{
    (void)p;
    forked = fork();
    assert_true(forked >= 0);
}

static struct gyre_future *count_run(struct gyre_future *done, void *arg)
{
    int *runs = arg;

    (void)done;
    ++*runs;
    return NULL;
}

static void what_follows_on_a_hook_that_forks_runs_in_both_processes(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);
    int runs = 0;
    int status;

    p->inside = fork_in_hook;
    struct gyre_future *after = gyre_after(p->f, count_run, &runs);
    (void)gyre_future_cancel(after);
    if (forked == 0)
        _exit(gyre_loop_after_fork(f->loop) == 0 && gyre_loop_run_once(f->loop, 0) == 1 && runs == 1
                  ? 0
                  : 1);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(runs, 1);
    assert_int_equal(waitpid(forked, &status, 0), forked);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    gyre_future_unref(after);
}

static void fork_in_a_call(struct gyre_call *call, void *arg)
{
    (void)call;
    (void)arg;
    forked = fork();
}

/* Else it is never freed, or cancelled, there. */
static void run_until_that_ends_in_a_forked_child_keeps_no_reference(void **state)
{
    struct fixture *f = fixture_of(state);
    struct promise *p = make_promise(f, 0, 0);
    struct gyre_call call = { 0 };
    int status;

    assert_int_equal(gyre_call_init(&call, f->loop, fork_in_a_call, NULL), 0);
    assert_int_equal(gyre_call_start(&call), 0);
    int result = gyre_loop_run_until(f->loop, p->f);
    if (forked == 0) {
        bool is_right = result == -EOWNERDEAD && gyre_loop_after_fork(f->loop) == 0;
        gyre_future_unref(p->f);
        _exit(is_right && p->asked == 1 ? 0 : 1);
    }
    assert_int_equal(result, -EDEADLK);
    assert_int_equal(waitpid(forked, &status, 0), forked);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    gyre_future_unref(p->f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(forked_child_is_refused_without_effect),
        FUTURE_TEST(forked_child_may_close_and_the_parent_does_not_notice),
        FUTURE_TEST(forked_child_that_takes_over_goes_on_with_its_futures),
        FUTURE_TEST(child_of_a_fork_in_a_cancel_hook_may_close),
        FUTURE_TEST(what_follows_on_a_hook_that_forks_runs_in_both_processes),
        FUTURE_TEST(run_until_that_ends_in_a_forked_child_keeps_no_reference),
    };

    return cmocka_run_group_tests_name("future_fork", tests, NULL, NULL);
}
