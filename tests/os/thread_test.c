/* Threads are told apart, each has its own running loop, and forks are counted.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "os/thread.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

struct seen {
    uint64_t first; /* the token before anybody asked for it */
    uint64_t own;
    const void *running;
};

static void *look(void *arg)
{
    struct seen *seen = arg;

    seen->first = thread_token;
    seen->own = thread_own_token();
    seen->running = thread_running;
    thread_running = seen;
    return NULL;
}

static struct seen look_from_another_thread(void)
{
    struct seen seen;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, look, &seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return seen;
}

static void token_is_kept(void **state)
{
    uint64_t token = thread_own_token();

    (void)state;
    assert_true(token > THREAD_NONE);
    assert_true(thread_own_token() == token);
    assert_true(thread_token == token);
}

static void thread_has_no_token_before_it_needs_one(void **state)
{
    (void)state;
    assert_true(look_from_another_thread().first == 0);
}

/* A thread that ended and one that began after it may share an address, but no token. */
static void tokens_are_never_used_again(void **state)
{
    uint64_t last = thread_own_token();

    (void)state;
    for (int i = 0; i < 10; i++) {
        uint64_t token = look_from_another_thread().own;

        assert_true(token > last);
        last = token;
    }
}

static void running_loop_is_each_threads_own(void **state)
{
    (void)state;
    thread_running = state;
    assert_null(look_from_another_thread().running);
    assert_ptr_equal(thread_running, state);
    thread_running = NULL;
}

/* The exit status of a child that returns what `fn` does. */
static int in_child(int (*fn)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(fn());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int forks_here(void)
{
    return (int)thread_forks;
}

static int forks_in_grandchild(void)
{
    return in_child(forks_here);
}

static void forks_are_counted_in_the_child_only(void **state)
{
    (void)state;
    assert_int_equal(thread_watch_forks(), 0);
    int before = (int)thread_forks;

    assert_int_equal(in_child(forks_here), before + 1);
    assert_int_equal(in_child(forks_in_grandchild), before + 2);
    assert_int_equal(thread_forks, before);
}

static void watching_forks_twice_counts_each_once(void **state)
{
    (void)state;
    assert_int_equal(thread_watch_forks(), 0);
    assert_int_equal(thread_watch_forks(), 0);
    assert_int_equal(in_child(forks_here), (int)thread_forks + 1);
}

static uint64_t parents_token;

static int token_is_another(void)
{
    return thread_token == 0 && thread_own_token() > parents_token ? 0 : 1;
}

static void child_gets_another_token(void **state)
{
    (void)state;
    assert_int_equal(thread_watch_forks(), 0);
    parents_token = thread_own_token();
    assert_int_equal(in_child(token_is_another), 0);
    assert_true(thread_token == parents_token);
}

/* Forks while other threads take tokens: the child's lock is free. */
static void *take_tokens(void *arg)
{
    for (int i = 0; i < 50; i++)
        (void)look_from_another_thread();
    return arg;
}

static void fork_leaves_the_lock_of_tokens_free(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(thread_watch_forks(), 0);
    parents_token = thread_own_token();
    assert_int_equal(pthread_create(&thread, NULL, take_tokens, NULL), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(in_child(token_is_another), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_is_kept),
        cmocka_unit_test(thread_has_no_token_before_it_needs_one),
        cmocka_unit_test(tokens_are_never_used_again),
        cmocka_unit_test(running_loop_is_each_threads_own),
        cmocka_unit_test(forks_are_counted_in_the_child_only),
        cmocka_unit_test(watching_forks_twice_counts_each_once),
        cmocka_unit_test(child_gets_another_token),
        cmocka_unit_test(fork_leaves_the_lock_of_tokens_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
