/* Names to addresses: what is asked of whom, and what comes back. See also resolve_cancel_test.c,
 * resolve_starve_test.c, resolve_fault_test.c and resolve_refuse_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "stand_in.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ numbers */

static void assert_nobody_was_asked(void)
{
    assert_int_equal(questions(), 0);
    assert_int_equal(sys_calls(SYS_THREAD_CREATE), 0);
}

static void numbers_are_answered_at_once_without_a_thread(void **state)
{
    static const struct {
        const char *host, *service, *expected;
    } example[] = {
        { "127.0.0.1", "80", "127.0.0.1 80" },
        { "192.0.2.1", NULL, "192.0.2.1 0" },
        { "192.0.2.1", "0", "192.0.2.1 0" },
        { "192.0.2.1", "65535", "192.0.2.1 65535" },
        { "0.0.0.0", "0080", "0.0.0.0 80" },
        { "::1", "443", "::1 443" },
        { "2001:db8::a:b", NULL, "2001:db8::a:b 0" },
        { "::ffff:192.0.2.1", "1", "::ffff:192.0.2.1 1" },
        { "fe80::1%1", "80", "fe80::1 80" },
        { "127.1", "80", "127.0.0.1 80" },
        { "0x7f000001", "80", "127.0.0.1 80" },
        { "2130706433", "80", "127.0.0.1 80" },
    };
    struct fixture *f = fixture_of(state);
    int threads = count_threads();

    for (size_t i = 0; i < ARRAY_LEN(example); i++) {
        struct gyre_future *found =
            gyre_resolve(f->loop, NULL, example[i].host, example[i].service);

        assert_int_equal(gyre_future_state(found), GYRE_FUTURE_OK);
        assert_string_equal(addresses_text(gyre_future_peek(found)), example[i].expected);
        gyre_future_unref(found);
    }
    assert_int_equal(count_threads(), threads);
    assert_nobody_was_asked();
}

static void zone_of_an_address_is_kept(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *found = look_up(f, NULL, "fe80::1%1");
    const struct gyre_addresses *addresses = gyre_future_peek(found);

    assert_non_null(addresses);
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&addresses->item[0].storage;
    assert_int_equal(in6->sin6_scope_id, 1);
    gyre_future_unref(found);
}

/* Ask for port 80, without a host or with one. */
static const char *found_for(struct fixture *f, const char *host, int family, unsigned flags)
{
    const struct gyre_resolve_query query = {
        .size = sizeof(query), .host = host, .service = "80", .family = family, .flags = flags
    };
    struct gyre_future *found = gyre_resolve_with(f->loop, NULL, &query);

    assert_int_equal(gyre_future_state(found), GYRE_FUTURE_OK);
    const char *text = addresses_text(gyre_future_peek(found));
    gyre_future_unref(found);
    return text;
}

static void without_a_host_it_is_this_machine(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_string_equal(found_for(f, NULL, AF_INET, 0), "127.0.0.1 80");
    assert_string_equal(found_for(f, NULL, AF_INET6, 0), "::1 80");
    assert_non_null(strstr(found_for(f, NULL, 0, 0), "127.0.0.1 80"));
    assert_nobody_was_asked();
}

static void passive_gives_the_addresses_to_listen_on(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_string_equal(found_for(f, NULL, AF_INET, GYRE_RESOLVE_PASSIVE), "0.0.0.0 80");
    assert_string_equal(found_for(f, NULL, AF_INET6, GYRE_RESOLVE_PASSIVE), ":: 80");
    assert_string_equal(found_for(f, "192.0.2.1", 0, GYRE_RESOLVE_PASSIVE), "192.0.2.1 80");
    assert_nobody_was_asked();
}

static int outcome_for(struct fixture *f, const char *host, const char *service, int family,
                       unsigned flags)
{
    const struct gyre_resolve_query query = {
        .size = sizeof(query), .host = host, .service = service, .family = family, .flags = flags
    };

    return outcome_of(f, gyre_resolve_with(f->loop, NULL, &query));
}

static void number_of_another_family_is_no_host(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(outcome_for(f, "127.0.0.1", "80", AF_INET6, 0), GYRE_ENOHOST);
    assert_int_equal(outcome_for(f, "127.1", "80", AF_INET6, 0), GYRE_ENOHOST);
    assert_int_equal(outcome_for(f, "0x7f000001", NULL, AF_INET6, 0), GYRE_ENOHOST);
    assert_int_equal(outcome_for(f, "::1", "80", AF_INET, 0), GYRE_ENOHOST);
    assert_int_equal(outcome_for(f, "fe80::1%1", NULL, AF_INET, 0), GYRE_ENOHOST);
    assert_nobody_was_asked();
}

static void address_in_a_zone_that_is_not_here_is_no_host(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(outcome_for(f, "fe80::1%nowhere", "80", 0, 0), GYRE_ENOHOST);
    assert_int_equal(outcome_for(f, "fe80::1%", "80", 0, 0), GYRE_ENOHOST);
    assert_nobody_was_asked();
}

static void numeric_asks_nobody_for_a_name(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_string_equal(found_for(f, "192.0.2.1", 0, GYRE_RESOLVE_NUMERIC), "192.0.2.1 80");
    assert_int_equal(outcome_for(f, "name.test", "80", 0, GYRE_RESOLVE_NUMERIC), GYRE_ENOHOST);
    assert_int_equal(outcome_for(f, "name.test", NULL, 0, GYRE_RESOLVE_NUMERIC), GYRE_ENOHOST);
    assert_nobody_was_asked();
}

static void datagram_sockets_can_be_asked_for(void **state)
{
    struct fixture *f = fixture_of(state);
    const struct gyre_resolve_query query = { .size = sizeof(query),
                                              .host = "192.0.2.1",
                                              .socktype = SOCK_DGRAM };
    struct gyre_future *datagram = gyre_resolve_with(f->loop, NULL, &query);
    struct gyre_future *stream = look_up(f, NULL, "192.0.2.1");
    const struct gyre_addresses *a = gyre_future_peek(datagram);
    const struct gyre_addresses *b = gyre_future_peek(stream);

    assert_int_equal(a->item[0].socktype, SOCK_DGRAM);
    assert_int_equal(b->count, 1); /* not once for each kind of socket */
    assert_int_equal(b->item[0].socktype, SOCK_STREAM);
    gyre_future_unref(datagram);
    gyre_future_unref(stream);
}

/* ------------------------------------------------------------------ names */

static void name_is_asked_for_on_a_thread(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *found = gyre_resolve(f->loop, NULL, "name.test", "80");

    assert_int_equal(gyre_future_state(found), GYRE_FUTURE_PENDING);
    assert_int_equal(gyre_loop_run_until(f->loop, found), GYRE_RUN_DONE);
    assert_string_equal(addresses_text(gyre_future_peek(found)), "192.0.2.1 80");
    assert_int_equal(questions(), 1);
    assert_string_equal(last_question().host, "name.test");
    gyre_future_unref(found);
}

static void addresses_come_in_the_order_of_the_system(void **state)
{
    static const char *const address[] = { "2001:db8::2", "192.0.2.9", "2001:db8::1", "192.0.2.1",
                                           NULL };
    struct fixture *f = fixture_of(state);

    stand_in_answer(address, NULL);
    struct gyre_future *found = look_up(f, NULL, "name.test");
    assert_int_equal(gyre_loop_run_until(f->loop, found), GYRE_RUN_DONE);
    assert_string_equal(addresses_text(gyre_future_peek(found)),
                        "2001:db8::2 0, 192.0.2.9 0, 2001:db8::1 0, 192.0.2.1 0");
    gyre_future_unref(found);
}

static void value_is_a_copy_of_what_the_system_gave(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *found = look_up(f, pool, "name.test");

    assert_int_equal(gyre_loop_run_until(f->loop, found), GYRE_RUN_DONE);
    assert_int_equal(open_lists(), 0);
    struct gyre_addresses *taken = gyre_future_take(found);
    gyre_future_unref(found);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
    assert_string_equal(addresses_text(taken), "192.0.2.1 0");
    gyre_addresses_free(taken);
}

static void canonical_name_is_told_if_it_was_asked_for(void **state)
{
    static const char *const address[] = { "192.0.2.1", "192.0.2.2", NULL };
    struct fixture *f = fixture_of(state);
    const struct gyre_resolve_query query = { .size = sizeof(query),
                                              .host = "www.test",
                                              .flags = GYRE_RESOLVE_CANONICAL };

    stand_in_answer(address, "host.test");
    struct gyre_future *found = gyre_resolve_with(f->loop, NULL, &query);
    assert_int_equal(gyre_loop_run_until(f->loop, found), GYRE_RUN_DONE);
    const struct gyre_addresses *addresses = gyre_future_peek(found);
    assert_string_equal(addresses->canonical, "host.test");
    assert_int_equal(addresses->count, 2);
    assert_true(last_question().hints.ai_flags & AI_CANONNAME);
    gyre_future_unref(found);
}

static void without_a_canonical_name_there_is_none(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *found = look_up(f, NULL, "name.test");

    assert_int_equal(gyre_loop_run_until(f->loop, found), GYRE_RUN_DONE);
    assert_null(((struct gyre_addresses *)gyre_future_peek(found))->canonical);
    assert_false(last_question().hints.ai_flags & AI_CANONNAME);
    gyre_future_unref(found);
}

static void address_that_is_too_large_is_left_out(void **state)
{
    static const char *const some[] = { "huge", "192.0.2.1", "huge", "192.0.2.2", NULL };
    static const char *const none[] = { "huge", NULL };
    struct fixture *f = fixture_of(state);

    stand_in_answer(some, "host.test");
    struct gyre_future *found = look_up(f, NULL, "name.test");
    assert_int_equal(gyre_loop_run_until(f->loop, found), GYRE_RUN_DONE);
    assert_string_equal(addresses_text(gyre_future_peek(found)), "192.0.2.1 0, 192.0.2.2 0");
    gyre_future_unref(found);
    stand_in_answer(none, "host.test");
    assert_int_equal(outcome_of(f, look_up(f, NULL, "name.test")), GYRE_ENOHOST);
}

static void question_has_what_the_query_says(void **state)
{
    struct fixture *f = fixture_of(state);
    const struct gyre_resolve_query query = {
        .size = sizeof(query),
        .host = "name.test",
        .service = "domain",
        .family = AF_INET6,
        .socktype = SOCK_DGRAM,
        .flags = GYRE_RESOLVE_PASSIVE,
    };

    assert_int_equal(outcome_of(f, gyre_resolve_with(f->loop, NULL, &query)), 0);
    struct question q = last_question();
    assert_string_equal(q.service, "domain");
    assert_int_equal(q.hints.ai_family, AF_INET6);
    assert_int_equal(q.hints.ai_socktype, SOCK_DGRAM);
    assert_int_equal(q.hints.ai_flags, AI_PASSIVE);
}

static void query_and_its_strings_are_copied(void **state)
{
    struct fixture *f = fixture_of(state);
    char host[] = "name.test", service[] = "https";
    struct gyre_resolve_query query = { .size = sizeof(query), .host = host, .service = service };

    shut_gate();
    struct gyre_future *found = gyre_resolve_with(f->loop, NULL, &query);
    memset(host, 'x', sizeof(host));
    memset(service, 'x', sizeof(service));
    memset(&query, 0xdd, sizeof(query));
    open_gate();
    assert_int_equal(outcome_of(f, found), 0);
    assert_string_equal(last_question().host, "name.test");
    assert_string_equal(last_question().service, "https");
}

static void host_with_a_length_needs_no_end(void **state)
{
    struct fixture *f = fixture_of(state);
    char *host = malloc(9); /* exactly */
    struct gyre_resolve_query query = { .size = sizeof(query), .host = host, .host_length = 9 };

    assert_non_null(host);
    memcpy(host, "name.test", 9);
    assert_int_equal(outcome_of(f, gyre_resolve_with(f->loop, NULL, &query)), 0);
    assert_string_equal(last_question().host, "name.test");
    query.host_length = 4;
    assert_int_equal(outcome_of(f, gyre_resolve_with(f->loop, NULL, &query)), 0);
    assert_string_equal(last_question().host, "name");
    free(host);
}

/* ------------------------------------------------------------------ names of services */

static void name_of_a_service_is_asked_for_on_a_thread(void **state)
{
    static const char *const host[] = { NULL, "192.0.2.1", "::1", "fe80::1%1", "name.test" };
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < ARRAY_LEN(host); i++) {
        assert_int_equal(outcome_for(f, host[i], "http", 0, 0), 0);
        assert_int_equal(questions(), i + 1);
        assert_int_equal(last_question().has_host, host[i] != NULL);
        assert_string_equal(last_question().host, host[i] ? host[i] : "");
        assert_string_equal(last_question().service, "http");
    }
}

static void numeric_is_about_the_host_only(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(outcome_for(f, "192.0.2.1", "http", 0, GYRE_RESOLVE_NUMERIC), 0);
    assert_true(last_question().hints.ai_flags & AI_NUMERICHOST);
}

/* ------------------------------------------------------------------ pools */

static void lookups_run_on_the_pool_they_are_given(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_pool_stats stats = { .size = sizeof(stats) };

    for (int i = 0; i < 3; i++)
        assert_int_equal(outcome_of(f, look_up(f, pool, "name.test")), 0);
    assert_int_equal(gyre_pool_get_stats(pool, &stats), 0);
    assert_int_equal(stats.completed, 3);
    assert_int_equal(sys_calls(SYS_THREAD_CREATE), 1);
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
}

static void lookups_leave_the_pool_of_other_work_alone(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool_stats stats = { .size = sizeof(stats) };

    assert_int_equal(outcome_of(f, look_up(f, NULL, "name.test")), 0);
    assert_int_equal(gyre_pool_get_stats(gyre_loop_pool(f->loop), &stats), 0);
    assert_int_equal(stats.completed, 0);
    assert_int_equal(stats.threads, 0);
}

static void four_lookups_run_at_a_time(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *found[6];

    shut_gate();
    for (size_t i = 0; i < ARRAY_LEN(found); i++)
        found[i] = look_up(f, NULL, "name.test");
    await_at_gate(4);
    assert_int_equal(sys_calls(SYS_THREAD_CREATE), 4);
    open_gate();
    for (size_t i = 0; i < ARRAY_LEN(found); i++)
        assert_int_equal(outcome_of(f, found[i]), 0);
    assert_int_equal(questions(), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESOLVE_TEST(numbers_are_answered_at_once_without_a_thread),
        RESOLVE_TEST(zone_of_an_address_is_kept),
        RESOLVE_TEST(without_a_host_it_is_this_machine),
        RESOLVE_TEST(passive_gives_the_addresses_to_listen_on),
        RESOLVE_TEST(number_of_another_family_is_no_host),
        RESOLVE_TEST(address_in_a_zone_that_is_not_here_is_no_host),
        RESOLVE_TEST(numeric_asks_nobody_for_a_name),
        RESOLVE_TEST(datagram_sockets_can_be_asked_for),
        RESOLVE_TEST(name_is_asked_for_on_a_thread),
        RESOLVE_TEST(addresses_come_in_the_order_of_the_system),
        RESOLVE_TEST(value_is_a_copy_of_what_the_system_gave),
        RESOLVE_TEST(canonical_name_is_told_if_it_was_asked_for),
        RESOLVE_TEST(without_a_canonical_name_there_is_none),
        RESOLVE_TEST(address_that_is_too_large_is_left_out),
        RESOLVE_TEST(question_has_what_the_query_says),
        RESOLVE_TEST(query_and_its_strings_are_copied),
        RESOLVE_TEST(host_with_a_length_needs_no_end),
        RESOLVE_TEST(name_of_a_service_is_asked_for_on_a_thread),
        RESOLVE_TEST(numeric_is_about_the_host_only),
        RESOLVE_TEST(lookups_run_on_the_pool_they_are_given),
        RESOLVE_TEST(lookups_leave_the_pool_of_other_work_alone),
        RESOLVE_TEST(four_lookups_run_at_a_time),
    };

    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
