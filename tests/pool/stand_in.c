/* See stand_in.h.
 *
 * SPDX-License-Identifier: MIT */
#include "stand_in.h"

#include "base/util.h"
#include "os/sys.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MARK = 1 << 30, ANSWERS = 8 }; /* MARK in ai_flags: the list is one of ours */

/* Guarded by the lock; `table` and `below` are set while no thread is there. */
static struct {
    const char *const *addresses;
    const char *canonical;
    int eai, err;
    struct question last;
    unsigned asked;
    unsigned lists;
    bool is_shut;
    unsigned at_gate;
    unsigned threads; /* have asked and have not ended */
} it;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_key_t thread_end;
static struct sys_table table;
static const struct sys_table *below;

static void change_unsigned(unsigned *what, int by)
{
    pthread_mutex_lock(&lock);
    *what += (unsigned)by;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static unsigned read_unsigned(const unsigned *what)
{
    pthread_mutex_lock(&lock);
    unsigned value = *what;
    pthread_mutex_unlock(&lock);
    return value;
}

static void thread_has_ended(void *arg)
{
    (void)arg;
    change_unsigned(&it.threads, -1);
}

/* ------------------------------------------------------------------ questions and answers */

/* With the lock held: note the question, and wait for the gate to open. */
static void ask(const struct question *question)
{
    if (!pthread_getspecific(thread_end)) {
        pthread_setspecific(thread_end, &it);
        it.threads++;
    }
    it.last = *question;
    it.asked++;
    it.at_gate += it.is_shut;
    pthread_cond_broadcast(&changed);
    if (!it.is_shut)
        return;
    while (it.is_shut)
        pthread_cond_wait(&changed, &lock);
    it.at_gate--;
}

struct list {
    struct addrinfo info[ANSWERS];
    struct sockaddr_storage address[ANSWERS];
    char canonical[300];
};

static void fill_address(struct addrinfo *info, struct sockaddr_storage *address, const char *text,
                         uint16_t port)
{
    struct sockaddr_in *in = (struct sockaddr_in *)address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

    info->ai_addr = (struct sockaddr *)address;
    if (strcmp(text, "huge") == 0) {
        info->ai_addrlen = sizeof(*address) + 1;
    } else if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        info->ai_family = in->sin_family = AF_INET;
        info->ai_addrlen = sizeof(*in);
        in->sin_port = htons(port);
    } else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        info->ai_family = in6->sin6_family = AF_INET6;
        info->ai_addrlen = sizeof(*in6);
        in6->sin6_port = htons(port);
    }
}

static struct addrinfo *make_list(const struct addrinfo *hints, const char *service)
{
    struct list *list = calloc(1, sizeof(*list));
    uint16_t port = service ? (uint16_t)strtoul(service, NULL, 10) : 0;

    if (!list)
        abort();
    for (int i = 0; it.addresses[i]; i++) {
        list->info[i].ai_flags = MARK;
        list->info[i].ai_socktype = hints->ai_socktype;
        list->info[i].ai_protocol = IPPROTO_TCP;
        list->info[i].ai_next = it.addresses[i + 1] ? &list->info[i + 1] : NULL;
        fill_address(&list->info[i], &list->address[i], it.addresses[i], port);
    }
    if (it.canonical)
        list->info[0].ai_canonname = strcpy(list->canonical, it.canonical);
    it.lists++;
    return list->info;
}

static int stand_in_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                                struct addrinfo **list)
{
    struct question question = { .has_host = host != NULL,
                                 .has_service = service != NULL,
                                 .hints = *hints };

    if (hints->ai_flags & AI_NUMERICSERV)
        return below->getaddrinfo(host, service, hints, list);
    snprintf(question.host, sizeof(question.host), "%s", host ? host : "");
    snprintf(question.service, sizeof(question.service), "%s", service ? service : "");
    pthread_mutex_lock(&lock);
    ask(&question);
    int eai = it.eai;
    if (eai == 0)
        *list = make_list(hints, service);
    errno = it.err;
    pthread_mutex_unlock(&lock);
    return eai;
}

static void stand_in_freeaddrinfo(struct addrinfo *list)
{
    if (!(list->ai_flags & MARK)) {
        below->freeaddrinfo(list);
        return;
    }
    memset(list, 0xdd, sizeof(struct list));
    free(list);
    change_unsigned(&it.lists, -1);
}

static int stand_in_getnameinfo(const struct sockaddr *address, socklen_t size, char *host,
                                socklen_t host_size, char *service, socklen_t service_size,
                                int flags)
{
    struct question question = { .size = size, .flags = flags };

    if (flags & NI_NUMERICHOST)
        return below->getnameinfo(address, size, host, host_size, service, service_size, flags);
    memcpy(&question.address, address, size);
    pthread_mutex_lock(&lock);
    ask(&question);
    int eai = it.eai;
    snprintf(host, host_size, "host.test");
    snprintf(service, service_size, "service");
    errno = it.err;
    pthread_mutex_unlock(&lock);
    return eai;
}

/* ------------------------------------------------------------------ told and asked by tests */

void stand_in_answer(const char *const *addresses, const char *canonical)
{
    pthread_mutex_lock(&lock);
    it.addresses = addresses;
    it.canonical = canonical;
    it.eai = 0;
    it.err = 0;
    pthread_mutex_unlock(&lock);
}

void stand_in_fail(int eai, int err)
{
    pthread_mutex_lock(&lock);
    it.eai = eai;
    it.err = err;
    pthread_mutex_unlock(&lock);
}

struct question last_question(void)
{
    pthread_mutex_lock(&lock);
    struct question last = it.last;
    pthread_mutex_unlock(&lock);
    return last;
}

unsigned questions(void)
{
    return read_unsigned(&it.asked);
}

unsigned open_lists(void)
{
    return read_unsigned(&it.lists);
}

static void set_gate(bool is_shut)
{
    pthread_mutex_lock(&lock);
    it.is_shut = is_shut;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void shut_gate(void)
{
    set_gate(true);
}

void open_gate(void)
{
    set_gate(false);
}

void await_at_gate(unsigned count)
{
    pthread_mutex_lock(&lock);
    while (it.at_gate < count)
        pthread_cond_wait(&changed, &lock);
    assert_int_equal(it.at_gate, count);
    pthread_mutex_unlock(&lock);
}

static void await_no_threads(void)
{
    pthread_mutex_lock(&lock);
    while (it.threads > 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

/* ------------------------------------------------------------------ setup and teardown */

int resolve_setup(void **state)
{
    static const char *const address[] = { "192.0.2.1", NULL };
    static bool has_key;

    if (!has_key && pthread_key_create(&thread_end, thread_has_ended) != 0)
        return -1;
    has_key = true;
    if (setup_virtual(state) < 0)
        return -1;
    memset(&it, 0, sizeof(it));
    stand_in_answer(address, NULL);
    below = sys;
    table = *sys;
    table.getaddrinfo = stand_in_getaddrinfo;
    table.freeaddrinfo = stand_in_freeaddrinfo;
    table.getnameinfo = stand_in_getnameinfo;
    sys = &table;
    return 0;
}

int resolve_teardown(void **state)
{
    struct fixture *f = fixture_of(state);

    open_gate();
    disarm_faults();
    (void)gyre_loop_destroy(f->loop);
    f->loop = NULL;
    await_no_threads();
    sys = below;
    if (it.lists == 0)
        return teardown(state);
    print_error("teardown: %u lists of addresses were not freed\n", it.lists);
    (void)teardown(state);
    return -1;
}

/* ------------------------------------------------------------------ what tests share */

struct gyre_pool *make_resolver(unsigned threads)
{
    const struct gyre_pool_options opt = {
        .size = sizeof(opt),
        .max_threads = threads,
        .allocator = &test_allocator,
    };
    struct gyre_pool *pool;

    assert_int_equal(gyre_pool_create(&opt, &pool), 0);
    return pool;
}

struct gyre_future *look_up(struct fixture *f, struct gyre_pool *pool, const char *host)
{
    return gyre_resolve(f->loop, pool, host, NULL);
}

int outcome_at_once(struct gyre_future *future)
{
    assert_int_not_equal(gyre_future_state(future), GYRE_FUTURE_PENDING);
    int err = gyre_future_error(future);
    gyre_future_unref(future);
    return err;
}

int outcome_of(struct fixture *f, struct gyre_future *future)
{
    assert_int_equal(gyre_loop_run_until(f->loop, future), GYRE_RUN_DONE);
    return outcome_at_once(future);
}

const char *address_text(const struct gyre_address *address)
{
    static char text[INET6_ADDRSTRLEN + 8];
    const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
    bool is_in = address->family == AF_INET;

    assert_int_equal(address->storage.ss_family, address->family);
    assert_int_equal(address->size, is_in ? sizeof(*in) : sizeof(*in6));
    assert_non_null(inet_ntop(address->family,
                              is_in ? (const void *)&in->sin_addr : (const void *)&in6->sin6_addr,
                              text, INET6_ADDRSTRLEN));
    sprintf(text + strlen(text), " %u", ntohs(is_in ? in->sin_port : in6->sin6_port));
    return text;
}

const char *addresses_text(const struct gyre_addresses *addresses)
{
    static char text[ANSWERS * (INET6_ADDRSTRLEN + 8)];

    text[0] = '\0';
    if (!addresses)
        return text;
    for (size_t i = 0; i < addresses->count; i++)
        sprintf(text + strlen(text), "%s%s", i > 0 ? ", " : "", address_text(&addresses->item[i]));
    return text;
}
