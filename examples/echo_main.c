/* echo_server: a TCP echo server with an idle timeout and a clean shutdown.
 *
 *     echo_server [--port N] [--idle MILLISECONDS] [--load CONNECTIONS]
 *
 * SIGINT or SIGTERM ends it in two steps: no more connections, then up to five seconds for those
 * there are; a second signal cuts the wait short. With --load it drives itself (echo_load.h), and
 * its exit status tells whether everything went as it should.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "echo_load.h"
#include "echo_server.h"

#define DRAIN_TIME       GYRE_S(5)
#define DRAIN_QUIET      GYRE_S(1)
#define MAX_CONNECTIONS  100000u
#define MAX_MILLISECONDS 86400000u

struct options {
    unsigned port, idle_ms, load;
};

/* The first signal ends gyre_loop_run, the second one gyre_loop_shutdown. */
static void on_signal(struct gyre_signal *sig, unsigned count, void *arg)
{
    (void)sig;
    (void)count;
    gyre_loop_stop(arg);
}

/* Waiting for a signal shall not keep the loop alive once everything else is finished. */
static int watch_signal(struct gyre_signal *sig, struct gyre_loop *loop, int signo)
{
    gyre_signal_init(sig, loop, on_signal, loop);
    gyre_signal_unref(sig);
    return gyre_signal_start(sig, signo);
}

/* Most systems give a process some 1000 descriptors, and more if it asks. */
static bool raise_descriptor_limit(unsigned need)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return false;
    if (limit.rlim_cur >= need)
        return true;
    limit.rlim_cur = need;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static void report(const struct echo_server *s, int cut, uint64_t elapsed)
{
    printf("server: %u accepted, %u idle timeouts, %u broken, %.1f MB echoed in %.2f s\n",
           s->accepted, s->idle, s->broken, (double)s->bytes / 1e6, (double)elapsed / 1e9);
    if (s->pauses > 0)
        printf("server: out of descriptors, paused %u times\n", s->pauses);
    if (cut < 0)
        printf("server: NOT drained: %s\n", gyre_strerror(cut));
    else if (cut > 0)
        printf("server: NOT drained: %d connections cut\n", cut);
    else
        printf("server: drained\n");
}

/* Serve until a signal, drain, report. Returns whether all went well. */
static bool serve(struct gyre_loop *loop, struct echo_server *server, struct echo_load *load)
{
    uint64_t begin = gyre_loop_clock(loop);
    bool ok = true;
    int err, cut;

    printf("server: listening on 127.0.0.1:%u, poller %s\n", server->port, gyre_loop_poller(loop));
    load->port = server->port;
    err = load->connections > 0 ? echo_load_start(load) : 0;
    if (err < 0) {
        fprintf(stderr, "echo_server: cannot start the load: %s\n", gyre_strerror(err));
        load->connections = 0;
    } else {
        err = gyre_loop_run(loop);
    }

    printf("server: stopping, %u connections to drain\n", server->open);
    cut = echo_server_drain(server, DRAIN_QUIET, gyre_loop_clock(loop) + DRAIN_TIME);
    if (load->connections > 0)
        ok = echo_load_join(load) && server->accepted == load->connections &&
             server->idle == load->cut;
    report(server, cut, gyre_loop_clock(loop) - begin);
    return ok && err >= 0 && cut == 0;
}

static int run(const struct options *opt)
{
    struct echo_load load = { .connections = opt->load, .idle_timeout = GYRE_MS(opt->idle_ms) };
    struct echo_server server = { .port = (uint16_t)opt->port, .idle_timeout = load.idle_timeout };
    struct gyre_signal on_int = { 0 }, on_term = { 0 };
    struct gyre_loop *loop;
    bool ok = false;
    int err = gyre_loop_create(NULL, &loop);

    if (err < 0) {
        fprintf(stderr, "echo_server: no loop: %s\n", gyre_strerror(err));
        return EXIT_FAILURE;
    }
    if ((err = watch_signal(&on_int, loop, SIGINT)) < 0 ||
        (err = watch_signal(&on_term, loop, SIGTERM)) < 0 ||
        (err = echo_server_start(&server, loop)) < 0)
        fprintf(stderr, "echo_server: cannot start: %s\n", gyre_strerror(err));
    else
        ok = serve(loop, &server, &load);
    gyre_loop_destroy(loop); /* stops the signal watchers, too */
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool parse_number(const char *text, unsigned max, unsigned *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || n > max)
        return false;
    *out = (unsigned)n;
    return true;
}

static bool parse_options(struct options *opt, int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        bool ok = false;

        if (i + 1 < argc && strcmp(argv[i], "--port") == 0)
            ok = parse_number(argv[i + 1], UINT16_MAX, &opt->port);
        else if (i + 1 < argc && strcmp(argv[i], "--idle") == 0)
            ok = parse_number(argv[i + 1], MAX_MILLISECONDS, &opt->idle_ms) && opt->idle_ms > 0;
        else if (i + 1 < argc && strcmp(argv[i], "--load") == 0)
            ok = parse_number(argv[i + 1], MAX_CONNECTIONS, &opt->load);
        if (!ok)
            return false;
    }
    if (opt->idle_ms == 0)
        opt->idle_ms = opt->load > 0 ? 2000 : 60000;
    return true;
}

int main(int argc, char **argv)
{
    struct options opt = { 0 };

    if (!parse_options(&opt, argc, argv)) {
        fprintf(stderr, "usage: %s [--port N] [--idle MILLISECONDS] [--load CONNECTIONS]\n",
                argv[0]);
        return 2;
    }
    /* A client and a server for each connection, and some. */
    if (opt.load > 0 && !raise_descriptor_limit(2 * opt.load + 64)) {
        fprintf(stderr, "echo_server: cannot have %u descriptors, try a smaller --load\n",
                2 * opt.load + 64);
        return EXIT_FAILURE;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* writing to a connection that was reset is an error, not the end */
    return run(&opt);
}
