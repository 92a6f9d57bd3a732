/* Blocks that remember where they came from.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/value.h"

#include "base/memory.h"

/* In front of every value. */
union value_head {
    struct {
        struct gyre_allocator allocator;
        size_t size; /* with the head */
    } is;
    max_align_t align;
};

static union value_head *head_of(const void *value)
{
    return (union value_head *)(uintptr_t)value - 1;
}

void *value_make(const struct gyre_allocator *allocator, size_t size)
{
    if (size > SIZE_MAX - sizeof(union value_head))
        return NULL;

    size += sizeof(union value_head);
    union value_head *head = memory_alloc(allocator, size);
    if (!head)
        return NULL;
    head->is.allocator = *allocator;
    head->is.size = size;
    return head + 1;
}

void *value_resize(void *value, size_t size)
{
    const struct gyre_allocator allocator = *value_allocator(value);

    if (size > SIZE_MAX - sizeof(union value_head))
        return NULL;

    size += sizeof(union value_head);
    union value_head *head = head_of(value);
    head = allocator.realloc(allocator.ctx, head, head->is.size, size);
    if (!head)
        return NULL;
    head->is.size = size;
    return head + 1;
}

const struct gyre_allocator *value_allocator(const void *value)
{
    return &head_of(value)->is.allocator;
}

void value_free(void *value)
{
    if (!value)
        return;

    struct gyre_allocator allocator = *value_allocator(value);
    memory_free(&allocator, head_of(value), head_of(value)->is.size);
}
