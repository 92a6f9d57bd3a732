/* Structs of options that can grow.
 *
 * SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <errno.h>
#include <string.h>

int options_copy(void *copy, size_t known, const void *opt, size_t size)
{
    const char *bytes = opt;

    if (size < sizeof(size_t))
        return -EINVAL;
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0)
            return -EINVAL;
    memcpy(copy, opt, size < known ? size : known);
    return 0;
}

int options_check_allocator(const struct gyre_allocator *allocator)
{
    return allocator->alloc && allocator->realloc && allocator->free ? 0 : -EINVAL;
}
