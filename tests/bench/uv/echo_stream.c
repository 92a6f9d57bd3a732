/* libuv: echo server, with uv_tcp: variant "stream". It reads into one static buffer and answers with
 * uv_try_write, which is much cheaper than uv_write; uv_write is for what the kernel has not taken,
 * and until that is done nothing is read.
 *
 * SPDX-License-Identifier: MIT */
#include "echo_stream.h"

#include "bench.h"
#include "echo.h"

#include <stdlib.h>
#include <string.h>

struct connection {
    uv_tcp_t tcp;
    uv_write_t write;
    char *left;
};

static uv_tcp_t listener;
static unsigned long accepted;

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer);

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(echo_buffer, ECHO_BUFFER);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *c = write->data;

    free(c->left);
    if (status == 0)
        uv_read_start((uv_stream_t *)&c->tcp, give_buffer, on_read);
}

static void write_later(struct connection *c, const char *bytes, size_t size)
{
    uv_buf_t rest;

    c->left = bench_alloc(size, 1);
    memcpy(c->left, bytes, size);
    rest = uv_buf_init(c->left, (unsigned)size);
    c->write.data = c;
    uv_read_stop((uv_stream_t *)&c->tcp);
    uv_write(&c->write, (uv_stream_t *)&c->tcp, &rest, 1, on_written);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct connection *c = (struct connection *)stream;
    uv_buf_t answer;
    int put;

    if (got == 0)
        return;
    if (got < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    answer = uv_buf_init(buffer->base, (unsigned)got);
    put = uv_try_write(stream, &answer, 1);
    if (put < 0 && put != UV_EAGAIN)
        uv_close((uv_handle_t *)stream, on_closed);
    else if (put < (int)got)
        write_later(c, buffer->base + (put > 0 ? put : 0), (size_t)(got - (put > 0 ? put : 0)));
}

static void on_connection(uv_stream_t *server, int status)
{
    struct connection *c = bench_alloc(1, sizeof *c);

    bench_check(status == 0, "uv_listen");
    uv_tcp_init(server->loop, &c->tcp);
    bench_check(uv_accept(server, (uv_stream_t *)&c->tcp) == 0, "uv_accept");
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, give_buffer, on_read);
    if (++accepted == echo_expected())
        uv_close((uv_handle_t *)server, NULL);
}

void serve_streams(uv_loop_t *loop, int fd)
{
    uv_tcp_init(loop, &listener);
    bench_check(uv_tcp_open(&listener, fd) == 0, "uv_tcp_open");
    bench_check(uv_listen((uv_stream_t *)&listener, 1024, on_connection) == 0, "uv_listen");
}
