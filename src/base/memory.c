/* The default allocator, and arrays that grow.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static void *default_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void *default_realloc(void *ctx, void *block, size_t old, size_t size)
{
    (void)ctx;
    (void)old;
    return realloc(block, size);
}

static void default_free(void *ctx, void *block, size_t size)
{
    (void)ctx;
    (void)size;
    free(block);
}

const struct gyre_allocator memory_default = {
    .alloc = default_alloc,
    .realloc = default_realloc,
    .free = default_free,
};

void *memory_resize(const struct gyre_allocator *a, void *array, size_t old, size_t count,
                    size_t element_size)
{
    if (count > SIZE_MAX / element_size)
        return NULL;

    size_t old_size = old * element_size;
    size_t size = count * element_size;
    char *grown = array ? a->realloc(a->ctx, array, old_size, size) : a->alloc(a->ctx, size);

    if (grown && size > old_size)
        memset(grown + old_size, 0, size - old_size);
    return (void *)grown;
}
