/* Addresses to names.
 *
 * SPDX-License-Identifier: MIT */
#include "stand_in.h"

#include "base/util.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

/* 192.0.2.5, port 80. */
static struct sockaddr_in make_address(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80) };

    assert_int_equal(inet_pton(AF_INET, "192.0.2.5", &in.sin_addr), 1);
    return in;
}

static struct gyre_future *look_up_address(struct fixture *f, struct gyre_pool *pool,
                                           unsigned flags)
{
    struct sockaddr_in in = make_address();

    return gyre_resolve_address(f->loop, pool, (const struct sockaddr *)&in, sizeof(in), flags);
}

static void address_is_asked_for_on_a_thread(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sockaddr_in in = make_address();
    struct gyre_future *found = look_up_address(f, NULL, 0);

    assert_int_equal(gyre_loop_run_until(f->loop, found), GYRE_RUN_DONE);
    const struct gyre_name *name = gyre_future_peek(found);
    assert_string_equal(name->host, "host.test");
    assert_string_equal(name->service, "service");
    struct question q = last_question();
    assert_int_equal(questions(), 1);
    assert_int_equal(q.size, sizeof(in));
    assert_memory_equal(&q.address, &in, sizeof(in));
    assert_int_equal(q.flags, 0);
    gyre_future_unref(found);
}

static void assert_written(struct fixture *f, const void *address, socklen_t size, const char *host,
                           const char *service)
{
    struct gyre_future *found =
        gyre_resolve_address(f->loop, NULL, address, size, GYRE_RESOLVE_NUMERIC);

    assert_int_equal(gyre_future_state(found), GYRE_FUTURE_OK);
    const struct gyre_name *name = gyre_future_peek(found);
    assert_string_equal(name->host, host);
    assert_string_equal(name->service, service);
    gyre_future_unref(found);
}

static void numbers_are_written_at_once_without_a_thread(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sockaddr_in in = make_address();
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };

    assert_written(f, &in, sizeof(in), "192.0.2.5", "80");
    in.sin_port = 0;
    assert_written(f, &in, sizeof(in), "192.0.2.5", "0");
    assert_written(f, &in6, sizeof(in6), "::", "443");
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::7", &in6.sin6_addr), 1);
    assert_written(f, &in6, sizeof(in6), "2001:db8::7", "443");
    assert_int_equal(questions(), 0);
    assert_int_equal(sys_calls(SYS_THREAD_CREATE), 0);
}

static void address_that_was_found_can_be_written_again(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *found = gyre_resolve(f->loop, NULL, "2001:db8::9", "8080");
    const struct gyre_addresses *a = gyre_future_peek(found);

    assert_int_equal(a->count, 1);
    assert_written(f, &a->item[0].storage, a->item[0].size, "2001:db8::9", "8080");
    gyre_future_unref(found);
}

static void address_is_copied(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sockaddr_in in = make_address();
    struct sockaddr_in original = in;

    shut_gate();
    struct gyre_future *found =
        gyre_resolve_address(f->loop, NULL, (const struct sockaddr *)&in, sizeof(in), 0);
    memset(&in, 0xdd, sizeof(in));
    open_gate();
    assert_int_equal(outcome_of(f, found), 0);
    struct question q = last_question();
    assert_memory_equal(&q.address, &original, sizeof(original));
}

/* A struct sockaddr_storage as accept fills it; some systems insist on the size of the address in it. */
static void address_may_stand_in_more_memory(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sockaddr_storage storage = { 0 };
    struct sockaddr_in in = make_address();

    memcpy(&storage, &in, sizeof(in));
    assert_written(f, &storage, sizeof(storage), "192.0.2.5", "80");
    struct gyre_future *found =
        gyre_resolve_address(f->loop, NULL, (const struct sockaddr *)&storage, sizeof(storage), 0);
    assert_int_equal(outcome_of(f, found), 0);
    assert_int_equal(last_question().size, sizeof(in));
}

static void name_that_is_taken_outlasts_loop_and_pool(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);
    struct gyre_future *found = look_up_address(f, pool, 0);

    assert_int_equal(gyre_loop_run_until(f->loop, found), GYRE_RUN_DONE);
    struct gyre_name *name = gyre_future_take(found);
    gyre_future_unref(found);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
    assert_string_equal(name->host, "host.test");
    gyre_name_free(name);
}

static void errors_are_those_of_other_lookups(void **state)
{
    static const struct {
        int eai, errno_value, err;
    } example[] = {
        { EAI_AGAIN, 0, -EAGAIN },         { EAI_NONAME, 0, GYRE_ENOHOST },
        { EAI_FAIL, 0, GYRE_ENAMESERVER }, { EAI_FAMILY, 0, -EAFNOSUPPORT },
        { EAI_OVERFLOW, 0, GYRE_ENOHOST }, { EAI_MEMORY, 0, -ENOMEM },
        { EAI_SYSTEM, ENFILE, -ENFILE },
    };
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1); /* whose allocator changes errno */

    for (size_t i = 0; i < ARRAY_LEN(example); i++) {
        stand_in_fail(example[i].eai, example[i].errno_value);
        assert_int_equal(outcome_of(f, look_up_address(f, pool, 0)), example[i].err);
    }
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
}

static int outcome_for(struct fixture *f, const void *address, socklen_t size, unsigned flags)
{
    return outcome_at_once(gyre_resolve_address(f->loop, NULL, address, size, flags));
}

static void bad_addresses_are_refused_before_anybody_is_asked(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sockaddr_in in = make_address();
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct sockaddr_storage large[2] = { 0 };

    for (unsigned numeric = 0; numeric <= GYRE_RESOLVE_NUMERIC; numeric += GYRE_RESOLVE_NUMERIC) {
        assert_int_equal(outcome_for(f, NULL, sizeof(in), numeric), -EINVAL);
        assert_int_equal(outcome_for(f, &in, 0, numeric), -EINVAL);
        assert_int_equal(outcome_for(f, &in, 1, numeric), -EINVAL);
        assert_int_equal(outcome_for(f, &in, sizeof(in) - 1, numeric), -EINVAL);
        assert_int_equal(outcome_for(f, &in, sizeof(in), numeric | GYRE_RESOLVE_PASSIVE), -EINVAL);
        assert_int_equal(outcome_for(f, &un, sizeof(un), numeric), -EAFNOSUPPORT);
        in.sin_family = AF_INET6; /* and too short for that */
        assert_int_equal(outcome_for(f, &in, sizeof(in), numeric), -EINVAL);
        in.sin_family = AF_INET;
        assert_int_equal(outcome_for(f, large, sizeof(large), numeric), -EINVAL);
    }
    assert_int_equal(outcome_for(f, &in, sizeof(in), 8), -EINVAL);
    assert_int_equal(questions(), 0);
    assert_int_equal(sys_calls(SYS_THREAD_CREATE), 0);
}

static void closed_loop_refuses_addresses(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(outcome_at_once(look_up_address(f, NULL, 0)), -ESHUTDOWN);
    assert_int_equal(outcome_at_once(look_up_address(f, NULL, GYRE_RESOLVE_NUMERIC)), -ESHUTDOWN);
}

static void running_lookup_of_an_address_is_cancelled_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);

    shut_gate();
    struct gyre_future *running = look_up_address(f, pool, 0);
    struct gyre_future *waiting = look_up_address(f, pool, 0);
    await_at_gate(1);
    assert_true(gyre_future_cancel(running));
    assert_int_equal(outcome_at_once(running), -ECANCELED);
    assert_true(gyre_future_cancel(waiting));
    assert_int_equal(outcome_at_once(waiting), -ECANCELED);
    open_gate();
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
    assert_int_equal(questions(), 1);
}

static void close_cancels_lookups_of_addresses(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_pool *pool = make_resolver(1);

    shut_gate();
    struct gyre_future *running = look_up_address(f, pool, 0);
    struct gyre_future *waiting = look_up_address(f, pool, 0);
    await_at_gate(1);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(outcome_at_once(running), -ECANCELED);
    assert_int_equal(outcome_at_once(waiting), -ECANCELED);
    open_gate();
    assert_int_equal(gyre_pool_destroy(pool, GYRE_NEVER), 0);
    assert_int_equal(questions(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESOLVE_TEST(address_is_asked_for_on_a_thread),
        RESOLVE_TEST(numbers_are_written_at_once_without_a_thread),
        RESOLVE_TEST(address_that_was_found_can_be_written_again),
        RESOLVE_TEST(address_is_copied),
        RESOLVE_TEST(address_may_stand_in_more_memory),
        RESOLVE_TEST(name_that_is_taken_outlasts_loop_and_pool),
        RESOLVE_TEST(errors_are_those_of_other_lookups),
        RESOLVE_TEST(bad_addresses_are_refused_before_anybody_is_asked),
        RESOLVE_TEST(closed_loop_refuses_addresses),
        RESOLVE_TEST(running_lookup_of_an_address_is_cancelled_at_once),
        RESOLVE_TEST(close_cancels_lookups_of_addresses),
    };

    return cmocka_run_group_tests_name("resolve_address", tests, NULL, NULL);
}
