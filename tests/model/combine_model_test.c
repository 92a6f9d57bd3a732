/* A game with futures made of others: random graphs of them, whose producers, owners, hooks and drop
 * functions do random things, also inside each other.
 *
 * After every step each future is compared with what the states of its inputs allow it to be. In the
 * end every value was taken or dropped once, every continuation ran once, every hook at most once, and
 * nothing is left.
 *
 * SPDX-License-Identifier: MIT */
#include "model/combine_model.h"
#include "model/seeds.h"

#include "base/util.h"
#include "gyre/scope.h"

#include <errno.h>
#include <string.h>

enum {
    SLOTS = 24,
    INPUTS = 4,
    PROMISES = 4096,
    TOKENS = 8192,
    CALLS = 1024,
    SCOPES = 3,
    NESTING = 3, /* of steps inside hooks */
};

struct promise {
    struct gyre_future *f; /* NULL: its side has ended */
    bool is_slow;
    int hooks; /* calls of it */
};

struct game {
    struct fixture *fixture;
    struct random random;
    struct slot slots[SLOTS];
    struct promise promises[PROMISES];
    int promise_count;
    int token_uses[TOKENS];
    int token_count;
    struct gyre_call calls[CALLS];
    int call_count;
    int call_runs[CALLS];
    struct gyre_scope scopes[SCOPES];
    int nesting;
};

static struct game g;

static void step(void);

static int below(int limit)
{
    return random_index(&g.random, limit);
}

static bool chance(unsigned percent)
{
    return random_chance(&g.random, percent);
}

/* What a function of the user's does besides. */
static void maybe_step(void)
{
    if (g.nesting >= NESTING || !chance(30))
        return;
    g.nesting++;
    step();
    g.nesting--;
}

/* ------------------------------------------------------------------ values */

static void use_token(void *token)
{
    assert_int_equal(++*(int *)token, 1);
}

static void drop_token(void *token)
{
    use_token(token);
    maybe_step();
}

static void *new_token(void)
{
    assert_in_range(g.token_count, 0, TOKENS - 1);
    return &g.token_uses[g.token_count++];
}

/* ------------------------------------------------------------------ producers */

static int asked(struct gyre_future *f, void *arg)
{
    struct promise *p = arg;

    assert_ptr_equal(f, p->f);
    assert_int_equal(++p->hooks, 1);
    assert_true(gyre_future_is_cancelling(f));
    if (p->is_slow) {
        maybe_step();
        return -EINPROGRESS;
    }
    p->f = NULL;
    maybe_step();
    return 0;
}

static void loop_closed(void *arg)
{
    ((struct promise *)arg)->f = NULL;
}

static const struct gyre_future_ops ops = { .cancel = asked, .drop = loop_closed };

static struct gyre_future *make_promise(void)
{
    struct gyre_future *f = gyre_future_create(g.fixture->loop);
    assert_in_range(g.promise_count, 0, PROMISES - 1);
    struct promise *p = &g.promises[g.promise_count++];

    if (gyre_future_state(f) != GYRE_FUTURE_PENDING)
        return f; /* a cancelled scope: there is no side to end */
    *p = (struct promise){ .f = f, .is_slow = chance(50) };
    if (chance(80))
        assert_int_equal(gyre_future_set_cancel(f, &ops, p), 0);
    return f;
}

static void end_promise(struct promise *p)
{
    struct gyre_future *f = p->f;

    p->f = NULL;
    switch (below(4)) {
    case 0:
        gyre_future_abandon(f);
        break;
    case 1:
        (void)gyre_future_fail_with(f, -EIO, NULL, new_token(), drop_token);
        break;
    default:
        (void)gyre_future_resolve(f, new_token(), drop_token);
        break;
    }
}

static void end_some_promise(void)
{
    for (int tries = 0; tries < 8 && g.promise_count > 0; tries++) {
        struct promise *p = &g.promises[below(g.promise_count)];

        if (!p->f)
            continue;
        end_promise(p);
        return;
    }
}

/* ------------------------------------------------------------------ functions that follow */

static int map(void **value, gyre_drop_fn **drop, void *arg)
{
    (void)arg;
    maybe_step();
    if (*drop && chance(50)) {
        (*drop)(*value);
        *value = new_token();
        *drop = drop_token;
    }
    return chance(20) ? -EPIPE : 0;
}

static struct gyre_future *next(struct gyre_future *done, void *arg)
{
    (void)done;
    (void)arg;
    maybe_step();
    return chance(20) ? NULL : make_promise();
}

static struct gyre_future *start(size_t index, void *arg)
{
    (void)index;
    return next(NULL, arg);
}

/* ------------------------------------------------------------------ making */

static struct slot *random_slot(void)
{
    struct slot *slot = &g.slots[below(SLOTS)];

    return slot->f ? slot : NULL;
}

static void keep(struct gyre_future *f, enum kind kind)
{
    struct slot *slot = &g.slots[below(SLOTS)];
    struct gyre_future *old = slot->f;

    *slot = (struct slot){ .f = f, .kind = kind };
    gyre_future_unref(old); /* may do anything, also to this slot */
}

static struct gyre_future *combine(enum kind kind, size_t count, struct gyre_future **in)
{
    struct gyre_loop *loop = g.fixture->loop;
    uint64_t delay = chance(20) ? GYRE_NEVER : GYRE_MS(below(5));

    switch (kind) {
    case ALL:
        return gyre_all(loop, count, in);
    case SETTLED:
        return gyre_settled(loop, count, in);
    case RACE:
        return gyre_race(loop, count, in);
    case WAIT:
        return gyre_wait(loop, (enum gyre_wait_mode)below(3), count, in, delay);
    case COMPLETIONS:
        return gyre_completions(loop, count, in);
    case WITHIN:
        return gyre_within(in[0], delay);
    case SHIELD:
        return gyre_shield(in[0]);
    case THEN:
        return gyre_then(in[0], map, NULL);
    case START:
        return gyre_then_start(in[0], next, NULL);
    case NEXT:
        return gyre_completions_next(in[0]);
    case PROMISE:
    case MAP:
        break;
    }
    return NULL;
}

static size_t pick_inputs(enum kind kind, struct gyre_future **in)
{
    size_t wanted = kind == WITHIN || kind >= SHIELD ? 1 : 1 + (size_t)below(INPUTS);
    size_t count = 0;

    for (int tries = 0; tries < 20 && count < wanted; tries++) {
        struct slot *slot = random_slot();

        if (!slot || (kind == NEXT && slot->kind != COMPLETIONS))
            continue;
        in[count++] = slot->f;
    }
    return count;
}

/* Those that look on take no references; those that take over need one for each distinct input. */
static void ref_inputs(size_t count, struct gyre_future **in, bool back)
{
    for (size_t i = 0; i < count; i++) {
        bool is_first = true;

        for (size_t k = 0; k < i; k++)
            is_first = is_first && in[k] != in[i];
        if (is_first && back)
            gyre_future_unref(in[i]);
        else if (is_first)
            (void)gyre_future_ref(in[i]);
    }
}

static void make_of_others(enum kind kind)
{
    struct gyre_future *in[INPUTS];
    size_t count = pick_inputs(kind == COMPLETIONS ? ALL : kind, in);
    bool owns = kind != WAIT && kind != COMPLETIONS && kind != NEXT;

    if (count == 0)
        return;
    if (owns)
        ref_inputs(count, in, false);
    struct gyre_future *f = combine(kind, count, in);
    /* No input fails with this code: it was refused. */
    if (owns && gyre_future_state(f) == GYRE_FUTURE_ERR && gyre_future_error(f) == -EBUSY)
        ref_inputs(count, in, true);
    else
        keep(f, kind);
}

static void make_something(void)
{
    struct gyre_scope *scope = &g.scopes[below(SCOPES)];
    bool in_scope = chance(30) && gyre_scope_enter(scope) == 0;
    enum kind kind = (enum kind)below(NEXT + 1);

    if (kind == PROMISE || chance(30))
        keep(make_promise(), PROMISE);
    else if (kind == MAP)
        keep(gyre_map_limit(g.fixture->loop, (enum gyre_map_mode)below(2), (size_t)below(6),
                            1 + (size_t)below(3), start, NULL),
             MAP);
    else
        make_of_others(kind);
    if (in_scope)
        (void)gyre_scope_leave(scope);
}

/* ------------------------------------------------------------------ using */

static void on_done(struct gyre_call *call, void *arg)
{
    (void)call;
    ++*(int *)arg;
    maybe_step();
}

static void watch(struct gyre_future *f)
{
    if (g.call_count == CALLS)
        return;
    struct gyre_call *call = &g.calls[g.call_count];
    assert_int_equal(gyre_call_init(call, g.fixture->loop, on_done, &g.call_runs[g.call_count]), 0);
    g.call_count++;
    assert_int_equal(gyre_future_on_done(f, call), 0);
}

/* The value of a next is a future, also where others have passed it on: not a token. */
static void take(struct gyre_future *f)
{
    int *value = gyre_future_take(f);

    for (int i = 0; i < g.token_count; i++)
        if (value == &g.token_uses[i])
            use_token(value);
}

static void use_something(void)
{
    struct slot *slot = random_slot();
    struct gyre_future *f = slot ? slot->f : NULL;

    if (!f)
        return;
    switch (below(6)) {
    case 0:
        (void)gyre_future_cancel(f);
        break;
    case 1:
        slot->f = NULL;
        gyre_future_unref(f);
        break;
    case 2:
        slot->f = NULL;
        gyre_future_detach(f);
        break;
    case 3:
        take(f);
        break;
    default:
        watch(f);
        break;
    }
}

static void renew_scope(struct gyre_scope *scope)
{
    gyre_scope_fini(scope);
    assert_int_equal(gyre_scope_init(scope, g.fixture->loop, NULL), 0);
}

static void use_scope(void)
{
    struct gyre_scope *scope = &g.scopes[below(SCOPES)];

    if (g.nesting == 0 && gyre_scope_is_cancelled(scope))
        renew_scope(scope);
    else if (chance(30))
        (void)gyre_scope_cancel(scope);
}

static void step(void)
{
    int what = below(20);

    if (what < 9)
        make_something();
    else if (what < 14)
        end_some_promise();
    else if (what < 19)
        use_something();
    else
        use_scope();
}

/* ------------------------------------------------------------------ the game */

static void check_all(void)
{
    for (int i = 0; i < SLOTS; i++)
        if (g.slots[i].f)
            check_slot(&g.slots[i]);
}

static void ignore(struct gyre_loop *loop, const struct gyre_loop_error *error, void *arg)
{
    (void)loop;
    (void)error;
    (void)arg;
    maybe_step();
}

static void begin(struct fixture *f, uint64_t seed)
{
    memset(&g, 0, sizeof(g));
    g.fixture = f;
    g.random.state = seed;
    f->wait_limit = UINT32_MAX;
    assert_int_equal(gyre_loop_on_error(f->loop, ignore, NULL), 0);
    for (int i = 0; i < SCOPES; i++)
        assert_int_equal(gyre_scope_init(&g.scopes[i], f->loop, NULL), 0);
}

static void release_everything(void)
{
    g.nesting = NESTING; /* no more steps in hooks */
    for (int i = 0; i < SLOTS; i++) {
        struct gyre_future *f = g.slots[i].f;

        g.slots[i].f = NULL;
        gyre_future_unref(f);
    }
    for (int i = 0; i < g.promise_count; i++)
        if (g.promises[i].f)
            end_promise(&g.promises[i]);
}

static void assert_used_once(void)
{
    for (int i = 0; i < g.token_count; i++)
        assert_int_equal(g.token_uses[i], 1);
}

static void play_rounds(uint64_t steps)
{
    for (uint64_t i = 0; i < steps; i++) {
        step();
        check_all();
        if (chance(10))
            (void)gyre_loop_run_once(g.fixture->loop, 0);
        if (chance(3))
            (void)gyre_test_advance(g.fixture->loop, GYRE_MS(1));
        check_all();
    }
}

static void play_to_the_end(struct fixture *f, uint64_t seed, uint64_t steps)
{
    begin(f, seed);
    play_rounds(steps);
    /* What runs meanwhile may start more. */
    for (int i = 0; i < 20; i++) {
        release_everything();
        (void)gyre_test_advance(f->loop, GYRE_S(1));
    }
    for (int i = 0; i < g.call_count; i++)
        assert_int_equal(g.call_runs[i], 1);
    assert_used_once();
    for (int i = 0; i < SCOPES; i++)
        gyre_scope_fini(&g.scopes[i]);
}

static void play_until_closed(struct fixture *f, uint64_t seed, uint64_t steps)
{
    struct gyre_loop_options opt = test_options();

    begin(f, seed);
    play_rounds(steps);
    g.nesting = NESTING;
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    release_everything();
    assert_used_once();
    assert_int_equal(gyre_test_loop_create(&opt, &f->loop), 0);
}

static void graphs_of_fixed_seeds_keep_every_promise(void **state)
{
    play_fixed_seeds(state, play_to_the_end, 400);
}

static void graphs_of_a_new_seed_keep_every_promise(void **state)
{
    play_new_seed(state, play_to_the_end, 400);
}

static void closed_graphs_of_fixed_seeds_lose_nothing(void **state)
{
    play_fixed_seeds(state, play_until_closed, 200);
}

static void closed_graphs_of_a_new_seed_lose_nothing(void **state)
{
    play_new_seed(state, play_until_closed, 200);
}

#define GAME_TEST(name) cmocka_unit_test_setup_teardown(name, setup_virtual, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        GAME_TEST(graphs_of_fixed_seeds_keep_every_promise),
        GAME_TEST(graphs_of_a_new_seed_keep_every_promise),
        GAME_TEST(closed_graphs_of_fixed_seeds_lose_nothing),
        GAME_TEST(closed_graphs_of_a_new_seed_lose_nothing),
    };

    return cmocka_run_group_tests_name("combine_model", tests, NULL, NULL);
}
