/* Limits on client connections over all workers: in all, and per client address. Any thread; a
 * short lock per connection, and only where a limit is set. */
#ifndef WEIR_PROXY_CLIENT_ADMISSION_H
#define WEIR_PROXY_CLIENT_ADMISSION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct admission;

struct admission *admission_make(void); /* NULL when out of memory */
void admission_free(struct admission **admission);

/* Counts a connection from peer, unless it would go over max (0: no limit) or over
 * max_per_address. IPv6 addresses count by their /64 network, which is what one client is given. */
bool admission_enter(struct admission *admission, const struct in6_addr *peer, uint32_t max,
                     uint32_t max_per_address);
void admission_leave(struct admission *admission, const struct in6_addr *peer);

#endif
