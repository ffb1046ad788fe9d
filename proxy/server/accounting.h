/* The split over the fleet: what this member's splits have come to is published some times a
 * second, and what others publish is seen (control/fleetbook.h). Without a shared store nothing of
 * it happens.
 *
 * Control thread. */
#ifndef WEIR_PROXY_SERVER_ACCOUNTING_H
#define WEIR_PROXY_SERVER_ACCOUNTING_H

#include <stdbool.h>
#include <uv.h>

#include "control/fleetbook.h"

struct api_hooks;
struct server;

struct accounting {
    struct fleetbook book;
    uv_timer_t timer;
    bool is_open, has_begun;
    void (*ended)(struct server *s);
};

/* The store and the logbook are open, no table is: splits will begin at this member's place, or go
 * on from what another one has left of it. 0, or -1 when out of memory. */
int accounting_open(struct server *s) __attribute__((warn_unused_result));
/* It serves. */
void accounting_begin(struct server *s, struct api_hooks *hooks);
/* All workers have ended: the last that is to be said, then ended is called, perhaps at once. */
void accounting_end(struct server *s, void (*ended)(struct server *s));
/* The store is closed. */
void accounting_fini(struct server *s);

#endif
