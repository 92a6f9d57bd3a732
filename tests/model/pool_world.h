/* A world for the explorer to search: a pool, from its own source, over locks, conditions and threads
 * of the model's, and loops that are no more than what a pool needs of them. Also twins of the pool
 * with one mistake each, which a search must find out.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_MODEL_POOL_WORLD_H
#define GYRE_MODEL_POOL_WORLD_H

#include "gyre/pool.h"

enum { WORLD_LOOPS = 2, WORLD_WORKERS = 3, WORLD_JOBS = 4 };

extern enum pool_mistake {
    NO_POOL_MISTAKE,
    ARM_WITHOUT_LOOK,     /* a worker marks the intake and sleeps, though there may be mail */
    TAKE_BY_READING,      /* a worker reads what is in its hand, and then empties the slot */
    CANCEL_BY_STORING,    /* a loop does so */
    END_WITHOUT_LOCK,     /* a worker calls an idle loop without the lock */
    OPEN_MAILBOX,         /* a closed loop's mailbox takes more */
    UNCOUNTED_WAKER,      /* close does not wait for who wakes the loop */
    LATE_ANNOUNCEMENT,    /* a worker sends the job home, and then says that it will be back */
    TORN_SHUT,            /* taking the last jobs and refusing more are two operations */
    NO_CALL_FOR_THE_REST, /* who takes a job and leaves others calls nobody */
} pool_mistake;

/* How it begins. */
struct world_plan {
    unsigned max_threads;
    unsigned threads;     /* that are there, and have not looked yet */
    unsigned first_fails; /* so many threads cannot be started, then all can */
    bool is_destroyed;    /* it may be: others ask whether a worker runs a job */
    bool wakes_itself;    /* a loop, as if something else had happened */
    bool are_quick;       /* workers take along what they can */
    bool ours
        [WORLD_JOBS]; /* jobs that gyre_loop_close need not wait for, as those of gyre_offload */
    int loop_of[WORLD_JOBS];
    void (*inside[WORLD_JOBS])(void); /* what the job does, if anything */
};

/* What became of a job. */
struct world_job {
    bool is_accepted;
    bool is_unwanted;  /* somebody tries to cancel it */
    bool is_withdrawn; /* it must not run any more */
    bool is_given_back;
    bool is_waiter; /* for the end; it never runs */
    int status;     /* as it ended */
    unsigned ends;
    unsigned runs;
};

extern struct world_job world_jobs[WORLD_JOBS];

/* Make everything, and tell the explorer of it. */
void world_make(const struct world_plan *plan);
void world_end(void);

/* ---- for the threads of the model. Each says first who it is. */

enum { FIRST_WORKER = WORLD_LOOPS, OTHERS = FIRST_WORKER + WORLD_WORKERS };

void world_is(int thread);

/* The life of worker i. */
void world_work(int i);

/* On the loops' threads. */
void world_submit(int job, unsigned flags);
void world_cancel(int job);

/* Run the loop until all of its jobs have ended; until `count` have. */
void world_run(int loop);
void world_run_for(int loop, unsigned count);

void world_close(int loop);

/* As gyre_pool_shutdown: no more jobs; `job` ends when the others have, without having run. */
void world_await_end(int job);

/* On any. */
int world_destroy(uint64_t max_wait);

/* From now on whoever waits until some time has waited for long enough. */
void world_let_time_pass(void);

/* In a job: never come back. */
void world_stop(void);

/* Note that something has gone wrong. */
void world_blame(const char *what);

/* ---- for the check in the end */

/* What is wrong with a world whose threads have all ended or sleep, or NULL. */
const char *world_check(void);

/* What it was blamed for so far, or NULL. */
const char *world_blamed(void);

unsigned world_threads(void);
unsigned world_most_threads(void);
bool world_pool_is_freed(void);

#endif
