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

enum { STORE_ETCD_MEMBER_ID = 256, STORE_ETCD_ADDRESS = 256, STORE_ETCD_TOKEN = 16 };

struct store_etcd_options {
    struct etcd_options etcd; /* host is that of the store */
    const char *prefix;       /* of all keys */
    const char *member;       /* who this is, for people */
    const char *address;      /* where its admin listener is, for people */
    uint64_t lease_ms;        /* so long it counts as a member without a word */
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

/* ---- The fleet ------------------------------------------------------------------------------- */

struct store_etcd_member {
    char id[STORE_ETCD_MEMBER_ID], address[STORE_ETCD_ADDRESS];
    char token[STORE_ETCD_TOKEN + 1]; /* of its state.directory */
    uint64_t generation;              /* that is in force on it */
    int slot;                         /* -1: none */
    uint64_t revision;                /* in which it said so */
};

struct store_etcd_fleet {
    const char *id;     /* this member's */
    const char *leader; /* its id, ""; where etcd is away: none is known */
    bool leads;         /* this member does, now */
    /* The place of this member: the lowest number that no other has. It outlives the process, and
     * is anybody's again once store_etcd_end has told. -1: none is known yet. is_slot_new: this
     * process has taken it from nobody; else it has it from the process before, on this
     * state.directory. */
    int slot;
    bool is_slot_new;
    const struct store_etcd_member *members; /* as seen last, by id; until the loop's next turn */
    int nr_members;
};

void store_etcd_fleet(struct store *store, struct store_etcd_fleet *fleet);

/* This process serves: it becomes a member, and takes part in the election. */
void store_etcd_join(struct store *store);
/* It is a member no more; it still has its slot. */
void store_etcd_leave(struct store *store);
/* All that it counts is published: its slot is anybody's. left is called once etcd knows all of
 * that, or does not answer, and never from within the call. */
void store_etcd_end(struct store *store, void (*left)(void *context), void *context);

/* ---- Accounts of splits (control/fleetbook.h) ------------------------------------------------ */

enum { STORE_ETCD_ACCOUNTS_MAX = 100, STORE_ETCD_ACCOUNT_NAME = 64 };

struct store_etcd_account {
    const char *name; /* which alias it is of, in hexadecimal digits */
    const char *text;
};

/* What a slot has of a name now. text NULL: etcd has lost what it had, all of it goes. */
typedef void store_etcd_account_told(void *context, int slot, const char *text);
typedef void store_etcd_account_put(void *context, bool is_done);

/* What etcd has of all slots is told from now on, within a fraction of a second. is_waiting: also
 * all that is there now, before it returns; false: it could not be read. */
bool etcd_accounts_follow(struct store *store, store_etcd_account_told *told, void *context,
                          bool is_waiting);

/* Writes those of this member's slot, STORE_ETCD_ACCOUNTS_MAX at most; all is copied. False: it
 * cannot be asked for now (one is on its way, no slot, etcd does not answer), and told is not
 * called. */
bool etcd_accounts_put(struct store *store, const struct store_etcd_account *accounts, int nr,
                       store_etcd_account_put *told, void *context);

#endif
