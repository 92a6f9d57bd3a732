/* Names and messages of the error codes.
 *
 * Invariant: every code that any public function can return has an entry.
 *
 * SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "gyre/base.h"

#include <errno.h>

struct error_entry {
    int code;
    const char *name;
    const char *message;
};

static const struct error_entry error_table[] = {
    { 0, "OK", "no error" },
    { EACCES, "EACCES", "the system does not permit it" },
    { EAGAIN, "EAGAIN", "not now, try again" },
    { EALREADY, "EALREADY", "already under way" },
    { EBADF, "EBADF", "not an open file descriptor" },
    { EBUSY, "EBUSY", "in use: running or started" },
    { ECANCELED, "ECANCELED", "cancelled" },
    { EDEADLK, "EDEADLK", "would wait for ever" },
    { EEXIST, "EEXIST", "exists already" },
    { EFAULT, "EFAULT", "bad address" },
    { EINTR, "EINTR", "interrupted by a signal" },
    { EINVAL, "EINVAL", "an argument is missing or out of bounds" },
    { EIO, "EIO", "input or output failed" },
    { ELOOP, "ELOOP", "pollers watch each other in a circle" },
    { EMFILE, "EMFILE", "the process has too many open files" },
    { ENFILE, "ENFILE", "the system has too many open files" },
    { ENODEV, "ENODEV", "the kernel cannot watch this device" },
    { ENOENT, "ENOENT", "does not exist" },
    { ENOMEM, "ENOMEM", "no memory" },
    { ENOSPC, "ENOSPC", "the limit of watched descriptors is reached" },
    { ENOSYS, "ENOSYS", "the kernel has no such call" },
    { ENOTSUP, "ENOTSUP", "not supported here" },
    { EOWNERDEAD, "EOWNERDEAD", "the loop belongs to the parent of this process" },
    { EPERM, "EPERM", "wrong thread, or a kind of file that cannot be watched" },
    { EPIPE, "EPIPE", "the other end is closed" },
    { ESHUTDOWN, "ESHUTDOWN", "the loop is closed" },
    { ETIMEDOUT, "ETIMEDOUT", "timed out" },
    { -GYRE_EUNINIT, "GYRE_EUNINIT", "the watcher was not initialised, or moved since" },
    { -GYRE_EPOLLER, "GYRE_EPOLLER", "no poller of that name on this system" },
};

static const struct error_entry *find_error(int err)
{
    static const struct error_entry unknown = { 0, "UNKNOWN", "unknown error" };

    for (size_t i = 0; i < ARRAY_LEN(error_table); i++)
        if (error_table[i].code == err || -error_table[i].code == err)
            return &error_table[i];
    return &unknown;
}

const char *gyre_strerror(int err)
{
    return find_error(err)->message;
}

const char *gyre_errname(int err)
{
    return find_error(err)->name;
}
