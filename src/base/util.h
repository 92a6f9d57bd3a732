/* The few macros of the library.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_UTIL_H
#define GYRE_UTIL_H

#include <stddef.h>

/* The object whose member `member` is at `ptr`. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Rarely called: kept out of the way of those who are called often. */
#define COLD __attribute__((cold, noinline))

/* Called from a fast path that shall need no stack: as its last deed, so that the call is a jump. */
#define ASIDE __attribute__((noinline))

#endif
