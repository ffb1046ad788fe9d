/* A hash table by function; an entry stays to the end. */
#include "proxy/async/tally.h"

#include <stdlib.h>
#include <string.h>

/* Without memory for the hash table an element stays outside: its hh.tbl is NULL. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct tally_entry {
    UT_hash_handle hh;
    struct expose_event_counts counts;
    char name[];
};

struct expose_event_counts *tally_of(struct tally *tally, const char *function)
{
    static struct expose_event_counts nowhere;
    size_t n = strlen(function);
    struct tally_entry *entry;

    HASH_FIND(hh, tally->entries, function, n, entry);
    if (entry)
        return &entry->counts;
    entry = calloc(1, sizeof(*entry) + n + 1);
    if (!entry)
        return &nowhere;
    memcpy(entry->name, function, n);
    entry->counts.function = (struct str){entry->name, n};
    HASH_ADD(hh, tally->entries, name, n, entry);
    if (!entry->hh.tbl) {
        free(entry);
        return &nowhere;
    }
    tally->nr++;
    return &entry->counts;
}

struct expose_event_counts *tally_list(const struct tally *tally, int *nr)
{
    struct expose_event_counts *list = calloc((size_t)tally->nr + 1, sizeof(list[0]));

    *nr = 0;
    for (struct tally_entry *e = tally->entries; list && e; e = e->hh.next)
        list[(*nr)++] = e->counts;
    return list;
}

void tally_fini(struct tally *tally)
{
    struct tally_entry *entry, *next;

    HASH_ITER(hh, tally->entries, entry, next)
    {
        HASH_DEL(tally->entries, entry);
        free(entry);
    }
    tally->nr = 0;
}
