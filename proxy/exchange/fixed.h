/* Versions that are fixed without a draw, by what a request brings: an override or a pin
 * (docs/pins.md).
 *
 *     fixed_pick     before a version is drawn: does the request fix one?
 *     fixed_strip    once one is known: what fixed it goes no further
 *     fixed_answer   what the response says of it, and no longer says
 *     fixed_count    in the place of a pick
 *
 * Only for aliases that have terms (router/alias_terms.h); none of it takes a ticket. Worker
 * thread. */
#ifndef WEIR_PROXY_EXCHANGE_FIXED_H
#define WEIR_PROXY_EXCHANGE_FIXED_H

#include <stdbool.h>

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/pick.h"

enum fixed {
    FIXED_NOT,    /* draw */
    FIXED_DONE,   /* out->arm is set, out->picked is PICKED_PIN or PICKED_OVERRIDE */
    FIXED_GATHER, /* the version may be of another kind than http, and the payload is not there */
    FIXED_UNKNOWN /* an override names what there is not: out->unknown */
};

/* Was it fixed? */
static inline bool fixed_is(uint8_t picked)
{
    return picked == PICKED_PIN || picked == PICKED_OVERRIDE;
}

/* Of out->target, which has terms. The arm may be one of the function's version itself, where the
 * alias does not have it. out->has_other_kind is set where that version is not of kind http. */
enum fixed fixed_pick(struct choice *out, struct worker *w, const struct head *head,
                      bool is_gathered);

/* Drops the fields, and cuts out the cookie, by which a request fixes a version. */
void fixed_strip(const struct alias_terms *terms, struct head *head);

/* Fills in ex->extras: a pin where a version was drawn; and what only weir may say is taken off.
 * False when out of memory. */
bool fixed_answer(struct exchange *ex, const struct choice *choice)
    __attribute__((warn_unused_result));

/* Counts an invocation of ex->arm that was fixed as picked says. */
void fixed_count(struct exchange *ex, uint8_t picked);

#endif
