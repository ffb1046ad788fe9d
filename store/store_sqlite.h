/* The store in state.directory: weir.db, an SQLite database that people can read while weir runs.
 *
 * One thread of the store's own uses it. All that waits when it comes to look goes into one
 * transaction, and is told once that is on the disk (write-ahead log, synchronous FULL). */
#ifndef WEIR_STORE_STORE_SQLITE_H
#define WEIR_STORE_STORE_SQLITE_H

#include "store/store.h"

/* The folder is the caller's, who holds its lock (store/statedir.h) until the store is closed. NULL
 * with a reason, which names the file that is at fault. Waits for the disk. Control thread. */
struct store *store_sqlite_open(const struct store_host *host, const char *directory,
                                struct store_reason *reason);

/* Tells every row that store_sqlite_open would find in the folder, and why it would fail: 0, or -1
 * with a reason. Changes nothing; a weir may be running on the folder. No database: no rows. */
int store_sqlite_look(const char *directory, store_each_row *each, void *context,
                      struct store_reason *reason) __attribute__((warn_unused_result));

#endif
