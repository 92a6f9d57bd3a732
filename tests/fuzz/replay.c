/* A fuzz program without libFuzzer.
 *
 *     hostname_fuzz              inputs of fixed seeds
 *     hostname_fuzz FILE...      what libFuzzer has found
 *
 * GYRE_SEED=n plays seed n alone. SPDX-License-Identifier: MIT */
#include "fuzz/fuzz.h"
#include "model/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 8, INPUTS = 20000, INPUT_LIMIT = 300, FILE_LIMIT = 1 << 20 };

/* The input lies at the end of a block of its own, so that a sanitizer sees what is read beyond. */
static void try_input(const void *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        abort();
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* Append a piece, now and then with one byte changed, or a random byte. Returns the new size. */
static size_t append(struct random *r, uint8_t *input, size_t size)
{
    int count = 0;

    while (fuzz_pieces[count])
        count++;
    const char *piece = fuzz_pieces[random_index(r, count)];
    size_t length = strlen(piece);
    if (random_chance(r, 20) || length > INPUT_LIMIT - size) {
        input[size] = (uint8_t)random_bits(r);
        return size + 1;
    }
    memcpy(input + size, piece, length);
    if (random_chance(r, 20))
        input[size + random_below(r, length)] ^= (uint8_t)(1u << random_below(r, 8));
    return size + length;
}

static void play_seed(uint64_t seed)
{
    struct random random = { .state = seed };

    for (int i = 0; i < INPUTS; i++) {
        uint8_t input[INPUT_LIMIT];
        size_t size = 0;
        size_t goal = random_below(&random, 1 + (random_magnitude(&random) & 255));

        while (size < goal)
            size = append(&random, input, size);
        try_input(input, size);
    }
}

static int play_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = file ? malloc(FILE_LIMIT) : NULL;

    if (!data) {
        perror(path);
        if (file)
            fclose(file);
        return 1;
    }
    size_t size = fread(data, 1, FILE_LIMIT, file);
    fclose(file);
    try_input(data, size);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    const char *only = getenv("GYRE_SEED");
    int failed = 0;

    for (int i = 1; i < argc; i++)
        failed += play_file(argv[i]);
    if (argc > 1)
        return failed > 0;
    if (only) {
        play_seed(strtoull(only, NULL, 0));
        return 0;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        printf("GYRE_SEED=%llu\n", (unsigned long long)seed);
        fflush(stdout);
        play_seed(seed);
    }
    return 0;
}
