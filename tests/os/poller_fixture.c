/* See poller_fixture.h.
 *
 * SPDX-License-Identifier: MIT */
#include "poller_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct poller poller;
int allocator_left;
int allocator_blocks;
int allocator_calls;

static int fds_before;

/* ------------------------------------------------------------------ the poller */

static bool refuse(void)
{
    allocator_calls++;
    if (allocator_left == 0)
        return true;
    if (allocator_left > 0)
        allocator_left--;
    return false;
}

static void *allocate(void *ctx, size_t size)
{
    (void)ctx;
    if (refuse())
        return NULL;
    allocator_blocks++;
    return malloc(size);
}

static void *reallocate(void *ctx, void *block, size_t old, size_t size)
{
    (void)ctx;
    (void)old;
    if (refuse())
        return NULL;
    allocator_blocks += !block;
    return realloc(block, size);
}

static void release(void *ctx, void *block, size_t size)
{
    (void)ctx;
    (void)size;
    allocator_blocks -= block != NULL;
    free(block);
}

static const struct gyre_allocator test_allocator = {
    .alloc = allocate,
    .realloc = reallocate,
    .free = release,
};

static const struct poller_ops *chosen(void)
{
    const struct poller_ops *ops = poller_find(getenv("GYRE_POLLER"));

    if (!ops)
        fail_msg("no such poller: %s", getenv("GYRE_POLLER"));
    return ops;
}

void poller_open(struct poller *p)
{
    memset(p, 0, sizeof(*p));
    p->ops = chosen();
    p->allocator = &test_allocator;
    assert_int_equal(p->ops->open(p, p->ops), 0);
}

bool poller_is(const char *name)
{
    return strcmp(chosen()->name, name) == 0;
}

int poller_setup_closed(void **state)
{
    (void)state;
    allocator_left = -1;
    allocator_blocks = 0;
    allocator_calls = 0;
    fds_before = count_fds();
    memset(&poller, 0, sizeof(poller));
    poller.ops = chosen();
    poller.allocator = &test_allocator;
    return 0;
}

int poller_teardown_closed(void **state)
{
    (void)state;
    assert_int_equal(allocator_blocks, 0);
    assert_int_equal(count_fds(), fds_before);
    return 0;
}

int poller_setup(void **state)
{
    poller_setup_closed(state);
    poller_open(&poller);
    return 0;
}

int poller_teardown(void **state)
{
    poller.ops->close(&poller);
    return poller_teardown_closed(state);
}

/* ------------------------------------------------------------------ looking */

int count_fds(void)
{
    int count = 0;

    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

uint64_t key_of(int fd, uint32_t generation)
{
    return (uint64_t)generation << 32 | (uint32_t)fd;
}

void watch_as(int fd, uint32_t generation, unsigned old, unsigned events)
{
    assert_int_equal(poller.ops->set(&poller, fd, key_of(fd, generation), old, events), 0);
}

void watch(int fd, unsigned old, unsigned events)
{
    watch_as(fd, 1, old, events);
}

unsigned seen_within(uint64_t key, uint64_t timeout)
{
    struct poller_event events[POLLER_BATCH];
    int n = poller.ops->wait(&poller, timeout, events, POLLER_BATCH);
    unsigned found = 0;

    assert_in_range(n, 0, POLLER_BATCH);
    for (int i = 0; i < n; i++) {
        if (events[i].key != key)
            continue;
        assert_int_equal(found, 0);
        assert_int_not_equal(events[i].events, 0);
        found = events[i].events;
    }
    return found;
}

unsigned seen(int fd)
{
    return seen_within(key_of(fd, 1), 0);
}

int count_seen(void)
{
    struct poller_event events[POLLER_BATCH];
    int n = poller.ops->wait(&poller, 0, events, POLLER_BATCH);

    assert_in_range(n, 0, POLLER_BATCH);
    return n;
}

/* ------------------------------------------------------------------ descriptors */

static void set_nonblocking(int fd)
{
    assert_return_code(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), errno);
}

void make_pipe(int fds[2])
{
    assert_return_code(pipe(fds), errno);
    set_nonblocking(fds[0]);
    set_nonblocking(fds[1]);
}

void make_pair(int fds[2])
{
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), errno);
    set_nonblocking(fds[0]);
    set_nonblocking(fds[1]);
}

int make_listener(uint16_t *port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    socklen_t size = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_return_code(fd, errno);
    assert_return_code(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), errno);
    assert_return_code(listen(fd, 8), errno);
    assert_return_code(getsockname(fd, (struct sockaddr *)&addr, &size), errno);
    set_nonblocking(fd);
    *port = ntohs(addr.sin_port);
    return fd;
}

int connect_to(uint16_t port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_return_code(fd, errno);
    set_nonblocking(fd);
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno != EINPROGRESS)
        assert_int_equal(errno, ECONNREFUSED);
    return fd;
}

void make_tcp_pair(int fds[2])
{
    uint16_t port;
    int listener = make_listener(&port);

    fds[0] = connect_to(port);
    assert_true(becomes_readable(listener));
    fds[1] = accept(listener, NULL, NULL);
    assert_return_code(fds[1], errno);
    set_nonblocking(fds[1]);
    assert_int_equal(close(listener), 0);
}

void close_both(const int fds[2])
{
    assert_int_equal(close(fds[0]), 0);
    assert_int_equal(close(fds[1]), 0);
}

void put(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

void fill(int fd)
{
    static const char zeros[4096];

    while (write(fd, zeros, sizeof(zeros)) > 0)
        ;
    while (write(fd, zeros, 1) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
}

void drain(int fd)
{
    char bytes[4096];

    while (read(fd, bytes, sizeof(bytes)) > 0)
        ;
}

/* ------------------------------------------------------------------ time */

uint64_t now(void)
{
    struct timespec ts;

    assert_return_code(clock_gettime(CLOCK_MONOTONIC, &ts), errno);
    return GYRE_S((uint64_t)ts.tv_sec) + (uint64_t)ts.tv_nsec;
}

static bool readable_within(int fd, int ms)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };

    return poll(&one, 1, ms) == 1 && one.revents & POLLIN;
}

bool becomes_readable(int fd)
{
    return readable_within(fd, 30000);
}

bool is_readable(int fd)
{
    return readable_within(fd, 0);
}
