/* libevent: echo server, with a persistent event per connection (bufferevents cost more).
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"
#include "echo.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <unistd.h>

struct connection {
    struct event event;
    struct echo echo;
    short events;
};

static struct event_base *base;
static struct event listener;
static unsigned long accepted;

static void on_ready(evutil_socket_t fd, short events, void *arg);

static void close_connection(struct connection *c)
{
    event_del(&c->event);
    close(c->echo.fd);
    free(c->echo.left);
    free(c);
}

static void wait_for(struct connection *c, short events)
{
    if (c->events == events)
        return;
    if (c->events)
        event_del(&c->event);
    c->events = events;
    event_assign(&c->event, base, c->echo.fd, (short)(events | EV_PERSIST), on_ready, c);
    bench_check(event_add(&c->event, NULL) == 0, "event_add");
}

static void on_ready(evutil_socket_t fd, short events, void *arg)
{
    struct connection *c = arg;
    (void)fd;
    (void)events;

    switch (echo_turn(&c->echo)) {
    case ECHO_READ:
        wait_for(c, EV_READ);
        break;
    case ECHO_WRITE:
        wait_for(c, EV_WRITE);
        break;
    case ECHO_CLOSE:
        close_connection(c);
        break;
    }
}

static void on_connection(evutil_socket_t listening, short events, void *arg)
{
    int fd;
    (void)events;
    (void)arg;

    while ((fd = echo_accept(listening)) >= 0) {
        struct connection *c = bench_alloc(1, sizeof *c);
        c->echo.fd = fd;
        wait_for(c, EV_READ);
        if (++accepted < echo_expected())
            continue;
        event_del(&listener);
        return;
    }
}

void run_echo(const unsigned long *arg)
{
    int fd = echo_begin(arg);
    if (fd < 0)
        return;

    base = event_base_new();
    bench_check(base, "event_base_new");
    event_assign(&listener, base, fd, EV_READ | EV_PERSIST, on_connection, NULL);
    event_add(&listener, NULL);
    event_base_dispatch(base);
    echo_end();
}
