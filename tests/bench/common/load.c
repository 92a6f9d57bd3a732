/* The load generator: see load.h.
 *
 * A closed loop: each answer that is complete releases the next request of its connection; those of
 * one read are sent with one write. Latency counts from when a request was released, so waiting
 * for the kernel to take it is included.
 *
 * SPDX-License-Identifier: MIT */
#include "load.h"

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_DEPTH = 16,
    CHUNK = 1 << 18, /* the most that is written or read at once */
    PERIOD = 251,    /* byte n of each stream is n % PERIOD */
    EVENTS = 256,
    BUCKETS_PER_OCTAVE = 32,
    BUCKETS = 64 * BUCKETS_PER_OCTAVE,
};

#define WARM_UP_LEAST BENCH_MS(60)
#define WARM_UP_MOST  BENCH_MS(2000)

struct client {
    int fd;
    bool waits_to_write;
    uint64_t to_send, sent, received; /* bytes */
    uint64_t released, answered;      /* requests */
    uint64_t released_at[MOST_DEPTH];
};

static struct client *clients;
static size_t client_count, request_size;
static unsigned long depth;
static int epoll;
static char pattern[CHUNK + PERIOD];
static char answer[CHUNK];

static bool measuring;
static uint64_t answers, histogram[BUCKETS];

/* Buckets of equal width within each power of two: 3 % wide. */
static size_t to_bucket(uint64_t ns)
{
    unsigned octave = 0;

    while (ns >= 2 * BUCKETS_PER_OCTAVE) {
        ns >>= 1;
        octave++;
    }
    return octave * BUCKETS_PER_OCTAVE + (size_t)ns;
}

static double from_bucket(size_t bucket)
{
    size_t octave = bucket < 2 * BUCKETS_PER_OCTAVE ? 0 : bucket / BUCKETS_PER_OCTAVE - 1;
    double low = (double)(bucket - octave * BUCKETS_PER_OCTAVE);
    return (low + 0.5) * (double)((uint64_t)1 << octave);
}

static double latency_us(double part)
{
    uint64_t seen = 0, wanted = (uint64_t)((double)answers * part);
    size_t bucket = 0;

    while (bucket < BUCKETS - 1 && (seen += histogram[bucket]) <= wanted)
        bucket++;
    return from_bucket(bucket) * 1e-3;
}

static void wait_for(struct client *c, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = c };
    bench_check(!epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event), "epoll_ctl");
}

static void send_requests(struct client *c)
{
    while (c->to_send) {
        size_t size = c->to_send < CHUNK ? (size_t)c->to_send : CHUNK;
        ssize_t n = send(c->fd, pattern + c->sent % PERIOD, size, MSG_NOSIGNAL);
        bench_check(n > 0 || errno == EAGAIN, "send");
        if (n < 0)
            break;
        c->sent += (uint64_t)n;
        c->to_send -= (uint64_t)n;
        if ((size_t)n < size)
            break;
    }

    if (c->waits_to_write == (c->to_send > 0))
        return;
    c->waits_to_write = c->to_send > 0;
    wait_for(c, c->waits_to_write ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void release(struct client *c, uint64_t count, uint64_t now)
{
    for (uint64_t i = 0; i < count; i++)
        c->released_at[c->released++ % depth] = now;
    c->to_send += count * request_size;
}

static void count_answers(struct client *c, uint64_t count, uint64_t now)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t released_at = c->released_at[c->answered++ % depth];
        if (!measuring)
            continue;
        answers++;
        histogram[to_bucket(now - released_at)]++;
    }
}

static void receive_answers(struct client *c)
{
    ssize_t n = recv(c->fd, answer, sizeof answer, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    bench_check(n > 0, "the server closed a connection");
    bench_check(!memcmp(answer, pattern + c->received % PERIOD, (size_t)n), "a wrong answer");
    c->received += (uint64_t)n;
    bench_check(c->received <= c->sent, "more came back than was sent");

    uint64_t complete = c->received / request_size - c->answered;
    if (!complete)
        return;
    uint64_t now = bench_wall();
    count_answers(c, complete, now);
    release(c, complete, now);
}

static void serve(int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, timeout_ms);

    for (int i = 0; i < count; i++) {
        struct client *c = events[i].data.ptr;
        if (events[i].events & ~(uint32_t)EPOLLOUT)
            receive_answers(c);
        send_requests(c);
    }
}

/* Wait for the connection, but never again. */
static void connect_client(struct client *c, const struct sockaddr_in *server)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bench_check(c->fd >= 0, "socket");
    bench_check(!connect(c->fd, (const struct sockaddr *)server, sizeof *server), "connect");
    bench_check(!fcntl(c->fd, F_SETFL, O_NONBLOCK), "fcntl");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    bench_check(!epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event), "epoll_ctl");
}

static void connect_all(const struct sockaddr_in *server)
{
    epoll = epoll_create1(EPOLL_CLOEXEC);
    bench_check(epoll >= 0, "epoll_create1");
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (char)(i % PERIOD);

    clients = bench_alloc(client_count, sizeof *clients);
    for (size_t i = 0; i < client_count; i++)
        connect_client(&clients[i], server);
}

/* Until every connection has had its first requests answered, and the machine is warm. */
static void warm_up(void)
{
    uint64_t begin = bench_wall(), passed = 0;
    size_t answered = 0;

    for (size_t i = 0; i < client_count; i++) {
        release(&clients[i], depth, bench_wall());
        send_requests(&clients[i]);
    }
    while (passed < WARM_UP_LEAST || (answered < client_count && passed < WARM_UP_MOST)) {
        serve(100);
        passed = bench_wall() - begin;
        while (answered < client_count && clients[answered].answered >= depth)
            answered++;
    }
}

static uint64_t server_cpu(void)
{
    struct timespec used;
    clockid_t clock;

    bench_check(!clock_getcpuclockid(getppid(), &clock), "clock_getcpuclockid");
    bench_check(!clock_gettime(clock, &used), "the server's processor time");
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

void load_run(const struct sockaddr_in *server, const unsigned long *arg)
{
    client_count = arg[0];
    request_size = arg[1];
    depth = arg[2];
    connect_all(server);
    warm_up();

    uint64_t cpu = server_cpu(), begin = bench_wall(), passed;
    measuring = true;
    do {
        serve(100);
        passed = bench_wall() - begin;
    } while (passed < bench_budget() || !answers);
    cpu = server_cpu() - cpu;

    bench_report("cpu", (double)cpu / (double)answers, "ns");
    bench_report("rate", (double)answers / ((double)passed * 1e-6), "k/s");
    bench_report("p50", latency_us(0.5), "us");
    bench_report("p99", latency_us(0.99), "us");
    for (size_t i = 0; i < client_count; i++)
        close(clients[i].fd);
}
