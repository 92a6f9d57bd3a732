/* The contract of pollers, os/poller.h: what is reported, when, and under which key.
 *
 * SPDX-License-Identifier: MIT */
#include "poller_fixture.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MANY = POLLER_BATCH / 2, /* whose two directions just fit into one look */
};

/* ------------------------------------------------------------------ readiness */

static void nothing_ready_reports_nothing(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    assert_int_equal(count_seen(), 0);
    close_both(fds);
}

static void readable_pipe_is_reported_for_reading(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    put(fds[1], "x");
    assert_int_equal(seen(fds[0]), POLLER_READ);
    close_both(fds);
}

static void empty_pipe_is_reported_for_writing(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[1], 0, POLLER_WRITE);
    assert_int_equal(seen(fds[1]), POLLER_WRITE);
    close_both(fds);
}

static void full_pipe_is_reported_for_writing_after_it_was_drained(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    fill(fds[1]);
    watch(fds[1], 0, POLLER_WRITE);
    assert_int_equal(seen(fds[1]), 0);
    drain(fds[0]);
    assert_int_equal(seen(fds[1]), POLLER_WRITE);
    close_both(fds);
}

static void readiness_is_repeated_until_it_ends(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    put(fds[1], "x");
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen(fds[0]), POLLER_READ);
    drain(fds[0]);
    assert_int_equal(seen(fds[0]), 0);
    close_both(fds);
}

static void only_what_is_asked_for_is_reported(void **state)
{
    int fds[2];

    (void)state;
    make_pair(fds);
    put(fds[1], "x");
    watch(fds[0], 0, POLLER_READ);
    watch(fds[1], 0, POLLER_READ);
    assert_int_equal(seen(fds[0]), POLLER_READ);
    assert_int_equal(seen(fds[1]), 0);
    close_both(fds);
}

/* H18 */
static void both_directions_come_as_one_event(void **state)
{
    int fds[2];

    (void)state;
    make_pair(fds);
    put(fds[1], "x");
    watch(fds[0], 0, POLLER_READ | POLLER_WRITE);
    assert_int_equal(count_seen(), 1);
    assert_int_equal(seen(fds[0]), POLLER_READ | POLLER_WRITE);
    close_both(fds);
}

/* H18 */
static void both_directions_of_many_come_as_one_event_each(void **state)
{
    int fds[MANY][2];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        make_pair(fds[i]);
        put(fds[i][1], "x");
        watch(fds[i][0], 0, POLLER_READ | POLLER_WRITE);
    }
    assert_int_equal(count_seen(), MANY);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(seen(fds[i][0]), POLLER_READ | POLLER_WRITE);
    for (int i = 0; i < MANY; i++)
        close_both(fds[i]);
}

static void connection_is_reported_to_the_listener(void **state)
{
    uint16_t port;
    int listener, client;

    (void)state;
    listener = make_listener(&port);
    watch(listener, 0, POLLER_READ);
    assert_int_equal(seen(listener), 0);
    client = connect_to(port);
    assert_int_equal(seen_within(key_of(listener, 1), GYRE_S(30)), POLLER_READ);
    close(client);
    close(listener);
}

static void end_of_connecting_is_reported_for_writing(void **state)
{
    uint16_t port;
    int listener, client;

    (void)state;
    listener = make_listener(&port);
    client = connect_to(port);
    watch(client, 0, POLLER_WRITE);
    assert_int_equal(seen_within(key_of(client, 1), GYRE_S(30)), POLLER_WRITE);
    close(client);
    close(listener);
}

/* ------------------------------------------------------------------ keys */

static void key_is_given_back_whole(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    put(fds[1], "x");
    watch_as(fds[0], 0xfedcba98, 0, POLLER_READ);
    assert_int_equal(seen_within(key_of(fds[0], 0xfedcba98), 0), POLLER_READ);
    close_both(fds);
}

static void each_descriptor_comes_with_its_own_key(void **state)
{
    int a[2], b[2];

    (void)state;
    make_pipe(a);
    make_pipe(b);
    watch_as(a[0], 7, 0, POLLER_READ);
    watch_as(b[0], 8, 0, POLLER_READ);
    put(b[1], "x");
    assert_int_equal(count_seen(), 1);
    assert_int_equal(seen_within(key_of(b[0], 8), 0), POLLER_READ);
    close_both(a);
    close_both(b);
}

/* ------------------------------------------------------------------ hang-ups and errors */

/* F6, H2 */
static void end_of_an_empty_pipe_wakes_its_reader(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(seen(fds[0]) & POLLER_HANGUP, POLLER_HANGUP);
    assert_int_equal(seen(fds[0]) & (POLLER_ERROR | POLLER_GONE), 0);
    close(fds[0]);
}

/* H2 */
static void leaving_reader_wakes_the_writer_of_a_full_pipe(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    fill(fds[1]);
    watch(fds[1], 0, POLLER_WRITE);
    assert_int_equal(close(fds[0]), 0);
    assert_int_not_equal(seen(fds[1]) & (POLLER_HANGUP | POLLER_ERROR), 0);
    close(fds[1]);
}

/* L2 */
static void pipe_without_reader_is_reported_to_a_late_writer(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    fill(fds[1]);
    assert_int_equal(close(fds[0]), 0);
    watch(fds[1], 0, POLLER_WRITE);
    for (int i = 0; i < 3; i++) {
        unsigned events = seen_within(key_of(fds[1], 1), GYRE_S(30));
        assert_int_not_equal(events & (POLLER_HANGUP | POLLER_ERROR), 0);
    }
    close(fds[1]);
    watch(fds[1], POLLER_WRITE, 0);
}

/* L2 */
static void pipe_without_reader_is_quiet_when_no_longer_watched(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    fill(fds[1]);
    assert_int_equal(close(fds[0]), 0);
    watch(fds[1], 0, POLLER_WRITE);
    assert_int_not_equal(seen_within(key_of(fds[1], 1), GYRE_S(30)), 0);
    watch(fds[1], POLLER_WRITE, 0);
    assert_int_equal(seen_within(key_of(fds[1], 1), GYRE_MS(5)), 0);
    close(fds[1]);
}

/* F8, H3 */
static void hangup_comes_with_the_data_before_it(void **state)
{
    char bytes[8];
    int fds[2];

    (void)state;
    make_pair(fds);
    put(fds[1], "abc");
    assert_int_equal(close(fds[1]), 0);
    watch(fds[0], 0, POLLER_READ);
    assert_int_equal(seen(fds[0]) & POLLER_READ, POLLER_READ);
    assert_int_equal(read(fds[0], bytes, sizeof(bytes)), 3);
    assert_int_not_equal(seen(fds[0]) & (POLLER_READ | POLLER_HANGUP), 0);
    assert_int_equal(read(fds[0], bytes, sizeof(bytes)), 0);
    close(fds[0]);
}

/* F7, H5 */
static void half_closed_connection_is_readable_and_writable(void **state)
{
    char bytes[8];
    int fds[2];

    (void)state;
    make_tcp_pair(fds);
    put(fds[1], "abc");
    assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
    watch(fds[0], 0, POLLER_READ | POLLER_WRITE);
    for (int want = 3; want >= 0; want -= 3) {
        unsigned both = POLLER_READ | POLLER_WRITE;
        assert_true(becomes_readable(fds[0]));
        assert_int_equal(seen(fds[0]) & (both | POLLER_ERROR), both);
        assert_int_equal(read(fds[0], bytes, sizeof(bytes)), want);
    }
    close_both(fds);
}

static void hangup_comes_to_one_who_asked_for_writing_only(void **state)
{
    int fds[2];

    (void)state;
    make_pair(fds);
    fill(fds[0]);
    watch(fds[0], 0, POLLER_WRITE);
    assert_int_equal(seen(fds[0]), 0);
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(seen(fds[0]) & POLLER_HANGUP, POLLER_HANGUP);
    close(fds[0]);
}

/* F10, H6 */
static void refused_connection_is_reported_and_its_error_left_to_the_user(void **state)
{
    uint16_t port;
    int err = 0;
    socklen_t size = sizeof(err);
    int fd;

    (void)state;
    close(make_listener(&port));
    fd = connect_to(port);
    watch(fd, 0, POLLER_WRITE);
    assert_int_not_equal(seen_within(key_of(fd, 1), GYRE_S(30)), 0);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size), 0);
    assert_int_equal(err, ECONNREFUSED);
    close(fd);
}

static void reset_connection_wakes_its_reader(void **state)
{
    const struct linger at_once = { .l_onoff = 1 };
    char byte;
    int fds[2];

    (void)state;
    make_tcp_pair(fds);
    watch(fds[0], 0, POLLER_READ);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    assert_int_equal(close(fds[1]), 0);
    assert_int_not_equal(seen_within(key_of(fds[0], 1), GYRE_S(30)), 0);
    assert_int_equal(read(fds[0], &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    close(fds[0]);
}

/* ------------------------------------------------------------------ edges */

static void skip_without_edges(void)
{
    if (!poller.ops->edge) {
        print_message("this poller knows no edges\n");
        skip();
    }
}

static void edge_is_reported_once_per_arrival(void **state)
{
    int fds[2];

    (void)state;
    skip_without_edges();
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ | POLLER_EDGE);
    for (int i = 0; i < 3; i++) {
        put(fds[1], "x");
        assert_int_equal(seen(fds[0]), POLLER_READ);
        assert_int_equal(seen(fds[0]), 0);
    }
    close_both(fds);
}

static void edge_that_was_there_before_is_reported(void **state)
{
    int fds[2];

    (void)state;
    skip_without_edges();
    make_pipe(fds);
    put(fds[1], "x");
    watch(fds[0], 0, POLLER_READ | POLLER_EDGE);
    assert_int_equal(seen(fds[0]), POLLER_READ);
    assert_int_equal(seen(fds[0]), 0);
    close_both(fds);
}

static void edge_can_be_turned_off(void **state)
{
    int fds[2];

    (void)state;
    skip_without_edges();
    make_pipe(fds);
    put(fds[1], "x");
    watch(fds[0], 0, POLLER_READ | POLLER_EDGE);
    watch(fds[0], POLLER_READ | POLLER_EDGE, POLLER_READ);
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen(fds[0]), POLLER_READ);
    close_both(fds);
}

static void edge_can_be_turned_on(void **state)
{
    int fds[2];

    (void)state;
    skip_without_edges();
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    watch(fds[0], POLLER_READ, POLLER_READ | POLLER_EDGE);
    put(fds[1], "x");
    assert_int_equal(seen(fds[0]), POLLER_READ);
    assert_int_equal(seen(fds[0]), 0);
    close_both(fds);
}

static void edge_of_a_pipe_without_reader_is_reported(void **state)
{
    int fds[2];

    (void)state;
    skip_without_edges();
    make_pipe(fds);
    assert_int_equal(close(fds[0]), 0);
    watch(fds[1], 0, POLLER_WRITE | POLLER_EDGE);
    unsigned events = seen_within(key_of(fds[1], 1), GYRE_S(30));
    assert_int_not_equal(events & (POLLER_HANGUP | POLLER_ERROR), 0);
    assert_int_equal(seen_within(key_of(fds[1], 1), GYRE_MS(5)), 0);
    close(fds[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, poller_setup, poller_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_ready_reports_nothing),
        TEST(readable_pipe_is_reported_for_reading),
        TEST(empty_pipe_is_reported_for_writing),
        TEST(full_pipe_is_reported_for_writing_after_it_was_drained),
        TEST(readiness_is_repeated_until_it_ends),
        TEST(only_what_is_asked_for_is_reported),
        TEST(both_directions_come_as_one_event),
        TEST(both_directions_of_many_come_as_one_event_each),
        TEST(connection_is_reported_to_the_listener),
        TEST(end_of_connecting_is_reported_for_writing),
        TEST(key_is_given_back_whole),
        TEST(each_descriptor_comes_with_its_own_key),
        TEST(end_of_an_empty_pipe_wakes_its_reader),
        TEST(leaving_reader_wakes_the_writer_of_a_full_pipe),
        TEST(pipe_without_reader_is_reported_to_a_late_writer),
        TEST(pipe_without_reader_is_quiet_when_no_longer_watched),
        TEST(hangup_comes_with_the_data_before_it),
        TEST(half_closed_connection_is_readable_and_writable),
        TEST(hangup_comes_to_one_who_asked_for_writing_only),
        TEST(refused_connection_is_reported_and_its_error_left_to_the_user),
        TEST(reset_connection_wakes_its_reader),
        TEST(edge_is_reported_once_per_arrival),
        TEST(edge_that_was_there_before_is_reported),
        TEST(edge_can_be_turned_off),
        TEST(edge_can_be_turned_on),
        TEST(edge_of_a_pipe_without_reader_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
