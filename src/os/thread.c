/* The running loop of each thread and the fork counter.
 *
 * SPDX-License-Identifier: MIT */
#include "os/thread.h"
#include "os/signal_table.h"

#include <errno.h>
#include <pthread.h>

THREAD_LOCAL const void *thread_running;
uint32_t thread_forks;

static void forked_child(void)
{
    thread_forks++;
    signal_table_forked();
}

static int watch_result;

static void install_handlers(void)
{
    watch_result = -pthread_atfork(signal_table_lock, signal_table_unlock, forked_child);
}

int thread_watch_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, install_handlers);
    return watch_result;
}
