/* Which version an alias with terms (router/alias_terms.h) runs, and why: by an override, a pin,
 * the caller's key, or, where none of them says so, by the split's tickets. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_ASSIGN_H
#define WEIR_PROXY_EXCHANGE_ASSIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/http/head.h"

struct alias_source;
struct choice;
struct worker;

/* How a version was picked. */
enum picked {
    PICKED_NAMED, /* it was not: the request names it */
    PICKED_EXACT,
    PICKED_RANDOM,
    PICKED_STICKY,
    PICKED_PIN,
    PICKED_OVERRIDE,
    PICKED_EXCLUDED, /* of callers outside of the namespace: the primary version */
    PICKED_DEFERRED  /* a version was, but may not run now (warden.h): the first one does */
};

/* A caller, by a sticky split's key. */
struct caller {
    bool is_known; /* there is a key */
    uint64_t hash; /* of 64 bits, under the split's salt */
};

/* An id that a caller without a key gets. */
enum { ASSIGN_ID_LENGTH = 32 };

struct issued {
    const struct alias_source *source; /* its cookie; NULL: none is issued */
    char id[ASSIGN_ID_LENGTH];
};

enum assigned {
    ASSIGN_DRAW = 0, /* the tickets decide */
    ASSIGN_DONE      /* out->arm is set, no ticket is taken */
};

/* For out->target, whose terms are not NULL. Sets out->picked, and of a sticky split out->caller
 * and out->issued. head: NULL where no request is there any more. */
enum assigned assign_version(struct choice *out, struct worker *w, const struct head *head);

/* Is it in the figures of its alias? */
static inline bool assign_counts(uint8_t picked)
{
    return picked <= PICKED_STICKY;
}

#endif
