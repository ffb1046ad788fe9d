/* Client connections as their worker sees them: accepted, driven by their events, drained. Worker
 * thread. */
#ifndef WEIR_PROXY_CLIENT_CLIENT_H
#define WEIR_PROXY_CLIENT_CLIENT_H

#include "proxy/client/conn.h"

/* Takes an accepted, non-blocking socket over. 0, or -1 when it was closed for want of memory. */
int client_open(struct listener *listener, int fd, const struct sockaddr_storage *peer)
    __attribute__((warn_unused_result));

/* Takes over a connection of the admin listener, whose next request is an Invoke. */
void client_adopt_take(struct listeners *all, struct handover **handover);

/* The worker drains. What the client has sent, or is just sending, is still answered, by
 * responses that say Connection: close; an idle connection is read once more and then closed, or
 * a moment later if it has just been made or used. */
void client_drain(struct client *c);

/* No recall is pending any more: what was withheld for one is sent (struct exchange_front). */
void client_release_all(struct clients *clients);

#endif
