/* gyre/test.h: a clock your tests can advance. Timeouts of minutes are tested in microseconds, and
 * the same way every time.
 *
 *     struct gyre_loop *loop;
 *     gyre_test_loop_create(NULL, &loop);
 *     start_my_server(loop);                      // its idle timeout is 60 s
 *     assert(gyre_test_advance(loop, GYRE_S(59)) >= 0);
 *     assert(client_is_connected());
 *     assert(gyre_test_advance(loop, GYRE_S(2)) >= 0);
 *     assert(!client_is_connected());
 *     gyre_loop_destroy(loop);
 *
 * A test loop is a loop in everything but time: descriptors, signals and posts of other threads are
 * real. Its clock stands still except inside gyre_test_advance, or jumps (see gyre_test_autojump).
 *
 * Threads and errors are as in gyre/loop.h. On a loop that is not a test loop each function here
 * returns -EINVAL.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_H
#define GYRE_TEST_H

#include "gyre/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As gyre_loop_create, on a clock of its own that begins at 1 s and stands still.
 *
 * On such a loop every run (gyre_loop_run, run_while, shutdown, run_once without a limit) returns
 * -EDEADLK where it would have to wait for nothing but timers: nobody could advance the clock
 * meanwhile. While something else is started (a descriptor, a signal, an async) it waits for that,
 * in real time, and no timer fires; so does run_once with a limit. gyre_loop_shutdown returns
 * -EDEADLK also where only its deadline is left to wait for; use gyre_test_autojump around it.
 *
 * Source:     loop/testclock.c; tests: testclock_test.c.
 */
GYRE_API int gyre_test_loop_create(const struct gyre_loop_options *opt, struct gyre_loop **out);

/* Let `duration` pass: run the loop through every deadline in it, in order.
 *
 * The clock stands at each deadline while its callbacks run; before it moves on, everything that
 * is ready by then has run: fd events, posts and what the callbacks queued. At the end it stands
 * `duration` after where it began. With 0, only what is ready now runs. gyre_loop_stop ends it
 * early, after the tick, with the clock where it is.
 *
 * Re-entrancy: -EBUSY in a callback.
 * Errors:     returns the number of callbacks run; -EDEADLK when callbacks keep queueing more
 *             without end at one moment (100 000 ticks).
 * Units:      ns. A sum beyond 2^64 is refused: -EINVAL. Blocks: no. Cost: one tick per deadline.
 */
GYRE_API int gyre_test_advance(struct gyre_loop *loop, uint64_t duration);

/* With `on`, the loop's clock jumps to the next deadline whenever gyre_loop_run (or run_while,
 * run_once, shutdown) would wait for it: whole programs run as fast as they can.
 *
 * It jumps only when nothing is queued and a look at the kernel found no event. While an async is
 * started (and not unref'ed), another thread may have news at any moment: then it waits for that
 * in real time instead and does not jump.
 */
GYRE_API int gyre_test_autojump(struct gyre_loop *loop, bool on);

#ifdef __cplusplus
}
#endif

#endif
