/* tcp.h: the three ways to a TCP socket that the examples need. Every socket is non-blocking and
 * close-on-exec, and on 127.0.0.1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TCP_H
#define TCP_H

#include <stdint.h>

/* Listen on `port`; 0 takes any free one and writes which. Returns the descriptor or a negative
 * error, as the two below. */
int tcp_listen(uint16_t *port);

/* Take one connection; -EAGAIN when none is waiting. */
int tcp_accept(int listener);

/* Begin to connect: the socket becomes writable when that has ended, well or badly. */
int tcp_connect(uint16_t port);

#endif
