/* Random programs of futures, scopes and groups against the model of future_model.h. After every step
 * all that is known of them is compared; every value is dropped or taken exactly once, and every
 * producer is told at most once to stop.
 *
 * SPDX-License-Identifier: MIT */
#include "model/future_game.h"

#include <limits.h>

enum { STEPS_PER_LOOP = 150 };

/* ------------------------------------------------------------------ scopes */

static void model_init_scope(void)
{
    init_scope(the_scope, the_input);
}

static void do_init_scope(void)
{
    the_scope = choose(is_unused_scope, SCOPES);
    the_input = choose_scope();
    if (the_scope == NONE)
        return;
    struct gyre_scope *parent = the_input ? scope_of(the_input) : NULL;
    assert_int_equal(gyre_scope_init(&real_scopes[the_scope], loop, parent), 0);
    agree(model_init_scope);
}

static void model_fini_scope(void)
{
    fini_scope(the_scope);
}

static void do_fini_scope(void)
{
    the_scope = choose(is_own_scope, SCOPES);
    if (the_scope == NONE)
        return;
    gyre_scope_fini(&real_scopes[the_scope]);
    agree(model_fini_scope);
    memset(&real_scopes[the_scope], 0, sizeof(real_scopes[0]));
}

static void model_cancel_scope(void)
{
    (void)cancel_scope(the_scope, GYRE_REASON_REQUEST);
}

static void do_cancel_scope(void)
{
    the_scope = choose(is_in_use, SCOPES);
    if (the_scope == NONE)
        return;
    assert_int_equal(gyre_scope_cancel(scope_of(the_scope)), !m.s[the_scope].reason);
    agree(model_cancel_scope);
}

static void model_set_shield(void)
{
    if (the_input)
        m.s[the_scope].is_shielded = true;
    else
        take_shield(the_scope);
    spread(the_scope);
}

static void do_set_shield(void)
{
    the_scope = choose(is_in_use, SCOPES);
    if (the_scope == NONE)
        return;
    the_input = random_chance(&rnd, 60);
    assert_int_equal(gyre_scope_set_shield(scope_of(the_scope), the_input), 0);
    agree(model_set_shield);
}

static void model_set_deadline(void)
{
    struct model_scope *scope = &m.s[the_scope];

    if (scope->reason)
        return;
    if (the_time <= m.now) {
        (void)cancel_scope(the_scope, GYRE_REASON_TIMEOUT);
        return;
    }
    scope->deadline = the_time;
    scope->seq = ++m.seqs;
}

static void do_set_deadline(void)
{
    the_scope = choose(is_in_use, SCOPES);
    if (the_scope == NONE)
        return;
    the_time = random_chance(&rnd, 20) ? GYRE_NEVER : m.now + random_below(&rnd, LONG_TIME);
    assert_int_equal(gyre_scope_set_deadline(scope_of(the_scope), the_time),
                     m.s[the_scope].reason ? -EALREADY : 0);
    agree(model_set_deadline);
}

/* ------------------------------------------------------------------ groups */

static void model_make_group(void)
{
    init_scope(the_input, the_scope);
    m.s[the_input].is_of_group = true;
    struct model_future *f = make(the_future, JOIN, the_input);
    f->own_scope = the_input;
    f->supervises = the_err & GYRE_GROUP_SUPERVISE;
    f->reports = the_err & GYRE_GROUP_REPORT;
    if (is_cancelled(the_input))
        request(the_future, m.s[the_input].cause_reason, m.s[the_input].cause);
}

static void do_make_group(void)
{
    the_future = choose_unused();
    the_input = choose(is_unused_scope, SCOPES);
    if (the_future == NONE || the_input == NONE)
        return;
    the_scope = choose_scope();
    the_err = random_index(&rnd, 4); /* flags */
    enter(the_scope);
    assert_int_equal(gyre_group_create(loop, (unsigned)the_err, &groups[the_future]), 0);
    leave(the_scope);
    real[the_future] = (struct gyre_future *)(void *)groups[the_future]; /* its join comes first */
    agree(model_make_group);
}

static struct gyre_future *child_starts(void *arg)
{
    int child = (int)((bool *)arg - is_held);

    children[child].started++;
    if (children[child].kind == UNUSED)
        return NULL;
    int leaf = children[child].leaf;
    struct gyre_future *f = start_leaf(leaf, children[child].kind, children[child].delay);
    is_held[leaf] = children[child].is_kept;
    return is_held[leaf] ? gyre_future_ref(f) : f;
}

static void child_dropped(void *arg)
{
    children[(bool *)arg - is_held].dropped++;
}

static struct model_future *model_add_child(void)
{
    struct model_future *f = make(the_input, CHILD, m.f[the_future].own_scope);

    f->group = the_future;
    f->count = 1;
    m.f[the_future].children++;
    return f;
}

static void model_spawn(void)
{
    if (!is_pending(the_future))
        return;
    (void)model_add_child();
    m.queue[m.queued++] = the_input;
}

/* A child of number the_input, which starts the leaf of another number, or nothing. */
static void do_spawn(void)
{
    the_future = choose(has_handle, FUTURES);
    the_input = choose_unused();
    if (the_future == NONE || the_input == NONE)
        return;
    bool is_open = is_pending(the_future);
    assert_int_equal(
        gyre_group_spawn(groups[the_future], child_starts, child_dropped, &is_held[the_input]),
        is_open ? 0 : -EINVAL);
    if (!is_open)
        return;
    children[the_input].is_reserved = true;
    children[the_input].was_spawned = true;
    int leaf = random_chance(&rnd, 80) ? choose_unused() : NONE;
    if (leaf != NONE) {
        children[leaf].is_reserved = true;
        children[the_input].leaf = leaf;
        children[the_input].kind = random_kind(PROMISE, LEAF_KINDS);
        children[the_input].is_kept = random_chance(&rnd, 60);
        children[the_input].delay = 1 + random_below(&rnd, LONG_TIME);
    }
    agree(model_spawn);
}

/* From the queue. */
static void model_start_child(int child)
{
    struct model_future *f = &m.f[child];
    int leaf = children[child].leaf;

    if (children[child].kind == UNUSED) {
        end_child(child, NONE);
        return;
    }
    (void)make(leaf, children[child].kind, f->scope);
    if (children[child].kind == SLEEP)
        start_sleep(leaf, children[child].delay);
    m.f[leaf].refs += children[child].is_kept;
    begin_child(child, leaf);
}

/* Whether `i` waits for `on`: a group that waits for itself would wait for ever. */
static bool waits_for(int i, int on)
{
    bool does = i == on;

    for (int k = 0; k < m.f[i].count && !does; k++)
        does = m.f[i].input[k] != NONE && waits_for(m.f[i].input[k], on);
    for (int child = 0; m.f[i].kind == JOIN && child < FUTURES && !does; child++)
        does = m.f[child].kind == CHILD && m.f[child].group == i && waits_for(child, on);
    return does;
}

static void model_add(void)
{
    if (!is_pending(the_future))
        return;
    m.f[the_inputs[0]].refs += is_kept[0];
    (void)model_add_child();
    begin_child(the_input, the_inputs[0]);
}

static void do_add(void)
{
    the_future = choose(has_handle, FUTURES);
    the_input = choose_unused();
    choose_inputs(1);
    if (the_future == NONE || the_input == NONE || the_count == 0 ||
        waits_for(the_inputs[0], the_future))
        return;
    bool is_open = is_pending(the_future);
    struct gyre_future *input = real[the_inputs[0]];
    if (is_open)
        give_inputs(&input);
    assert_int_equal(gyre_group_add(groups[the_future], input), is_open ? 0 : -EINVAL);
    agree(model_add);
}

static void model_join(void)
{
    m.f[the_future].refs += the_err;
    m.f[the_future].is_joined = true;
    maybe_end_group(the_future);
}

static void do_join(void)
{
    the_future = choose(has_handle, FUTURES);
    if (the_future == NONE)
        return;
    the_err = !is_held[the_future];
    struct gyre_future *join = gyre_group_join(groups[the_future]);
    assert_ptr_equal(join, real[the_future]);
    if (is_held[the_future])
        gyre_future_unref(join);
    is_held[the_future] = true;
    agree(model_join);
}

static void model_unref_group(void)
{
    m.f[the_future].is_joined = true;
    maybe_end_group(the_future);
    release(the_future);
}

static void do_unref_group(void)
{
    the_future = choose(has_handle, FUTURES);
    if (the_future == NONE)
        return;
    gyre_group_unref(groups[the_future]);
    groups[the_future] = NULL;
    agree(model_unref_group);
}

/* ------------------------------------------------------------------ time, and the loop */

static void model_advance(void)
{
    advance_model(the_time, model_start_child);
}

static void do_advance(void)
{
    the_time = random_below(&rnd, LONG_TIME);
    assert_in_range(gyre_test_advance(loop, the_time), 0, INT_MAX);
    agree(model_advance);
}

static void ignore_error(struct gyre_loop *l, const struct gyre_loop_error *error, void *arg)
{
    (void)l;
    (void)error;
    (void)arg;
}

static void begin_loop(struct fixture *f)
{
    struct gyre_loop_options opt = test_options();

    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    assert_int_equal(live_bytes(), f->bytes_before);
    assert_int_equal(gyre_test_loop_create(&opt, &f->loop), 0);
    loop = f->loop;
    assert_int_equal(gyre_loop_on_error(loop, ignore_error, NULL), 0);
    memset(&m, 0, sizeof(m));
    memset(real, 0, sizeof(real));
    memset(is_held, 0, sizeof(is_held));
    memset(groups, 0, sizeof(groups));
    memset(asked, 0, sizeof(asked));
    memset(ended, 0, sizeof(ended));
    memset(dropped_values, 0, sizeof(dropped_values));
    memset(is_taken, 0, sizeof(is_taken));
    memset(children, 0, sizeof(children));
    memset(real_scopes, 0, sizeof(real_scopes));
    m.now = gyre_loop_now(loop);
    m.s[0] = (struct model_scope){ .life = ++m.lives, .deadline = GYRE_NEVER };
}

/* Every future that was pending is cancelled, each side has ended, every value has gone. */
static void end_loop(struct fixture *f)
{
    assert_int_equal(gyre_loop_close(loop), 0);
    for (int i = 0; i < FUTURES; i++) {
        bool was_pending = m.f[i].kind != UNUSED && is_pending(i);

        if (is_held[i] && was_pending)
            assert_int_equal(gyre_future_reason(real[i]), GYRE_REASON_CLOSED);
        if (m.f[i].kind == SLOW || m.f[i].kind == PROMISE)
            assert_int_equal(ended[i], !(m.f[i].kind == PROMISE && asked[i]));
        assert_int_equal(children[i].started + children[i].dropped, children[i].was_spawned);
        if (is_held[i])
            gyre_future_unref(real[i]);
        gyre_group_unref(groups[i]);
    }
    assert_int_equal(gyre_loop_destroy(loop), 0);
    f->loop = NULL;
    assert_int_equal(live_bytes(), f->bytes_before);
    for (int i = 0; i < FUTURES; i++)
        assert_int_equal(dropped_values[i + 1] + is_taken[i + 1],
                         m.f[i].kind <= SLOW && m.f[i].kind != UNUSED &&
                             m.f[i].state == GYRE_FUTURE_OK);
}

/* ------------------------------------------------------------------ a game */

static void random_step(void)
{
    static void (*const steps[])(void) = {
        do_start_leaf,  do_start_leaf, do_start_leaf,   do_start_leaf, do_combine,
        do_combine,     do_combine,    do_combine,      do_settle,     do_settle,
        do_settle,      do_cancel,     do_unref,        do_unref,      do_take,
        do_init_scope,  do_fini_scope, do_cancel_scope, do_set_shield, do_set_deadline,
        do_make_group,  do_spawn,      do_spawn,        do_add,        do_join,
        do_unref_group, do_advance,    do_advance,
    };

    steps[random_index(&rnd, (int)ARRAY_LEN(steps))]();
}

static void play(struct fixture *f, uint64_t seed, uint64_t steps)
{
    f->wait_limit = ULONG_MAX;
    rnd = (struct random){ .state = seed };
    for (uint64_t step = 0; step < steps; step++) {
        if (step % STEPS_PER_LOOP == 0)
            begin_loop(f);
        random_step();
        if ((step + 1) % STEPS_PER_LOOP == 0 || step + 1 == steps)
            end_loop(f);
    }
}

static void futures_agree_with_the_model_for_fixed_seeds(void **state)
{
    play_fixed_seeds(state, play, 6000);
}

static void futures_agree_with_the_model_for_a_new_seed(void **state)
{
    play_new_seed(state, play, 6000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(futures_agree_with_the_model_for_fixed_seeds, setup_virtual,
                                        teardown),
        cmocka_unit_test_setup_teardown(futures_agree_with_the_model_for_a_new_seed, setup_virtual,
                                        teardown),
    };

    return cmocka_run_group_tests_name("future_model", tests, NULL, NULL);
}
