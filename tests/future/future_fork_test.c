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

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(forked_child_is_refused_without_effect),
        FUTURE_TEST(forked_child_may_close_and_the_parent_does_not_notice),
        FUTURE_TEST(forked_child_that_takes_over_goes_on_with_its_futures),
    };

    return cmocka_run_group_tests_name("future_fork", tests, NULL, NULL);
}
