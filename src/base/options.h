/* Structs of options that can grow: each begins with its own size.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_OPTIONS_H
#define GYRE_OPTIONS_H

#include "gyre/base.h"

/* Copy what the caller's version of a struct, `size` bytes at `opt`, has of the `known` bytes of ours,
 * which hold the defaults. -EINVAL: a newer struct than ours asks for something we do not know, or
 * the size is missing. */
int options_copy(void *copy, size_t known, const void *opt, size_t size);

/* 0, or -EINVAL: a function is missing. */
int options_check_allocator(const struct gyre_allocator *allocator);

#endif
