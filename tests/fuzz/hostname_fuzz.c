/* Host names: the check beside a slow one, which decodes into an array with wide numbers.
 *
 * SPDX-License-Identifier: MIT */
#include "fuzz/fuzz.h"
#include "pool/hostname.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fuzz_pieces[] = {
    "xn--",
    "xn--",
    "xn--",
    "-",
    ".",
    ".",
    "a",
    "9",
    "0",
    "z",
    "_",
    "tda",
    "n3h",
    "e28h",
    "kva",
    "mnchen-3ya",
    "ihqwcrb4cv8a8dqg056pqjye",
    "ib9b",
    "dn32g",
    "en32g",
    "8016146o",
    "ww902716a",
    "a-rc4g",
    "99999999",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "www.",
    ".com",
    "XN--",
    "::1",
    NULL,
};

static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";

/* ---- decoding as section 6.2 of RFC 3492 has it */

enum { LABEL = 64 };

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c - 'A' + 'a');
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static uint64_t bias_after(uint64_t delta, uint64_t points, bool is_first)
{
    uint64_t k = 0;

    delta = is_first ? delta / 700 : delta / 2;
    delta += delta / points;
    while (delta > 455) {
        delta /= 35;
        k += 36;
    }
    return k + 36 * delta / (delta + 38);
}

/* The next number, added to *i; how many digits it has, 0 if there is none, or none so small. */
static size_t next_number(const char *text, size_t length, uint64_t bias, uint64_t *i)
{
    uint64_t weight = 1;

    for (size_t n = 0; n < length; n++) {
        uint64_t k = 36 * (n + 1);
        uint64_t t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
        int digit = digit_of(text[n]);

        if (digit < 0)
            return 0;
        *i += (uint64_t)digit * weight;
        if (*i > UINT32_MAX)
            return 0;
        if ((uint64_t)digit < t)
            return n + 1;
        weight *= 36 - t;
        if (weight > UINT32_MAX)
            return 0;
    }
    return 0;
}

/* How many code points `text` stands for, 0 if it cannot be decoded. */
static size_t decode(const char *text, size_t length, uint32_t *point)
{
    size_t count = 0, at = 0;
    uint64_t i = 0, code = 128, bias = 72;

    for (size_t n = 1; n < length; n++)
        if (text[n] == '-')
            count = n;
    for (size_t n = 0; n < count; n++)
        point[n] = (uint8_t)text[n];
    if (count > 0)
        at = count + 1;
    if (at == length)
        return 0;
    while (at < length) {
        uint64_t before = i;
        size_t used = next_number(text + at, length - at, bias, &i);

        if (used == 0)
            return 0;
        at += used;
        count++;
        bias = bias_after(i - before, count, before == 0);
        code += i / count;
        i %= count;
        if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return 0;
        memmove(point + i + 1, point + i, (count - 1 - i) * sizeof(*point));
        point[i++] = (uint32_t)code;
    }
    return count;
}

/* ---- names */

static bool is_label(const char *label, size_t length)
{
    uint32_t point[LABEL];

    if (length == 0 || length >= LABEL || label[0] == '-' || label[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (digit_of(label[i]) < 0 && label[i] != '-' && label[i] != '_')
            return false;
    bool is_encoded = length >= 4 && digit_of(label[0]) == digit_of('x') &&
                      digit_of(label[1]) == digit_of('n') && label[2] == '-' && label[3] == '-';
    return !is_encoded || decode(label + 4, length - 4, point) > 0;
}

static int check_slowly(const char *name, size_t length)
{
    if (length > 255)
        return -ENAMETOOLONG;
    if (length > 0 && name[length - 1] == '.' && length != 1)
        length--;
    for (;;) {
        const char *dot = memchr(name, '.', length);
        size_t label = dot ? (size_t)(dot - name) : length;

        if (!is_label(name, label))
            return -EINVAL;
        if (!dot)
            return 0;
        name += label + 1;
        length -= label + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int is = hostname_check((const char *)data, size);
    int should = check_slowly((const char *)data, size);

    if (is == should)
        return 0;
    fprintf(stderr, "hostname_check: %d, should be %d: \"%.*s\"\n", is, should, (int)size,
            (const char *)data);
    abort();
}
