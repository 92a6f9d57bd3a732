/* echo_server.h: the echo server as a part of a program: start it, run the loop, drain it.
 *
 * The members are for reading, but for the first two, which the caller sets. Zero the rest.
 *
 * SPDX-License-Identifier: MIT */
#ifndef ECHO_SERVER_H
#define ECHO_SERVER_H

#include "gyre.h"

struct echo_server {
    uint16_t port;         /* 0: any free one; start replaces it with the one it got */
    uint64_t idle_timeout; /* a connection that neither sends nor takes anything is cut */

    struct gyre_loop *loop;
    struct gyre_io listener;
    struct gyre_timer resume; /* listens again some time after descriptors ran out */
    struct echo_connection *connections;
    int fd;
    bool draining;
    unsigned accepted, open, idle, broken; /* connections; idle: cut by the timeout */
    unsigned pauses;                       /* how often the listener was paused */
    uint64_t bytes;
};

/* Listen on 127.0.0.1; gyre_loop_run then serves. Returns 0 or a negative error, after which there
 * is nothing to undo. */
int echo_server_start(struct echo_server *s, struct gyre_loop *loop);

/* Listen no more, and run the loop until every connection is through or `deadline` has come; one
 * that is quiet for `quiet` counts as through. gyre_loop_stop cuts it short. Returns how many
 * connections had to be cut, or a negative error; in any case the server is gone. */
int echo_server_drain(struct echo_server *s, uint64_t quiet, uint64_t deadline);

#endif
