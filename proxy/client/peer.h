/* A peer's address: as one 128-bit number of either family, and as text. Pure. */
#ifndef WEIR_PROXY_CLIENT_PEER_H
#define WEIR_PROXY_CLIENT_PEER_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

struct peer {
    struct in6_addr number; /* IPv4 is mapped (::ffff:a.b.c.d) */
    uint8_t text_len;
    char text[INET6_ADDRSTRLEN]; /* without port; IPv4 in its own form */
};

/* Of an address of either family, as accept gives it. */
void peer_take(struct peer *peer, const struct sockaddr_storage *address);

#endif
