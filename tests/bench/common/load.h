/* The load generator of the echo workload: the same for all servers.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>

/* Connect arg[0] times, keep arg[2] requests of arg[1] bytes under way on each connection, check
 * every byte that comes back, and report for the time after the warm-up: the server's processor time
 * per request, requests per second, and the latency. To be called in a child of the server. */
void load_run(const struct sockaddr_in *server, const unsigned long *arg);

#endif
