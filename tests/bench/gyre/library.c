/* gyre: who it is, and the cells that not every library has: jobs, and futures,
 * which only gyre has.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include "gyre.h"

#include <stdio.h>

const char *const library_variants[] = { NULL };

const struct cell library_cells[] = {
    { "pool_batch", run_pool_batch, { 1000 } },
    { "pool_round", run_pool_round, { 1 } },
    { "future_settle", run_future_settle, { 1 } },
    { "future_settle", run_future_settle, { 1000 } },
    { "future_within", run_future_within, { 1 } },
    { "future_within", run_future_within, { 1000 } },
    { "future_then", run_future_then, { 1000 } },
    { "future_all", run_future_all, { 1000 } },
    { "future_sleep_cancel", run_future_sleep_cancel, { 1 } },
    { "future_map_limit", run_future_map_limit, { 1000, 10 } },
    { .workload = NULL },
};

const char *library_version(void)
{
    static char text[32];
    snprintf(text, sizeof text, "gyre %s", gyre_version());
    return text;
}
