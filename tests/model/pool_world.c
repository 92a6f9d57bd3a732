/* See pool_world.h.
 *
 * SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "model/pool_twins.h"

/* ------------------------------------------------------------------ jobs */

static size_t job_number(const struct gyre_work *work)
{
    return (size_t)(work - the_works);
}

/* Whether a job that was submitted earlier, by the same loop, has yet to run. */
static bool has_overtaken(size_t job)
{
    for (size_t i = 0; i < job; i++)
        if (plan.loop_of[i] == plan.loop_of[job] && world_jobs[i].is_accepted &&
            !world_jobs[i].is_unwanted && world_jobs[i].runs == 0 &&
            the_works[i].call.repeats != WORK_ENDED && !is_dead(&the_works[i]))
            return true;
    return false;
}

static void run_job(struct gyre_work *work, void *arg)
{
    struct world_job *job = &world_jobs[job_number(work)];

    (void)arg;
    if (job->is_withdrawn)
        world_blame("a job ran after it was withdrawn");
    if (plan.max_threads == 1 && has_overtaken(job_number(work)))
        world_blame("a job ran before an earlier one");
    job->runs++;
    if (plan.inside[job_number(work)])
        plan.inside[job_number(work)]();
}

static void reuse(struct gyre_work *work)
{
    *work = dead_work;
}

static void run_dead(struct gyre_work *work, void *arg)
{
    (void)work;
    (void)arg;
    world_blame("a work ran after it had ended");
    stop();
}

static void end_dead(struct gyre_call *call, void *arg)
{
    (void)call;
    (void)arg;
    world_blame("a work ended after it had ended");
    stop();
}

static void end_job(struct gyre_work *work, int status, void *arg)
{
    struct world_job *job = &world_jobs[job_number(work)];

    (void)arg;
    job->ends++;
    job->status = status;
    reuse(work);
}

/* Of jobs whose memory is the library's. */
void job_done(struct gyre_work *work, int status, void *arg)
{
    end_job(work, status, arg);
}

void waiter_done(struct gyre_work *work, int status, void *arg)
{
    end_job(work, status, arg);
}

void job_lost(struct gyre_work *work)
{
    world_jobs[job_number(work)].is_given_back = true;
    reuse(work);
}

void waiter_lost(struct gyre_work *work)
{
    job_lost(work);
}

bool job_borrows(const struct gyre_work *work)
{
    (void)work;
    return false;
}

/* ------------------------------------------------------------------ memory that is freed */

#define GONE ((void *)0x5a5a5a5a5a5a5a50)

static void *world_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return calloc(1, size);
}

static void *world_realloc(void *ctx, void *block, size_t old, size_t size)
{
    (void)ctx;
    (void)old;
    (void)size;
    return block;
}

static void world_free(void *ctx, void *block, size_t size)
{
    (void)ctx;
    (void)size;
    if (block == the_pool) {
        if (pool_is_freed)
            world_blame("a pool was freed twice");
        pool_is_freed = true;
        the_pool->intake.head = GONE;
        return;
    }
    struct gyre_pool_user *user = block;
    if (user->pool == GONE)
        world_blame("a user was freed twice");
    user->pool = GONE;
    user->loop = GONE;
    user->ended.head = GONE;
}

static const struct gyre_allocator world_allocator = { .alloc = world_alloc,
                                                       .realloc = world_realloc,
                                                       .free = world_free };

/* ------------------------------------------------------------------ making all that */

static void make_pool(void)
{
    struct gyre_pool_options opt = { .size = sizeof(opt),
                                     .max_threads = plan.max_threads,
                                     .allocator = &world_allocator };

    if (gyre_pool_create(&opt, &the_pool) < 0)
        abort();
    explore_memory(&the_pool->refs,
                   offsetof(struct gyre_pool, stats.wait_time) - offsetof(struct gyre_pool, refs));
    explore_memory(&the_pool->intake, sizeof(the_pool->intake));
    explore_memory(&the_pool->counts.completed, sizeof(the_pool->counts.completed));
    explore_shared(&the_pool->intake.head, sizeof(the_pool->intake.head));
    explore_shared(&the_pool->returning, sizeof(the_pool->returning));
}

static void make_loops(void)
{
    memset(loops, 0, sizeof(loops));
    memset(the_pools, 0, sizeof(the_pools));
    for (int i = 0; i < WORLD_LOOPS; i++) {
        list_init(&loops[i].ready);
        list_init(&the_pools[i].users);
        list_init(&the_pools[i].calls);
        the_pools[i].loop = &loops[i];
        the_users[i] = add_user(&the_pools[i], the_pool);
        explore_memory(the_users[i], offsetof(struct gyre_pool_user, allocator));
        explore_memory(&the_users[i]->ended, sizeof(the_users[i]->ended));
        explore_shared(&the_users[i]->ended.head, sizeof(the_users[i]->ended.head));
    }
    explore_memory(loops, sizeof(loops));
    explore_memory(the_pools, sizeof(the_pools));
}

static void make_workers(void)
{
    memset(the_workers, 0, sizeof(the_workers));
    for (int i = 0; i < WORLD_WORKERS; i++) {
        the_workers[i].now = GYRE_S(1);
        the_workers[i].pace = plan.are_quick ? 1 : 0;
        the_workers[i].pool = the_pool;
        explore_memory(&the_workers[i], offsetof(struct worker, hand[WORLD_JOBS]));
        explore_memory(&the_workers[i].held,
                       offsetof(struct worker, counts.wait_time) - offsetof(struct worker, held));
        explore_shared(&the_workers[i].hand[0], 2 * sizeof(the_workers[i].hand[0]));
        if (plan.is_destroyed)
            explore_shared(&the_workers[i].is_running, sizeof(the_workers[i].is_running));
    }
    for (unsigned i = 0; i < plan.threads; i++)
        (void)start_worker(the_pool);
    sys_state.starts_to_fail = plan.first_fails;
}

static void make_jobs(void)
{
    memset(&dead_work, 0x5a, sizeof(dead_work));
    dead_work.run = run_dead;
    dead_work.call.fn = end_dead;
    memset(the_works, 0, sizeof(the_works));
    memset(world_jobs, 0, sizeof(world_jobs));
    for (int i = 0; i < WORLD_JOBS; i++) {
        (void)gyre_work_init(&the_works[i], &loops[plan.loop_of[i]], run_job,
                             plan.ours[i] ? job_done : end_job, NULL);
        explore_shared(&the_works[i].call.repeats, sizeof(the_works[i].call.repeats));
    }
    explore_memory(the_works, sizeof(the_works));
    explore_memory(world_jobs, sizeof(world_jobs));
}

void world_make(const struct world_plan *how)
{
    plan = *how;
    memset(&sys_state, 0, sizeof(sys_state));
    pool_is_freed = false;
    explore_reset();
    explore_memory(&sys_state, sizeof(sys_state));
    explore_memory(&pool_is_freed, sizeof(pool_is_freed));
    make_pool();
    make_loops();
    make_workers();
    make_jobs();
}

void world_end(void)
{
    for (int i = 0; i < WORLD_LOOPS; i++)
        free(the_users[i]);
    free(the_pool);
}

/* ------------------------------------------------------------------ what threads do */

void world_work(int i)
{
    uint64_t seen;

    world_is(FIRST_WORKER + i);
    if (!explore_replayed(&seen)) {
        if (sys_state.started <= (unsigned)i)
            explore_block();
        explore_did(0);
    }
    worker_live(&the_workers[i]);
}

void world_submit(int job, unsigned flags)
{
    struct gyre_pool_user *user = the_users[plan.loop_of[job]];

    world_jobs[job].is_accepted = true; /* it may be all over when the call returns */
    if (work_submit(&the_works[job], user, flags) < 0)
        world_jobs[job].is_accepted = false;
}

void world_cancel(int job)
{
    world_jobs[job].is_unwanted = true;
    if (!is_dead(&the_works[job]) && work_withdraw(&the_works[job]))
        world_jobs[job].is_withdrawn = true;
}

static void run_ready(struct gyre_loop *l)
{
    while (!list_is_empty(&l->ready)) {
        struct gyre_call *call = container_of(list_pop(&l->ready), struct gyre_call, link);

        call->state = CALL_IDLE;
        call->fn(call, call->arg);
    }
}

void world_run_for(int loop, unsigned count)
{
    struct gyre_loop *l = &loops[loop];
    unsigned target = l->held - count;

    run_ready(l);
    while (l->held > target) {
        await_call(l);
        take_call(l);
        user_collect(the_users[loop]);
        run_ready(l);
        explore_forget(1000 + target);
    }
}

void world_run(int loop)
{
    world_run_for(loop, loops[loop].held);
}

void world_close(int loop)
{
    struct gyre_loop *l = &loops[loop];

    while (!list_is_empty(&l->ready))
        container_of(list_pop(&l->ready), struct gyre_call, link)->state = CALL_IDLE;
    close_user(the_users[loop]);
    for (int i = 0; i < WORLD_JOBS; i++) {
        struct world_job *job = &world_jobs[i];

        if (plan.loop_of[i] != loop || plan.ours[i] || !job->is_accepted || job->ends > 0)
            continue;
        if (gyre_call_is_started(&the_works[i].call))
            world_blame("close has not given a work back");
        job->is_given_back = true;
        job->is_withdrawn = true;
        reuse(&the_works[i]);
    }
    l->is_gone = true;
}

void world_await_end(int job)
{
    struct gyre_pool_user *user = the_users[plan.loop_of[job]];

    pool_lock(the_pool);
    pool_shut(the_pool);
    pool_tell_waiters(the_pool);
    pool_unlock(the_pool);
    world_jobs[job].is_accepted = true;
    world_jobs[job].is_waiter = true;
    (void)work_wait(&the_works[job], user, &the_pool->end_waiters);
}

int world_destroy(uint64_t max_wait)
{
    return pool_destroy(the_pool, max_wait);
}

void world_stop(void)
{
    stop();
}

/* ------------------------------------------------------------------ in the end */

static const char *check_job(int i)
{
    const struct world_job *job = &world_jobs[i];

    if (job->runs > 1)
        return "a job ran twice";
    if (job->runs > 0 && job->is_waiter)
        return "one that only waits was run";
    if (!job->is_accepted)
        return job->ends > 0 || job->runs > 0 ? "a refused job was done" : NULL;
    if (job->ends + job->is_given_back == 0)
        return "a job never ended";
    if (job->ends + job->is_given_back > 1)
        return "a job ended twice";
    if (job->ends > 0 && job->runs != (job->status == 0 && !job->is_waiter))
        return "a job ended with the wrong status";
    return is_dead(&the_works[i]) ? NULL : "a work was touched after it had ended";
}

static const char *check_pool(void)
{
    if (sys_state.is_locked)
        return "the lock is held by nobody";
    if (pool_is_freed)
        return the_pool->intake.head == GONE ? NULL : "a pool was touched after it was freed";
    if (mailbox_has_mail(&the_pool->intake) || the_pool->queued > 0 ||
        !list_is_empty(&the_pool->hands))
        return "something is left in the pool";
    if (the_pool->busy + the_pool->returning + the_pool->starting + the_pool->waking > 0)
        return "a worker is counted that is not there";
    return the_pool->sleeping == the_pool->threads ? NULL : "a worker neither sleeps nor has ended";
}

static const char *check_user(const struct gyre_pool_user *user, const struct gyre_loop *l)
{
    if (user->pool == GONE)
        return user->ended.head == GONE && user->loop == GONE ? NULL
                                                              : "a user was touched after it";
    return l->wakes > l->sleeps ? "a loop was woken more often than it slept" : NULL;
}

static uint64_t count_completed(void)
{
    uint64_t count = the_pool->counts.completed;

    if (pool_is_freed) /* and its threads have ended */
        return count;
    for (struct gyre_link *link = the_pool->workers.next; link != &the_pool->workers;
         link = link->next)
        count += container_of(link, struct worker, in_pool)->counts.completed;
    return count;
}

static const char *check_counts(void)
{
    uint64_t ran = 0, never_ran = 0;

    for (int i = 0; i < WORLD_JOBS; i++) {
        ran += world_jobs[i].runs;
        never_ran +=
            world_jobs[i].is_accepted && !world_jobs[i].is_waiter && world_jobs[i].runs == 0;
    }
    if (ran != count_completed() || never_ran != the_pool->stats.cancelled)
        return "the statistics do not add up";
    return NULL;
}

const char *world_check(void)
{
    const char *wrong = sys_state.wrong;

    for (int i = 0; !wrong && i < WORLD_JOBS; i++)
        wrong = check_job(i);
    for (int i = 0; !wrong && i < WORLD_LOOPS; i++)
        wrong = check_user(the_users[i], &loops[i]);
    if (!wrong)
        wrong = check_pool();
    return wrong ? wrong : check_counts();
}

const char *world_blamed(void)
{
    return sys_state.wrong;
}

unsigned world_threads(void)
{
    return the_pool->threads;
}

unsigned world_most_threads(void)
{
    return the_pool->stats.max_threads;
}

bool world_pool_is_freed(void)
{
    return pool_is_freed;
}
