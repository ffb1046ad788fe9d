/* Counting connections by address. */
#include "proxy/client/admission.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct entry {
    struct in6_addr network;
    uint32_t nr;
    UT_hash_handle hh;
};

struct admission {
    pthread_mutex_t lock;
    struct entry *entries;
    uint32_t nr;
};

struct admission *admission_make(void)
{
    struct admission *a = calloc(1, sizeof(*a));

    if (a)
        pthread_mutex_init(&a->lock, NULL);
    return a;
}

void admission_free(struct admission **admission)
{
    struct admission *a = *admission;
    struct entry *e, *next;

    *admission = NULL;
    if (!a)
        return;
    e = a->entries;
    HASH_CLEAR(hh, a->entries); /* the entries stay linked */
    for (; e; e = next) {
        next = e->hh.next;
        free(e);
    }
    pthread_mutex_destroy(&a->lock);
    free(a);
}

static struct in6_addr network_of(const struct in6_addr *peer)
{
    struct in6_addr network = *peer;

    if (!IN6_IS_ADDR_V4MAPPED(peer))
        memset(&network.s6_addr[8], 0, 8);
    return network;
}

/* The address' entry, made if it is the first connection; NULL when out of memory. */
static struct entry *entry_of(struct admission *a, const struct in6_addr *network)
{
    struct entry *e = NULL;

    HASH_FIND(hh, a->entries, network, sizeof(*network), e);
    if (e)
        return e;
    e = calloc(1, sizeof(*e));
    if (e) {
        e->network = *network;
        HASH_ADD(hh, a->entries, network, sizeof(e->network), e);
    }
    return e;
}

bool admission_enter(struct admission *a, const struct in6_addr *peer, uint32_t max,
                     uint32_t max_per_address)
{
    struct in6_addr network = network_of(peer);
    bool is_admitted = false;

    pthread_mutex_lock(&a->lock);
    struct entry *e = max > 0 && a->nr >= max ? NULL : entry_of(a, &network);
    if (e && (max_per_address == 0 || e->nr < max_per_address)) {
        e->nr++;
        a->nr++;
        is_admitted = true;
    }
    pthread_mutex_unlock(&a->lock);
    return is_admitted;
}

void admission_leave(struct admission *a, const struct in6_addr *peer)
{
    struct in6_addr network = network_of(peer);
    struct entry *e = NULL;

    pthread_mutex_lock(&a->lock);
    HASH_FIND(hh, a->entries, &network, sizeof(network), e);
    if (e) {
        a->nr--;
        if (--e->nr == 0) {
            HASH_DEL(a->entries, e);
            free(e);
        }
    }
    pthread_mutex_unlock(&a->lock);
}
