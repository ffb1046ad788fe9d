/* The store of a fleet: rows that all members share are in etcd (store/pieces.h says how), all else
 * (other rows, values, events) in a store of this process, which also has a copy of the rows that
 * are in force.
 *
 *     switching key --watch, and a read every few hundred ms--> seen --pieces--> watch.changed
 *     change --> pieces under new keys --> the switching key, if it is as taken --> told
 *
 * The watch is quick; the reads find what it missed, and whether etcd answers at all. */
#ifndef WEIR_STORE_STORE_ETCD_H
#define WEIR_STORE_STORE_ETCD_H

#include "store/etcd.h"
#include "store/store.h"

struct store_etcd_options {
    struct etcd_options etcd; /* host is that of the store */
    const char *prefix;       /* of all keys */
    const char *member;       /* who this is, for people */
    uint64_t start_wait_ms;   /* so long a start waits for etcd */
    /* Is a row of this kind shared? */
    bool (*is_shared)(const char *kind);
};

/* Which rows there are at the start. */
enum store_etcd_start {
    STORE_ETCD_READ,  /* etcd's */
    STORE_ETCD_EMPTY, /* none: etcd has no table, and there is no copy of one */
    STORE_ETCD_COPY   /* the copy: etcd is away, or has lost its table; reason says which */
};

/* Waits for etcd, as long as start_wait_ms, by running the loop. local goes over to the store where
 * it is opened. NULL with a reason: also where there is neither etcd nor a copy, or what etcd has
 * is
 * no table and there is no copy. */
struct store *store_etcd_open(const struct store_host *host,
                              const struct store_etcd_options *options, struct store **local,
                              enum store_etcd_start *start, struct store_reason *reason);

struct store_etcd_report {
    bool is_up; /* etcd answers */
    const char *endpoint;
    /* The generation that etcd has, 0: none; why it is not taken, or why etcd does not answer; ""
     * where all is well. */
    uint64_t seen;
    const char *reason;
    uint64_t nr_rejected; /* tables in etcd that were none, or not right */
};

void store_etcd_report(struct store *store, struct store_etcd_report *report);

#endif
