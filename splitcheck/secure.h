/* TLS of one connection between two memories: bytes of the network on one side, plain ones on the
 * other; no socket. OpenSSL stays in here. One thread. */
#ifndef WEIR_SPLITCHECK_SECURE_H
#define WEIR_SPLITCHECK_SECURE_H

#include <stdbool.h>
#include <stddef.h>

struct secure;
struct secure_rules;

/* What all connections share. NULL when out of memory. verifies: the server's certificate must be
 * one that the system trusts, for this host. */
struct secure_rules *secure_rules_make(const char *host, bool verifies);
void secure_rules_free(struct secure_rules *rules);

/* NULL when out of memory. */
struct secure *secure_make(const struct secure_rules *rules);
void secure_free(struct secure *secure);

/* Bytes that came from the network. False when out of memory. */
bool secure_feed(struct secure *secure, const char *p, size_t n);

/* Goes on with the handshake: 1 done, 0 it needs more, -1 failed. */
int secure_handshake(struct secure *secure);

/* Encrypts. False if that failed. After the handshake. */
bool secure_write(struct secure *secure, const char *p, size_t n);

/* Plain bytes into buf: how many, 0 where there are none now, -1 at the end or after an error. */
long secure_read(struct secure *secure, char *buf, size_t room);

/* Bytes for the network into buf: how many; 0: no more. */
size_t secure_drain(struct secure *secure, char *buf, size_t room);

/* Why it failed, in words; good until the next call. */
const char *secure_why(const struct secure *secure);

#endif
