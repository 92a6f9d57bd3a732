/* Signals that come while watchers of them stop, in every interleaving: each delivery is told to a
 * callback, or raised again when the last watcher has gone, and none is both.
 *
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "model/explore.h"
#include "model/inbox_world.h"

#include "loop/core.h"

enum { LOOPS = 2 };

static struct gyre_loop *loops[LOOPS];
static struct gyre_signal sigs[LOOPS];
static int loop_count;

static unsigned told[LOOPS];

static void on_signal(struct gyre_signal *sig, unsigned count, void *arg)
{
    (void)sig;
    told[(size_t)arg] += count;
}

/* A tick, as far as this matters; a running loop is one to each real thread. */
static void look_and_stop(size_t i)
{
    (void)loop_tick_now(loops[i]);
    (void)gyre_signal_stop(&sigs[i]);
}

static void first_loop(void)
{
    look_and_stop(0);
}

static void second_loop(void)
{
    look_and_stop(1);
}

static void deliver(void)
{
    world_signal(SIGUSR1);
}

/* ------------------------------------------------------------------ what must hold in the end */

static const char *check_one_loop(void)
{
    bool is_owed = told[0] < world_signals.handled;

    if (told[0] > world_signals.handled)
        return "more was told than came";
    if (is_owed && world_signals.raised == 0)
        return "a delivery was lost";
    return !is_owed && world_signals.raised > 0 ? "what was told is raised again" : NULL;
}

/* Of a single delivery. */
static const char *check_two_loops(void)
{
    bool is_owed = told[0] + told[1] == 0 && world_signals.handled > 0;

    if (is_owed && world_signals.raised == 0)
        return "a delivery was lost";
    return !is_owed && world_signals.raised > 0 ? "what was told is raised again" : NULL;
}

/* ------------------------------------------------------------------ searches */

static void make_all(int count)
{
    memset(sigs, 0, sizeof(sigs));
    memset(told, 0, sizeof(told));
    memset(&world_signals, 0, sizeof(world_signals));
    loop_count = count;
    world_begin();
    for (int i = 0; i < count; i++) {
        loops[i] = world_make("level");
        assert_non_null(loops[i]);
        (void)gyre_signal_init(&sigs[i], loops[i], on_signal, (void *)(intptr_t)i);
        (void)gyre_signal_start(&sigs[i], SIGUSR1);
    }
    explore_memory(sigs, sizeof(sigs));
    explore_memory(told, sizeof(told));
    for (int i = 0; i < count; i++) {
        world_share_signal(loops[i], SIGUSR1);
        world_share_table(loops[i], SIGUSR1);
    }
}

static const char *search(explore_thread *const *threads, int count, explore_check *check)
{
    const char *wrong = explore(threads, count, check, mistake == NO_MISTAKE);

    printf("%lu states: %s\n", explore_states(), wrong ? wrong : "all is well");
    for (int i = 0; i < loop_count; i++)
        (void)gyre_loop_destroy(loops[i]);
    return wrong;
}

/* E8 */
static void deliveries_are_told_or_raised_again_when_their_watcher_stops(void **state)
{
    explore_thread *const threads[] = { first_loop, deliver, deliver };

    (void)state;
    make_all(1);
    assert_null(search(threads, 3, check_one_loop));
}

/* E7, E8 */
static void delivery_is_told_or_raised_again_when_the_last_of_two_loops_leaves(void **state)
{
    explore_thread *const threads[] = { first_loop, second_loop, deliver };

    (void)state;
    make_all(2);
    assert_null(search(threads, 3, check_two_loops));
}

/* And with a mistake in the library. */
static void hasty_take_is_found_out(void **state)
{
    explore_thread *const threads[] = { first_loop, deliver };

    (void)state;
    mistake = HASTY_TAKE;
    make_all(1);
    const char *wrong = search(threads, 2, check_one_loop);
    mistake = NO_MISTAKE;
    assert_non_null(wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deliveries_are_told_or_raised_again_when_their_watcher_stops),
        cmocka_unit_test(delivery_is_told_or_raised_again_when_the_last_of_two_loops_leaves),
        cmocka_unit_test(hasty_take_is_found_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
