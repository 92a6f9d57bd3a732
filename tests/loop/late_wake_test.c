/* A post that is accepted just before the loop is closed, and whose wake-up is written just after.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "loop/core.h"
#include "os/sys.h"
#include "support/fault.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <unistd.h>

static sem_t in_write;
static sem_t may_write;
static const struct sys_table *sys_before;

static ssize_t write_when_told(int fd, const void *buf, size_t size)
{
    sem_post(&in_write);
    sem_wait(&may_write);
    return sys_before->write(fd, buf, size);
}

static void never(struct gyre_post *post, void *arg)
{
    (void)post;
    (void)arg;
    fail();
}

static void count_drop(void *arg)
{
    ++*(int *)arg;
}

static void *send_post(void *post)
{
    assert_int_equal(gyre_post_send(post), 0);
    return NULL;
}

/* D2, D11 */
static void wake_up_after_close_is_not_written_into_another_file(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sys_table slow = *sys;
    struct gyre_post post = { 0 };
    pthread_t sender;
    uint64_t word;
    int drops = 0;

    slow.write = write_when_told;
    sys_before = sys;
    sys = &slow;
    assert_int_equal(gyre_post_init(&post, f->loop, never, count_drop, &drops), 0);
    assert_true(inbox_sleep(&f->loop->inbox));
    assert_int_equal(pthread_create(&sender, NULL, send_post, &post), 0);
    sem_wait(&in_write);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    int file = eventfd(0, EFD_NONBLOCK); /* takes the lowest number that is free */
    sem_post(&may_write);
    pthread_join(sender, NULL);
    sys = sys_before;

    assert_int_equal(drops, 1);
    assert_int_equal(read(file, &word, sizeof(word)), -1);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wake_up_after_close_is_not_written_into_another_file, setup,
                                        teardown),
    };

    sem_init(&in_write, 0, 0);
    sem_init(&may_write, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
