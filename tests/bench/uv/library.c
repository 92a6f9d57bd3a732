/* libuv: who it is, its variants, and the cells that not every library has.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <stdio.h>
#include <uv.h>

const char *const library_variants[] = {
    "queue_batch@idle",
    "queue_batch@once",
    "queue_chain@idle",
    "queue_chain@async",
    "echo@poll",
    "echo@stream",
    NULL,
};

const struct cell library_cells[] = {
    { "pool_batch", run_pool_batch, { 1000 } },
    { "pool_round", run_pool_round, { 1 } },
    { .workload = NULL },
};

const char *library_version(void)
{
    static char text[32];
    snprintf(text, sizeof text, "libuv %s", uv_version_string());
    return text;
}
