/* See fixture.h.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "os/thread.h"
#include "support/fault.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_LIMIT = 2000 };

/* ------------------------------------------------------------------ what the process has */

/* The entries of a directory of /proc; -1 if there is no such directory. */
static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    if (!dir)
        return -1;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

int count_fds(void)
{
    int count = count_entries("/proc/self/fd");

    if (count >= 0)
        return count - 1; /* the directory itself */
    count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

int count_threads(void)
{
    int count = count_entries("/proc/self/task");

    return count < 0 ? 1 : count;
}

/* A joined thread is still in /proc for a moment. */
static bool threads_are_gone(int expected, int patience_ms)
{
    static const struct timespec moment = { .tv_nsec = 1000000 };

    for (int i = 0; i < patience_ms && count_threads() > expected; i++)
        nanosleep(&moment, NULL);
    return count_threads() <= expected;
}

static void *do_nothing(void *arg)
{
    return arg;
}

/* Some sanitizers start a thread of their own when the program starts its first. */
static void start_first_thread(void)
{
    static bool done;
    pthread_t thread;
    int before = count_threads();

    if (done || pthread_create(&thread, NULL, do_nothing, NULL) != 0)
        return;
    pthread_join(thread, NULL);
    (void)threads_are_gone(before, 50);
    done = true;
}

/* ------------------------------------------------------------------ setup and teardown */

struct fixture *fixture_of(void **state)
{
    return *state;
}

struct gyre_loop_options test_options(void)
{
    return (struct gyre_loop_options){
        .size = sizeof(struct gyre_loop_options),
        .allocator = &test_allocator,
    };
}

int setup_bare(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    if (!f)
        return -1;
    start_first_thread();
    f->wait_limit = WAIT_LIMIT;
    f->fds_before = count_fds();
    f->threads_before = count_threads();
    f->bytes_before = live_bytes();
    fault_install();
    thread_running = NULL; /* after a test that failed in a callback */
    *state = f;
    return 0;
}

int setup(void **state)
{
    struct gyre_loop_options opt = test_options();

    if (setup_bare(state) < 0)
        return -1;
    return gyre_loop_create(&opt, &fixture_of(state)->loop);
}

int setup_virtual(void **state)
{
    struct gyre_loop_options opt = test_options();

    if (setup_bare(state) < 0)
        return -1;
    return gyre_test_loop_create(&opt, &fixture_of(state)->loop);
}

struct gyre_loop *make_loop(void)
{
    struct gyre_loop_options opt = test_options();
    struct gyre_loop *loop;

    assert_int_equal(gyre_loop_create(&opt, &loop), 0);
    return loop;
}

bool poller_is(const struct fixture *f, const char *name)
{
    return strcmp(gyre_loop_poller(f->loop), name) == 0;
}

static int complain(bool broken, const char *what, long is, long should)
{
    if (!broken)
        return 0;
    print_error("teardown: %s: %ld, should be %ld\n", what, is, should);
    return 1;
}

/* Prints what is wrong; returns how much. */
static int check_leftovers(const struct fixture *f, unsigned long waits)
{
    bool are_gone = threads_are_gone(f->threads_before, 2000); /* and have freed what they had */
    int fds = count_fds();
    size_t bytes = live_bytes();
    int faults = 0;

    faults += complain(!are_gone, "threads", count_threads(), f->threads_before);
    faults += complain(fds != f->fds_before, "descriptors", fds, f->fds_before);
    faults += complain(bytes != f->bytes_before, "live bytes", (long)bytes, (long)f->bytes_before);
    faults += complain(waits > f->wait_limit, "waits", (long)waits, (long)f->wait_limit);
    return faults;
}

int teardown(void **state)
{
    struct fixture *f = fixture_of(state);
    unsigned long waits = sys_calls(SYS_WAIT);
    int faults = complain(fault_armed(), "a fault is armed", 1, 0);

    disarm_faults();
    int err = gyre_loop_destroy(f->loop);
    faults += complain(err != 0, "gyre_loop_destroy", err, 0);
    for (size_t i = 0; i < f->fd_count; i++)
        close(f->fds[i]);
    free(f->fds);
    fault_remove();
    faults += check_leftovers(f, waits);
    free(f);
    return faults == 0 ? 0 : -1;
}

/* ------------------------------------------------------------------ the trace */

void record(struct fixture *f, int id)
{
    assert_in_range(f->trace_count, 0, TRACE_LIMIT - 1);
    f->trace[f->trace_count++] = id;
}

static void print_trace(const char *name, const int *ids, int count)
{
    print_error("%s", name);
    for (int i = 0; i < count; i++)
        print_error(" %d", ids[i]);
    print_error("\n");
}

void assert_trace(const struct fixture *f, const int *expected, int count)
{
    bool same = f->trace_count == count;

    for (int i = 0; same && i < count; i++)
        same = f->trace[i] == expected[i];
    if (same)
        return;
    print_trace("trace:   ", f->trace, f->trace_count);
    print_trace("expected:", expected, count);
    fail_msg("the trace differs");
}

/* ------------------------------------------------------------------ running */

int run_ready(struct fixture *f)
{
    int sum = 0;

    for (;;) {
        int ran = gyre_loop_run_once(f->loop, 0);

        assert_in_range(ran, 0, INT32_MAX);
        if (ran == 0)
            return sum;
        sum += ran;
    }
}

/* ------------------------------------------------------------------ descriptors */

int own_fd(struct fixture *f, int fd)
{
    assert_return_code(fd, errno);
    f->fds = realloc(f->fds, (f->fd_count + 1) * sizeof(*f->fds));
    assert_non_null(f->fds);
    f->fds[f->fd_count++] = fd;
    return fd;
}

void close_fd(struct fixture *f, int *fd)
{
    size_t i = 0;

    while (i < f->fd_count && f->fds[i] != *fd)
        i++;
    assert_true(i < f->fd_count);
    f->fds[i] = f->fds[--f->fd_count];
    assert_int_equal(close(*fd), 0);
    *fd = -1;
}

static void make_tame(int fd)
{
    assert_return_code(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), errno);
    assert_return_code(fcntl(fd, F_SETFD, FD_CLOEXEC), errno);
}

static void own_both(struct fixture *f, const int fds[2])
{
    for (int i = 0; i < 2; i++)
        make_tame(own_fd(f, fds[i]));
}

void make_pair(struct fixture *f, int fds[2])
{
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), errno);
    own_both(f, fds);
}

void make_pipe(struct fixture *f, int fds[2])
{
    assert_return_code(pipe(fds), errno);
    own_both(f, fds);
}

void make_tcp_pair(struct fixture *f, int fds[2])
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    socklen_t size = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_return_code(listener, errno);
    assert_return_code(bind(listener, (struct sockaddr *)&addr, size), errno);
    assert_return_code(listen(listener, 1), errno);
    assert_return_code(getsockname(listener, (struct sockaddr *)&addr, &size), errno);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_return_code(fds[0], errno);
    assert_return_code(connect(fds[0], (struct sockaddr *)&addr, size), errno);
    fds[1] = accept(listener, NULL, NULL);
    close(listener);
    own_both(f, fds);
    for (int i = 0; i < 2; i++)
        assert_return_code(setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), errno);
}

void put(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

size_t drain(int fd)
{
    char bytes[4096];
    size_t sum = 0;

    for (;;) {
        ssize_t n = read(fd, bytes, sizeof(bytes));

        if (n <= 0)
            return sum;
        sum += (size_t)n;
    }
}
