/* Lookups that are refused, and lookups that fail: before anybody is asked (J-9), and what the codes
 * of the system become.
 *
 * SPDX-License-Identifier: MIT */
#include "stand_in.h"

#include "base/util.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int outcome_for(struct fixture *f, const char *host, const char *service)
{
    return outcome_of(f, gyre_resolve(f->loop, NULL, host, service));
}

static int outcome_of_query(struct fixture *f, struct gyre_resolve_query query)
{
    return outcome_of(f, gyre_resolve_with(f->loop, NULL, &query));
}

static void assert_nobody_was_asked(void)
{
    assert_int_equal(questions(), 0);
    assert_int_equal(sys_calls(SYS_THREAD_CREATE), 0);
}

/* ------------------------------------------------------------------ bad names */

static void bad_host_names_are_refused_before_anybody_is_asked(void **state)
{
    static const char *const host[] = {
        "",
        ".",
        "a..b",
        "-a",
        "a-",
        "a b",
        "b\303\274cher.de",
        "a/b",
        "xn--9",
        "xn--ib9b",
        "127.0.0.1 a",
        "a:b",
        "[::1]",
        "::1::",
        "::g",
        "fe80::1 %1",
        "1:2",
        "http://a",
        "\t127.0.0.1",
        "127.0.0.1\n",
    };
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < ARRAY_LEN(host); i++) {
        assert_int_equal(outcome_at_once(gyre_resolve(f->loop, NULL, host[i], "80")), -EINVAL);
        assert_int_equal(outcome_at_once(gyre_resolve(f->loop, NULL, host[i], "http")), -EINVAL);
    }
    assert_nobody_was_asked();
}

/* Some systems take it for this machine. */
static void star_is_no_host_and_no_service(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(outcome_for(f, "*", "80"), -EINVAL);
    assert_int_equal(outcome_for(f, "127.0.0.1", "*"), GYRE_ENOSERVICE);
    assert_int_equal(outcome_for(f, NULL, "*"), GYRE_ENOSERVICE);
    assert_nobody_was_asked();
}

/* CVE-2024-24806 */
static void long_host_names_are_refused_and_never_cut(void **state)
{
    static const size_t length[] = { 256, 257, 512, 65536 };
    struct fixture *f = fixture_of(state);
    char *host = malloc(65537);

    assert_non_null(host);
    for (size_t i = 0; i < ARRAY_LEN(length); i++) {
        memset(host, 'a', length[i]);
        for (size_t dot = 50; dot < length[i]; dot += 50)
            host[dot] = '.';
        host[length[i]] = '\0';
        assert_int_equal(outcome_for(f, host, NULL), -ENAMETOOLONG);
        assert_int_equal(
            outcome_of_query(f,
                             (struct gyre_resolve_query){ .size = sizeof(struct gyre_resolve_query),
                                                          .host = host,
                                                          .host_length = length[i] }),
            -ENAMETOOLONG);
    }
    free(host);
    assert_nobody_was_asked();
}

static void host_name_of_255_bytes_is_asked_for_whole(void **state)
{
    struct fixture *f = fixture_of(state);
    char host[256];

    memset(host, 'a', 255);
    for (size_t dot = 50; dot < 255; dot += 50)
        host[dot] = '.';
    host[255] = '\0';
    assert_int_equal(outcome_for(f, host, NULL), 0);
    assert_string_equal(last_question().host, host);
}

static void nul_within_the_length_of_a_host_is_refused(void **state)
{
    static const struct {
        const char *host;
        size_t length;
    } example[] = { { "localhost\0.evil.test", 20 }, { "127.0.0.1\0", 10 }, { "\0a", 2 } };
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < ARRAY_LEN(example); i++)
        assert_int_equal(
            outcome_of_query(f,
                             (struct gyre_resolve_query){ .size = sizeof(struct gyre_resolve_query),
                                                          .host = example[i].host,
                                                          .host_length = example[i].length }),
            -EINVAL);
    assert_nobody_was_asked();
}

static void service_of_more_than_31_bytes_is_too_long(void **state)
{
    struct fixture *f = fixture_of(state);
    char *service = malloc(65537);

    assert_non_null(service);
    memset(service, 's', 65536);
    for (size_t length = 65536; length > 31; length /= 2) {
        service[length] = '\0';
        assert_int_equal(outcome_for(f, "127.0.0.1", service), -ENAMETOOLONG);
    }
    assert_nobody_was_asked();
    service[31] = '\0';
    assert_int_equal(outcome_for(f, "127.0.0.1", service), 0);
    assert_string_equal(last_question().service, service);
    free(service);
}

static void port_that_is_no_port_is_no_service(void **state)
{
    static const char *const service[] = {
        "65536",
        "99999",
        "4294967376",
        "18446744073709551696",
        "999999999999999999999999999999",
        "-1",
        "+80",
        " 80",
        "",
        "\t80",
    };
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < ARRAY_LEN(service); i++) {
        assert_int_equal(outcome_for(f, "127.0.0.1", service[i]), GYRE_ENOSERVICE);
        assert_int_equal(outcome_for(f, "name.test", service[i]), GYRE_ENOSERVICE);
    }
    assert_nobody_was_asked();
}

static void refusals_say_what_is_wrong(void **state)
{
    static const struct {
        const char *host, *service, *message;
    } example[] = {
        { NULL, NULL, "neither a host nor a service is asked for" },
        { "", NULL, "the host name is empty" },
        { "name.test:80", NULL,
          "the host has a colon in it and is no address; a port goes into the service" },
        { "xn--9.test", NULL, "a part of the host name is wrongly encoded" },
        { "name.test", "65536", "a port is at most 65535" },
        { "name.test", "-1", "the service is neither a port nor a name" },
        { "name.test", "a service with a name that is too long",
          "the service has more than 31 bytes" },
    };
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < ARRAY_LEN(example); i++) {
        struct gyre_future *refused =
            gyre_resolve(f->loop, NULL, example[i].host, example[i].service);

        assert_string_equal(gyre_future_message(refused), example[i].message);
        gyre_future_unref(refused);
    }
}

/* ------------------------------------------------------------------ bad calls */

static void query_without_host_and_service_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(outcome_at_once(gyre_resolve(f->loop, NULL, NULL, NULL)), -EINVAL);
    assert_int_equal(outcome_at_once(gyre_resolve_with(f->loop, NULL, NULL)), -EINVAL);
}

static void query_with_unknown_flags_or_size_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_resolve_query query = { .size = sizeof(query), .host = "127.0.0.1", .flags = 8 };

    assert_int_equal(outcome_of_query(f, query), -EINVAL);
    query.flags = 1u << 31;
    assert_int_equal(outcome_of_query(f, query), -EINVAL);
    query.flags = 0;
    query.size = 0;
    assert_int_equal(outcome_of_query(f, query), -EINVAL);
    query.size = sizeof(query);
    assert_int_equal(outcome_of_query(f, query), 0);
}

static void unknown_family_and_type_are_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_resolve_query query = { .size = sizeof(query), .host = "127.0.0.1" };

    query.family = AF_UNIX;
    assert_int_equal(outcome_of_query(f, query), -EAFNOSUPPORT);
    query.family = 0;
    query.socktype = 99;
    assert_int_equal(outcome_of_query(f, query), -EINVAL);
    assert_nobody_was_asked();
}

static void closed_loop_refuses_lookups(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(outcome_at_once(look_up(f, NULL, "127.0.0.1")), -ESHUTDOWN);
    assert_int_equal(outcome_at_once(look_up(f, NULL, "name.test")), -ESHUTDOWN);
    assert_int_equal(outcome_at_once(gyre_resolve(NULL, NULL, "name.test", NULL)), -EINVAL);
    assert_nobody_was_asked();
}

/* Returns NULL if everything was refused. */
static void *look_up_elsewhere(void *arg)
{
    struct gyre_future *number = gyre_resolve(arg, NULL, "127.0.0.1", NULL);
    struct gyre_future *name = gyre_resolve(arg, NULL, "name.test", NULL);

    return gyre_future_error(number) == -EPERM && gyre_future_error(name) == -EPERM ? NULL : arg;
}

static void another_thread_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    pthread_t thread;
    void *result;

    assert_int_equal(pthread_create(&thread, NULL, look_up_elsewhere, f->loop), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    assert_nobody_was_asked();
}

static void pool_that_is_shut_refuses_names_and_not_numbers(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);

    assert_int_equal(outcome_of(f, gyre_pool_shutdown(f->loop, pool, GYRE_POOL_DRAIN, GYRE_NEVER)),
                     0);
    assert_int_equal(outcome_at_once(look_up(f, pool, "name.test")), -ESHUTDOWN);
    assert_int_equal(outcome_at_once(look_up(f, pool, "127.0.0.1")), 0);
    assert_int_equal(gyre_pool_destroy(pool, 0), 0);
}

static void freeing_nothing_does_nothing(void **state)
{
    (void)state;
    gyre_addresses_free(NULL);
    gyre_name_free(NULL);
}

/* ------------------------------------------------------------------ what the system says */

static void every_code_of_the_system_has_its_error(void **state)
{
    static const struct {
        int eai, errno_value, err;
    } example[] = {
        { EAI_AGAIN, 0, -EAGAIN },
        { EAI_BADFLAGS, 0, -EINVAL },
        { EAI_FAIL, 0, GYRE_ENAMESERVER },
        { EAI_FAMILY, 0, -EAFNOSUPPORT },
        { EAI_MEMORY, 0, -ENOMEM },
        { EAI_NONAME, 0, GYRE_ENOHOST },
        { EAI_OVERFLOW, 0, GYRE_ENOHOST },
        { EAI_SERVICE, 0, GYRE_ENOSERVICE },
        { EAI_SOCKTYPE, 0, -EINVAL },
        { EAI_SYSTEM, EMFILE, -EMFILE },
        { EAI_SYSTEM, 0, -EIO },
#ifdef EAI_NODATA
        { EAI_NODATA, 0, GYRE_ENOHOST },
#endif
#ifdef EAI_ADDRFAMILY
        { EAI_ADDRFAMILY, 0, GYRE_ENOHOST },
#endif
        { -12345, 0, GYRE_ENOHOST },
    };
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < ARRAY_LEN(example); i++) {
        stand_in_fail(example[i].eai, example[i].errno_value);
        assert_int_equal(outcome_for(f, "name.test", NULL), example[i].err);
    }
}

static void failed_lookup_does_not_spoil_the_next(void **state)
{
    struct fixture *f = fixture_of(state);

    stand_in_fail(EAI_FAIL, 0);
    assert_int_equal(outcome_for(f, "name.test", NULL), GYRE_ENAMESERVER);
    stand_in_fail(0, 0);
    assert_int_equal(outcome_for(f, "name.test", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESOLVE_TEST(bad_host_names_are_refused_before_anybody_is_asked),
        RESOLVE_TEST(star_is_no_host_and_no_service),
        RESOLVE_TEST(long_host_names_are_refused_and_never_cut),
        RESOLVE_TEST(host_name_of_255_bytes_is_asked_for_whole),
        RESOLVE_TEST(nul_within_the_length_of_a_host_is_refused),
        RESOLVE_TEST(service_of_more_than_31_bytes_is_too_long),
        RESOLVE_TEST(port_that_is_no_port_is_no_service),
        RESOLVE_TEST(refusals_say_what_is_wrong),
        RESOLVE_TEST(query_without_host_and_service_is_refused),
        RESOLVE_TEST(query_with_unknown_flags_or_size_is_refused),
        RESOLVE_TEST(unknown_family_and_type_are_refused),
        RESOLVE_TEST(closed_loop_refuses_lookups),
        RESOLVE_TEST(another_thread_is_refused),
        RESOLVE_TEST(pool_that_is_shut_refuses_names_and_not_numbers),
        RESOLVE_TEST(freeing_nothing_does_nothing),
        RESOLVE_TEST(every_code_of_the_system_has_its_error),
        RESOLVE_TEST(failed_lookup_does_not_spoil_the_next),
    };

    return cmocka_run_group_tests_name("resolve_refuse", tests, NULL, NULL);
}
