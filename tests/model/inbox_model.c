/* The protocol of sleeping, waking, stopping and closing, in every interleaving: no wake-up is
 * lost, and nothing that was posted is lost or done twice. Each of these properties can fail: a
 * twin of the library that has one mistake in it must be found out.
 *
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "model/explore.h"
#include "model/inbox_world.h"

enum { PRODUCERS = 2, ITEMS = 2, POSTS = PRODUCERS * ITEMS, NOT_YET = 1 };

static struct gyre_loop *loop;
static struct gyre_async keeper; /* started throughout: the loop does not end by itself */
static struct gyre_signal sig;
static struct gyre_post posts[POSTS];

static bool has_signal;  /* sig is started */
static bool sends_again; /* the first post, in its function */

/* What has happened. */
static struct world {
    int result[POSTS]; /* of gyre_post_send */
    unsigned ran[POSTS], dropped[POSTS];
    unsigned done; /* a bit for each post that has run or was dropped */
    bool is_out_of_order;
    bool has_news;     /* for the async */
    bool is_stopped;   /* the async was stopped, */
    bool is_disturbed; /* and something happened to it after that */
    unsigned heard, signals;
    int run_result;
} world;

/* ------------------------------------------------------------------ what happens in it */

/* Whether the posts of one thread keep their order; that of all is a matter of one word, the head
 * of the inbox, for which inbox_test is enough. */
static void note_done(size_t i)
{
    if (i % ITEMS > 0 && !(world.done & 1u << (i - 1)))
        world.is_out_of_order = true;
    world.done |= 1u << i;
}

static void on_post(struct gyre_post *post, void *arg)
{
    (void)post;
    world.ran[(size_t)arg]++;
    note_done((size_t)arg);
}

static void on_drop(void *arg)
{
    world.dropped[(size_t)arg]++;
    note_done((size_t)arg);
}

/* Posts twice in a row, each time its own next node. */
static void produce(size_t first)
{
    for (size_t i = first; i < first + ITEMS; i++) {
        world.result[i] = gyre_post_send(&posts[i]);
        explore_forget(i);
    }
}

static void send_one(void)
{
    world.result[0] = gyre_post_send(&posts[0]);
}

static void first_producer(void)
{
    produce(0);
}

static void second_producer(void)
{
    produce(ITEMS);
}

static void run_loop(void)
{
    world.run_result = gyre_loop_run(loop);
}

static void run_and_close(void)
{
    world.run_result = gyre_loop_run(loop);
    (void)gyre_loop_close(loop);
}

static void look_and_close(void)
{
    world.run_result = gyre_loop_run_once(loop, 0);
    (void)gyre_loop_close(loop);
}

static void stop_loop(void)
{
    gyre_loop_stop(loop);
}

static void deliver_signal(void)
{
    world_signal(SIGUSR1);
}

static void on_signal(struct gyre_signal *s, unsigned count, void *arg)
{
    (void)s;
    (void)arg;
    world.signals += count;
}

static void on_news(struct gyre_async *async, void *arg)
{
    (void)async;
    (void)arg;
    world.heard++;
    world.is_disturbed |= world.is_stopped;
    __atomic_store_n(&world.has_news, false, __ATOMIC_SEQ_CST);
}

static void tell_news_twice(size_t first)
{
    for (size_t i = first; i < first + ITEMS; i++) {
        __atomic_store_n(&world.has_news, true, __ATOMIC_SEQ_CST);
        world.result[i] = gyre_async_send(&keeper);
        explore_forget(i);
    }
}

static void tell_news(void)
{
    tell_news_twice(0);
}

static void tell_more_news(void)
{
    tell_news_twice(ITEMS);
}

/* The link is poisoned, as if the memory had been given away. */
static void stop_the_async(void)
{
    (void)gyre_loop_run_once(loop, 0);
    (void)gyre_async_stop(&keeper);
    world.is_stopped = true;
    keeper.call.link = (struct gyre_link){ NULL, NULL };
    (void)gyre_loop_run_once(loop, 0);
}

static void send_again(struct gyre_post *post, void *arg)
{
    on_post(post, arg);
    if (world.ran[(size_t)arg] == 1)
        world.result[(size_t)arg + 1] = gyre_post_send(post);
}

/* ------------------------------------------------------------------ what must hold in the end */

static const char *check_posts(void)
{
    if (world.is_out_of_order)
        return "posts are out of order";
    for (size_t i = 0; i < POSTS; i++) {
        unsigned count = world.ran[i] + world.dropped[i];

        if (world.result[i] == NOT_YET)
            return "a send never returned";
        if (count > 1)
            return "a post was done twice";
        if (world.result[i] == 0 && count == 0)
            return "a post was lost";
        if (world.result[i] < 0 && (count != 0 || world.result[i] != -ESHUTDOWN))
            return "a refused post was done";
    }
    return NULL;
}

/* The loop is thread 0; it sleeps in the end, for it was never stopped. */
static const char *check_all_ran(void)
{
    if (explore_has_returned(0))
        return "the loop ended by itself";
    for (size_t i = 0; i < POSTS; i++)
        if (world.result[i] != 0 || world.ran[i] != 1)
            return "the loop sleeps on a post";
    return check_posts();
}

static const char *check_closed(void)
{
    if (!explore_has_returned(0))
        return "the loop sleeps on a stop";
    return check_posts();
}

static const char *check_stopped(void)
{
    if (!explore_has_returned(0))
        return "the loop sleeps on a stop";
    return world.run_result == GYRE_RUN_STOPPED ? NULL : "the stop was not seen";
}

static const char *check_signals(void)
{
    return world.signals == 2 ? NULL : "the loop sleeps on a signal";
}

static const char *check_news(void)
{
    if (world.has_news)
        return "the loop sleeps on news";
    return world.heard > PRODUCERS * ITEMS ? "the async was called too often" : NULL;
}

static const char *check_stopped_async(void)
{
    if (!explore_has_returned(0))
        return "the stop never ended";
    if (world.is_disturbed || keeper.call.link.next || keeper.call.link.prev)
        return "a stopped async was touched";
    return NULL;
}

/* The async was started until the loop was closed. */
static const char *check_closed_async(void)
{
    if (!explore_has_returned(0))
        return "the close never ended";
    for (int i = 0; i < PRODUCERS * ITEMS; i++)
        if (world.result[i] != 0 && world.result[i] != -ESHUTDOWN)
            return "a send to a closed loop was refused for another reason";
    return NULL;
}

static const char *check_sent_again(void)
{
    if (world.ran[0] != 2 || world.result[1] != 0)
        return "the loop sleeps on a post that was sent again";
    return NULL;
}

/* ------------------------------------------------------------------ searches */

static void make_posts(void)
{
    memset(posts, 0, sizeof(posts));
    for (size_t i = 0; i < POSTS; i++) {
        gyre_post_fn *fn = sends_again && i == 0 ? send_again : on_post;

        world.result[i] = NOT_YET;
        (void)gyre_post_init(&posts[i], loop, fn, on_drop, (void *)i);
    }
    explore_memory(posts, sizeof(posts));
}

static void make_all(const char *poller)
{
    memset(&world, 0, sizeof(world));
    memset(&keeper, 0, sizeof(keeper));
    memset(&sig, 0, sizeof(sig));
    world_begin();
    loop = world_make(poller);
    assert_non_null(loop);
    explore_memory(&world, sizeof(world));
    explore_shared(&world.has_news, sizeof(world.has_news));
    make_posts();
    (void)gyre_async_init(&keeper, loop, on_news, NULL);
    (void)gyre_async_start(&keeper);
    world_share_async(&keeper);
    if (!has_signal)
        return;
    (void)gyre_signal_init(&sig, loop, on_signal, NULL);
    (void)gyre_signal_start(&sig, SIGUSR1);
    explore_memory(&sig, sizeof(sig));
    world_share_signal(loop, SIGUSR1);
}

static const char *search_on(const char *poller, explore_thread *const *threads, size_t count,
                             explore_check *check)
{
    make_all(poller);
    const char *wrong = explore(threads, (int)count, check, mistake == NO_MISTAKE);
    (void)gyre_loop_destroy(loop);
    return wrong;
}

/* On both kinds of poller. */
static const char *search_both(explore_thread *const *threads, size_t count, explore_check *check)
{
    const char *wrong = search_on("edge", threads, count, check);
    unsigned long states = explore_states();

    if (!wrong)
        wrong = search_on("level", threads, count, check);
    printf("%lu and %lu states: %s\n", states, explore_states(), wrong ? wrong : "all is well");
    return wrong;
}

#define SEARCH(check, ...)                                                                   \
    search_both((explore_thread *const[]){ __VA_ARGS__ },                                    \
                sizeof((explore_thread *const[]){ __VA_ARGS__ }) / sizeof(explore_thread *), \
                (check))

static const char *search_posts(void)
{
    return SEARCH(check_all_ran, run_loop, first_producer, second_producer);
}

static const char *search_posts_and_close(void)
{
    return SEARCH(check_closed, look_and_close, first_producer, second_producer);
}

static const char *search_stops(void)
{
    return SEARCH(check_stopped, run_loop, stop_loop, stop_loop);
}

static const char *search_signals(void)
{
    has_signal = true;
    const char *wrong =
        SEARCH(check_signals, run_loop, deliver_signal, deliver_signal, second_producer);
    has_signal = false;
    return wrong;
}

static const char *search_news(void)
{
    return SEARCH(check_news, run_loop, tell_news, tell_more_news);
}

/* ------------------------------------------------------------------ the explorer */

static unsigned counter;
static unsigned outcomes; /* a bit for each final value of the counter */

static void increment(void)
{
    unsigned old = __atomic_load_n(&counter, __ATOMIC_SEQ_CST);

    __atomic_store_n(&counter, old + 1, __ATOMIC_SEQ_CST);
}

static const char *note_outcome(void)
{
    outcomes |= 1u << counter;
    return NULL;
}

static void torn_increments_end_in_every_possible_way(void **state)
{
    explore_thread *const threads[] = { increment, increment, increment };

    (void)state;
    explore_reset();
    explore_memory(&counter, sizeof(counter));
    explore_shared(&counter, sizeof(counter));
    outcomes = 0;
    assert_null(explore(threads, 3, note_outcome, true));
    assert_int_equal(outcomes, 1u << 1 | 1u << 2 | 1u << 3);
}

/* ------------------------------------------------------------------ the library as it is */

/* D1 D7 D12 */
static void no_post_of_two_threads_is_slept_on(void **state)
{
    (void)state;
    assert_null(search_posts());
}

/* D11: every post runs once, or is dropped once, or was refused */
static void posts_that_race_with_stop_and_close_are_done_once(void **state)
{
    (void)state;
    assert_null(SEARCH(check_closed, run_and_close, first_producer, second_producer, stop_loop));
    assert_null(search_posts_and_close());
}

/* B6 */
static void a_stop_is_never_slept_on(void **state)
{
    (void)state;
    assert_null(search_stops());
}

/* E9 */
static void no_signal_is_slept_on(void **state)
{
    (void)state;
    assert_null(search_signals());
}

/* D1 */
static void news_told_to_an_async_is_always_heard(void **state)
{
    (void)state;
    assert_null(search_news());
}

/* D2 */
static void stopped_async_is_not_touched_by_sends_in_flight(void **state)
{
    (void)state;
    assert_null(SEARCH(check_stopped_async, stop_the_async, tell_news, tell_more_news));
}

/* D2 */
static void async_that_races_with_close_is_refused_or_forgotten(void **state)
{
    (void)state;
    assert_null(SEARCH(check_closed_async, look_and_close, tell_news, tell_more_news));
}

static void post_that_is_sent_again_in_its_own_function_runs_again(void **state)
{
    (void)state;
    sends_again = true;
    assert_null(SEARCH(check_sent_again, run_loop, send_one, second_producer));
    sends_again = false;
}

/* ------------------------------------------------------------------ and with a mistake in it */

static void expect_found(enum mistake which, const char *(*search_for)(void))
{
    mistake = which;
    const char *wrong = search_for();
    mistake = NO_MISTAKE;
    assert_non_null(wrong);
}

static void sleep_mark_after_the_look_is_found_out(void **state)
{
    (void)state;
    expect_found(MARK_AFTER_LOOK, search_posts);
    expect_found(MARK_AFTER_LOOK, search_stops);
    expect_found(MARK_AFTER_LOOK, search_signals);
}

static void wake_up_before_the_request_is_found_out(void **state)
{
    (void)state;
    expect_found(WAKE_BEFORE_BIT, search_stops);
    expect_found(WAKE_BEFORE_BIT, search_signals);
}

static void torn_take_is_found_out(void **state)
{
    (void)state;
    expect_found(TORN_TAKE, search_posts);
}

static void torn_close_is_found_out(void **state)
{
    (void)state;
    expect_found(TORN_CLOSE, search_posts_and_close);
}

static void async_armed_after_its_callback_is_found_out(void **state)
{
    (void)state;
    expect_found(LATE_ARMING, search_news);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torn_increments_end_in_every_possible_way),
        cmocka_unit_test(no_post_of_two_threads_is_slept_on),
        cmocka_unit_test(posts_that_race_with_stop_and_close_are_done_once),
        cmocka_unit_test(a_stop_is_never_slept_on),
        cmocka_unit_test(no_signal_is_slept_on),
        cmocka_unit_test(news_told_to_an_async_is_always_heard),
        cmocka_unit_test(stopped_async_is_not_touched_by_sends_in_flight),
        cmocka_unit_test(async_that_races_with_close_is_refused_or_forgotten),
        cmocka_unit_test(post_that_is_sent_again_in_its_own_function_runs_again),
        cmocka_unit_test(sleep_mark_after_the_look_is_found_out),
        cmocka_unit_test(wake_up_before_the_request_is_found_out),
        cmocka_unit_test(torn_take_is_found_out),
        cmocka_unit_test(torn_close_is_found_out),
        cmocka_unit_test(async_armed_after_its_callback_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
