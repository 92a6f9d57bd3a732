/* Threads that the library starts.
 *
 * SPDX-License-Identifier: MIT */
#include "os/worker.h"
#include "os/clock.h"
#include "os/sys.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

/* A thread begins with the signal mask of the one that starts it. */
static int start_blocked(pthread_t *thread, const pthread_attr_t *attr, void *(*main)(void *),
                         void *arg)
{
    sigset_t all, old;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = -sys->thread_create(thread, attr, main, arg);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

int worker_start(pthread_t *thread, size_t stack_size, void *(*main)(void *), void *arg)
{
    pthread_attr_t attr;
    int err = -pthread_attr_init(&attr);

    if (err < 0)
        return err;
    if (stack_size > 0)
        err = -pthread_attr_setstacksize(&attr, stack_size);
    if (err == 0)
        err = start_blocked(thread, &attr, main, arg);
    (void)pthread_attr_destroy(&attr);
    return err;
}

bool worker_may_have_stack(size_t size)
{
    pthread_attr_t attr;

    if (pthread_attr_init(&attr) != 0)
        return true; /* not the fault of the size: starting one will tell */
    int err = pthread_attr_setstacksize(&attr, size);
    (void)pthread_attr_destroy(&attr);
    return err == 0;
}

unsigned worker_processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count > 1 ? (unsigned)count : 1;
}

int worker_cond_init(pthread_cond_t *cond)
{
#ifdef __APPLE__
    return -pthread_cond_init(cond, NULL);
#else
    pthread_condattr_t attr;
    int err = -pthread_condattr_init(&attr);

    if (err < 0)
        return err;
    err = -pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (err == 0)
        err = -pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
    return err;
#endif
}

bool worker_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline)
{
    if (deadline == UINT64_MAX) {
        (void)pthread_cond_wait(cond, lock);
        return true;
    }
#ifdef __APPLE__
    uint64_t now = clock_now();
    uint64_t time = deadline > now ? deadline - now : 0;
    struct timespec ts = { .tv_sec = (time_t)(time / 1000000000u),
                           .tv_nsec = (long)(time % 1000000000u) };
    return pthread_cond_timedwait_relative_np(cond, lock, &ts) != ETIMEDOUT;
#else
    struct timespec ts = { .tv_sec = (time_t)(deadline / 1000000000u),
                           .tv_nsec = (long)(deadline % 1000000000u) };
    return pthread_cond_timedwait(cond, lock, &ts) != ETIMEDOUT;
#endif
}
