/* libevent: who it is, and its variants.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <event2/event.h>
#include <stdio.h>

const char *const library_variants[] = {
    "timer_fill_const@plain",     "timer_fill_const@common", "timer_restart_const@plain",
    "timer_restart_const@common", "timer_fresh_const@plain", "timer_fresh_const@common",
    "timer_idle@plain",           "timer_idle@common",       NULL,
};

const struct cell library_cells[] = { { .workload = NULL } };

const char *library_version(void)
{
    static char text[32];
    snprintf(text, sizeof text, "libevent %s", event_get_version());
    return text;
}
