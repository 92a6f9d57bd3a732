/* Directories, read in batches.
 *
 * A directory has two holders at most: its handle, and the gyre_dir_next under way, which therefore
 * can be alone when the loop is closed. The last one closes it.
 *
 * SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "os/sys.h"
#include "pool/fd.h"
#include "pool/request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum {
    MOST_ENTRIES = 512,  /* in a batch */
    USUAL_NAME_SIZE = 48 /* how much room a batch has for each name, on average */
};

struct gyre_dir {
    DIR *stream;
    unsigned holders;
    const struct dirent *held; /* read, but the batch was full */
    int err;                   /* met after some entries, and left for the next call */
};

/* ---- its life */

/* Become the second holder; false: there is one. */
static bool hold_dir(struct gyre_dir *dir)
{
    unsigned one = 1;

    return __atomic_compare_exchange_n(&dir->holders, &one, 2, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static int leave_dir(struct gyre_dir *dir)
{
    if (__atomic_sub_fetch(&dir->holders, 1, __ATOMIC_ACQ_REL) > 0)
        return 0;
    int err = sys->close_dir(dir->stream) < 0 && errno != EINTR ? -errno : 0;
    gyre_file_free(dir);
    return err;
}

void gyre_dir_free(struct gyre_dir *dir)
{
    if (dir)
        (void)leave_dir(dir);
}

static void drop_dir(void *dir)
{
    gyre_dir_free(dir);
}

/* Fill in a directory from a path; 0 or a negative errno. */
static int open_stream(struct gyre_dir *dir, const char *path)
{
    int fd = fd_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);

    if (fd < 0)
        return fd;
    *dir = (struct gyre_dir){ .stream = sys->open_dir(fd), .holders = 1 };
    if (dir->stream)
        return 0;
    int err = -errno;
    (void)fd_close(fd);
    return err;
}

static int run_dir_open(struct gyre_job *job, struct file_request *r)
{
    struct gyre_dir *dir = value_make(value_allocator(r), sizeof(*dir));
    int err = dir ? open_stream(dir, r->path) : -ENOMEM;

    if (err < 0)
        gyre_file_free(dir);
    else
        gyre_job_return(job, dir, drop_dir);
    return err;
}

struct gyre_future *gyre_dir_open(struct gyre_loop *loop, struct gyre_pool *pool, const char *path)
{
    struct file_request model = { .run = run_dir_open, .path = path };

    return path ? file_submit(loop, pool, 0, &model) : file_refuse(loop, -EINVAL);
}

/* ---- batches: the entries grow from the front of the block, the names from its end */

struct batch {
    struct gyre_dir_batch is;
    size_t names_begin; /* an offset in the block */
    struct gyre_dir_entry entries[];
};

static size_t batch_end(const struct batch *batch)
{
    return sizeof(*batch) + batch->is.count * sizeof(batch->entries[0]);
}

static struct batch *make_batch(const struct gyre_allocator *allocator, size_t max,
                                const struct dirent *first)
{
    size_t count = max < MOST_ENTRIES ? max : MOST_ENTRIES;
    size_t first_size = first ? strlen(first->d_name) + 1 : 0;
    size_t size = sizeof(struct batch) + count * (sizeof(struct gyre_dir_entry) + USUAL_NAME_SIZE) +
                  first_size;
    struct batch *batch = value_make(allocator, size);

    if (!batch)
        return NULL;
    *batch = (struct batch){ .names_begin = size };
    batch->is.entries = batch->entries;
    return batch;
}

static enum gyre_file_type type_of_mode(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return GYRE_FILE_REGULAR;
    case S_IFDIR:
        return GYRE_FILE_DIRECTORY;
    case S_IFLNK:
        return GYRE_FILE_LINK;
    case S_IFIFO:
        return GYRE_FILE_FIFO;
    case S_IFSOCK:
        return GYRE_FILE_SOCKET;
    case S_IFCHR:
    case S_IFBLK:
        return GYRE_FILE_DEVICE;
    default:
        return GYRE_FILE_UNKNOWN;
    }
}

static enum gyre_file_type type_of_entry(const struct gyre_dir *dir, const struct dirent *entry)
{
    mode_t mode = sys->entry_type(entry);
    struct stat st;

    if (mode != 0)
        return type_of_mode(mode);
    if (fd_stat_at(dirfd(dir->stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return GYRE_FILE_UNKNOWN;
    return type_of_mode(st.st_mode);
}

/* False: there is no room for it. */
static bool batch_add(struct batch *batch, const struct gyre_dir *dir, const struct dirent *entry)
{
    size_t size = strlen(entry->d_name) + 1;

    if (batch->names_begin - batch_end(batch) < size + sizeof(batch->entries[0]))
        return false;
    batch->names_begin -= size;
    batch->entries[batch->is.count++] = (struct gyre_dir_entry){
        .name = memcpy((char *)batch + batch->names_begin, entry->d_name, size),
        .type = type_of_entry(dir, entry),
    };
    return true;
}

/* ---- reading */

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* The next entry; NULL: dir->err, or the end. */
static const struct dirent *read_entry(struct gyre_dir *dir)
{
    const struct dirent *entry = dir->held;

    dir->held = NULL;
    while (!entry || is_dots(entry->d_name)) {
        errno = 0;
        entry = sys->read_dir(dir->stream);
        if (entry || errno == EINTR)
            continue;
        dir->err = -errno;
        return NULL;
    }
    return entry;
}

static int read_batch(struct gyre_job *job, struct gyre_dir *dir, struct file_request *r)
{
    const struct dirent *entry = dir->err < 0 ? NULL : read_entry(dir);
    int err = dir->err;

    dir->err = 0;
    if (err < 0)
        return err;
    struct batch *batch = make_batch(value_allocator(r), entry ? r->size : 0, entry);
    if (!batch) {
        dir->held = entry;
        return -ENOMEM;
    }
    while (entry && batch_add(batch, dir, entry))
        entry = batch->is.count < r->size ? read_entry(dir) : NULL;
    dir->held = entry;
    gyre_job_return(job, &batch->is, gyre_file_free);
    return 0;
}

static int run_dir_next(struct gyre_job *job, struct file_request *r)
{
    int err = read_batch(job, r->dir, r);

    (void)leave_dir(r->dir);
    return err;
}

static void leave_lost(struct file_request *r)
{
    (void)leave_dir(r->dir);
}

struct gyre_future *gyre_dir_next(struct gyre_loop *loop, struct gyre_pool *pool,
                                  struct gyre_dir *dir, size_t max)
{
    struct file_request model = {
        .run = run_dir_next, .lost = leave_lost, .dir = dir, .size = max
    };

    if (!dir || max == 0)
        return file_refuse(loop, -EINVAL);
    if (!hold_dir(dir))
        return file_refuse(loop, -EBUSY);
    struct gyre_future *f = file_submit(loop, pool, 0, &model);
    if (file_was_refused(f))
        (void)leave_dir(dir);
    return f;
}

static int run_dir_close(struct gyre_job *job, struct file_request *r)
{
    (void)job;
    return leave_dir(r->dir);
}

struct gyre_future *gyre_dir_close(struct gyre_loop *loop, struct gyre_pool *pool,
                                   struct gyre_dir *dir)
{
    struct file_request model = { .run = run_dir_close, .lost = leave_lost, .dir = dir };

    if (!dir)
        return file_refuse(loop, -EINVAL);
    if (__atomic_load_n(&dir->holders, __ATOMIC_ACQUIRE) > 1)
        return file_refuse_request(loop, -EBUSY, &model);
    return file_submit(loop, pool, 0, &model);
}
