/* threads: workers that compute, and a loop that gets their results without a lock.
 *
 *     threads [LIMIT]
 *
 * It counts the primes below LIMIT, 500000 if you do not say; SIGINT ends it early.
 *
 * Three ways from a thread to the loop, for three kinds of news:
 * - gyre_post, a node inside your own object: hands the object over. Here, a finished task.
 * - gyre_call_soon_threadsafe, when there is no object to put a node into. Here, a line to print.
 * - gyre_async, when only the newest state counts: any number of sends may become one callback.
 *   Here, the progress.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "gyre.h"

#define WORKERS 4
#define CHUNK   1000u

#define DEFAULT_LIMIT 500000u
#define MAX_LIMIT     1000000000u

/* The program. While workers run, they touch only `progress` and the two atomic members. */
struct program {
    struct gyre_loop *loop;
    struct gyre_async progress;
    struct gyre_signal on_int;
    pthread_t threads[WORKERS];
    unsigned limit, started, finished, primes, reports, quarters;
    atomic_uint tested;
    atomic_bool cancelled;
};

/* What a worker is to do and what it found. It belongs to the loop's thread until the worker is
 * started, then to the worker, and to the loop from gyre_post_send on. So one thread at a time
 * may touch it, and nothing needs a lock. */
struct task {
    struct gyre_post post;
    struct program *program;
    unsigned number, begin, end, primes;
};

static bool is_prime(unsigned n)
{
    if (n < 4 || n % 2 == 0)
        return n == 2 || n == 3;
    for (unsigned d = 3; d <= n / d; d += 2)
        if (n % d == 0)
            return false;
    return true;
}

/* ------------------------------------------------------------------ on the workers */

static void print_line(void *arg)
{
    puts(arg);
    free(arg);
}

/* Once accepted, `line` is the loop's: print_line frees it, or free does if the loop is closed
 * before. Refused, it is still ours. */
static void report_line(struct gyre_loop *loop, unsigned number, const char *what)
{
    char *line = malloc(64);

    if (!line)
        return;
    snprintf(line, 64, "worker %u %s", number, what);
    if (gyre_call_soon_threadsafe(loop, print_line, free, line) < 0)
        free(line);
}

static void *work(void *arg)
{
    struct task *task = arg;
    struct program *p = task->program;

    report_line(p->loop, task->number, "begins");
    for (unsigned n = task->begin; n < task->end && !atomic_load(&p->cancelled); n++) {
        task->primes += is_prime(n);
        if (n % CHUNK == CHUNK - 1) {
            atomic_fetch_add(&p->tested, CHUNK);
            gyre_async_send(&p->progress); /* refused means that nobody wants to know any more */
        }
    }
    if (gyre_post_send(&task->post) < 0)
        free(task); /* the loop was closed; `task` is still ours */
    return NULL;
}

/* ------------------------------------------------------------------ on the loop */

/* The task is ours again, and the node in it with it. */
static void on_result(struct gyre_post *post, void *arg)
{
    struct task *task = arg;
    struct program *p = task->program;

    (void)post;
    printf("worker %u found %u primes\n", task->number, task->primes);
    p->primes += task->primes;
    free(task);
    /* The async is what keeps the loop alive. */
    if (++p->finished == p->started)
        gyre_async_stop(&p->progress);
}

static void on_progress(struct gyre_async *async, void *arg)
{
    struct program *p = arg;
    unsigned quarters = atomic_load(&p->tested) / (p->limit / 4);

    (void)async;
    p->reports++;
    if (quarters > p->quarters)
        printf("%u %% tested\n", quarters * 25);
    p->quarters = quarters;
}

static void on_interrupt(struct gyre_signal *sig, unsigned count, void *arg)
{
    struct program *p = arg;

    (void)sig;
    (void)count;
    puts("interrupted");
    atomic_store(&p->cancelled, true);
}

static int start_worker(struct program *p, unsigned number)
{
    struct task *task = calloc(1, sizeof(*task));
    int err;

    if (!task)
        return -ENOMEM;
    task->program = p;
    task->number = number;
    task->begin = p->limit / WORKERS * number;
    task->end = p->limit / WORKERS * (number + 1);
    err = gyre_post_init(&task->post, p->loop, on_result, free, task);
    if (err == 0)
        err = -pthread_create(&p->threads[number], NULL, work, task);
    if (err == 0)
        p->started++;
    else
        free(task);
    return err;
}

static int run(struct program *p)
{
    int err;

    gyre_async_init(&p->progress, p->loop, on_progress, p);
    gyre_signal_init(&p->on_int, p->loop, on_interrupt, p);
    gyre_signal_unref(&p->on_int);
    if ((err = gyre_async_start(&p->progress)) < 0 ||
        (err = gyre_signal_start(&p->on_int, SIGINT)) < 0)
        return err;
    for (unsigned i = 0; i < WORKERS; i++)
        if ((err = start_worker(p, i)) < 0)
            return err;
    return gyre_loop_run(p->loop);
}

int main(int argc, char **argv)
{
    struct program p = { .limit = DEFAULT_LIMIT };
    int err;

    if (argc > 1)
        p.limit = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2 || p.limit < CHUNK || p.limit > MAX_LIMIT) {
        fprintf(stderr, "usage: %s [LIMIT, %u to %u]\n", argv[0], CHUNK, MAX_LIMIT);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    err = gyre_loop_create(NULL, &p.loop);
    if (err < 0) {
        fprintf(stderr, "threads: no loop: %s\n", gyre_strerror(err));
        return EXIT_FAILURE;
    }
    err = run(&p);

    /* This order is right however far we came: after close, what workers still hand over is
     * refused, and what the loop had not run yet is dropped; but only when no worker is left may
     * the loop's memory go. */
    atomic_store(&p.cancelled, true);
    gyre_loop_close(p.loop);
    for (unsigned i = 0; i < p.started; i++)
        pthread_join(p.threads[i], NULL);
    gyre_loop_destroy(p.loop);
    if (err < 0) {
        fprintf(stderr, "threads: %s\n", gyre_strerror(err));
        return EXIT_FAILURE;
    }
    printf("%u primes, %u tested, %u progress reports\n", p.primes, atomic_load(&p.tested),
           p.reports);
    return EXIT_SUCCESS;
}
