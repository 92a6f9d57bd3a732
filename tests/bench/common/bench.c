/* The harness: see bench.h.
 *
 *     bench_uv --version          the library's name and version
 *     bench_uv --list             every cell it can run
 *     bench_uv CELL [MS]          run one, measuring for about MS milliseconds
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* In the order of the table. */
static const struct cell cells[] = {
    { "timer_fill_const", run_timer_fill_const, { 1000 } },
    { "timer_fill_const", run_timer_fill_const, { 100000 } },
    { "timer_fill_const", run_timer_fill_const, { 1000000 } },
    { "timer_fill_spread", run_timer_fill_spread, { 1000 } },
    { "timer_fill_spread", run_timer_fill_spread, { 100000 } },
    { "timer_fill_spread", run_timer_fill_spread, { 1000000 } },
    { "timer_restart_const", run_timer_restart_const, { 1000 } },
    { "timer_restart_const", run_timer_restart_const, { 100000 } },
    { "timer_restart_const", run_timer_restart_const, { 1000000 } },
    { "timer_restart_spread", run_timer_restart_spread, { 1000 } },
    { "timer_restart_spread", run_timer_restart_spread, { 100000 } },
    { "timer_restart_spread", run_timer_restart_spread, { 1000000 } },
    { "timer_pair", run_timer_pair, { 1 } },
    { "timer_pair", run_timer_pair, { 100000 } },
    { "timer_idle", run_timer_idle, { 1000 } },
    { "timer_idle", run_timer_idle, { 100000 } },
    { "timer_expire", run_timer_expire, { 1000 } },
    { "timer_expire", run_timer_expire, { 100000 } },
    { "timer_expire", run_timer_expire, { 1000000 } },
    { "timer_fresh_const", run_timer_fresh_const, { 100000 } },
    { "timer_fresh_spread", run_timer_fresh_spread, { 100000 } },
    { "timer_fresh_pair", run_timer_fresh_pair, { 1 } },
    { "queue_batch", run_queue_batch, { 1000 } },
    { "queue_chain", run_queue_chain, { 1 } },
    { "post", run_post, { 1 } },
    { "post", run_post, { 2 } },
    { "pingpong", run_pingpong, { 1 } },
    { "pingpong", run_pingpong, { 2 } },
    { "cascade", run_cascade, { 100, 1 } },
    { "cascade", run_cascade, { 1000, 1 } },
    { "cascade", run_cascade, { 8000, 1 } },
    { "cascade", run_cascade, { 100, 100 } },
    { "cascade", run_cascade, { 1000, 100 } },
    { "cascade", run_cascade, { 8000, 100 } },
    { "echo", run_echo, { 1, 64, 1 } },
    { "echo", run_echo, { 1, 64, 16 } },
    { "echo", run_echo, { 1, 16384, 1 } },
    { "echo", run_echo, { 1, 16384, 16 } },
    { "echo", run_echo, { 50, 64, 1 } },
    { "echo", run_echo, { 50, 64, 16 } },
    { "echo", run_echo, { 50, 16384, 1 } },
    { "echo", run_echo, { 50, 16384, 16 } },
    { "echo", run_echo, { 1000, 64, 1 } },
    { "echo", run_echo, { 1000, 64, 16 } },
    { "echo", run_echo, { 1000, 16384, 1 } },
    { "echo", run_echo, { 1000, 16384, 16 } },
    { "memory_io", run_memory_io, { 100000 } },
    { "memory_timer", run_memory_timer, { 100000 } },
};

enum { CELLS = sizeof cells / sizeof cells[0], NAME_MAX_LENGTH = 64, TIME_LIMIT_SECONDS = 60 };

static char current_cell[NAME_MAX_LENGTH];
static const char *current_variant = "";
static uint64_t budget = BENCH_MS(200);
static cpu_set_t allowed;
static size_t first_processor, last_processor;

bool bench_variant_is(const char *variant)
{
    return !strcmp(current_variant, variant);
}

static uint64_t read_clock(clockid_t id)
{
    struct timespec ts;
    bench_check(clock_gettime(id, &ts) == 0, "clock_gettime");
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t bench_wall(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t bench_cpu(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t bench_budget(void)
{
    return budget;
}

void bench_report(const char *metric, double value, const char *unit)
{
    printf("%s.%s %.6g %s\n", current_cell, metric, value, unit);
    fflush(stdout);
}

void bench_skip(const char *why)
{
    fprintf(stderr, "bench: %s is left out: %s\n", current_cell, why);
}

_Noreturn void bench_die(const char *what)
{
    fprintf(stderr, "bench: %s: %s (errno: %s)\n", current_cell, what, strerror(errno));
    exit(1);
}

void bench_check(bool fine, const char *what)
{
    if (!fine)
        bench_die(what);
}

void *bench_alloc(size_t count, size_t size)
{
    void *block = calloc(count ? count : 1, size);
    bench_check(block, "calloc");
    return block;
}

/* Before anything is pinned. */
static void find_processors(void)
{
    bench_check(sched_getaffinity(0, sizeof allowed, &allowed) == 0, "sched_getaffinity");
    first_processor = CPU_SETSIZE;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        if (first_processor == CPU_SETSIZE)
            first_processor = cpu;
        last_processor = cpu;
    }
}

void bench_pin(enum bench_place place)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    if (place == OTHER_PROCESSORS && first_processor != last_processor) {
        set = allowed;
        CPU_CLR(first_processor, &set);
    } else {
        CPU_SET(place == FIRST_PROCESSOR ? first_processor : last_processor, &set);
    }
    bench_check(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

bool bench_allow_files(unsigned long count)
{
    struct rlimit limit;

    bench_check(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    if (limit.rlim_cur >= count)
        return true;

    limit.rlim_cur = count;
    if (limit.rlim_max < count)
        limit.rlim_max = count;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

double bench_memory(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    bench_check(file && fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) == 1, "/proc/self/statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

uint32_t *random_order(size_t count, uint64_t seed)
{
    uint32_t *order = bench_alloc(count, sizeof *order);

    for (size_t i = 0; i < count; i++) {
        size_t j = random_index(random_next(&seed), i + 1);
        order[i] = order[j];
        order[j] = (uint32_t)i;
    }
    return order;
}

/* "echo-50-64-16": the cell's name with as many arguments as it has. */
static void name_cell(const struct cell *cell, char *name)
{
    size_t used = (size_t)snprintf(name, NAME_MAX_LENGTH, "%s", cell->workload);

    for (size_t i = 0; i < 3 && cell->arg[i]; i++)
        used += (size_t)snprintf(name + used, NAME_MAX_LENGTH - used, "-%lu", cell->arg[i]);
}

static bool is_variant_of(const char *variant, const struct cell *cell)
{
    size_t length = strlen(cell->workload);
    return !strncmp(variant, cell->workload, length) && variant[length] == '@';
}

/* The common cells first, then the library's own; NULL after the last. */
static const struct cell *cell_at(size_t i)
{
    const struct cell *cell = i < CELLS ? &cells[i] : &library_cells[i - CELLS];

    return cell->workload ? cell : NULL;
}

static void list_cells(void)
{
    const struct cell *cell;

    for (size_t i = 0; (cell = cell_at(i)) != NULL; i++) {
        char name[NAME_MAX_LENGTH];
        unsigned variants = 0;

        name_cell(cell, name);
        for (const char *const *v = library_variants; *v; v++)
            if (is_variant_of(*v, cell) && ++variants)
                printf("%s%s\n", name, strchr(*v, '@'));
        if (!variants)
            puts(name);
    }
}

static int run_cell(const char *wanted)
{
    const struct cell *cell;

    for (size_t i = 0; (cell = cell_at(i)) != NULL; i++) {
        name_cell(cell, current_cell);
        if (strcmp(current_cell, wanted))
            continue;
        cell->run(cell->arg);
        return 0;
    }
    fprintf(stderr, "bench: there is no cell %s\n", wanted);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--version")) {
        puts(library_version());
        return 0;
    }
    if (argc == 2 && !strcmp(argv[1], "--list")) {
        list_cells();
        return 0;
    }
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s --version | --list | CELL[@VARIANT] [MS]\n", argv[0]);
        return 2;
    }

    char *at = strchr(argv[1], '@');
    if (at) {
        *at = '\0';
        current_variant = at + 1;
    }
    if (argc == 3)
        budget = BENCH_MS(strtoul(argv[2], NULL, 10));

    alarm(TIME_LIMIT_SECONDS);
    find_processors();
    return run_cell(argv[1]);
}
