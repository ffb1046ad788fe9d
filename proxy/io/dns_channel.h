/* c-ares on the loop's libuv: one channel, which is what c-ares has read of its configuration,
 * with a uv_poll_t for each of its sockets and a timer for its time limits. Private to dns.c.
 *
 * A channel whose configuration is out of date is retired, and ends with its last query. The
 * loop's own thread. */
#ifndef WEIR_PROXY_IO_DNS_CHANNEL_H
#define WEIR_PROXY_IO_DNS_CHANNEL_H

#include <stdbool.h>
#include <sys/queue.h>

#define CARES_NO_DEPRECATED /* what replaces ares_query is not in Debian 12 */
#include <ares.h>

#include "proxy/io/loop.h"

struct dns_channel {
    struct loop *loop;
    ares_channel net;
    uv_timer_t timer;
    int nr_queries, nr_handles; /* handles of libuv that are not closed */
    bool is_retired, is_ended;
    LIST_HEAD(, watch) watches;
    LIST_ENTRY(dns_channel) link; /* the owner's list, which it leaves when it ends */
};

/* With what the configuration says now; servers as dns_set_servers has them, without spaces. NULL
 * when out of memory. */
struct dns_channel *dns_channel_open(struct loop *loop, const char *servers);

/* After something was asked of c->net. Count the query in nr_queries before, and take it out in the
 * callback that ends it. */
void dns_channel_asked(struct dns_channel *c);

/* It ends, and frees itself, as soon as it has no query. Not from within a call of c-ares' for
 * it. */
void dns_channel_retire(struct dns_channel *c);

#endif
