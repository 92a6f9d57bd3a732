/* The monotonic clock, in nanoseconds.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_CLOCK_H
#define GYRE_CLOCK_H

#include "os/sys.h"

static inline uint64_t clock_now(void)
{
    struct timespec ts = { 0 };

    (void)sys->clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail with this clock */
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* `delay` ns as a timeout in ms, rounded up: waking a fraction early would spin until the deadline.
 * GYRE_NEVER gives -1, what poll and epoll_wait take for it; nothing else is negative. */
static inline int clock_to_ms(uint64_t delay)
{
    if (delay == UINT64_MAX)
        return -1;

    uint64_t ms = delay / 1000000 + (delay % 1000000 != 0);
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

#endif
