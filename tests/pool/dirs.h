/* What the tests of directories share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_DIRS_H
#define GYRE_TEST_DIRS_H

#include "pool/files.h"

static inline struct gyre_dir *open_dir(void)
{
    return take_value(gyre_dir_open(disk.loop, disk.pool, disk.dir));
}

static inline struct gyre_future *start_next(struct gyre_dir *dir, size_t max)
{
    return gyre_dir_next(disk.loop, disk.pool, dir, max);
}

static inline struct gyre_dir_batch *next_batch(struct gyre_dir *dir, size_t max)
{
    return take_value(start_next(dir, max));
}

static inline void close_dir(struct gyre_dir *dir)
{
    expect_ok(gyre_dir_close(disk.loop, disk.pool, dir));
}

/* Make files 000, 001, ... */
static inline void make_numbered(int count)
{
    char name[16];

    for (int i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "%03d", i);
        make_file(name, "");
    }
}

/* Read on to the end; each of the numbered files must come once. Returns how many batches that took,
 * without the empty one. */
static inline int read_numbered(struct gyre_dir *dir, size_t max, int count)
{
    bool seen[1000] = { false };

    for (int batches = 0;; batches++) {
        struct gyre_dir_batch *batch = next_batch(dir, max);
        size_t size = batch->count;

        assert_true(size <= max);
        for (size_t i = 0; i < size; i++) {
            int number = atoi(batch->entries[i].name);

            assert_in_range(number, 0, 999);
            assert_false(seen[number]);
            seen[number] = true;
            count--;
        }
        gyre_file_free(batch);
        if (size == 0) {
            assert_int_equal(count, 0);
            return batches;
        }
    }
}

#endif
