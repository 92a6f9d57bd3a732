/* libuv: who it is, and its variants.
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

const struct cell library_cells[] = { { .workload = NULL } };

const char *library_version(void)
{
    static char text[32];
    snprintf(text, sizeof text, "libuv %s", uv_version_string());
    return text;
}
