/* A mailbox by itself: os/mailbox.h. All on one thread; tests/model goes through the interleavings.
 *
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "os/mailbox.h"
#include "base/util.h"

static struct mailbox box;
static struct gyre_link nodes[4];

static int begin(void **state)
{
    (void)state;
    box = (struct mailbox){ .head = NULL };
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
        nodes[i] = (struct gyre_link){ &nodes[i], &nodes[i] };
    return 0;
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

static void nodes_are_taken_at_once_the_newest_first(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(mailbox_put(&box, &nodes[i]), 0);
    assert_true(mailbox_has_mail(&box));
    assert_list(mailbox_take(&box, NULL), 4);
    assert_false(mailbox_has_mail(&box));
    assert_null(mailbox_take(&box, NULL));
}

static void nothing_but_nodes_counts_as_mail(void **state)
{
    struct gyre_link *const heads[] = { NULL, MAILBOX_IDLE, MAILBOX_CLOSED };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        box.head = heads[i];
        assert_false(mailbox_has_mail(&box));
        assert_null(mailbox_take(&box, NULL));
    }
}

static void node_that_was_taken_can_be_put_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        (void)mailbox_put(&box, &nodes[0]);
        (void)mailbox_put(&box, &nodes[1]);
        assert_list(mailbox_take(&box, MAILBOX_IDLE), 2);
    }
}

/* For whoever takes them, to fetch it meanwhile. */
static void node_tells_which_one_was_put_a_while_before_it(void **state)
{
    static struct gyre_link many[2 * TRAIL_LENGTH];

    (void)state;
    for (int i = 0; i < 2 * TRAIL_LENGTH; i++)
        (void)mailbox_put(&box, &many[i]);
    for (int i = TRAIL_LENGTH; i < 2 * TRAIL_LENGTH; i++)
        assert_ptr_equal(many[i].prev, &many[i - TRAIL_LENGTH]);
}

/* ------------------------------------------------------------------ idle */

static void first_node_for_an_idle_owner_calls_and_others_do_not(void **state)
{
    (void)state;
    assert_true(mailbox_set_idle(&box));
    assert_int_equal(mailbox_put(&box, &nodes[0]), 1);
    assert_int_equal(mailbox_put(&box, &nodes[1]), 0);
    assert_list(mailbox_take(&box, NULL), 2);
    assert_int_equal(mailbox_put(&box, &nodes[0]), 0);
}

static void owner_with_mail_cannot_be_idle(void **state)
{
    (void)state;
    (void)mailbox_put(&box, &nodes[0]);
    assert_false(mailbox_set_idle(&box));
    assert_list(mailbox_take(&box, NULL), 1);
    assert_true(mailbox_set_idle(&box));
    assert_true(mailbox_set_idle(&box));
}

static void mail_may_be_taken_to_be_idle_in_one_step(void **state)
{
    (void)state;
    (void)mailbox_put(&box, &nodes[0]);
    assert_list(mailbox_take(&box, MAILBOX_IDLE), 1);
    assert_int_equal(mailbox_put(&box, &nodes[0]), 1);
}

static void taking_nothing_ends_being_idle_or_begins_it(void **state)
{
    (void)state;
    assert_true(mailbox_set_idle(&box));
    assert_null(mailbox_take(&box, NULL));
    assert_int_equal(mailbox_put(&box, &nodes[0]), 0);
    assert_list(mailbox_take(&box, NULL), 1);
    assert_null(mailbox_take(&box, MAILBOX_IDLE));
    assert_int_equal(mailbox_put(&box, &nodes[0]), 1);
}

/* ------------------------------------------------------------------ quietly */

static void quiet_put_is_one_that_need_not_call(void **state)
{
    (void)state;
    assert_true(mailbox_put_quietly(&box, &nodes[0]));
    assert_true(mailbox_put_quietly(&box, &nodes[1]));
    assert_list(mailbox_take(&box, MAILBOX_IDLE), 2);
}

static void quiet_put_to_an_idle_or_closed_owner_does_nothing(void **state)
{
    struct gyre_link *const heads[] = { MAILBOX_IDLE, MAILBOX_CLOSED };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        box.head = heads[i];
        assert_false(mailbox_put_quietly(&box, &nodes[0]));
        assert_ptr_equal(box.head, heads[i]);
        assert_ptr_equal(nodes[0].next, &nodes[0]);
    }
}

/* ------------------------------------------------------------------ closed */

static void close_hands_out_the_mail_and_refuses_more(void **state)
{
    (void)state;
    (void)mailbox_put(&box, &nodes[0]);
    (void)mailbox_put(&box, &nodes[1]);
    assert_list(mailbox_close(&box), 2);
    assert_int_equal(mailbox_put(&box, &nodes[3]), -ESHUTDOWN);
    assert_ptr_equal(nodes[3].next, &nodes[3]);
}

static void closed_mailbox_stays_closed(void **state)
{
    (void)state;
    box.head = MAILBOX_IDLE;
    assert_null(mailbox_close(&box));
    assert_null(mailbox_close(&box));
    assert_null(mailbox_take(&box, NULL));
    assert_null(mailbox_take(&box, MAILBOX_IDLE));
    assert_true(mailbox_set_idle(&box)); /* nothing will come */
    assert_int_equal(mailbox_put(&box, &nodes[0]), -ESHUTDOWN);
}

#define MAILBOX_TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAILBOX_TEST(nodes_are_taken_at_once_the_newest_first),
        MAILBOX_TEST(nothing_but_nodes_counts_as_mail),
        MAILBOX_TEST(node_that_was_taken_can_be_put_again),
        MAILBOX_TEST(node_tells_which_one_was_put_a_while_before_it),
        MAILBOX_TEST(first_node_for_an_idle_owner_calls_and_others_do_not),
        MAILBOX_TEST(owner_with_mail_cannot_be_idle),
        MAILBOX_TEST(mail_may_be_taken_to_be_idle_in_one_step),
        MAILBOX_TEST(taking_nothing_ends_being_idle_or_begins_it),
        MAILBOX_TEST(quiet_put_is_one_that_need_not_call),
        MAILBOX_TEST(quiet_put_to_an_idle_or_closed_owner_does_nothing),
        MAILBOX_TEST(close_hands_out_the_mail_and_refuses_more),
        MAILBOX_TEST(closed_mailbox_stays_closed),
    };

    return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
