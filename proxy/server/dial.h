/* A blocking connection of a command of weir's to an admin listener, plain or over TLS. What goes
 * wrong is told on standard error, once. */
#ifndef WEIR_PROXY_SERVER_DIAL_H
#define WEIR_PROXY_SERVER_DIAL_H

#include <stdbool.h>
#include <stddef.h>

enum { DIAL_HOST_MAX = 256 };

struct tls_call;

/* Zeroed, then filled in by dial_parse and by you. */
struct dial {
    const char *address; /* HOST:PORT, without scheme: what the Host field says */
    char host[DIAL_HOST_MAX], port[8];
    bool is_tls;
    const char *ca_file, *certificate, *key; /* NULL: none */
    int fd;
    struct tls_call *tls;
};

/* Reads HOST:PORT, http://HOST:PORT or https://HOST:PORT. 0 or -1. */
int dial_parse(struct dial *dial, const char *text) __attribute__((warn_unused_result));

/* Connects, and shakes hands. 0 or -1; dial_close ends it in any case. */
int dial_open(struct dial *dial) __attribute__((warn_unused_result));

/* Where the other side takes no more, its answer says why. */
void dial_send(struct dial *dial, const char *p, size_t n);

/* How many bytes; 0 at the end; -1. */
long dial_read(struct dial *dial, char *buf, size_t room);

void dial_close(struct dial *dial);

#endif
