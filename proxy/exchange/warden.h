/* What an invocation does to its alias's budget and guard (router/ward.h): a unit is taken before
 * it is forwarded, and given back or spent when it is known how it went. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_WARDEN_H
#define WEIR_PROXY_EXCHANGE_WARDEN_H

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/pick.h"

/* For the inline functions below. */
void warden_begin_for(struct exchange *ex, struct choice *choice, bool is_drawn);
void warden_look_at(struct exchange *ex, const struct head *head);
void warden_settle(struct exchange *ex);
void warden_blame(struct exchange *ex, enum metrics_error why);
void warden_spend(struct exchange *ex);

/* ex->target and ex->arm are known. Where the canary has no unit, ex->arm and choice->arm are the
 * first version's from now on. is_drawn: it is no further attempt of a call or an event. */
static inline void warden_begin(struct exchange *ex, struct choice *choice, bool is_drawn)
{
    if (ex->target->wards)
        warden_begin_for(ex, choice, is_drawn);
}

/* It is to run on another arm than the one that was picked (failover). False: it may not. */
bool warden_may_move(struct exchange *ex, const struct arm *other);

/* The head of the final response, before any of it is passed on. */
static inline void warden_head(struct exchange *ex, const struct head *head)
{
    if (ex->wards)
        warden_look_at(ex, head);
}

/* It has failed in a way that its head did not tell; call it before that is answered. */
static inline void warden_failed(struct exchange *ex)
{
    if (ex->wards)
        warden_spend(ex);
}

/* It has come to nothing, for this reason; before that is answered. */
static inline void warden_gave_up(struct exchange *ex, enum metrics_error why)
{
    if (ex->wards)
        warden_blame(ex, why);
}

/* It is over, or nearly: it went well unless something else was said before. */
static inline void warden_end(struct exchange *ex)
{
    if (ex->wards)
        warden_settle(ex);
}

#endif
