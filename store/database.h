/* The file weir.db: making it, making sure that it is ours and whole, bringing it up to date. Used
 * by one thread at a time. */
#ifndef WEIR_STORE_DATABASE_H
#define WEIR_STORE_DATABASE_H

#include <sqlite3.h>

#include "store/store.h"

/* What tells weir's databases from others ("weir"), and the version of their tables. */
enum { DATABASE_APPLICATION = 0x77656972, DATABASE_VERSION = 2 };

/* The value that each new database begins with: 64 random bits as 16 hex digits. */
#define DATABASE_SEED "revision_seed"

/* Opens weir.db in the folder, which is locked (store/statedir.h); makes it where there is none.
 * What is damaged, is not weir's or comes from a newer weir is refused and left as it is. NULL with
 * a reason that names the file. Ended by database_close. */
sqlite3 *database_open(const char *directory, struct store_reason *reason);

/* Looks at weir.db in the folder, as it would be opened, but changes nothing, takes no lock, and a
 * weir may be running on it. 0: *db is it, to be read alone, or NULL where there is none yet, or
 * its tables are older ones; -1 with a reason where a start would end. */
int database_look(const char *directory, sqlite3 **db, struct store_reason *reason)
    __attribute__((warn_unused_result));

void database_close(sqlite3 **db);

/* One or more statements without results; 0 or SQLite's code. */
int database_run(sqlite3 *db, const char *sql) __attribute__((warn_unused_result));

/* Says in a sentence what SQLite's last call has met. */
void database_explain(sqlite3 *db, struct store_reason *reason);

#endif
