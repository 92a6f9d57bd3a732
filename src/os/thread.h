/* Which thread this is, what loop it runs, and whether the process was forked.
 *
 * The address of a thread-local variable names its thread; the variable itself holds the loop that
 * runs on it. A counter of forks, advanced in every child, tells a loop that it was inherited. All
 * three checks cost a few instructions, so every call on a loop can afford them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_THREAD_H
#define GYRE_THREAD_H

#include <stdint.h>

/* Reached without a call even from a shared library, where the C library has room for it. */
#ifdef __GLIBC__
#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define THREAD_LOCAL _Thread_local
#endif

/* The loop that runs on this thread, or NULL. */
extern THREAD_LOCAL const void *thread_running;

/* How many forks lie between this process and the one that loaded the library. */
extern uint32_t thread_forks;

static inline const void *thread_self(void)
{
    return (const void *)&thread_running;
}

/* Begin to count forks, once per process. 0 or -ENOMEM. */
int thread_watch_forks(void);

#endif
