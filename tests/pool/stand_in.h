/* A resolver of the tests' own in place of the system's: it answers what a test tells it, counts, and
 * has a gate at which lookups wait. Questions for numbers only go to the system.
 *
 *     RESOLVE_TEST(name)     a test with such a resolver and a loop on a virtual clock
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_STAND_IN_H
#define GYRE_TEST_STAND_IN_H

#include "support/fault.h"
#include "support/fixture.h"

#include "gyre/resolve.h"
#include "gyre/scope.h"

#include <errno.h>
#include <netdb.h>

/* The gate is open, every name has the address 192.0.2.1, and every address the name host.test. */
int resolve_setup(void **state);

/* Opens the gate, destroys the loop, and waits for the threads that have asked to end. */
int resolve_teardown(void **state);

#define RESOLVE_TEST(name) cmocka_unit_test_setup_teardown(name, resolve_setup, resolve_teardown)

/* ---- what it answers */

/* From now on these, up to a NULL, as numbers; the text "huge" stands for an address that is too
 * large for a struct sockaddr_storage. Both are borrowed. `canonical` may be NULL. */
void stand_in_answer(const char *const *addresses, const char *canonical);

/* From now on no answer, but this code, with this errno. */
void stand_in_fail(int eai, int err);

/* ---- what it was asked */

struct question {
    bool has_host, has_service;
    char host[300], service[64];
    struct addrinfo hints;
    struct sockaddr_storage address; /* of a reverse lookup */
    socklen_t size;
    int flags;
};

/* The last one, and how many there were; those that wait at the gate included. */
struct question last_question(void);
unsigned questions(void);

/* How many lists it has given and not got back. */
unsigned open_lists(void);

/* ---- the gate */

void shut_gate(void);
void open_gate(void);

/* Wait until so many lookups are at the gate. */
void await_at_gate(unsigned count);

/* ---- what tests of lookups share */

/* A pool of at most so many threads, on test_allocator. */
struct gyre_pool *make_resolver(unsigned threads);

/* Start a lookup of a name without a service. */
struct gyre_future *look_up(struct fixture *f, struct gyre_pool *pool, const char *host);

/* Run the loop until `future` is settled, and release it; returns its error, -ECANCELED if it is
 * cancelled. */
int outcome_of(struct fixture *f, struct gyre_future *future);

/* Whether it was settled by the call that made it; releases it. */
int outcome_at_once(struct gyre_future *future);

/* An address as a number with its port: "192.0.2.1 80", "2001:db8::1 443". */
const char *address_text(const struct gyre_address *address);

/* All of them, in order: "192.0.2.1 80, 2001:db8::1 80". */
const char *addresses_text(const struct gyre_addresses *addresses);

#endif
