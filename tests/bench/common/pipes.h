/* Workloads on pipes, the same text for every library.
 *
 * cascade: a ring of pipes, all of them watched. Whoever can read a byte from its pipe writes it to
 * the next one. One byte is under way, or a hundred at equal distances; everybody else is idle.
 * memory_io: what a watched descriptor takes.
 *
 * Included at the end of each library's pipe file, which has defined before:
 *
 *     make_watchers(count)    a loop and `count` watchers, none started; array `watchers`
 *     watch(i, fd)            start watcher i: call pass(i) whenever fd is readable
 *     run_loop()              until stop_loop(), which is called inside pass
 *     turn_loop()             one turn without waiting
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_PIPES_H
#define BENCH_PIPES_H

#include <fcntl.h>
#include <unistd.h>

enum { LOOK_EVERY = 1 << 12, SPARE_FILES = 64 };

static int (*pipes)[2];
static size_t ring;
static uint64_t hops, cascade_end;

static void pass(size_t i)
{
    char byte;

    if (read(pipes[i][0], &byte, 1) != 1)
        return;
    bench_check(write(pipes[i + 1 < ring ? i + 1 : 0][1], &byte, 1) == 1, "write");
    if (++hops % LOOK_EVERY == 0 && bench_cpu() >= cascade_end)
        stop_loop();
}

void run_cascade(const unsigned long *arg)
{
    uint64_t begin;

    ring = arg[0];
    if (!bench_allow_files(2 * ring + SPARE_FILES)) {
        bench_skip("the limit of open files is too low");
        return;
    }
    pipes = bench_alloc(ring, sizeof *pipes);
    make_watchers(ring);
    for (size_t i = 0; i < ring; i++) {
        bench_check(!pipe2(pipes[i], O_NONBLOCK | O_CLOEXEC), "pipe2");
        watch(i, pipes[i][0]);
    }
    turn_loop();

    for (size_t k = 0; k < arg[1]; k++)
        bench_check(write(pipes[k * ring / arg[1]][1], "", 1) == 1, "write");
    begin = bench_cpu();
    cascade_end = begin + bench_budget();
    run_loop();
    bench_report("hop", (double)(bench_cpu() - begin) / (double)hops, "ns");
}

/* As many descriptors as wanted, or as may be: the bytes are reported for each. */
void run_memory_io(const unsigned long *arg)
{
    size_t count = arg[0];
    int end[2];
    double before;

    while (!bench_allow_files(count + SPARE_FILES))
        count -= count / 10;
    bench_check(!pipe2(end, O_NONBLOCK | O_CLOEXEC), "pipe2");

    before = bench_memory();
    make_watchers(count);
    for (size_t i = 0; i < count; i++) {
        int fd = dup(end[0]);
        bench_check(fd >= 0, "dup");
        watch(i, fd);
    }
    turn_loop();

    bench_report("total", (bench_memory() - before) / (double)count, "bytes");
    bench_report("struct", (double)sizeof *watchers, "bytes");
}

#endif
