/* A table of system calls that gives way to other threads now and then, where a thread is most
 * likely to be caught between two steps: around the wake-up and the wait.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_STRESS_YIELDING_H
#define GYRE_STRESS_YIELDING_H

#include "model/random.h"
#include "os/sys.h"

#include <pthread.h>
#include <sched.h>

static struct sys_table yielding_calls;
static const struct sys_table *yielding_below;

/* Each thread has a sequence of its own. */
static _Thread_local struct random yielding_random;
static unsigned yielding_threads;

static inline bool chance(unsigned percent)
{
    if (yielding_random.state == 0)
        yielding_random.state = __atomic_add_fetch(&yielding_threads, 1, __ATOMIC_RELAXED);
    return random_chance(&yielding_random, percent);
}

static inline void give_way(void)
{
    if (chance(30))
        (void)sched_yield();
}

static inline ssize_t yielding_write(int fd, const void *buf, size_t size)
{
    give_way();
    ssize_t n = yielding_below->write(fd, buf, size);
    give_way();
    return n;
}

static inline int yielding_clock_gettime(clockid_t clock, struct timespec *ts)
{
    give_way(); /* the loop reads it just before and after a wait */
    return yielding_below->clock_gettime(clock, ts);
}

/* After setup, which installs the table below; teardown takes both away. */
static inline void install_yielding_calls(void)
{
    yielding_below = sys;
    yielding_calls = *sys;
    yielding_calls.write = yielding_write;
    yielding_calls.clock_gettime = yielding_clock_gettime;
    sys = &yielding_calls;
}

#endif
