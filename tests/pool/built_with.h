/* What the tests have to know of how they are built.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_BUILT_WITH_H
#define GYRE_TEST_BUILT_WITH_H

#include <stdbool.h>

#if defined(__has_feature)
#define BUILT_WITH(feature) __has_feature(feature)
#else
#define BUILT_WITH(feature) 0
#endif

/* A child of a process with threads cannot start any under it. */
#if defined(__SANITIZE_THREAD__) || BUILT_WITH(thread_sanitizer)
enum { BUILT_WITH_TSAN = true };
#else
enum { BUILT_WITH_TSAN = false };
#endif

#if defined(__SANITIZE_ADDRESS__) || BUILT_WITH(address_sanitizer)
enum { BUILT_WITH_ASAN = true };
#else
enum { BUILT_WITH_ASAN = false };
#endif

#endif
