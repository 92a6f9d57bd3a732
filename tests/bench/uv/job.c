/* libuv: jobs for its pool, with uv_queue_work.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <stdlib.h>
#include <uv.h>

struct job {
    uv_work_t work;
};

static void job_ended(struct job *job); /* jobs.h, below */

static uv_loop_t loop;

static void do_nothing(uv_work_t *work)
{
    (void)work;
}

static void on_done(uv_work_t *work, int status)
{
    (void)status;
    job_ended(work->data);
}

static void make_loop(void)
{
    bench_check(setenv("UV_THREADPOOL_SIZE", "4", 1) == 0, "setenv");
    bench_check(uv_loop_init(&loop) == 0, "uv_loop_init");
}

static inline void job_init(struct job *job)
{
    job->work.data = job;
}

static inline void job_submit(struct job *job)
{
    uv_queue_work(&loop, &job->work, do_nothing, on_done);
}

static void run_loop(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
}

#include "jobs.h"
