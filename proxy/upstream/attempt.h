/* One attempt at an endpoint: at its address, or at those of its name, one after the other, within
 * the time that a version gives for a connection. Worker thread. */
#ifndef WEIR_PROXY_UPSTREAM_ATTEMPT_H
#define WEIR_PROXY_UPSTREAM_ATTEMPT_H

#include "proxy/upstream/balance.h"

struct attempt {
    /* where to connect: as struct place has it, valid in the turn in which it was chosen */
    struct origin *origin;
    /* The rest counts only where the endpoint is a name. */
    struct tried tried;
    uint64_t connect_by_ms; /* the time is up; 0: it has not begun */
};

/* What attempt_begin does for a name. */
void attempt_begin_name(struct attempt *a, const struct place *place);

/* At another place, or the same again, with all its time. */
static inline void attempt_begin(struct attempt *a, const struct place *place)
{
    a->origin = place->origin;
    if (place->endpoint && place->endpoint->origin->name)
        attempt_begin_name(a, place);
}

/* How much of connect_ms the connection to a->origin may take, of an endpoint that is a name: each
 * of the addresses not tried yet gets the same share, and the last one all that is left. */
uint32_t attempt_share_ms(struct attempt *a, const struct worker *w,
                          const struct endpoint *endpoint, uint32_t connect_ms);

/* After no connection could be made: whether there is another address, and time left for it.
 * a->origin is it then. */
bool attempt_next(struct attempt *a, struct worker *w, struct endpoint *endpoint);

/* After its turn has come in the pool: the pool's origin, or the best address of a name whose first
 * address was waited for. False where none may be used. */
bool attempt_resume(struct attempt *a, struct worker *w, struct endpoint *endpoint,
                    const struct pool *pool);

#endif
