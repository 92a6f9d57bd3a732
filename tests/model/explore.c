/* See explore.h.
 *
 * Invariant: between two steps the memory is that of the state under examination; ops[0 ..
 * op_count) of each thread are the operations it has done to get there, each with the memory right
 * after it.
 *
 * SPDX-License-Identifier: MIT */
#include "model/explore.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REGIONS = 24, IMAGE_SIZE = 3072, THREADS = 6, OPS = 256, DEPTH = THREADS * OPS };

struct region {
    void *at;
    size_t size;
};

struct image {
    unsigned char bytes[IMAGE_SIZE];
};

struct op {
    uint64_t value;
    uint64_t history; /* of its thread, before the next operation: a digest of what it has seen */
    struct image after;
};

struct thread {
    explore_thread *body;
    struct image start;
    struct op ops[OPS];
    int op_count;
    bool has_returned;
};

enum outcome { RETURNED, STEPPED, BLOCKED };

static struct region regions[REGIONS];
static int region_count;
static struct region shared[REGIONS];
static int shared_count;

static struct thread threads[THREADS];
static int thread_count;

/* The step under way. */
static struct thread *running; /* NULL: none; atomic operations are what they are */
static int position;           /* how many operations it has replayed */
static bool has_acted;         /* its one new operation is done */
static uint64_t history;       /* what it has seen so far */
static jmp_buf out;

/* The way to the state: who went, and from what memory. */
static struct {
    int thread;
    bool is_stuck; /* nobody could go on from there, as far as tried */
    struct image memory;
} way[DEPTH];
static int depth;

static unsigned long states;
static explore_check *check_end;
static bool is_telling;

/* ---- the memory */

void explore_reset(void)
{
    region_count = 0;
    shared_count = 0;
}

void explore_memory(void *at, size_t size)
{
    size_t sum = size;

    for (int i = 0; i < region_count; i++)
        sum += regions[i].size;
    if (region_count == REGIONS || sum > IMAGE_SIZE)
        abort();
    regions[region_count++] = (struct region){ at, size };
}

void explore_shared(void *at, size_t size)
{
    if (shared_count == REGIONS)
        abort();
    shared[shared_count++] = (struct region){ at, size };
}

bool explore_is_shared(const void *at)
{
    for (int i = 0; i < shared_count; i++)
        if ((uintptr_t)at - (uintptr_t)shared[i].at < shared[i].size)
            return running != NULL;
    return false;
}

static void save(struct image *image)
{
    unsigned char *bytes = image->bytes;

    for (int i = 0; i < region_count; bytes += regions[i++].size)
        memcpy(bytes, regions[i].at, regions[i].size);
}

static void restore(const struct image *image)
{
    const unsigned char *bytes = image->bytes;

    for (int i = 0; i < region_count; bytes += regions[i++].size)
        memcpy(regions[i].at, bytes, regions[i].size);
}

static bool is_changed(const struct image *image)
{
    const unsigned char *bytes = image->bytes;

    for (int i = 0; i < region_count; bytes += regions[i++].size)
        if (memcmp(regions[i].at, bytes, regions[i].size) != 0)
            return true;
    return false;
}

static uint64_t mix(uint64_t digest, uint64_t value)
{
    digest = digest * 0x9e3779b97f4a7c15u + value + 1;
    digest = (digest ^ digest >> 30) * 0xbf58476d1ce4e5b9u;
    digest = (digest ^ digest >> 27) * 0x94d049bb133111ebu;
    return digest ^ digest >> 31;
}

static uint64_t mix_bytes(uint64_t digest, const unsigned char *bytes, size_t size)
{
    uint64_t word;

    /* Cheaper, but still one to one in each word. */
    for (; size >= sizeof(word); size -= sizeof(word), bytes += sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        digest = ((digest << 23 | digest >> 41) ^ word) * 0x9e3779b97f4a7c15u;
    }
    for (; size > 0; size--)
        digest = mix(digest, *bytes++);
    return mix(digest, 0);
}

/* ---- states that were seen: a table of 64-bit digests. Two of some million states with the same
 * digest are not to be expected. */

static uint64_t *seen;
static size_t seen_size;

static void empty_seen(size_t size)
{
    free(seen);
    seen = calloc(size, sizeof(*seen));
    if (!seen)
        abort();
    seen_size = size;
}

/* False: it was there. */
static bool insert_seen(uint64_t digest)
{
    size_t i = digest & (seen_size - 1);

    while (seen[i] != 0 && seen[i] != digest)
        i = (i + 1) & (seen_size - 1);
    if (seen[i] == digest)
        return false;
    seen[i] = digest;
    return true;
}

static void grow_seen(void)
{
    uint64_t *old = seen;
    size_t old_size = seen_size;

    seen = NULL;
    empty_seen(old_size * 2);
    for (size_t i = 0; i < old_size; i++)
        if (old[i])
            (void)insert_seen(old[i]);
    free(old);
}

static uint64_t history_of(const struct thread *t)
{
    if (t->has_returned)
        return 0;
    return t->op_count ? t->ops[t->op_count - 1].history : 1;
}

static bool is_new_state(void)
{
    uint64_t digest = 1;

    for (int i = 0; i < region_count; i++)
        digest = mix_bytes(digest, regions[i].at, regions[i].size);
    for (int i = 0; i < thread_count; i++)
        digest = mix(digest, history_of(&threads[i]));
    if (states * 2 > seen_size)
        grow_seen();
    return insert_seen(digest ? digest : 1);
}

/* ---- steps */

void explore_forget(uint64_t place)
{
    history = mix(2, place);
}

bool explore_replayed(uint64_t *value)
{
    if (!running)
        return false;
    if (has_acted)
        longjmp(out, STEPPED);
    if (position == running->op_count) {
        restore(&way[depth].memory);
        return false;
    }

    const struct op *op = &running->ops[position++];
    *value = op->value;
    history = op->history;
    restore(&op->after);
    return true;
}

void explore_did(uint64_t value)
{
    if (!running)
        return;

    struct op *op = &running->ops[running->op_count];
    has_acted = true;
    history = mix(history, value);
    op->value = value;
    op->history = history;
    save(&op->after);
}

void explore_block(void)
{
    if (!running)
        abort();
    longjmp(out, BLOCKED);
}

int explore_yield(void)
{
    uint64_t value = 0;

    if (!explore_replayed(&value)) {
        if (running->op_count > 0 && !is_changed(&running->ops[running->op_count - 1].after))
            explore_block();
        explore_did(value);
    }
    return 0;
}

/* Let `t` do its next operation, or, if `has_acted` to begin with, none but what comes before its
 * first. If it is blocked, nothing has changed. */
static enum outcome run(struct thread *t)
{
    if (t->op_count == OPS || depth == DEPTH - 1)
        abort();
    restore(&t->start);
    running = t;
    position = 0;
    history = 1;

    int outcome = setjmp(out);
    if (outcome == 0)
        t->body(); /* leaves by longjmp, or has come to its end */
    running = NULL;
    if (outcome == BLOCKED)
        restore(&way[depth].memory);
    else
        t->ops[t->op_count].history = history;
    return (enum outcome)outcome;
}

/* ---- the search */

static void tell(const char *wrong)
{
    if (!is_telling)
        return;
    printf("%s, after", wrong);
    for (int i = 0; i < depth; i++)
        printf(" %d", way[i].thread);
    printf("\n");
}

/* Enter a state: remember where the ways out of it begin. */
static void enter(void)
{
    states++;
    save(&way[depth].memory);
    way[depth].thread = -1;
    way[depth].is_stuck = true;
}

/* Go back to the state before, and take back what its thread did. */
static void leave(void)
{
    struct thread *t = &threads[way[--depth].thread];

    t->op_count--;
    t->has_returned = false;
    restore(&way[depth].memory);
}

/* After a step from way[depth]. */
static void go_on(struct thread *t, enum outcome outcome)
{
    way[depth].is_stuck = false;
    t->has_returned = outcome == RETURNED;
    t->op_count++;
    depth++;
    if (is_new_state())
        enter();
    else
        leave();
}

/* Depth first. Threads are always run from here, from one depth of the stack: the memory may hold
 * addresses of their locals. */
static const char *search(void)
{
    for (int i = 0; i < thread_count; i++) {
        save(&threads[i].start);
        has_acted = true;
        threads[i].has_returned = run(&threads[i]) == RETURNED;
    }

    enter();
    for (;;) {
        int i = ++way[depth].thread;

        if (i < thread_count && !threads[i].has_returned) {
            has_acted = false;
            enum outcome outcome = run(&threads[i]);
            if (outcome != BLOCKED)
                go_on(&threads[i], outcome);
        }
        if (i < thread_count)
            continue;

        const char *wrong = way[depth].is_stuck ? check_end() : NULL;
        if (wrong) {
            tell(wrong);
            return wrong;
        }
        if (depth == 0)
            return NULL;
        leave();
    }
}

const char *explore(explore_thread *const *bodies, int count, explore_check *check, bool is_loud)
{
    static struct image original;

    if (count > THREADS)
        abort();
    save(&original);
    states = 0;
    depth = 0;
    thread_count = count;
    check_end = check;
    is_telling = is_loud;
    empty_seen(1 << 16);
    for (int i = 0; i < count; i++) {
        threads[i].body = bodies[i];
        threads[i].op_count = 0;
    }

    const char *wrong = search();
    free(seen);
    seen = NULL;
    restore(&original);
    return wrong;
}

unsigned long explore_states(void)
{
    return states;
}

bool explore_has_returned(int i)
{
    return threads[i].has_returned;
}
