/* gyre: callbacks, with gyre_call.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include "gyre.h"

static void callback_ran(void); /* queue.h, below */
static bool chain_goes_on(void);

static struct gyre_loop *loop;
static struct gyre_call *call;

static void on_call(struct gyre_call *self, void *arg)
{
    (void)self;
    (void)arg;
    callback_ran();
}

static void on_chain(struct gyre_call *self, void *arg)
{
    (void)arg;
    if (chain_goes_on())
        gyre_call_start(self);
}

static void make_loop(size_t callbacks)
{
    bench_check(gyre_loop_create(NULL, &loop) == 0, "gyre_loop_create");
    call = bench_alloc(callbacks, sizeof *call);
    for (size_t i = 0; i < callbacks; i++)
        gyre_call_init(&call[i], loop, callbacks > 1 ? on_call : on_chain, NULL);
}

static void turn_batch(size_t callbacks)
{
    for (size_t i = 0; i < callbacks; i++)
        gyre_call_start(&call[i]);
    gyre_loop_run_once(loop, 0);
}

static void run_chain(void)
{
    gyre_call_start(&call[0]);
    gyre_loop_run(loop);
}

#include "queue.h"
