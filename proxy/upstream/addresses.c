/* Looking up host names, and connecting to what was found. */
#include "proxy/upstream/addresses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

struct addresses_lookup {
    uv_getaddrinfo_t request;
    struct addresses *addresses; /* NULL: nobody waits any more */
};

static void set_port(union address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
    else
        address->v4.sin_port = htons(port);
}

static void parse_literal(struct addresses *a)
{
    union address *first = &a->list[0];

    if (inet_pton(AF_INET, a->origin->host, &first->v4.sin_addr) == 1) {
        first->v4.sin_family = AF_INET;
    } else {
        memset(first, 0, sizeof(*first));
        if (inet_pton(AF_INET6, a->origin->host, &first->v6.sin6_addr) != 1)
            return;
        first->v6.sin6_family = AF_INET6;
    }
    set_port(first, a->origin->port);
    a->nr = 1;
    a->resolved_ms = UINT64_MAX;
}

void addresses_init(struct addresses *a, struct loop *loop, const struct origin *origin,
                    addresses_resolved *on_resolved)
{
    memset(a, 0, sizeof(*a));
    a->loop = loop;
    a->origin = origin;
    a->on_resolved = on_resolved;
    parse_literal(a);
}

void addresses_fini(struct addresses *a)
{
    if (!a->lookup)
        return;
    a->lookup->addresses = NULL;
    uv_cancel((uv_req_t *)&a->lookup->request);
    a->lookup = NULL;
}

/* ---- Looking up ------------------------------------------------------------------------------ */

static void take(struct addresses *a, const struct addrinfo *list)
{
    int nr = 0;

    for (const struct addrinfo *i = list; i && nr < ADDRESSES_MAX; i = i->ai_next) {
        if ((i->ai_family != AF_INET && i->ai_family != AF_INET6) ||
            i->ai_addrlen > sizeof(a->list[nr]))
            continue;
        memset(&a->list[nr], 0, sizeof(a->list[nr]));
        memcpy(&a->list[nr], i->ai_addr, i->ai_addrlen);
        set_port(&a->list[nr++], a->origin->port);
    }
    if (nr > 0)
        a->nr = nr;
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct addresses_lookup *lookup = request->data;
    struct addresses *a = lookup->addresses;

    if (a) {
        loop_wake_up(a->loop);
        a->lookup = NULL;
        a->resolved_ms = a->loop->now_ms;
        if (status == 0)
            take(a, list);
        else
            log_warning_limited(&a->warnings, a->loop->now_ms, "%s cannot be resolved: %s",
                                a->origin->host, uv_strerror(status));
        a->on_resolved(a);
    }
    uv_freeaddrinfo(list);
    free(lookup);
}

bool addresses_are_due(const struct addresses *a, uint32_t max_age_ms)
{
    return a->nr == 0 ||
           (a->resolved_ms != UINT64_MAX && a->loop->now_ms - a->resolved_ms >= max_age_ms);
}

int addresses_look_up(struct addresses *a)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addresses_lookup *lookup;

    if (a->lookup)
        return 0;
    lookup = calloc(1, sizeof(*lookup));
    if (!lookup)
        return -ENOMEM;
    lookup->addresses = a;
    lookup->request.data = lookup;
    int r = uv_getaddrinfo(&a->loop->uv, &lookup->request, on_looked_up, a->origin->name->text,
                           NULL, &hints);
    if (r < 0) {
        free(lookup);
        return r;
    }
    a->lookup = lookup;
    return 0;
}

/* ---- Connecting ------------------------------------------------------------------------------ */

int addresses_connect(const struct addresses *a)
{
    const union address *address = &a->list[a->next % a->nr];
    socklen_t len = address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0)
        return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    io_keep_alive(fd);
    if (connect(fd, &address->any, len) < 0 && errno != EINPROGRESS) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

void addresses_on_failed(struct addresses *a)
{
    if (a->nr > 1)
        a->next = (a->next + 1) % a->nr;
}
