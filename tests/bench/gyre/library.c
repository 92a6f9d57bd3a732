/* gyre: who it is.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include "gyre.h"

#include <stdio.h>

const char *const library_variants[] = { NULL };

const char *library_version(void)
{
    static char text[32];
    snprintf(text, sizeof text, "gyre %s", gyre_version());
    return text;
}
