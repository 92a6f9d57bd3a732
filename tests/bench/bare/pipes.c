/* bare: pipes, with nothing but epoll, as a limit to compare with.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <sys/epoll.h>

static void pass(size_t i); /* pipes.h, below */

struct watcher {
    int fd;
};

enum { EVENTS = 256 };

static struct watcher *watchers;
static int epoll;
static bool stopped;

static void make_watchers(size_t count)
{
    epoll = epoll_create1(EPOLL_CLOEXEC);
    bench_check(epoll >= 0, "epoll_create1");
    watchers = bench_alloc(count, sizeof *watchers);
}

static void watch(size_t i, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = i };

    watchers[i].fd = fd;
    bench_check(!epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static void dispatch(int timeout)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, timeout);

    for (int i = 0; i < count; i++)
        pass((size_t)events[i].data.u64);
}

static void run_loop(void)
{
    while (!stopped)
        dispatch(-1);
}

static void stop_loop(void)
{
    stopped = true;
}

static void turn_loop(void)
{
    dispatch(0);
}

#include "pipes.h"
