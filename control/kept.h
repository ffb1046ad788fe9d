/* Edits of the store that wait for their turn: copies, with their strings. Zeroed is empty. One
 * thread. */
#ifndef WEIR_CONTROL_KEPT_H
#define WEIR_CONTROL_KEPT_H

#include "store/store.h"

struct kept {
    int nr;
    struct store_edit *list; /* in order; each edit's revision is the memory of its strings */
    bool is_short;           /* memory ran out: some are missing */
};

/* Copies kind, function, name and document of a row; revision and base stay behind. */
void kept_add(struct kept *kept, const struct store_edit *edit);
void kept_fini(struct kept *kept);

#endif
