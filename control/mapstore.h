/* The maps of sticky splits (router/stickymap.h) from process to process, for aliases whose
 * document has none: the store has a row for each, so that a restart gives every caller the
 * version that it had, also where the table file has changed meanwhile. */
#ifndef WEIR_CONTROL_MAPSTORE_H
#define WEIR_CONTROL_MAPSTORE_H

#include "conf/merge.h"
#include "control/rowstore.h"
#include "router/table.h"

/* Aliases of a table by their indexes, which stay when other weights come into force. */
struct mapstore_list {
    uint32_t nr, capacity;
    uint32_t *indexes;
    bool is_short; /* memory was; some are missing */
};

/* Those whose map the store keeps. Looks at each target: not for a loop. Ended by mapstore_fini. */
void mapstore_find(struct mapstore_list *out, const struct table *table);
void mapstore_fini(struct mapstore_list *list);

/* Has the store keep the maps of table, the one in force, and no others; nobody waits for it:
 * from an older map the next start makes the same. Says in the log, once for each time that it
 * becomes so, where the file (said: what it says) alone would give callers other versions on
 * another machine. Control thread. */
void mapstore_follow(struct rowstore *rows, const struct mapstore_list *list,
                     const struct table *table, const struct merge_said *said, const char *file);

#endif
