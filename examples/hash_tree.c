/* hash_tree: the FNV-1a hash of every regular file below a directory.
 *
 *     hash_tree DIRECTORY [JOBS]
 *
 * Prints a line for each file, sorted by path, and a total; JOBS files are read at a time, 4 if you
 * do not say. Progress goes to stderr. SIGINT ends it early, without results. The exit status is 0
 * only if all files could be read.
 *
 * It shows three ways to use worker threads:
 * - gyre_dir_open, _next and _close: what the library has as futures already. The walk is one such
 *   step after the other, and the loop has nothing to wait for but the one under way.
 * - gyre_offload with a function of your own: here, to read a file and compute.
 * - gyre_job_post: what a job has to say before it ends, here its progress.
 * gyre_map_limit has many jobs done, a few at a time.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre.h"

#define FNV_BASIS 14695981039346656037u
#define FNV_PRIME 1099511628211u

#define BUFFER_SIZE  65536u
#define REPORT_STEP  (32u << 20) /* bytes that a job hashes between two reports */
#define BATCH_SIZE   64
#define DEFAULT_JOBS 4
#define MAX_JOBS     1000

/* While it is being hashed, `hash` and `size` belong to the worker. */
struct file {
    struct program *program;
    char *path;
    uint64_t hash, size;
};

struct program {
    struct gyre_loop *loop;
    struct gyre_signal on_int;
    struct gyre_call then;    /* what comes after ... */
    struct gyre_future *step; /* ... this */
    char **dirs;              /* still to be read */
    size_t dir_count, dir_capacity;
    char *dir_path; /* being read */
    struct gyre_dir *dir;
    struct file *files;
    size_t file_count, file_capacity;
    size_t jobs;
    uint64_t hashed; /* bytes, as reported */
    bool interrupted;
    int failures;
};

static void complain(struct program *p, const char *path, int err)
{
    fprintf(stderr, "hash_tree: %s: %s\n", path, gyre_strerror(err));
    p->failures++;
}

/* There is nothing sensible to do without memory. */
static void *checked(void *memory)
{
    if (!memory) {
        fputs("hash_tree: no memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    return memory;
}

/* ------------------------------------------------------------------ on the workers */

static uint64_t fnv1a(uint64_t hash, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ bytes[i]) * FNV_PRIME;
    return hash;
}

struct report {
    struct program *program;
    uint64_t bytes;
};

static void on_report(void *arg)
{
    struct report *report = arg;
    struct program *p = report->program;

    p->hashed += report->bytes;
    fprintf(stderr, "%" PRIu64 " MiB hashed\n", p->hashed >> 20);
    free(report);
}

/* Accepted, the report is the loop's, which frees it in any case; refused, it is still ours. */
static void send_report(struct gyre_job *job, struct program *p, uint64_t bytes)
{
    struct report *report = malloc(sizeof(*report));

    if (!report)
        return;
    *report = (struct report){ .program = p, .bytes = bytes };
    if (gyre_job_post(job, on_report, free, report) < 0)
        free(report);
}

static int hash_stream(struct gyre_job *job, struct file *file, FILE *stream)
{
    unsigned char buffer[BUFFER_SIZE];
    uint64_t reported = 0;
    size_t n;

    file->hash = FNV_BASIS;
    while ((n = fread(buffer, 1, sizeof(buffer), stream)) > 0) {
        file->hash = fnv1a(file->hash, buffer, n);
        file->size += n;
        if (file->size - reported >= REPORT_STEP) {
            send_report(job, file->program, file->size - reported);
            reported = file->size;
        }
        if (gyre_job_cancelled(job))
            return -ECANCELED;
    }
    return ferror(stream) ? -errno : 0;
}

static int hash_file(struct gyre_job *job, void *arg)
{
    struct file *file = arg;
    FILE *stream = fopen(file->path, "rb");

    if (!stream)
        return -errno;
    int err = hash_stream(job, file, stream);
    fclose(stream);
    return err;
}

/* ------------------------------------------------------------------ the second half: hashing */

static void print_results(struct program *p, struct gyre_future *all)
{
    uint64_t total = FNV_BASIS, bytes = 0;
    size_t count = 0;

    for (size_t i = 0; i < p->file_count; i++) {
        struct file *file = &p->files[i];
        int err = gyre_future_error(gyre_future_at(all, i));

        if (err < 0) {
            complain(p, file->path, err);
            continue;
        }
        printf("%016" PRIx64 "  %s\n", file->hash, file->path);
        total = fnv1a(total, (unsigned char *)file->path, strlen(file->path) + 1);
        for (unsigned bit = 0; bit < 64; bit += 8)
            total = fnv1a(total, &(unsigned char){ (unsigned char)(file->hash >> bit) }, 1);
        bytes += file->size;
        count++;
    }
    printf("%016" PRIx64 "  %zu files, %" PRIu64 " bytes\n", total, count, bytes);
}

static void on_all_hashed(struct gyre_call *call, void *arg)
{
    struct program *p = arg;

    (void)call;
    if (!p->interrupted && gyre_future_error(p->step) == 0)
        print_results(p, p->step);
}

/* A job that runs uses memory of ours: GYRE_JOB_BORROWS has gyre_loop_close wait for it. */
static struct gyre_future *start_hashing(size_t index, void *arg)
{
    struct program *p = arg;

    return gyre_offload(p->loop, NULL, GYRE_JOB_BORROWS, hash_file, NULL, &p->files[index]);
}

static void wait_for(struct program *p, struct gyre_future *step, gyre_call_fn *fn)
{
    gyre_future_unref(p->step);
    p->step = step;
    gyre_call_init(&p->then, p->loop, fn, p);
    gyre_future_on_done(step, &p->then);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static void hash_all(struct program *p)
{
    if (p->file_count > 0)
        qsort(p->files, p->file_count, sizeof(p->files[0]), by_path);
    wait_for(p, gyre_map_limit(p->loop, GYRE_MAP_SETTLED, p->file_count, p->jobs, start_hashing, p),
             on_all_hashed);
}

/* ------------------------------------------------------------------ the first half: walking */

static void add_dir(struct program *p, char *path)
{
    if (p->dir_count == p->dir_capacity) {
        p->dir_capacity = p->dir_capacity ? p->dir_capacity * 2 : 64;
        p->dirs = checked(realloc(p->dirs, p->dir_capacity * sizeof(p->dirs[0])));
    }
    p->dirs[p->dir_count++] = path;
}

static void add_file(struct program *p, char *path)
{
    if (p->file_count == p->file_capacity) {
        p->file_capacity = p->file_capacity ? p->file_capacity * 2 : 64;
        p->files = checked(realloc(p->files, p->file_capacity * sizeof(p->files[0])));
    }
    p->files[p->file_count++] = (struct file){ .program = p, .path = path };
}

static char *join(const char *dir, const char *name)
{
    size_t dir_size = strlen(dir);
    size_t size = dir_size + strlen(name) + 2;
    char *path = checked(malloc(size));

    while (dir_size > 0 && dir[dir_size - 1] == '/')
        dir_size--;
    snprintf(path, size, "%.*s/%s", (int)dir_size, dir, name);
    return path;
}

static void add_entries(struct program *p, const struct gyre_dir_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct gyre_dir_entry *entry = &batch->entries[i];

        if (entry->type == GYRE_FILE_DIRECTORY)
            add_dir(p, join(p->dir_path, entry->name));
        else if (entry->type == GYRE_FILE_REGULAR)
            add_file(p, join(p->dir_path, entry->name));
    }
}

/* Two functions that call each other, each from the loop: one more directory, one more batch. */
static void on_dir_opened(struct gyre_call *call, void *arg);

/* Go on with the next directory. */
static void walk_on(struct program *p)
{
    free(p->dir_path);
    p->dir_path = NULL;
    if (p->dir_count == 0) {
        hash_all(p);
        return;
    }
    p->dir_path = p->dirs[--p->dir_count];
    wait_for(p, gyre_dir_open(p->loop, NULL, p->dir_path), on_dir_opened);
}

/* A directory has ended, or could not be read. */
static void end_dir(struct program *p, int err)
{
    if (err < 0)
        complain(p, p->dir_path, err);
    if (p->dir) /* nobody needs to wait for that */
        gyre_future_detach(gyre_dir_close(p->loop, NULL, p->dir));
    p->dir = NULL;
    walk_on(p);
}

static void on_batch(struct gyre_call *call, void *arg)
{
    struct program *p = arg;
    const struct gyre_dir_batch *batch = gyre_future_peek(p->step);

    (void)call;
    if (p->interrupted)
        return;
    if (!batch || batch->count == 0) {
        end_dir(p, gyre_future_error(p->step));
        return;
    }
    add_entries(p, batch);
    wait_for(p, gyre_dir_next(p->loop, NULL, p->dir, BATCH_SIZE), on_batch);
}

static void on_dir_opened(struct gyre_call *call, void *arg)
{
    struct program *p = arg;
    int err = gyre_future_error(p->step);

    (void)call;
    if (p->interrupted)
        return;
    if (err < 0) {
        end_dir(p, err);
        return;
    }
    p->dir = gyre_future_take(p->step);
    wait_for(p, gyre_dir_next(p->loop, NULL, p->dir, BATCH_SIZE), on_batch);
}

/* ------------------------------------------------------------------ the program */

/* Nothing is started any more; what is under way ends, and then the loop has nothing to wait for. */
static void on_interrupt(struct gyre_signal *sig, unsigned count, void *arg)
{
    struct program *p = arg;

    (void)sig;
    (void)count;
    p->interrupted = true;
    gyre_future_cancel(p->step);
}

static int run(struct program *p, const char *root)
{
    int err;

    gyre_signal_init(&p->on_int, p->loop, on_interrupt, p);
    gyre_signal_unref(&p->on_int);
    if ((err = gyre_signal_start(&p->on_int, SIGINT)) < 0)
        return err;
    add_dir(p, strcpy(checked(malloc(strlen(root) + 1)), root));
    walk_on(p);
    return gyre_loop_run(p->loop);
}

static void clean_up(struct program *p)
{
    gyre_future_unref(p->step);
    gyre_loop_destroy(p->loop);
    gyre_dir_free(p->dir);
    while (p->dir_count > 0)
        free(p->dirs[--p->dir_count]);
    while (p->file_count > 0)
        free(p->files[--p->file_count].path);
    free(p->dir_path);
    free(p->dirs);
    free(p->files);
}

int main(int argc, char **argv)
{
    struct program p = { .jobs = DEFAULT_JOBS };
    int err;

    if (argc == 3)
        p.jobs = strtoul(argv[2], NULL, 10);
    if (argc < 2 || argc > 3 || p.jobs < 1 || p.jobs > MAX_JOBS) {
        fprintf(stderr, "usage: %s DIRECTORY [JOBS, 1 to %d]\n", argv[0], MAX_JOBS);
        return 2;
    }
    err = gyre_loop_create(NULL, &p.loop);
    if (err == 0)
        err = run(&p, argv[1]);
    clean_up(&p);
    if (err < 0)
        fprintf(stderr, "hash_tree: %s\n", gyre_strerror(err));
    if (p.interrupted)
        fputs("interrupted\n", stderr);
    return err < 0 || p.interrupted || p.failures > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
