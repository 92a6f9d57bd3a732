/* libuv: echo server, with uv_tcp: variant "stream".
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_UV_ECHO_STREAM_H
#define BENCH_UV_ECHO_STREAM_H

#include <uv.h>

/* Accept on the socket `fd` and echo, until all connections have come and gone. */
void serve_streams(uv_loop_t *loop, int fd);

#endif
