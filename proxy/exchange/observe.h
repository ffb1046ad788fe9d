/* What becomes of an invocation for the figures of its alias: evidence against the split, and where
 * the alias has an experiment, what each version does (experiment/study.h). Worker thread.
 *
 * Only what was drawn for this one invocation is in them: no pins, no overrides, no callers outside
 * of a namespace, no further attempts of one call, no events. */
#ifndef WEIR_PROXY_EXCHANGE_OBSERVE_H
#define WEIR_PROXY_EXCHANGE_OBSERVE_H

#include "proxy/exchange/exchange.h"

struct choice;

void observe_drawn(struct exchange *ex, const struct choice *choice);
void observe_answer(struct exchange *ex, const struct head *head);
void observe_outcome(struct exchange *ex);

/* A version was drawn for it, and ex->target and ex->arm are known. */
static inline void observe_begin(struct exchange *ex, const struct choice *choice)
{
    if (ex->target->study)
        observe_drawn(ex, choice);
}

/* The head of a final response, as it comes and as it is made of that. */
static inline void observe_head(struct exchange *ex, const struct head *head)
{
    if (ex->visit.period && ex->visit.is_thorough)
        observe_answer(ex, head);
}

/* By an endpoint of the version. A client that leaves before the response has begun was not. */
static inline bool observe_is_answered(const struct exchange *ex)
{
    if (ex->run != ex->arm || ex->head_us < 0) /* it ran elsewhere (failover), or not at all */
        return false;
    return ex->outcome == METRICS_ERROR_NONE || ex->outcome == METRICS_ERROR_CLIENT_ABORT;
}

/* It is over, or a tunnel from now on. It still has its lease. */
static inline void observe_end(struct exchange *ex)
{
    if (!ex->visit.period)
        return;
    if (ex->visit.is_thorough || !observe_is_answered(ex))
        observe_outcome(ex);
    ex->visit.period = NULL; /* that it was answered was counted when it began */
}

#endif
