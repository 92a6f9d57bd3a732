/* What a stranger would write first: a timer, a pipe and a call, in strict C99. Prints what ran, in
 * the order it ran.
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <gyre.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void on_soon(void *arg)
{
    printf("soon: %s\n", (const char *)arg);
}

static void on_read(struct gyre_io *io, unsigned events, void *arg)
{
    char text[16] = { 0 };
    ssize_t n = read(gyre_io_fd(io), text, sizeof(text) - 1);

    (void)arg;
    printf("io: %s%s\n",
           events == GYRE_READ ? "" : "with other events: ", n > 0 ? text : "nothing");
    gyre_io_stop(io);
}

static void on_timer(struct gyre_timer *timer, void *arg)
{
    int *fd = (int *)arg;

    (void)timer;
    puts("timer: writes");
    if (write(*fd, "hello", 5) != 5)
        perror("write");
}

/* Whether the library that is linked is the one whose headers were compiled. */
static bool is_same_version(void)
{
    char text[32];

    snprintf(text, sizeof(text), "%d.%d.%d", GYRE_VERSION_MAJOR, GYRE_VERSION_MINOR,
             GYRE_VERSION_PATCH);
    return strcmp(text, gyre_version()) == 0;
}

int main(void)
{
    struct gyre_loop *loop;
    struct gyre_timer timer = { 0 };
    struct gyre_io io = { 0 };
    int fds[2];

    if (!is_same_version() || pipe(fds) < 0 || gyre_loop_create(NULL, &loop) < 0)
        return 1;
    if (gyre_io_init(&io, loop, on_read, NULL) < 0 || gyre_io_start(&io, fds[0], GYRE_READ) < 0)
        return 2;
    if (gyre_timer_init(&timer, loop, on_timer, &fds[1]) < 0 ||
        gyre_timer_start(&timer, GYRE_MS(5)) < 0)
        return 3;
    if (gyre_call_soon(loop, on_soon, "first") < 0)
        return 4;
    puts("main: runs the loop");
    if (gyre_loop_run(loop) != GYRE_RUN_DONE)
        return 5;
    puts(gyre_errname(gyre_loop_destroy(loop)));
    return 0;
}
