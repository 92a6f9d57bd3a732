/* Which thread this is, what loop it runs, and whether the process was forked.
 *
 * A thread that owns loops has a token, a number that no other thread has or had. A fork gives the
 * one thread of the child a new token, so a loop that remembers its owner's token tells another
 * thread and a forked child from its own by one comparison.
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

enum { THREAD_NONE = 1 }; /* a token that no thread has; a thread without a token has 0 */

/* The token of this thread, or 0. */
extern THREAD_LOCAL uint64_t thread_token;

/* The loop that runs on this thread, or NULL. */
extern THREAD_LOCAL const void *thread_running;

/* What the running loop has spent of its budget, or NULL. A fork spends it all in the child, so
 * that the loop looks up there after the callback, and need not ask after each one. */
extern THREAD_LOCAL uint32_t *thread_budget;

/* How many forks lie between this process and the one that loaded the library. */
extern uint32_t thread_forks;

/* The token of this thread, made if it has none yet. */
uint64_t thread_own_token(void);

/* Begin to count forks, once per process. 0 or -ENOMEM. */
int thread_watch_forks(void);

#endif
