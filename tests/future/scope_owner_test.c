/* Scopes and the futures made of others: what a cancelled scope does to those in it, and what reaches
 * their inputs.
 *
 * SPDX-License-Identifier: MIT */
#include "future/scopes.h"

#include "base/util.h"

static int keep_value(void **value, gyre_drop_fn **drop, void *arg)
{
    (void)value;
    (void)drop;
    (void)arg;
    return 0;
}

static struct gyre_future *start_nothing(struct gyre_future *done, void *arg)
{
    (void)done;
    (void)arg;
    return NULL;
}

/* Each is made of operations 1 and 2, or 1 alone, whose references stay with the test. */
static struct gyre_future *const *both(void)
{
    static struct gyre_future *inputs[2];

    for (int i = 0; i < 2; i++)
        inputs[i] = gyre_future_ref(ops[i + 1].future);
    return inputs;
}

static struct gyre_future *make_all(struct fixture *f)
{
    return gyre_all(f->loop, 2, both());
}

static struct gyre_future *make_settled(struct fixture *f)
{
    return gyre_settled(f->loop, 2, both());
}

static struct gyre_future *make_race(struct fixture *f)
{
    return gyre_race(f->loop, 2, both());
}

static struct gyre_future *make_within(struct fixture *f)
{
    (void)f;
    return gyre_within(gyre_future_ref(ops[1].future), 10);
}

static struct gyre_future *make_then(struct fixture *f)
{
    (void)f;
    return gyre_then(gyre_future_ref(ops[1].future), keep_value, NULL);
}

static struct gyre_future *make_then_start(struct fixture *f)
{
    (void)f;
    return gyre_then_start(gyre_future_ref(ops[1].future), start_nothing, NULL);
}

static struct gyre_future *make_shield(struct fixture *f)
{
    (void)f;
    return gyre_shield(gyre_future_ref(ops[1].future));
}

static struct gyre_future *make_wait(struct fixture *f)
{
    struct gyre_future *const inputs[] = { ops[1].future, ops[2].future };

    return gyre_wait(f->loop, GYRE_WAIT_ALL, 2, inputs, 10);
}

typedef struct gyre_future *make_fn(struct fixture *f);

static make_fn *const kinds[] = { make_all,  make_settled,    make_race,   make_within,
                                  make_then, make_then_start, make_shield, make_wait };

/* The last two do not forward the request to their inputs; a wait is not made of them. */
enum { FORWARDING = ARRAY_LEN(kinds) - 2, MADE_OF_OTHERS = ARRAY_LEN(kinds) - 1 };

static void start_inputs_in(struct fixture *f, int scope, bool is_slow)
{
    memset(ops, 0, sizeof(ops));
    for (int id = 1; id <= 2; id++)
        start_op_in(f, scope, id)->is_slow = is_slow;
}

static struct gyre_future *make_in(struct fixture *f, int scope, make_fn *make)
{
    enter(scope);
    struct gyre_future *made = make(f);
    leave(scope);
    return made;
}

static void future_made_of_others_is_cancelled_with_them_and_has_not_failed(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < MADE_OF_OTHERS; i++) {
        make_scope(f, 0, -1);
        start_inputs_in(f, 0, false);
        struct gyre_future *made = make_in(f, 0, kinds[i]);
        assert_state(made, GYRE_FUTURE_PENDING);
        cancel_scope(0);
        assert_state(made, GYRE_FUTURE_CANCELLED);
        assert_true(gyre_scope_caused(&scopes[0], made));
        assert_int_equal(gyre_future_reason(made), GYRE_REASON_REQUEST);
        assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
        assert_int_equal(ops[1].asked, 1);
        assert_false(gyre_loop_is_alive(f->loop));
        gyre_future_unref(made);
        release_ops(1, 2);
        end_scopes(1);
    }
}

static void future_made_of_others_waits_for_those_that_are_slow_to_undo(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < FORWARDING; i++) {
        make_scope(f, 0, -1);
        start_inputs_in(f, 0, true);
        struct gyre_future *made = make_in(f, 0, kinds[i]);
        cancel_scope(0);
        assert_true(gyre_future_is_cancelling(made));
        end_op(2);
        assert_state(made, GYRE_FUTURE_PENDING);
        end_op(1);
        assert_state(made, GYRE_FUTURE_CANCELLED);
        assert_true(gyre_scope_caused(&scopes[0], made));
        gyre_future_unref(made);
        release_ops(1, 2);
        end_scopes(1);
    }
}

static void request_reaches_inputs_that_are_in_no_cancelled_scope(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < FORWARDING; i++) {
        make_scope(f, 0, -1);
        make_scope(f, 1, -1);
        start_inputs_in(f, 1, false);
        struct gyre_future *made = make_in(f, 0, kinds[i]);
        cancel_scope(0);
        assert_state(made, GYRE_FUTURE_CANCELLED);
        assert_op_state(1, GYRE_FUTURE_CANCELLED);
        assert_true(gyre_scope_caused(&scopes[0], ops[1].future));
        gyre_future_unref(made);
        release_ops(1, 2);
        end_scopes(2);
    }
}

static void shield_and_wait_let_go_of_inputs_that_are_in_no_cancelled_scope(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t i = FORWARDING; i < ARRAY_LEN(kinds); i++) {
        make_scope(f, 0, -1);
        make_scope(f, 1, -1);
        start_inputs_in(f, 1, false);
        struct gyre_future *made = make_in(f, 0, kinds[i]);
        cancel_scope(0);
        assert_state(made, GYRE_FUTURE_CANCELLED);
        assert_op_state(1, GYRE_FUTURE_PENDING);
        gyre_future_unref(made);
        assert_int_equal(f->trace_count, 2 * (int)(i - FORWARDING));
        release_ops(1, 2);
        end_scopes(2);
    }
}

static void future_made_in_a_cancelled_scope_is_cancelled_from_the_start(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < MADE_OF_OTHERS; i++) {
        make_scope(f, 0, -1);
        cancel_scope(0);
        start_inputs_in(f, 0, false);
        struct gyre_future *made = make_in(f, 0, kinds[i]);
        assert_state(made, GYRE_FUTURE_CANCELLED);
        assert_true(gyre_scope_caused(&scopes[0], made));
        assert_false(gyre_loop_is_alive(f->loop));
        gyre_future_unref(made);
        release_ops(1, 2);
        end_scopes(1);
    }
}

static void error_reported(struct gyre_loop *loop, const struct gyre_loop_error *error, void *arg)
{
    (void)loop;
    record(arg, -error->err);
}

/* Nobody could tell the error from one of the operations. */
static void cancelled_scope_leaves_no_error_to_report(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_on_error(f->loop, error_reported, f), 0);
    make_scope(f, 0, -1);
    cancel_scope(0);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        start_inputs_in(f, 0, false);
        gyre_future_unref(make_in(f, 0, kinds[i]));
        release_ops(1, 2);
    }
    assert_int_equal(f->trace_count, 0);
    end_scopes(1);
}

/* To the futures outside it is a failure, of which somebody has to think. */
static void all_of_a_scope_that_others_cancel_has_failed(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_inputs_in(f, 0, false);
    struct gyre_future *all = make_all(f);
    cancel_scope(0);
    assert_int_equal(gyre_future_error(all), -ECANCELED);
    assert_state(all, GYRE_FUTURE_ERR);
    gyre_future_unref(all);
    release_ops(1, 2);
    end_scopes(1);
}

/* Operation 1 is in scope 0, and so is the outermost future, which is asked after it. What is between
 * them is in no scope that is cancelled, and must not take that for a failure of its input. */
static void owner_between_two_futures_of_a_scope_is_cancelled_and_has_not_failed(void **state)
{
    struct fixture *f = fixture_of(state);

    for (size_t i = 0; i < FORWARDING; i++) {
        make_scope(f, 0, -1);
        start_inputs_in(f, 0, false);
        struct gyre_future *between = kinds[i](f);
        enter(0);
        struct gyre_future *made = gyre_within(gyre_future_ref(between), GYRE_NEVER);
        leave(0);
        cancel_scope(0);
        assert_state(between, GYRE_FUTURE_CANCELLED);
        assert_state(made, GYRE_FUTURE_CANCELLED);
        assert_true(gyre_scope_caused(&scopes[0], between));
        gyre_future_unref(made);
        gyre_future_unref(between);
        release_ops(1, 2);
        end_scopes(1);
    }
}

static void long_way_from_a_scope_to_itself_is_cancelled_and_has_not_failed(void **state)
{
    struct fixture *f = fixture_of(state);

    make_scope(f, 0, -1);
    start_inputs_in(f, 0, false);
    struct gyre_future *made = make_all(f);
    for (int i = 0; i < 20; i++)
        made = gyre_all(f->loop, 1, &made);
    enter(0);
    made = gyre_all(f->loop, 1, &made);
    leave(0);
    cancel_scope(0);
    ASSERT_TRACE(f, 1, 2);
    assert_state(made, GYRE_FUTURE_CANCELLED);
    gyre_future_unref(made);
    release_ops(1, 2);
    end_scopes(1);
}

static void result_that_is_there_is_delivered_in_a_cancelled_scope(void **state)
{
    struct fixture *f = fixture_of(state);
    static make_fn *const make[] = { make_all, make_settled, make_race, make_within, make_shield };

    for (size_t i = 0; i < ARRAY_LEN(make); i++) {
        make_scope(f, 0, -1);
        start_inputs_in(f, 0, false);
        for (int id = 1; id <= 2; id++)
            assert_int_equal(gyre_future_resolve(ops[id].future, NULL, NULL), 0);
        cancel_scope(0);
        struct gyre_future *made = make_in(f, 0, make[i]);
        assert_state(made, GYRE_FUTURE_OK);
        gyre_future_unref(made);
        release_ops(1, 2);
        end_scopes(1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCOPE_TEST(future_made_of_others_is_cancelled_with_them_and_has_not_failed),
        SCOPE_TEST(future_made_of_others_waits_for_those_that_are_slow_to_undo),
        SCOPE_TEST(request_reaches_inputs_that_are_in_no_cancelled_scope),
        SCOPE_TEST(shield_and_wait_let_go_of_inputs_that_are_in_no_cancelled_scope),
        SCOPE_TEST(future_made_in_a_cancelled_scope_is_cancelled_from_the_start),
        SCOPE_TEST(cancelled_scope_leaves_no_error_to_report),
        SCOPE_TEST(all_of_a_scope_that_others_cancel_has_failed),
        SCOPE_TEST(owner_between_two_futures_of_a_scope_is_cancelled_and_has_not_failed),
        SCOPE_TEST(long_way_from_a_scope_to_itself_is_cancelled_and_has_not_failed),
        SCOPE_TEST(result_that_is_there_is_delivered_in_a_cancelled_scope),
    };

    return cmocka_run_group_tests_name("scope_owner", tests, NULL, NULL);
}
