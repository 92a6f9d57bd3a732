/* daemon: the skeleton of a program that runs for months, controlled by signals.
 *
 *     daemon CONFIG        a file with one line such as "interval_ms = 500"
 *
 * SIGHUP reads the configuration again, SIGUSR1 prints statistics, SIGTERM and SIGINT end it after
 * the batch of work under way. It stays in the foreground and writes to standard output, as service
 * managers like it. Signals arrive as ordinary callbacks, so they may do anything: allocate, print,
 * change what the rest of the program uses.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gyre.h"

#define STEPS_PER_BATCH 1000
#define MAX_INTERVAL_MS 86400000u

struct daemon {
    struct gyre_loop *loop;
    const char *config_path;
    unsigned interval_ms;
    struct gyre_timer period; /* begins a batch */
    struct gyre_call step;    /* does one step of it */
    struct gyre_signal on_hup, on_usr1, on_term, on_int;
    unsigned steps_left;
    bool stopping;
    unsigned long long batches, steps, skipped, reloads;
    uint64_t started;
};

/* Returns 0 or a negative error; `interval_ms` is written on success only, so that a broken file
 * does not disturb a daemon that runs. */
static int read_config(const char *path, unsigned *interval_ms)
{
    FILE *file = fopen(path, "r");
    unsigned value = 0;
    int fields;

    if (!file)
        return -errno;
    fields = fscanf(file, " interval_ms = %9u", &value);
    fclose(file);
    if (fields != 1 || value == 0 || value > MAX_INTERVAL_MS)
        return -EINVAL;
    *interval_ms = value;
    return 0;
}

static void end_batch(struct daemon *d)
{
    d->batches++;
    if (d->stopping)
        gyre_loop_stop(d->loop);
}

/* Long work is done in steps that start each other, so that signals, timers and descriptors are
 * served in between. */
static void on_step(struct gyre_call *call, void *arg)
{
    struct daemon *d = arg;

    d->steps++;
    if (--d->steps_left > 0)
        gyre_call_start(call);
    else
        end_batch(d);
}

static void on_period(struct gyre_timer *timer, void *arg)
{
    struct daemon *d = arg;

    d->skipped += gyre_timer_missed(timer);
    if (d->steps_left > 0) { /* the last batch is not through: let it finish */
        d->skipped++;
        return;
    }
    d->steps_left = STEPS_PER_BATCH;
    gyre_call_start(&d->step);
}

static void on_hup(struct gyre_signal *sig, unsigned count, void *arg)
{
    struct daemon *d = arg;
    int err = read_config(d->config_path, &d->interval_ms);

    (void)sig;
    (void)count; /* several signals before the loop came to it need one reading only */
    if (err < 0) {
        printf("reload failed (%s), keeping interval_ms = %u\n", gyre_strerror(err),
               d->interval_ms);
        return;
    }
    d->reloads++;
    gyre_timer_start_every(&d->period, GYRE_MS(d->interval_ms));
    printf("reloaded, interval_ms = %u\n", d->interval_ms);
}

static void on_usr1(struct gyre_signal *sig, unsigned count, void *arg)
{
    const struct daemon *d = arg;

    (void)sig;
    (void)count;
    printf("statistics: up %.1f s, %llu batches, %llu steps, %llu periods skipped, %llu reloads, "
           "interval_ms = %u, poller %s\n",
           (double)(gyre_loop_now(d->loop) - d->started) / 1e9, d->batches, d->steps, d->skipped,
           d->reloads, d->interval_ms, gyre_loop_poller(d->loop));
}

/* No new batch; the one under way is finished. A second signal does not wait for it. */
static void on_term(struct gyre_signal *sig, unsigned count, void *arg)
{
    struct daemon *d = arg;

    (void)sig;
    if (d->stopping || count > 1 || d->steps_left == 0)
        gyre_loop_stop(d->loop);
    d->stopping = true;
    gyre_timer_stop(&d->period);
    puts("stopping");
}

static int watch(struct daemon *d, struct gyre_signal *sig, int signo, gyre_signal_fn *fn)
{
    gyre_signal_init(sig, d->loop, fn, d);
    return gyre_signal_start(sig, signo);
}

static int start(struct daemon *d)
{
    int err = read_config(d->config_path, &d->interval_ms);

    if (err < 0) {
        fprintf(stderr, "daemon: %s: %s\n", d->config_path, gyre_strerror(err));
        return err;
    }
    d->started = gyre_loop_now(d->loop);
    gyre_timer_init(&d->period, d->loop, on_period, d);
    gyre_call_init(&d->step, d->loop, on_step, d);
    if ((err = watch(d, &d->on_hup, SIGHUP, on_hup)) < 0 ||
        (err = watch(d, &d->on_usr1, SIGUSR1, on_usr1)) < 0 ||
        (err = watch(d, &d->on_term, SIGTERM, on_term)) < 0 ||
        (err = watch(d, &d->on_int, SIGINT, on_term)) < 0 ||
        (err = gyre_timer_start_every(&d->period, GYRE_MS(d->interval_ms))) < 0)
        fprintf(stderr, "daemon: cannot start: %s\n", gyre_strerror(err));
    return err;
}

static int run(struct daemon *d)
{
    int err = start(d);

    if (err < 0)
        return err;
    printf("ready, pid %ld, interval_ms = %u\n", (long)getpid(), d->interval_ms);
    err = gyre_loop_run(d->loop);
    if (err < 0) {
        fprintf(stderr, "daemon: %s\n", gyre_strerror(err));
        return err;
    }
    printf("stopped after %llu batches%s\n", d->batches,
           d->steps_left > 0 ? ", in the middle of one" : "");
    return 0;
}

int main(int argc, char **argv)
{
    struct daemon d = { .config_path = argv[1] };
    int err;

    if (argc != 2) {
        fprintf(stderr, "usage: %s CONFIG\n", argv[0]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0); /* whole lines at once, also into a pipe */
    err = gyre_loop_create(NULL, &d.loop);
    if (err < 0) {
        fprintf(stderr, "daemon: no loop: %s\n", gyre_strerror(err));
        return EXIT_FAILURE;
    }
    err = run(&d);
    gyre_loop_destroy(d.loop); /* stops every watcher */
    return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
