/* gyre: futures. Only the cells of bench_python.py are the same; no other library here has them.
 *
 * future_settle     an operation that is begun, has a continuation, and is settled
 * future_within     the same with a time limit that it keeps, and without
 * future_then       a chain in which each future is made of the one before by a function
 * future_all        all of many operations
 * future_sleep_cancel   a sleep that is cancelled at once
 * future_map_limit  many operations, a few at a time; each ends in the turn after it began
 *
 * Of settle and within the argument is how many operations are under way at once: with 1, each
 * continuation begins the next operation.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include "gyre.h"

enum { ROUNDS = 8, LOOK_EVERY = 1 << 10, SLEEPS_PER_ROUND = 1000 };

struct item {
    struct gyre_call call;
    struct gyre_future *f;       /* what the consumer holds */
    struct gyre_future *promise; /* the operation */
};

static struct gyre_loop *loop;
static struct item *items;
static struct gyre_future **inputs;
static size_t count, limit;
static bool is_limited;
static uint64_t settled, chain_end;

static void on_settled(struct gyre_call *call, void *arg)
{
    struct item *item = arg;

    (void)call;
    if (gyre_future_error(item->f) == 0)
        settled++;
    gyre_future_unref(item->f);
}

static void make_items(size_t n, gyre_call_fn *fn)
{
    if (!loop)
        bench_check(gyre_loop_create(NULL, &loop) == 0, "gyre_loop_create");
    count = n;
    items = bench_alloc(n, sizeof *items);
    inputs = bench_alloc(n, sizeof *inputs);
    for (size_t i = 0; i < n; i++)
        gyre_call_init(&items[i].call, loop, fn, &items[i]);
}

/* The time of one round. */
static double time_of(void (*round)(void))
{
    uint64_t rounds = 0, used, begin;

    round();
    begin = bench_cpu();
    do {
        for (int i = 0; i < ROUNDS; i++)
            round();
        rounds += ROUNDS;
        used = bench_cpu() - begin;
    } while (used < bench_budget());
    return (double)used / (double)rounds;
}

/* ---- settle and within */

static inline void begin_item(struct item *item)
{
    item->promise = gyre_future_create(loop);
    item->f = is_limited ? gyre_within(item->promise, GYRE_S(60)) : item->promise;
    gyre_future_on_done(item->f, &item->call);
}

static void round_of_items(void)
{
    for (size_t i = 0; i < count; i++)
        begin_item(&items[i]);
    for (size_t i = 0; i < count; i++)
        gyre_future_resolve(items[i].promise, NULL, NULL);
    settled = 0;
    gyre_loop_run_once(loop, 0);
    bench_check(settled == count, "a continuation was lost or ran twice");
}

static void on_settled_go_on(struct gyre_call *call, void *arg)
{
    struct item *item = arg;

    on_settled(call, arg);
    if (settled % LOOK_EVERY == 0 && bench_cpu() >= chain_end)
        return;
    begin_item(item);
    gyre_future_resolve(item->promise, NULL, NULL);
}

static double time_of_chain(void)
{
    uint64_t begin = bench_cpu();

    settled = 0;
    chain_end = begin + bench_budget();
    begin_item(items);
    gyre_future_resolve(items->promise, NULL, NULL);
    gyre_loop_run(loop);
    return (double)(bench_cpu() - begin) / (double)settled;
}

static double time_of_one(size_t under_way, bool with_limit)
{
    is_limited = with_limit;
    if (!items)
        make_items(under_way, under_way > 1 ? on_settled : on_settled_go_on);
    return under_way > 1 ? time_of(round_of_items) / (double)under_way : time_of_chain();
}

void run_future_settle(const unsigned long *arg)
{
    bench_report("op", time_of_one(arg[0], false), "ns");
}

void run_future_within(const unsigned long *arg)
{
    double without = time_of_one(arg[0], false);
    double with = time_of_one(arg[0], true);

    bench_report("with", with, "ns");
    bench_report("without", without, "ns");
    bench_report("added", with - without, "ns");
}

/* ---- then */

static int add_one(void **value, gyre_drop_fn **drop, void *arg)
{
    (void)drop;
    (void)arg;
    *value = (void *)((intptr_t)*value + 1);
    return 0;
}

static void on_end_of_chain(struct gyre_call *call, void *arg)
{
    const struct item *item = arg;

    (void)call;
    settled = (uintptr_t)gyre_future_peek(item->f);
    gyre_future_unref(item->f);
}

static void round_of_then(void)
{
    struct gyre_future *first = gyre_future_create(loop);
    struct gyre_future *last = first;

    for (size_t i = 0; i < limit; i++)
        last = gyre_then(last, add_one, NULL);
    items->f = last;
    gyre_future_on_done(last, &items->call);
    gyre_future_resolve(first, NULL, NULL);
    gyre_loop_run(loop);
    bench_check(settled == limit, "a function did not run");
}

void run_future_then(const unsigned long *arg)
{
    make_items(1, on_end_of_chain);
    limit = arg[0];
    bench_report("link", time_of(round_of_then) / (double)limit, "ns");
}

/* ---- all */

static void on_all(struct gyre_call *call, void *arg)
{
    struct gyre_future *all = ((struct item *)arg)->f;

    (void)call;
    if (gyre_future_error(all) == 0)
        settled += gyre_future_count(all);
    gyre_future_unref(all);
}

static void round_of_all(void)
{
    settled = 0;
    for (size_t i = 0; i < count; i++)
        inputs[i] = gyre_future_create(loop);
    items->f = gyre_all(loop, count, inputs);
    gyre_future_on_done(items->f, &items->call);
    for (size_t i = 0; i < count; i++)
        gyre_future_resolve(inputs[i], NULL, NULL);
    gyre_loop_run_once(loop, 0);
    bench_check(settled == count, "it did not settle");
}

void run_future_all(const unsigned long *arg)
{
    make_items(arg[0], on_all);
    bench_report("whole", time_of(round_of_all) / 1000, "us");
}

/* ---- sleep_cancel */

static void round_of_sleep_cancel(void)
{
    for (int i = 0; i < SLEEPS_PER_ROUND; i++) {
        struct gyre_future *f = gyre_sleep(loop, GYRE_S(60));
        gyre_future_cancel(f);
        gyre_future_unref(f);
    }
    gyre_loop_run_once(loop, 0);
}

void run_future_sleep_cancel(const unsigned long *arg)
{
    make_items(arg[0], on_settled);
    bench_report("op", time_of(round_of_sleep_cancel) / SLEEPS_PER_ROUND, "ns");
}

/* ---- map_limit */

static void on_turn_over(struct gyre_call *call, void *arg)
{
    const struct item *item = arg;

    (void)call;
    settled++;
    gyre_future_resolve(item->promise, NULL, NULL);
}

static struct gyre_future *begin_operation(size_t index, void *arg)
{
    (void)arg;
    items[index].promise = gyre_future_create(loop);
    gyre_call_start(&items[index].call);
    return items[index].promise;
}

static void round_of_map_limit(void)
{
    settled = 0;
    struct gyre_future *map =
        gyre_map_limit(loop, GYRE_MAP_ALL, count, limit, begin_operation, NULL);
    gyre_loop_run_until(loop, map);
    bench_check(gyre_future_error(map) == 0 && settled == count, "an operation did not run");
    gyre_future_unref(map);
}

void run_future_map_limit(const unsigned long *arg)
{
    make_items(arg[0], on_turn_over);
    limit = arg[1];
    bench_report("whole", time_of(round_of_map_limit) / 1000, "us");
}
