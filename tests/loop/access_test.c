/* Who may call what: every function with nothing, on another thread, on a closed loop, on a watcher that
 * was never initialised, and twice.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "base/util.h"
#include "support/kinds.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void ignore(void *arg)
{
    (void)arg;
}

/* ------------------------------------------------------------------ one row for each function */

struct row {
    const char *name;
    int (*call)(struct kinds *k, struct gyre_loop *loop);
};

#define ROW(name, expression)                                     \
    static int do_##name(struct kinds *k, struct gyre_loop *loop) \
    {                                                             \
        (void)k;                                                  \
        (void)loop;                                               \
        return expression;                                        \
    }

ROW(run, gyre_loop_run(loop))
ROW(run_once, gyre_loop_run_once(loop, 0))
ROW(run_while, gyre_loop_run_while(loop, never, NULL))
ROW(shutdown, gyre_loop_shutdown(loop, 0))
ROW(after_fork, gyre_loop_after_fork(loop))
ROW(fd, gyre_loop_fd(loop))
ROW(advance, gyre_test_advance(loop, 0))
ROW(autojump, gyre_test_autojump(loop, true))
ROW(soon, gyre_call_soon(loop, ignore, NULL))
ROW(later, gyre_call_later(loop, 0, ignore, NULL))
ROW(at, gyre_call_at(loop, 0, ignore, NULL))
ROW(call_init, kinds_init_one(k, KIND_CALL, loop))
ROW(timer_init, kinds_init_one(k, KIND_TIMER, loop))
ROW(io_init, kinds_init_one(k, KIND_IO, loop))
ROW(signal_init, kinds_init_one(k, KIND_SIGNAL, loop))
ROW(async_init, kinds_init_one(k, KIND_ASYNC, loop))
ROW(call_start, gyre_call_start(&k->call))
ROW(timer_start, gyre_timer_start(&k->timer, 0))
ROW(timer_start_at, gyre_timer_start_at(&k->timer, 0))
ROW(timer_start_every, gyre_timer_start_every(&k->timer, 1))
ROW(io_start, gyre_io_start(&k->io, k->fds[0], GYRE_READ))
ROW(signal_start, gyre_signal_start(&k->sig, KIND_SIGNO))
ROW(async_start, gyre_async_start(&k->async))

/* The functions that take a loop; those that tie a watcher to one; those that take such a watcher. */
static const struct row loop_rows[] = {
    { "gyre_loop_run", do_run },
    { "gyre_loop_run_once", do_run_once },
    { "gyre_loop_run_while", do_run_while },
    { "gyre_loop_shutdown", do_shutdown },
    { "gyre_loop_after_fork", do_after_fork },
    { "gyre_loop_fd", do_fd },
    { "gyre_test_advance", do_advance },
    { "gyre_test_autojump", do_autojump },
    { "gyre_call_soon", do_soon },
    { "gyre_call_later", do_later },
    { "gyre_call_at", do_at },
};

static const struct row init_rows[] = {
    { "gyre_call_init", do_call_init },   { "gyre_timer_init", do_timer_init },
    { "gyre_io_init", do_io_init },       { "gyre_signal_init", do_signal_init },
    { "gyre_async_init", do_async_init },
};

static const struct row watcher_rows[] = {
    { "gyre_call_start", do_call_start },
    { "gyre_timer_start", do_timer_start },
    { "gyre_timer_start_at", do_timer_start_at },
    { "gyre_timer_start_every", do_timer_start_every },
    { "gyre_io_start", do_io_start },
    { "gyre_signal_start", do_signal_start },
    { "gyre_async_start", do_async_start },
};

/* Calls all rows; prints and counts those that do not return `expected`. */
static int count_wrong(const struct row *rows, size_t count, struct kinds *k,
                       struct gyre_loop *loop, int expected)
{
    int wrong = 0;

    for (size_t i = 0; i < count; i++) {
        int err = rows[i].call(k, loop);

        if (err == expected)
            continue;
        print_error("%s: %s, should be %s\n", rows[i].name, gyre_errname(err),
                    gyre_errname(expected));
        wrong++;
    }
    return wrong;
}

static int all_wrong(struct kinds *k, int expected)
{
    return count_wrong(loop_rows, ARRAY_LEN(loop_rows), k, k->f->loop, expected) +
           count_wrong(init_rows, ARRAY_LEN(init_rows), k, k->f->loop, expected) +
           count_wrong(watcher_rows, ARRAY_LEN(watcher_rows), k, NULL, expected);
}

/* Functions that answer false, and those that answer nothing, change nothing either. */
static int ask_and_stop_all(struct kinds *k)
{
    int wrong = 0;

    for (enum kind kind = 0; kind < KIND_WATCHERS; kind++) {
        kinds_unref(k, kind);
        if (kinds_stop(k, kind) || kinds_is_started(k, kind)) {
            print_error("%s: stopped or called started\n", kinds_name(kind));
            wrong++;
        }
        kinds_ref(k, kind);
        kinds_unref(k, kind);
    }
    wrong += gyre_io_fd(&k->io) != -1;
    wrong += gyre_io_events(&k->io) != 0;
    wrong += gyre_timer_deadline(&k->timer) != GYRE_NEVER;
    return wrong;
}

/* ------------------------------------------------------------------ nothing */

static void loop_must_be_given(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));

    assert_int_equal(count_wrong(loop_rows, ARRAY_LEN(loop_rows), k, NULL, -EINVAL), 0);
    assert_int_equal(count_wrong(init_rows, ARRAY_LEN(init_rows), k, NULL, -EINVAL), 0);
    assert_int_equal(gyre_loop_close(NULL), -EINVAL);
    assert_int_equal(gyre_loop_adopt(NULL), -EINVAL);
    assert_int_equal(kinds_init_one(k, KIND_POST, NULL), -EINVAL);
    assert_int_equal(gyre_call_soon_threadsafe(NULL, ignore, NULL, NULL), -EINVAL);
}

static void function_must_be_given(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(gyre_call_init(&k->call, f->loop, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_timer_init(&k->timer, f->loop, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_io_init(&k->io, f->loop, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_signal_init(&k->sig, f->loop, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_async_init(&k->async, f->loop, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_post_init(&k->post, f->loop, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_call_soon(f->loop, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_call_later(f->loop, 0, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_call_at(f->loop, 0, NULL, NULL), -EINVAL);
    assert_int_equal(gyre_call_soon_threadsafe(f->loop, NULL, NULL, NULL), -EINVAL);
}

static void watcher_must_be_given(void **state)
{
    (void)state;
    assert_int_equal(gyre_call_start(NULL), -EINVAL);
    assert_int_equal(gyre_timer_start(NULL, 0), -EINVAL);
    assert_int_equal(gyre_timer_start_at(NULL, 0), -EINVAL);
    assert_int_equal(gyre_timer_start_every(NULL, 1), -EINVAL);
    assert_int_equal(gyre_io_start(NULL, 0, GYRE_READ), -EINVAL);
    assert_int_equal(gyre_signal_start(NULL, KIND_SIGNO), -EINVAL);
    assert_int_equal(gyre_async_start(NULL), -EINVAL);
    assert_int_equal(gyre_async_send(NULL), -EINVAL);
    assert_int_equal(gyre_post_send(NULL), -EINVAL);
}

static void watcher_to_init_must_be_given(void **state)
{
    struct gyre_loop *loop = fixture_of(state)->loop;

    assert_int_equal(gyre_call_init(NULL, loop, (gyre_call_fn *)(void *)ignore, NULL), -EINVAL);
    assert_int_equal(gyre_timer_init(NULL, loop, (gyre_timer_fn *)(void *)ignore, NULL), -EINVAL);
    assert_int_equal(gyre_io_init(NULL, loop, (gyre_io_fn *)(void *)ignore, NULL), -EINVAL);
    assert_int_equal(gyre_signal_init(NULL, loop, (gyre_signal_fn *)(void *)ignore, NULL), -EINVAL);
    assert_int_equal(gyre_async_init(NULL, loop, (gyre_async_fn *)(void *)ignore, NULL), -EINVAL);
    assert_int_equal(gyre_post_init(NULL, loop, (gyre_post_fn *)(void *)ignore, NULL, NULL),
                     -EINVAL);
}

static void no_watcher_is_not_started_and_cannot_be_stopped(void **state)
{
    (void)state;
    assert_false(gyre_call_stop(NULL) || gyre_timer_stop(NULL) || gyre_io_stop(NULL));
    assert_false(gyre_signal_stop(NULL) || gyre_async_stop(NULL) || gyre_post_stop(NULL));
    assert_false(gyre_call_is_started(NULL) || gyre_timer_is_started(NULL));
    assert_false(gyre_io_is_started(NULL) || gyre_signal_is_started(NULL));
    assert_false(gyre_async_is_started(NULL));
    assert_int_equal(gyre_io_fd(NULL), -1);
    assert_int_equal(gyre_io_events(NULL), 0);
    assert_true(gyre_timer_deadline(NULL) == GYRE_NEVER);
    assert_int_equal(gyre_timer_missed(NULL), 0);
    gyre_call_ref(NULL);
    gyre_timer_ref(NULL);
    gyre_io_ref(NULL);
    gyre_signal_ref(NULL);
    gyre_async_ref(NULL);
    gyre_call_unref(NULL);
    gyre_timer_unref(NULL);
    gyre_io_unref(NULL);
    gyre_signal_unref(NULL);
    gyre_async_unref(NULL);
}

/* ------------------------------------------------------------------ never initialised */

static void assert_uninitialised(struct kinds *k)
{
    assert_int_equal(count_wrong(watcher_rows, ARRAY_LEN(watcher_rows), k, NULL, GYRE_EUNINIT), 0);
    assert_int_equal(gyre_post_send(&k->post), GYRE_EUNINIT);
    assert_int_equal(gyre_async_send(&k->async), -EINVAL);
    assert_int_equal(ask_and_stop_all(k), 0);
    assert_int_equal(gyre_timer_missed(&k->timer), 0);
}

static void zeroed_watcher_is_not_initialised(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));
    static struct kinds zeroed;

    zeroed.fds[0] = k->fds[0];
    assert_uninitialised(&zeroed);
}

static void rubbish_is_not_an_initialised_watcher(void **state)
{
    static const int fills[] = { 0x01, 0x7f, 0xa5, 0xdd, 0xff };
    struct kinds *k = kinds_init(fixture_of(state));
    static struct kinds rubbish;

    for (size_t i = 0; i < ARRAY_LEN(fills); i++) {
        memset(&rubbish, fills[i], sizeof(rubbish));
        rubbish.fds[0] = k->fds[0];
        assert_uninitialised(&rubbish);
    }
}

static void copy_is_not_an_initialised_watcher(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    static struct kinds copy;

    for (enum kind kind = 0; kind < KIND_WATCHERS; kind++)
        assert_int_equal(kinds_start(k, kind), 0);
    copy = *k;
    assert_uninitialised(&copy);
    assert_int_equal(run_ready(f), 2); /* the originals are where they were */
    kinds_stop_all(k);
}

/* ------------------------------------------------------------------ twice */

static void second_init_of_a_started_watcher_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = 0; kind < KIND_WATCHERS; kind++) {
        assert_int_equal(kinds_init_one(k, kind, f->loop), 0); /* not started yet: allowed */
        kinds_fire(k, kind);
        assert_int_equal(kinds_init_one(k, kind, f->loop), -EBUSY);
        assert_int_equal(run_ready(f), 1); /* it was left as it was */
        (void)kinds_stop(k, kind);
        assert_int_equal(kinds_init_one(k, kind, f->loop), 0);
    }
    ASSERT_TRACE(f, KIND_CALL, KIND_TIMER, KIND_IO, KIND_SIGNAL, KIND_ASYNC, KIND_POST);
}

static void second_start_is_refused_where_it_means_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = 0; kind < KIND_WATCHERS; kind++) {
        bool moves = kind == KIND_TIMER || kind == KIND_IO;

        assert_int_equal(kinds_start(k, kind), 0);
        assert_int_equal(kinds_start(k, kind), moves ? 0 : -EALREADY);
        assert_true(kinds_stop(k, kind));
        assert_false(kinds_stop(k, kind));
        assert_false(gyre_loop_is_alive(f->loop));
    }
}

/* ------------------------------------------------------------------ another thread */

struct visit {
    struct kinds *k;
    int expected;
    int wrong;
};

static void *visit_all(void *arg)
{
    struct visit *visit = arg;
    struct gyre_loop *loop = visit->k->f->loop;

    visit->wrong = all_wrong(visit->k, visit->expected);
    visit->wrong += ask_and_stop_all(visit->k);
    visit->wrong += gyre_loop_is_alive(loop);
    visit->wrong += gyre_loop_clock(loop) == 0;
    visit->wrong += strcmp(gyre_loop_poller(loop), "none") == 0;
    return NULL;
}

static int visit_from_a_thread(struct kinds *k, int expected)
{
    struct visit visit = { .k = k, .expected = expected };
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, visit_all, &visit), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return visit.wrong;
}

static void *close_it(void *arg)
{
    struct visit *visit = arg;

    visit->wrong = (gyre_loop_close(visit->k->f->loop) != visit->expected) +
                   (gyre_loop_destroy(visit->k->f->loop) != visit->expected);
    return NULL;
}

static void other_thread_is_refused_and_changes_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    struct visit visit = { .k = k, .expected = -EPERM };
    pthread_t thread;

    assert_int_equal(visit_from_a_thread(k, -EPERM), 0);
    for (enum kind kind = 0; kind < KIND_POST; kind++)
        kinds_fire(k, kind);
    assert_int_equal(visit_from_a_thread(k, -EPERM), 0);
    assert_int_equal(pthread_create(&thread, NULL, close_it, &visit), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(visit.wrong, 0);
    assert_int_equal(run_ready(f), 5);
    ASSERT_TRACE(f, KIND_CALL, KIND_IO, KIND_SIGNAL, KIND_ASYNC, KIND_TIMER);
    assert_int_equal(gyre_loop_shutdown(f->loop, 0), 3); /* still counted: no unref came through */
    kinds_stop_all(k);
}

/* What begins with the question whose the loop is. The others look at the watcher first: its loop may be
 * gone. */
static void *visit_and_stop(void *arg)
{
    struct visit *visit = arg;
    struct kinds *k = visit->k;
    struct gyre_loop *loop = k->f->loop;

    for (int i = 0; i < 100 && visit->wrong == 0; i++)
        visit->wrong = count_wrong(loop_rows, ARRAY_LEN(loop_rows), k, loop, -EPERM) +
                       count_wrong(watcher_rows, ARRAY_LEN(watcher_rows), k, NULL, -EPERM) +
                       gyre_loop_is_alive(loop);
    gyre_loop_stop(loop);
    return NULL;
}

/* The same while the loop runs and everything changes. */
static void fire_again(struct kinds *k, enum kind kind)
{
    k->f->trace_count = 0;
    kinds_fire(k, kind);
}

static void other_thread_is_refused_while_the_loop_runs(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    struct visit visit = { .k = k, .expected = -EPERM };
    pthread_t thread;

    f->wait_limit = ULONG_MAX;
    k->inside = fire_again;
    for (enum kind kind = 0; kind < KIND_POST; kind++)
        kinds_fire(k, kind);
    assert_int_equal(pthread_create(&thread, NULL, visit_and_stop, &visit), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(visit.wrong, 0);
    k->inside = NULL;
    run_ready(f);
    kinds_stop_all(k);
}

static void *send_all(void *arg)
{
    struct visit *visit = arg;
    struct kinds *k = visit->k;

    visit->wrong = (gyre_async_send(&k->async) != visit->expected) +
                   (kinds_start(k, KIND_POST) != visit->expected) +
                   (kinds_start(k, KIND_REMOTE) != visit->expected) +
                   (kinds_init_one(k, KIND_POST, k->f->loop) != (visit->expected ? 0 : -EBUSY));
    return NULL;
}

static void other_thread_may_send(void **state)
{
    struct fixture *f = fixture_of(state);
    struct visit visit = { .k = kinds_init(f), .expected = 0 };
    pthread_t thread;

    assert_int_equal(kinds_start(visit.k, KIND_ASYNC), 0);
    assert_int_equal(pthread_create(&thread, NULL, send_all, &visit), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(visit.wrong, 0);
    assert_int_equal(run_ready(f), 3);
    ASSERT_TRACE(f, KIND_ASYNC, KIND_POST, KIND_REMOTE);
}

/* ------------------------------------------------------------------ a closed loop */

static void closed_loop_refuses_everything(void **state)
{
    struct fixture *f = fixture_of(state);
    struct visit visit = { .k = kinds_init(f), .expected = -ESHUTDOWN };
    pthread_t thread;

    for (enum kind kind = 0; kind < KIND_POST; kind++)
        assert_int_equal(kinds_start(visit.k, kind), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(all_wrong(visit.k, -ESHUTDOWN), 0);
    assert_int_equal(ask_and_stop_all(visit.k), 0);
    assert_int_equal(visit_from_a_thread(visit.k, -ESHUTDOWN), 0);
    (void)send_all(&visit);
    assert_int_equal(visit.wrong, 0);
    assert_int_equal(pthread_create(&thread, NULL, send_all, &visit), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(visit.wrong, 0);
    assert_int_equal(f->trace_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loop_must_be_given),
        TEST(function_must_be_given),
        TEST(watcher_must_be_given),
        TEST(watcher_to_init_must_be_given),
        TEST(no_watcher_is_not_started_and_cannot_be_stopped),
        TEST(zeroed_watcher_is_not_initialised),
        TEST(rubbish_is_not_an_initialised_watcher),
        TEST(copy_is_not_an_initialised_watcher),
        TEST(second_init_of_a_started_watcher_is_refused),
        TEST(second_start_is_refused_where_it_means_nothing),
        TEST(other_thread_is_refused_and_changes_nothing),
        TEST(other_thread_is_refused_while_the_loop_runs),
        TEST(other_thread_may_send),
        TEST(closed_loop_refuses_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
