/* libuv: echo server, with uv_poll: variant "poll". uv_stream is in echo_stream.c; neither is the
 * faster one everywhere, so the table takes the better one for each number.
 *
 * SPDX-License-Identifier: MIT */
#include "echo_stream.h"

#include "bench.h"
#include "echo.h"

#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

struct connection {
    uv_poll_t poll;
    struct echo echo;
    int events;
};

static uv_loop_t loop;
static uv_poll_t listener;
static unsigned long accepted;

static void on_ready(uv_poll_t *poll, int status, int events);

static void on_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;

    close(c->echo.fd);
    free(c->echo.left);
    free(c);
}

static void wait_for(struct connection *c, int events)
{
    if (c->events == events)
        return;
    c->events = events;
    uv_poll_start(&c->poll, events, on_ready);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct connection *c = poll->data;
    (void)status;
    (void)events;

    switch (echo_turn(&c->echo)) {
    case ECHO_READ:
        wait_for(c, UV_READABLE);
        break;
    case ECHO_WRITE:
        wait_for(c, UV_WRITABLE);
        break;
    case ECHO_CLOSE:
        uv_close((uv_handle_t *)poll, on_closed);
        break;
    }
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    uv_os_fd_t listening;
    int fd;
    (void)status;
    (void)events;

    uv_fileno((uv_handle_t *)poll, &listening);
    while ((fd = echo_accept(listening)) >= 0) {
        struct connection *c = bench_alloc(1, sizeof *c);
        c->echo.fd = fd;
        c->poll.data = c;
        bench_check(uv_poll_init(&loop, &c->poll, fd) == 0, "uv_poll_init");
        wait_for(c, UV_READABLE);
        if (++accepted < echo_expected())
            continue;
        uv_close((uv_handle_t *)poll, NULL);
        return;
    }
}

void run_echo(const unsigned long *arg)
{
    int fd = echo_begin(arg);
    if (fd < 0)
        return;

    bench_check(uv_loop_init(&loop) == 0, "uv_loop_init");
    if (bench_variant_is("stream")) {
        serve_streams(&loop, fd);
    } else {
        uv_poll_init(&loop, &listener, fd);
        uv_poll_start(&listener, UV_READABLE, on_connection);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    echo_end();
}
