/* gyre: echo server, with gyre_io.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"
#include "echo.h"

#include "gyre.h"

#include <stdlib.h>
#include <unistd.h>

struct connection {
    struct gyre_io io;
    struct echo echo;
};

static struct gyre_loop *loop;
static struct gyre_io listener;
static unsigned long accepted;

static void close_connection(struct connection *c)
{
    gyre_io_stop(&c->io);
    close(c->echo.fd);
    free(c->echo.left);
    free(c);
}

static void on_ready(struct gyre_io *io, unsigned events, void *arg)
{
    struct connection *c = arg;
    (void)events;

    switch (echo_turn(&c->echo)) {
    case ECHO_READ:
        if (gyre_io_events(io) != GYRE_READ)
            gyre_io_start(io, c->echo.fd, GYRE_READ);
        break;
    case ECHO_WRITE:
        if (gyre_io_events(io) != GYRE_WRITE)
            gyre_io_start(io, c->echo.fd, GYRE_WRITE);
        break;
    case ECHO_CLOSE:
        close_connection(c);
        break;
    }
}

static void on_connection(struct gyre_io *io, unsigned events, void *arg)
{
    int fd;
    (void)events;
    (void)arg;

    while ((fd = echo_accept(gyre_io_fd(io))) >= 0) {
        struct connection *c = bench_alloc(1, sizeof *c);
        c->echo.fd = fd;
        gyre_io_init(&c->io, loop, on_ready, c);
        bench_check(gyre_io_start(&c->io, fd, GYRE_READ) == 0, "gyre_io_start");
        if (++accepted < echo_expected())
            continue;
        gyre_io_stop(io);
        return;
    }
}

void run_echo(const unsigned long *arg)
{
    int fd = echo_begin(arg);
    if (fd < 0)
        return;

    bench_check(gyre_loop_create(NULL, &loop) == 0, "gyre_loop_create");
    gyre_io_init(&listener, loop, on_connection, NULL);
    bench_check(gyre_io_start(&listener, fd, GYRE_READ) == 0, "gyre_io_start");
    gyre_loop_run(loop);
    echo_end();
}
