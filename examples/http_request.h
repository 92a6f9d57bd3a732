/* http_request.h: an incremental parser for the heads of HTTP/1.x requests without bodies.
 *
 * It is fed with whatever has arrived, be it one byte or three requests, and says how much of it it
 * has taken. It is strict: what is malformed, too long or announces a body is refused with the
 * status to answer, and the connection is to be closed after that, because nobody can tell where
 * the next request would begin. It needs no memory but the struct and makes no system call.
 *
 * SPDX-License-Identifier: MIT */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_TARGET_SIZE 1024
#define HTTP_LINE_SIZE   4096
#define HTTP_HEAD_SIZE   16384 /* all lines of a request together */

enum http_state {
    HTTP_READING,  /* feed it more */
    HTTP_COMPLETE, /* a request: answer it, then http_request_init for the next one */
    HTTP_REFUSED,  /* `status` says why */
};

struct http_request {
    enum http_state state;
    int status;      /* if refused: 400, 413, 414, 431 or 505 */
    bool keep_alive; /* if complete: the client may send another request */
    char method[16];
    char target[HTTP_TARGET_SIZE];

    /* private */
    unsigned minor_version, hosts;
    bool after_cr, has_request_line, close;
    size_t head_size, line_size;
    char line[HTTP_LINE_SIZE];
};

void http_request_init(struct http_request *r);

/* Take bytes until the request is complete or refused or all are taken. Returns how many. */
size_t http_request_feed(struct http_request *r, const char *data, size_t size);

/* Whether a part of a request has come. */
bool http_request_has_begun(const struct http_request *r);

#endif
