/* What every fuzz program is made of. Built with GYRE_FUZZ, by clang, it is one of libFuzzer's;
 * otherwise replay.c calls its entry point with inputs of fixed seeds, and it is a test.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_FUZZ_H
#define GYRE_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Try one input, and abort if anything is wrong. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What replay.c puts inputs together from, beside random bytes; up to a NULL. */
extern const char *const fuzz_pieces[];

#endif
