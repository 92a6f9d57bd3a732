/* Tokens of threads, the running loop of each, and the fork counter.
 *
 * SPDX-License-Identifier: MIT */
#include "os/thread.h"
#include "os/signal_table.h"
#include "os/trail.h"

#include <errno.h>
#include <pthread.h>

THREAD_LOCAL uint64_t thread_token;
THREAD_LOCAL const void *thread_running;
THREAD_LOCAL uint32_t *thread_budget;
THREAD_LOCAL struct trail thread_trail;
uint32_t thread_forks;

static pthread_mutex_t token_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t last_token = THREAD_NONE;

uint64_t thread_own_token(void)
{
    if (thread_token == 0) {
        (void)pthread_mutex_lock(&token_lock);
        thread_token = ++last_token;
        (void)pthread_mutex_unlock(&token_lock);
    }
    return thread_token;
}

static void before_fork(void)
{
    signal_table_lock();
    (void)pthread_mutex_lock(&token_lock);
}

static void after_fork_in_parent(void)
{
    (void)pthread_mutex_unlock(&token_lock);
    signal_table_unlock();
}

static void after_fork_in_child(void)
{
    thread_forks++;
    thread_token = 0;
    if (thread_budget)
        *thread_budget = UINT32_MAX / 2;
    (void)pthread_mutex_unlock(&token_lock);
    signal_table_forked();
}

static int watch_result;

static void install_handlers(void)
{
    watch_result = -pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

int thread_watch_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, install_handlers);
    return watch_result;
}
