/* Pseudo-random numbers for tests: the same sequence for the same seed, on every system.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_RANDOM_H
#define GYRE_TEST_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

/* splitmix64: every seed is a good one, also 0 and neighbours. */
static inline uint64_t random_bits(struct random *r)
{
    uint64_t bits = r->state += 0x9E3779B97F4A7C15u;

    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9u;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EBu;
    return bits ^ bits >> 31;
}

/* A number from 0 to limit - 1. */
static inline uint64_t random_below(struct random *r, uint64_t limit)
{
    return random_bits(r) % limit;
}

static inline int random_index(struct random *r, int count)
{
    return (int)random_below(r, (uint64_t)count);
}

static inline bool random_chance(struct random *r, unsigned percent)
{
    return random_below(r, 100) < percent;
}

/* A number of any size: each number of bits is equally likely. */
static inline uint64_t random_magnitude(struct random *r)
{
    return random_bits(r) >> random_below(r, 64);
}

#endif
