/* Sockets that block, and TLS on them. */
#include "proxy/server/dial.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/hostport.h"
#include "proxy/tls/tls_call.h"

static bool cut_scheme(const char **text, const char *scheme)
{
    size_t n = strlen(scheme);

    if (strncasecmp(*text, scheme, n) != 0)
        return false;
    *text += n;
    return true;
}

int dial_parse(struct dial *dial, const char *text)
{
    struct hostport parsed;
    const char *address = text;

    dial->fd = -1;
    dial->is_tls = dial->ca_file || dial->certificate;
    if (cut_scheme(&address, "https://"))
        dial->is_tls = true;
    else if (cut_scheme(&address, "http://") && dial->is_tls) {
        fprintf(stderr, "weir: --ca and --certificate are for TLS, and \"%s\" is without it\n",
                text);
        return -1;
    }
    dial->address = address;
    if (hostport_parse(str_of(address), &parsed) || !parsed.has_port || parsed.host.n == 0 ||
        parsed.host.n >= sizeof(dial->host)) {
        fprintf(stderr,
                "weir: \"%s\" is no address such as 127.0.0.1:9901 or https://weir.example:9901\n",
                text);
        return -1;
    }
    snprintf(dial->host, sizeof(dial->host), "%.*s", STR_ARG(parsed.host));
    snprintf(dial->port, sizeof(dial->port), "%u", (unsigned)parsed.port);
    return 0;
}

static int connect_to(struct dial *dial)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int r = getaddrinfo(dial->host, dial->port, &hints, &list);

    for (const struct addrinfo *a = list; r == 0 && a && dial->fd < 0; a = a->ai_next) {
        dial->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (dial->fd >= 0 && connect(dial->fd, a->ai_addr, a->ai_addrlen) < 0) {
            int error = errno;
            close(dial->fd);
            errno = error;
            dial->fd = -1;
        }
    }
    if (dial->fd < 0)
        fprintf(stderr, "weir: %s cannot be reached: %s\n", dial->address,
                r != 0 ? gai_strerror(r) : strerror(errno));
    if (list)
        freeaddrinfo(list);
    return dial->fd < 0 ? -1 : 0;
}

int dial_open(struct dial *dial)
{
    const struct tls_call_terms terms = {.host = dial->host,
                                         .ca_file = dial->ca_file,
                                         .certificate = dial->certificate,
                                         .key = dial->key};
    const char *reason;

    if (connect_to(dial) < 0)
        return -1;
    if (!dial->is_tls)
        return 0;
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to the socket itself */
    dial->tls = tls_call_open(dial->fd, &terms, &reason);
    if (dial->tls)
        return 0;
    fprintf(stderr, "weir: %s: %s\n", dial->address, reason);
    return -1;
}

void dial_send(struct dial *dial, const char *p, size_t n)
{
    if (dial->tls) {
        (void)tls_call_write(dial->tls, p, n);
        return;
    }
    while (n > 0) {
        ssize_t sent = send(dial->fd, p, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return;
        p += sent;
        n -= (size_t)sent;
    }
}

long dial_read(struct dial *dial, char *buf, size_t room)
{
    const char *reason;
    ssize_t n;

    if (dial->tls) {
        n = tls_call_read(dial->tls, buf, room, &reason);
        if (n < 0)
            fprintf(stderr, "weir: %s: %s\n", dial->address, reason);
        return n;
    }
    do
        n = read(dial->fd, buf, room);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        fprintf(stderr, "weir: %s: %s\n", dial->address, strerror(errno));
    return n;
}

void dial_close(struct dial *dial)
{
    tls_call_free(&dial->tls);
    if (dial->fd >= 0)
        close(dial->fd);
    dial->fd = -1;
}
