/* The callback workloads, the same text for every library.
 *
 * queue_batch: a thousand callbacks are queued, then the loop runs them; and again.
 * queue_chain: one callback queues itself again each time it runs, until it stops the loop.
 *
 * Included at the end of each library's queue file, which has defined before:
 *
 *     make_loop(callbacks)    a loop, and that many callbacks
 *     turn_batch(callbacks)   have each of them called once by the loop
 *     run_chain()             run the loop; the first callback calls chain_goes_on() each time, and
 *                             queues itself again if that is true, else ends the loop
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_QUEUE_H
#define BENCH_QUEUE_H

enum { LOOK_EVERY = 1 << 14 };

static uint64_t calls, chain_end;

/* The body of every callback in a batch. */
static void callback_ran(void)
{
    calls++;
}

static bool chain_goes_on(void)
{
    return ++calls % LOOK_EVERY || bench_cpu() < chain_end;
}

void run_queue_batch(const unsigned long *arg)
{
    uint64_t begin, used;

    make_loop(arg[0]);
    turn_batch(arg[0]);
    calls = 0;
    begin = bench_cpu();
    do {
        for (int i = 0; i < 64; i++)
            turn_batch(arg[0]);
        used = bench_cpu() - begin;
    } while (used < bench_budget());

    bench_check(calls % (64 * arg[0]) == 0, "a callback was lost or ran twice");
    bench_report("call", (double)used / (double)calls, "ns");
}

void run_queue_chain(const unsigned long *arg)
{
    uint64_t begin;

    make_loop(arg[0]);
    begin = bench_cpu();
    chain_end = begin + bench_budget();
    run_chain();
    bench_report("call", (double)(bench_cpu() - begin) / (double)calls, "ns");
}

#endif
