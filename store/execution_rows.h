/* Executions in weir.db: the statements of SQL. As store/records.h, whose begin and commit stand
 * around those that write. */
#ifndef WEIR_STORE_EXECUTION_ROWS_H
#define WEIR_STORE_EXECUTION_ROWS_H

#include <sqlite3.h>

#include "store/job.h"
#include "store/store.h"

enum execution_rows_statement {
    EXECUTION_ROWS_DEFINE,
    EXECUTION_ROWS_REPLACE,
    EXECUTION_ROWS_PUT,
    EXECUTION_ROWS_UPDATE,
    EXECUTION_ROWS_DELETE,
    EXECUTION_ROWS_DELETE_OLDEST,
    EXECUTION_ROWS_DELETE_OLD,
    EXECUTION_ROWS_UNDEFINE,
    EXECUTION_ROWS_READ_ONE,
    EXECUTION_ROWS_READ_NAME,
    EXECUTION_ROWS_LIST,
    EXECUTION_ROWS_LIST_ALIAS,
    EXECUTION_ROWS_NR
};

struct execution_rows {
    sqlite3 *db; /* not owned */
    sqlite3_stmt *statements[EXECUTION_ROWS_NR];
    uint64_t nr; /* as of the transaction at hand */
};

int execution_rows_init(struct execution_rows *rows, sqlite3 *db)
    __attribute__((warn_unused_result));
void execution_rows_fini(struct execution_rows *rows);

/* Does what a job about executions asks for, a read too. */
int execution_rows_do(struct execution_rows *rows, struct job *job)
    __attribute__((warn_unused_result));

/* After a transaction that has failed. Where this fails as well, the number stays too large or too
 * small until the next start. */
int execution_rows_recount(struct execution_rows *rows);

int execution_rows_running_now(sqlite3 *db, store_each_execution *each, void *context);
/* The highest key. */
int execution_rows_last_key_now(sqlite3 *db, uint64_t *last_key);

#endif
