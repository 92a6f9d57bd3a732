/* Names and messages of error codes.
 *
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "gyre/base.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Every code a public function may return: those the headers name, and those of the kernel that are
 * passed on from epoll, eventfd, pipe, poll, kqueue, timerfd, sigaction, read and write. */
static const int codes[] = {
    EACCES, EAGAIN,  EALREADY,   EBADF,     EBUSY,     ECANCELED,     EDEADLK,
    EEXIST, EFAULT,  EINTR,      EINVAL,    EIO,       ELOOP,         EMFILE,
    ENFILE, ENODEV,  ENOENT,     ENOMEM,    ENOSPC,    ENOSYS,        EPERM,
    EPIPE,  ENOTSUP, EOWNERDEAD, ESHUTDOWN, ETIMEDOUT, -GYRE_EUNINIT, -GYRE_EPOLLER,
};

static void every_code_that_is_returned_has_a_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        assert_string_not_equal(gyre_errname(-codes[i]), "UNKNOWN");
        assert_string_not_equal(gyre_strerror(-codes[i]), "unknown error");
    }
}

static void names_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(gyre_errname(codes[i]), gyre_errname(codes[j]));
}

static void sign_does_not_matter(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        assert_ptr_equal(gyre_errname(codes[i]), gyre_errname(-codes[i]));
        assert_ptr_equal(gyre_strerror(codes[i]), gyre_strerror(-codes[i]));
    }
}

static void name_is_that_of_the_macro(void **state)
{
    (void)state;
    assert_string_equal(gyre_errname(-ENOMEM), "ENOMEM");
    assert_string_equal(gyre_errname(-EOWNERDEAD), "EOWNERDEAD");
    assert_string_equal(gyre_errname(GYRE_EUNINIT), "GYRE_EUNINIT");
    assert_string_equal(gyre_errname(GYRE_EPOLLER), "GYRE_EPOLLER");
}

static void zero_is_no_error(void **state)
{
    (void)state;
    assert_string_equal(gyre_errname(0), "OK");
    assert_string_equal(gyre_strerror(0), "no error");
}

static void strange_codes_are_unknown(void **state)
{
    static const int strange[] = { -1000000, 1000000, INT32_MIN, INT32_MAX, -19999, -30000 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
        assert_string_equal(gyre_errname(strange[i]), "UNKNOWN");
        assert_string_equal(gyre_strerror(strange[i]), "unknown error");
    }
}

static void messages_are_short_and_end_without_a_full_stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        const char *message = gyre_strerror(codes[i]);

        assert_in_range(strlen(message), 5, 80);
        assert_int_not_equal(message[strlen(message) - 1], '.');
    }
}

static void own_codes_lie_below_every_errno(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i] != -GYRE_EUNINIT && codes[i] != -GYRE_EPOLLER)
            assert_true(codes[i] < -GYRE_EUNINIT && codes[i] < -GYRE_EPOLLER);
}

static void version_is_that_of_the_headers(void **state)
{
    char text[32];

    (void)state;
    snprintf(text, sizeof(text), "%d.%d.%d", GYRE_VERSION_MAJOR, GYRE_VERSION_MINOR,
             GYRE_VERSION_PATCH);
    assert_string_equal(gyre_version(), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_that_is_returned_has_a_name),
        cmocka_unit_test(names_differ),
        cmocka_unit_test(sign_does_not_matter),
        cmocka_unit_test(name_is_that_of_the_macro),
        cmocka_unit_test(zero_is_no_error),
        cmocka_unit_test(strange_codes_are_unknown),
        cmocka_unit_test(messages_are_short_and_end_without_a_full_stop),
        cmocka_unit_test(own_codes_lie_below_every_errno),
        cmocka_unit_test(version_is_that_of_the_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
