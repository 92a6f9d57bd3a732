/* http_hello: an HTTP/1.1 server that says hello, with keep-alive and pipelining.
 *
 *     http_hello [--port N] [--timeout MILLISECONDS]
 *
 * It answers GET and HEAD of "/" on 127.0.0.1. A connection is in http_connection.c, the syntax of
 * requests in http_request.c; here is what makes a program of them. SIGINT or SIGTERM ends it:
 * requests under way are answered, but for two seconds at most.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_connection.h"
#include "tcp.h"

#define ACCEPTS_PER_EVENT 64
#define PAUSE             GYRE_MS(100)
#define DRAIN_TIME        GYRE_S(2)

struct program {
    struct http_server server;
    struct gyre_io listener;
    struct gyre_timer resume; /* listens again some time after descriptors ran out */
    struct gyre_signal on_int, on_term;
    int fd;
    unsigned long long accepted, failed; /* connections */
};

/* When accept fails the listener stays readable, so do not ask for a while. */
static void pause_listening(struct program *p)
{
    gyre_io_stop(&p->listener);
    gyre_timer_start(&p->resume, PAUSE);
}

static void on_connect(struct gyre_io *io, unsigned events, void *arg)
{
    struct program *p = arg;

    (void)io;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        int fd = tcp_accept(p->fd);

        if (fd >= 0) {
            p->accepted++;
            if (http_connection_open(&p->server, fd) < 0)
                p->failed++;
        } else if (fd != -ECONNABORTED) {
            if (fd != -EAGAIN)
                pause_listening(p);
            return;
        }
    }
}

static void on_resume(struct gyre_timer *timer, void *arg)
{
    struct program *p = arg;

    if (gyre_io_start(&p->listener, p->fd, GYRE_READ) < 0)
        gyre_timer_start(timer, PAUSE);
}

/* The first signal ends gyre_loop_run, the second one gyre_loop_shutdown. */
static void on_signal(struct gyre_signal *sig, unsigned count, void *arg)
{
    (void)sig;
    (void)count;
    gyre_loop_stop(arg);
}

static int start(struct program *p)
{
    struct gyre_loop *loop = p->server.loop;
    int err;

    gyre_io_init(&p->listener, loop, on_connect, p);
    gyre_timer_init(&p->resume, loop, on_resume, p);
    gyre_signal_init(&p->on_int, loop, on_signal, loop);
    gyre_signal_init(&p->on_term, loop, on_signal, loop);
    gyre_signal_unref(&p->on_int); /* they shall not keep the loop alive while it drains */
    gyre_signal_unref(&p->on_term);
    if ((err = gyre_io_start(&p->listener, p->fd, GYRE_READ)) < 0 ||
        (err = gyre_signal_start(&p->on_int, SIGINT)) < 0)
        return err;
    return gyre_signal_start(&p->on_term, SIGTERM);
}

/* Returns 0 or a negative error. */
static int serve(struct program *p)
{
    struct gyre_loop *loop = p->server.loop;
    int err = start(p);

    if (err == 0)
        err = gyre_loop_run(loop);
    gyre_io_stop(&p->listener);
    gyre_timer_stop(&p->resume);
    if (err >= 0) {
        p->server.draining = true;
        http_connections_drain(&p->server);
        err = gyre_loop_shutdown(loop, gyre_loop_clock(loop) + DRAIN_TIME);
    }
    printf("http_hello: %llu connections, %llu requests answered, %llu refused, %u cut\n",
           p->accepted, p->server.answered, p->server.refused, http_connections_cut(&p->server));
    return err < 0 ? err : 0;
}

static int run(uint16_t port, uint64_t timeout)
{
    struct program p = { .server = { .timeout = timeout } };
    int err = gyre_loop_create(NULL, &p.server.loop);

    if (err < 0)
        return err;
    p.fd = tcp_listen(&port);
    err = p.fd;
    if (p.fd >= 0) {
        printf("http_hello: http://127.0.0.1:%u/, poller %s\n", port,
               gyre_loop_poller(p.server.loop));
        fflush(stdout);
        err = serve(&p);
        close(p.fd);
    }
    gyre_loop_destroy(p.server.loop);
    return err;
}

static bool parse_number(const char *text, unsigned max, unsigned *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || n > max)
        return false;
    *out = (unsigned)n;
    return true;
}

int main(int argc, char **argv)
{
    unsigned port = 8080, timeout_ms = 10000;
    bool ok = true;
    int err;

    for (int i = 1; ok && i < argc; i += 2)
        ok = i + 1 < argc &&
             ((strcmp(argv[i], "--port") == 0 && parse_number(argv[i + 1], UINT16_MAX, &port)) ||
              (strcmp(argv[i], "--timeout") == 0 &&
               parse_number(argv[i + 1], 86400000, &timeout_ms)));
    if (!ok) {
        fprintf(stderr, "usage: %s [--port N] [--timeout MILLISECONDS]\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* writing to a connection that was reset is an error, not the end */
    err = run((uint16_t)port, GYRE_MS(timeout_ms));
    if (err < 0)
        fprintf(stderr, "http_hello: %s\n", gyre_strerror(err));
    return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
