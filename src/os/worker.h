/* Threads that the library starts, and what they wait on.
 *
 * A started thread has all signals blocked, so that handlers run on the program's own threads.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_WORKER_H
#define GYRE_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start a joinable thread. 0 or a negative errno. */
int worker_start(pthread_t *thread, size_t stack_size, void *(*main)(void *), void *arg);

/* Whether the system starts threads with a stack of so many bytes. */
bool worker_may_have_stack(size_t size);

/* How many processors this process may use, at least 1. */
unsigned worker_processors(void);

/* A condition whose timed waits are not moved by the wall clock. 0 or a negative errno. */
int worker_cond_init(pthread_cond_t *cond);

/* Wait until signalled, or `deadline` of clock_now has come. False: it has. */
bool worker_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline);

#endif
