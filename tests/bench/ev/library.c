/* libev: who it is, and its variants.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <ev.h>
#include <stdio.h>

const char *const library_variants[] = {
    "queue_batch@feed", "queue_batch@idle", "queue_batch@prepare",
    "queue_chain@feed", "queue_chain@idle", NULL,
};

const struct cell library_cells[] = { { .workload = NULL } };

const char *library_version(void)
{
    static char text[32];
    snprintf(text, sizeof text, "libev %d.%d", ev_version_major(), ev_version_minor());
    return text;
}
