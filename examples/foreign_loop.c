/* foreign_loop: gyre as a guest in an event loop that is not gyre's.
 *
 *     foreign_loop
 *
 * The host is a plain poll(2) loop, in the place of a GUI toolkit, a game, or a library that
 * insists on its own loop. It watches one descriptor for the guest, gyre_loop_fd, which becomes
 * readable whenever gyre has anything to do, also when a timer is due; then it gives gyre one tick.
 * With the poller "poll" there is no such descriptor, and the host has to come by now and then.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gyre.h"

#define TICKS       5
#define VISIT_EVERY 5 /* milliseconds, where gyre has no descriptor to watch */

struct host {
    struct gyre_loop *guest;
    int guest_fd; /* -1: there is none */
    int pipe[2];
    unsigned bytes, visits;
};

/* ------------------------------------------------------------------ the guest: ordinary gyre */

struct guest {
    struct gyre_timer timer;
    unsigned ticks;
    int fd; /* the host's pipe */
};

static void on_tick(struct gyre_timer *timer, void *arg)
{
    struct guest *g = arg;

    g->ticks++;
    printf("guest: tick %u\n", g->ticks);
    if (write(g->fd, "x", 1) != 1)
        perror("guest: write");
    if (g->ticks == TICKS)
        gyre_timer_stop(timer);
}

static void on_soon(void *arg)
{
    puts(arg);
}

/* All of this is done outside the host's loop, before it runs. */
static int start_guest(struct guest *g, struct host *h)
{
    int err;

    g->fd = h->pipe[1];
    gyre_timer_init(&g->timer, h->guest, on_tick, g);
    err = gyre_timer_start_every(&g->timer, GYRE_MS(10));
    return err < 0 ? err : gyre_call_soon(h->guest, on_soon, "guest: started");
}

/* ------------------------------------------------------------------ the host */

static int find_guest_fd(struct host *h)
{
    int fd = gyre_loop_fd(h->guest);

    if (fd == -ENOTSUP) {
        printf("host: poller %s has no descriptor for other loops, visiting every %d ms\n",
               gyre_loop_poller(h->guest), VISIT_EVERY);
        h->guest_fd = -1;
        return 0;
    }
    if (fd < 0)
        return fd;
    printf("host: poller %s, watching one descriptor for the guest\n", gyre_loop_poller(h->guest));
    h->guest_fd = fd;
    return 0;
}

static int read_pipe(struct host *h)
{
    char buf[16];
    ssize_t n = read(h->pipe[0], buf, sizeof(buf));

    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    h->bytes += (unsigned)n;
    return 0;
}

/* One round of the host. poll(2) ignores a negative descriptor, so without one for the guest the
 * only difference is the timeout. */
static int turn(struct host *h)
{
    struct pollfd fds[] = { { .fd = h->pipe[0], .events = POLLIN },
                            { .fd = h->guest_fd, .events = POLLIN } };
    int n = poll(fds, 2, h->guest_fd < 0 ? VISIT_EVERY : -1);

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (fds[0].revents && (n = read_pipe(h)) < 0)
        return n;
    if (fds[1].revents || h->guest_fd < 0) {
        h->visits++;
        return gyre_loop_run_once(h->guest, 0); /* does not wait: waiting is the host's part */
    }
    return 0;
}

static int run(struct host *h)
{
    struct guest guest = { 0 };
    int err = find_guest_fd(h);

    if (err == 0)
        err = start_guest(&guest, h);
    while (err >= 0 && (gyre_loop_is_alive(h->guest) || h->bytes < TICKS))
        err = turn(h);
    gyre_timer_stop(&guest.timer);
    if (err >= 0)
        printf("host: read %u bytes from the guest, which ticked %u times\n", h->bytes,
               guest.ticks);
    return err;
}

int main(void)
{
    struct host host = { 0 };
    int err;

    if (pipe(host.pipe) < 0) {
        perror("foreign_loop: pipe");
        return EXIT_FAILURE;
    }
    err = gyre_loop_create(NULL, &host.guest);
    if (err == 0) {
        err = run(&host);
        gyre_loop_destroy(host.guest);
    }
    close(host.pipe[0]);
    close(host.pipe[1]);
    if (err < 0) {
        fprintf(stderr, "foreign_loop: %s\n", gyre_strerror(err));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
