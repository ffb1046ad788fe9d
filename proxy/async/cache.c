/* A hash table by key. */
#include "proxy/async/cache.h"

#include <stdlib.h>

/* Without memory for the hash table an element stays outside: its hh.tbl is NULL. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct cache_entry {
    UT_hash_handle hh;
    uint64_t key;
    struct event *event;
};

static size_t cost(const struct event *event)
{
    return sizeof(struct cache_entry) + sizeof(*event) + event->put.event.payload_bytes +
           event->last.body_bytes;
}

void cache_put_take(struct cache *cache, struct event *event)
{
    struct cache_entry *entry =
        cache->bytes + cost(event) <= cache->max ? calloc(1, sizeof(*entry)) : NULL;

    if (!entry) {
        event_free(&event);
        return;
    }
    entry->key = event->put.event.key;
    entry->event = event;
    HASH_ADD(hh, cache->entries, key, sizeof(entry->key), entry);
    if (!entry->hh.tbl) {
        free(entry);
        event_free(&event);
        return;
    }
    cache->bytes += cost(event);
}

static struct event *remove_entry(struct cache *cache, struct cache_entry *entry)
{
    struct event *event = entry->event;

    HASH_DEL(cache->entries, entry);
    cache->bytes -= cost(event);
    free(entry);
    return event;
}

struct event *cache_take(struct cache *cache, uint64_t key)
{
    struct cache_entry *entry;

    HASH_FIND(hh, cache->entries, &key, sizeof(key), entry);
    return entry ? remove_entry(cache, entry) : NULL;
}

void cache_fini(struct cache *cache)
{
    struct cache_entry *entry, *next;

    HASH_ITER(hh, cache->entries, entry, next)
    {
        struct event *event = remove_entry(cache, entry);
        event_free(&event);
    }
}
