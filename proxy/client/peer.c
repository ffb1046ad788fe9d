/* Addresses of clients. inet_ntop costs some 600 instructions for IPv4, on each connection. */
#include "proxy/client/peer.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/decimal.h"

void peer_take(struct peer *peer, const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    char *p = peer->text;

    if (address->ss_family == AF_INET6) {
        peer->number = ((const struct sockaddr_in6 *)address)->sin6_addr;
        if (!IN6_IS_ADDR_V4MAPPED(&peer->number)) {
            inet_ntop(AF_INET6, &peer->number, peer->text, sizeof(peer->text));
            peer->text_len = (uint8_t)strlen(peer->text);
            return;
        }
    } else {
        memset(&peer->number, 0, sizeof(peer->number));
        peer->number.s6_addr[10] = peer->number.s6_addr[11] = 0xff;
        memcpy(&peer->number.s6_addr[12], &v4->sin_addr, 4);
    }
    for (int i = 12; i < 16; i++) {
        p = decimal_put(p, peer->number.s6_addr[i]);
        *p++ = i < 15 ? '.' : 0;
    }
    peer->text_len = (uint8_t)(p - 1 - peer->text);
}
