/* The system calls the library makes, in one table, so that tests can make each of them fail.
 *
 * Each member has the system's own contract: -1 and errno. Callers turn that into a negative errno
 * on the next line. `sys` is never changed outside tests.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_SYS_H
#define GYRE_SYS_H

#include <dirent.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif

struct kevent;

struct sys_table {
    ssize_t (*read)(int fd, void *buf, size_t size);
    ssize_t (*write)(int fd, const void *buf, size_t size);
    int (*close)(int fd);
    int (*is_open)(int fd);       /* fcntl(F_GETFD) */
    int (*wake_pair)(int fds[2]); /* what wakes a poller: fds[0] is polled, fds[1] written; both
                                     non-blocking and close-on-exec; the same for an eventfd */
    int (*poll)(struct pollfd *fds, nfds_t count, int timeout_ms);
    int (*sigaction)(int signo, const struct sigaction *act, struct sigaction *old);
    int (*clock_gettime)(clockid_t clock, struct timespec *ts);
    int (*timer_slack)(uint64_t ns); /* of this thread; succeeds where there is no such thing */
    int (*thread_create)(pthread_t *thread, const pthread_attr_t *attr, void *(*main)(void *),
                         void *arg); /* returns a positive errno */
    int (*getaddrinfo)(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list); /* this and the next but one return EAI codes */
    void (*freeaddrinfo)(struct addrinfo *list);
    int (*getnameinfo)(const struct sockaddr *address, socklen_t size, char *host,
                       socklen_t host_size, char *service, socklen_t service_size, int flags);

    /* Files. The first two are read and write once more, apart from those of wake-ups. */
    ssize_t (*file_read)(int fd, void *buf, size_t size);
    ssize_t (*file_write)(int fd, const void *buf, size_t size);
    ssize_t (*pread)(int fd, void *buf, size_t size, off_t offset);
    ssize_t (*pwrite)(int fd, const void *buf, size_t size, off_t offset);
    ssize_t (*copy_range)(int from, int to, size_t size); /* from position to position, inside the
                                                             kernel; ENOSYS where it cannot */
    int (*open_at)(int dir, const char *path, int flags, mode_t mode);
    int (*file_close)(int fd);
    int (*sync)(int fd); /* down to the medium */
    int (*fstat)(int fd, struct stat *st);
    int (*stat_at)(int dir, const char *path, struct stat *st, int flags);
    int (*rename_at)(int from_dir, const char *from, int to_dir, const char *to);
    int (*unlink_at)(int dir, const char *path, int flags);
    int (*mkdir_at)(int dir, const char *path, mode_t mode);
    DIR *(*open_dir)(int fd);
    struct dirent *(*read_dir)(DIR *stream); /* NULL and errno 0 at the end */
    int (*close_dir)(DIR *stream);
    mode_t (*entry_type)(const struct dirent *entry); /* as S_IFMT; 0: the system does not say */
#ifdef __linux__
    int (*epoll_create)(void); /* close-on-exec */
    int (*epoll_ctl)(int epfd, int op, int fd, struct epoll_event *event);
    int (*epoll_wait)(int epfd, struct epoll_event *events, int max, int timeout_ms);
    int (*epoll_pwait2)(int epfd, struct epoll_event *events, int max, uint64_t timeout_ns);
    int (*timerfd_create)(void);                       /* non-blocking, close-on-exec */
    int (*timerfd_settime)(int fd, uint64_t delay_ns); /* 0: disarm */
#endif
#ifdef GYRE_HAVE_KQUEUE
    int (*kqueue)(void); /* close-on-exec */
    int (*kevent)(int kq, const struct kevent *changes, int change_count, struct kevent *events,
                  int event_count, const struct timespec *timeout);
#endif
};

extern const struct sys_table sys_real;
extern const struct sys_table *sys;

/* The members that are the same everywhere, for the initialiser of a table. */
#define SYS_POSIX_MEMBERS                                                                     \
    .read = read, .write = write, .close = close, .is_open = sys_is_open, .poll = poll,       \
    .sigaction = sigaction, .clock_gettime = clock_gettime, .thread_create = pthread_create,  \
    .getaddrinfo = getaddrinfo, .freeaddrinfo = freeaddrinfo, .getnameinfo = getnameinfo,     \
    .file_read = read, .file_write = write, .pread = pread, .pwrite = pwrite,                 \
    .open_at = sys_open_at, .file_close = close, .fstat = fstat, .stat_at = fstatat,          \
    .rename_at = renameat, .unlink_at = unlinkat, .mkdir_at = mkdirat, .open_dir = fdopendir, \
    .read_dir = readdir, .close_dir = closedir

/* Functions of sys_posix.c for these and for other members. */
int sys_is_open(int fd);
int sys_pipe(int fds[2]);
int sys_no_timer_slack(uint64_t ns);
int sys_open_at(int dir, const char *path, int flags, mode_t mode);
ssize_t sys_no_copy_range(int from, int to, size_t size);

/* Name the calling thread, at most 15 bytes, where there is a way. */
void sys_name_thread(const char *name);

#endif
