/* http_connection.c: requests in, answers out.
 *
 * There is room for a few KiB of each, and nothing is read while answers wait to be taken: a client
 * that pipelines requests without reading is served only as fast as it reads, and costs no more
 * memory than any other. The timeout runs from answer to answer; bytes alone do not push it back,
 * so a client that sends one letter at a time cannot stay for ever.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_connection.h"
#include "http_request.h"

#define ANSWER_SIZE 512 /* no answer is longer */
#define LINGER_TIME GYRE_S(1)

enum phase {
    SERVING,
    ENDING,    /* the last answer is on its way */
    LINGERING, /* it is sent; waiting for the client to close */
};

struct http_connection {
    struct http_server *server;
    struct http_connection *next, **link; /* link: the pointer that points here */
    int fd;
    enum phase phase;
    struct gyre_io io;
    struct gyre_timer timeout;
    struct http_request request;
    size_t in_begin, in_end, out_begin, out_end;
    char in[4096], out[4096];
};

static void close_connection(struct http_connection *c)
{
    gyre_io_stop(&c->io);
    gyre_timer_stop(&c->timeout);
    close(c->fd);

    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    free(c);
}

static void on_timeout(struct gyre_timer *timer, void *arg)
{
    (void)timer;
    close_connection(arg);
}

static void restart_timeout(struct http_connection *c, uint64_t delay)
{
    gyre_timer_start_at(&c->timeout, gyre_time_add(gyre_loop_now(c->server->loop), delay));
}

/* ------------------------------------------------------------------ answers */

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = { { 200, "OK" },
                    { 400, "Bad Request" },
                    { 404, "Not Found" },
                    { 405, "Method Not Allowed" },
                    { 413, "Content Too Large" },
                    { 414, "URI Too Long" },
                    { 431, "Request Header Fields Too Large" },
                    { 505, "HTTP Version Not Supported" } };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Error";
}

/* The path of "/path", "/path?query" and "http://host/path". */
static bool is_root(const char *target)
{
    if (strncmp(target, "http://", 7) == 0)
        target += 7 + strcspn(target + 7, "/?");
    return *target == '\0' || strcmp(target, "/") == 0 || strncmp(target, "/?", 2) == 0;
}

static int decide(const struct http_request *r)
{
    if (r->state == HTTP_REFUSED)
        return r->status;
    if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0)
        return 405;
    return is_root(r->target) ? 200 : 404;
}

/* Append an answer to c->out, which has room for it. */
static void append_answer(struct http_connection *c, int status)
{
    bool is_head = strcmp(c->request.method, "HEAD") == 0;
    time_t now = time(NULL);
    struct tm utc;
    char date[40], body[64];
    int size;

    if (status == 200)
        snprintf(body, sizeof(body), "Hello, world!\n");
    else
        snprintf(body, sizeof(body), "%d %s\n", status, reason(status));
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &utc));
    size = snprintf(c->out + c->out_end, ANSWER_SIZE,
                    "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: %s\r\n%s"
                    "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
                    status, reason(status), date, c->phase == ENDING ? "close" : "keep-alive",
                    status == 405 ? "Allow: GET, HEAD\r\n" : "", strlen(body), is_head ? "" : body);
    c->out_end += (size_t)size;
}

/* Answer what has come and can be answered: until the input is used up, the output is full, or the
 * last answer is given. */
static void answer_requests(struct http_connection *c)
{
    struct http_request *r = &c->request;

    while (c->phase == SERVING && c->out_end + ANSWER_SIZE <= sizeof(c->out)) {
        c->in_begin += http_request_feed(r, c->in + c->in_begin, c->in_end - c->in_begin);
        if (r->state == HTTP_READING)
            return;
        if (r->state == HTTP_REFUSED)
            c->server->refused++;
        else
            c->server->answered++;
        if (!r->keep_alive || c->server->draining)
            c->phase = ENDING;
        append_answer(c, decide(r));
        http_request_init(r);
        restart_timeout(c, c->server->timeout);
    }
}

/* ------------------------------------------------------------------ bytes */

/* Returns false when the connection is over. */
static bool receive(struct http_connection *c)
{
    ssize_t n = read(c->fd, c->in, sizeof(c->in));

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    c->in_begin = 0;
    c->in_end = (size_t)n;
    return n > 0;
}

static bool send_answers(struct http_connection *c)
{
    while (c->out_begin < c->out_end) {
        ssize_t n = write(c->fd, c->out + c->out_begin, c->out_end - c->out_begin);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        c->out_begin += (size_t)n;
        restart_timeout(c, c->server->timeout);
    }
    c->out_begin = c->out_end = 0;
    return true;
}

/* Closing a socket with unread input makes the kernel reset the connection, and the client may lose
 * the last answer. So say that no more will come, and wait a little for the client to close. */
static bool begin_lingering(struct http_connection *c)
{
    c->phase = LINGERING;
    restart_timeout(c, LINGER_TIME);
    return shutdown(c->fd, SHUT_WR) == 0 && gyre_io_start(&c->io, c->fd, GYRE_READ) == 0;
}

/* Returns false when the connection is over. */
static bool serve(struct http_connection *c)
{
    if (c->phase == LINGERING)
        return receive(c); /* whatever it is, nobody wants it */
    if (c->in_begin == c->in_end && c->out_end == 0 && !receive(c))
        return false;
    do {
        answer_requests(c);
        if (!send_answers(c))
            return false;
    } while (c->phase == SERVING && c->out_end == 0 && c->in_begin < c->in_end);

    if (c->out_end > 0)
        return gyre_io_start(&c->io, c->fd, GYRE_WRITE) == 0;
    if (c->phase == ENDING)
        return begin_lingering(c);
    return gyre_io_start(&c->io, c->fd, GYRE_READ) == 0;
}

static void on_ready(struct gyre_io *io, unsigned events, void *arg)
{
    (void)io;
    (void)events;
    if (!serve(arg))
        close_connection(arg);
}

/* ------------------------------------------------------------------ for the server */

int http_connection_open(struct http_server *server, int fd)
{
    struct http_connection *c = calloc(1, sizeof(*c));
    int err;

    if (!c) {
        close(fd);
        return -ENOMEM;
    }
    c->server = server;
    c->fd = fd;
    c->next = server->connections;
    c->link = &server->connections;
    if (c->next)
        c->next->link = &c->next;
    server->connections = c;

    http_request_init(&c->request);
    gyre_io_init(&c->io, server->loop, on_ready, c);
    gyre_timer_init(&c->timeout, server->loop, on_timeout, c);
    restart_timeout(c, server->timeout);
    err = gyre_io_start(&c->io, fd, GYRE_READ);
    if (err < 0)
        close_connection(c);
    return err;
}

void http_connections_drain(struct http_server *server)
{
    struct http_connection *c, *next;

    for (c = server->connections; c; c = next) {
        next = c->next;
        if (c->phase == SERVING && c->out_end == 0 && !http_request_has_begun(&c->request))
            close_connection(c);
    }
}

unsigned http_connections_cut(struct http_server *server)
{
    unsigned count = 0;

    for (; server->connections; count++)
        close_connection(server->connections);
    return count;
}
