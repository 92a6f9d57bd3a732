/* The inbox by itself: loop/inbox.h. All on one thread; tests/model goes through the interleavings.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "loop/inbox.h"
#include "support/fault.h"

#include <errno.h>
#include <string.h>

static struct inbox in;
static struct gyre_link nodes[4];

static int setup_inbox(void **state)
{
    if (setup_bare(state) < 0)
        return -1;
    memset(&in, 0, sizeof(in));
    return wake_open(&in.wake);
}

static int teardown_inbox(void **state)
{
    disarm_faults();
    wake_close(&in.wake);
    return teardown(state);
}

/* How many wake-ups have been sent since the last time. */
static unsigned long wakes(void)
{
    static unsigned long before;
    unsigned long now = sys_calls(SYS_WRITE);
    unsigned long count = now - before;

    before = now;
    return count;
}

static void push(int i)
{
    assert_int_equal(inbox_push(&in, &nodes[i]), 0);
}

/* `list` is nodes[0 .. count), the last one first. */
static void assert_list(const struct gyre_link *list, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        assert_ptr_equal(list, &nodes[i]);
        list = list->next;
    }
    assert_null(list);
}

/* ------------------------------------------------------------------ mail */

static void nodes_come_out_once_the_newest_first(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        push(i);
    assert_true(inbox_has_mail(&in));
    assert_list(inbox_take(&in), 4);
    assert_false(inbox_has_mail(&in));
    assert_null(inbox_take(&in));
}

static void node_that_was_taken_can_be_pushed_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        push(0);
        push(1);
        assert_list(inbox_take(&in), 2);
    }
}

/* ------------------------------------------------------------------ sleep */

/* I-4 */
static void push_to_a_loop_that_is_awake_wakes_nobody(void **state)
{
    (void)state;
    wakes();
    push(0);
    push(1);
    inbox_wake(&in);
    assert_int_equal(wakes(), 0);
}

static void loop_with_mail_may_not_sleep(void **state)
{
    (void)state;
    push(0);
    assert_false(inbox_sleep(&in));
    assert_list(inbox_take(&in), 1);
    assert_true(inbox_sleep(&in));
}

/* I-4: the first of many. */
static void first_push_to_a_sleeping_loop_wakes_it(void **state)
{
    (void)state;
    wakes();
    assert_true(inbox_sleep(&in));
    assert_false(inbox_has_mail(&in));
    push(0);
    assert_int_equal(wakes(), 1);
    push(1);
    inbox_wake(&in);
    assert_int_equal(wakes(), 0);
    assert_list(inbox_take(&in), 2);
}

static void loop_that_wakes_by_itself_is_awake(void **state)
{
    (void)state;
    wakes();
    assert_true(inbox_sleep(&in));
    assert_null(inbox_take(&in));
    push(0);
    assert_int_equal(wakes(), 0);
    assert_list(inbox_take(&in), 1);
}

static void second_announcement_of_sleep_is_as_good_as_none(void **state)
{
    (void)state;
    assert_true(inbox_sleep(&in));
    assert_false(inbox_sleep(&in));
    wakes();
    push(0);
    assert_int_equal(wakes(), 1);
}

/* ------------------------------------------------------------------ requests */

static void request_is_seen_and_wakes_a_sleeping_loop_once(void **state)
{
    (void)state;
    wakes();
    inbox_request(&in, ATTENTION_STOP);
    assert_int_equal(wakes(), 0);
    assert_true(inbox_sleep(&in));
    inbox_request(&in, ATTENTION_SIGNAL);
    inbox_request(&in, ATTENTION_SIGNAL);
    assert_int_equal(wakes(), 1);
    assert_int_equal(inbox_attention(&in), ATTENTION_STOP | ATTENTION_SIGNAL);
    assert_false(inbox_has_mail(&in));
}

/* ------------------------------------------------------------------ the end */

static void closed_inbox_hands_out_its_mail_and_refuses_more(void **state)
{
    (void)state;
    push(0);
    push(1);
    assert_list(inbox_close(&in), 2);
    nodes[3].next = &nodes[3];
    assert_int_equal(inbox_push(&in, &nodes[3]), -ESHUTDOWN);
    assert_ptr_equal(nodes[3].next, &nodes[3]);
    assert_false(inbox_has_mail(&in));
    assert_null(inbox_take(&in));
    assert_int_equal(inbox_push(&in, &nodes[3]), -ESHUTDOWN);
}

static void sleeping_inbox_can_be_closed(void **state)
{
    (void)state;
    assert_true(inbox_sleep(&in));
    assert_null(inbox_close(&in));
    assert_int_equal(inbox_push(&in, &nodes[0]), -ESHUTDOWN);
}

static void closed_inbox_stays_closed(void **state)
{
    (void)state;
    assert_null(inbox_close(&in));
    wakes();
    inbox_request(&in, ATTENTION_STOP);
    inbox_wake(&in);
    assert_int_equal(wakes(), 0);
    assert_false(inbox_sleep(&in));
    assert_null(inbox_take(&in));
    assert_null(inbox_close(&in));
    assert_int_equal(inbox_push(&in, &nodes[0]), -ESHUTDOWN);
}

/* D3: the node is in, whatever becomes of the wake-up, so the push has succeeded. */
static void wake_up_that_is_refused_is_remembered(void **state)
{
    (void)state;
    assert_true(inbox_sleep(&in));
    fail_call(SYS_WRITE, 1, EPERM, false);
    push(0);
    assert_int_equal(in.wake_error, -EPERM);
    assert_list(inbox_take(&in), 1);
}

#define INBOX_TEST(name) cmocka_unit_test_setup_teardown(name, setup_inbox, teardown_inbox)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INBOX_TEST(nodes_come_out_once_the_newest_first),
        INBOX_TEST(node_that_was_taken_can_be_pushed_again),
        INBOX_TEST(push_to_a_loop_that_is_awake_wakes_nobody),
        INBOX_TEST(loop_with_mail_may_not_sleep),
        INBOX_TEST(first_push_to_a_sleeping_loop_wakes_it),
        INBOX_TEST(loop_that_wakes_by_itself_is_awake),
        INBOX_TEST(second_announcement_of_sleep_is_as_good_as_none),
        INBOX_TEST(request_is_seen_and_wakes_a_sleeping_loop_once),
        INBOX_TEST(closed_inbox_hands_out_its_mail_and_refuses_more),
        INBOX_TEST(sleeping_inbox_can_be_closed),
        INBOX_TEST(closed_inbox_stays_closed),
        INBOX_TEST(wake_up_that_is_refused_is_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
