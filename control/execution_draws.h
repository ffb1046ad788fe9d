/* Draws whose executions are not yet stored, in memory that outlives a kill (store/mapfile.h). One
 * that came to nothing, because the start was refused by the disk or weir was killed, is had by the
 * next start of that alias: so splits are exact over kills, too.
 *
 *     free --draw--> open --stored--> free
 *                      \--not stored, or killed--> spare --the next start--> open
 *
 * Control thread. */
#ifndef WEIR_CONTROL_EXECUTION_DRAWS_H
#define WEIR_CONTROL_EXECUTION_DRAWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "router/target.h"

enum { EXECUTION_DRAWS_SLOTS = 2048, EXECUTION_DRAWS_SLOT = 512 };
enum { EXECUTION_DRAWS_BYTES = EXECUTION_DRAWS_SLOTS * EXECUTION_DRAWS_SLOT };

struct execution_draw; /* a slot */

struct execution_draws {
    struct execution_draw *slots; /* borrowed; NULL: nothing is kept */
    int next;                     /* where to look for a free one */
    int nr_spare;
};

/* memory: EXECUTION_DRAWS_BYTES, zeros at first, and from then on as they were; NULL: none. */
void execution_draws_init(struct execution_draws *draws, void *memory);

/* After a start: is_there says whether an execution of this key is stored; the others are spare. */
void execution_draws_settle(struct execution_draws *draws,
                            bool (*is_there)(void *context, uint64_t key), void *context);

/* A draw for an execution that gets this key; NULL where there is no room, or no memory. */
struct execution_draw *execution_draws_open(struct execution_draws *draws, const char *machine,
                                            struct str alias, struct str version, uint64_t key);
/* The execution is stored, or the draw is no longer wanted. NULL is fine. */
void execution_draws_close(struct execution_draws *draws, struct execution_draw **draw);
/* It came to nothing. NULL is fine. */
void execution_draws_spare(struct execution_draws *draws, struct execution_draw **draw);

/* The arm of a spare draw of that alias, which is open from now on with this key; -1: there is
 * none. */
int execution_draws_take(struct execution_draws *draws, const char *machine,
                         const struct target *target, uint64_t key, struct execution_draw **draw);

#endif
