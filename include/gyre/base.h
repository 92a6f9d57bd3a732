/* gyre/base.h: what every other header needs: errors, the allocator hook, units of time.
 *
 * Errors. A function that can fail returns 0 or a positive number on success and a negative
 * number on failure: a negated errno value, or one of the GYRE_E* codes below for what errno
 * has no word for. A call that was refused has changed nothing. Nothing in gyre sets or reads
 * the global errno on your behalf, aborts or exits. Nor does it print, but for one line on standard
 * error about a future whose error nobody looked at, unless gyre_loop_on_error takes it.
 *
 * Time. Every time and duration is a uint64_t in nanoseconds: GYRE_MS(250) is a quarter of a
 * second, GYRE_NEVER is later than any moment.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_BASE_H
#define GYRE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GYRE_VERSION_MAJOR 0
#define GYRE_VERSION_MINOR 1
#define GYRE_VERSION_PATCH 0

/* Marks what the shared library exports; everything else in it is hidden. */
#define GYRE_API __attribute__((visibility("default")))

#define GYRE_US(n) ((uint64_t)(n)*1000u)
#define GYRE_MS(n) ((uint64_t)(n)*1000000u)
#define GYRE_S(n)  ((uint64_t)(n)*1000000000u)
#define GYRE_NEVER UINT64_MAX

#ifdef __cplusplus
extern "C" {
#endif

/* time + delay, or GYRE_NEVER where that would be too late for a uint64_t. Never fails. */
static inline uint64_t gyre_time_add(uint64_t time, uint64_t delay)
{
    return delay > GYRE_NEVER - time ? GYRE_NEVER : time + delay;
}

/* Codes that errno has no word for. They lie below every errno value of every system. */
enum gyre_error {
    GYRE_EUNINIT = -20001,     /* the watcher was never initialised, or was moved or copied since */
    GYRE_EPOLLER = -20002,     /* no poller of that name exists on this system */
    GYRE_ENOHOST = -20003,     /* no such host name, or it has no address of that family */
    GYRE_ENOSERVICE = -20004,  /* no such service */
    GYRE_ENAMESERVER = -20005, /* the name servers failed */
};

/* The memory a loop uses.
 *
 * `ctx` is passed back to each function. `size` at free and `old` at realloc are what was asked
 * for when the block was made, so an allocator needs no headers of its own. alloc and realloc
 * return NULL when there is no memory; realloc then leaves the old block alone. Blocks must be
 * aligned as malloc aligns.
 *
 * Thread:     called on the loop's thread; also on the caller's by gyre_call_soon_threadsafe,
 *             so the three functions must be thread-safe if you use that one. */
struct gyre_allocator {
    void *(*alloc)(void *ctx, size_t size);
    void *(*realloc)(void *ctx, void *block, size_t old, size_t size);
    void (*free)(void *ctx, void *block, size_t size);
    void *ctx;
};

/* The message for an error code, in English, without a full stop: "no memory".
 *
 * Knows every code the library returns and the errno values of files, sockets and processes, so
 * that your own functions can return errors the same way; any other value gives "unknown error".
 * Takes the code as it was returned (negative); a positive errno value gives the same text.
 *
 * Ownership:  a constant string, valid for ever. Never NULL.
 * Thread:     any thread and signal handlers. Never fails, allocates nothing.
 * Source:     base/error.c; tests: error_test.c.
 */
GYRE_API const char *gyre_strerror(int err);

/* The name of an error code: "ENOMEM", "GYRE_EUNINIT"; "UNKNOWN" for one without an entry.
 *
 * As gyre_strerror otherwise. 0 is "OK".
 */
GYRE_API const char *gyre_errname(int err);

/* The version of the library that is linked, "0.1.0": compare with GYRE_VERSION_*, which tell the
 * version of the headers you were compiled with.
 *
 * Ownership:  a constant string. Thread: any. Never fails.
 */
GYRE_API const char *gyre_version(void);

#ifdef __cplusplus
}
#endif

#endif
