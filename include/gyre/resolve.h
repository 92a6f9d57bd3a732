/* gyre/resolve.h: names to addresses and back, without blocking the loop.
 *
 *     struct gyre_loop *loop;
 *     if (gyre_loop_create(NULL, &loop) < 0)
 *         return 1;
 *     struct gyre_future *f = gyre_resolve(loop, NULL, "127.0.0.1", "80");
 *     gyre_loop_run_until(loop, f);
 *     struct gyre_addresses *found = gyre_future_peek(f); // NULL: see gyre_future_error
 *     printf("%d\n", found ? (int)found->count : -1);
 *     gyre_future_unref(f);
 *     gyre_loop_destroy(loop);
 *
 * The system's resolver (getaddrinfo, getnameinfo) runs on a pool of its own, of four threads for
 * each loop, so that a name server that does not answer holds up other names at most, never files or
 * other work. Pass another pool, made with other options, to change that; NULL is the loop's. What
 * needs no resolver, addresses and ports written as numbers, is answered without any thread: the
 * future is settled already. The forms that 127.0.0.1 has for systems, 127.1 and 0x7f000001, are
 * addresses, too.
 *
 * Cancelling a lookup, or a scope or gyre_within around it, ends it at once for you; a lookup that
 * has begun occupies its thread until the system's resolver gives up.
 *
 * Threads and errors are as in gyre/loop.h and gyre/future.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_RESOLVE_H
#define GYRE_RESOLVE_H

#include "gyre/pool.h"

#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_address {
    int family;
    int socktype;
    int protocol;
    socklen_t size; /* of the address, for connect and bind */
    struct sockaddr_storage storage;
};

/* What was found, in the order of the system, which is the order to try them in. */
struct gyre_addresses {
    size_t count;
    struct gyre_address *item;
    const char *canonical; /* NULL unless GYRE_RESOLVE_CANONICAL was asked for */
};

enum gyre_resolve_flags {
    GYRE_RESOLVE_PASSIVE = 1,   /* without a host: the addresses to listen on, not the loopback's */
    GYRE_RESOLVE_NUMERIC = 2,   /* the host must be written as a number: ask nobody */
    GYRE_RESOLVE_CANONICAL = 4, /* tell the canonical name */
};

/* What to look for. Zero what you do not set, and set `size` to sizeof(struct
 * gyre_resolve_query). */
struct gyre_resolve_query {
    size_t size;
    const char *host;    /* NULL: this machine */
    size_t host_length;  /* in bytes; 0: up to the NUL, so refuse an empty piece yourself */
    const char *service; /* a port or a name of one; NULL: port 0 */
    int family;          /* AF_INET, AF_INET6; 0: any */
    int socktype;        /* 0: SOCK_STREAM */
    unsigned flags;
};

/* Look a name up. The value is a struct gyre_addresses, with at least one.
 *
 * Ownership:  the query is copied. The value is the future's; if you take it, it is yours to give to
 *             gyre_addresses_free.
 * Errors:     fails with -EINVAL host and service are NULL, unknown flags, or the host is no host
 *             name: empty, a NUL inside host_length, bytes that are not ASCII (names in other
 *             alphabets must be encoded first), a label that is empty, has more than 63 bytes or is
 *             wrongly encoded; -ENAMETOOLONG the host has more than 255 bytes, the service more than
 *             31; GYRE_ENOHOST there is no such name, or no address of that family;
 *             GYRE_ENOSERVICE no such service, or no such port; -EAGAIN the name servers did not
 *             answer, or the queue is full; GYRE_ENAMESERVER they failed; -EAFNOSUPPORT; else as
 *             gyre_offload. What is wrong with a query, gyre_future_message says in words.
 * Source:     pool/resolve.c, pool/hostname.c; tests: resolve_test.c, resolve_refuse_test.c,
 *             resolve_cancel_test.c, resolve_starve_test.c, hostname_test.c.
 */
GYRE_API struct gyre_future *gyre_resolve_with(struct gyre_loop *loop, struct gyre_pool *pool,
                                               const struct gyre_resolve_query *query);

/* The same for stream sockets of any family. */
GYRE_API struct gyre_future *gyre_resolve(struct gyre_loop *loop, struct gyre_pool *pool,
                                          const char *host, const char *service);

/* Free a value that was taken. NULL is ignored. Thread: any. */
GYRE_API void gyre_addresses_free(struct gyre_addresses *addresses);

/* The names of an address. */
struct gyre_name {
    char host[256];
    char service[32];
};

/* Look an address up. The value is a struct gyre_name; taken, it is yours to give to
 * gyre_name_free. What has no name comes as a number. The only flag is GYRE_RESOLVE_NUMERIC: then
 * both are written as numbers, without any thread.
 *
 * Ownership:  the address is copied; `size` may be that of the memory it is in.
 * Errors:     -EINVAL another flag, or too small or too large a size; -EAFNOSUPPORT not an internet
 *             address; else as above.
 * Source:     pool/resolve.c; tests: resolve_address_test.c.
 */
GYRE_API struct gyre_future *gyre_resolve_address(struct gyre_loop *loop, struct gyre_pool *pool,
                                                  const struct sockaddr *address, socklen_t size,
                                                  unsigned flags);
GYRE_API void gyre_name_free(struct gyre_name *name);

#ifdef __cplusplus
}
#endif

#endif
