/* An https origin of one connection, whose socket OpenSSL reads and writes itself. */
#include "proxy/tls/tls_call.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/tls/tls.h"
#include "proxy/tls/tls_origin.h"
#include "proxy/tls/tls_reason.h"

struct tls_call {
    struct tls_origin *origin;
    SSL *ssl; /* the origin's */
};

static const char NO_MEMORY[] = "there is not enough memory for TLS";

static char *lend(const char *text)
{
    return (char *)(uintptr_t)text;
}

static int shake_hands(struct tls_call *call, int fd, const char **reason)
{
    int r;

    ERR_clear_error();
    errno = 0;
    if (SSL_set_fd(call->ssl, fd) != 1) {
        *reason = NO_MEMORY;
        return -1;
    }
    SSL_set_connect_state(call->ssl);
    SSL_set_mode(call->ssl, SSL_MODE_AUTO_RETRY);
    r = SSL_do_handshake(call->ssl);
    if (r == 1)
        return 0;
    *reason = tls_reason(call->ssl, errno);
    return -1;
}

struct tls_call *tls_call_open(int fd, const struct tls_call_terms *terms, const char **reason)
{
    /* Borrowed: all that the origin keeps of it are copies. */
    struct origin origin = {.is_tls = true,
                            .host = lend(terms->host),
                            .tls = {.verify = true,
                                    .ca_file = lend(terms->ca_file),
                                    .certificate = lend(terms->certificate),
                                    .key = lend(terms->key)}};
    struct tls_call *call = calloc(1, sizeof(*call));

    *reason = NO_MEMORY;
    if (!call)
        return NULL;
    call->origin = tls_origin_make(&origin, reason);
    if (call->origin)
        call->ssl = tls_origin_begin(call->origin);
    if (!call->ssl || shake_hands(call, fd, reason) < 0)
        tls_call_free(&call);
    return call;
}

bool tls_call_write(struct tls_call *call, const char *p, size_t n)
{
    while (n > 0) {
        int piece = n < INT_MAX ? (int)n : INT_MAX, r;

        ERR_clear_error();
        r = SSL_write(call->ssl, p, piece);
        if (r <= 0)
            return false;
        p += r;
        n -= (size_t)r;
    }
    return true;
}

long tls_call_read(struct tls_call *call, char *buf, size_t room, const char **reason)
{
    int r;

    ERR_clear_error();
    errno = 0;
    r = SSL_read(call->ssl, buf, room < INT_MAX ? (int)room : INT_MAX);
    if (r > 0)
        return r;
    if (SSL_get_error(call->ssl, r) == SSL_ERROR_ZERO_RETURN)
        return 0;
    *reason = tls_reason(call->ssl, errno);
    return -1;
}

void tls_call_free(struct tls_call **call)
{
    struct tls_call *c = *call;

    *call = NULL;
    if (!c)
        return;
    if (c->ssl && SSL_is_init_finished(c->ssl)) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl);
    }
    if (c->ssl)
        tls_origin_end(c->ssl, true);
    if (c->origin)
        tls_origin_free(&c->origin);
    ERR_clear_error();
    free(c);
}
