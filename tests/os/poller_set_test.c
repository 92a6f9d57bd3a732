/* The contract of pollers, os/poller.h: `set`, also on descriptors that were closed, reused or
 * duplicated behind the poller's back.
 *
 * SPDX-License-Identifier: MIT */
#include "poller_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ------------------------------------------------------------------ changes */

static void removed_descriptor_is_not_reported(void **state)
{
    int fds[2];

    (void)state;
    make_pair(fds);
    put(fds[1], "x");
    watch(fds[0], 0, POLLER_READ | POLLER_WRITE);
    watch(fds[0], POLLER_READ | POLLER_WRITE, 0);
    assert_int_equal(count_seen(), 0);
    close_both(fds);
}

/* A11 */
static void directions_are_changed_one_without_the_other(void **state)
{
    static const unsigned steps[] = { POLLER_READ,  POLLER_READ | POLLER_WRITE,
                                      POLLER_WRITE, POLLER_READ,
                                      POLLER_WRITE, POLLER_READ | POLLER_WRITE,
                                      POLLER_READ };
    unsigned old = 0;
    int fds[2];

    (void)state;
    make_pair(fds);
    put(fds[1], "x");
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        watch(fds[0], old, steps[i]);
        old = steps[i];
        assert_int_equal(seen(fds[0]), old);
    }
    close_both(fds);
}

static void change_brings_the_new_key(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    put(fds[1], "x");
    watch_as(fds[0], 1, 0, POLLER_READ);
    watch_as(fds[0], 2, POLLER_READ, POLLER_READ);
    assert_int_equal(seen_within(key_of(fds[0], 1), 0), 0);
    assert_int_equal(seen_within(key_of(fds[0], 2), 0), POLLER_READ);
    close_both(fds);
}

/* A3 */
static void adding_what_is_there_changes_it(void **state)
{
    int fds[2];

    (void)state;
    make_pair(fds);
    put(fds[1], "x");
    watch_as(fds[0], 1, 0, POLLER_READ);
    watch_as(fds[0], 2, 0, POLLER_READ);
    assert_int_equal(count_seen(), 1);
    assert_int_equal(seen_within(key_of(fds[0], 2), 0), POLLER_READ);
    close_both(fds);
}

/* A4 */
static void removing_what_is_not_there_succeeds(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], POLLER_READ, 0);
    watch(fds[0], 0, 0);
    watch(fds[0], POLLER_READ | POLLER_WRITE, 0);
    close_both(fds);
}

static unsigned random_events(void)
{
    static const unsigned all[] = { 0, POLLER_READ, POLLER_WRITE, POLLER_READ | POLLER_WRITE };

    return all[rand() % 4];
}

/* A10 */
static void random_changes_leave_what_was_asked_for_last(void **state)
{
    enum { PAIRS = 6 };
    unsigned asked[PAIRS] = { 0 };
    int fds[PAIRS][2];

    (void)state;
    srand(20);
    for (int i = 0; i < PAIRS; i++) {
        make_pair(fds[i]);
        put(fds[i][1], "x");
    }
    for (int round = 0; round < 500; round++) {
        for (int change = rand() % 8; change > 0; change--) {
            int i = rand() % PAIRS;
            unsigned events = random_events();
            watch(fds[i][0], asked[i], events);
            asked[i] = events;
        }
        for (int i = 0; i < PAIRS; i++)
            assert_int_equal(seen(fds[i][0]), asked[i]);
    }
    for (int i = 0; i < PAIRS; i++)
        close_both(fds[i]);
}

/* K5 */
static void high_descriptor_is_watched(void **state)
{
    struct rlimit limit;
    int fds[2];
    int high;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    high = limit.rlim_cur < 100000 ? (int)limit.rlim_cur - 1 : 99999;
    make_pipe(fds);
    assert_int_equal(dup2(fds[0], high), high);
    watch(high, 0, POLLER_READ);
    put(fds[1], "x");
    assert_int_equal(seen(high), POLLER_READ);
    close(high);
    watch(high, POLLER_READ, 0);
    close_both(fds);
}

/* ------------------------------------------------------------------ closed behind our back */

/* A4 */
static void removing_a_closed_descriptor_succeeds(void **state)
{
    int fds[2];

    (void)state;
    make_pair(fds);
    watch(fds[0], 0, POLLER_READ | POLLER_WRITE);
    close_both(fds);
    watch(fds[0], POLLER_READ | POLLER_WRITE, 0);
    assert_int_equal(count_seen(), 0);
}

/* A6 */
static void adding_a_closed_descriptor_is_refused(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    close_both(fds);
    for (unsigned events = POLLER_READ; events <= POLLER_WRITE; events++) {
        int err = poller.ops->set(&poller, fds[1], key_of(fds[1], 1), 0, events);
        assert_int_equal(err, -EBADF);
    }
    assert_int_equal(count_seen(), 0);
}

/* A6 */
static void closed_descriptor_is_gone_at_most_once(void **state)
{
    int a[2], b[2];
    int gone = 0;

    (void)state;
    make_pipe(a);
    make_pipe(b);
    watch(a[0], 0, POLLER_READ);
    watch(b[0], 0, POLLER_READ);
    close_both(a);
    put(b[1], "x");
    for (int i = 0; i < 5; i++)
        gone += seen(a[0]) == POLLER_GONE;
    assert_int_equal(gone, poller_is("poll") ? 1 : 0);
    assert_int_equal(seen(b[0]), POLLER_READ);
    assert_int_equal(count_seen(), 1);
    watch(a[0], POLLER_READ, 0);
    close_both(b);
}

/* A6, K13 */
static void many_gone_descriptors_leave_the_others_in_place(void **state)
{
    enum { PIPES = 60 };
    int fds[PIPES][2];

    (void)state;
    for (int i = 0; i < PIPES; i++) {
        make_pipe(fds[i]);
        put(fds[i][1], "x");
        watch(fds[i][0], 0, POLLER_READ);
    }
    for (int i = 0; i < PIPES; i += 3)
        close(fds[i][0]);
    count_seen();
    assert_int_equal(count_seen(), PIPES - PIPES / 3);
    for (int i = 0; i < PIPES; i++) {
        assert_int_equal(seen(fds[i][0]), i % 3 ? POLLER_READ : 0);
        watch(fds[i][0], POLLER_READ, 0);
        close(fds[i][1]);
        if (i % 3)
            close(fds[i][0]);
    }
}

/* ------------------------------------------------------------------ the number used again */

/* Close fds[0], whose number a new pipe takes; fds[0] stays its reading end. */
static void reuse_number(int fds[2])
{
    int old = fds[0];
    int fresh[2];

    close_both(fds);
    make_pipe(fresh);
    if (fresh[0] != old) {
        assert_int_equal(dup2(fresh[0], old), old);
        close(fresh[0]);
    }
    fds[0] = old;
    fds[1] = fresh[1];
}

/* A1, A7 */
static void reused_number_can_be_added(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch_as(fds[0], 1, 0, POLLER_READ);
    reuse_number(fds);
    watch_as(fds[0], 2, 0, POLLER_READ);
    assert_int_equal(count_seen(), 0);
    put(fds[1], "x");
    assert_int_equal(seen_within(key_of(fds[0], 1), 0), 0);
    assert_int_equal(seen_within(key_of(fds[0], 2), 0), POLLER_READ);
    close_both(fds);
}

/* A3, A7 */
static void change_of_a_reused_number_adds_it(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch_as(fds[0], 1, 0, POLLER_READ);
    reuse_number(fds);
    put(fds[1], "x");
    watch_as(fds[0], 2, POLLER_READ | POLLER_WRITE, POLLER_READ);
    assert_int_equal(seen_within(key_of(fds[0], 2), 0), POLLER_READ);
    close_both(fds);
}

/* A4 */
static void removing_a_reused_number_succeeds(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    watch(fds[0], 0, POLLER_READ);
    reuse_number(fds);
    put(fds[1], "x");
    watch(fds[0], POLLER_READ, 0);
    assert_int_equal(count_seen(), 0);
    close_both(fds);
}

/* A1: not the first life, but the one that comes after the loop let go of the number. */
static void number_closed_after_its_removal_starts_anew(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    for (uint32_t life = 1; life <= 20; life++) {
        put(fds[1], "x");
        watch_as(fds[0], life, 0, POLLER_READ);
        assert_int_equal(seen_within(key_of(fds[0], life), 0), POLLER_READ);
        watch_as(fds[0], life, POLLER_READ, 0);
        reuse_number(fds);
    }
    close_both(fds);
}

/* ------------------------------------------------------------------ duplicates */

/* F3, A3 */
static void number_that_got_its_old_file_back_can_be_added(void **state)
{
    int fds[2];
    int copy;

    (void)state;
    make_pipe(fds);
    watch_as(fds[0], 1, 0, POLLER_READ);
    copy = dup(fds[0]);
    close(fds[0]);
    assert_int_equal(dup2(copy, fds[0]), fds[0]);
    put(fds[1], "x");
    watch_as(fds[0], 2, 0, POLLER_READ);
    assert_int_equal(count_seen(), 1);
    assert_int_equal(seen_within(key_of(fds[0], 2), 0), POLLER_READ);
    close(copy);
    close_both(fds);
}

/* F1, A2 */
static void duplicate_that_outlives_a_closed_number_shows_only_its_old_key(void **state)
{
    struct poller_event events[POLLER_BATCH];
    int fds[2];
    int copy;

    (void)state;
    make_pipe(fds);
    watch_as(fds[0], 1, 0, POLLER_READ);
    copy = dup(fds[0]);
    close(fds[0]);
    put(fds[1], "x");
    int n = poller.ops->wait(&poller, 0, events, POLLER_BATCH);
    assert_in_range(n, 0, 1);
    if (n > 0)
        assert_int_equal(events[0].key, key_of(fds[0], 1));
    watch_as(fds[0], 1, POLLER_READ, 0);
    close(copy);
    close(fds[1]);
}

/* F2, A2 */
static void new_file_is_reported_beside_the_ghost_of_its_number(void **state)
{
    int fds[2];
    int copy, old_writer;

    (void)state;
    make_pipe(fds);
    watch_as(fds[0], 1, 0, POLLER_READ);
    copy = dup(fds[0]);
    old_writer = dup(fds[1]);
    reuse_number(fds);
    watch_as(fds[0], 2, 0, POLLER_READ);
    put(old_writer, "x");
    assert_int_equal(seen_within(key_of(fds[0], 2), 0), 0);
    put(fds[1], "y");
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen_within(key_of(fds[0], 2), 0), POLLER_READ);
    close(copy);
    close(old_writer);
    close_both(fds);
}

/* ------------------------------------------------------------------ refusals */

/* F11, H14 */
static void regular_file_is_refused_or_ready(void **state)
{
    char name[] = "/tmp/gyre-poller-test-XXXXXX";
    unsigned both = POLLER_READ | POLLER_WRITE;
    int fd = mkstemp(name);

    (void)state;
    assert_return_code(fd, errno);
    assert_int_equal(unlink(name), 0);
    put(fd, "abc");
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    int err = poller.ops->set(&poller, fd, key_of(fd, 1), 0, both);
    assert_true(err == 0 || err == -EPERM);
    assert_int_equal(seen(fd), err == 0 ? both : 0);
    watch(fd, err == 0 ? both : 0, 0);
    close(fd);
}

static void refused_addition_leaves_nothing_behind(void **state)
{
    int fds[2];
    int err = 0;

    (void)state;
    make_pipe(fds);
    put(fds[1], "x");
    allocator_left = 0;
    err = poller.ops->set(&poller, fds[0], key_of(fds[0], 1), 0, POLLER_READ);
    allocator_left = -1;
    if (err == 0) {
        print_message("this poller needs no memory\n");
        close_both(fds);
        skip();
    }
    assert_int_equal(err, -ENOMEM);
    assert_int_equal(count_seen(), 0);
    watch(fds[0], 0, POLLER_READ);
    assert_int_equal(seen(fds[0]), POLLER_READ);
    close_both(fds);
}

/* K1 */
static void every_failing_allocation_is_survived(void **state)
{
    enum { PIPES = 40 };
    int fds[PIPES][2];

    (void)state;
    for (int i = 0; i < PIPES; i++) {
        int err;
        make_pipe(fds[i]);
        put(fds[i][1], "x");
        for (allocator_left = 0; allocator_left < 10; allocator_left++) {
            int left = allocator_left;
            err = poller.ops->set(&poller, fds[i][0], key_of(fds[i][0], 1), 0, POLLER_READ);
            allocator_left = left;
            assert_true(err == 0 || err == -ENOMEM);
            assert_int_equal(count_seen(), i + (err == 0));
            if (err == 0)
                break;
        }
        assert_int_equal(err, 0);
    }
    for (int i = 0; i < PIPES; i++)
        close_both(fds[i]);
}

static void removing_needs_no_memory(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    put(fds[1], "x");
    watch(fds[0], 0, POLLER_READ);
    allocator_calls = 0;
    watch(fds[0], POLLER_READ, 0);
    assert_int_equal(allocator_calls, 0);
    assert_int_equal(count_seen(), 0);
    close_both(fds);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, poller_setup, poller_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(removed_descriptor_is_not_reported),
        TEST(directions_are_changed_one_without_the_other),
        TEST(change_brings_the_new_key),
        TEST(adding_what_is_there_changes_it),
        TEST(removing_what_is_not_there_succeeds),
        TEST(random_changes_leave_what_was_asked_for_last),
        TEST(high_descriptor_is_watched),
        TEST(removing_a_closed_descriptor_succeeds),
        TEST(adding_a_closed_descriptor_is_refused),
        TEST(closed_descriptor_is_gone_at_most_once),
        TEST(many_gone_descriptors_leave_the_others_in_place),
        TEST(reused_number_can_be_added),
        TEST(change_of_a_reused_number_adds_it),
        TEST(removing_a_reused_number_succeeds),
        TEST(number_closed_after_its_removal_starts_anew),
        TEST(number_that_got_its_old_file_back_can_be_added),
        TEST(duplicate_that_outlives_a_closed_number_shows_only_its_old_key),
        TEST(new_file_is_reported_beside_the_ghost_of_its_number),
        TEST(regular_file_is_refused_or_ready),
        TEST(refused_addition_leaves_nothing_behind),
        TEST(every_failing_allocation_is_survived),
        TEST(removing_needs_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
