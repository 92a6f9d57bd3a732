/* scraper: many operations, a few at a time, some of which fail, hang or have to be repeated.
 *
 *     scraper [--limit N] [--timeout MS] [--tries N] [--deadline MS] [--race] [PATH...]
 *
 * It fetches pages, at most N at a time. Each try may take --timeout; a page that is busy is tried
 * again, up to --tries times; after --deadline, or SIGINT, the whole is given up. Whatever happened,
 * the report has a line for each page, in order. With --race two mirrors are asked for each page, and
 * the first that has it wins.
 *
 * The network is pretended: the first part below is where your client for HTTP would be. The rest
 * would stay as it is.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre.h"

#define MIRRORS          2
#define NEVER            UINT32_MAX
#define BACKOFF          GYRE_MS(20)
#define MAX_LIMIT        1000u
#define MAX_MILLISECONDS 86400000u

struct scraper {
    struct gyre_loop *loop;
    unsigned limit, timeout_ms, tries, deadline_ms;
    bool race;
    size_t count;
    struct job *jobs;
    struct gyre_scope scope; /* all that is done for the pages */
    struct gyre_signal on_int;
};

struct job {
    struct scraper *scraper;
    const char *path;
    unsigned tries;
};

/* ------------------------------------------------------------------ a network */

/* What is not here is answered with 404. */
static const struct page {
    const char *path;
    unsigned ms[MIRRORS]; /* until each mirror answers */
    unsigned busy;        /* so many times the first of them answers 503 */
} site[] = {
    { .path = "/", .ms = { 20, 60 } },
    { .path = "/news", .ms = { 90, 30 } },
    { .path = "/about", .ms = { 40, NEVER } },
    { .path = "/shop", .ms = { 30, 40 }, .busy = 2 },
    { .path = "/stock", .ms = { 30, 40 }, .busy = 1000 },
    { .path = "/map", .ms = { NEVER, 50 } },
};

static const char *const all_paths[] = {
    "/", "/news", "/about", "/shop", "/stock", "/map", "/old"
};

static const struct page *find_page(const char *path)
{
    for (size_t i = 0; i < sizeof(site) / sizeof(site[0]); i++)
        if (strcmp(site[i].path, path) == 0)
            return &site[i];
    return NULL;
}

/* One request. It brings the result of a future, whose references are those of the consumers. */
struct request {
    struct gyre_future *future;
    const struct page *page;
    unsigned mirror, number;
    struct gyre_timer answer;
};

static void bring_text(const struct request *r)
{
    char *text = malloc(48);

    if (text)
        snprintf(text, 48, "%zu bytes from mirror %u", 100 * strlen(r->page->path), r->mirror + 1);
    if (text)
        gyre_future_resolve(r->future, text, free);
    else
        gyre_future_fail(r->future, -ENOMEM);
}

static void on_answer(struct gyre_timer *timer, void *arg)
{
    struct request *r = arg;

    (void)timer;
    if (!r->page)
        gyre_future_fail_with(r->future, -ENOENT, "404 not found", NULL, NULL);
    else if (r->mirror == 0 && r->number <= r->page->busy)
        gyre_future_fail_with(r->future, -EAGAIN, "503 busy", NULL, NULL);
    else
        bring_text(r);
    free(r);
}

/* Nobody wants the answer any more: forget the request, at once. */
static int cancel_request(struct gyre_future *f, void *op)
{
    struct request *r = op;

    (void)f;
    gyre_timer_stop(&r->answer);
    free(r);
    return 0;
}

static const struct gyre_future_ops request_ops = { .cancel = cancel_request, .drop = free };

/* The result is a string, or an error. */
static struct gyre_future *request_page(struct job *job, unsigned mirror)
{
    struct gyre_loop *loop = job->scraper->loop;
    struct gyre_future *f = gyre_future_create(loop);
    struct request *r;

    if (gyre_future_state(f) != GYRE_FUTURE_PENDING)
        return f; /* it is too late to begin anything */
    r = calloc(1, sizeof(*r));
    if (!r) {
        gyre_future_fail(f, -ENOMEM);
        return f;
    }
    r->future = f;
    r->page = find_page(job->path);
    r->mirror = mirror;
    r->number = job->tries;
    gyre_future_set_cancel(f, &request_ops, r);
    gyre_timer_init(&r->answer, loop, on_answer, r);
    if (!r->page || r->page->ms[mirror] != NEVER)
        gyre_timer_start(&r->answer, GYRE_MS(r->page ? r->page->ms[mirror] : 10));
    return f;
}

/* ------------------------------------------------------------------ the scraper */

/* One try: from one mirror, or the first of all that has it; the others are cancelled then. */
static struct gyre_future *fetch(struct job *job)
{
    struct gyre_future *requests[MIRRORS];

    if (!job->scraper->race)
        return request_page(job, 0);
    for (unsigned i = 0; i < MIRRORS; i++)
        requests[i] = request_page(job, i);
    return gyre_race(job->scraper->loop, MIRRORS, requests);
}

static struct gyre_future *try_page(struct job *job);

static struct gyre_future *try_again(struct gyre_future *slept, void *arg)
{
    (void)slept;
    return try_page(arg);
}

/* What follows on a try depends on how it went. */
static struct gyre_future *after_try(struct gyre_future *tried, void *arg)
{
    struct job *job = arg;
    struct gyre_loop *loop = job->scraper->loop;

    if (gyre_future_error(tried) != -EAGAIN || job->tries == job->scraper->tries)
        return tried;
    return gyre_then_start(gyre_sleep(loop, BACKOFF * job->tries), try_again, job);
}

static struct gyre_future *try_page(struct job *job)
{
    job->tries++;
    return gyre_after(gyre_within(fetch(job), GYRE_MS(job->scraper->timeout_ms)), after_try, job);
}

static struct gyre_future *start_page(size_t index, void *arg)
{
    struct scraper *s = arg;

    printf("%zu of %zu %s\n", index + 1, s->count, s->jobs[index].path);
    return try_page(&s->jobs[index]);
}

/* Returns whether the page is here. */
static bool report_page(const struct job *job, struct gyre_future *page)
{
    const char *path = job->path;

    if (!page) {
        printf("%-10s not started\n", path);
        return false;
    }
    switch (gyre_future_state(page)) {
    case GYRE_FUTURE_OK:
        printf("%-10s %s, try %u\n", path, (const char *)gyre_future_peek(page), job->tries);
        return true;
    case GYRE_FUTURE_ERR:
        printf("%-10s FAILED: %s, try %u\n", path, gyre_future_message(page), job->tries);
        return false;
    case GYRE_FUTURE_CANCELLED:
    case GYRE_FUTURE_PENDING:
        printf("%-10s given up, try %u\n", path, job->tries);
        return false;
    }
    return false;
}

/* Partial failure is the usual outcome, so look at each, whatever became of the whole. */
static size_t report(const struct scraper *s, struct gyre_future *pages)
{
    size_t fetched = 0;

    for (size_t i = 0; i < s->count; i++)
        fetched += report_page(&s->jobs[i], gyre_future_at(pages, i));
    if (gyre_future_state(pages) == GYRE_FUTURE_CANCELLED)
        puts(gyre_future_reason(pages) == GYRE_REASON_TIMEOUT ? "out of time" : "interrupted");
    printf("%zu of %zu pages\n", fetched, s->count);
    return fetched;
}

static void on_interrupt(struct gyre_signal *sig, unsigned count, void *arg)
{
    struct scraper *s = arg;

    (void)sig;
    (void)count;
    gyre_scope_cancel(&s->scope);
}

/* Returns whether every page is here, or a negative error. */
static int scrape(struct scraper *s)
{
    struct gyre_future *pages;
    uint64_t begin = gyre_loop_clock(s->loop);
    size_t fetched;
    int err;

    gyre_signal_init(&s->on_int, s->loop, on_interrupt, s);
    if ((err = gyre_signal_start(&s->on_int, SIGINT)) < 0 ||
        (err = gyre_scope_init(&s->scope, s->loop, NULL)) < 0)
        return err;
    gyre_scope_set_deadline(&s->scope, gyre_time_add(begin, GYRE_MS(s->deadline_ms)));

    gyre_scope_enter(&s->scope);
    pages = gyre_map_limit(s->loop, GYRE_MAP_SETTLED, s->count, s->limit, start_page, s);
    gyre_scope_leave(&s->scope);

    err = gyre_loop_run_until(s->loop, pages);
    if (err >= 0 && gyre_future_state(pages) == GYRE_FUTURE_ERR)
        err = gyre_future_error(pages); /* there was no memory even to begin */
    fetched = err < 0 ? 0 : report(s, pages);
    gyre_future_unref(pages);
    gyre_scope_fini(&s->scope);
    return err < 0 ? err : fetched == s->count;
}

/* ------------------------------------------------------------------ the program */

static int run(struct scraper *s, char **paths, size_t count)
{
    int err;

    s->count = count > 0 ? count : sizeof(all_paths) / sizeof(all_paths[0]);
    s->jobs = calloc(s->count, sizeof(*s->jobs));
    err = s->jobs ? gyre_loop_create(NULL, &s->loop) : -ENOMEM;
    if (err == 0) {
        for (size_t i = 0; i < s->count; i++)
            s->jobs[i] = (struct job){ .scraper = s, .path = count > 0 ? paths[i] : all_paths[i] };
        err = scrape(s);
        gyre_loop_destroy(s->loop);
    }
    free(s->jobs);
    return err;
}

static bool parse_number(const char *text, unsigned max, unsigned *out)
{
    char *end;
    unsigned long n = text ? strtoul(text, &end, 10) : 0;

    if (n == 0 || n > max || *end || *text < '0' || *text > '9')
        return false;
    *out = (unsigned)n;
    return true;
}

/* Returns how many arguments were options, or -1. */
static int parse_options(struct scraper *s, int argc, char **argv)
{
    int i = 1;

    while (i < argc && strncmp(argv[i], "--", 2) == 0) {
        const char *name = argv[i++], *value = argv[i];
        bool ok = false;

        if (strcmp(name, "--race") == 0)
            ok = s->race = true;
        else if (strcmp(name, "--limit") == 0)
            ok = parse_number(value, MAX_LIMIT, &s->limit);
        else if (strcmp(name, "--tries") == 0)
            ok = parse_number(value, MAX_LIMIT, &s->tries);
        else if (strcmp(name, "--timeout") == 0)
            ok = parse_number(value, MAX_MILLISECONDS, &s->timeout_ms);
        else if (strcmp(name, "--deadline") == 0)
            ok = parse_number(value, MAX_MILLISECONDS, &s->deadline_ms);
        if (!ok)
            return -1;
        i += strcmp(name, "--race") != 0;
    }
    return i;
}

int main(int argc, char **argv)
{
    struct scraper s = { .limit = 3, .tries = 3, .timeout_ms = 500, .deadline_ms = 10000 };
    int options = parse_options(&s, argc, argv);
    int result;

    if (options < 0) {
        fprintf(stderr,
                "usage: %s [--limit N] [--timeout MS] [--tries N] [--deadline MS] [--race] "
                "[PATH...]\n",
                argv[0]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    result = run(&s, argv + options, (size_t)(argc - options));
    if (result < 0)
        fprintf(stderr, "scraper: %s\n", gyre_strerror(result));
    return result > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
