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

#endif
