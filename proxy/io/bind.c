/* Opening listening sockets. Each worker has one of its own per address (SO_REUSEPORT): the kernel
 * spreads connections over them and no lock is shared. */
#include "proxy/io/bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

enum { BACKLOG = 4096, RETRIES = 10, RETRY_MS = 50 };

/* Splits at the last colon; brackets of IPv6 addresses go. */
static int resolve(const char *address, struct sockaddr_storage *out, socklen_t *len)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;

    if (!colon || (size_t)(colon - address) >= sizeof(host))
        return -1;
    size_t n = (size_t)(colon - address);
    memcpy(host, address, n);
    host[n] = 0;
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        memmove(host, host + 1, n - 2);
        host[n - 2] = 0;
    }
    int r = getaddrinfo(host[0] ? host : "0.0.0.0", colon + 1, &hints, &list);
    if (r != 0) {
        log_error("cannot listen on %s: %s", address, gai_strerror(r));
        return -1;
    }
    memcpy(out, list->ai_addr, list->ai_addrlen);
    *len = list->ai_addrlen;
    freeaddrinfo(list);
    return 0;
}

static int open_one(const struct sockaddr_storage *address, socklen_t len, bool is_shared)
{
    int one = 1;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    /* Accepted sockets inherit it: one call here instead of one per connection. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (is_shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)address, len) < 0 ||
        (is_shared && listen(fd, BACKLOG) < 0)) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

static void name_of(const struct sockaddr_storage *address, char *name, size_t room)
{
    char text[INET6_ADDRSTRLEN];

    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
        snprintf(name, room, "[%s]:%u", text, ntohs(v6->sin6_port));
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
        snprintf(name, room, "%s:%u", text, ntohs(v4->sin_port));
    }
}

static int complain(const char *address, int error)
{
    if (error == -EADDRINUSE)
        log_error("cannot listen on %s: another program listens there already; stop it or choose "
                  "another port "
                  "(--listen)",
                  address);
    else
        log_error("cannot listen on %s: %s", address, strerror(-error));
    return -1;
}

/* With SO_REUSEPORT a second weir could share the port unnoticed: a first socket without it finds
 * out. */
int bind_open(const char *address, int *fds, int nr, char *name, size_t name_room)
{
    struct sockaddr_storage where;
    socklen_t len;

    if (resolve(address, &where, &len) < 0)
        return -1;
    int probe = open_one(&where, len, false);
    /* A weir that has just been told to end keeps its sockets for a moment (client/listener.c). */
    for (int i = 0; probe == -EADDRINUSE && i < RETRIES; i++) {
        nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
        probe = open_one(&where, len, false);
    }
    if (probe < 0)
        return complain(address, probe);
    getsockname(probe, (struct sockaddr *)&where, &len);
    if (listen(probe, 1) < 0) {
        int r = -errno;
        close(probe);
        return complain(address, r);
    }
    close(probe);
    for (int i = 0; i < nr; i++) {
        fds[i] = open_one(&where, len, true);
        if (fds[i] < 0) {
            int r = fds[i];
            while (--i >= 0)
                close(fds[i]);
            return complain(address, r);
        }
    }
    name_of(&where, name, name_room);
    return 0;
}
