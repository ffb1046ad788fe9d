/* The way of results from a store's thread to the control thread's loop. */
#ifndef WEIR_STORE_MAILBOX_H
#define WEIR_STORE_MAILBOX_H

#include "store/job.h"
#include "store/store.h"

struct mailbox;

/* NULL when out of memory or descriptors. Control thread. */
struct mailbox *mailbox_open(const struct store_host *host);

/* The job is told on the loop, after all that were posted before. Any thread. */
void mailbox_post(struct mailbox *mailbox, struct job **job);

/* Tells all that was posted, and clears the pointer. Nobody posts any more. The loop's next turn
 * frees the rest. Control thread. */
void mailbox_close(struct mailbox **mailbox);

#endif
