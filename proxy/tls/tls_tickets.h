/* The keys that session tickets (RFC 5077, RFC 8446 section 4.6.1) are sealed with: one set for all
 * listeners and workers, handed on through reloads.
 *
 * The newest key seals; it and the two before it open. A key that is older is erased, so that
 * whoever gets hold of the process later cannot open what was recorded earlier. Workers read while
 * the control thread rotates, without a lock. */
#ifndef WEIR_PROXY_TLS_TLS_TICKETS_H
#define WEIR_PROXY_TLS_TLS_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

/* Keys that open a ticket: the current one and those before it. */
enum { TLS_TICKETS_ACCEPTED = 3, TLS_TICKETS_NAME = 16 };

struct tls_tickets;

/* With a first key. NULL when out of memory or random numbers. */
struct tls_tickets *tls_tickets_make(uint64_t now_ms);
struct tls_tickets *tls_tickets_ref(struct tls_tickets *tickets);
void tls_tickets_unref(struct tls_tickets **tickets); /* any thread; the last one erases the keys */

/* A new current key, if the present one has been in use for rotation_ms. False where the system has
 * no random numbers: the old one stays. Control thread. */
bool tls_tickets_rotate(struct tls_tickets *tickets, uint64_t now_ms, uint64_t rotation_ms)
    __attribute__((warn_unused_result));

/* What OpenSSL's ticket key callback has to do: sealing (is_sealing) or opening with the key of
 * that name. As the callback returns: -1 error, 0 no such key, 1 done, 2 done and a new ticket
 * should be given. Any thread. */
int tls_tickets_set_up(struct tls_tickets *tickets, unsigned char name[TLS_TICKETS_NAME],
                       unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                       bool is_sealing);

#endif
