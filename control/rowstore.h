/* The rows of the store as an overlay, and back: what the API changed, from process to process.
 * Control thread. */
#ifndef WEIR_CONTROL_ROWSTORE_H
#define WEIR_CONTROL_ROWSTORE_H

#include "base/prng.h"
#include "conf/overlay.h"
#include "conf/tabledoc_diff.h"
#include "store/store.h"

struct rowstore {
    struct store *store;     /* the owner's */
    struct overlay *overlay; /* as the store has it */
    struct overlay *maps;    /* likewise, of sticky splits (control/mapstore.h) */
    uint64_t seed;           /* RevisionIds of what only the file says are made with it */
    uint64_t life;           /* no other process has this number */
    struct prng rng;
    bool is_short; /* memory was, while rows were read: some are missing */
};

/* Begins with rows of nothing, for rowstore_add; not to be stored. 0, or -1 when out of memory. */
int rowstore_begin(struct rowstore *rows) __attribute__((warn_unused_result));
/* A store_each_row: rows is the context. Where memory runs out is_short says so. */
void rowstore_add(void *rows, const struct store_row *from);

/* Reads all rows, and the seed, which is made where there is none. Waits for the disk: for the
 * start. 0, or -1 with a reason. */
int rowstore_open(struct rowstore *rows, struct store *store, struct store_reason *reason)
    __attribute__((warn_unused_result));
/* Ended before the store is closed. */
void rowstore_fini(struct rowstore *rows);

/* Hands a change over to the store, with further edits in the same transaction; its rows get new
 * RevisionIds. Results as of store_change. Call rowstore_take once it was told STORE_DONE. */
int rowstore_store(struct rowstore *rows, struct tabledoc_diff *diff, const struct store_edit *more,
                   int nr_more, store_told *told, void *context)
    __attribute__((warn_unused_result));

/* The overlay follows. 0, or -1 when out of memory: then some of it is missing until the next
 * start. */
int rowstore_take(struct rowstore *rows, const struct tabledoc_diff *diff)
    __attribute__((warn_unused_result));

/* The maps that the store keeps are other ones; nobody waits for it. 0, or -1 when out of
 * memory. */
int rowstore_keep_maps(struct rowstore *rows, const struct tabledoc_diff *diff)
    __attribute__((warn_unused_result));

/* Rows hold no longer: they go. Nobody waits for it: where it fails they are found again to hold no
 * longer at the next start. */
void rowstore_drop(struct rowstore *rows, struct overlay_row *const *list, uint32_t nr);

#endif
