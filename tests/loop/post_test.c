/* What a post promises: post.c.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "support/fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { LETTERS = 100, FLOOD = 50000, DROPPED = 1000 };

/* A post that remembers; dropped, it records DROPPED + id. */
struct letter {
    struct gyre_post post;
    struct fixture *f;
    int id;
    int runs;
    void (*then)(struct letter *letter); /* in its function or its drop, if anything */
};

static struct letter letters[LETTERS];

static void on_post(struct gyre_post *post, void *arg)
{
    struct letter *letter = arg;

    assert_ptr_equal(post, &letter->post);
    record(letter->f, letter->id);
    letter->runs++;
    if (letter->then)
        letter->then(letter);
}

static void on_drop(void *arg)
{
    struct letter *letter = arg;

    record(letter->f, DROPPED + letter->id);
    if (letter->then)
        letter->then(letter);
}

static void init_letter(struct fixture *f, struct letter *letter, int id)
{
    memset(letter, 0, sizeof(*letter));
    letter->f = f;
    letter->id = id;
    assert_int_equal(gyre_post_init(&letter->post, f->loop, on_post, on_drop, letter), 0);
}

static void send_letter(int id)
{
    assert_int_equal(gyre_post_send(&letters[id].post), 0);
}

/* Letters 0 to count - 1, initialised, and sent in this order. */
static void init_letters(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++)
        init_letter(f, &letters[i], i);
}

static void send_letters(struct fixture *f, int count)
{
    init_letters(f, count);
    for (int i = 0; i < count; i++)
        send_letter(i);
}

/* ------------------------------------------------------------------ sending */

static void post_runs_once_in_the_next_tick(void **state)
{
    struct fixture *f = fixture_of(state);

    send_letters(f, 1);
    assert_int_equal(letters[0].runs, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(run_ready(f), 0);
    ASSERT_TRACE(f, 0);
}

static void posts_run_in_the_order_they_were_sent(void **state)
{
    struct fixture *f = fixture_of(state);

    send_letters(f, LETTERS);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), LETTERS);
    for (int i = 0; i < LETTERS; i++)
        assert_int_equal(f->trace[i], i);
}

static void sent_post_keeps_the_loop_alive(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_false(gyre_loop_is_alive(f->loop));
    send_letters(f, 2);
    assert_true(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    ASSERT_TRACE(f, 0, 1);
    assert_false(gyre_loop_is_alive(f->loop));
}

static void send_again_thrice(struct letter *letter)
{
    if (letter->runs <= 3)
        send_letter(letter->id);
}

/* By then it is the user's again. */
static void post_may_be_sent_again_in_its_own_function(void **state)
{
    struct fixture *f = fixture_of(state);

    send_letters(f, 2);
    letters[0].then = send_again_thrice;
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(run_ready(f), 2);
    ASSERT_TRACE(f, 0, 1, 0, 0, 0);
}

static void post_that_is_sent_is_refused_until_it_has_run(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_post *post = &letters[0].post;

    send_letters(f, 1);
    assert_int_equal(gyre_post_send(post), -EALREADY);
    assert_int_equal(gyre_post_init(post, f->loop, on_post, NULL, NULL), -EBUSY);
    assert_int_equal(run_ready(f), 1);
    assert_int_equal(gyre_post_init(post, f->loop, on_post, on_drop, &letters[0]), 0);
    assert_int_equal(gyre_post_send(post), 0);
    assert_int_equal(run_ready(f), 1);
}

static void free_letter(struct letter *letter)
{
    free(letter);
}

/* B3 */
static void post_may_be_freed_in_its_own_function(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 0; i < 10; i++) {
        struct letter *letter = malloc(sizeof(*letter));

        assert_non_null(letter);
        init_letter(f, letter, i);
        letter->then = free_letter;
        assert_int_equal(gyre_post_send(&letter->post), 0);
    }
    assert_int_equal(run_ready(f), 10);
}

static void post_without_an_init_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);

    memset(&letters[0], 0, sizeof(letters[0]));
    assert_int_equal(gyre_post_send(NULL), -EINVAL);
    assert_int_equal(gyre_post_send(&letters[0].post), GYRE_EUNINIT);
    init_letter(f, &letters[1], 1);
    letters[0] = letters[1];
    assert_int_equal(gyre_post_send(&letters[0].post), GYRE_EUNINIT);
    assert_false(gyre_post_stop(NULL));
    assert_false(gyre_post_stop(&letters[0].post));
    assert_int_equal(gyre_post_init(NULL, f->loop, on_post, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_post_init(&letters[0].post, NULL, on_post, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_post_init(&letters[0].post, f->loop, NULL, NULL, NULL), -EINVAL);
}

/* ------------------------------------------------------------------ stopping */

static void post_can_be_stopped_before_it_is_collected(void **state)
{
    struct fixture *f = fixture_of(state);

    send_letters(f, 3);
    assert_true(gyre_post_stop(&letters[1].post));
    assert_false(gyre_post_stop(&letters[1].post));
    memset(&letters[1].post, 0xdd, sizeof(letters[1].post));
    assert_int_equal(run_ready(f), 2);
    ASSERT_TRACE(f, 0, 2);
}

static void stop_next(struct letter *letter)
{
    assert_true(gyre_post_stop(&letter[1].post));
    assert_false(gyre_post_stop(&letter->post));
}

static void post_can_be_stopped_after_it_was_collected(void **state)
{
    struct fixture *f = fixture_of(state);

    send_letters(f, 3);
    letters[0].then = stop_next;
    assert_int_equal(run_ready(f), 2);
    ASSERT_TRACE(f, 0, 2);
}

static void stopped_post_is_neither_run_nor_dropped(void **state)
{
    struct fixture *f = fixture_of(state);

    send_letters(f, 2);
    assert_true(gyre_post_stop(&letters[0].post));
    assert_int_equal(gyre_loop_close(f->loop), 0);
    ASSERT_TRACE(f, DROPPED + 1);
}

static void stopped_post_can_be_sent_again_and_comes_last(void **state)
{
    struct fixture *f = fixture_of(state);

    send_letters(f, 3);
    assert_true(gyre_post_stop(&letters[0].post));
    send_letter(0);
    assert_int_equal(run_ready(f), 3);
    ASSERT_TRACE(f, 1, 2, 0);
}

static void loop_whose_last_post_was_stopped_is_not_alive(void **state)
{
    struct fixture *f = fixture_of(state);

    send_letters(f, 1);
    assert_true(gyre_post_stop(&letters[0].post));
    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(letters[0].runs, 0);
}

/* ------------------------------------------------------------------ close */

/* D11 */
static void close_drops_each_post_once_in_the_order_they_were_sent(void **state)
{
    struct fixture *f = fixture_of(state);

    send_letters(f, 4);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    ASSERT_TRACE(f, DROPPED, DROPPED + 1, DROPPED + 2, DROPPED + 3);
}

/* D11: it stays the sender's, and nothing is called. */
static void closed_loop_refuses_posts(void **state)
{
    struct fixture *f = fixture_of(state);

    send_letters(f, 1);
    init_letter(f, &letters[1], 1);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gyre_post_send(&letters[i].post), -ESHUTDOWN);
        assert_int_equal(gyre_post_send(&letters[i].post), -ESHUTDOWN);
        assert_false(gyre_post_stop(&letters[i].post));
    }
    assert_int_equal(gyre_post_init(&letters[1].post, f->loop, on_post, NULL, NULL), 0);
    ASSERT_TRACE(f, DROPPED);
}

static void post_may_go_without_a_drop_function(void **state)
{
    struct fixture *f = fixture_of(state);

    init_letters(f, 2);
    assert_int_equal(gyre_post_init(&letters[0].post, f->loop, on_post, NULL, NULL), 0);
    send_letter(0);
    send_letter(1);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    ASSERT_TRACE(f, DROPPED + 1);
}

/* The drop of the first gets at what has not been dropped yet. */
static void drop_may_stop_another_post(void **state)
{
    struct fixture *f = fixture_of(state);

    send_letters(f, 3);
    letters[0].then = stop_next;
    assert_int_equal(gyre_loop_close(f->loop), 0);
    ASSERT_TRACE(f, DROPPED, DROPPED + 2);
}

static void try_to_send(struct letter *letter)
{
    assert_int_equal(gyre_post_send(&letter->post), -ESHUTDOWN);
    assert_int_equal(gyre_post_send(&letter[1].post), -EALREADY);
}

static void drop_cannot_send(void **state)
{
    struct fixture *f = fixture_of(state);

    send_letters(f, 2);
    letters[0].then = try_to_send;
    assert_int_equal(gyre_loop_close(f->loop), 0);
    ASSERT_TRACE(f, DROPPED, DROPPED + 1);
}

static void drop_may_free_the_post(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 0; i < 3; i++) {
        struct letter *letter = malloc(sizeof(*letter));

        assert_non_null(letter);
        init_letter(f, letter, i);
        letter->then = free_letter;
        assert_int_equal(gyre_post_send(&letter->post), 0);
    }
    assert_int_equal(gyre_loop_close(f->loop), 0);
    ASSERT_TRACE(f, DROPPED, DROPPED + 1, DROPPED + 2);
}

/* ------------------------------------------------------------------ from elsewhere */

static void *send_odd_letters(void *arg)
{
    for (int i = 1; i < LETTERS; i += 2)
        if (gyre_post_send(&letters[i].post) < 0)
            return arg;
    return NULL;
}

/* What was sent before another send began runs before it, whichever threads they come from. */
static void posts_of_threads_run_in_the_order_of_sending(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;
    void *wrong;

    init_letters(f, LETTERS);
    for (int i = 0; i < LETTERS / 2; i += 2)
        send_letter(i);
    assert_int_equal(pthread_create(&thread, NULL, send_odd_letters, f), 0);
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    for (int i = LETTERS / 2; i < LETTERS; i += 2)
        send_letter(i);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), LETTERS);
    for (int i = 0; i < LETTERS / 4; i++)
        assert_int_equal(f->trace[i], 2 * i);
    for (int i = 0; i < LETTERS / 2; i++)
        assert_int_equal(f->trace[LETTERS / 4 + i], 2 * i + 1);
}

static void *stop_elsewhere(void *arg)
{
    return gyre_post_stop(arg) ? arg : NULL;
}

static void post_cannot_be_stopped_on_another_thread(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;
    void *stopped;

    send_letters(f, 1);
    assert_int_equal(pthread_create(&thread, NULL, stop_elsewhere, &letters[0].post), 0);
    assert_int_equal(pthread_join(thread, &stopped), 0);
    assert_null(stopped);
    assert_int_equal(run_ready(f), 1);
}

static void send_in_handler(int signo)
{
    (void)signo;
    (void)gyre_post_send(&letters[0].post);
}

/* D10 */
static void post_of_a_signal_handler_runs_and_keeps_errno(void **state)
{
    struct fixture *f = fixture_of(state);

    init_letters(f, 1);
    signal(SIGUSR1, send_in_handler);
    errno = 12345;
    raise(SIGUSR1);
    assert_int_equal(errno, 12345);
    assert_int_equal(gyre_loop_run_once(f->loop, GYRE_NEVER), 1);
    signal(SIGUSR1, SIG_DFL);
}

static struct gyre_post flood[2][FLOOD];
static unsigned long flooded;

static void on_flood(struct gyre_post *post, void *arg)
{
    (void)post;
    (void)arg;
    flooded++;
}

static void *send_flood(void *arg)
{
    struct gyre_post *posts = arg;

    for (int i = 0; i < FLOOD; i++)
        if (gyre_post_send(&posts[i]) < 0)
            return arg;
    return NULL;
}

static void flood_the_running_loop(struct letter *letter)
{
    pthread_t threads[2];
    void *wrong;

    (void)letter;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_flood, flood[i]), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

/* I-4 */
static void posts_to_a_loop_that_is_awake_make_no_system_call(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 0; i < 2 * FLOOD; i++) {
        struct gyre_post *post = &flood[i % 2][i / 2];

        memset(post, 0, sizeof(*post));
        assert_int_equal(gyre_post_init(post, f->loop, on_flood, NULL, NULL), 0);
    }
    flooded = 0;
    send_letters(f, 1);
    letters[0].then = flood_the_running_loop;
    unsigned long before = sys_calls(SYS_WRITE);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
    assert_int_equal(flooded, 2 * FLOOD);
    assert_int_equal(sys_calls(SYS_WRITE), before);
}

#define POST_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POST_TEST(post_runs_once_in_the_next_tick),
        POST_TEST(posts_run_in_the_order_they_were_sent),
        POST_TEST(sent_post_keeps_the_loop_alive),
        POST_TEST(post_may_be_sent_again_in_its_own_function),
        POST_TEST(post_that_is_sent_is_refused_until_it_has_run),
        POST_TEST(post_may_be_freed_in_its_own_function),
        POST_TEST(post_without_an_init_is_refused),
        POST_TEST(post_can_be_stopped_before_it_is_collected),
        POST_TEST(post_can_be_stopped_after_it_was_collected),
        POST_TEST(stopped_post_is_neither_run_nor_dropped),
        POST_TEST(stopped_post_can_be_sent_again_and_comes_last),
        POST_TEST(loop_whose_last_post_was_stopped_is_not_alive),
        POST_TEST(close_drops_each_post_once_in_the_order_they_were_sent),
        POST_TEST(closed_loop_refuses_posts),
        POST_TEST(post_may_go_without_a_drop_function),
        POST_TEST(drop_may_stop_another_post),
        POST_TEST(drop_cannot_send),
        POST_TEST(drop_may_free_the_post),
        POST_TEST(posts_of_threads_run_in_the_order_of_sending),
        POST_TEST(post_cannot_be_stopped_on_another_thread),
        POST_TEST(post_of_a_signal_handler_runs_and_keeps_errno),
        POST_TEST(posts_to_a_loop_that_is_awake_make_no_system_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
