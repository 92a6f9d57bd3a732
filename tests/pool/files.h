/* A directory for a test of files, a pool whose memory is counted, and the ways to wait for a call.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_FILES_H
#define GYRE_TEST_FILES_H

#include "support/fault.h"
#include "support/fixture.h"

#include "base/util.h"
#include "gyre/file.h"
#include "gyre/scope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 512 };

/* What every test here has. */
static struct {
    struct gyre_loop *loop;
    struct gyre_pool *pool;
    char dir[64];
} disk;

/* ---- setup and teardown */

static inline struct gyre_pool *make_pool(unsigned threads)
{
    struct gyre_pool_options opt = { .size = sizeof(opt),
                                     .max_threads = threads,
                                     .allocator = &test_allocator };
    struct gyre_pool *pool;

    assert_int_equal(gyre_pool_create(&opt, &pool), 0);
    return pool;
}

static inline int files_setup(void **state)
{
    const char *top = getenv("TMPDIR");

    if (setup(state) < 0)
        return -1;
    (void)snprintf(disk.dir, sizeof(disk.dir), "%.32s/gyre-test-XXXXXX", top ? top : "/tmp");
    disk.loop = fixture_of(state)->loop;
    disk.pool = make_pool(1);
    return mkdtemp(disk.dir) ? 0 : -1;
}

/* The path of a file in the directory; good until a few others have been asked for. */
static inline const char *at(const char *name)
{
    static char paths[8][PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % ARRAY_LEN(paths)];

    (void)snprintf(path, PATH_SIZE, "%s/%s", disk.dir, name);
    return path;
}

static inline bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* How many entries the directory has, after fn, unless that is NULL, was called for each. */
static inline int each_entry(void (*fn)(const char *path))
{
    DIR *dir = opendir(disk.dir);
    int count = 0;

    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (is_dot(entry->d_name))
            continue;
        if (fn)
            fn(at(entry->d_name));
        count++;
    }
    closedir(dir);
    return count;
}

static inline int count_files(void)
{
    return each_entry(NULL);
}

static inline void remove_path(const char *path)
{
    (void)remove(path);
}

static inline int files_teardown(void **state)
{
    disarm_faults();
    int left = gyre_pool_destroy(disk.pool, GYRE_NEVER);

    each_entry(remove_path);
    (void)rmdir(disk.dir);
    return teardown(state) == 0 && left == 0 ? 0 : -1;
}

#define FILES_TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

/* ---- waiting for a call; each gives the reference back */

static inline void finish(struct gyre_future *f)
{
    assert_int_equal(gyre_loop_run_until(disk.loop, f), GYRE_RUN_DONE);
}

static inline void expect_error(struct gyre_future *f, int err)
{
    finish(f);
    assert_int_equal(gyre_future_error(f), err);
    gyre_future_unref(f);
}

/* It has failed already, and the loop need not run. */
static inline void expect_refusal(struct gyre_future *f, int err)
{
    assert_int_equal(gyre_future_error(f), err);
    gyre_future_unref(f);
}

static inline void expect_ok(struct gyre_future *f)
{
    expect_error(f, 0);
}

static inline void expect_number(struct gyre_future *f, intptr_t number)
{
    finish(f);
    assert_int_equal(gyre_future_error(f), 0);
    assert_int_equal((intptr_t)gyre_future_peek(f), number);
    gyre_future_unref(f);
}

static inline void *take_value(struct gyre_future *f)
{
    finish(f);
    assert_int_equal(gyre_future_error(f), 0);
    void *value = gyre_future_take(f);
    gyre_future_unref(f);
    return value;
}

/* ---- files without gyre */

static inline void make_file(const char *name, const char *text)
{
    FILE *file = fopen(at(name), "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* A file of `size` bytes that differ. */
static inline void make_large_file(const char *name, size_t size)
{
    FILE *file = fopen(at(name), "w");

    assert_non_null(file);
    for (size_t i = 0; i < size; i++)
        putc((int)(i * 7 + i / 251), file);
    fclose(file);
}

static inline char *text_of(const char *name)
{
    static char text[4096];
    FILE *file = fopen(at(name), "r");

    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static inline bool files_are_equal(const char *one, const char *other)
{
    FILE *a = fopen(at(one), "r");
    FILE *b = fopen(at(other), "r");
    int c;

    assert_non_null(a);
    assert_non_null(b);
    while ((c = getc(a)) == getc(b) && c != EOF)
        ;
    bool are_equal = feof(a) && feof(b);
    fclose(a);
    fclose(b);
    return are_equal;
}

static inline bool exists(const char *name)
{
    struct stat st;

    return lstat(at(name), &st) == 0;
}

static inline unsigned mode_of(const char *name)
{
    struct stat st;

    assert_return_code(lstat(at(name), &st), errno);
    return (unsigned)st.st_mode & 07777;
}

/* The file "a", made and open. */
static inline int make_open_file(void)
{
    int fd = open(at("a"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_return_code(fd, errno);
    return fd;
}

/* Of its mode, S_IFREG and so on. */
static inline unsigned type_of(const char *name)
{
    struct stat st;

    assert_return_code(lstat(at(name), &st), errno);
    return (unsigned)st.st_mode & S_IFMT;
}

/* A socket with a name, which the teardown closes. */
static inline void make_socket(struct fixture *f, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = own_fd(f, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%.80s", at(name));
    assert_return_code(bind(fd, (struct sockaddr *)&address, sizeof(address)), errno);
}

/* ---- keeping the only worker busy, so that what follows is queued */

static sem_t plug;

static inline int wait_for_unplug(struct gyre_job *job, void *arg)
{
    (void)job;
    (void)arg;
    sem_wait(&plug);
    return 0;
}

static inline struct gyre_future *plug_pool(void)
{
    sem_init(&plug, 0, 0);
    return gyre_offload(disk.loop, disk.pool, 0, wait_for_unplug, NULL, NULL);
}

static inline void unplug_pool(struct gyre_future *plugged)
{
    sem_post(&plug);
    expect_ok(plugged);
    sem_destroy(&plug);
}

/* ---- cancelling a call while it is in the middle of a system call */

static struct gyre_future *victim;
static sem_t was_cancelled;

static inline void cancel_victim(void *arg)
{
    (void)arg;
    (void)gyre_future_cancel(victim);
    sem_post(&was_cancelled);
}

/* On the worker: have the loop cancel it, and wait for that. */
static inline void have_it_cancelled(void *arg)
{
    (void)arg;
    if (gyre_call_soon_threadsafe(disk.loop, cancel_victim, NULL, NULL) == 0)
        sem_wait(&was_cancelled);
}

/* The next future is cancelled before the n-th call of this kind. */
static inline void cancel_at(enum sys_call which, unsigned n)
{
    sem_init(&was_cancelled, 0, 0);
    at_file_call(which, n, have_it_cancelled, NULL);
}

/* It cannot have begun: its worker waits for a loop that does not run before this returns. */
static inline void let_it_be_cancelled(struct gyre_future *f)
{
    victim = f;
    finish(f);
    sem_destroy(&was_cancelled);
}

/* For at_file_call, with a semaphore that is posted first: hold the worker until the loop is closed,
 * of which then only the memory is left. */
static inline void have_it_closed(void *arg)
{
    static const struct timespec moment = { .tv_nsec = 1000000 };

    sem_post(arg);
    while (gyre_call_soon_threadsafe(disk.loop, free, NULL, NULL) != -ESHUTDOWN)
        nanosleep(&moment, NULL);
}

#endif
