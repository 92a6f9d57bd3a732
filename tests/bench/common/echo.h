/* What the echo servers share: the listening socket, the load, and what is done with a connection
 * when it is ready. Only the watching differs from library to library.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

#include <stddef.h>

/* The server's buffer, one for all connections. */
enum { ECHO_BUFFER = 65536 };
extern char echo_buffer[ECHO_BUFFER];

/* A connection; zero but for fd. `left` is what the kernel has not taken yet. */
struct echo {
    int fd;
    size_t left_size;
    char *left;
};

/* Listen on a port of the loopback interface, fork the load generator on another processor, and
 * stay on one. Returns the socket; fewer than 0 if the cell cannot run here. */
int echo_begin(const unsigned long *arg);

/* After the last connection is closed: wait for the load generator. */
void echo_end(void);

/* How many connections will come: stop listening then. */
unsigned long echo_expected(void);

/* Accept one, non-blocking; -1 if there is none now. */
int echo_accept(int listener);

/* The connection can be read, or written while something is left: do it. Returns what to wait for
 * next. */
enum echo_next { ECHO_CLOSE, ECHO_READ, ECHO_WRITE };
enum echo_next echo_turn(struct echo *echo);

/* Keep what a write has not taken. */
void echo_keep(struct echo *echo, const char *bytes, size_t size);

#endif
