/* Facts about the Linux kernel on which the pollers and the wake-up stand, each by itself: when one
 * of them changes, this says so before anything else fails strangely.
 *
 * What the library needs is asserted. Where it copes with either answer and the fact only explains
 * the code, a kernel that differs skips the test and says how it differs.
 *
 * SPDX-License-Identifier: MIT */
#include "poller_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int epfd;

static int setup(void **state)
{
    poller_setup_closed(state);
    epfd = epoll_create1(EPOLL_CLOEXEC);
    return epfd < 0;
}

static int teardown(void **state)
{
    close(epfd);
    return poller_teardown_closed(state);
}

static void need(bool as_known, const char *how)
{
    if (as_known)
        return;
    print_message("this kernel differs: %s\n", how);
    skip();
}

/* 0 or the errno. */
static int control(int op, int fd, uint32_t events, uint32_t data)
{
    struct epoll_event event = { .events = events, .data.u32 = data };

    return epoll_ctl(epfd, op, fd, &event) < 0 ? errno : 0;
}

static int add(int fd, uint32_t events)
{
    return control(EPOLL_CTL_ADD, fd, events, 1);
}

/* What is reported of the only descriptor, and under which data. */
static uint32_t look_for(int ms, uint32_t *data)
{
    struct epoll_event event = { 0 };
    int n = epoll_wait(epfd, &event, 1, ms);

    *data = event.data.u32;
    return n > 0 ? event.events : 0;
}

static uint32_t look(void)
{
    uint32_t data;

    return look_for(0, &data);
}

/* ------------------------------------------------------------------ identity */

/* F1 */
static void duplicate_keeps_a_closed_number_reporting(void **state)
{
    uint32_t data;
    int fds[2];

    (void)state;
    make_pipe(fds);
    assert_int_equal(control(EPOLL_CTL_ADD, fds[0], EPOLLIN, 111), 0);
    int copy = dup(fds[0]);
    close(fds[0]);
    put(fds[1], "x");
    uint32_t events = look_for(0, &data);
    int err = control(EPOLL_CTL_DEL, fds[0], 0, 0);
    close(copy);
    close(fds[1]);
    assert_int_equal(err, EBADF);
    need(events == EPOLLIN && data == 111, "no ghost of the closed number");
}

/* F2 */
static void reused_number_is_added_beside_its_ghost(void **state)
{
    uint32_t data;
    int fds[2];

    (void)state;
    make_pipe(fds);
    assert_int_equal(control(EPOLL_CTL_ADD, fds[0], EPOLLIN, 111), 0);
    int copy = dup(fds[0]);
    int other = eventfd(0, EFD_NONBLOCK);
    assert_int_equal(dup2(other, fds[0]), fds[0]);
    put(fds[1], "x");
    assert_int_equal(control(EPOLL_CTL_DEL, fds[0], 0, 0), ENOENT);
    assert_int_equal(control(EPOLL_CTL_ADD, fds[0], EPOLLIN, 222), 0);
    uint32_t events = look_for(0, &data);
    close(copy);
    close(other);
    close_both(fds);
    need(events == EPOLLIN && data == 111, "no ghost beside the new file");
}

/* F3 */
static void number_that_got_its_old_file_back_exists(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    assert_int_equal(add(fds[0], EPOLLIN), 0);
    int copy = dup(fds[0]);
    close(fds[0]);
    assert_int_equal(dup2(copy, fds[0]), fds[0]);
    assert_int_equal(add(fds[0], EPOLLIN), EEXIST);
    assert_int_equal(control(EPOLL_CTL_MOD, fds[0], EPOLLIN, 2), 0);
    close(copy);
    close_both(fds);
}

/* F12 */
static void child_that_removes_takes_it_from_the_parent(void **state)
{
    int fds[2];
    int status;

    (void)state;
    make_pipe(fds);
    put(fds[1], "x");
    assert_int_equal(add(fds[0], EPOLLIN), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(control(EPOLL_CTL_DEL, fds[0], 0, 0));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    uint32_t events = look();
    close_both(fds);
    need(status == 0 && events == 0, "parent and child do not share the set");
}

/* ------------------------------------------------------------------ hang-ups */

/* F4 */
static void hangup_cannot_be_masked(void **state)
{
    int fds[2], pair[2];

    (void)state;
    make_pipe(fds);
    assert_int_equal(add(fds[1], 0), 0);
    assert_int_equal(look(), 0);
    close(fds[0]);
    assert_int_equal(look(), EPOLLERR);
    assert_int_equal(look(), EPOLLERR);
    close(fds[1]);

    make_pair(pair);
    assert_int_equal(add(pair[0], 0), 0);
    close(pair[1]);
    assert_int_equal(look(), EPOLLHUP);
    assert_int_equal(look(), EPOLLHUP);
    close(pair[0]);
}

/* F5 */
static void half_closed_connection_is_quiet_when_nothing_is_asked(void **state)
{
    int fds[2];

    (void)state;
    make_tcp_pair(fds);
    assert_int_equal(add(fds[0], 0), 0);
    assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
    assert_true(becomes_readable(fds[0]));
    uint32_t events = look();
    close_both(fds);
    need(events == 0, "an unasked end of file is reported");
}

/* F6 */
static void end_of_an_empty_pipe_is_a_hangup_only(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    assert_int_equal(add(fds[0], EPOLLIN), 0);
    close(fds[1]);
    uint32_t events = look();
    close(fds[0]);
    assert_int_equal(events & EPOLLHUP, EPOLLHUP);
    need(events == EPOLLHUP, "EPOLLIN comes with it");
}

/* F7 */
static void connection_closed_in_both_directions_hangs_up_before_its_data_is_read(void **state)
{
    char bytes[8];
    int fds[2];

    (void)state;
    make_tcp_pair(fds);
    put(fds[1], "abc");
    assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
    assert_true(becomes_readable(fds[0]));
    assert_int_equal(add(fds[0], EPOLLIN | EPOLLOUT), 0);
    assert_int_equal(look() & (EPOLLIN | EPOLLOUT), EPOLLIN | EPOLLOUT);
    assert_int_equal(shutdown(fds[0], SHUT_WR), 0);
    uint32_t events = look();
    assert_int_equal(read(fds[0], bytes, sizeof(bytes)), 3);
    close_both(fds);
    assert_int_equal(events & EPOLLIN, EPOLLIN);
    need((events & EPOLLHUP) != 0, "no hang-up");
}

/* F8 */
static void hangup_leaves_the_data_to_be_read(void **state)
{
    char bytes[8];
    int fds[2];

    (void)state;
    make_pair(fds);
    put(fds[1], "abc");
    close(fds[1]);
    assert_int_equal(add(fds[0], EPOLLIN), 0);
    assert_int_equal(look(), EPOLLIN | EPOLLHUP);
    assert_int_equal(read(fds[0], bytes, sizeof(bytes)), 3);
    assert_int_equal(read(fds[0], bytes, sizeof(bytes)), 0);
    close(fds[0]);
}

/* F9 */
static void socket_that_never_connected_hangs_up(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    (void)state;
    assert_int_equal(add(fd, EPOLLOUT), 0);
    uint32_t events = look();
    close(fd);
    need(events == (EPOLLOUT | EPOLLHUP), "a fresh socket is quiet");
}

/* F10 */
static void refused_connection_tells_its_error_once(void **state)
{
    int first = 0, second = 0;
    socklen_t size = sizeof(first);
    uint32_t data;
    uint16_t port;

    (void)state;
    close(make_listener(&port));
    int fd = connect_to(port);
    assert_int_equal(add(fd, EPOLLOUT), 0);
    assert_int_equal(look_for(30000, &data) & (EPOLLERR | EPOLLHUP), EPOLLERR | EPOLLHUP);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &first, &size), 0);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &second, &size), 0);
    assert_int_equal(first, ECONNREFUSED);
    assert_int_equal(second, 0);
    assert_int_equal(look() & (EPOLLERR | EPOLLHUP), EPOLLHUP);
    close(fd);
}

/* F11 */
static void files_that_never_block_are_refused(void **state)
{
    static const char *const names[] = { "/", "/dev/null", "/dev/zero" };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int fd = open(names[i], O_RDONLY);
        assert_return_code(fd, errno);
        assert_int_equal(add(fd, EPOLLIN), EPERM);
        close(fd);
    }
}

/* ------------------------------------------------------------------ the wake-up */

/* F14: EAGAIN from a wake-up means that one is pending already. */
static void full_eventfd_refuses_and_stays_readable(void **state)
{
    const uint64_t most = UINT64_MAX - 1;
    const uint64_t one = 1;
    int fd = eventfd(0, EFD_NONBLOCK);

    (void)state;
    assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
    assert_int_equal(add(fd, EPOLLIN), 0);
    assert_int_equal(write(fd, &one, sizeof(one)), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(look(), EPOLLIN);
    assert_int_equal(look(), EPOLLIN);
    close(fd);
}

/* F14: why the wake-up is not edge-triggered. */
static void full_eventfd_makes_no_edge(void **state)
{
    const uint64_t most = UINT64_MAX - 1;
    const uint64_t one = 1;
    int fd = eventfd(0, EFD_NONBLOCK);

    (void)state;
    assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
    assert_int_equal(add(fd, EPOLLIN | EPOLLET), 0);
    assert_int_equal(look(), EPOLLIN);
    assert_int_equal(write(fd, &one, sizeof(one)), -1);
    uint32_t events = look();
    close(fd);
    need(events == 0, "a refused write makes an edge");
}

/* F15 */
static void full_pipe_refuses_and_stays_readable(void **state)
{
    int fds[2];

    (void)state;
    make_pipe(fds);
    fill(fds[1]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(add(fds[0], EPOLLIN), 0);
    assert_int_equal(look(), EPOLLIN);
    close_both(fds);
}

/* ------------------------------------------------------------------ waiting */

/* F16 */
static void wait_is_never_early(void **state)
{
    uint32_t data;

    (void)state;
    for (int i = 0; i < 20; i++) {
        uint64_t start = now();
        assert_int_equal(look_for(1, &data), 0);
        assert_true(now() - start >= GYRE_MS(1));
    }
}

/* F16 */
static void wait_of_nanoseconds_is_never_early(void **state)
{
    struct epoll_event event;

    (void)state;
    for (int i = 0; i < 20; i++) {
        uint64_t start = now();
        int n = sys->epoll_pwait2(epfd, &event, 1, GYRE_US(50));
        need(n == 0 || errno != ENOSYS, "no epoll_pwait2");
        assert_int_equal(n, 0);
        assert_true(now() - start >= GYRE_US(50));
    }
}

static void *write_later(void *arg)
{
    const struct timespec while_it_waits = { .tv_nsec = 20000000 };

    nanosleep(&while_it_waits, NULL);
    put(*(int *)arg, "x");
    return NULL;
}

/* F17: a timeout computed as deadline minus now must not be negative. */
static void negative_timeout_waits_for_ever(void **state)
{
    pthread_t thread;
    uint32_t data;
    int fds[2];

    (void)state;
    make_pipe(fds);
    assert_int_equal(add(fds[0], EPOLLIN), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_later, &fds[1]), 0);
    assert_int_equal(look_for(-5, &data), EPOLLIN);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close_both(fds);
}

/* F18 */
static void longest_timeout_is_accepted(void **state)
{
    struct epoll_event event;
    int fds[2];

    (void)state;
    make_pipe(fds);
    put(fds[1], "x");
    assert_int_equal(add(fds[0], EPOLLIN), 0);
    int n = sys->epoll_pwait2(epfd, &event, 1, GYRE_NEVER - 1);
    close_both(fds);
    need(n >= 0 || errno != ENOSYS, "no epoll_pwait2");
    assert_int_equal(n, 1);
}

/* F33 */
static void small_batches_go_around(void **state)
{
    enum { PIPES = 20, BATCH = 4 };
    struct epoll_event events[BATCH];
    int came[PIPES] = { 0 };
    int fds[PIPES][2];

    (void)state;
    for (uint32_t i = 0; i < PIPES; i++) {
        make_pipe(fds[i]);
        put(fds[i][1], "x");
        assert_int_equal(control(EPOLL_CTL_ADD, fds[i][0], EPOLLIN, i), 0);
    }
    for (int batch = 0; batch < PIPES / BATCH; batch++) {
        assert_int_equal(epoll_wait(epfd, events, BATCH, 0), BATCH);
        for (int i = 0; i < BATCH; i++)
            came[events[i].data.u32]++;
    }
    for (int i = 0; i < PIPES; i++) {
        assert_int_equal(came[i], 1);
        close_both(fds[i]);
    }
}

/* F29: why a listener must be stopped when accept runs out of descriptors. */
static void listener_out_of_descriptors_stays_ready(void **state)
{
    struct rlimit limit, none;
    uint32_t data;
    uint16_t port;

    (void)state;
    int listener = make_listener(&port);
    int client = connect_to(port);
    assert_int_equal(add(listener, EPOLLIN), 0);
    assert_int_equal(look_for(30000, &data), EPOLLIN);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int fd = accept(listener, NULL, NULL);
    int err = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(fd, -1);
    assert_int_equal(err, EMFILE);
    assert_int_equal(look(), EPOLLIN);
    close(client);
    close(listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(duplicate_keeps_a_closed_number_reporting),
        TEST(reused_number_is_added_beside_its_ghost),
        TEST(number_that_got_its_old_file_back_exists),
        TEST(child_that_removes_takes_it_from_the_parent),
        TEST(hangup_cannot_be_masked),
        TEST(half_closed_connection_is_quiet_when_nothing_is_asked),
        TEST(end_of_an_empty_pipe_is_a_hangup_only),
        TEST(connection_closed_in_both_directions_hangs_up_before_its_data_is_read),
        TEST(hangup_leaves_the_data_to_be_read),
        TEST(socket_that_never_connected_hangs_up),
        TEST(refused_connection_tells_its_error_once),
        TEST(files_that_never_block_are_refused),
        TEST(full_eventfd_refuses_and_stays_readable),
        TEST(full_eventfd_makes_no_edge),
        TEST(full_pipe_refuses_and_stays_readable),
        TEST(wait_is_never_early),
        TEST(wait_of_nanoseconds_is_never_early),
        TEST(negative_timeout_waits_for_ever),
        TEST(longest_timeout_is_accepted),
        TEST(small_batches_go_around),
        TEST(listener_out_of_descriptors_stays_ready),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
