/* resolver: looks up a list of names, eight at a time.
 *
 *     resolver [-t MILLISECONDS] NAME...
 *
 * Prints the addresses of each name, in the order of the list, and how many were found. None may
 * take longer than 5 seconds, or what you say; the status is 0 if all were found.
 *
 * Names are looked up by threads of the loop's own, while the loop itself never blocks. What is
 * written as a number, 127.0.0.1 or ::1, needs no thread: its future is settled at once.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre.h"

#define AT_A_TIME     8
#define DEFAULT_LIMIT GYRE_S(5)

struct program {
    struct gyre_loop *loop;
    char **names;
    size_t count;
    uint64_t limit;
};

/* gyre_map_limit calls this for each name in turn, as soon as fewer than eight are under way. The
 * lookup belongs to the limit around it, and that to whom we return it to. */
static struct gyre_future *look_up(size_t index, void *arg)
{
    struct program *p = arg;

    return gyre_within(gyre_resolve(p->loop, NULL, p->names[index], NULL), p->limit);
}

/* With GYRE_RESOLVE_NUMERIC nobody is asked: there is nothing to wait for. */
static void print_address(struct program *p, const struct gyre_address *address)
{
    const struct sockaddr *sockaddr = (const struct sockaddr *)&address->storage;
    struct gyre_future *f =
        gyre_resolve_address(p->loop, NULL, sockaddr, address->size, GYRE_RESOLVE_NUMERIC);
    const struct gyre_name *name = gyre_future_peek(f);

    printf(" %s", name ? name->host : gyre_future_message(f));
    gyre_future_unref(f);
}

/* Returns how many names this is of those that were found. */
static int print_result(struct program *p, size_t index, struct gyre_future *f)
{
    const struct gyre_addresses *found = gyre_future_peek(f);

    printf("%s:", p->names[index]);
    if (!found)
        printf(" %s", gyre_future_message(f));
    for (size_t i = 0; found && i < found->count; i++)
        print_address(p, &found->item[i]);
    putchar('\n');
    return found != NULL;
}

static int run(struct program *p, size_t *found)
{
    struct gyre_future *all =
        gyre_map_limit(p->loop, GYRE_MAP_SETTLED, p->count, AT_A_TIME, look_up, p);
    int err = gyre_loop_run_until(p->loop, all);

    if (err >= 0)
        err = gyre_future_error(all);
    if (err == 0)
        for (size_t i = 0; i < p->count; i++)
            *found += (size_t)print_result(p, i, gyre_future_at(all, i));
    gyre_future_unref(all);
    return err;
}

static int read_arguments(struct program *p, int argc, char **argv)
{
    int next = 1;

    p->limit = DEFAULT_LIMIT;
    if (argc > 2 && strcmp(argv[1], "-t") == 0) {
        char *end;
        unsigned long ms = strtoul(argv[2], &end, 10);

        if (argv[2][0] < '0' || argv[2][0] > '9' || *end != '\0' || ms > 3600000)
            return -EINVAL;
        p->limit = GYRE_MS(ms);
        next = 3;
    }
    p->names = argv + next;
    p->count = (size_t)(argc - next);
    return p->count > 0 && p->names[0][0] != '-' ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
    struct program p = { 0 };
    size_t found = 0;

    if (read_arguments(&p, argc, argv) < 0) {
        fprintf(stderr, "usage: %s [-t MILLISECONDS, up to 3600000] NAME...\n", argv[0]);
        return 2;
    }
    int err = gyre_loop_create(NULL, &p.loop);
    if (err == 0)
        err = run(&p, &found);

    /* A lookup that was too slow may still run. It is not waited for. */
    gyre_loop_destroy(p.loop);
    if (err < 0) {
        fprintf(stderr, "resolver: %s\n", gyre_strerror(err));
        return EXIT_FAILURE;
    }
    printf("%zu of %zu found\n", found, p.count);
    return found == p.count ? EXIT_SUCCESS : EXIT_FAILURE;
}
