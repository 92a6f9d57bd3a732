/* Memory of the table of descriptors.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/fd_table.h"
#include "base/list.h"
#include "base/memory.h"

#include <errno.h>

void fd_table_init(struct fd_table *table)
{
    table->page = NULL;
    table->page_count = 0;
    list_init(&table->changed);
}

void fd_table_fini(struct fd_table *table, const struct gyre_allocator *allocator)
{
    for (size_t i = 0; i < table->page_count; i++)
        memory_free(allocator, table->page[i], FD_PAGE_SLOTS * sizeof(struct fd_slot));
    memory_free(allocator, table->page, table->page_count * sizeof(struct fd_slot *));
    fd_table_init(table);
}

static int grow_directory(struct fd_table *table, const struct gyre_allocator *allocator,
                          size_t index)
{
    size_t count = table->page_count ? table->page_count : 8;

    while (count <= index)
        count *= 2;

    struct fd_slot **page =
        memory_resize(allocator, table->page, table->page_count, count, sizeof(*page));
    if (!page)
        return -ENOMEM;
    table->page = page;
    table->page_count = count;
    return 0;
}

int fd_table_reserve(struct fd_table *table, const struct gyre_allocator *allocator, int fd)
{
    size_t index = (size_t)(unsigned)fd / FD_PAGE_SLOTS;

    if (fd_table_find(table, fd))
        return 0;
    if (index >= table->page_count && grow_directory(table, allocator, index) < 0)
        return -ENOMEM;

    struct fd_slot *slots = memory_resize(allocator, NULL, 0, FD_PAGE_SLOTS, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < FD_PAGE_SLOTS; i++)
        list_init(&slots[i].watchers);
    table->page[index] = slots;
    return 0;
}
