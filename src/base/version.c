/* The version of the library.
 *
 * SPDX-License-Identifier: MIT */
#include "gyre/base.h"

#define TEXT_OF(n) #n
#define NUMBER(n)  TEXT_OF(n)

const char *gyre_version(void)
{
    return NUMBER(GYRE_VERSION_MAJOR) "." NUMBER(GYRE_VERSION_MINOR) "." NUMBER(GYRE_VERSION_PATCH);
}
