/* What every bench program shares: the list of cells, clocks, random numbers, and the output.
 *
 * There is one program per library, and each runs the same cells, listed once in bench.c. A cell is
 * a workload with its arguments: "timer_restart_const-1000000". Where a library can do a workload in
 * several ways it has variants of it, "queue_chain@idle", and the table shows the best.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_MS(n) ((uint64_t)(n)*1000000u)

typedef void workload_fn(const unsigned long *arg);

struct cell {
    const char *workload;
    workload_fn *run;
    unsigned long arg[3];
};

/* What each library provides: who it is, its variants ("queue_chain@idle", up to a NULL), cells that
 * not every C library here has (up to one without a workload), and the common workloads. */
const char *library_version(void);
extern const char *const library_variants[];
extern const struct cell library_cells[];

workload_fn run_timer_fill_const, run_timer_fill_spread;       /* live timers */
workload_fn run_timer_restart_const, run_timer_restart_spread; /* live timers */
workload_fn run_timer_pair, run_timer_idle, run_timer_expire;  /* live timers */
workload_fn run_timer_fresh_const, run_timer_fresh_spread;     /* live timers */
workload_fn run_timer_fresh_pair;                              /* live timers */
workload_fn run_queue_batch, run_queue_chain;                  /* callbacks */
workload_fn run_post, run_pingpong;                            /* producers; processors */
workload_fn run_cascade;                                       /* pipes, bytes under way */
workload_fn run_echo;                                          /* connections, bytes, depth */
workload_fn run_memory_io, run_memory_timer;                   /* watchers */

/* Of those with a pool. */
workload_fn run_pool_batch, run_pool_round; /* jobs under way */

/* gyre's own. */
workload_fn run_future_settle, run_future_within; /* operations under way */
workload_fn run_future_then, run_future_all;      /* futures */
workload_fn run_future_sleep_cancel;
workload_fn run_future_map_limit; /* operations, the limit */

/* Whether this run is for that variant. */
bool bench_variant_is(const char *variant);

/* Wall time, and the processor time this thread has used. Workloads that never wait are measured by
 * processor time: what busy neighbours take is not counted. */
uint64_t bench_wall(void);
uint64_t bench_cpu(void);

/* How long a measurement should last, in ns. */
uint64_t bench_budget(void);

/* Print one result: "cell.metric value unit". */
void bench_report(const char *metric, double value, const char *unit);

/* Say on standard error why a cell is left out. */
void bench_skip(const char *why);

_Noreturn void bench_die(const char *what);

/* bench_die unless `fine`. For set-up and checks, not on measured paths. */
void bench_check(bool fine, const char *what);

void *bench_alloc(size_t count, size_t size);

/* Keep this thread to the first processor this process may use, to the last, or to all but the
 * first. Children and new threads inherit it, but may choose again. */
enum bench_place { FIRST_PROCESSOR, LAST_PROCESSOR, OTHER_PROCESSORS };
void bench_pin(enum bench_place place);

/* Whether `count` descriptors can be open; raises the limit if it may. */
bool bench_allow_files(unsigned long count);

/* Bytes of heap and anonymous mappings of this process (and its stack). */
double bench_memory(void);

/* splitmix64: the same sequence of numbers for every library. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The upper, and the lower, half of a random number, scaled to [0, below). */
static inline size_t random_index(uint64_t number, size_t below)
{
    return (size_t)(((number >> 32) * below) >> 32);
}

static inline uint64_t random_delay(uint64_t number, uint64_t below)
{
    return ((number & 0xffffffffu) * below) >> 32;
}

/* The numbers from 0 to count - 1 in random order. */
uint32_t *random_order(size_t count, uint64_t seed);

#endif
