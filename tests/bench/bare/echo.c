/* bare: echo server, with nothing but epoll (level-triggered), as a limit to compare with.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"
#include "echo.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct connection {
    struct echo echo;
    uint32_t events;
};

enum { EVENTS = 256 };

static int epoll, listener;
static unsigned long accepted, closed;

static void close_connection(struct connection *c)
{
    close(c->echo.fd);
    free(c->echo.left);
    free(c);
    closed++;
}

static void wait_for(struct connection *c, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = c };

    if (c->events == events)
        return;
    bench_check(!epoll_ctl(epoll, c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->echo.fd, &event),
                "epoll_ctl");
    c->events = events;
}

static void on_ready(struct connection *c)
{
    switch (echo_turn(&c->echo)) {
    case ECHO_READ:
        wait_for(c, EPOLLIN);
        break;
    case ECHO_WRITE:
        wait_for(c, EPOLLOUT);
        break;
    case ECHO_CLOSE:
        close_connection(c);
        break;
    }
}

static void on_connection(void)
{
    int fd;

    while ((fd = echo_accept(listener)) >= 0) {
        struct connection *c = bench_alloc(1, sizeof *c);
        c->echo.fd = fd;
        wait_for(c, EPOLLIN);
        if (++accepted < echo_expected())
            continue;
        close(listener);
        return;
    }
}

void run_echo(const unsigned long *arg)
{
    struct epoll_event events[EVENTS] = { { .events = EPOLLIN } };

    listener = echo_begin(arg);
    if (listener < 0)
        return;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    bench_check(epoll >= 0, "epoll_create1");
    bench_check(!epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]), "epoll_ctl");

    while (closed < echo_expected()) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                on_ready(events[i].data.ptr);
            else
                on_connection();
        }
    }
    echo_end();
}
