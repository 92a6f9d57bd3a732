/* libev: echo server, with ev_io.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"
#include "echo.h"

#include <ev.h>
#include <stdlib.h>
#include <unistd.h>

struct connection {
    ev_io io;
    struct echo echo;
};

static ev_io listener;
static unsigned long accepted;

static void close_connection(struct ev_loop *loop, struct connection *c)
{
    ev_io_stop(loop, &c->io);
    close(c->echo.fd);
    free(c->echo.left);
    free(c);
}

static void wait_for(struct ev_loop *loop, ev_io *io, int events)
{
    if ((io->events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(loop, io);
    ev_io_set(io, io->fd, events);
    ev_io_start(loop, io);
}

static void on_ready(struct ev_loop *loop, ev_io *io, int events)
{
    struct connection *c = io->data;
    (void)events;

    switch (echo_turn(&c->echo)) {
    case ECHO_READ:
        wait_for(loop, io, EV_READ);
        break;
    case ECHO_WRITE:
        wait_for(loop, io, EV_WRITE);
        break;
    case ECHO_CLOSE:
        close_connection(loop, c);
        break;
    }
}

static void on_connection(struct ev_loop *loop, ev_io *io, int events)
{
    int fd;
    (void)events;

    while ((fd = echo_accept(io->fd)) >= 0) {
        struct connection *c = bench_alloc(1, sizeof *c);
        c->echo.fd = fd;
        ev_io_init(&c->io, on_ready, fd, EV_READ);
        c->io.data = c;
        ev_io_start(loop, &c->io);
        if (++accepted < echo_expected())
            continue;
        ev_io_stop(loop, io);
        return;
    }
}

void run_echo(const unsigned long *arg)
{
    struct ev_loop *loop;
    int fd = echo_begin(arg);
    if (fd < 0)
        return;

    loop = ev_loop_new(EVFLAG_AUTO);
    bench_check(loop, "ev_loop_new");
    ev_io_init(&listener, on_connection, fd, EV_READ);
    ev_io_start(loop, &listener);
    ev_run(loop, 0);
    echo_end();
}
