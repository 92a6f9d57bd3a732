/* What may be asked of a resolver.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_HOSTNAME_H
#define GYRE_HOSTNAME_H

#include <stddef.h>

enum { HOSTNAME_LIMIT = 255 };

/* Whether `length` bytes are a host name: 0, -EINVAL or -ENAMETOOLONG. Numeric addresses, with their
 * colons, are none. */
int hostname_check(const char *name, size_t length);

/* What is wrong with it, in words: a constant string; NULL: nothing. */
const char *hostname_fault(const char *name, size_t length);

#endif
