/* The table of signals, with ports that have no loop.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "base/util.h"
#include "os/signal_table.h"
#include "os/thread.h"
#include "support/fault.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static struct signal_port port, other;
static unsigned notified; /* calls of notify */
static unsigned caught;   /* calls of the handler that was there before */

static void notify(struct signal_port *which)
{
    (void)which;
    notified++;
    errno = ENOTTY;
}

static void catch (int signo)
{
    (void)signo;
    caught++;
}

static int open_ports(void **state)
{
    struct sigaction action = { .sa_handler = catch, .sa_flags = SA_RESTART | SA_NODEFER };

    setup_bare(state);
    notified = 0;
    caught = 0;
    port = (struct signal_port){ .pid = getpid(), .notify = notify };
    other = port;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGWINCH);
    return sigaction(SIGUSR1, &action, NULL);
}

static bool is_restored(void)
{
    struct sigaction now;

    return sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == catch;
}

static int close_ports(void **state)
{
    assert_true(is_restored());
    assert_int_equal(sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL), 0);
    return teardown(state);
}

/* Take what has been delivered, and say that somebody was told. */
static unsigned take(struct signal_port *from, int signo)
{
    unsigned seen;
    unsigned count = signal_take(from, signo, &seen);

    signal_told(signo, seen);
    return count;
}

static void signals_of_the_programs_own_faults_are_refused(void **state)
{
    static const int refused[] = { 0,      -1,     SIGKILL, SIGSTOP,      SIGSEGV,
                                   SIGBUS, SIGFPE, SIGILL,  SIGNAL_COUNT, INT32_MAX };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_false(signal_may_watch(refused[i]));
    assert_true(signal_may_watch(1));
    assert_true(signal_may_watch(SIGCHLD));
    assert_true(signal_may_watch(SIGNAL_COUNT - 1));
}

static void deliveries_are_counted_and_notified(void **state)
{
    (void)state;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    for (int i = 0; i < 5; i++)
        raise(SIGUSR1);
    assert_int_equal(notified, 5);
    assert_int_equal(take(&port, SIGUSR1), 5);
    assert_int_equal(take(&port, SIGUSR1), 0);
    assert_int_equal(caught, 0);
    signal_table_remove(&port, SIGUSR1);
}

/* E2 */
static void handler_keeps_errno(void **state)
{
    (void)state;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    errno = 12345;
    raise(SIGUSR1);
    assert_int_equal(errno, 12345);
    assert_int_equal(take(&port, SIGUSR1), 1);
    signal_table_remove(&port, SIGUSR1);
}

static void each_signal_is_counted_by_itself(void **state)
{
    (void)state;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    assert_int_equal(signal_table_add(&port, SIGUSR2), 0);
    raise(SIGUSR2);
    assert_int_equal(take(&port, SIGUSR1), 0);
    assert_int_equal(take(&port, SIGUSR2), 1);
    signal_table_remove(&port, SIGUSR2);
    signal_table_remove(&port, SIGUSR1);
}

/* E7 */
static void every_port_hears_of_each_delivery(void **state)
{
    (void)state;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    assert_int_equal(signal_table_add(&other, SIGUSR1), 0);
    raise(SIGUSR1);
    assert_int_equal(take(&port, SIGUSR1), 1);
    signal_table_remove(&port, SIGUSR1);
    raise(SIGUSR1);
    assert_int_equal(take(&port, SIGUSR1), 0);
    assert_int_equal(take(&other, SIGUSR1), 2);
    signal_table_remove(&other, SIGUSR1);
}

/* E8 */
static void disposition_before_is_restored_whole(void **state)
{
    struct sigaction before, after;

    (void)state;
    assert_int_equal(sigaction(SIGUSR1, NULL, &before), 0);
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    assert_false(is_restored());
    signal_table_remove(&port, SIGUSR1);
    assert_int_equal(sigaction(SIGUSR1, NULL, &after), 0);
    assert_ptr_equal(after.sa_handler, before.sa_handler);
    assert_int_equal(after.sa_flags, before.sa_flags);
    assert_int_equal(sigismember(&after.sa_mask, SIGWINCH), 1);
    assert_int_equal(sigismember(&after.sa_mask, SIGTERM), 0);
}

/* E7 */
static void disposition_stays_while_any_port_watches(void **state)
{
    (void)state;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    assert_int_equal(signal_table_add(&other, SIGUSR1), 0);
    signal_table_remove(&port, SIGUSR1);
    assert_false(is_restored());
    signal_table_remove(&other, SIGUSR1);
    assert_true(is_restored());
}

static void delivery_that_nobody_took_is_raised_again(void **state)
{
    (void)state;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    raise(SIGUSR1);
    signal_table_remove(&port, SIGUSR1);
    assert_int_equal(caught, 1);
}

static void delivery_that_was_taken_but_not_told_is_raised_again(void **state)
{
    unsigned seen;

    (void)state;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    raise(SIGUSR1);
    assert_int_equal(signal_take(&port, SIGUSR1, &seen), 1);
    signal_table_remove(&port, SIGUSR1);
    assert_int_equal(caught, 1);
}

static void delivery_that_came_after_what_was_told_is_raised_again(void **state)
{
    unsigned seen;

    (void)state;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    raise(SIGUSR1);
    assert_int_equal(signal_take(&port, SIGUSR1, &seen), 1);
    raise(SIGUSR1);
    signal_told(SIGUSR1, seen);
    signal_table_remove(&port, SIGUSR1);
    assert_int_equal(caught, 1);
}

/* A delivery is owed by the process, not by the port that happened to be there. */
static void delivery_is_owed_also_if_the_port_that_heard_it_went_first(void **state)
{
    (void)state;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    raise(SIGUSR1);
    assert_int_equal(signal_table_add(&other, SIGUSR1), 0);
    signal_table_remove(&port, SIGUSR1);
    assert_int_equal(caught, 0);
    signal_table_remove(&other, SIGUSR1);
    assert_int_equal(caught, 1);
}

static void nothing_is_raised_while_another_port_has_heard(void **state)
{
    (void)state;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    assert_int_equal(signal_table_add(&other, SIGUSR1), 0);
    raise(SIGUSR1);
    signal_table_remove(&port, SIGUSR1);
    assert_int_equal(caught, 0);
    assert_int_equal(take(&other, SIGUSR1), 1);
    signal_table_remove(&other, SIGUSR1);
    assert_int_equal(caught, 0);
}

/* E5: a port of another process neither counts here nor raises anything. */
static void port_of_another_process_is_left_alone(void **state)
{
    (void)state;
    port.pid = getppid();
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    raise(SIGUSR1);
    assert_int_equal(notified, 0);
    assert_int_equal(take(&port, SIGUSR1), 0);
    signal_table_remove(&port, SIGUSR1);
    assert_int_equal(caught, 0);
}

/* B8 */
static void failure_to_install_changes_nothing(void **state)
{
    (void)state;
    fail_call(SYS_SIGACTION, 1, EINVAL, false);
    assert_int_equal(signal_table_add(&port, SIGUSR1), -EINVAL);
    raise(SIGUSR1);
    assert_int_equal(caught, 1);
    assert_int_equal(notified, 0);
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    raise(SIGUSR1);
    assert_int_equal(take(&port, SIGUSR1), 1);
    signal_table_remove(&port, SIGUSR1);
}

/* B8: of two signals one fails; the port goes on hearing of the other. */
static void failure_to_install_leaves_other_signals(void **state)
{
    (void)state;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    fail_call(SYS_SIGACTION, 1, EINVAL, false);
    assert_int_equal(signal_table_add(&port, SIGUSR2), -EINVAL);
    raise(SIGUSR1);
    assert_int_equal(take(&port, SIGUSR1), 1);
    signal_table_remove(&port, SIGUSR1);
}

/* E8: the disposition to restore is the program's own, not our handler that stayed behind. */
static void failure_to_restore_is_made_good_the_next_time(void **state)
{
    (void)state;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    fail_call(SYS_SIGACTION, 1, EINVAL, false);
    signal_table_remove(&port, SIGUSR1);
    assert_false(is_restored());
    raise(SIGUSR1);
    assert_int_equal(notified, 0);
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    signal_table_remove(&port, SIGUSR1);
    assert_true(is_restored());
}

/* D10: no handler can interrupt who holds the lock. */
static void signals_wait_while_the_table_is_locked(void **state)
{
    sigset_t usr2, now;

    (void)state;
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &usr2, NULL), 0);
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    signal_table_lock();
    raise(SIGUSR1);
    assert_int_equal(notified, 0);
    signal_table_unlock();
    assert_int_equal(notified, 1);
    assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &usr2, &now), 0);
    assert_int_equal(sigismember(&now, SIGUSR2), 1);
    assert_int_equal(sigismember(&now, SIGUSR1), 0);
    assert_int_equal(take(&port, SIGUSR1), 1);
    signal_table_remove(&port, SIGUSR1);
}

/* ------------------------------------------------------------------ handlers in other threads */

static unsigned inside, leaving, left;

static void notify_slowly(struct signal_port *which)
{
    (void)which;
    __atomic_store_n(&inside, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&leaving, __ATOMIC_SEQ_CST))
        sched_yield();
    for (int i = 0; i < 1000; i++)
        sched_yield();
    __atomic_store_n(&left, 1, __ATOMIC_SEQ_CST);
}

static void *raise_here(void *arg)
{
    (void)arg;
    pthread_kill(pthread_self(), SIGUSR1);
    return NULL;
}

static void wait_for(unsigned *flag)
{
    while (!__atomic_load_n(flag, __ATOMIC_SEQ_CST))
        sched_yield();
}

/* A port may be freed once it is removed: no handler is looking at it then. */
static void removal_waits_for_a_handler_in_another_thread(void **state)
{
    pthread_t thread;

    (void)state;
    inside = leaving = left = 0;
    port.notify = notify_slowly;
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    assert_int_equal(pthread_create(&thread, NULL, raise_here, NULL), 0);
    wait_for(&inside);
    assert_int_equal(take(&port, SIGUSR1), 1);
    __atomic_store_n(&leaving, 1, __ATOMIC_SEQ_CST);
    signal_table_remove(&port, SIGUSR1);
    assert_int_equal(__atomic_load_n(&left, __ATOMIC_SEQ_CST), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* E5: and in a forked child such a handler does not exist, so nobody waits for it. */
static void child_does_not_wait_for_the_parents_handlers(void **state)
{
    pthread_t thread;
    int status;

    (void)state;
    inside = leaving = left = 0;
    port.notify = notify_slowly;
    assert_int_equal(thread_watch_forks(), 0);
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    assert_int_equal(pthread_create(&thread, NULL, raise_here, NULL), 0);
    wait_for(&inside);
    pid_t pid = fork();
    if (pid == 0) {
        signal_table_remove(&port, SIGUSR1);
        _exit(is_restored() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    __atomic_store_n(&leaving, 1, __ATOMIC_SEQ_CST);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(take(&port, SIGUSR1), 1);
    signal_table_remove(&port, SIGUSR1);
}

/* E5 */
static void child_does_not_count_for_the_parents_port(void **state)
{
    int status;

    (void)state;
    assert_int_equal(thread_watch_forks(), 0);
    assert_int_equal(signal_table_add(&port, SIGUSR1), 0);
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGUSR1);
        _exit((int)(notified + take(&port, SIGUSR1)));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    signal_table_remove(&port, SIGUSR1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_ports, close_ports)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(signals_of_the_programs_own_faults_are_refused),
        TEST(deliveries_are_counted_and_notified),
        TEST(handler_keeps_errno),
        TEST(each_signal_is_counted_by_itself),
        TEST(every_port_hears_of_each_delivery),
        TEST(disposition_before_is_restored_whole),
        TEST(disposition_stays_while_any_port_watches),
        TEST(delivery_that_nobody_took_is_raised_again),
        TEST(delivery_that_was_taken_but_not_told_is_raised_again),
        TEST(delivery_that_came_after_what_was_told_is_raised_again),
        TEST(delivery_is_owed_also_if_the_port_that_heard_it_went_first),
        TEST(nothing_is_raised_while_another_port_has_heard),
        TEST(port_of_another_process_is_left_alone),
        TEST(failure_to_install_changes_nothing),
        TEST(failure_to_install_leaves_other_signals),
        TEST(failure_to_restore_is_made_good_the_next_time),
        TEST(signals_wait_while_the_table_is_locked),
        TEST(removal_waits_for_a_handler_in_another_thread),
        TEST(child_does_not_wait_for_the_parents_handlers),
        TEST(child_does_not_count_for_the_parents_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
