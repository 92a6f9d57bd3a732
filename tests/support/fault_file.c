/* Faults in system calls for files.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fault_core.h"

#include <errno.h>

/* ------------------------------------------------------------------ faults */

static struct fault file_fault;
static const struct sys_table *below_files; /* the table that does the work */
static size_t most_bytes;
static bool types_are_hidden;
static struct fault hook_point;
static enum sys_call hook_kind;
static void (*hook_fn)(void *arg);
static void *hook_arg;

void shorten_transfers(size_t most)
{
    __atomic_store_n(&most_bytes, most, __ATOMIC_SEQ_CST);
}

static size_t shortened(size_t size)
{
    size_t most = __atomic_load_n(&most_bytes, __ATOMIC_SEQ_CST);

    return most > 0 && size > most ? most : size;
}

void at_file_call(enum sys_call which, unsigned n, void (*fn)(void *arg), void *arg)
{
    fault_disarm(&hook_point);
    hook_kind = which;
    hook_fn = fn;
    hook_arg = arg;
    __atomic_store_n(&hook_point.left, n, __ATOMIC_SEQ_CST);
}

void fail_file_call(unsigned n, int err, bool forever)
{
    fault_arm(&file_fault, n, err, forever);
}

void hide_entry_types(bool on)
{
    __atomic_store_n(&types_are_hidden, on, __ATOMIC_SEQ_CST);
}

bool fault_files_armed(void)
{
    return fault_is_armed(&file_fault);
}

void fault_disarm_files(void)
{
    fault_disarm(&file_fault);
}

void fault_reset_files(void)
{
    at_file_call(SYS_KINDS, 0, NULL, NULL);
    shorten_transfers(0);
    hide_entry_types(false);
}

/* ------------------------------------------------------------------ the calls */

static bool refuses_file(enum sys_call which)
{
    if (fault_is_armed(&hook_point) && which == hook_kind && fault_strikes(&hook_point))
        hook_fn(hook_arg);
    return fault_refuses(which) || fault_strikes_call(&file_fault, which);
}

static ssize_t count_file_read(int fd, void *buf, size_t size)
{
    return refuses_file(SYS_FILE_READ) ? -1 : below_files->file_read(fd, buf, shortened(size));
}

static ssize_t count_file_write(int fd, const void *buf, size_t size)
{
    return refuses_file(SYS_FILE_WRITE) ? -1 : below_files->file_write(fd, buf, shortened(size));
}

static ssize_t count_pread(int fd, void *buf, size_t size, off_t offset)
{
    return refuses_file(SYS_PREAD) ? -1 : below_files->pread(fd, buf, shortened(size), offset);
}

static ssize_t count_pwrite(int fd, const void *buf, size_t size, off_t offset)
{
    return refuses_file(SYS_PWRITE) ? -1 : below_files->pwrite(fd, buf, shortened(size), offset);
}

/* So that the tests of copying inside the kernel can run where there is no such thing. */
static ssize_t copy_instead(int from, int to, size_t size)
{
    char bytes[4096];
    ssize_t n = below_files->file_read(from, bytes, size < sizeof(bytes) ? size : sizeof(bytes));

    return n > 0 ? below_files->file_write(to, bytes, (size_t)n) : n;
}

static ssize_t count_copy_range(int from, int to, size_t size)
{
    if (refuses_file(SYS_COPY_RANGE))
        return -1;

    ssize_t n = below_files->copy_range(from, to, shortened(size));
    bool cannot = n < 0 && (errno == ENOSYS || errno == EXDEV || errno == EOPNOTSUPP);
    return cannot ? copy_instead(from, to, shortened(size)) : n;
}

static int count_open_at(int dir, const char *path, int flags, mode_t mode)
{
    return refuses_file(SYS_OPEN_AT) ? -1 : below_files->open_at(dir, path, flags, mode);
}

/* As count_close. */
static int count_file_close(int fd)
{
    int result = below_files->file_close(fd);

    return refuses_file(SYS_FILE_CLOSE) ? -1 : result;
}

static int count_sync(int fd)
{
    return refuses_file(SYS_SYNC) ? -1 : below_files->sync(fd);
}

static int count_fstat(int fd, struct stat *st)
{
    return refuses_file(SYS_FSTAT) ? -1 : below_files->fstat(fd, st);
}

static int count_stat_at(int dir, const char *path, struct stat *st, int flags)
{
    return refuses_file(SYS_STAT_AT) ? -1 : below_files->stat_at(dir, path, st, flags);
}

static int count_rename_at(int from_dir, const char *from, int to_dir, const char *to)
{
    return refuses_file(SYS_RENAME_AT) ? -1 : below_files->rename_at(from_dir, from, to_dir, to);
}

static int count_unlink_at(int dir, const char *path, int flags)
{
    return refuses_file(SYS_UNLINK_AT) ? -1 : below_files->unlink_at(dir, path, flags);
}

static int count_mkdir_at(int dir, const char *path, mode_t mode)
{
    return refuses_file(SYS_MKDIR_AT) ? -1 : below_files->mkdir_at(dir, path, mode);
}

static DIR *count_open_dir(int fd)
{
    return refuses_file(SYS_OPEN_DIR) ? NULL : below_files->open_dir(fd);
}

static struct dirent *count_read_dir(DIR *stream)
{
    return refuses_file(SYS_READ_DIR) ? NULL : below_files->read_dir(stream);
}

/* As count_close. */
static int count_close_dir(DIR *stream)
{
    int result = below_files->close_dir(stream);

    return refuses_file(SYS_CLOSE_DIR) ? -1 : result;
}

static mode_t count_entry_type(const struct dirent *entry)
{
    return __atomic_load_n(&types_are_hidden, __ATOMIC_SEQ_CST) ? 0
                                                                : below_files->entry_type(entry);
}

void fault_fill_files(struct sys_table *table, const struct sys_table *below)
{
    below_files = below;
    table->file_read = count_file_read;
    table->file_write = count_file_write;
    table->pread = count_pread;
    table->pwrite = count_pwrite;
    table->copy_range = count_copy_range;
    table->open_at = count_open_at;
    table->file_close = count_file_close;
    table->sync = count_sync;
    table->fstat = count_fstat;
    table->stat_at = count_stat_at;
    table->rename_at = count_rename_at;
    table->unlink_at = count_unlink_at;
    table->mkdir_at = count_mkdir_at;
    table->open_dir = count_open_dir;
    table->read_dir = count_read_dir;
    table->close_dir = count_close_dir;
    table->entry_type = count_entry_type;
}
