/* What a test of the loop begins and ends with.
 *
 *     static void post_wakes_the_loop(void **state)
 *     {
 *         struct fixture *f = fixture_of(state);
 *         ...
 *     }
 *
 *     cmocka_unit_test_setup_teardown(post_wakes_the_loop, setup, teardown)
 *
 * The loop runs on the poller that the environment variable GYRE_POLLER names. Its memory comes from
 * test_allocator and its system calls go through the counting table, so faults can be armed; see
 * support/fault.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_FIXTURE_H
#define GYRE_TEST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gyre/loop.h"
#include "gyre/test.h"

enum { TRACE_LIMIT = 4096 };

struct fixture {
    struct gyre_loop *loop;
    int trace[TRACE_LIMIT]; /* what record() was told */
    int trace_count;
    unsigned long wait_limit; /* more waits of the poller than this are a fault: it spins */

    /* private: what teardown compares with, and closes */
    int fds_before;
    int threads_before;
    size_t bytes_before;
    int *fds;
    size_t fd_count;
};

/* A loop on the real clock; on a virtual one. */
int setup(void **state);
int setup_virtual(void **state);

/* Everything but the loop: for tests that make their own. */
int setup_bare(void **state);

/* Destroys the loop, unless the test did and set f->loop to NULL, and closes the descriptors that
 * were made here. Fails if descriptors, threads or memory are left, if a fault is still armed, or if
 * the poller was asked too often. */
int teardown(void **state);

struct fixture *fixture_of(void **state);

/* How many descriptors, or threads, this process has. */
int count_fds(void);
int count_threads(void);

/* Options that name test_allocator and nothing else. */
struct gyre_loop_options test_options(void);

/* A second loop like the fixture's, for the test to destroy. */
struct gyre_loop *make_loop(void);

bool poller_is(const struct fixture *f, const char *name);

/* ---- the trace */

void record(struct fixture *f, int id);
void assert_trace(const struct fixture *f, const int *expected, int count);

#define ASSERT_TRACE(f, ...)                        \
    assert_trace((f), (const int[]){ __VA_ARGS__ }, \
                 (int)(sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int)))

/* ---- running */

/* Run all that is ready now, and what that makes ready; returns how many callbacks ran. */
int run_ready(struct fixture *f);

/* ---- descriptors: non-blocking, close-on-exec, closed by teardown at the latest */

void make_pair(struct fixture *f, int fds[2]);     /* unix stream sockets */
void make_pipe(struct fixture *f, int fds[2]);     /* [0] to read, [1] to write */
void make_tcp_pair(struct fixture *f, int fds[2]); /* over loopback */

/* Have teardown close `fd` if it is still open; returns it. */
int own_fd(struct fixture *f, int fd);

/* Close now; *fd becomes -1. */
void close_fd(struct fixture *f, int *fd);

/* Write `text` whole; read all there is, and return how many bytes that was. */
void put(int fd, const char *text);
size_t drain(int fd);

#endif
