/* The split over a fleet: what each slot's splits have come to, and all of them together
 * (docs/split.md, docs/fleet.md). An account is one alias's with one slot:
 *
 *     {"function", "alias", "versions": [{"version", "weight", "picks", "error", "low", "high"}]}
 *
 * with weights, errors and bounds in billionths. One without versions says that the alias is gone.
 *
 * Control thread. */
#ifndef WEIR_CONTROL_FLEETBOOK_H
#define WEIR_CONTROL_FLEETBOOK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "router/table.h"
#include "store/store_etcd.h"

struct logbook;

struct fleetbook {
    json_t *aliases; /* {FUNCTION: {ALIAS: {SLOT: account}}}; NULL: there is no fleet */
    json_t *pending; /* {NAME: account}: to be published by this member; */
    json_t *sent;    /* those on their way */
    struct store *store;
    int slot;                         /* this member's, whose accounts are its own; -1: not yet */
    int nr_rests;                     /* so many turns go by before more is published */
    uint32_t next_target;             /* of the table, to be looked at */
    void (*published)(void *context); /* told once nothing is pending, or nothing can be done */
    void *published_context;
};

/* 0, or -1 when out of memory. */
int fleetbook_init(struct fleetbook *book, struct store *store) __attribute__((warn_unused_result));
void fleetbook_fini(struct fleetbook *book);

/* store_etcd_account_told: context is the book. */
void fleetbook_see(void *context, int slot, const char *text);

/* What a member before this one had in the slot becomes that which a process before this one left,
 * for splits to go on from (router/logbook.h). Before the first table. */
void fleetbook_take_over(const struct fleetbook *book, int slot, struct logbook *logbook);

/* Looks at the table's splits, the next few or all of them, for accounts that are to be published
 * as those of the slot, and publishes what it can. Nothing that was drawn from is freed meanwhile.
 * */
void fleetbook_tend(struct fleetbook *book, const struct table *table, int slot, bool all);

/* published is called, never from within this call, once nothing is pending any more, or the store
 * does not answer. False: there is nothing to wait for. */
bool fleetbook_end(struct fleetbook *book, void (*published)(void *context), void *context);

/* Has all that was found been written to the store? */
bool fleetbook_is_published(const struct fleetbook *book);

/* An alias over the whole fleet: of each version its picks and its error (in billionths, target
 * minus picks), and how large an error may be. */
struct fleetbook_version {
    const char *name; /* the book's */
    uint64_t picks;
    int64_t error;
};
struct fleetbook_split {
    uint64_t invocations;
    int64_t bound;
    int nr;
    struct fleetbook_version versions[2 * SPLIT_ARMS_MAX];
};

/* fleet: whose members count with their windows though they have had none yet. False: the table's
 * alias is in no account. */
bool fleetbook_sum(const struct fleetbook *book, const struct target *target,
                   const struct store_etcd_fleet *fleet, struct fleetbook_split *out);

/* Those that the table has, one after the other. */
typedef void fleetbook_each_split(void *context, const struct target *target,
                                  const struct fleetbook_split *split);
void fleetbook_each(const struct fleetbook *book, const struct table *table,
                    fleetbook_each_split *each, void *context);

/* {FUNCTION: {ALIAS: {"invocations", "picks", "error", "bound"}}}, likewise. */
json_t *fleetbook_page(const struct fleetbook *book, const struct table *table);

#endif
