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

#endif
