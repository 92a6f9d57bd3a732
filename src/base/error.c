/* Names and messages of the error codes.
 *
 * Invariant: every code that any public function can return has an entry, and so have the errno
 * values that a program which uses files, sockets and processes meets.
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
    { EADDRINUSE, "EADDRINUSE", "the address is in use" },
    { EADDRNOTAVAIL, "EADDRNOTAVAIL", "no such address on this machine" },
    { EAFNOSUPPORT, "EAFNOSUPPORT", "no such address family" },
    { EAGAIN, "EAGAIN", "not now, try again" },
    { EALREADY, "EALREADY", "already under way" },
    { EBADF, "EBADF", "not an open file descriptor" },
    { EBUSY, "EBUSY", "in use: running or started" },
    { ECANCELED, "ECANCELED", "cancelled" },
    { ECHILD, "ECHILD", "no such child process" },
    { ECONNABORTED, "ECONNABORTED", "the connection was aborted" },
    { ECONNREFUSED, "ECONNREFUSED", "the connection was refused" },
    { ECONNRESET, "ECONNRESET", "the connection was reset by the peer" },
    { EDEADLK, "EDEADLK", "would wait for ever" },
    { EDESTADDRREQ, "EDESTADDRREQ", "a destination address is needed" },
    { EDQUOT, "EDQUOT", "the quota is used up" },
    { EEXIST, "EEXIST", "exists already" },
    { EFAULT, "EFAULT", "bad address" },
    { EFBIG, "EFBIG", "the file is too large" },
    { EHOSTUNREACH, "EHOSTUNREACH", "the host cannot be reached" },
    { EINPROGRESS, "EINPROGRESS", "still under way" },
    { EINTR, "EINTR", "interrupted by a signal" },
    { EINVAL, "EINVAL", "an argument is missing or out of bounds" },
    { EIO, "EIO", "input or output failed" },
    { EISCONN, "EISCONN", "connected already" },
    { EISDIR, "EISDIR", "is a directory" },
    { ELOOP, "ELOOP", "a circle of links or pollers" },
    { EMFILE, "EMFILE", "the process has too many open files" },
    { EMLINK, "EMLINK", "too many links" },
    { EMSGSIZE, "EMSGSIZE", "the message is too long" },
    { ENAMETOOLONG, "ENAMETOOLONG", "the name is too long" },
    { ENETDOWN, "ENETDOWN", "the network is down" },
    { ENETUNREACH, "ENETUNREACH", "the network cannot be reached" },
    { ENFILE, "ENFILE", "the system has too many open files" },
    { ENOBUFS, "ENOBUFS", "no buffer space" },
    { ENODEV, "ENODEV", "no such device, or one that cannot be watched" },
    { ENOENT, "ENOENT", "does not exist" },
    { ENOMEM, "ENOMEM", "no memory" },
    { ENOPROTOOPT, "ENOPROTOOPT", "no such protocol option" },
    { ENOSPC, "ENOSPC", "no space, or the limit of watched descriptors is reached" },
    { ENOSYS, "ENOSYS", "the kernel has no such call" },
    { ENOTCONN, "ENOTCONN", "not connected" },
    { ENOTDIR, "ENOTDIR", "not a directory" },
    { ENOTEMPTY, "ENOTEMPTY", "the directory is not empty" },
    { ENOTSOCK, "ENOTSOCK", "not a socket" },
    { ENOTSUP, "ENOTSUP", "not supported here" },
    { ENOTTY, "ENOTTY", "not a terminal, or no such request for this file" },
    { ENXIO, "ENXIO", "no such device or address" },
    { EOVERFLOW, "EOVERFLOW", "the value is too large" },
    { EOWNERDEAD, "EOWNERDEAD", "the loop belongs to the parent of this process" },
    { EPERM, "EPERM", "wrong thread, or not permitted for this file" },
    { EPIPE, "EPIPE", "the other end is closed" },
    { EPROTO, "EPROTO", "protocol error" },
    { EPROTONOSUPPORT, "EPROTONOSUPPORT", "no such protocol" },
    { ERANGE, "ERANGE", "out of range" },
    { EROFS, "EROFS", "the file system is read-only" },
    { ESHUTDOWN, "ESHUTDOWN", "the loop is closed" },
    { ESPIPE, "ESPIPE", "cannot seek in it" },
    { ESRCH, "ESRCH", "no such process" },
    { ESTALE, "ESTALE", "the server does not know the file any more" },
    { ETIMEDOUT, "ETIMEDOUT", "timed out" },
    { ETXTBSY, "ETXTBSY", "the program is running" },
    { EXDEV, "EXDEV", "on another file system" },
    { -GYRE_EUNINIT, "GYRE_EUNINIT", "the watcher was not initialised, or moved since" },
    { -GYRE_ENOHOST, "GYRE_ENOHOST", "no such host, or none of that family" },
    { -GYRE_ENOSERVICE, "GYRE_ENOSERVICE", "no such service" },
    { -GYRE_ENAMESERVER, "GYRE_ENAMESERVER", "the name servers failed" },
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
