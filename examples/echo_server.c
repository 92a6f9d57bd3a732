/* echo_server.c: a TCP echo server, in the shape most servers on gyre have.
 *
 * One struct per connection holds its watchers: a gyre_io that asks for what the connection needs
 * next, and a gyre_timer that ends it when it has been idle for too long. Because stopping a
 * watcher takes effect at once, a connection can be freed anywhere, also in its own callback.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "echo_server.h"
#include "tcp.h"

#define ACCEPTS_PER_EVENT 64
#define PAUSE             GYRE_MS(100)

struct echo_connection {
    struct echo_server *server;
    struct echo_connection *next, **link; /* link: the pointer that points here */
    int fd;
    struct gyre_io io;
    struct gyre_timer idle;
    size_t begin, end; /* what is still to be sent lies between them */
    char buf[16 * 1024];
};

static void close_connection(struct echo_connection *c)
{
    gyre_io_stop(&c->io); /* before close(2), always */
    gyre_timer_stop(&c->idle);
    close(c->fd);

    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    c->server->open--;
    free(c);
}

/* Every sign of life pushes the end back. That is so cheap (no clock reading, no system call) that
 * there is no need to do it less often. */
static void restart_idle_timer(struct echo_connection *c)
{
    uint64_t now = gyre_loop_now(c->server->loop);

    gyre_timer_start_at(&c->idle, gyre_time_add(now, c->server->idle_timeout));
}

static void on_idle(struct gyre_timer *timer, void *arg)
{
    struct echo_connection *c = arg;

    (void)timer;
    if (!c->server->draining)
        c->server->idle++;
    close_connection(c);
}

/* Returns false when the connection is over: the peer has closed or half-closed it (all that came
 * before has been echoed then, since reading waits for writing), or it broke. */
static bool receive(struct echo_connection *c)
{
    ssize_t n = read(c->fd, c->buf, sizeof(c->buf));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n < 0)
        c->server->broken++;
    if (n <= 0)
        return false;

    c->begin = 0;
    c->end = (size_t)n;
    restart_idle_timer(c);
    return true;
}

static bool send_pending(struct echo_connection *c)
{
    while (c->begin < c->end) {
        ssize_t n = write(c->fd, c->buf + c->begin, c->end - c->begin);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n < 0) {
            c->server->broken++;
            return false;
        }
        c->begin += (size_t)n;
        c->server->bytes += (uint64_t)n;
        restart_idle_timer(c);
    }
    return true;
}

/* The events are not looked at: whatever has happened, the next read or write tells it exactly.
 *
 * Reading is not asked for while output waits, so a client that sends without reading fills the
 * kernel's buffers and its own, but not our memory. Writing is tried first and asked for only when
 * the kernel is full. */
static void on_ready(struct gyre_io *io, unsigned events, void *arg)
{
    struct echo_connection *c = arg;
    bool ok = true;

    (void)events;
    if (c->begin == c->end)
        ok = receive(c);
    if (ok)
        ok = send_pending(c);
    if (!ok || gyre_io_start(io, c->fd, c->begin < c->end ? GYRE_WRITE : GYRE_READ) < 0)
        close_connection(c);
}

static void open_connection(struct echo_server *s, int fd)
{
    struct echo_connection *c = calloc(1, sizeof(*c)); /* zeroed, as watchers want it */

    if (!c) {
        close(fd);
        s->broken++;
        return;
    }
    c->server = s;
    c->fd = fd;
    c->next = s->connections;
    c->link = &s->connections;
    if (c->next)
        c->next->link = &c->next;
    s->connections = c;
    s->open++;

    /* Given zeroed memory, init fails only where this program is wrong, and start would then say
     * so. Starting to watch a descriptor can fail for real: there may be no memory for it. */
    gyre_io_init(&c->io, s->loop, on_ready, c);
    gyre_timer_init(&c->idle, s->loop, on_idle, c);
    restart_idle_timer(c);
    if (gyre_io_start(&c->io, fd, GYRE_READ) < 0) {
        s->broken++;
        close_connection(c);
    }
}

/* With no descriptor to spare, accept fails and the listener stays readable: a server that goes on
 * listening would burn a whole processor on it. Whatever else accept may fail with is no reason
 * to spin either. */
static void pause_listening(struct echo_server *s)
{
    s->pauses++;
    gyre_io_stop(&s->listener);
    gyre_timer_start(&s->resume, PAUSE);
}

/* A bound on what one event may do keeps a flood of connects from starving those we have. The
 * watcher is level-triggered, so the rest is not lost: the next tick reports it again. */
static void on_connect(struct gyre_io *io, unsigned events, void *arg)
{
    struct echo_server *s = arg;

    (void)io;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        int fd = tcp_accept(s->fd);

        if (fd >= 0) {
            s->accepted++;
            open_connection(s, fd);
        } else if (fd != -ECONNABORTED) {
            if (fd != -EAGAIN)
                pause_listening(s);
            return;
        }
    }
}

static void on_resume(struct gyre_timer *timer, void *arg)
{
    struct echo_server *s = arg;

    if (gyre_io_start(&s->listener, s->fd, GYRE_READ) < 0)
        gyre_timer_start(timer, PAUSE);
}

int echo_server_start(struct echo_server *s, struct gyre_loop *loop)
{
    int err;

    s->loop = loop;
    s->fd = tcp_listen(&s->port);
    if (s->fd < 0)
        return s->fd;

    gyre_io_init(&s->listener, loop, on_connect, s);
    gyre_timer_init(&s->resume, loop, on_resume, s);
    err = gyre_io_start(&s->listener, s->fd, GYRE_READ);
    if (err < 0)
        close(s->fd);
    return err;
}

int echo_server_drain(struct echo_server *s, uint64_t quiet, uint64_t deadline)
{
    int left;

    gyre_io_stop(&s->listener);
    gyre_timer_stop(&s->resume);
    close(s->fd);
    s->draining = true;
    if (s->idle_timeout > quiet)
        s->idle_timeout = quiet;
    for (struct echo_connection *c = s->connections; c; c = c->next)
        restart_idle_timer(c);

    left = gyre_loop_shutdown(s->loop, deadline);
    if (left >= 0)
        left = (int)s->open;
    while (s->connections)
        close_connection(s->connections);
    return left;
}
