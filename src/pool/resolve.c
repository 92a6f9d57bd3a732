/* Names and addresses: the system's resolver on a pool of its own.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "base/options.h"
#include "gyre/resolve.h"
#include "os/sys.h"
#include "pool/core.h"
#include "pool/hostname.h"
#include "pool/value.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { SERVICE_LIMIT = 31, PORT_LIMIT = 65535 };

void gyre_addresses_free(struct gyre_addresses *addresses)
{
    value_free(addresses);
}

void gyre_name_free(struct gyre_name *name)
{
    value_free(name);
}

/* ---- the system's resolver */

/* What an EAI code is in our terms. */
static int error_of(int eai)
{
    switch (eai) {
    case EAI_AGAIN:
        return -EAGAIN;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return errno > 0 ? -errno : -EIO;
    case EAI_FAMILY:
        return -EAFNOSUPPORT;
    case EAI_SERVICE:
        return GYRE_ENOSERVICE;
    case EAI_SOCKTYPE:
    case EAI_BADFLAGS:
        return -EINVAL;
    case EAI_FAIL:
        return GYRE_ENAMESERVER;
    default: /* EAI_NONAME, and what systems have for names without addresses */
        return GYRE_ENOHOST;
    }
}

static size_t canonical_size(const struct addrinfo *list)
{
    return list->ai_canonname ? strlen(list->ai_canonname) + 1 : 0;
}

/* A list of the system's as one block. NULL: no memory. */
static struct gyre_addresses *copy_list(const struct gyre_allocator *allocator,
                                        const struct addrinfo *list)
{
    size_t count = 0;

    for (const struct addrinfo *ai = list; ai; ai = ai->ai_next)
        count += ai->ai_addrlen <= sizeof(struct sockaddr_storage);
    size_t items = count * sizeof(struct gyre_address);
    struct gyre_addresses *a = value_make(allocator, sizeof(*a) + items + canonical_size(list));
    if (!a)
        return NULL;

    *a = (struct gyre_addresses){ .item = (struct gyre_address *)(void *)(a + 1) };
    for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
        if (ai->ai_addrlen > sizeof(struct sockaddr_storage))
            continue;
        struct gyre_address *item = &a->item[a->count++];
        *item = (struct gyre_address){
            .family = ai->ai_family,
            .socktype = ai->ai_socktype,
            .protocol = ai->ai_protocol,
            .size = ai->ai_addrlen,
        };
        memcpy(&item->storage, ai->ai_addr, ai->ai_addrlen);
    }
    if (list->ai_canonname)
        a->canonical = memcpy((char *)(a->item + count), list->ai_canonname, canonical_size(list));
    return a;
}

/* ---- names to addresses */

struct lookup {
    struct gyre_allocator allocator;
    struct addrinfo hints;
    bool has_host;
    bool is_address; /* the host, which then has no name that could be looked up */
    bool has_service;
    const char *refusal; /* why it cannot be asked, in words; NULL: the error says it */
    char host[HOSTNAME_LIMIT + 1];
    char service[SERVICE_LIMIT + 1];
};

/* Ask the system, with further flags: 0 and the addresses, or an error. */
static int ask_resolver(const struct lookup *lookup, int flags, struct gyre_addresses **out)
{
    struct addrinfo hints = lookup->hints;
    struct addrinfo *list = NULL;

    hints.ai_flags |= flags;
    int eai = sys->getaddrinfo(lookup->has_host ? lookup->host : NULL,
                               lookup->has_service ? lookup->service : NULL, &hints, &list);
    if (eai != 0)
        return error_of(eai);
    *out = copy_list(&lookup->allocator, list);
    sys->freeaddrinfo(list);
    if (*out && (*out)->count == 0) {
        gyre_addresses_free(*out);
        return GYRE_ENOHOST;
    }
    return *out ? 0 : -ENOMEM;
}

static void free_lookup(void *arg)
{
    struct lookup *lookup = arg;
    struct gyre_allocator allocator = lookup->allocator;

    memory_free(&allocator, lookup, sizeof(*lookup));
}

static int run_lookup(struct gyre_job *job, void *arg)
{
    struct gyre_addresses *found;
    int err = ask_resolver(arg, 0, &found);

    if (err == 0)
        gyre_job_return(job, found, value_free);
    free_lookup(arg);
    return err;
}

/* Whether it is an address as POSIX has them, of any family. */
static bool is_address(const char *host)
{
    char address[HOSTNAME_LIMIT + 1] = "";
    struct in6_addr in6;
    struct in_addr in;

    memcpy(address, host, strcspn(host, "%")); /* without the zone */
    return inet_pton(AF_INET, host, &in) == 1 || inet_pton(AF_INET6, address, &in6) == 1;
}

/* Whether what may be a host name is an address all the same: 127.1, 0x7f000001. */
static bool is_short_address(const char *host)
{
    struct in_addr in;

    return inet_aton(host, &in) != 0;
}

static bool is_port(const char *service)
{
    return service[0] != '\0' && service[strspn(service, "0123456789")] == '\0';
}

/* A port, or what begins like a name. Systems make ports of other things, too: of those that are too
 * large, of numbers with a sign or spaces, of nothing, of a star. */
static bool may_be_service(const char *service)
{
    char first = (char)(service[0] | 32);

    if (is_port(service))
        return strtoul(service, NULL, 10) <= PORT_LIMIT;
    return (first >= 'a' && first <= 'z') || (service[0] >= '0' && service[0] <= '9');
}

static int refuse(struct lookup *lookup, int err, const char *why)
{
    lookup->refusal = why;
    return err;
}

/* Whether it makes sense: 0 or why not. */
static int check_lookup(struct lookup *lookup)
{
    lookup->is_address = is_address(lookup->host);
    int err = lookup->has_host && !lookup->is_address
                  ? hostname_check(lookup->host, strlen(lookup->host))
                  : 0;
    if (err < 0)
        return refuse(lookup, err, hostname_fault(lookup->host, strlen(lookup->host)));
    lookup->is_address = lookup->is_address || is_short_address(lookup->host);
    if (!lookup->has_service || may_be_service(lookup->service))
        return 0;
    return refuse(lookup, GYRE_ENOSERVICE,
                  is_port(lookup->service) ? "a port is at most 65535"
                                           : "the service is neither a port nor a name");
}

/* Whether something stands there that may be a name, and may be asked for. */
static bool has_name(const struct lookup *lookup)
{
    bool is_numeric = lookup->is_address || lookup->hints.ai_flags & AI_NUMERICHOST;

    return (lookup->has_host && !is_numeric) || (lookup->has_service && !is_port(lookup->service));
}

/* Take over what is asked for: 0 or why it cannot be asked. */
static int read_query(struct lookup *lookup, const struct gyre_resolve_query *query)
{
    const unsigned known = GYRE_RESOLVE_PASSIVE | GYRE_RESOLVE_NUMERIC | GYRE_RESOLVE_CANONICAL;
    struct gyre_resolve_query q = { .size = sizeof(q) };
    int err = options_copy(&q, sizeof(q), query, query->size);

    if (err < 0)
        return err;
    if (!q.host && !q.service)
        return refuse(lookup, -EINVAL, "neither a host nor a service is asked for");
    if (q.flags & ~known)
        return refuse(lookup, -EINVAL, "a flag is unknown");
    size_t length = !q.host         ? 0
                    : q.host_length ? q.host_length
                                    : strnlen(q.host, HOSTNAME_LIMIT + 1);
    if (length > HOSTNAME_LIMIT)
        return refuse(lookup, -ENAMETOOLONG, hostname_fault(q.host, length));
    if (q.service && strlen(q.service) > SERVICE_LIMIT)
        return refuse(lookup, -ENAMETOOLONG, "the service has more than 31 bytes");
    if (q.host && (length == 0 || memchr(q.host, 0, length)))
        return refuse(lookup, -EINVAL, hostname_fault(q.host, length));

    lookup->has_host = q.host != NULL;
    lookup->has_service = q.service != NULL;
    if (q.host)
        memcpy(lookup->host, q.host, length);
    if (q.service)
        strcpy(lookup->service, q.service);
    lookup->hints.ai_family = q.family;
    lookup->hints.ai_socktype = q.socktype ? q.socktype : SOCK_STREAM;
    lookup->hints.ai_flags = (q.flags & GYRE_RESOLVE_PASSIVE ? AI_PASSIVE : 0) |
                             (q.flags & GYRE_RESOLVE_NUMERIC ? AI_NUMERICHOST : 0) |
                             (q.flags & GYRE_RESOLVE_CANONICAL ? AI_CANONNAME : 0);
    return check_lookup(lookup);
}

/* A future that is settled already: with what was found, or an error and what it is in words. */
static struct gyre_future *answer_with(struct gyre_loop *loop, int err, const char *message,
                                       void *found)
{
    struct gyre_future *f = gyre_future_create(loop);

    if (err == 0)
        (void)gyre_future_resolve(f, found, value_free); /* dropped, if the scope is cancelled */
    else
        (void)gyre_future_fail_with(f, err, message, NULL, NULL);
    return f;
}

static struct gyre_future *answer(struct gyre_loop *loop, int err, void *found)
{
    return answer_with(loop, err, NULL, found);
}

static struct gyre_future *offload_lookup(struct gyre_loop *loop, struct gyre_pool *pool,
                                          const struct lookup *lookup)
{
    struct lookup *copy = memory_alloc(&lookup->allocator, sizeof(*copy));

    if (!copy)
        return answer(loop, -ENOMEM, NULL);
    *copy = *lookup;
    struct gyre_future *f =
        gyre_offload(loop, pool, GYRE_JOB_ABANDON, run_lookup, free_lookup, copy);
    if (gyre_future_state(f) == GYRE_FUTURE_ERR)
        free_lookup(copy);
    return f;
}

struct gyre_future *gyre_resolve_with(struct gyre_loop *loop, struct gyre_pool *pool,
                                      const struct gyre_resolve_query *query)
{
    struct lookup lookup = { .has_host = false };
    struct gyre_addresses *found = NULL;
    int err = query ? resolver_find(loop, &pool, &lookup.allocator) : -EINVAL;

    if (err == 0)
        err = read_query(&lookup, query);
    if (err < 0)
        return answer_with(loop, err, lookup.refusal, NULL);

    err = ask_resolver(&lookup, AI_NUMERICHOST | AI_NUMERICSERV, &found);
    if ((err != GYRE_ENOHOST && err != GYRE_ENOSERVICE) || !has_name(&lookup))
        return answer(loop, err, found);
    return offload_lookup(loop, pool, &lookup);
}

struct gyre_future *gyre_resolve(struct gyre_loop *loop, struct gyre_pool *pool, const char *host,
                                 const char *service)
{
    const struct gyre_resolve_query query = { .size = sizeof(query),
                                              .host = host,
                                              .service = service };

    return gyre_resolve_with(loop, pool, &query);
}

/* ---- addresses to names */

struct reverse {
    struct gyre_allocator allocator;
    struct sockaddr_storage address;
    socklen_t size;
    int flags;
};

static int find_name(const struct reverse *reverse, struct gyre_name **out)
{
    struct gyre_name *name = value_make(&reverse->allocator, sizeof(*name));

    if (!name)
        return -ENOMEM;
    int eai =
        sys->getnameinfo((const struct sockaddr *)&reverse->address, reverse->size, name->host,
                         sizeof(name->host), name->service, sizeof(name->service), reverse->flags);
    int err = eai == 0 ? 0 : error_of(eai); /* now: it looks at errno */
    if (err < 0)
        value_free(name);
    else
        *out = name;
    return err;
}

static void free_reverse(void *arg)
{
    struct reverse *reverse = arg;
    struct gyre_allocator allocator = reverse->allocator;

    memory_free(&allocator, reverse, sizeof(*reverse));
}

static int run_reverse(struct gyre_job *job, void *arg)
{
    struct gyre_name *name;
    int err = find_name(arg, &name);

    if (err == 0)
        gyre_job_return(job, name, value_free);
    free_reverse(arg);
    return err;
}

static int read_address(struct reverse *reverse, const struct sockaddr *address, socklen_t size,
                        unsigned flags)
{
    if (!address || size < sizeof(address->sa_family) || size > sizeof(reverse->address) ||
        flags & ~(unsigned)GYRE_RESOLVE_NUMERIC)
        return -EINVAL;
    memcpy(&reverse->address, address, size);
    reverse->flags = flags & GYRE_RESOLVE_NUMERIC ? NI_NUMERICHOST | NI_NUMERICSERV : 0;
    sa_family_t family = reverse->address.ss_family;
    if (family != AF_INET && family != AF_INET6)
        return -EAFNOSUPPORT;
    /* Some systems take no other size than this one. */
    reverse->size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    return size < reverse->size ? -EINVAL : 0;
}

struct gyre_future *gyre_resolve_address(struct gyre_loop *loop, struct gyre_pool *pool,
                                         const struct sockaddr *address, socklen_t size,
                                         unsigned flags)
{
    struct reverse reverse = { .size = 0 };
    struct gyre_name *name = NULL;
    int err = resolver_find(loop, &pool, &reverse.allocator);

    if (err == 0)
        err = read_address(&reverse, address, size, flags);
    bool is_at_once = err == 0 && reverse.flags;
    if (is_at_once)
        err = find_name(&reverse, &name);
    if (err < 0 || is_at_once)
        return answer(loop, err, name);

    struct reverse *copy = memory_alloc(&reverse.allocator, sizeof(*copy));
    if (!copy)
        return answer(loop, -ENOMEM, NULL);
    *copy = reverse;
    struct gyre_future *f =
        gyre_offload(loop, pool, GYRE_JOB_ABANDON, run_reverse, free_reverse, copy);
    if (gyre_future_state(f) == GYRE_FUTURE_ERR)
        free_reverse(copy);
    return f;
}
