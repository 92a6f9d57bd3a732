/* gyre: jobs for a pool, with gyre_work.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include "gyre.h"

enum { JOB_THREADS = 4 };

struct job {
    struct gyre_work work;
};

static void job_ended(struct job *job); /* jobs.h, below */

static struct gyre_loop *loop;
static struct gyre_pool *pool;

static void do_nothing(struct gyre_work *work, void *arg)
{
    (void)work;
    (void)arg;
}

static void on_done(struct gyre_work *work, int status, void *arg)
{
    (void)work;
    (void)status;
    job_ended(arg);
}

static void make_loop(void)
{
    const struct gyre_pool_options opt = { .size = sizeof(opt), .max_threads = JOB_THREADS };

    bench_check(gyre_loop_create(NULL, &loop) == 0, "gyre_loop_create");
    bench_check(gyre_pool_create(&opt, &pool) == 0, "gyre_pool_create");
}

static inline void job_init(struct job *job)
{
    gyre_work_init(&job->work, loop, do_nothing, on_done, job);
}

static inline void job_submit(struct job *job)
{
    gyre_work_submit(&job->work, pool, 0);
}

static void run_loop(void)
{
    gyre_loop_run(loop);
}

#include "jobs.h"
