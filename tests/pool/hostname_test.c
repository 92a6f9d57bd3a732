/* Host names: what may be asked of a resolver (J-9), and what is refused before anybody is asked.
 *
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "pool/hostname.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The check of a copy that ends where the name does, so that a sanitizer sees what is read beyond. */
static int check(const char *name, size_t length)
{
    char *copy = malloc(length ? length : 1);

    assert_non_null(copy);
    memcpy(copy, name, length);
    int err = hostname_check(copy, length);
    free(copy);
    return err;
}

struct example {
    const char *name;
    int err;
};

static void assert_examples(const struct example *example, size_t count)
{
    int wrong = 0;

    for (size_t i = 0; i < count; i++) {
        int err = check(example[i].name, strlen(example[i].name));

        if (err == example[i].err)
            continue;
        print_error("\"%s\": %d, should be %d\n", example[i].name, err, example[i].err);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

#define ASSERT_EXAMPLES(list) assert_examples((list), ARRAY_LEN(list))

/* ------------------------------------------------------------------ length */

/* Labels of at most `label` bytes, `length` bytes in all. */
static char *make_name(size_t length, size_t label)
{
    char *name = malloc(length + 1);

    assert_non_null(name);
    for (size_t i = 0; i < length; i++)
        name[i] = i % (label + 1) == label && i + 1 < length ? '.' : 'a';
    name[length] = '\0';
    return name;
}

static void name_of_more_than_255_bytes_is_too_long(void **state)
{
    static const struct {
        size_t length;
        int err;
    } example[] = {
        { 0, -EINVAL },
        { 1, 0 },
        { 63, 0 },
        { 64, 0 },
        { 253, 0 },
        { 254, 0 },
        { 255, 0 },
        { 256, -ENAMETOOLONG },
        { 257, -ENAMETOOLONG },
        { 65536, -ENAMETOOLONG },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(example); i++) {
        char *name = make_name(example[i].length, 49);

        assert_int_equal(check(name, example[i].length), example[i].err);
        free(name);
    }
}

static void label_of_more_than_63_bytes_is_refused(void **state)
{
    (void)state;
    for (size_t label = 1; label <= 130; label++) {
        char *name = make_name(label + 4, label);

        name[label] = '.';
        memcpy(name + label + 1, "com", 3);
        assert_int_equal(check(name, label + 4), label <= 63 ? 0 : -EINVAL);
        assert_int_equal(check(name, label), label <= 63 ? 0 : -EINVAL);
        free(name);
    }
}

static void too_long_is_told_whatever_the_bytes_are(void **state)
{
    char name[256];

    (void)state;
    memset(name, 0xff, sizeof(name));
    assert_int_equal(check(name, 256), -ENAMETOOLONG);
    assert_int_equal(check(name, 255), -EINVAL);
}

/* ------------------------------------------------------------------ labels and bytes */

static void labels_are_not_empty(void **state)
{
    static const struct example list[] = {
        { "", -EINVAL },     { ".", -EINVAL },      { "..", -EINVAL },
        { ".com", -EINVAL }, { "a..com", -EINVAL }, { "a.com..", -EINVAL },
        { "...", -EINVAL },  { "..a", -EINVAL },    { "a", 0 },
        { "a.b", 0 },        { "a.b.c.d.e", 0 },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static void one_dot_at_the_end_is_the_root(void **state)
{
    static const struct example list[] = {
        { "a.", 0 },
        { "a.com.", 0 },
        { "a.com..", -EINVAL },
        { "xn--tda.", 0 },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static void hyphens_stand_inside_labels_only(void **state)
{
    static const struct example list[] = {
        { "a-b", 0 },      { "a--b", 0 },     { "a-b.c-d", 0 },    { "-", -EINVAL },
        { "-a", -EINVAL }, { "a-", -EINVAL }, { "a.-b", -EINVAL }, { "a-.b", -EINVAL },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static void underscores_and_digits_are_letters(void **state)
{
    static const struct example list[] = {
        { "_", 0 }, { "_tcp._example.com", 0 }, { "a_b", 0 },      { "a_", 0 },
        { "0", 0 }, { "1.2.3.4", 0 },           { "3com.com", 0 }, { "256.256.256.256", 0 },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static bool may_stand_in_a_label(int byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || byte == '_' || byte == '-';
}

static void every_other_byte_is_refused_at_every_place(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        for (size_t place = 0; place < 7; place++) {
            char name[] = "abc.def";
            bool is_edge = place == 0 || place == 2 || place == 4 || place == 6;
            bool is_dot = byte == '.' && (place == 1 || place == 5 || place == 6);

            if (place == 3)
                continue;
            name[place] = (char)byte;
            bool is_fine = is_dot || (may_stand_in_a_label(byte) && !(byte == '-' && is_edge));
            assert_int_equal(check(name, 7), is_fine ? 0 : -EINVAL);
        }
    }
}

/* CVE-2024-24806: what a resolver in C would not see must not get past the check. */
static void nul_ends_no_name(void **state)
{
    static const char *const name[] = { "localhost\0", "127.0.0.1\0.com", "\0", "a.b\0c" };
    static const size_t length[] = { 10, 14, 1, 5 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(name); i++)
        assert_int_equal(check(name[i], length[i]), -EINVAL);
}

static void nothing_is_read_beyond_the_length(void **state)
{
    (void)state;
    assert_int_equal(hostname_check("abc..", 3), 0);
    assert_int_equal(hostname_check("xn--tda\xff", 7), 0);
}

static void bytes_that_are_not_ascii_have_to_be_encoded_first(void **state)
{
    static const struct example list[] = {
        { "b\303\274cher.de", -EINVAL }, { "b\374cher.de", -EINVAL },
        { "\343\200\202", -EINVAL }, /* a full stop of another alphabet */
        { "a\343\200\202com", -EINVAL }, { "\357\273\277a.com", -EINVAL },
        { "xn--bcher-kva.de", 0 },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static void addresses_with_colons_are_no_names(void **state)
{
    static const struct example list[] = {
        { "::1", -EINVAL },  { "fe80::1%lo", -EINVAL }, { "[::1]", -EINVAL },
        { "a:80", -EINVAL }, { "*", -EINVAL },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

/* ------------------------------------------------------------------ encoded labels */

/* Among them the sentences of section 7.1 of RFC 3492 whose hyphens fit into a host name. */
static void encoded_labels_that_can_be_decoded_are_names(void **state)
{
    static const struct example list[] = {
        { "xn--tda", 0 },
        { "xn--n3h", 0 },
        { "xn--e28h", 0 }, /* beyond 16 bits */
        { "xn--fiqs8s", 0 },
        { "xn--mnchen-3ya.de", 0 },
        { "xn--hxajbheg2az3al.xn--h1alffa9f", 0 },
        { "xn--egbpdaj6bu4bxfgehfvwxn", 0 },
        { "xn--ihqwcrb4cv8a8dqg056pqjye", 0 },
        { "xn--ihqwctvzc91f659drss3x8bo0yb", 0 },
        { "xn--Proprostnemluvesky-uyb24dma41a", 0 },
        { "xn--4dbcagdahymbxekheh6e0a7fei0b", 0 },
        { "xn--i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd", 0 },
        { "xn--n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa", 0 },
        { "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l", 0 },
        { "xn--PorqunopuedensimplementehablarenEspaol-fmd56a", 0 },
        { "xn--3B-ww4c5e180e575a65lsy2b", 0 },
        { "xn---with-SUPER-MONKEYS-pc58ag80a8qai00g7n9n", 0 },
        { "xn--Hello-Another-Way--fc4qua05auwb3674vfr0b", 0 },
        { "xn--d9juau41awczczp", 0 },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static void encoding_does_not_care_about_case(void **state)
{
    static const struct example list[] = {
        { "XN--TDA", 0 },
        { "Xn--MNCHEN-3YA", 0 },
        { "xN--Ihqwcrb4cv8a8dqg056pqJYE", 0 },
        { "XN--9", -EINVAL },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static void only_the_whole_prefix_makes_a_label_an_encoded_one(void **state)
{
    static const struct example list[] = {
        { "x--9", 0 }, { "xn-9", 0 }, { "n--9", 0 }, { "axn--9", 0 }, { "xn--9", -EINVAL },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static void encoded_labels_whose_last_number_is_cut_off_are_refused(void **state)
{
    static const struct example list[] = {
        { "xn--9", -EINVAL },        { "xn--0", -EINVAL },     { "xn--zz", -EINVAL },
        { "xn--99999999", -EINVAL }, { "xn--abc-9", -EINVAL }, { "xn--mnchen-3y", -EINVAL },
        { "xn--a--b", -EINVAL },     { "xn--td", -EINVAL },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static void encoded_labels_that_encode_nothing_are_refused(void **state)
{
    static const struct example list[] = {
        { "xn--", -EINVAL },
        { "xn---", -EINVAL },
        { "xn--abc-", -EINVAL },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static void hyphen_before_the_numbers_needs_something_before_it(void **state)
{
    static const struct example list[] = {
        { "xn---tda", -EINVAL },
        { "xn---n3h", -EINVAL },
        { "xn----tda", 0 }, /* a hyphen and what follows it */
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static void underscore_is_no_digit_of_the_encoding(void **state)
{
    static const struct example list[] = {
        { "xn--t_a", -EINVAL },
        { "xn--a_b-3ya", 0 },
        { "xn--ab-3_a", -EINVAL },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static void only_code_points_that_exist_can_be_encoded(void **state)
{
    static const struct example list[] = {
        { "xn--a", 0 },
        { "xn--a-ba", 0 }, /* 80, the first */
        { "xn--hb9b", 0 },
        { "xn--a-pc4g", 0 }, /* d7ff */
        { "xn--ib9b", -EINVAL },
        { "xn--a-rc4g", -EINVAL }, /* d800 */
        { "xn--q49b", -EINVAL },
        { "xn--a-7z5g", -EINVAL }, /* dbff */
        { "xn--zy0c", -EINVAL },
        { "xn--a-qo7g", -EINVAL }, /* dfff */
        { "xn--0y0c", 0 },
        { "xn--a-so7g", 0 }, /* e000 */
        { "xn--dn32g", 0 },
        { "xn--a-h023p", 0 }, /* 10ffff, the last */
        { "xn--en32g", -EINVAL },
        { "xn--a-j023p", -EINVAL }, /* 110000 */
        { "xn--fn32g", -EINVAL },
        { "xn--a-l023p", -EINVAL }, /* 110001 */
        { "xn--8016146o", -EINVAL },
        { "xn--a-8s902716a", -EINVAL }, /* 7fffffff */
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

/* Numbers that would be small again, and code points that would exist, in 32 bits. */
static void numbers_that_overflow_are_refused(void **state)
{
    static const struct example list[] = {
        { "xn--ww902716a", -EINVAL },   /* ffffffff */
        { "xn--l0902716a", -EINVAL },   /* 100000080 */
        { "xn--a-kk503321e", -EINVAL }, /* ffffffff */
        { "xn--a-xr503321e", -EINVAL }, /* 100000080 */
        { "xn--99999999999999999999999a", -EINVAL },
        { "xn--a99999999999999999999999a", -EINVAL },
        { "xn--00000000000000000000000a", -EINVAL },
        { "xn--99999999999999999999999999999999999999999999999999999999999", -EINVAL },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

static void one_bad_label_spoils_the_name(void **state)
{
    static const struct example list[] = {
        { "xn--tda.xn--9.com", -EINVAL },
        { "www.xn--ib9b", -EINVAL },
        { "xn--9.xn--tda", -EINVAL },
        { "www.xn--tda.com", 0 },
    };

    (void)state;
    ASSERT_EXAMPLES(list);
}

/* ------------------------------------------------------------------ in words */

static void fault_is_told_in_words(void **state)
{
    static const struct {
        const char *name, *fault;
    } example[] = {
        { "a.test", NULL },
        { "a.", NULL },
        { "", "the host name is empty" },
        { ".", "a part of the host name is empty" },
        { "a..test", "a part of the host name is empty" },
        { "a-.test", "a part of the host name begins or ends with a hyphen" },
        { "xn--9.test", "a part of the host name is wrongly encoded" },
        { "b\303\274cher.test", "the host name is not ASCII, and has to be encoded first" },
        { "[::1]", "the host has a bracket in it; addresses are written without" },
        { "a:80", "the host has a colon in it and is no address; a port goes into the service" },
        { "a/b", "the host name has a character in it that is no letter, digit, hyphen or dot" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(example); i++) {
        const char *fault = hostname_fault(example[i].name, strlen(example[i].name));

        assert_int_equal(fault == NULL, example[i].fault == NULL);
        if (fault)
            assert_string_equal(fault, example[i].fault);
    }
    assert_string_equal(hostname_fault("a\0b", 3), "the host name has a NUL in it");
}

static void name_that_is_too_long_is_told_in_words(void **state)
{
    char name[256];

    (void)state;
    memset(name, 'a', sizeof(name));
    assert_string_equal(hostname_fault(name, 256), "the host name has more than 255 bytes");
    assert_string_equal(hostname_fault(name, 255),
                        "a part of the host name has more than 63 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_of_more_than_255_bytes_is_too_long),
        cmocka_unit_test(label_of_more_than_63_bytes_is_refused),
        cmocka_unit_test(too_long_is_told_whatever_the_bytes_are),
        cmocka_unit_test(labels_are_not_empty),
        cmocka_unit_test(one_dot_at_the_end_is_the_root),
        cmocka_unit_test(hyphens_stand_inside_labels_only),
        cmocka_unit_test(underscores_and_digits_are_letters),
        cmocka_unit_test(every_other_byte_is_refused_at_every_place),
        cmocka_unit_test(nul_ends_no_name),
        cmocka_unit_test(nothing_is_read_beyond_the_length),
        cmocka_unit_test(bytes_that_are_not_ascii_have_to_be_encoded_first),
        cmocka_unit_test(addresses_with_colons_are_no_names),
        cmocka_unit_test(encoded_labels_that_can_be_decoded_are_names),
        cmocka_unit_test(encoding_does_not_care_about_case),
        cmocka_unit_test(only_the_whole_prefix_makes_a_label_an_encoded_one),
        cmocka_unit_test(encoded_labels_whose_last_number_is_cut_off_are_refused),
        cmocka_unit_test(encoded_labels_that_encode_nothing_are_refused),
        cmocka_unit_test(hyphen_before_the_numbers_needs_something_before_it),
        cmocka_unit_test(underscore_is_no_digit_of_the_encoding),
        cmocka_unit_test(only_code_points_that_exist_can_be_encoded),
        cmocka_unit_test(numbers_that_overflow_are_refused),
        cmocka_unit_test(one_bad_label_spoils_the_name),
        cmocka_unit_test(fault_is_told_in_words),
        cmocka_unit_test(name_that_is_too_long_is_told_in_words),
    };

    return cmocka_run_group_tests_name("hostname", tests, NULL, NULL);
}
