/* Values of jobs: blocks that remember the allocator they came from, so that whoever holds one can
 * free it, with the loop and the pool long gone.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_VALUE_H
#define GYRE_VALUE_H

#include "gyre/base.h"

/* NULL: no memory. */
void *value_make(const struct gyre_allocator *allocator, size_t size);

/* NULL: no memory, and the value is as it was. */
void *value_resize(void *value, size_t size);

const struct gyre_allocator *value_allocator(const void *value);

/* NULL is ignored. Any thread. */
void value_free(void *value);

#endif
