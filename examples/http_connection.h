/* http_connection.h: one connection to an HTTP server, from accept to close.
 *
 * SPDX-License-Identifier: MIT */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "gyre.h"

/* What the connections share. */
struct http_server {
    struct gyre_loop *loop;
    uint64_t timeout; /* a connection has this long to send a request, and to take an answer */
    bool draining;
    struct http_connection *connections;
    unsigned long long answered, refused; /* requests */
};

/* Serve `fd`, which belongs to the connection from here on, also if this fails. Returns 0 or a
 * negative error. The connection ends by itself. */
int http_connection_open(struct http_server *server, int fd);

/* After server->draining was set: close every connection that is between two requests. The others
 * end with their next answer. */
void http_connections_drain(struct http_server *server);

/* Close every connection at once. Returns how many there were. */
unsigned http_connections_cut(struct http_server *server);

#endif
