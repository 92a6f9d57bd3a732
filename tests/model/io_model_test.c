/* Random programs of descriptor watchers against the model of io_model.h: start, stop, change, also
 * of several watchers of one descriptor; bytes that come and go; files that are closed, their
 * numbers used again at once; and all of it inside callbacks.
 *
 * Each callback must come when it is due, with the right events, behind those of its descriptor
 * that were started before. Where the poller is epoll, the set in the kernel must hold exactly the
 * model's.
 *
 * SPDX-License-Identifier: MIT */
#include "model/io_model.h"

#include "support/fault.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

enum {
    STEPS_PER_LOOP = 300,
    FUEL = 30, /* operations in callbacks per tick */
};

static struct fixture *fixture;
static struct gyre_loop *loop;
static struct random rnd;
static uint64_t next_seq;
static int fuel;
static int fired;         /* in this tick */
static bool reports_some; /* the poller reports a few events at a time */

/* ------------------------------------------------------------------ comparison */

static void compare_watcher(const struct model_io *w)
{
    bool is_started = w->end >= 0;

    assert_int_equal(gyre_io_is_started(w->io), is_started);
    assert_int_equal(gyre_io_fd(w->io), is_started ? ends[w->end].fd : -1);
    assert_int_equal(gyre_io_events(w->io), is_started ? w->wanted : 0);
}

static void compare(void)
{
    assert_int_equal(loop->live, count_live());
    assert_int_equal(gyre_loop_is_alive(loop), count_live() > 0);
    for (int i = 0; i < WATCHERS; i++)
        compare_watcher(&watchers[i]);
}

/* ------------------------------------------------------------------ watchers */

static void io_ran(struct gyre_io *io, unsigned events, void *arg);

static void make_watcher(struct model_io *w)
{
    w->io = calloc(1, sizeof(*w->io));
    assert_non_null(w->io);
    assert_int_equal(gyre_io_init(w->io, loop, io_ran, w), 0);
    w->unref = false;
    w->end = -1;
}

static void stop(struct model_io *w)
{
    assert_int_equal(gyre_io_stop(w->io), w->end >= 0);
    w->end = -1;
    w->due = 0;
    w->starved = 0;
}

static void remake(struct model_io *w)
{
    stop(w);
    memset(w->io, 0xDD, sizeof(*w->io));
    free(w->io);
    make_watcher(w);
}

static void init_again(struct model_io *w)
{
    int err = gyre_io_init(w->io, loop, io_ran, w);

    assert_int_equal(err, w->end >= 0 ? -EBUSY : 0);
    if (err == 0)
        w->unref = false;
}

/* What was collected and is no longer asked for is forgotten; a hint alone is no news. */
static void model_change(struct model_io *w, unsigned events)
{
    if ((w->wanted ^ events) & GYRE_READ)
        w->seq = next_seq++;
    w->wanted = events;
    w->due = w->due & events ? w->due & (events | GYRE_HANGUP) : 0;
}

static void start(struct model_io *w)
{
    int end = w->end >= 0 ? w->end : random_index(&rnd, ENDS);
    unsigned events = 1 + (unsigned)random_below(&rnd, 3);

    if (ends[end].fd < 0)
        return;
    assert_int_equal(gyre_io_start(w->io, ends[end].fd, events), 0);
    if (w->end >= 0) {
        model_change(w, events);
        return;
    }
    w->end = end;
    w->wanted = events;
    w->seq = next_seq++;
    w->due = 0;
}

static void start_wrongly(struct model_io *w)
{
    int end = random_index(&rnd, ENDS);

    if (ends[end].fd < 0)
        return;
    assert_int_equal(gyre_io_start(w->io, -1, GYRE_READ), -EBADF);
    assert_int_equal(gyre_io_start(w->io, ends[end].fd, 0), -EINVAL);
    assert_int_equal(gyre_io_start(w->io, ends[end].fd, GYRE_READ | GYRE_HANGUP), -EINVAL);
    if (w->end >= 0 && w->end != end)
        assert_int_equal(gyre_io_start(w->io, ends[end].fd, GYRE_READ), -EBUSY);
}

static void change_ref(struct model_io *w)
{
    w->unref = random_chance(&rnd, 50);
    (w->unref ? gyre_io_unref : gyre_io_ref)(w->io);
}

/* ------------------------------------------------------------------ descriptors */

static void open_pair(int pair)
{
    int fds[2];

    make_pair(fixture, fds);
    for (int i = 0; i < 2; i++)
        ends[2 * pair + i] = (struct model_end){ .fd = fds[i] };
}

/* As it should be done: all its watchers are stopped first. Its unread bytes are read, for else
 * its peer would have an error to tell. */
static void close_end(int end)
{
    if (ends[end].fd < 0)
        return;
    for (int i = 0; i < WATCHERS; i++)
        if (watchers[i].end == end)
            stop(&watchers[i]);
    drain(ends[end].fd);
    ends[end].filling = EMPTY;
    close_fd(fixture, &ends[end].fd);
    ends[end ^ 1].hung_up = true;
}

static void fill(int end)
{
    static const char bytes[4096];

    if (ends[end].fd < 0 || ends[end].hung_up)
        return;
    while (write(ends[end].fd, bytes, sizeof(bytes)) > 0)
        continue;
    ends[end ^ 1].filling = FULL;
}

static void send_byte(int end)
{
    if (ends[end].fd < 0 || ends[end].hung_up || ends[end ^ 1].filling != EMPTY)
        return;
    put(ends[end].fd, "x");
    ends[end ^ 1].filling = SOME;
}

static void read_all(int end)
{
    if (ends[end].fd < 0)
        return;
    assert_int_equal(drain(ends[end].fd) > 0, ends[end].filling != EMPTY);
    ends[end].filling = EMPTY;
}

/* The numbers are free at once, and mostly used again at once: of one pair, or of two that swap
 * them. */
static void replace_pairs(void)
{
    int first = random_index(&rnd, ENDS / 2);
    int second = random_chance(&rnd, 50) ? first : random_index(&rnd, ENDS / 2);

    for (int i = 0; i < 2; i++) {
        close_end(2 * first + i);
        close_end(2 * second + i);
    }
    open_pair(second);
    if (first != second)
        open_pair(first);
}

/* ------------------------------------------------------------------ operations */

static void random_change_of_files(void)
{
    int end = random_index(&rnd, ENDS);
    uint64_t dice = random_below(&rnd, 100);

    if (dice < 40)
        send_byte(end);
    else if (dice < 65)
        read_all(end);
    else if (dice < 75)
        fill(end);
    else if (dice < 85)
        close_end(end);
    else
        replace_pairs();
}

static void random_operation(void)
{
    struct model_io *w = &watchers[random_index(&rnd, WATCHERS)];
    uint64_t dice = random_below(&rnd, 100);

    if (dice < 40)
        start(w);
    else if (dice < 52)
        stop(w);
    else if (dice < 57)
        remake(w);
    else if (dice < 60)
        init_again(w);
    else if (dice < 63)
        start_wrongly(w);
    else if (dice < 68)
        change_ref(w);
    else
        random_change_of_files();
    compare();
}

static void io_ran(struct gyre_io *io, unsigned events, void *arg)
{
    struct model_io *w = arg;

    assert_ptr_equal(io, w->io);
    assert_int_equal(events, w->due);
    assert_false(is_overtaking(w));
    w->due = 0;
    w->starved = 0;
    fired++;
    while (fuel > 0 && random_chance(&rnd, 60)) {
        fuel--;
        random_operation();
    }
}

/* ------------------------------------------------------------------ ticks */

/* All have been told, or they are told soon. */
static void check_none_left(void)
{
    for (int i = 0; i < WATCHERS; i++) {
        if (watchers[i].due == 0)
            continue;
        assert_true(reports_some);
        assert_in_range(++watchers[i].starved, 0, STARVED);
        watchers[i].due = 0;
    }
}

static void tick(int operations)
{
    fuel = operations;
    fired = 0;
    model_collect();
    int ran = gyre_loop_run_once(loop, 0);
    assert_int_equal(ran, fired);
    check_none_left();
    compare();
}

/* The second tick has told the kernel what the callbacks of the first have changed. */
static void tick_and_compare_sets(void)
{
    tick(FUEL);
    tick(0);
    if (poller_is(fixture, "epoll") || poller_is(fixture, "epoll_wait")) {
        compare_with_epoll_set(loop);
        assert_int_equal(loop->ghosts, 0);
    }
}

/* ------------------------------------------------------------------ a game */

static void begin_loop(void)
{
    assert_int_equal(gyre_loop_destroy(fixture->loop), 0);
    fixture->loop = NULL;
    fixture->loop = make_loop();
    loop = fixture->loop;
    reports_some = poller_is(fixture, "script");
    for (int i = 0; i < ENDS / 2; i++)
        open_pair(i);
    for (int i = 0; i < WATCHERS; i++) {
        watchers[i] = (struct model_io){ .id = i };
        make_watcher(&watchers[i]);
    }
}

/* Whatever is still started is stopped by close, and may be freed before the loop is. */
static void end_loop(void)
{
    if (random_chance(&rnd, 50))
        assert_int_equal(gyre_loop_close(loop), 0);
    else
        for (int i = 0; i < WATCHERS; i++)
            stop(&watchers[i]);
    for (int i = 0; i < WATCHERS; i++) {
        assert_false(gyre_io_is_started(watchers[i].io));
        free(watchers[i].io);
    }
    for (int i = 0; i < ENDS; i++)
        if (ends[i].fd >= 0)
            close_fd(fixture, &ends[i].fd);
}

static void play(struct fixture *f, uint64_t seed, uint64_t steps)
{
    fixture = f;
    f->wait_limit = ULONG_MAX; /* every step asks the kernel */
    rnd = (struct random){ .state = seed };
    for (uint64_t step = 0; step < steps; step++) {
        if (step % STEPS_PER_LOOP == 0)
            begin_loop();
        if (random_chance(&rnd, 70))
            random_operation();
        else
            tick_and_compare_sets();
        if ((step + 1) % STEPS_PER_LOOP == 0 || step + 1 == steps)
            end_loop();
    }
}

/* A1, A7, A9, A10, A11, B1, B2 */
static void watchers_agree_with_the_model_for_fixed_seeds(void **state)
{
    play_fixed_seeds(state, play, 3000);
}

static void watchers_agree_with_the_model_for_a_new_seed(void **state)
{
    play_new_seed(state, play, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(watchers_agree_with_the_model_for_fixed_seeds, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(watchers_agree_with_the_model_for_a_new_seed, setup,
                                        teardown),
    };

    return cmocka_run_group_tests_name("io_model", tests, NULL, NULL);
}
