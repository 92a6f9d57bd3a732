/* bare: not a library, but what the kernel and a few lines by hand can do: a limit to compare with.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

const char *const library_variants[] = { NULL };

const struct cell library_cells[] = { { .workload = NULL } };

const char *library_version(void)
{
    return "bare loop";
}
