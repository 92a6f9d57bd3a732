/* echo_load.c: the clients of echo_load.h. Each knows only three positions in its stream of bytes:
 * how much is sent, how much came back, and where the message under way ends. The bytes themselves
 * follow from client and position, so nothing needs to be kept to check them.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo_load.h"
#include "tcp.h"

#define MESSAGES       8  /* after the first */
#define LONGEST_BITS   16 /* of a message: below 32 KiB */
#define LAST_MESSAGE   (128u * 1024)
#define CONNECTS_BOUND 64 /* under way at a time: less than any system's backlog */
#define TIME_BOUND     GYRE_S(60)

enum kind { CLOSES, HALF_CLOSES, RESETS, FALLS_SILENT, STAYS };

/* Of every twenty clients. The others close. */
static const enum kind kinds[20] = { FALLS_SILENT, RESETS,       HALF_CLOSES, STAYS,
                                     CLOSES,       FALLS_SILENT, RESETS,      HALF_CLOSES };

enum progress { GOES_ON, ENDED_WELL, ENDED_BADLY };

struct client {
    struct load *load;
    enum kind kind;
    int fd;              /* negative: finished */
    bool began, settled; /* settled: SIGINT need not wait for it */
    uint32_t random;
    unsigned index, messages_left;
    uint64_t sent, received, target; /* positions in the stream */
    uint64_t last_sent;              /* a time */
    struct gyre_io io;
    struct gyre_timer next;
};

struct load {
    struct echo_load *report;
    struct gyre_loop *loop;
    unsigned started, connecting, settled;
    bool signalled;
    unsigned char bytes[64 * 1024]; /* being sent or checked just now */
    struct client clients[];
};

static unsigned char byte_at(const struct client *c, uint64_t position)
{
    return (unsigned char)(c->index * 7 + position * 131 + (position >> 8));
}

static unsigned random_size(struct client *c)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 17;
    c->random ^= c->random << 5;
    return 1 + (c->random >> 8) % (1u << c->random % LONGEST_BITS);
}

/* Raise SIGINT while the clients that stay have a big message in the air each. */
static void signal_server(struct load *load)
{
    load->signalled = true;
    for (struct client *c = load->clients; c < load->clients + load->started; c++) {
        if (c->fd < 0)
            continue;
        gyre_timer_stop(&c->next);
        c->target += LAST_MESSAGE;
        gyre_io_start(&c->io, c->fd, GYRE_READ | GYRE_WRITE);
    }
    kill(getpid(), SIGINT);
}

static void settle(struct client *c)
{
    if (c->settled)
        return;
    c->settled = true;
    if (++c->load->settled == c->load->report->connections)
        signal_server(c->load);
}

static void finish(struct client *c, bool well)
{
    struct echo_load *report = c->load->report;
    unsigned *const counts[] = { &report->closed, &report->half_closed, &report->reset,
                                 &report->cut, &report->stayed };

    gyre_io_stop(&c->io);
    gyre_timer_stop(&c->next);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    ++*(well ? counts[c->kind] : &report->failed);
    report->bytes += c->received;
    settle(c);
}

/* The message has been sent. The last one of some kinds is followed by more than waiting. */
static enum progress after_sending(struct client *c)
{
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    if (c->messages_left > 0)
        return GOES_ON;
    if (c->kind == HALF_CLOSES && shutdown(c->fd, SHUT_WR) < 0)
        return ENDED_BADLY;
    if (c->kind != RESETS)
        return GOES_ON;
    /* Closing it now resets the connection, whatever is under way. */
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    return ENDED_WELL;
}

static enum progress send_message(struct client *c)
{
    unsigned char *bytes = c->load->bytes;

    while (c->sent < c->target) {
        size_t size = sizeof(c->load->bytes);
        ssize_t n;

        if (size > c->target - c->sent)
            size = (size_t)(c->target - c->sent);
        for (size_t i = 0; i < size; i++)
            bytes[i] = byte_at(c, c->sent + i);
        n = write(c->fd, bytes, size);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? GOES_ON : ENDED_BADLY;
        c->sent += (uint64_t)n;
        c->last_sent = gyre_loop_now(c->load->loop);
        if (c->sent == c->target)
            return after_sending(c);
    }
    return GOES_ON;
}

static void on_next(struct gyre_timer *timer, void *arg)
{
    struct client *c = arg;

    (void)timer;
    c->target++; /* one byte is enough to stay connected */
    if (gyre_io_start(&c->io, c->fd, GYRE_READ | GYRE_WRITE) < 0)
        finish(c, false);
}

/* The message has come back. */
static enum progress after_receiving(struct client *c)
{
    if (c->messages_left > 0) {
        c->messages_left--;
        c->target += random_size(c);
    } else if (c->kind == CLOSES || c->load->signalled) {
        return ENDED_WELL;
    } else if (c->kind == STAYS) {
        gyre_timer_start(&c->next, c->load->report->idle_timeout / 4);
        settle(c);
    }
    return GOES_ON;
}

/* Whether it was right of the server to close the connection now. */
static enum progress at_end(struct client *c)
{
    uint64_t silence = gyre_loop_now(c->load->loop) - c->last_sent;
    bool all_came = c->messages_left == 0 && c->received == c->target;
    bool right = c->kind == HALF_CLOSES ||
                 (c->kind == FALLS_SILENT && silence >= c->load->report->idle_timeout);

    return all_came && right ? ENDED_WELL : ENDED_BADLY;
}

static enum progress receive_message(struct client *c)
{
    const unsigned char *bytes = c->load->bytes;
    ssize_t n = read(c->fd, c->load->bytes, sizeof(c->load->bytes));

    if (n == 0)
        return at_end(c);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? GOES_ON : ENDED_BADLY;
    if ((uint64_t)n > c->sent - c->received)
        return ENDED_BADLY;
    for (size_t i = 0; i < (size_t)n; i++)
        if (bytes[i] != byte_at(c, c->received + i))
            return ENDED_BADLY;
    c->received += (uint64_t)n;
    return c->received == c->target ? after_receiving(c) : GOES_ON;
}

static void start_clients(struct load *load);

static void on_event(struct gyre_io *io, unsigned events, void *arg)
{
    struct client *c = arg;
    enum progress progress;

    (void)events;
    if (!c->began) {
        c->began = true;
        c->load->connecting--;
        start_clients(c->load);
    }
    progress = send_message(c);
    if (progress == GOES_ON)
        progress = receive_message(c);
    if (progress == GOES_ON &&
        gyre_io_start(io, c->fd, c->sent < c->target ? GYRE_READ | GYRE_WRITE : GYRE_READ) < 0)
        progress = ENDED_BADLY;
    if (progress != GOES_ON)
        finish(c, progress == ENDED_WELL);
}

static bool start_client(struct client *c)
{
    gyre_io_init(&c->io, c->load->loop, on_event, c);
    gyre_timer_init(&c->next, c->load->loop, on_next, c);
    c->messages_left = MESSAGES;
    c->target = 1; /* a short one first */
    c->fd = tcp_connect(c->load->report->port);
    return c->fd >= 0 && gyre_io_start(&c->io, c->fd, GYRE_WRITE) == 0;
}

static void start_clients(struct load *load)
{
    while (load->started < load->report->connections && load->connecting < CONNECTS_BOUND) {
        unsigned index = load->started++;
        struct client *c = &load->clients[index];

        c->load = load;
        c->index = index;
        c->kind = kinds[index % 20];
        c->random = index * 2654435761u + 1;
        if (start_client(c))
            load->connecting++;
        else
            finish(c, false);
    }
}

/* The thread. The loop was made by another one, which could still report an error, so adopt it. */
static void *run_load(void *arg)
{
    struct load *load = arg;

    gyre_loop_adopt(load->loop);
    start_clients(load);
    /* Shutdown is a run with a deadline: the clients finish by themselves, or they have failed. */
    gyre_loop_shutdown(load->loop, gyre_loop_clock(load->loop) + TIME_BOUND);
    for (struct client *c = load->clients; c < load->clients + load->started; c++)
        if (c->fd >= 0)
            finish(c, false);
    load->report->failed += load->report->connections - load->started;
    if (!load->signalled)
        kill(getpid(), SIGINT);
    gyre_loop_destroy(load->loop);
    free(load);
    return NULL;
}

int echo_load_start(struct echo_load *report)
{
    struct load *load = calloc(1, sizeof(*load) + report->connections * sizeof(struct client));
    int err = load ? gyre_loop_create(NULL, &load->loop) : -ENOMEM;

    if (err == 0) {
        load->report = report;
        err = -pthread_create(&report->thread, NULL, run_load, load);
        if (err == 0)
            return 0;
        gyre_loop_destroy(load->loop);
    }
    free(load);
    return err;
}

bool echo_load_join(struct echo_load *r)
{
    pthread_join(r->thread, NULL);
    printf("load:   %u closed, %u half-closed, %u reset, %u cut when idle, %u stayed, %u failed,"
           " %.1f MB came back\n",
           r->closed, r->half_closed, r->reset, r->cut, r->stayed, r->failed,
           (double)r->bytes / 1e6);
    return r->failed == 0;
}
