/* The timer workloads, the same text for every library.
 *
 * Included at the end of each library's timer file, which has defined before:
 *
 *     make_timers(count, const_ms)  a loop and `count` timers, none started
 *     start_const(i)                start timer i, which is not started, to fire once const_ms from
 *     start_after(i, ms)            now, or ms from now
 *     restart_const(i)              the same for a timer that is started already; one that fires
 *     restart_after(i, ms)          nevertheless may go on by itself
 *     start_after_fresh(i, ms), restart_const_fresh(i), restart_after_fresh(i, ms)
 *                                   the same with the clock read in the call
 *     stop_timer(i)
 *     turn(fn)                      one turn of the loop without waiting, with fn() called inside a
 *                                   callback; fn may be NULL
 *
 * and whose callback of timer i calls timer_fired(i), which it has declared. They are included
 * rather than called through pointers, so that nobody pays for an indirection.
 *
 * "Now" is the time the loop has cached, as in uv_timer_start and ev_timer_start. All operations are
 * done inside callbacks, since there the time is cached in all libraries (libevent reads the clock
 * elsewhere). Delays are whole milliseconds, the unit of libuv. The turn of the loop after the
 * operations is always inside the measured time, so work a library puts off until then is not
 * forgotten; `timer_idle` and `timer_expire` measure what is put off for longer.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_TIMERS_H
#define BENCH_TIMERS_H

enum {
    OPERATIONS_PER_TURN = 1024,
    CONST_MS = 60000,
    SPREAD_MS = 2 * CONST_MS, /* from 1 ms to this, so that the mean is the same */
    IDLE_MS = 200,
    COARSE_CLOCK_MS = 10, /* libevent's clock may be that much behind */
};

static size_t live;
static uint64_t seed = 1;
static uint32_t *order_a, *order_b;
static size_t next_in_order;
static uint64_t fired;
static bool rearm;

/* `count` timers to work with, and `spare` more behind them. */
static void make_live(size_t count, size_t spare, uint64_t const_ms)
{
    live = count;
    order_a = random_order(count, 7);
    order_b = random_order(count, 8);
    make_timers(count + spare, const_ms);
}

static uint64_t spread_ms(void)
{
    return 1 + random_delay(random_next(&seed), SPREAD_MS);
}

static void start_all_const(void)
{
    for (size_t i = 0; i < live; i++)
        start_const(order_a[i]);
}

static void start_all_spread(void)
{
    for (size_t i = 0; i < live; i++)
        start_after(order_a[i], spread_ms());
}

static void stop_all(void)
{
    for (size_t i = 0; i < live; i++)
        stop_timer(order_b[i]);
}

static uint64_t time_turns(void (*fn)(void))
{
    uint64_t begin = bench_cpu();
    turn(fn);
    turn(NULL);
    return bench_cpu() - begin;
}

/* timer_fill: start all of them in random order; stop all of them in another random order. */
static void fill(size_t count, void (*start_all)(void))
{
    uint64_t starting = 0, stopping = 0, operations = 0;

    make_live(count, 0, CONST_MS);
    time_turns(start_all);
    time_turns(stop_all);
    do {
        starting += time_turns(start_all);
        stopping += time_turns(stop_all);
        operations += count;
    } while (starting + stopping < bench_budget());

    bench_report("start", (double)starting / (double)operations, "ns");
    bench_report("stop", (double)stopping / (double)operations, "ns");
}

void run_timer_fill_const(const unsigned long *arg)
{
    fill(arg[0], start_all_const);
}

void run_timer_fill_spread(const unsigned long *arg)
{
    fill(arg[0], start_all_spread);
}

static void repeat(void (*operations)(void))
{
    uint64_t turns = 0, used, begin;

    turn(operations);
    begin = bench_cpu();
    do {
        for (int i = 0; i < 8; i++)
            turn(operations);
        turns += 8;
        used = bench_cpu() - begin;
    } while (used < bench_budget());

    bench_report("op", (double)used / (double)(turns * OPERATIONS_PER_TURN), "ns");
}

/* timer_restart: restart random ones among many. */
static void restart_many_const(void)
{
    for (int i = 0; i < OPERATIONS_PER_TURN; i++)
        restart_const(random_index(random_next(&seed), live));
}

static void restart_many_spread(void)
{
    for (int i = 0; i < OPERATIONS_PER_TURN; i++) {
        uint64_t number = random_next(&seed);
        restart_after(random_index(number, live), 1 + random_delay(number, SPREAD_MS));
    }
}

void run_timer_restart_const(const unsigned long *arg)
{
    make_live(arg[0], 0, CONST_MS);
    turn(start_all_const);
    repeat(restart_many_const);
}

void run_timer_restart_spread(const unsigned long *arg)
{
    make_live(arg[0], 0, CONST_MS);
    turn(start_all_spread);
    repeat(restart_many_spread);
}

/* timer_pair: start and stop one timer beside the others (none, for an argument of 1). */
static void start_and_stop(void)
{
    for (int i = 0; i < OPERATIONS_PER_TURN; i++) {
        start_after(live, spread_ms());
        stop_timer(live);
    }
}

void run_timer_pair(const unsigned long *arg)
{
    make_live(arg[0] > 1 ? arg[0] : 0, 1, CONST_MS);
    turn(start_all_spread);
    repeat(start_and_stop);
}

/* timer_fresh: the same operations, each with the clock read for it. */
static void fresh_const(void)
{
    for (int i = 0; i < OPERATIONS_PER_TURN; i++) {
        restart_const_fresh(random_index(random_next(&seed), live));
    }
}

static void fresh_spread(void)
{
    for (int i = 0; i < OPERATIONS_PER_TURN; i++) {
        uint64_t number = random_next(&seed);
        restart_after_fresh(random_index(number, live), 1 + random_delay(number, SPREAD_MS));
    }
}

static void fresh_pair(void)
{
    for (int i = 0; i < OPERATIONS_PER_TURN; i++) {
        start_after_fresh(live, spread_ms());
        stop_timer(live);
    }
}

void run_timer_fresh_const(const unsigned long *arg)
{
    make_live(arg[0], 0, CONST_MS);
    turn(start_all_const);
    repeat(fresh_const);
}

void run_timer_fresh_spread(const unsigned long *arg)
{
    make_live(arg[0], 0, CONST_MS);
    turn(start_all_spread);
    repeat(fresh_spread);
}

void run_timer_fresh_pair(const unsigned long *arg)
{
    make_live(arg[0] > 1 ? arg[0] : 0, 1, CONST_MS);
    repeat(fresh_pair);
}

/* timer_idle: every timer is an idle timeout of 200 ms, pushed back again and again for three times
 * that long, all in turn, so that (almost) none expires. A library that moves a timer only when its
 * old time comes has to do so within the measured time. */
static void push_back(void)
{
    for (int i = 0; i < OPERATIONS_PER_TURN; i++) {
        restart_const(order_a[next_in_order]);
        next_in_order = next_in_order + 1 < live ? next_in_order + 1 : 0;
    }
}

void run_timer_idle(const unsigned long *arg)
{
    uint64_t turns = 0, cpu, wall;

    rearm = true;
    make_live(arg[0], 0, IDLE_MS);
    turn(start_all_const);

    cpu = bench_cpu();
    wall = bench_wall();
    for (; bench_wall() - wall < BENCH_MS(3 * IDLE_MS); turns++)
        turn(push_back);
    cpu = bench_cpu() - cpu;

    bench_report("op", (double)cpu / (double)(turns * OPERATIONS_PER_TURN), "ns");
    bench_check(fired <= live / 10, "many idle timeouts expired: the machine is too busy");
}

/* timer_expire: start all of them with random delays within a short time, let the time pass, and
 * turn the loop until all have fired. The program spins meanwhile, so that the processor stays as
 * it is. Only the firing is measured. */
static uint64_t expire_within_ms(size_t count)
{
    return count <= 1000 ? 5 : count <= 100000 ? 50 : 200;
}

static void start_all_soon(void)
{
    for (size_t i = 0; i < live; i++)
        start_after(order_a[i], 1 + random_delay(random_next(&seed), expire_within_ms(live)));
}

static uint64_t time_expiry(void)
{
    uint64_t begin;

    fired = 0;
    turn(NULL);
    turn(start_all_soon);
    begin = bench_wall();
    while (bench_wall() - begin < BENCH_MS(expire_within_ms(live) + COARSE_CLOCK_MS))
        continue;

    begin = bench_cpu();
    while (fired < live)
        turn(NULL);
    return bench_cpu() - begin;
}

void run_timer_expire(const unsigned long *arg)
{
    uint64_t used = 0, expired = 0;
    uint64_t begin = bench_wall();

    make_live(arg[0], 0, CONST_MS);
    time_expiry();
    do {
        used += time_expiry();
        bench_check(fired == live, "a timer fired twice");
        expired += live;
    } while (bench_wall() - begin < 3 * bench_budget());

    bench_report("op", (double)used / (double)expired, "ns");
}

/* memory_timer: what one started timer takes, its own structure included. */
void run_memory_timer(const unsigned long *arg)
{
    double at_first = bench_memory();

    make_timers(arg[0], CONST_MS);
    for (size_t i = 0; i < arg[0]; i++)
        start_after(i, spread_ms());
    turn(NULL);

    bench_report("total", (bench_memory() - at_first) / (double)arg[0], "bytes");
    bench_report("struct", (double)sizeof *timers, "bytes");
}

/* The callback of every timer. */
static void timer_fired(size_t i)
{
    fired++;
    if (rearm)
        restart_const(i);
}

#endif
