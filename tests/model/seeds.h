/* How the model tests get their randomness: a few fixed seeds, and a new one each time, which is
 * printed.
 *
 * GYRE_SEED=n plays seed n alone, GYRE_STEPS=n makes each game n steps long.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_SEEDS_H
#define GYRE_TEST_SEEDS_H

#include "model/random.h"
#include "support/fixture.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Plays a game of `steps` steps; an assertion fails where library and model differ. */
typedef void play_fn(struct fixture *f, uint64_t seed, uint64_t steps);

static inline uint64_t number_in_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static inline void play_seed(void **state, play_fn *play, uint64_t seed, uint64_t steps)
{
    steps = number_in_environment("GYRE_STEPS", steps);
    print_message("GYRE_SEED=%llu GYRE_STEPS=%llu\n", (unsigned long long)seed,
                  (unsigned long long)steps);
    play(fixture_of(state), seed, steps);
}

static inline void play_fixed_seeds(void **state, play_fn *play, uint64_t steps)
{
    if (getenv("GYRE_SEED")) {
        play_seed(state, play, number_in_environment("GYRE_SEED", 0), steps);
        return;
    }
    for (uint64_t seed = 1; seed <= 8; seed++)
        play_seed(state, play, seed, steps);
}

static inline void play_new_seed(void **state, play_fn *play, uint64_t steps)
{
    struct timespec now;

    if (getenv("GYRE_SEED"))
        skip();
    clock_gettime(CLOCK_REALTIME, &now);
    struct random random = { .state = (uint64_t)now.tv_sec * 1000000007u ^ (uint64_t)now.tv_nsec ^
                                      (uint64_t)getpid() << 32 };
    play_seed(state, play, random_bits(&random) >> 32, steps);
}

#endif
