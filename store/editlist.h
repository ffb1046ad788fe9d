/* Edits with copies of their strings, in the order in which they were added. Zeroed is empty. One
 * thread. */
#ifndef WEIR_STORE_EDITLIST_H
#define WEIR_STORE_EDITLIST_H

#include "store/job.h"
#include "store/store.h"

struct editlist {
    struct store_edit *edits;
    struct job **jobs; /* whose strings they are */
    int nr, room;
    bool is_out; /* of memory: some are missing */
};

void editlist_add(struct editlist *list, const struct store_edit *edit);
void editlist_fini(struct editlist *list);

#endif
