/* Ten thousand connections at once over loopback, twice: every one is accepted and echoed to, none
 * is lost, and the second wave costs no more memory than the first.
 *
 * The clients live in a child process, for each end takes a descriptor. Both sides run on the
 * poller under test. GYRE_CONNECTIONS=n takes n instead.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fault.h"
#include "support/fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS = 10000, OTHERS = 100, WAVES = 2, BACKLOG = 512, MESSAGES = 2 };

/* How many connections, as far as descriptors allow. */
static int wanted(void)
{
    const char *number = getenv("GYRE_CONNECTIONS");
    int count = number ? atoi(number) : CONNECTIONS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur != RLIM_INFINITY && (rlim_t)(count + OTHERS) > limit.rlim_cur)
        return 0;
    return count;
}

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
    _exit(1);
}

/* ------------------------------------------------------------------ the server */

struct connection {
    struct gyre_io io;
    unsigned bytes; /* echoed */
};

static struct server {
    struct gyre_loop *loop;
    struct gyre_io listener;
    int count; /* of connections expected in this wave */
    int accepted;
    int open;
    int peak;
    int closed;
    unsigned long bytes;
    unsigned long errors;
} server;

static void close_connection(struct connection *c)
{
    int fd = gyre_io_fd(&c->io);

    server.errors += c->bytes != MESSAGES * sizeof(int);
    server.bytes += c->bytes;
    (void)gyre_io_stop(&c->io);
    close(fd);
    test_allocator.free(NULL, c, sizeof(*c));
    server.open--;
    server.closed++;
    if (server.closed == server.count)
        gyre_loop_stop(server.loop);
}

static void echo(struct gyre_io *io, unsigned events, void *arg)
{
    struct connection *c = arg;
    char bytes[64];
    ssize_t n = read(gyre_io_fd(io), bytes, sizeof(bytes));

    (void)events;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        server.errors += n < 0;
        close_connection(c);
        return;
    }
    c->bytes += (unsigned)n;
    server.errors += write(gyre_io_fd(io), bytes, (size_t)n) != n; /* so little always fits */
}

static void accept_some(struct gyre_io *io, unsigned events, void *arg)
{
    (void)events;
    (void)arg;
    for (int i = 0; i < 64; i++) {
        int fd = accept4(gyre_io_fd(io), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            server.errors += errno != EAGAIN && errno != ECONNABORTED;
            return;
        }
        struct connection *c = test_allocator.alloc(NULL, sizeof(*c));
        assert_non_null(c);
        memset(c, 0, sizeof(*c));
        assert_int_equal(gyre_io_init(&c->io, server.loop, echo, c), 0);
        assert_int_equal(gyre_io_start(&c->io, fd, GYRE_READ), 0);
        server.accepted++;
        server.open++;
        if (server.open > server.peak)
            server.peak = server.open;
    }
}

static struct sockaddr_in listen_on_loopback(struct fixture *f)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    socklen_t size = sizeof(addr);
    int fd = own_fd(f, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_return_code(bind(fd, (struct sockaddr *)&addr, size), errno);
    assert_return_code(listen(fd, BACKLOG), errno);
    assert_return_code(getsockname(fd, (struct sockaddr *)&addr, &size), errno);
    memset(&server, 0, sizeof(server));
    server.loop = f->loop;
    assert_int_equal(gyre_io_init(&server.listener, f->loop, accept_some, NULL), 0);
    assert_int_equal(gyre_io_start(&server.listener, fd, GYRE_READ), 0);
    return addr;
}

/* ------------------------------------------------------------------ the clients */

struct client {
    struct gyre_io io;
    int number;
    int messages; /* that have come back */
};

static struct clients {
    struct gyre_loop *loop;
    struct client *all;
    struct sockaddr_in addr;
    int count;
    int started;
    int connecting;
    int waiting; /* connected, and the first message is back */
    int ended;
} clients;

static void connect_more(void);

static void say_number(struct client *c)
{
    int number = c->number + c->messages;

    must(write(gyre_io_fd(&c->io), &number, sizeof(number)) == sizeof(number), "write");
}

/* When all have connected and heard of their first message, each says its second. */
static void say_second(void)
{
    for (int i = 0; i < clients.count; i++)
        say_number(&clients.all[i]);
}

static void hear(struct client *c)
{
    int number;
    ssize_t n = read(gyre_io_fd(&c->io), &number, sizeof(number));

    if (n < 0 && errno == EAGAIN)
        return;
    must(n == sizeof(number) && number == c->number + c->messages, "the echo");
    c->messages++;
    if (c->messages < MESSAGES) {
        if (++clients.waiting == clients.count)
            say_second();
        return;
    }
    int fd = gyre_io_fd(&c->io);
    (void)gyre_io_stop(&c->io);
    close(fd);
    clients.ended++;
}

static void on_client(struct gyre_io *io, unsigned events, void *arg)
{
    struct client *c = arg;
    int err = 0;
    socklen_t size = sizeof(err);

    (void)events;
    if (gyre_io_events(io) == GYRE_READ) {
        hear(c);
        return;
    }
    must(getsockopt(gyre_io_fd(io), SOL_SOCKET, SO_ERROR, &err, &size) == 0 && err == 0, "connect");
    must(gyre_io_start(io, gyre_io_fd(io), GYRE_READ) == 0, "change to reading");
    say_number(c);
    clients.connecting--;
    connect_more();
}

static void connect_one(struct client *c)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    must(fd >= 0, "socket");
    int result = connect(fd, (struct sockaddr *)&clients.addr, sizeof(clients.addr));
    must(result == 0 || errno == EINPROGRESS, "connect");
    must(gyre_io_init(&c->io, clients.loop, on_client, c) == 0, "init");
    must(gyre_io_start(&c->io, fd, GYRE_WRITE) == 0, "start");
    clients.connecting++;
}

/* No more at a time than the listener has room for. */
static void connect_more(void)
{
    while (clients.started < clients.count && clients.connecting < BACKLOG / 2) {
        clients.all[clients.started].number = clients.started;
        connect_one(&clients.all[clients.started++]);
    }
}

static void run_clients(struct sockaddr_in addr, int count)
{
    clients.addr = addr;
    clients.count = count;
    clients.all = calloc((size_t)count, sizeof(*clients.all));
    must(clients.all && gyre_loop_create(NULL, &clients.loop) == 0, "create");
    connect_more();
    must(gyre_loop_run(clients.loop) == GYRE_RUN_DONE, "run");
    must(clients.ended == count, "all connections");
    must(gyre_loop_destroy(clients.loop) == 0, "destroy");
    _exit(0);
}

/* ------------------------------------------------------------------ both */

static void serve_one_wave(struct sockaddr_in addr, int count)
{
    int status;

    server.count = count;
    server.accepted = server.peak = server.closed = 0;
    server.bytes = 0;
    pid_t pid = fork();
    if (pid == 0)
        run_clients(addr, count);
    assert_int_equal(gyre_loop_run(server.loop), GYRE_RUN_STOPPED);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(server.accepted, count);
    assert_int_equal(server.peak, count);
    assert_int_equal(server.bytes, (size_t)count * MESSAGES * sizeof(int));
    assert_int_equal(server.open, 0);
    assert_int_equal(server.errors, 0);
}

static void every_connection_is_served_and_memory_stays_bounded(void **state)
{
    struct fixture *f = fixture_of(state);
    int count = wanted();
    size_t bytes = 0;

    if (count == 0) {
        print_message("too few descriptors are allowed\n");
        skip();
    }
    f->wait_limit = ULONG_MAX;
    int fds = count_fds() + 1;
    struct sockaddr_in addr = listen_on_loopback(f);
    for (int wave = 0; wave < WAVES; wave++) {
        serve_one_wave(addr, count);
        assert_int_equal(count_fds(), fds);
        if (wave > 0)
            assert_int_equal(live_bytes(), bytes);
        bytes = live_bytes();
    }
    assert_in_range(bytes, 0, 20000 + (size_t)count * 160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_connection_is_served_and_memory_stays_bounded, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
