/* Memory through the loop's allocator.
 *
 * Invariant: every block is given back with the size it was asked for.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_MEMORY_H
#define GYRE_MEMORY_H

#include "gyre/base.h"

/* malloc, realloc and free. */
extern const struct gyre_allocator memory_default;

static inline void *memory_alloc(const struct gyre_allocator *a, size_t size)
{
    return a->alloc(a->ctx, size);
}

static inline void memory_free(const struct gyre_allocator *a, void *block, size_t size)
{
    if (block)
        a->free(a->ctx, block, size);
}

/* Make an array of `old` elements one of `count`, the new ones zeroed. NULL: no memory, or the size
 * does not fit; the array is as it was. */
void *memory_resize(const struct gyre_allocator *a, void *array, size_t old, size_t count,
                    size_t element_size);

#endif
