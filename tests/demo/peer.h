/* One client connection of the demo: reads requests, has reply.c make answers, sends them, carries out how they end. */
#ifndef WEIR_DEMO_PEER_H
#define WEIR_DEMO_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "behave.h"

struct peer;

struct peer_settings {
    struct behave does;     /* what every request begins with */
    uint64_t idle_close_ms; /* close a kept connection silently after this; 0: never */
};

/* Before the first connection; borrowed for good. */
void peer_configure(const struct peer_settings *settings);

/* Takes a connected, non-blocking socket and registers it with epoll_fd; the peer closes it when it ends. */
void peer_open(int fd, int epoll_fd);

/* Events of epoll_wait for this peer. It may be gone afterwards. */
void peer_event(struct peer *peer, uint32_t events);

#endif
