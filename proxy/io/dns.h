/* Asking where names are: the hosts file first, then DNS, by c-ares on the loop's libuv. Nothing
 * is remembered here, and nothing waits for anything else: a hundred names are asked for on one
 * socket.
 *
 *     dns_ask --> hosts file --found--------------------------> answer
 *                     \--> A and AAAA, with search domains ------^
 *     of a service: SRV --> each of its targets, as above -------^
 *
 * Servers and search domains are those of /etc/resolv.conf, which is read again when it changes,
 * unless dns_set_servers names other servers. localhost and the names below it never leave this
 * machine (RFC 6761 section 6.3). Modules of the C library's name service (mDNS, LDAP) are not
 * asked.
 *
 * All on the loop's own thread. */
#ifndef WEIR_PROXY_IO_DNS_H
#define WEIR_PROXY_IO_DNS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "proxy/io/loop.h"

enum { DNS_PLACES_MAX = 64, DNS_FAILURE_BYTES = 128 };

#define DNS_NO_TTL UINT32_MAX /* it does not come from DNS */

struct dns;
struct dns_query;

struct dns_place {
    char address[INET6_ADDRSTRLEN];
    uint16_t port;
    uint16_t priority, weight; /* of the SRV record (RFC 2782); 0 without one */
};

struct dns_answer {
    int nr;          /* of places, each once, the lowest priority first; 0: failure says why */
    uint32_t ttl_ms; /* how long it may be used: the least of all records that led to it */
    char failure[DNS_FAILURE_BYTES];
    struct dns_place places[DNS_PLACES_MAX];
};

/* The answer is valid for the call, and the query is gone with it. */
typedef void dns_answered(void *context, const struct dns_answer *answer);

/* NULL when out of memory or descriptors. */
struct dns *dns_make(struct loop *loop);

/* No query may still be wanted. The loop's libuv has to run on until its handles have closed
 * (loop_settle). Clears the pointer. */
void dns_free(struct dns **dns);

/* Asks these servers from now on: addresses with or without port, commas between; NULL or empty:
 * those of /etc/resolv.conf. Queries that are on their way go on. 0, or -1 when out of memory. */
int dns_set_servers(struct dns *dns, const char *servers) __attribute__((warn_unused_result));

/* Asks for the places of a name (at most 254 bytes; a final dot keeps search domains away). Of a
 * service, is_srv, ports come from its records, else it is port. on_answer is called once, never
 * from within this call. NULL when out of memory. */
struct dns_query *dns_ask(struct dns *dns, const char *name, bool is_srv, uint16_t port,
                          dns_answered *on_answer, void *context);

/* on_answer will not be called. Clears the pointer; NULL is fine. */
void dns_forget(struct dns_query **query);

#endif
