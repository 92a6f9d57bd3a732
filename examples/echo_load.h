/* echo_load.h: many clients for the echo server, on a loop of their own in a thread of their own.
 *
 * Every client sends messages of varying size and checks each byte that comes back. What they do
 * next differs: some close, some half-close, some reset the connection, some fall silent and must
 * be cut by the server's idle timeout, not before its time, and some send so seldom that only the
 * restarted timeout keeps them connected. When only these last ones are left, they send one big
 * message each, and in the middle of that SIGINT is raised: they must still get all of it back.
 *
 * SPDX-License-Identifier: MIT */
#ifndef ECHO_LOAD_H
#define ECHO_LOAD_H

#include <pthread.h>

#include "gyre.h"

struct echo_load {
    /* set by the caller */
    uint16_t port;
    unsigned connections;
    uint64_t idle_timeout;

    /* valid after echo_load_join: clients that fared as they should, by kind; those that did not;
     * bytes that came back right */
    unsigned closed, half_closed, reset, cut, stayed;
    unsigned failed;
    uint64_t bytes;

    pthread_t thread;
};

/* Start the clients. Returns 0 or a negative error. Once started, they raise SIGINT, once. */
int echo_load_start(struct echo_load *load);

/* Wait for the clients and print how they fared. Returns whether it was as it should be. */
bool echo_load_join(struct echo_load *load);

#endif
