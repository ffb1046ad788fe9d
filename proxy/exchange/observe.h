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
    if (ex->visit.period)
        observe_answer(ex, head);
}

/* It is over, or a tunnel from now on. It still has its lease. */
static inline void observe_end(struct exchange *ex)
{
    if (ex->visit.period)
        observe_outcome(ex);
}

#endif
