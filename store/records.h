/* What weir.db holds, read and written: the statements of SQL. Calls return 0 (SQLITE_OK) or an
 * SQLite code; those that write stand between records_begin and records_commit. One thread at a
 * time; the ..._now calls may be another's while nothing else runs. */
#ifndef WEIR_STORE_RECORDS_H
#define WEIR_STORE_RECORDS_H

#include <sqlite3.h>

#include "store/job.h"
#include "store/store.h"

enum records_statement {
    RECORDS_BEGIN,
    RECORDS_COMMIT,
    RECORDS_ROLLBACK,
    RECORDS_SAVE,
    RECORDS_RELEASE,
    RECORDS_UNDO,
    RECORDS_REVISION,
    RECORDS_PUT,
    RECORDS_DELETE,
    RECORDS_SET,
    RECORDS_UNSET,
    RECORDS_EVENT_PUT,
    RECORDS_EVENT_UPDATE,
    RECORDS_EVENT_DELETE,
    RECORDS_EVENT_FETCH,
    RECORDS_EVENT_OLDEST,
    RECORDS_NR
};

struct records {
    sqlite3 *db; /* not owned */
    sqlite3_stmt *statements[RECORDS_NR];
};

int records_init(struct records *records, sqlite3 *db) __attribute__((warn_unused_result));
void records_fini(struct records *records);

int records_begin(struct records *records) __attribute__((warn_unused_result));
int records_commit(struct records *records) __attribute__((warn_unused_result));
/* Also where SQLite has rolled back by itself. */
void records_rollback(struct records *records);

/* Makes the change as a whole, or leaves all as it was and says in the job why: a conflict is no
 * error of SQLite's. */
int records_change(struct records *records, struct job *job) __attribute__((warn_unused_result));

int records_event_put(struct records *records, const struct store_event *event)
    __attribute__((warn_unused_result));
int records_event_update(struct records *records, const struct store_event *event)
    __attribute__((warn_unused_result));
/* *nr: how many there were, 0 or 1. */
int records_event_delete(struct records *records, uint64_t key, int *nr)
    __attribute__((warn_unused_result));
/* Fills job->event in, with a copy of its own; job->has_event says whether there is one. */
int records_event_fetch(struct records *records, struct job *job)
    __attribute__((warn_unused_result));
/* When it was accepted; 0: there is none. */
int records_event_oldest(struct records *records, uint64_t *accepted_ms)
    __attribute__((warn_unused_result));

int records_load_now(sqlite3 *db, store_each_row *each, void *context);
int records_value_now(sqlite3 *db, const char *name, char **text);
int records_events_now(sqlite3 *db, store_each_event *each, void *context);
/* How many events there are, and the highest key. */
int records_count_now(sqlite3 *db, uint64_t *nr, uint64_t *last_key);

#endif
