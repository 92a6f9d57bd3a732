/* tcp.c: see tcp.h.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp.h"

/* Close `fd` because of what errno says. */
static int give_up(int fd)
{
    int err = -errno;

    close(fd);
    return err;
}

/* Small messages go out at once, not when the one before has been acknowledged. */
static int set_up(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return give_up(fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    return fd;
}

static int open_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd < 0 ? -errno : set_up(fd);
}

static struct sockaddr_in local_address(uint16_t port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };

    inet_pton(AF_INET, "127.0.0.1", &addr.sin_addr);
    return addr;
}

int tcp_listen(uint16_t *port)
{
    struct sockaddr_in addr = local_address(*port);
    socklen_t size = sizeof(addr);
    int fd = open_socket();

    if (fd < 0)
        return fd;
    /* Without this a server cannot be started again for a minute after it had connections. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(fd, (struct sockaddr *)&addr, size) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &size) < 0)
        return give_up(fd);
    *port = ntohs(addr.sin_port);
    return fd;
}

int tcp_accept(int listener)
{
    int fd;

    do
        fd = accept(listener, NULL, NULL);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : set_up(fd);
}

int tcp_connect(uint16_t port)
{
    struct sockaddr_in addr = local_address(port);
    int fd = open_socket();

    if (fd < 0)
        return fd;
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno != EINPROGRESS)
        return give_up(fd);
    return fd;
}
