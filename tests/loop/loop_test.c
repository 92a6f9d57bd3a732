/* A loop: how it is made, and what it tells about itself.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "base/util.h"
#include "support/fault.h"
#include "support/kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <pthread.h>
#include <sys/prctl.h>
#endif

/* K9: what users embed has a size that may not grow unnoticed. */
_Static_assert(sizeof(struct gyre_call) <= 96, "gyre_call");
_Static_assert(sizeof(struct gyre_timer) <= 96, "gyre_timer");
_Static_assert(sizeof(struct gyre_io) <= 96, "gyre_io");
_Static_assert(sizeof(struct gyre_signal) <= 96, "gyre_signal");
_Static_assert(sizeof(struct gyre_async) <= 96, "gyre_async");
_Static_assert(sizeof(struct gyre_post) <= 96, "gyre_post");

/* K9: values that are compiled into programs. */
_Static_assert(GYRE_READ == 1 && GYRE_WRITE == 2 && GYRE_HANGUP == 4, "enum gyre_events");
_Static_assert(GYRE_ERROR == 8 && GYRE_GONE == 16, "enum gyre_events");
_Static_assert(GYRE_RUN_DONE == 0 && GYRE_RUN_STOPPED == 1, "enum gyre_run");
_Static_assert(GYRE_EUNINIT == -20001 && GYRE_EPOLLER == -20002, "enum gyre_error");

/* ------------------------------------------------------------------ making one */

static void assert_create_fails(const struct gyre_loop_options *opt, int err)
{
    struct gyre_loop *marker = (struct gyre_loop *)(void *)&marker;
    struct gyre_loop *loop = marker;
    size_t bytes = live_bytes();
    int fds = count_fds();

    assert_int_equal(gyre_loop_create(opt, &loop), err);
    assert_ptr_equal(loop, marker);
    assert_true(live_bytes() == bytes);
    assert_int_equal(count_fds(), fds);
}

static void assert_create_works(const struct gyre_loop_options *opt)
{
    struct gyre_loop *loop = NULL;

    assert_int_equal(gyre_loop_create(opt, &loop), 0);
    assert_non_null(loop);
    assert_int_equal(gyre_loop_run(loop), GYRE_RUN_DONE);
    assert_int_equal(gyre_loop_destroy(loop), 0);
}

static void options_may_be_missing(void **state)
{
    (void)state;
    assert_create_works(NULL);
}

static void place_for_the_loop_must_be_given(void **state)
{
    (void)state;
    assert_int_equal(gyre_loop_create(NULL, NULL), -EINVAL);
    assert_int_equal(gyre_test_loop_create(NULL, NULL), -EINVAL);
}

static void size_of_options_must_be_set(void **state)
{
    struct gyre_loop_options opt = test_options();

    (void)state;
    opt.size = 0;
    assert_create_fails(&opt, -EINVAL);
    opt.size = sizeof(opt.size) - 1;
    assert_create_fails(&opt, -EINVAL);
}

/* K9: a program compiled with headers that know fewer members than the library. */
static void members_beyond_an_older_size_keep_their_defaults(void **state)
{
    struct gyre_loop_options opt = { .poller = "no such poller", .fd_capacity = UINT_MAX };

    (void)state;
    opt.size = offsetof(struct gyre_loop_options, poller);
    assert_create_works(&opt);
    opt.size = offsetof(struct gyre_loop_options, allocator);
    assert_create_fails(&opt, GYRE_EPOLLER);
}

/* K9: a program compiled with headers that know more members than the library. */
static void newer_options_must_not_ask_for_what_is_unknown(void **state)
{
    struct {
        struct gyre_loop_options known;
        unsigned char more[64];
    } opt = { .known = test_options() };

    (void)state;
    opt.known.size = sizeof(opt);
    assert_create_works(&opt.known);
    for (size_t i = 0; i < sizeof(opt.more); i++) {
        opt.more[i] = 1;
        assert_create_fails(&opt.known, -EINVAL);
        opt.more[i] = 0;
    }
}

static void unknown_poller_is_refused(void **state)
{
    struct gyre_loop_options opt = test_options();

    (void)state;
    opt.poller = "no such poller";
    assert_create_fails(&opt, GYRE_EPOLLER);
    opt.poller = "";
    assert_create_works(&opt);
}

static void option_is_stronger_than_the_environment(void **state)
{
    struct gyre_loop_options opt = test_options();
    const char *given = getenv("GYRE_POLLER");
    char *saved = given ? strdup(given) : NULL;

    (void)state;
    opt.poller = "poll";
    setenv("GYRE_POLLER", "no such poller", 1);
    assert_create_works(&opt);
    opt.poller = NULL;
    assert_create_fails(&opt, GYRE_EPOLLER);
    setenv("GYRE_POLLER", "", 1);
    assert_create_works(&opt);
    unsetenv("GYRE_POLLER");
    assert_create_works(&opt);
    if (saved)
        setenv("GYRE_POLLER", saved, 1);
    free(saved);
}

static void allocator_must_be_complete(void **state)
{
    struct gyre_allocator broken[3] = { test_allocator, test_allocator, test_allocator };
    struct gyre_loop_options opt = test_options();

    (void)state;
    broken[0].alloc = NULL;
    broken[1].realloc = NULL;
    broken[2].free = NULL;
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        opt.allocator = &broken[i];
        assert_create_fails(&opt, -EINVAL);
    }
}

static void allocator_is_copied(void **state)
{
    struct gyre_allocator mine = test_allocator;
    struct gyre_loop_options opt = test_options();
    struct gyre_loop *loop;
    size_t before = live_bytes();

    (void)state;
    opt.allocator = &mine;
    assert_int_equal(gyre_loop_create(&opt, &loop), 0);
    memset(&mine, 0, sizeof(mine));
    assert_true(live_bytes() > before);
    assert_int_equal(gyre_loop_destroy(loop), 0);
    assert_true(live_bytes() == before);
}

static void *count_alloc(void *ctx, size_t size)
{
    ++*(int *)ctx;
    return malloc(size);
}

static void *count_realloc(void *ctx, void *block, size_t old, size_t size)
{
    (void)ctx;
    (void)old;
    return realloc(block, size);
}

static void count_free(void *ctx, void *block, size_t size)
{
    (void)size;
    *(int *)ctx -= block != NULL;
    free(block);
}

static void allocator_gets_its_context(void **state)
{
    int blocks = 0;
    struct gyre_allocator mine = { count_alloc, count_realloc, count_free, &blocks };
    struct gyre_loop_options opt = test_options();
    struct gyre_loop *loop;

    (void)state;
    opt.allocator = &mine;
    opt.fd_capacity = 1000;
    assert_int_equal(gyre_loop_create(&opt, &loop), 0);
    assert_true(blocks > 1);
    assert_int_equal(gyre_loop_destroy(loop), 0);
    assert_int_equal(blocks, 0);
}

static void ignore_io(struct gyre_io *io, unsigned events, void *arg)
{
    (void)io;
    (void)events;
    (void)arg;
}

/* K1 */
static void reserved_descriptors_need_no_memory(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct gyre_io io[40];
    struct gyre_loop_options opt = test_options();
    int fds[2];

    opt.fd_capacity = 512;
    assert_int_equal(gyre_loop_create(&opt, &f->loop), 0);
    make_pipe(f, fds);
    fail_allocation(1, true);
    for (int i = 0; i < 40; i++) {
        int fd = own_fd(f, fcntl(fds[0], F_DUPFD_CLOEXEC, i * 12));

        io[i] = (struct gyre_io){ 0 };
        assert_int_equal(gyre_io_init(&io[i], f->loop, ignore_io, NULL), 0);
        assert_int_equal(gyre_io_start(&io[i], fd, GYRE_READ), 0);
    }
    disarm_faults();
}

static void absurd_capacity_is_refused(void **state)
{
    struct gyre_loop_options opt = test_options();

    (void)state;
    opt.fd_capacity = (unsigned)INT_MAX + 1;
    assert_create_fails(&opt, -EINVAL);
    opt.fd_capacity = INT_MAX;
    fail_allocation(100, true);
    assert_create_fails(&opt, -ENOMEM);
    disarm_faults();
}

/* F9, D8 */
static void own_descriptors_are_few_and_not_inherited(void **state)
{
    struct fixture *f = fixture_of(state);
    bool was_open[64];
    int made = 0;

    for (int fd = 0; fd < 64; fd++)
        was_open[fd] = fcntl(fd, F_GETFD) >= 0;
    f->loop = make_loop();
    for (int fd = 0; fd < 64; fd++) {
        int flags = fcntl(fd, F_GETFD);

        if (flags < 0 || was_open[fd])
            continue;
        assert_true(flags & FD_CLOEXEC);
        made++;
    }
    assert_in_range(made, 1, 3);
}

static void loop_is_as_small_as_promised(void **state)
{
    struct fixture *f = fixture_of(state);
    size_t before = live_bytes();

    f->loop = make_loop();
    assert_in_range(live_bytes() - before, 1000, 32 * 1024);
}

#ifdef __linux__
struct slack {
    struct gyre_loop *loop; /* to adopt; NULL: create one */
    int err;
    int seen;
};

static void *take_slack(void *arg)
{
    struct gyre_loop_options opt = test_options();
    struct slack *slack = arg;

    opt.timer_slack = 123456;
    if (slack->loop)
        slack->err = gyre_loop_adopt(slack->loop);
    else
        slack->err = gyre_loop_create(&opt, &slack->loop);
    slack->seen = prctl(PR_GET_TIMERSLACK);
    return NULL;
}

static void in_another_thread(void *(*fn)(void *), void *arg)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void timer_slack_is_that_of_the_loops_thread(void **state)
{
    struct slack slack = { .loop = NULL };
    int before = prctl(PR_GET_TIMERSLACK);

    (void)state;
    for (int i = 0; i < 2; i++) {
        in_another_thread(take_slack, &slack);
        assert_int_equal(slack.err, 0);
        assert_int_equal(slack.seen, 123456);
    }
    assert_int_equal(prctl(PR_GET_TIMERSLACK), before);
    assert_int_equal(gyre_loop_adopt(slack.loop), 0);
    assert_int_equal(prctl(PR_GET_TIMERSLACK), 123456);
    assert_int_equal(prctl(PR_SET_TIMERSLACK, (unsigned long)before), 0);
    assert_int_equal(gyre_loop_destroy(slack.loop), 0);
}
#endif

static void refused_timer_slack_is_no_failure(void **state)
{
    struct gyre_loop_options opt = test_options();

    (void)state;
    opt.timer_slack = 1000;
    fail_call(SYS_TIMER_SLACK, 1, EPERM, false);
    assert_create_works(&opt);
    assert_true(fault_fired());
}

static void timer_slack_is_left_alone_by_default(void **state)
{
    (void)state;
    assert_create_works(NULL);
    assert_int_equal(sys_calls(SYS_TIMER_SLACK), 0);
}

/* ------------------------------------------------------------------ questions */

static void poller_is_the_one_asked_for(void **state)
{
    struct fixture *f = fixture_of(state);
    const char *name = getenv("GYRE_POLLER");

    assert_string_equal(gyre_loop_poller(f->loop), name ? name : "epoll");
    assert_string_equal(gyre_loop_poller(NULL), "none");
}

static void questions_about_no_loop_have_answers(void **state)
{
    (void)state;
    assert_true(gyre_loop_now(NULL) == 0);
    assert_true(gyre_loop_clock(NULL) == 0);
    assert_false(gyre_loop_is_alive(NULL));
    assert_int_equal(gyre_loop_destroy(NULL), 0);
    gyre_loop_stop(NULL);
}

static void wait_for_the_clock(struct kinds *k, enum kind kind)
{
    uint64_t now = gyre_loop_now(k->f->loop);
    uint64_t clock = gyre_loop_clock(k->f->loop);

    (void)kind;
    assert_true(clock >= now);
    while (gyre_loop_clock(k->f->loop) == clock)
        ;
    assert_true(gyre_loop_now(k->f->loop) == now);
    k->err = 1;
}

static void now_stands_still_in_a_callback_and_the_clock_does_not(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    uint64_t before = gyre_loop_now(f->loop);

    k->inside = wait_for_the_clock;
    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(k->err, 1);
    assert_true(gyre_loop_now(f->loop) >= before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define BARE(name) cmocka_unit_test_setup_teardown(name, setup_bare, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BARE(options_may_be_missing),
        BARE(place_for_the_loop_must_be_given),
        BARE(size_of_options_must_be_set),
        BARE(members_beyond_an_older_size_keep_their_defaults),
        BARE(newer_options_must_not_ask_for_what_is_unknown),
        BARE(unknown_poller_is_refused),
        BARE(option_is_stronger_than_the_environment),
        BARE(allocator_must_be_complete),
        BARE(allocator_is_copied),
        BARE(allocator_gets_its_context),
        BARE(reserved_descriptors_need_no_memory),
        BARE(absurd_capacity_is_refused),
        BARE(own_descriptors_are_few_and_not_inherited),
        BARE(loop_is_as_small_as_promised),
#ifdef __linux__
        BARE(timer_slack_is_that_of_the_loops_thread),
#endif
        BARE(refused_timer_slack_is_no_failure),
        BARE(timer_slack_is_left_alone_by_default),
        TEST(poller_is_the_one_asked_for),
        BARE(questions_about_no_loop_have_answers),
        TEST(now_stands_still_in_a_callback_and_the_clock_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
