/* This process as a member of a fleet: when it comes, and when it goes. Without a shared store
 * nothing of it happens.
 *
 * Control thread. */
#ifndef WEIR_PROXY_SERVER_MEMBERSHIP_H
#define WEIR_PROXY_SERVER_MEMBERSHIP_H

#include <stdbool.h>

struct api_hooks;
struct server;

/* It serves: what others change comes from now on, and it takes part in the election. */
void membership_begin(struct server *s, struct api_hooks *hooks);
/* Does it lead the fleet, now? */
bool membership_leads(const struct server *s);
/* It serves what has begun, and is no member any more. */
void membership_drain(struct server *s);
/* All workers have ended: stops the loop, once the store knows. */
void membership_end(struct server *s);

#endif
