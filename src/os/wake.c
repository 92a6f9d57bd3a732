/* Waking a poller.
 *
 * An eventfd takes and gives 8 bytes; a pipe takes them just as well.
 *
 * SPDX-License-Identifier: MIT */
#include "os/wake.h"
#include "os/sys.h"

#include <errno.h>
#include <stdint.h>

int wake_open(struct wake *w)
{
    int fds[2];

    if (sys->wake_pair(fds) < 0)
        return -errno;
    w->read_fd = fds[0];
    w->write_fd = fds[1];

    /* A sandbox that lets us open but not write would make every post hang: find out now. */
    int err = wake_send(w);
    if (err == 0)
        err = wake_clear(w);
    if (err < 0)
        wake_close(w);
    return err;
}

void wake_close(struct wake *w)
{
    if (w->write_fd != w->read_fd)
        (void)sys->close(w->write_fd);
    (void)sys->close(w->read_fd);
}

static int send_once(const struct wake *w)
{
    static const uint64_t one = 1;

    for (;;) {
        if (sys->write(w->write_fd, &one, sizeof(one)) >= 0)
            return 0;
        if (errno != EINTR)
            return -errno;
    }
}

int wake_send(const struct wake *w)
{
    int err = send_once(w);

    if (err != -EAGAIN)
        return err;
    (void)wake_clear(w);
    err = send_once(w);
    return err == -EAGAIN ? 0 : err; /* somebody else filled it again: that was an edge */
}

int wake_clear(const struct wake *w)
{
    char buf[1024];

    for (;;) {
        ssize_t n = sys->read(w->read_fd, buf, sizeof(buf));

        if (n == 0)
            return -EPIPE;
        if (n == (ssize_t)sizeof(buf) || (n < 0 && errno == EINTR))
            continue; /* there may be more */
        return n > 0 || errno == EAGAIN ? 0 : -errno;
    }
}
