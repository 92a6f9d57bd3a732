/* See draft.h.
 *
 * SPDX-License-Identifier: MIT */
#include "pool/draft.h"

#include "os/clock.h"
#include "pool/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_ATTEMPTS = 100 };

/* Cut a path into the directory, which is returned, and the name in it. */
static const char *split_path(char *path, const char **name)
{
    char *slash = strrchr(path, '/');

    *name = slash ? slash + 1 : path;
    if (!slash)
        return ".";
    if (slash == path)
        return "/";
    *slash = '\0';
    return path;
}

/* A name that hardly anybody has; O_EXCL takes care of the rest. */
static void make_name(char *name, size_t size, unsigned attempt)
{
    uint64_t mixed = clock_now() + attempt;

    mixed = (mixed ^ (uint64_t)getpid() << 32) * 0x9e3779b97f4a7c15u;
    (void)snprintf(name, size, ".gyre-%016llx", (unsigned long long)(mixed ^ mixed >> 29));
}

static int create_file(struct draft *d, mode_t mode)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

    if (d->is_target)
        return fd_open_at(d->dir, d->target, flags, mode);
    for (unsigned attempt = 0;; attempt++) {
        make_name(d->name, sizeof(d->name), attempt);
        int fd = fd_open_at(d->dir, d->name, flags, mode);

        if (fd != -EEXIST || attempt == NAME_ATTEMPTS)
            return fd;
    }
}

/* Whether a file may take the place of what is there: 0 or why not. */
static int check_target(const struct draft *d)
{
    struct stat st;
    int err = fd_stat_at(d->dir, d->target, &st, AT_SYMLINK_NOFOLLOW);

    if (err < 0)
        return err == -ENOENT ? 0 : err;
    if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
        return 0;
    return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
}

int draft_begin(struct draft *d, char *path, mode_t mode, bool must_be_new)
{
    *d = (struct draft){ .is_target = must_be_new };
    const char *dir = split_path(path, &d->target);

    if (*d->target == '\0')
        return dir == path || *dir == '/' ? -EISDIR : -ENOENT;
    d->dir = fd_open_at(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0);
    if (d->dir < 0)
        return d->dir;
    int err = must_be_new ? 0 : check_target(d);
    d->fd = err < 0 ? err : create_file(d, mode);
    if (d->fd < 0)
        (void)fd_close(d->dir);
    return d->fd < 0 ? d->fd : 0;
}

static void remove_draft(const struct draft *d)
{
    (void)fd_unlink_at(d->dir, d->is_target ? d->target : d->name, 0);
}

void draft_discard(struct draft *d)
{
    (void)fd_close(d->fd);
    remove_draft(d);
    (void)fd_close(d->dir);
}

/* Give it its name. */
static int publish(const struct draft *d)
{
    return d->is_target ? 0 : fd_rename_at(d->dir, d->name, d->dir, d->target);
}

/* Some file systems cannot sync a directory, and say that they do not understand. */
static int sync_directory(const struct draft *d)
{
    int err = fd_sync(d->dir);

    return err == -EINVAL ? 0 : err;
}

int draft_commit(struct draft *d, bool is_lasting, bool *is_there)
{
    int err = is_lasting ? fd_sync(d->fd) : 0;
    int close_err = fd_close(d->fd); /* may tell of what could not be written */

    if (err == 0)
        err = close_err;
    if (err == 0)
        err = publish(d);
    bool was_published = err == 0 && !d->is_target;
    if (err == 0 && is_lasting)
        err = sync_directory(d);
    *is_there = err < 0 && was_published;
    if (err < 0 && !was_published)
        remove_draft(d);
    (void)fd_close(d->dir);
    return err;
}
