/* gyre/file.h: files and directories. Each call runs on a pool's worker, and its result comes as a
 * future, so that a slow disk does not hold up the loop.
 *
 *     static const char text[] = "to be kept\n";
 *     struct gyre_loop *loop;
 *     if (gyre_loop_create(NULL, &loop) < 0)
 *         return 1;
 *     struct gyre_future *f = gyre_file_write_atomic(loop, NULL, "kept.txt", text, 11, 0644);
 *     gyre_loop_run_until(loop, f);
 *     gyre_future_unref(f);
 *     f = gyre_file_read_all(loop, NULL, "kept.txt", 4096);
 *     gyre_loop_run_until(loop, f);
 *     if (gyre_future_error(f) == 0)
 *         fputs(((struct gyre_buffer *)gyre_future_peek(f))->data, stdout);
 *     gyre_future_unref(f);
 *     f = gyre_file_unlink(loop, NULL, "kept.txt");
 *     gyre_loop_run_until(loop, f);
 *     gyre_future_unref(f);
 *     gyre_loop_destroy(loop);
 *
 * WHERE. `pool` is the pool whose worker makes the system calls; NULL is the loop's own. Calls that
 * are under way at the same time have no order: to have one after the other, wait for the first.
 *
 * ARGUMENTS. Paths are copied; a relative one is looked up when the worker gets to it. Memory that
 * is read or written, `buf` and `data`, is borrowed until the future is settled, and a descriptor
 * must stay open as long. So keep a reference until then: with the last one the call is cancelled,
 * but if it has begun it goes on, and you cannot see any more how long. Modes and flags are those of
 * open(2), for which you include <fcntl.h>, as <sys/stat.h> for struct stat.
 *
 * VALUES. Descriptors and counts of bytes come as numbers, (intptr_t)gyre_future_peek(f). What comes
 * as a pointer belongs to the future and is freed with it. Taken (gyre_future_take) it is yours, for
 * gyre_file_free, or gyre_dir_close in the case of a directory.
 *
 * CANCELLING. A call that has not begun is undone at once: nothing has happened, but that closing
 * closes in any case. One that runs goes on to its end, and is then OK or has failed; only long ones
 * (reading, gyre_file_read_all, gyre_file_write_atomic, gyre_file_copy) end early, and leave nothing
 * behind. A worker that is blocked, by a FIFO without a writer or a server that does not answer,
 * cannot be helped.
 *
 * CLOSING THE LOOP. gyre_loop_close waits for calls that use your memory, while they run; others end
 * by themselves, and their values are dropped.
 *
 * WHAT IS NOT HERE, readlink(2) or chmod(2), is a gyre_offload with a function of a few lines.
 *
 * ERRORS are those of the system call, and of gyre_offload: -EAGAIN the pool's queue is full,
 * -ESHUTDOWN, -ENOMEM. Every function here fails with -EINVAL if a pointer is NULL that must not be.
 * EINTR does not occur. Threads as in gyre/future.h.
 *
 * COST. Two allocations for the call and one for a value that is a pointer, all from the pool's
 * allocator; a round trip to a worker.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_FILE_H
#define GYRE_FILE_H

#include "gyre/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ descriptors */

/* Open a file, as open(2), and always close-on-exec. The value is the descriptor, a number; it is
 * closed if nobody takes it (gyre_future_take), also if the future is cancelled too late.
 *
 * Units:      flags are O_RDONLY and so on; mode is that of a new file, less the umask.
 * Source:     pool/file.c; tests: file_test.c, file_close_test.c, transfer_test.c.
 */
GYRE_API struct gyre_future *gyre_file_open(struct gyre_loop *loop, struct gyre_pool *pool,
                                            const char *path, int flags, unsigned mode);

/* Close a descriptor. An error may tell of data that could not be written.
 *
 * Ownership:  it is the call's, and is closed whatever becomes of the future: if that is cancelled
 *             or the loop is closed, on the loop's thread. Only if it is refused (it has failed
 *             already when this returns) does it stay yours.
 */
GYRE_API struct gyre_future *gyre_file_close(struct gyre_loop *loop, struct gyre_pool *pool,
                                             int fd);

/* Read `size` bytes, or as many as there are before the end of the file, from the file's position,
 * or from `offset`. The value is their number, 0 at the end.
 *
 * It waits for all of them also where they come slowly, from a pipe or a terminal: for those gyre_io
 * is better. An error after some bytes have been read is left for the next call. Cancelled while it
 * runs, it stops after the transfer under way: a value tells what was read, no bytes are lost.
 *
 * Ownership:  `buf` is borrowed until the future is settled.
 * Errors:     -EINVAL the size or the offset is out of bounds; -EAGAIN also if the descriptor is
 *             non-blocking and has nothing: such ones are for gyre_io.
 */
GYRE_API struct gyre_future *gyre_file_read(struct gyre_loop *loop, struct gyre_pool *pool, int fd,
                                            void *buf, size_t size);
GYRE_API struct gyre_future *gyre_file_pread(struct gyre_loop *loop, struct gyre_pool *pool, int fd,
                                             void *buf, size_t size, uint64_t offset);

/* Write all `size` bytes at the file's position, or at `offset`. The value is their number. Once
 * begun it is not cancelled.
 *
 * Ownership:  as gyre_file_read.
 * Errors:     as gyre_file_read. The detail of an error is the number of bytes that were written
 *             before it, (intptr_t)gyre_future_detail(f). -EPIPE without SIGPIPE.
 */
GYRE_API struct gyre_future *gyre_file_write(struct gyre_loop *loop, struct gyre_pool *pool, int fd,
                                             const void *buf, size_t size);
GYRE_API struct gyre_future *gyre_file_pwrite(struct gyre_loop *loop, struct gyre_pool *pool,
                                              int fd, const void *buf, size_t size,
                                              uint64_t offset);

/* Have what was written reach the medium, as fsync(2); on macOS as F_FULLFSYNC. After an error it is
 * unknown what has. */
GYRE_API struct gyre_future *gyre_file_sync(struct gyre_loop *loop, struct gyre_pool *pool, int fd);

/* What stat(2) or fstat(2) tells: the value is a struct stat *.
 *
 * Ownership:  the future's; taken, yours to gyre_file_free.
 * Errors:     on 32-bit systems compile the library and your program with the same
 *             _FILE_OFFSET_BITS; without it -EOVERFLOW for large files.
 */
GYRE_API struct gyre_future *gyre_file_stat(struct gyre_loop *loop, struct gyre_pool *pool,
                                            const char *path);
GYRE_API struct gyre_future *gyre_file_fstat(struct gyre_loop *loop, struct gyre_pool *pool,
                                             int fd);

/* Free a value that was taken: a struct stat, a struct gyre_buffer, a struct gyre_dir_batch. NULL is
 * ignored.
 *
 * Thread:     any, if the allocator of the pool may be used by any.
 */
GYRE_API void gyre_file_free(void *value);

/* ------------------------------------------------------------------ names */

/* As rename(2), unlink(2), mkdir(2) and rmdir(2). No value. */
GYRE_API struct gyre_future *gyre_file_rename(struct gyre_loop *loop, struct gyre_pool *pool,
                                              const char *from, const char *to);
GYRE_API struct gyre_future *gyre_file_unlink(struct gyre_loop *loop, struct gyre_pool *pool,
                                              const char *path);
GYRE_API struct gyre_future *gyre_file_mkdir(struct gyre_loop *loop, struct gyre_pool *pool,
                                             const char *path, unsigned mode);
GYRE_API struct gyre_future *gyre_file_rmdir(struct gyre_loop *loop, struct gyre_pool *pool,
                                             const char *path);

/* ------------------------------------------------------------------ directories */

/* An open directory. */
struct gyre_dir;

enum gyre_file_type {
    GYRE_FILE_UNKNOWN, /* it went before it could be looked at, or is of no kind below */
    GYRE_FILE_REGULAR,
    GYRE_FILE_DIRECTORY,
    GYRE_FILE_LINK, /* symbolic; not followed */
    GYRE_FILE_FIFO,
    GYRE_FILE_SOCKET,
    GYRE_FILE_DEVICE, /* a character or block device */
};

struct gyre_dir_entry {
    const char *name;
    enum gyre_file_type type;
};

/* Some entries of a directory, one block of memory. */
struct gyre_dir_batch {
    size_t count;
    const struct gyre_dir_entry *entries;
};

/* Open a directory: the value is a struct gyre_dir *.
 *
 * Ownership:  the future's; taken, yours to gyre_dir_close.
 * Source:     pool/dir.c; tests: dir_test.c, dir_end_test.c.
 */
GYRE_API struct gyre_future *gyre_dir_open(struct gyre_loop *loop, struct gyre_pool *pool,
                                           const char *path);

/* The next entries, at least one and at most `max`, without "." and "..", in no order: the value is a
 * struct gyre_dir_batch *. An empty one means that there are no more.
 *
 * What is created or removed meanwhile may be among them or not. A value that is dropped is lost.
 *
 * Ownership:  the batch is the future's; taken, yours to gyre_file_free. The directory may be closed
 *             before. `dir` must stay open until the future is settled.
 * Errors:     -EBUSY the one before has not ended, or was cancelled in this very callback; -EINVAL
 *             max is 0. An error after some entries is left for the next call.
 * Cost:       a block of memory as large as `max` entries would need, but for very large `max`.
 */
GYRE_API struct gyre_future *gyre_dir_next(struct gyre_loop *loop, struct gyre_pool *pool,
                                           struct gyre_dir *dir, size_t max);

/* Close it.
 *
 * Ownership:  as gyre_file_close: refused, it stays yours.
 * Errors:     -EBUSY a gyre_dir_next has not ended.
 */
GYRE_API struct gyre_future *gyre_dir_close(struct gyre_loop *loop, struct gyre_pool *pool,
                                            struct gyre_dir *dir);

/* Close it on the calling thread: when there is no loop any more that could have it done, or
 * gyre_dir_close was refused. If a gyre_dir_next is under way, that closes it when it ends. NULL is
 * ignored.
 *
 * Thread:     any.
 * Blocks:     hardly: a directory has nothing to be written.
 */
GYRE_API void gyre_dir_free(struct gyre_dir *dir);

/* ------------------------------------------------------------------ whole files */

/* The contents of a file, one block of memory. */
struct gyre_buffer {
    size_t size;
    char *data; /* with a NUL behind the last byte */
};

/* Read a whole file: the value is a struct gyre_buffer *.
 *
 * Ownership:  the future's; taken, yours to gyre_file_free.
 * Errors:     -EFBIG it has more than `limit` bytes; -ENOMEM also if it does not fit into memory.
 * Units:      limit in bytes; SIZE_MAX: none.
 * Source:     pool/whole.c; tests: whole_test.c, whole_fault_test.c.
 */
GYRE_API struct gyre_future *gyre_file_read_all(struct gyre_loop *loop, struct gyre_pool *pool,
                                                const char *path, size_t limit);

/* Replace a file, or make it, so that at every moment, also after a power failure, there is either
 * the old one or the new one, whole. No value.
 *
 * A temporary file in the same directory, its name begins with ".gyre-", is written, synced, and
 * renamed; then the directory is synced. The new file has `mode`, less the umask, and the owner of
 * every file that you make, whatever the old one had; hard links to that keep the old contents, a
 * symbolic link is replaced and not followed.
 *
 * On any failure, and if it is cancelled, the temporary file is removed and the old file untouched,
 * with one exception: if the last step fails, the sync of the directory, the new file is there
 * already, but perhaps not for good. Then gyre_future_detail(f) is not NULL. If the process dies the
 * temporary file stays.
 *
 * Ownership:  `data` is borrowed until the future is settled; it may be NULL if size is 0.
 * Errors:     -EISDIR a directory has that name, -EINVAL something else that is neither a file nor a
 *             link: nothing but those is replaced. -EACCES also if the directory may not be read,
 *             which it must be to be synced.
 */
GYRE_API struct gyre_future *gyre_file_write_atomic(struct gyre_loop *loop, struct gyre_pool *pool,
                                                    const char *path, const void *data, size_t size,
                                                    unsigned mode);

enum gyre_copy_flags {
    GYRE_COPY_NEW = 1,  /* -EEXIST if `to` exists, instead of replacing it */
    GYRE_COPY_SYNC = 2, /* it survives a power failure once the future is OK */
};

/* Copy the contents of a regular file, and its permissions, less the umask; not its owner, times and
 * the like. A link to the file is followed. The value is the number of bytes. It happens inside the
 * kernel where the system and the file systems can do that, and then may share the blocks until they
 * are changed; else by reading and writing. Holes may be filled.
 *
 * An existing target is replaced as by gyre_file_write_atomic: it is untouched on failure or
 * cancellation, when what was written is removed. With GYRE_COPY_NEW the target grows in place, and
 * is removed if it does not get whole.
 *
 * Errors:     -EINVAL unknown flags, or `from` is not a regular file; -EISDIR it is a directory. For
 *             `to` those of gyre_file_write_atomic, and with GYRE_COPY_SYNC its exception.
 * Source:     pool/copy.c; tests: copy_test.c, whole_fault_test.c.
 */
GYRE_API struct gyre_future *gyre_file_copy(struct gyre_loop *loop, struct gyre_pool *pool,
                                            const char *from, const char *to, unsigned flags);

#ifdef __cplusplus
}
#endif

#endif
