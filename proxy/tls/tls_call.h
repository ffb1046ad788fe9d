/* TLS of one client's connection that blocks, for a command of weir's such as weir apply: no loop,
 * no worker. The rules are those of https endpoints. */
#ifndef WEIR_PROXY_TLS_TLS_CALL_H
#define WEIR_PROXY_TLS_TLS_CALL_H

#include <stdbool.h>
#include <stddef.h>

struct tls_call;

/* Whom to call, and with what; NULL where there is none. */
struct tls_call_terms {
    const char *host;    /* the name or address that the certificate must be for */
    const char *ca_file; /* NULL: the system's authorities */
    const char *certificate, *key;
};

/* The handshake over a connected descriptor, which stays the caller's. NULL with *reason, which is
 * good until the thread's next call. */
struct tls_call *tls_call_open(int fd, const struct tls_call_terms *terms, const char **reason)
    __attribute__((warn_unused_result));

/* All of it; false where the other side takes no more, which may have answered all the same. */
bool tls_call_write(struct tls_call *call, const char *p, size_t n);

/* How many bytes; 0: the other side has ended TLS; -1 with *reason. */
long tls_call_read(struct tls_call *call, char *buf, size_t room, const char **reason);

/* Clears the pointer; NULL is fine. */
void tls_call_free(struct tls_call **call);

#endif
