/* The echo servers' common part: see echo.h.
 *
 * Read until the socket is empty, which a read shorter than the buffer tells without another call;
 * write at once; wait for writability only when the kernel takes no more, and read nothing until
 * it has taken the rest.
 *
 * SPDX-License-Identifier: MIT */
#include "echo.h"

#include "bench.h"
#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Enough to empty the socket of a connection that sends 16 * 16 KiB. */
enum { READS_PER_TURN = 4, SPARE_FILES = 64 };

char echo_buffer[ECHO_BUFFER];
static unsigned long expected;
static pid_t generator;

static int listen_on_loopback(struct sockaddr_in *address)
{
    socklen_t length = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bench_check(fd >= 0 && !bind(fd, (struct sockaddr *)address, length), "bind");
    bench_check(!listen(fd, 1024), "listen");
    bench_check(!getsockname(fd, (struct sockaddr *)address, &length), "getsockname");
    return fd;
}

int echo_begin(const unsigned long *arg)
{
    struct sockaddr_in address = { 0 };
    int listener;

    if (!bench_allow_files(arg[0] + SPARE_FILES)) {
        bench_skip("the limit of open files is too low");
        return -1;
    }
    signal(SIGPIPE, SIG_IGN); /* libuv writes without MSG_NOSIGNAL */
    expected = arg[0];
    listener = listen_on_loopback(&address);

    generator = fork();
    bench_check(generator >= 0, "fork");
    if (!generator) {
        close(listener);
        bench_pin(LAST_PROCESSOR);
        load_run(&address, arg);
        exit(0);
    }
    bench_pin(FIRST_PROCESSOR);
    return listener;
}

void echo_end(void)
{
    int status;
    bench_check(waitpid(generator, &status, 0) == generator && status == 0, "load generator");
}

unsigned long echo_expected(void)
{
    return expected;
}

int echo_accept(int listener)
{
    int one = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

void echo_keep(struct echo *echo, const char *bytes, size_t size)
{
    echo->left = bench_alloc(size, 1);
    echo->left_size = size;
    memcpy(echo->left, bytes, size);
}

static ssize_t write_some(int fd, const char *bytes, size_t size)
{
    ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
    return n < 0 && errno == EAGAIN ? 0 : n;
}

static enum echo_next finish_write(struct echo *echo)
{
    ssize_t n = write_some(echo->fd, echo->left, echo->left_size);

    if (n < 0)
        return ECHO_CLOSE;
    echo->left_size -= (size_t)n;
    if (echo->left_size) {
        memmove(echo->left, echo->left + n, echo->left_size);
        return ECHO_WRITE;
    }
    free(echo->left);
    echo->left = NULL;
    return ECHO_READ;
}

enum echo_next echo_turn(struct echo *echo)
{
    if (echo->left)
        return finish_write(echo);

    for (int i = 0; i < READS_PER_TURN; i++) {
        ssize_t got = recv(echo->fd, echo_buffer, sizeof echo_buffer, 0);
        if (got < 0 && errno == EAGAIN)
            return ECHO_READ;
        if (got <= 0)
            return ECHO_CLOSE;

        ssize_t put = write_some(echo->fd, echo_buffer, (size_t)got);
        if (put < 0)
            return ECHO_CLOSE;
        if (put < got) {
            echo_keep(echo, echo_buffer + put, (size_t)(got - put));
            return ECHO_WRITE;
        }
        if (got < ECHO_BUFFER)
            return ECHO_READ;
    }
    return ECHO_READ;
}
