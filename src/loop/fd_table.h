/* The table of watched descriptors, indexed by number.
 *
 * Slots lie in pages, so the address of a slot never changes and the table can grow inside any
 * callback. Invariants: `wanted` is the union of what the watchers ask for, `told` what the kernel
 * was told; a slot is in the list `changed` while the two differ, and differ only while it has
 * watchers. The generation changes whenever the last watcher goes, so that a late report about the
 * old file is recognised.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_FD_TABLE_H
#define GYRE_FD_TABLE_H

#include "gyre/loop.h"

enum { FD_PAGE_SLOTS = 128 };

/* The generation of the loop's own wake-up descriptor; no slot ever has it. */
#define FD_WAKE_GENERATION UINT32_MAX

/* How a poller is told, and tells, which descriptor and which file under that number is meant. */
static inline uint64_t fd_key(uint32_t generation, int fd)
{
    return (uint64_t)generation << 32 | (uint32_t)fd;
}

struct fd_slot {
    struct gyre_link watchers; /* gyre_io.sibling, those that read first */
    struct gyre_link change;   /* in fd_table.changed if is_changed */
    uint32_t generation;
    uint8_t wanted;
    uint8_t told;
    bool is_changed;
};

struct fd_table {
    struct fd_slot **page;
    size_t page_count;
    struct gyre_link changed;
};

void fd_table_init(struct fd_table *table);
void fd_table_fini(struct fd_table *table, const struct gyre_allocator *allocator);

/* Make slots for all descriptors of fd's page. -ENOMEM: nothing changed. */
int fd_table_reserve(struct fd_table *table, const struct gyre_allocator *allocator, int fd);

/* The slot of fd; NULL: never reserved. */
static inline struct fd_slot *fd_table_find(const struct fd_table *table, int fd)
{
    size_t index = (size_t)(unsigned)fd / FD_PAGE_SLOTS;

    if (index >= table->page_count || !table->page[index])
        return NULL;
    return &table->page[index][(unsigned)fd % FD_PAGE_SLOTS];
}

/* One past the highest descriptor that can have a slot. */
static inline int fd_table_limit(const struct fd_table *table)
{
    return (int)(table->page_count * FD_PAGE_SLOTS);
}

#endif
