/* Opening listening sockets. Each worker has one of its own per address (SO_REUSEPORT): the kernel
 * spreads connections over them and no lock is shared. ":PORT" is one socket of IPv6 that takes
 * IPv4 as well (RFC 3493 section 5.3), or one of IPv4 where the machine has no IPv6. */
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
#include "conf/bindspec.h"
#include "proxy/io/io.h"

enum { BACKLOG = 4096, RETRIES = 10, RETRY_MS = 50 };

/* An address of either family. */
struct place {
    struct sockaddr_storage address;
    socklen_t len;
    bool is_v6_only;
};

static struct place any_of(int family, uint16_t port)
{
    struct place p = {.len = sizeof(struct sockaddr_in)};

    if (family == AF_INET6) {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&p.address, &v6, sizeof(v6));
        p.len = sizeof(v6);
    } else {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&p.address, &v4, sizeof(v4));
    }
    return p;
}

/* The first address of the host. NULL, or why there is none. */
static const char *resolve(const struct bindspec *spec, struct place *out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char host[256], port[8];

    if (spec->host.n >= sizeof(host))
        return "the host is too long";
    memcpy(host, spec->host.p, spec->host.n);
    host[spec->host.n] = '\0';
    snprintf(port, sizeof(port), "%u", spec->port);
    int r = getaddrinfo(host, port, &hints, &list);
    if (r != 0)
        return gai_strerror(r);
    *out = (struct place){.len = list->ai_addrlen};
    memcpy(&out->address, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    return NULL;
}

/* What accepted sockets inherit is set here: one call instead of one for each connection. */
static int configure(int fd, const struct place *where, bool is_shared)
{
    int one = 1, is_v6_only = where->is_v6_only;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    io_keep_alive(fd);
    /* Said each time, as the default is a setting of the system's. */
    if (where->address.ss_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &is_v6_only, sizeof(is_v6_only)) < 0)
        return -1;
    return is_shared ? setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) : 0;
}

/* The socket, or a negative errno. */
static int open_one(const struct place *where, bool is_shared)
{
    int fd = socket(where->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (configure(fd, where, is_shared) < 0 ||
        bind(fd, (const struct sockaddr *)&where->address, where->len) < 0 ||
        (is_shared && listen(fd, BACKLOG) < 0)) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

/* With SO_REUSEPORT a second weir could share the port unnoticed: a first socket without it finds
 * out. The socket, which does not listen, or a negative errno. */
static int try_alone(const struct place *where, bool waits)
{
    int fd = open_one(where, false);

    /* A weir that has just been told to end keeps its sockets for a moment (client/listener.c). */
    for (int i = 0; waits && fd == -EADDRINUSE && i < RETRIES; i++) {
        nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
        fd = open_one(where, false);
    }
    return fd;
}

/* On success the place has the port. 0 or a negative errno. */
static int probe(struct place *where)
{
    int fd = try_alone(where, true), r = 0;

    if (fd < 0)
        return fd;
    if (getsockname(fd, (struct sockaddr *)&where->address, &where->len) < 0 || listen(fd, 1) < 0)
        r = -errno;
    close(fd);
    return r;
}

/* As probe, but without listening. */
static int look(struct place *where, bool waits)
{
    int fd = try_alone(where, waits);

    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

static bool is_ipv6_missing(int error)
{
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL || error == -EPROTONOSUPPORT;
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

/* Why not, as a sentence. */
static void explain(const char *address, int error, const char *option, char why[BIND_WHY])
{
    const char *setting = option && strcmp(option, "--admin") == 0 ? "admin.address" : "listeners";

    if (error == -EADDRINUSE && !option)
        snprintf(why, BIND_WHY,
                 "cannot listen on %s: another program, or another listener of this one, has the "
                 "port already",
                 address);
    else if (error == -EADDRINUSE)
        snprintf(why, BIND_WHY,
                 "cannot listen on %s: another program has the port already; stop it, or choose "
                 "another port (%s, or %s in the settings)",
                 address, option, setting);
    else if (error == -EACCES)
        snprintf(why, BIND_WHY,
                 "cannot listen on %s: %s; a low port needs the capability CAP_NET_BIND_SERVICE",
                 address, strerror(-error));
    else if (error == -EADDRNOTAVAIL)
        snprintf(why, BIND_WHY, "cannot listen on %s: this machine has no such address", address);
    else
        snprintf(why, BIND_WHY, "cannot listen on %s: %s", address, strerror(-error));
}

static int complain(const char *address, int error)
{
    char why[BIND_WHY];

    explain(address, error, NULL, why);
    log_error("%s", why);
    return -1;
}

/* The place that an address stands for. NULL, or what is wrong with it. */
static const char *read_place(const char *address, bool leaves_ipv4, struct place *out,
                              bool *is_any)
{
    struct bindspec spec;
    const char *wrong = bindspec_parse(str_of(address), &spec);

    *is_any = !wrong && spec.kind == BINDSPEC_ANY;
    if (*is_any)
        *out = any_of(AF_INET6, spec.port);
    else if (!wrong)
        wrong = resolve(&spec, out);
    out->is_v6_only = leaves_ipv4;
    return wrong;
}

static struct place ipv4_of(const struct place *any)
{
    return any_of(AF_INET, ntohs(((const struct sockaddr_in6 *)&any->address)->sin6_port));
}

/* Where to listen, after a look whether it is free. -1 with a line in the log. */
static int find_place(const char *address, bool leaves_ipv4, struct place *out)
{
    bool is_any;
    const char *wrong = read_place(address, leaves_ipv4, out, &is_any);
    int r;

    if (wrong) {
        log_error("cannot listen on %s: %s", address, wrong);
        return -1;
    }
    r = probe(out);
    if (is_ipv6_missing(r) && is_any) {
        *out = ipv4_of(out);
        r = probe(out);
    }
    return r < 0 ? complain(address, r) : 0;
}

/* Do sockets of this user have it that let others share it? */
static bool is_shared_by_us(const struct place *where)
{
    int fd = socket(where->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_ours = fd >= 0 && configure(fd, where, true) == 0 &&
                   bind(fd, (const struct sockaddr *)&where->address, where->len) == 0;

    if (fd >= 0)
        close(fd);
    return is_ours;
}

enum bind_verdict bind_look(const char *address, bool leaves_ipv4, bool waits, const char *option,
                            char name[BIND_NAME], char why[BIND_WHY])
{
    struct place where = {.len = 0};
    bool is_any;
    const char *wrong = read_place(address, leaves_ipv4, &where, &is_any);
    int r;

    name[0] = why[0] = '\0';
    if (wrong) {
        snprintf(why, BIND_WHY, "cannot listen on %s: %s", address, wrong);
        return BIND_REFUSED;
    }
    r = look(&where, waits);
    if (is_ipv6_missing(r) && is_any) {
        where = ipv4_of(&where);
        r = look(&where, waits);
    }
    name_of(&where.address, name, BIND_NAME);
    if (r == 0)
        return BIND_FREE;
    if (r == -EADDRINUSE && is_shared_by_us(&where))
        return BIND_SHARED;
    explain(address, r, option, why);
    return BIND_REFUSED;
}

int bind_open(const char *address, bool leaves_ipv4, int *fds, int nr, char *name, size_t name_room)
{
    struct place where;

    if (find_place(address, leaves_ipv4, &where) < 0)
        return -1;
    for (int i = 0; i < nr; i++) {
        fds[i] = open_one(&where, true);
        if (fds[i] < 0) {
            int r = fds[i];
            while (--i >= 0)
                close(fds[i]);
            return complain(address, r);
        }
    }
    name_of(&where.address, name, name_room);
    return 0;
}
