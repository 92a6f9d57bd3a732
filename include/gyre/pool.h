/* gyre/pool.h: worker threads for calls that block, and calls from other threads into a loop.
 *
 *     static int sum(struct gyre_job *job, void *arg)
 *     {
 *         intptr_t total = 0;
 *         for (intptr_t i = 1; i <= *(int *)arg; i++)
 *             total += i;
 *         gyre_job_return(job, (void *)total, NULL);
 *         return 0;
 *     }
 *
 *     struct gyre_loop *loop;
 *     int n = 1000;
 *     if (gyre_loop_create(NULL, &loop) < 0)
 *         return 1;
 *     struct gyre_future *f = gyre_offload(loop, NULL, 0, sum, NULL, &n);
 *     gyre_loop_run_until(loop, f);
 *     printf("%ld\n", (long)(intptr_t)gyre_future_peek(f));
 *     gyre_future_unref(f);
 *     gyre_loop_destroy(loop);
 *
 * POOLS. A pool has a queue of jobs and threads that take them from it, started when they are
 * needed and ended when they have been idle for a while; none is ever started before the first job.
 * There may be any number of pools; one may serve several loops. Where jobs are submitted, NULL is
 * the loop's own pool, which is made with the default options when it is first used and ends with
 * the loop. Jobs of a priority are started in the order in which they were submitted, those of low
 * priority when no others wait. A thread whose jobs take microseconds takes several at a time, so with
 * several threads one may start a little later than some that were submitted after it; should one
 * before it be long after all, another thread gets it within a millisecond or so. A job must not wait
 * for another of its pool.
 *
 * JOBS. What runs on a worker must not touch the loop or anything else that belongs to its thread;
 * it may use what it was given and the functions that are for any thread. Every job that was
 * accepted ends exactly once on the loop: done, failed or cancelled; if the loop is closed first, it
 * ends without a word. A pending job keeps the loop alive. Workers have all signals blocked, so that
 * handlers run on your own threads.
 *
 * CANCELLING. A job that has not been started is taken out of the queue: it never runs. One that
 * runs cannot be interrupted: it is told (gyre_job_cancelled), and ends when it returns, with its
 * result if it has one; so a gyre_within around it ends when the job does. With GYRE_JOB_ABANDON
 * nobody waits for it.
 *
 * Threads and errors are as in gyre/loop.h and gyre/future.h: submitting and cancelling is for the
 * loop's thread. In a forked child the pools of the parent have no threads: using one is refused
 * with -EOWNERDEAD, gyre_pool_destroy frees it; jobs that were under way end with -EOWNERDEAD after
 * gyre_loop_after_fork, and the loop's own pool is made anew.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_POOL_H
#define GYRE_POOL_H

#include "gyre/future.h"

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_pool;
struct gyre_work;
struct gyre_job;

/* ------------------------------------------------------------------ pools */

/* How to make a pool. Zero what you do not set, and set `size` to sizeof(struct
 * gyre_pool_options). */
struct gyre_pool_options {
    size_t size;
    unsigned max_threads; /* 0: four, or as many as there are processors if those are more */
    unsigned min_threads; /* so many stay, once started, however long they are idle */
    uint64_t idle_time;   /* ns after which the others end; 0: 10 s */
    size_t queue_limit;   /* so many jobs may wait for a thread to take them; 0: any number */
    size_t stack_size;    /* of each thread, in bytes; 0: the system's default */
    const char *name;     /* of the threads, in ps and gdb, cut to 15 bytes; copied; NULL: "gyre" */
    const struct gyre_allocator *allocator; /* copied, must be thread-safe; NULL: malloc */
};

/* Make a pool. Starts no thread.
 *
 * Ownership:  `out` receives it, on success only; end it with gyre_pool_destroy. `opt` may be NULL.
 * Thread:     any.
 * Errors:     -EINVAL opt->size is wrong, min_threads is more than max_threads, max_threads more
 *             than 1024, stack_size less than the system allows; -ENOMEM.
 * Source:     pool/pool.c; tests: pool_test.c, pool_thread_test.c.
 */
GYRE_API int gyre_pool_create(const struct gyre_pool_options *opt, struct gyre_pool **out);

/* End a pool: it takes no more jobs, those that wait are cancelled, threads end as soon as they are
 * idle. Jobs that run are told, and waited for, at most `max_wait`; those that still run then go
 * on alone, and end on their loops as usual. All of it is freed with the last of them; the pool is
 * yours to use no more in any case.
 *
 * Thread:     any but the pool's own workers (-EDEADLK). NULL is ignored.
 * Errors:     returns the number of jobs that still run; 0: no thread of the pool is left; -EPERM it
 *             is a loop's own pool, which ends with the loop.
 * Units:      ns of real time; 0: do not wait for running jobs; GYRE_NEVER: as long as it takes.
 * Blocks:     up to max_wait, and for idle threads to end.
 */
GYRE_API int gyre_pool_destroy(struct gyre_pool *pool, uint64_t max_wait);

enum gyre_pool_mode {
    GYRE_POOL_DRAIN,         /* run the jobs that wait */
    GYRE_POOL_CANCEL_QUEUED, /* cancel them */
};

/* Let a pool finish, without blocking: it takes no more jobs (-ESHUTDOWN); the future is OK when the
 * last one has ended, or at `deadline` (loop time). Its value is the number of jobs that were
 * left then, (intptr_t)gyre_future_peek(f). They go on; gyre_pool_destroy comes next.
 *
 * Errors:     -EINVAL pool is NULL.
 */
GYRE_API struct gyre_future *gyre_pool_shutdown(struct gyre_loop *loop, struct gyre_pool *pool,
                                                enum gyre_pool_mode mode, uint64_t deadline);

/* OK as soon as the pool's queue has room: what to wait for after -EAGAIN. Others may be faster, so
 * try again and be ready to wait again. */
GYRE_API struct gyre_future *gyre_pool_room(struct gyre_loop *loop, struct gyre_pool *pool);

enum { GYRE_POOL_BUCKETS = 32 };

/* What a pool has done so far. Bucket i of a histogram counts times of at least 2^i ns and less than
 * 2^(i+1); the first and the last also what lies beyond. */
struct gyre_pool_stats {
    size_t size;        /* set it to sizeof(struct gyre_pool_stats) */
    unsigned threads;   /* now */
    unsigned busy;      /* of them, running a job */
    size_t queued;      /* jobs that wait */
    uint64_t completed; /* jobs that have run */
    uint64_t cancelled; /* jobs that never ran */
    unsigned max_threads;
    unsigned max_busy;
    size_t max_queued; /* not those that a busy worker has picked out of several short ones */
    uint64_t wait_time[GYRE_POOL_BUCKETS]; /* from the tick of submission to the start */
    uint64_t run_time[GYRE_POOL_BUCKETS];
};

/* Thread:     any. Errors: -EINVAL; stats->size is smaller than this version's. */
GYRE_API int gyre_pool_get_stats(struct gyre_pool *pool, struct gyre_pool_stats *stats);

/* The loop's own pool, made if there is none yet.
 *
 * Errors:     NULL: no memory, or as every function that is refused.
 */
GYRE_API struct gyre_pool *gyre_loop_pool(struct gyre_loop *loop);

/* ------------------------------------------------------------------ work: jobs in your memory */

enum gyre_job_flags {
    GYRE_JOB_LOW = 1,     /* only when no other job waits */
    GYRE_JOB_ABANDON = 2, /* gyre_offload: do not wait for a running job when cancelled */
    GYRE_JOB_BORROWS =
        4, /* gyre_offload: it uses memory that is not its own, so gyre_loop_close waits
                             for it while it runs; not together with GYRE_JOB_ABANDON */
};

/* On a worker. */
typedef void gyre_work_fn(struct gyre_work *work, void *arg);

/* On the loop: status 0, it has run; it never has: -ECANCELED; -EAGAIN, no thread could be started for
 * it, which was found out only after it had been accepted; or -EOWNERDEAD, see above. */
typedef void gyre_work_done_fn(struct gyre_work *work, int status, void *arg);

/* Its members are private. A call, as the loop sees it. */
struct gyre_work {
    struct gyre_call call;
    gyre_work_fn *run;
    struct gyre_pool_user *user;
    uint32_t submitted;
    int32_t status;
    gyre_work_done_fn *done;
    struct gyre_link sibling;
};

/* Tie `work` to a loop, functions and argument; as every init.
 *
 * Errors:     -EBUSY it is submitted and has not ended.
 * Source:     pool/work.c; tests: work_test.c.
 */
GYRE_API int gyre_work_init(struct gyre_work *work, struct gyre_loop *loop, gyre_work_fn *run,
                            gyre_work_done_fn *done, void *arg);

/* Have a worker call run(work, arg), and then the loop done(work, status, arg), once. It may be
 * submitted again as soon as done has begun.
 *
 * Ownership:  the memory must stay until done begins. If the loop is closed, done is not called:
 *             gyre_loop_close waits for `run` to return if it has begun, and then it is yours.
 * Errors:     -EALREADY it is submitted; -EAGAIN the queue is full, or no thread could be started
 *             and there is none; -ESHUTDOWN the pool has been shut down, or the loop is closed;
 *             -ENOMEM only for the first job that a loop gives to a pool.
 * Cost:       one atomic operation, no allocation; a mutex that is held for a few instructions if
 *             nobody is on the way to the queue, or it is bounded.
 */
GYRE_API int gyre_work_submit(struct gyre_work *work, struct gyre_pool *pool, unsigned flags);

/* Cancel it. Returns true if it will not run: done gets -ECANCELED in the next tick. False if it has
 * begun, which is told it, or is not submitted. */
GYRE_API bool gyre_work_cancel(struct gyre_work *work);

/* On a worker: whether the work has been cancelled meanwhile, or its pool is being destroyed or its
 * loop closed, so that it may end early. */
GYRE_API bool gyre_work_cancelled(const struct gyre_work *work);
GYRE_API bool gyre_work_is_started(const struct gyre_work *work);

/* ------------------------------------------------------------------ offload: jobs as futures */

/* On a worker: do the job and return 0, or a negative error. */
typedef int gyre_job_fn(struct gyre_job *job, void *arg);

/* Run fn(job, arg) on a worker. The future is OK with what the job returned by gyre_job_return, or
 * fails with the error that fn returned, and what gyre_job_return was given is then its detail
 * (gyre_future_detail); it is cancelled if fn returns -ECANCELED after it was asked to stop, or
 * never ran.
 *
 * If the loop is closed, a job that runs goes on alone, unless it borrows, and its result is dropped
 * on the worker.
 * With GYRE_JOB_ABANDON a running job is not waited for when the future is cancelled, and no longer
 * keeps the loop alive: its result is dropped when it comes, on the loop's thread, or on the worker
 * if the loop is closed.
 *
 * Ownership:  accepted, `arg` belongs to the job: exactly one of fn and drop, which may be NULL,
 *             gets it, drop if the job never runs. `arg` stays yours only if the future has failed
 *             already (GYRE_FUTURE_ERR) when this returns. In a cancelled scope it is cancelled
 *             then, and drop has been called.
 * Errors:     fails as gyre_work_submit and for -ENOMEM.
 * Source:     pool/offload.c; tests: offload_test.c.
 */
GYRE_API struct gyre_future *gyre_offload(struct gyre_loop *loop, struct gyre_pool *pool,
                                          unsigned flags, gyre_job_fn *fn, gyre_drop_fn *drop,
                                          void *arg);

/* On the worker: the value of the job, or the detail of its error, dropped if nobody takes it. The
 * last call decides; a value that is replaced is dropped at once. */
GYRE_API void gyre_job_return(struct gyre_job *job, void *value, gyre_drop_fn *drop);

/* On the worker: the same of a job. */
GYRE_API bool gyre_job_cancelled(const struct gyre_job *job);

/* On the worker: run fn(arg) on the loop, in the order of these calls, and before the future is
 * settled: progress. As gyre_call_soon_threadsafe. After the future was abandoned or the loop
 * closed, -ESHUTDOWN.
 */
GYRE_API int gyre_job_post(struct gyre_job *job, gyre_fn *fn, gyre_drop_fn *drop, void *arg);

/* ------------------------------------------------------------------ calling into a loop */

/* On the loop: start something; NULL: it is done. */
typedef struct gyre_future *gyre_loop_call_fn(struct gyre_loop *loop, void *arg);

/* From another thread: run fn(loop, arg) on the loop, and wait until the future it returns is
 * settled. `value` receives the value of the future, which is yours then; if it is NULL, the value is
 * dropped.
 *
 * Ownership:  when this returns fn has returned, or will never be called, so `arg` may be on your
 *             stack; but what fn has started may still be ending if this fails, and must not use it.
 * Thread:     any but the loop's (-EDEADLK). Two loops that call each other wait for ever.
 * Errors:     the error of the future; -ECANCELED it was cancelled; -ETIMEDOUT: the call was not
 *             begun in time, and never will be, or the future has been cancelled and its outcome is
 *             not waited for; -ESHUTDOWN the loop was closed, before or meanwhile; -ENOMEM.
 * Units:      timeout in ns of real time; GYRE_NEVER: no limit, also if nobody runs the loop.
 * Blocks:     up to the timeout, and as long as fn runs.
 * Source:     pool/loop_call.c; tests: loop_call_test.c.
 */
GYRE_API int gyre_loop_call(struct gyre_loop *loop, gyre_loop_call_fn *fn, void *arg,
                            uint64_t timeout, void **value);

#ifdef __cplusplus
}
#endif

#endif
