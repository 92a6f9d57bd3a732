/* The workloads of thread pools, the same text for every library that has one. A job does nothing,
 * and its completion on the loop submits it again. Four threads.
 *
 * pool_batch: many jobs are under way. How many are done in a second; what each costs, as time of
 * all processors, and how often a thread goes to sleep for one.
 * pool_round: one job. How long it takes to a worker and back.
 *
 * Included at the end of each library's job file, which has defined before:
 *
 *     struct job          what is submitted
 *     make_loop()         a loop, and a pool of four threads
 *     job_init(job)       what needs to be done once
 *     job_submit(job)     have a worker do nothing, and then the loop call job_ended(job)
 *     run_loop()          run until no job is under way
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_JOBS_H
#define BENCH_JOBS_H

#include <sys/resource.h>
#include <time.h>

enum { JOBS_PER_LOOK = 1 << 8 };

static uint64_t jobs_ended, jobs_begin, jobs_end;

static void job_ended(struct job *job)
{
    if (++jobs_ended % JOBS_PER_LOOK == 0) {
        uint64_t now = bench_wall();
        if (now - jobs_begin >= bench_budget())
            jobs_end = now;
    }
    if (!jobs_end)
        job_submit(job);
}

/* Time of all threads, and how often one of them went to sleep. */
struct jobs_cost {
    uint64_t cpu, sleeps;
};

static struct jobs_cost jobs_cost(void)
{
    struct rusage usage;
    struct timespec ts;

    bench_check(getrusage(RUSAGE_SELF, &usage) == 0, "getrusage");
    bench_check(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0, "clock_gettime");
    return (struct jobs_cost){
        .cpu = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec,
        .sleeps = (uint64_t)usage.ru_nvcsw,
    };
}

static void turn_jobs(struct job *jobs, size_t count)
{
    jobs_ended = jobs_end = 0;
    for (size_t i = 0; i < count; i++)
        job_submit(&jobs[i]);
    run_loop();
}

/* Keep so many jobs under way. Returns what they cost, after the threads have been started. */
static struct jobs_cost run_jobs(size_t count)
{
    struct job *jobs = bench_alloc(count, sizeof *jobs);

    make_loop();
    for (size_t i = 0; i < count; i++)
        job_init(&jobs[i]);
    turn_jobs(jobs, count); /* too long ago to last */
    jobs_begin = bench_wall();
    struct jobs_cost before = jobs_cost();
    turn_jobs(jobs, count);
    struct jobs_cost after = jobs_cost();
    return (struct jobs_cost){
        .cpu = after.cpu - before.cpu,
        .sleeps = after.sleeps - before.sleeps,
    };
}

void run_pool_batch(const unsigned long *arg)
{
    struct jobs_cost cost = run_jobs(arg[0]);
    double ended = (double)jobs_ended;

    bench_report("rate", ended / (double)(jobs_end - jobs_begin) * 1e6, "k/s");
    bench_report("cpu", (double)cost.cpu / ended, "ns");
    bench_report("sleeps", (double)cost.sleeps / ended, "per_job");
}

void run_pool_round(const unsigned long *arg)
{
    struct jobs_cost cost = run_jobs(arg[0]);
    double ended = (double)jobs_ended;

    bench_report("trip", (double)(jobs_end - jobs_begin) / ended * 1e-3, "us");
    bench_report("cpu", (double)cost.cpu / ended, "ns");
    bench_report("sleeps", (double)cost.sleeps / ended, "per_job");
}

#endif
