/* Host names: labels of ASCII, and the encoding of other alphabets in them (RFC 3492).
 *
 * SPDX-License-Identifier: MIT */
#include "pool/hostname.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    LABEL_LIMIT = 63,
    /* The parameters of the encoding. */
    BASE = 36,
    T_MIN = 1,
    T_MAX = 26,
    SKEW = 38,
    DAMP = 700,
    FIRST_BIAS = 72,
    FIRST_CODE = 128,
    LAST_CODE = 0x10ffff,
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letters, digits, hyphens; underscores too, as they are found in practice. */
static bool is_name_byte(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '_';
}

static bool is_encoded(const char *label, size_t length)
{
    return length >= 4 && (label[0] | 32) == 'x' && (label[1] | 32) == 'n' && label[2] == '-' &&
           label[3] == '-';
}

/* The value of a digit of the encoding, BASE if it is none. */
static uint32_t digit_value(char c)
{
    if (is_letter(c))
        return (uint32_t)((c | 32) - 'a');
    return is_digit(c) ? (uint32_t)(c - '0') + 26 : BASE;
}

static uint32_t adapt_bias(uint32_t delta, uint32_t points, bool is_first)
{
    uint32_t k = 0;

    delta = is_first ? delta / DAMP : delta / 2;
    delta += delta / points;
    for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
        delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t threshold(uint32_t k, uint32_t bias)
{
    if (k <= bias + T_MIN)
        return T_MIN;
    return k >= bias + T_MAX ? T_MAX : k - bias;
}

/* Read one number of variable length and add it to *sum. False: it is cut off or too large. */
static bool read_delta(const char **at, const char *end, uint32_t bias, uint32_t *sum)
{
    uint32_t weight = 1;

    for (uint32_t k = BASE;; k += BASE) {
        uint32_t digit = *at < end ? digit_value(*(*at)++) : BASE;

        if (digit == BASE || digit > (UINT32_MAX - *sum) / weight)
            return false;
        *sum += digit * weight;
        uint32_t t = threshold(k, bias);
        if (digit < t)
            return true;
        if (weight > UINT32_MAX / (BASE - t))
            return false;
        weight *= BASE - t;
    }
}

/* Whether what follows the prefix can be decoded, to code points that exist. */
static bool is_decodable(const char *text, size_t length)
{
    const char *end = text + length;
    const char *at = text;
    uint32_t points = 0, code = FIRST_CODE, bias = FIRST_BIAS, sum = 0;

    /* Before the last hyphen stand the ASCII characters; without any there is no such hyphen. */
    for (const char *c = text + 1; c < end; c++)
        if (*c == '-') {
            points = (uint32_t)(c - text);
            at = c + 1;
        }
    if (at == end)
        return false; /* it encodes nothing */

    while (at < end) {
        uint32_t before = sum;

        if (!read_delta(&at, end, bias, &sum))
            return false;
        points++;
        bias = adapt_bias(sum - before, points, before == 0);
        if (sum / points > LAST_CODE - code)
            return false;
        code += sum / points;
        if (code >= 0xd800 && code < 0xe000)
            return false;
        sum = sum % points + 1;
    }
    return true;
}

/* NULL: it is fine. */
static const char *label_fault(const char *label, size_t length)
{
    if (length == 0)
        return "a part of the host name is empty";
    if (length > LABEL_LIMIT)
        return "a part of the host name has more than 63 bytes";
    if (label[0] == '-' || label[length - 1] == '-')
        return "a part of the host name begins or ends with a hyphen";
    if (is_encoded(label, length) && !is_decodable(label + 4, length - 4))
        return "a part of the host name is wrongly encoded";
    return NULL;
}

static const char *byte_fault(char byte)
{
    if (byte == '.' || is_name_byte(byte))
        return NULL;
    if ((unsigned char)byte >= 0x80)
        return "the host name is not ASCII, and has to be encoded first";
    switch (byte) {
    case '\0':
        return "the host name has a NUL in it";
    case ':':
        return "the host has a colon in it and is no address; a port goes into the service";
    case '[':
        return "the host has a bracket in it; addresses are written without";
    default:
        return "the host name has a character in it that is no letter, digit, hyphen or dot";
    }
}

const char *hostname_fault(const char *name, size_t length)
{
    const char *fault = NULL;

    if (length > HOSTNAME_LIMIT)
        return "the host name has more than 255 bytes";
    if (length == 0)
        return "the host name is empty";
    for (size_t i = 0; i < length && !fault; i++)
        fault = byte_fault(name[i]);
    if (length > 1 && name[length - 1] == '.') /* the root, written out */
        length--;

    size_t begin = 0;
    for (size_t i = 0; i <= length && !fault; i++) {
        if (i < length && name[i] != '.')
            continue;
        fault = label_fault(name + begin, i - begin);
        begin = i + 1;
    }
    return fault;
}

int hostname_check(const char *name, size_t length)
{
    if (length > HOSTNAME_LIMIT)
        return -ENAMETOOLONG;
    return hostname_fault(name, length) ? -EINVAL : 0;
}
