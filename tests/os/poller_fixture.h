/* What the contract tests of pollers share: an open poller, descriptors to watch, and one look at
 * what is reported.
 *
 * The poller is the one that the environment variable GYRE_POLLER names, else the best one. Each
 * test begins with an open one and ends with as many descriptors as it began with.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_POLLER_FIXTURE_H
#define GYRE_TEST_POLLER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os/poller.h"
#include "os/sys.h"

/* The poller under test, open. */
extern struct poller poller;

/* The allocator it was given: `allocator_left` allocations succeed, then they fail; negative: all
 * succeed. `allocator_blocks` are alive, `allocator_calls` were asked for. */
extern int allocator_left;
extern int allocator_blocks;
extern int allocator_calls;

int poller_setup(void **state);
int poller_teardown(void **state);

/* The same without opening and closing the poller. */
int poller_setup_closed(void **state);
int poller_teardown_closed(void **state);

void poller_open(struct poller *p);
bool poller_is(const char *name);

/* The number of open descriptors below 4096. */
int count_fds(void);

/* The key of a descriptor in its n-th life. */
uint64_t key_of(int fd, uint32_t generation);

/* Interest from `old` to `events`; must succeed. The first one uses generation 1. */
void watch(int fd, unsigned old, unsigned events);
void watch_as(int fd, uint32_t generation, unsigned old, unsigned events);

/* What one wait of at most `timeout` reports for the key: at most one event of it may come. */
unsigned seen_within(uint64_t key, uint64_t timeout);
unsigned seen(int fd);

/* How many events one look reports, whoever they are for. */
int count_seen(void);

/* Non-blocking descriptors, [0] to read and [1] to write; both for both, if they are sockets. */
void make_pipe(int fds[2]);
void make_pair(int fds[2]);
void make_tcp_pair(int fds[2]);
void close_both(const int fds[2]);

/* A TCP socket that listens on the loopback interface, and its port. */
int make_listener(uint16_t *port);
int connect_to(uint16_t port);

void put(int fd, const char *text);
void fill(int fd);
void drain(int fd);

/* The monotonic clock in ns, and a wait until `fd` is readable, with a generous limit. */
uint64_t now(void);
bool becomes_readable(int fd);
bool is_readable(int fd);

#endif
