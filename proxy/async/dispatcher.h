/* When does which event run? The control thread's end of events: what the store keeps is in a
 * schedule here, what is due is handed to the workers' couriers in turn, and what becomes of it
 * then is decided and written down.
 *
 *     courier --accepted--> SCHEDULE --due--> (read from the store, where it is not in memory)
 *                              ^                  --> courier: attempt --> verdict
 *                              \--------- again: update the store ---------/ |
 *                                 over, or dropped: delete it <--------------+
 *                                 dead letter: put that, then delete it <----/
 *
 * An event is deleted only when it is over, so that a crash at any moment repeats what was being
 * attempted and loses nothing.
 *
 * Control thread. */
#ifndef WEIR_PROXY_ASYNC_DISPATCHER_H
#define WEIR_PROXY_ASYNC_DISPATCHER_H

#include "metrics/expose.h"
#include "proxy/async/courier.h"
#include "proxy/io/loop.h"
#include "proxy/worker/shared.h"
#include "store/store.h"

struct dispatcher;

/* shared, with settings and a table, and store outlive it. NULL with a line in the log. */
struct dispatcher *dispatcher_make(struct loop *loop, struct shared *shared, struct store *store);

/* Reads what the store keeps, once; it waits for the disk. 0, or -1 with a line in the log. */
int dispatcher_load(struct dispatcher *dispatcher) __attribute__((warn_unused_result));

/* Where couriers hand over what they have. */
struct inbox *dispatcher_inbox(struct dispatcher *dispatcher);

/* Attempts are made from now on, by this courier as well. All are added before any event runs, and
 * outlive the dispatcher. 0, or -1 when out of memory. */
int dispatcher_add(struct dispatcher *dispatcher, struct courier *courier)
    __attribute__((warn_unused_result));
void dispatcher_begin(struct dispatcher *dispatcher);

/* The settings in force have changed. */
void dispatcher_take_settings(struct dispatcher *dispatcher);

/* No further attempt is begun. What runs goes on. */
void dispatcher_drain(struct dispatcher *dispatcher);

/* The workers' threads have ended: takes what they have handed over to the store. Afterwards
 * store_close, then dispatcher_free. */
void dispatcher_settle(struct dispatcher *dispatcher);

/* After loop_fini. Clears the pointer, which may point to NULL. */
void dispatcher_free(struct dispatcher **dispatcher);

/* For the metrics page. */
struct dispatcher_report {
    uint64_t queued, oldest_age_ms;
};
struct dispatcher_report dispatcher_report(const struct dispatcher *dispatcher);
/* The counts of each function that had events, to be freed; NULL when out of memory. Any thread,
 * before dispatcher_free. */
struct expose_event_counts *dispatcher_counts(const struct dispatcher *dispatcher, int *nr);

#endif
