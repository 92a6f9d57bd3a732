/* timers: everything about time, in five short runs of one loop.
 *
 *     timers
 *
 * gyre_loop_run returns when nothing is left to wait for, so each part below simply starts what it
 * needs and runs the loop.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gyre.h"

/* None of the calls below can fail but for lack of memory or by a mistake in this program. */
static void check(int err)
{
    if (err >= 0)
        return;
    fprintf(stderr, "timers: %s\n", gyre_strerror(err));
    exit(EXIT_FAILURE);
}

static void say(void *arg)
{
    printf("  %s\n", (const char *)arg);
}

/* Neither call_soon nor call_later calls anything by itself: the loop does, later. So there is no
 * callback to expect in the middle of your function. */
static void show_soon(struct gyre_loop *loop)
{
    puts("soon and later:");
    check(gyre_call_later(loop, GYRE_MS(20), say, "third, 20 ms later"));
    check(gyre_call_soon(loop, say, "first, soon"));
    check(gyre_call_soon(loop, say, "second, in the order of the calls"));
    puts("  nothing has run so far");
    check(gyre_loop_run(loop));
}

static void on_timer(struct gyre_timer *timer, void *arg)
{
    (void)timer;
    say(arg);
}

/* A gyre_timer is yours: it costs no allocation, can be moved and stopped, and once it is stopped
 * its memory is free for other use, here the end of the function's frame. */
static void show_one_shot(struct gyre_loop *loop)
{
    struct gyre_timer moved = { 0 }, prevented = { 0 };

    puts("a timer moved, a timer stopped:");
    check(gyre_timer_init(&moved, loop, on_timer, "fired once, at the later time"));
    check(gyre_timer_init(&prevented, loop, on_timer, "never printed"));
    check(gyre_timer_start(&moved, GYRE_MS(5)));
    check(gyre_timer_start(&moved, GYRE_MS(15)));
    check(gyre_timer_start(&prevented, GYRE_MS(10)));
    if (gyre_timer_stop(&prevented))
        puts("  stopped one in time");
    if (!gyre_timer_stop(&prevented))
        puts("  stopping it again does nothing");
    check(gyre_loop_run(loop));
}

struct metronome {
    unsigned beats, missed;
};

/* The second beat takes as long as three. Those that pass meanwhile are counted, not made up for,
 * and the next one comes at a whole number of periods from the start again. */
static void on_beat(struct gyre_timer *timer, void *arg)
{
    struct metronome *m = arg;

    m->beats++;
    m->missed += gyre_timer_missed(timer);
    printf("  beat %u\n", m->beats);
    if (m->beats == 2)
        nanosleep(&(struct timespec){ .tv_nsec = 35 * 1000 * 1000 }, NULL);
    if (m->beats == 4)
        gyre_timer_stop(timer);
}

static void show_periodic(struct gyre_loop *loop)
{
    struct metronome m = { 0 };
    struct gyre_timer timer = { 0 };
    uint64_t begin = gyre_loop_clock(loop), periods;

    puts("every 10 ms, with one callback that is too slow:");
    check(gyre_timer_init(&timer, loop, on_beat, &m));
    check(gyre_timer_start_every(&timer, GYRE_MS(10)));
    check(gyre_loop_run(loop));
    periods = (gyre_loop_now(loop) - begin) / GYRE_MS(10);
    printf("  %s periods were skipped; beats and skipped periods together %s the time\n",
           m.missed >= 2 ? "some" : "NO", m.beats + m.missed <= periods ? "fit" : "DO NOT fit");
}

/* An unref'ed watcher works as any other but does not keep the loop running: for statistics,
 * heartbeats, and what else should not be the reason why a program does not end. */
static void show_unref(struct gyre_loop *loop)
{
    struct gyre_timer hourly = { 0 };

    puts("in the background:");
    check(gyre_timer_init(&hourly, loop, on_timer, "an hour has passed"));
    gyre_timer_unref(&hourly);
    check(gyre_timer_start_every(&hourly, GYRE_S(3600)));
    check(gyre_call_later(loop, GYRE_MS(5), say, "the last thing to wait for"));
    check(gyre_loop_run(loop));
    printf("  the loop has ended, the hourly timer is %s\n",
           gyre_timer_is_started(&hourly) ? "still started" : "not started");
    gyre_timer_stop(&hourly); /* it is about to go out of scope */
}

struct countdown {
    struct gyre_call call;
    unsigned left;
};

static void on_step(struct gyre_call *call, void *arg)
{
    struct countdown *c = arg;

    if (--c->left > 0)
        gyre_call_start(call);
}

/* Work cut into pieces: a gyre_call that starts itself again leaves room between two pieces, and
 * a timer that comes due meanwhile is not kept waiting. */
static void show_chain(struct gyre_loop *loop)
{
    struct countdown c = { .left = 1000000 };

    puts("a million calls, one after the other:");
    check(gyre_call_init(&c.call, loop, on_step, &c));
    check(gyre_call_later(loop, GYRE_MS(1), say, "a timer in between"));
    check(gyre_call_start(&c.call));
    check(gyre_loop_run(loop));
    printf("  %u left\n", c.left);
}

int main(void)
{
    struct gyre_loop *loop;

    check(gyre_loop_create(NULL, &loop));
    show_soon(loop);
    show_one_shot(loop);
    show_periodic(loop);
    show_unref(loop);
    show_chain(loop);
    gyre_loop_destroy(loop);
    return EXIT_SUCCESS;
}
