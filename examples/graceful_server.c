/* graceful_server: a TCP server whose connections belong to a group, and how it stops.
 *
 *     graceful_server [--port N] [--idle MS] [--grace MS]
 *
 * It sends each line back in capitals. A connection that sends no line for --idle is told so and
 * closed. SIGTERM or SIGINT ends the program in good order: no more connections, --grace for those
 * there are to end by themselves, then the rest is told and closed; a second signal cuts the wait
 * short. main ends when the group has ended, so no connection can be forgotten.
 *
 * What repeats is a watcher here (the listener), what ends is a future: a signal to stop, a
 * connection, and each wait of a connection for its socket.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gyre.h"
#include "tcp.h"

#define LONGEST_LINE      4096
#define ACCEPTS_PER_EVENT 64
#define PAUSE             GYRE_MS(100)
#define MAX_MILLISECONDS  86400000u

struct server {
    struct gyre_loop *loop;
    struct gyre_group *connections;
    struct gyre_io listener;
    struct gyre_timer resume; /* listens again some time after descriptors ran out */
    int fd;
    uint64_t idle, grace;
    unsigned accepted, closed, timed_out, cut, broken;
};

struct connection {
    struct server *server;
    int fd;
    struct gyre_scope scope; /* all it waits for; its deadline is the idle one */
    bool at_end;
    size_t begin, end, size; /* in buf: [begin, end) is to be sent, [end, size) is half a line */
    char buf[LONGEST_LINE];
};

/* ------------------------------------------------------------------ a connection */

/* Without waiting: whoever does not read does not get it. */
static void say(const struct connection *c, const char *text)
{
    ssize_t n = write(c->fd, text, strlen(text));

    (void)n;
}

static void free_connection(void *arg)
{
    struct connection *c = arg;

    gyre_scope_fini(&c->scope);
    close(c->fd);
    free(c);
}

static void push_back_deadline(struct connection *c)
{
    uint64_t now = gyre_loop_now(c->server->loop);

    gyre_scope_set_deadline(&c->scope, gyre_time_add(now, c->server->idle));
}

/* Send the lines that are there, as far as the kernel takes them. Returns 0 or the error. */
static int send_lines(struct connection *c)
{
    while (c->begin < c->end) {
        ssize_t n = write(c->fd, c->buf + c->begin, c->end - c->begin);

        if (n < 0 && errno != EINTR)
            return errno == EAGAIN ? 0 : -errno;
        if (n > 0)
            c->begin += (size_t)n;
    }
    c->size -= c->end;
    memmove(c->buf, c->buf + c->end, c->size);
    c->begin = c->end = 0;
    return 0;
}

/* Receive, and see how many whole lines that makes. Returns 0 or the error. */
static int receive_lines(struct connection *c)
{
    ssize_t n = read(c->fd, c->buf + c->size, sizeof(c->buf) - c->size);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    c->at_end = n == 0;
    for (size_t after = c->size + (size_t)n; c->size < after; c->size++) {
        c->buf[c->size] = (char)toupper((unsigned char)c->buf[c->size]);
        if (c->buf[c->size] == '\n')
            c->end = c->size + 1;
    }
    if (c->end > 0)
        push_back_deadline(c);
    else if (c->size == sizeof(c->buf))
        return -EMSGSIZE;
    return 0;
}

static struct gyre_future *failed(struct gyre_loop *loop, int err)
{
    struct gyre_future *f = gyre_future_create(loop);

    gyre_future_fail(f, err);
    return f;
}

/* Called again and again, each time what it returned is there. Nothing is received while something is
 * still to be sent, so a client that does not read fills the kernel's buffers, but not ours. */
static struct gyre_future *serve_lines(struct gyre_future *ready, void *arg)
{
    struct connection *c = arg;
    int err = 0;

    if (ready && c->begin == c->end)
        err = receive_lines(c);
    if (err == 0)
        err = send_lines(c);
    if (err < 0)
        return failed(c->server->loop, err);
    if (c->at_end)
        return NULL;
    return gyre_io_ready(c->server->loop, c->fd, c->begin < c->end ? GYRE_WRITE : GYRE_READ);
}

/* However a connection ends, it ends here. What it returns is told to the group. */
static struct gyre_future *end_connection(struct gyre_future *served, void *arg)
{
    struct connection *c = arg;
    struct server *s = c->server;
    struct gyre_future *outcome = NULL;

    if (gyre_scope_caused(&c->scope, served)) {
        s->timed_out++;
        say(c, "bye: idle for too long\n");
    } else if (gyre_future_state(served) == GYRE_FUTURE_CANCELLED) {
        s->cut++;
        say(c, "bye: the server stops\n");
    } else if (gyre_future_state(served) == GYRE_FUTURE_ERR) {
        s->broken++;
        outcome = served;
    } else {
        s->closed++;
    }
    free_connection(c);
    return outcome;
}

/* Called by the group, in its scope: so that is what the scope of the connection is below. */
static struct gyre_future *start_connection(void *arg)
{
    struct connection *c = arg;
    struct gyre_loop *loop = c->server->loop;
    struct gyre_future *served, *whole;

    gyre_scope_init(&c->scope, loop, NULL);
    push_back_deadline(c);
    gyre_scope_enter(&c->scope);
    served = gyre_repeat(loop, serve_lines, c);
    gyre_scope_leave(&c->scope);
    whole = gyre_after(served, end_connection, c);
    if (gyre_future_state(whole) == GYRE_FUTURE_ERR) { /* no memory: nothing will run */
        c->server->broken++;
        free_connection(c);
    }
    return whole;
}

/* ------------------------------------------------------------------ the server */

static void open_connection(struct server *s, int fd)
{
    struct connection *c = calloc(1, sizeof(*c));

    if (c) {
        *c = (struct connection){ .server = s, .fd = fd };
        s->accepted++;
        if (gyre_group_spawn(s->connections, start_connection, free_connection, c) == 0)
            return;
        s->broken++;
        free(c);
    }
    close(fd);
}

/* The group keeps the errors of its children until somebody takes them. */
static void print_failures(struct server *s)
{
    struct gyre_future *failure;

    while ((failure = gyre_group_take_failure(s->connections))) {
        printf("graceful_server: a connection broke: %s\n", gyre_future_message(failure));
        gyre_future_unref(failure);
    }
}

static void on_connect(struct gyre_io *io, unsigned events, void *arg)
{
    struct server *s = arg;
    int fd = 0;

    (void)events;
    print_failures(s);
    for (int i = 0; i < ACCEPTS_PER_EVENT && fd >= 0; i++) {
        fd = tcp_accept(s->fd);
        if (fd >= 0)
            open_connection(s, fd);
    }
    if (fd < 0 && fd != -EAGAIN && fd != -ECONNABORTED) {
        gyre_io_stop(io); /* no descriptors are left: look again later, not all the time */
        gyre_timer_start(&s->resume, PAUSE);
    }
}

static void on_resume(struct gyre_timer *timer, void *arg)
{
    struct server *s = arg;

    if (gyre_io_start(&s->listener, s->fd, GYRE_READ) < 0)
        gyre_timer_start(timer, PAUSE);
}

static struct gyre_future *next_stop_signal(struct gyre_loop *loop)
{
    struct gyre_future *signals[] = { gyre_signal_next(loop, SIGTERM),
                                      gyre_signal_next(loop, SIGINT) };

    return gyre_race(loop, 2, signals);
}

/* Run the loop until `f` is settled, and return its outcome. */
static int wait_until(struct gyre_loop *loop, struct gyre_future *f)
{
    int err = gyre_loop_run_until(loop, f);

    return err < 0 ? err : gyre_future_error(f);
}

/* Give the connections their time, then cancel those that are left. The group ends when the last
 * one has. */
static void stop_connections(struct server *s)
{
    struct gyre_scope *scope = gyre_group_scope(s->connections);
    struct gyre_future *either[] = { gyre_group_join(s->connections), next_stop_signal(s->loop) };
    struct gyre_future *first = gyre_wait(s->loop, GYRE_WAIT_FIRST, 2, either, GYRE_NEVER);

    printf("graceful_server: stopping, %zu connections\n", gyre_group_count(s->connections));
    gyre_scope_set_deadline(scope, gyre_time_add(gyre_loop_clock(s->loop), s->grace));
    wait_until(s->loop, first);
    gyre_group_cancel(s->connections); /* if it was another signal; else nobody is left */
    wait_until(s->loop, either[0]);

    print_failures(s);
    printf("graceful_server: %u connections: %u closed, %u idle, %u cut, %u broken\n", s->accepted,
           s->closed, s->timed_out, s->cut, s->broken);
    gyre_future_unref(first);
    gyre_future_unref(either[0]);
    gyre_future_unref(either[1]);
}

static int serve(struct server *s, uint16_t port)
{
    struct gyre_future *stop;
    int err;

    s->fd = tcp_listen(&port);
    if (s->fd < 0)
        return s->fd;
    stop = next_stop_signal(s->loop);
    gyre_io_init(&s->listener, s->loop, on_connect, s);
    gyre_timer_init(&s->resume, s->loop, on_resume, s);
    err = gyre_io_start(&s->listener, s->fd, GYRE_READ);
    if (err == 0) {
        printf("graceful_server: listening on 127.0.0.1:%u, poller %s\n", port,
               gyre_loop_poller(s->loop));
        err = wait_until(s->loop, stop);
    }
    gyre_future_unref(stop);
    gyre_io_stop(&s->listener);
    gyre_timer_stop(&s->resume);
    close(s->fd); /* from now on a client that connects is refused */
    if (err == 0)
        stop_connections(s);
    return err;
}

/* ------------------------------------------------------------------ the program */

static int run(struct server *s, uint16_t port)
{
    int err = gyre_loop_create(NULL, &s->loop);

    if (err < 0)
        return err;
    err = gyre_group_create(s->loop, GYRE_GROUP_SUPERVISE, &s->connections);
    if (err == 0) {
        err = serve(s, port);
        gyre_group_unref(s->connections);
    }
    gyre_loop_destroy(s->loop);
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
    unsigned port = 8081, idle_ms = 60000, grace_ms = 5000;
    struct server s = { 0 };
    bool ok = true;
    int err;

    for (int i = 1; ok && i < argc; i += 2)
        ok = i + 1 < argc &&
             ((strcmp(argv[i], "--port") == 0 && parse_number(argv[i + 1], UINT16_MAX, &port)) ||
              (strcmp(argv[i], "--idle") == 0 &&
               parse_number(argv[i + 1], MAX_MILLISECONDS, &idle_ms)) ||
              (strcmp(argv[i], "--grace") == 0 &&
               parse_number(argv[i + 1], MAX_MILLISECONDS, &grace_ms)));
    if (!ok) {
        fprintf(stderr, "usage: %s [--port N] [--idle MS] [--grace MS]\n", argv[0]);
        return 2;
    }
    s.idle = GYRE_MS(idle_ms);
    s.grace = GYRE_MS(grace_ms);
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* writing to a connection that was reset is an error, not the end */
    err = run(&s, (uint16_t)port);
    if (err < 0)
        fprintf(stderr, "graceful_server: %s\n", gyre_strerror(err));
    return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
