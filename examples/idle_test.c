/* idle_test: how to test a timeout of a minute without waiting a minute.
 *
 *     idle_test
 *
 * The first part is a piece of some program, a session that ends after 60 s of silence. It knows
 * nothing of tests: it takes a loop. The second part tests it on a loop whose clock stands still
 * until the test lets time pass. Descriptors are as real as ever, so what is written into the
 * socket is there when the clock moves on, and the result is the same on the slowest machine.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gyre.h"

/* ------------------------------------------------------------------ the program */

#define IDLE_TIMEOUT GYRE_S(60)

struct session {
    int fd;
    bool open;
    unsigned bytes;
    struct gyre_io io;
    struct gyre_timer idle;
};

static void end_session(struct session *s)
{
    if (!s->open)
        return;
    gyre_io_stop(&s->io);
    gyre_timer_stop(&s->idle);
    close(s->fd);
    s->open = false;
}

static void on_idle(struct gyre_timer *timer, void *arg)
{
    (void)timer;
    end_session(arg);
}

static void on_readable(struct gyre_io *io, unsigned events, void *arg)
{
    struct session *s = arg;
    char buf[64];
    ssize_t n = read(s->fd, buf, sizeof(buf));

    (void)io;
    (void)events;
    if (n <= 0) {
        end_session(s);
        return;
    }
    s->bytes += (unsigned)n;
    gyre_timer_start(&s->idle, IDLE_TIMEOUT);
}

static int begin_session(struct session *s, struct gyre_loop *loop, int fd)
{
    int err;

    *s = (struct session){ .fd = fd, .open = true };
    gyre_io_init(&s->io, loop, on_readable, s);
    gyre_timer_init(&s->idle, loop, on_idle, s);
    if ((err = gyre_timer_start(&s->idle, IDLE_TIMEOUT)) < 0 ||
        (err = gyre_io_start(&s->io, fd, GYRE_READ)) < 0)
        end_session(s);
    return err;
}

/* ------------------------------------------------------------------ its test */

static int failures;

#define CHECK(condition)                                           \
    do {                                                           \
        if (!(condition)) {                                        \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            failures++;                                            \
        }                                                          \
    } while (0)

struct fixture {
    struct gyre_loop *loop;
    struct session session;
    int peer; /* the client's end */
};

static void session_ends_after_a_minute_of_silence(struct fixture *f)
{
    CHECK(gyre_test_advance(f->loop, GYRE_S(60) - 1) >= 0);
    CHECK(f->session.open);
    CHECK(gyre_test_advance(f->loop, 1) >= 0);
    CHECK(!f->session.open);
}

static void every_byte_pushes_the_end_back(struct fixture *f)
{
    CHECK(gyre_test_advance(f->loop, GYRE_S(59)) >= 0);
    CHECK(write(f->peer, "x", 1) == 1);
    CHECK(gyre_test_advance(f->loop, GYRE_S(59)) >= 0);
    CHECK(f->session.open && f->session.bytes == 1);
    CHECK(gyre_test_advance(f->loop, GYRE_S(2)) >= 0);
    CHECK(!f->session.open);
}

static void a_byte_every_50_s_keeps_it_open_for_a_day(struct fixture *f)
{
    for (unsigned i = 0; i < 24u * 60 * 60 / 50; i++) {
        CHECK(write(f->peer, "x", 1) == 1);
        CHECK(gyre_test_advance(f->loop, GYRE_S(50)) >= 0);
    }
    CHECK(f->session.open && f->session.bytes == 24u * 60 * 60 / 50);
}

static void session_ends_at_once_when_the_peer_closes(struct fixture *f)
{
    CHECK(shutdown(f->peer, SHUT_WR) == 0);
    CHECK(gyre_test_advance(f->loop, 0) >= 0);
    CHECK(!f->session.open);
}

static void after_the_session_nothing_is_left_on_the_loop(struct fixture *f)
{
    CHECK(gyre_test_advance(f->loop, GYRE_S(61)) >= 0);
    CHECK(!gyre_loop_is_alive(f->loop));
}

static void run_test(const char *name, void (*test)(struct fixture *))
{
    struct fixture f;
    int fds[2];
    int before = failures;

    if (gyre_test_loop_create(NULL, &f.loop) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 ||
        fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 || begin_session(&f.session, f.loop, fds[0]) < 0) {
        fprintf(stderr, "idle_test: cannot set up %s\n", name);
        exit(EXIT_FAILURE);
    }
    f.peer = fds[1];
    test(&f);
    end_session(&f.session);
    close(f.peer);
    gyre_loop_destroy(f.loop);
    printf("%s %s\n", failures == before ? "ok    " : "FAILED", name);
}

#define RUN(test) run_test(#test, test)

int main(void)
{
    struct timespec begin, end;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    RUN(session_ends_after_a_minute_of_silence);
    RUN(every_byte_pushes_the_end_back);
    RUN(a_byte_every_50_s_keeps_it_open_for_a_day);
    RUN(session_ends_at_once_when_the_peer_closes);
    RUN(after_the_session_nothing_is_left_on_the_loop);
    clock_gettime(CLOCK_MONOTONIC, &end);

    printf("a day and some minutes, tested in %.1f ms\n",
           (double)(end.tv_sec - begin.tv_sec) * 1e3 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
