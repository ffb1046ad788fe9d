/* On base/flathash.h, whose numbers are places in a list. */
#include "control/execution_index.h"

#include <stdlib.h>

#include "base/flathash.h"

struct execution_index {
    struct flathash hash;
    struct execution **list;
    uint32_t *free; /* places */
    uint32_t nr, nr_free, room;
};

struct execution_index *execution_index_make(void)
{
    return calloc(1, sizeof(struct execution_index));
}

void execution_index_free(struct execution_index **index)
{
    struct execution_index *x = *index;

    *index = NULL;
    if (!x)
        return;
    flathash_fini(&x->hash);
    free(x->list);
    free(x->free);
    free(x);
}

static int make_room(struct execution_index *x)
{
    uint32_t room = x->room ? x->room * 2 : 64;
    struct execution **list;
    uint32_t *places;

    if (x->nr_free > 0 || x->nr < x->room)
        return 0;
    list = reallocarray(x->list, room, sizeof(list[0]));
    if (!list)
        return -1;
    x->list = list;
    places = reallocarray(x->free, room, sizeof(places[0]));
    if (!places)
        return -1;
    x->free = places;
    x->room = room;
    return 0;
}

int execution_index_add(struct execution_index *x, uint32_t hash, struct execution *execution)
{
    uint32_t place;

    if (make_room(x) < 0)
        return -1;
    place = x->nr_free > 0 ? x->free[x->nr_free - 1] : x->nr;
    if (flathash_add(&x->hash, hash, place) < 0)
        return -1;
    if (x->nr_free > 0)
        x->nr_free--;
    else
        x->nr++;
    x->list[place] = execution;
    return 0;
}

void execution_index_remove(struct execution_index *x, uint32_t hash, struct execution *execution)
{
    uint32_t at;

    for (uint32_t n = flathash_first(&x->hash, hash, &at); n != FLATHASH_NONE;
         n = flathash_next(&x->hash, hash, &at)) {
        if (x->list[n] != execution)
            continue;
        flathash_remove(&x->hash, hash, n);
        x->free[x->nr_free++] = n;
        return;
    }
}

struct execution *execution_index_find(const struct execution_index *x, uint32_t hash,
                                       execution_index_is *is, const void *wanted)
{
    uint32_t at;

    for (uint32_t n = flathash_first(&x->hash, hash, &at); n != FLATHASH_NONE;
         n = flathash_next(&x->hash, hash, &at))
        if (is(x->list[n], wanted))
            return x->list[n];
    return NULL;
}
