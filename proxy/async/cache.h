/* Events that stay in memory while they wait, by their keys, so that they need not be read from the
 * store: so many bytes of them. One thread. */
#ifndef WEIR_PROXY_ASYNC_CACHE_H
#define WEIR_PROXY_ASYNC_CACHE_H

#include <stddef.h>

#include "proxy/async/event.h"

struct cache_entry;

struct cache {
    struct cache_entry *entries;
    size_t bytes, max; /* of payloads and what belongs to them */
};

/* Keeps the event, or frees it where there is no room: it is in the store. */
void cache_put_take(struct cache *cache, struct event *event);

/* The event, the caller's from now on; NULL where it is not here. */
struct event *cache_take(struct cache *cache, uint64_t key);

/* Frees all. */
void cache_fini(struct cache *cache);

#endif
