/* The addresses of one endpoint, one after the other. */
#include "proxy/upstream/attempt.h"

void attempt_begin_name(struct attempt *a, const struct place *place)
{
    a->connect_by_ms = 0;
    a->tried = (struct tried){0};
    balance_note_tried(place, &a->tried);
}

uint32_t attempt_share_ms(struct attempt *a, const struct worker *w,
                          const struct endpoint *endpoint, uint32_t connect_ms)
{
    uint64_t now_ms = w->loop.now_ms, left_ms;

    if (a->connect_by_ms == 0)
        a->connect_by_ms = now_ms + connect_ms;
    left_ms = a->connect_by_ms > now_ms ? a->connect_by_ms - now_ms : 1;
    if (!a->origin->name) /* else it waits for an address */
        left_ms /= (uint64_t)balance_nr_untried(endpoint, &a->tried) + 1;
    return left_ms > 0 ? (uint32_t)left_ms : 1;
}

bool attempt_next(struct attempt *a, struct worker *w, struct endpoint *endpoint)
{
    struct origin *origin;

    if (!endpoint->origin->name || w->loop.now_ms >= a->connect_by_ms)
        return false;
    origin = balance_next_address(w, endpoint, &a->tried);
    if (origin)
        a->origin = origin;
    return origin != NULL;
}

bool attempt_resume(struct attempt *a, struct worker *w, struct endpoint *endpoint,
                    const struct pool *pool)
{
    a->origin = pool->origin;
    if (a->origin->name)
        a->origin = balance_next_address(w, endpoint, &a->tried);
    return a->origin != NULL;
}
