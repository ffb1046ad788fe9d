/* The statements of SQL about executions, prepared once and reset as soon as they were read. */
#include "store/execution_rows.h"

#include <assert.h>
#include <string.h>

/* All that a struct store_execution has, in the order in which read_row takes it. */
#define COLUMNS                                                                                    \
    "e.key, e.machine, e.name, e.alias, e.version, e.id, e.is_express, e.status, e.stage,"         \
    " e.started_ms, e.stopped_ms, e.deadline_ms, e.definition, e.meta, e.error, e.cause,"          \
    " CASE WHEN ?1 THEN e.input END, CASE WHEN ?1 THEN e.output END,"                              \
    " CASE WHEN ?1 THEN (SELECT d.text FROM definitions d WHERE d.id = e.definition) END"
#define THERE " (e.status = 'RUNNING' OR e.stopped_ms >= ?2)"
/* ?1: with data; ?2: ended after; ?3: machine; ?4: before key; ?5: limit; ?6: version; ?7: status
 * */
#define LIST                                                                                       \
    "SELECT " COLUMNS " FROM executions e WHERE e.machine = ?3 AND e.is_express = 0"               \
    " AND e.key < ?4 AND" THERE " AND (?6 IS NULL OR e.version = ?6)"                              \
    " AND (?7 IS NULL OR e.status = ?7)"
#define NEWEST " ORDER BY e.key DESC LIMIT ?5"

/* clang-format off */
static const char *const texts[EXECUTION_ROWS_NR] = {
    [EXECUTION_ROWS_DEFINE] = "INSERT OR IGNORE INTO definitions (id, text) VALUES (?1, ?2)",
    [EXECUTION_ROWS_REPLACE] = "DELETE FROM executions WHERE machine = ?1 AND name = ?2 AND is_express = 0 AND status <> 'RUNNING'",
    [EXECUTION_ROWS_PUT] = "INSERT INTO executions (key, machine, name, alias, version, id, is_express, status, stage, started_ms,"
                       " stopped_ms, deadline_ms, definition, meta, error, cause, input, output)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    [EXECUTION_ROWS_UPDATE] = "UPDATE executions SET status = ?2, stage = ?3, stopped_ms = ?4, meta = coalesce(?5, meta), error = ?6,"
                          " cause = ?7, output = ?8 WHERE key = ?1",
    [EXECUTION_ROWS_DELETE] = "DELETE FROM executions WHERE key = ?1",
    [EXECUTION_ROWS_DELETE_OLDEST] = "DELETE FROM executions WHERE key IN (SELECT key FROM executions WHERE status <> 'RUNNING'"
                                 " ORDER BY stopped_ms, key LIMIT ?1)",
    [EXECUTION_ROWS_DELETE_OLD] = "DELETE FROM executions WHERE status <> 'RUNNING' AND stopped_ms < ?1",
    [EXECUTION_ROWS_UNDEFINE] = "DELETE FROM definitions WHERE id NOT IN (SELECT definition FROM executions)",
    [EXECUTION_ROWS_READ_ONE] = "SELECT " COLUMNS " FROM executions e WHERE e.key = ?3 AND" THERE,
    [EXECUTION_ROWS_READ_NAME] = "SELECT " COLUMNS " FROM executions e WHERE e.machine = ?3 AND e.name = ?4 AND e.is_express = 0 AND"
                             THERE,
    [EXECUTION_ROWS_LIST] = LIST NEWEST,
    [EXECUTION_ROWS_LIST_ALIAS] = LIST " AND e.alias = ?8" NEWEST,
};
/* clang-format on */

const char *const execution_rows_statuses[EXECUTION_STATUSES] = {"RUNNING", "SUCCEEDED", "FAILED",
                                                                 "TIMED_OUT", "ABORTED"};

static const char *const stages[EXECUTION_STAGES] = {"ACCEPTED", "SENT", "WAITING"};

int execution_rows_init(struct execution_rows *rows, sqlite3 *db)
{
    *rows = (struct execution_rows){.db = db};
    for (int i = 0; i < EXECUTION_ROWS_NR; i++) {
        int r = sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                   &rows->statements[i], NULL);

        if (r != SQLITE_OK)
            return r;
    }
    return execution_rows_recount(rows);
}

void execution_rows_fini(struct execution_rows *rows)
{
    for (int i = 0; i < EXECUTION_ROWS_NR; i++)
        (void)sqlite3_finalize(rows->statements[i]);
    memset(rows, 0, sizeof(*rows));
}

/* ---- Running --------------------------------------------------------------------------------- */

/* Text that stays as it is until the statement is reset; NULL is NULL. */
static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    (void)sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static void bind_number(sqlite3_stmt *statement, int at, uint64_t number)
{
    (void)sqlite3_bind_int64(statement, at, (sqlite3_int64)number);
}

static void bind_bytes(sqlite3_stmt *statement, int at, const void *bytes, size_t n)
{
    if (bytes) /* a NULL would be nothing, not no bytes */
        (void)sqlite3_bind_blob64(statement, at, n > 0 ? bytes : "", n, SQLITE_STATIC);
    else
        (void)sqlite3_bind_null(statement, at);
}

static int end(sqlite3_stmt *statement, int r)
{
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return r == SQLITE_DONE || r == SQLITE_ROW ? SQLITE_OK : r;
}

/* Runs one that deletes, and counts. */
static int run_delete(struct execution_rows *x, sqlite3_stmt *statement)
{
    int r = sqlite3_step(statement);

    if (r == SQLITE_DONE)
        x->nr -= (uint64_t)sqlite3_changes(x->db);
    return end(statement, r);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static int define(struct execution_rows *x, const struct store_execution *e)
{
    sqlite3_stmt *statement = x->statements[EXECUTION_ROWS_DEFINE];

    bind_text(statement, 1, e->definition_id);
    bind_text(statement, 2, e->definition);
    return end(statement, sqlite3_step(statement));
}

static int replace(struct execution_rows *x, const struct store_execution *e)
{
    sqlite3_stmt *statement = x->statements[EXECUTION_ROWS_REPLACE];

    bind_text(statement, 1, e->machine);
    bind_text(statement, 2, e->name);
    return run_delete(x, statement);
}

static int insert(struct execution_rows *x, const struct store_execution *e)
{
    sqlite3_stmt *statement = x->statements[EXECUTION_ROWS_PUT];
    const char *const words[] = {e->machine, e->name, e->alias, e->version, e->id};
    int r;

    bind_number(statement, 1, e->key);
    for (int i = 0; i < 5; i++)
        bind_text(statement, 2 + i, words[i]);
    bind_number(statement, 7, e->is_express);
    bind_text(statement, 8, execution_rows_statuses[e->status]);
    bind_text(statement, 9, stages[e->stage]);
    bind_number(statement, 10, e->started_ms);
    bind_number(statement, 11, e->stopped_ms);
    bind_number(statement, 12, e->deadline_ms);
    bind_text(statement, 13, e->definition_id);
    bind_text(statement, 14, e->meta);
    bind_text(statement, 15, e->error);
    bind_text(statement, 16, e->cause);
    bind_bytes(statement, 17, e->input, e->input_bytes);
    bind_bytes(statement, 18, e->output, e->output_bytes);
    r = end(statement, sqlite3_step(statement));
    x->nr += r == SQLITE_OK;
    return r;
}

static int put(struct execution_rows *x, const struct job *job)
{
    const struct store_execution *e = &job->x->execution;
    sqlite3_stmt *statement = x->statements[EXECUTION_ROWS_DELETE_OLDEST];
    int r = define(x, e);

    if (r == SQLITE_OK && !e->is_express)
        r = replace(x, e);
    if (r == SQLITE_OK)
        r = insert(x, e);
    if (r != SQLITE_OK || x->nr <= job->x->max)
        return r;
    bind_number(statement, 1, x->nr - job->x->max);
    return run_delete(x, statement);
}

static int update(struct execution_rows *x, const struct store_execution *e)
{
    sqlite3_stmt *statement = x->statements[EXECUTION_ROWS_UPDATE];

    bind_number(statement, 1, e->key);
    bind_text(statement, 2, execution_rows_statuses[e->status]);
    bind_text(statement, 3, stages[e->stage]);
    bind_number(statement, 4, e->stopped_ms);
    bind_text(statement, 5, e->meta);
    bind_text(statement, 6, e->error);
    bind_text(statement, 7, e->cause);
    bind_bytes(statement, 8, e->output, e->output_bytes);
    return end(statement, sqlite3_step(statement));
}

static int prune(struct execution_rows *x, uint64_t ended_before_ms)
{
    sqlite3_stmt *statement = x->statements[EXECUTION_ROWS_DELETE_OLD];
    int r;

    bind_number(statement, 1, ended_before_ms);
    r = run_delete(x, statement);
    if (r != SQLITE_OK)
        return r;
    statement = x->statements[EXECUTION_ROWS_UNDEFINE];
    return end(statement, sqlite3_step(statement));
}

/* ---- Reading --------------------------------------------------------------------------------- */

static const char *text_at(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}

/* Never NULL, where there was memory. */
static const char *word_at(sqlite3_stmt *statement, int column)
{
    const char *text = text_at(statement, column);

    return text ? text : "";
}

static uint64_t number_at(sqlite3_stmt *statement, int column)
{
    return (uint64_t)sqlite3_column_int64(statement, column);
}

/* The place in the list of what stands there; 0 where it is none of them. */
static int choice_at(sqlite3_stmt *statement, int column, const char *const *list, int nr)
{
    const char *text = word_at(statement, column);

    for (int i = 0; i < nr; i++)
        if (strcmp(list[i], text) == 0)
            return i;
    return 0;
}

static const void *bytes_at(sqlite3_stmt *statement, int column, size_t *n)
{
    const void *bytes = sqlite3_column_blob(statement, column);

    *n = (size_t)sqlite3_column_bytes(statement, column);
    return bytes || sqlite3_column_type(statement, column) == SQLITE_NULL ? bytes : "";
}

/* Valid until the next step. */
static struct store_execution read_row(sqlite3_stmt *s)
{
    struct store_execution e = {
        .key = number_at(s, 0),
        .machine = word_at(s, 1),
        .name = word_at(s, 2),
        .alias = word_at(s, 3),
        .version = word_at(s, 4),
        .id = word_at(s, 5),
        .is_express = sqlite3_column_int(s, 6) != 0,
        .status = (enum store_execution_status)choice_at(s, 7, execution_rows_statuses,
                                                         EXECUTION_STATUSES),
        .stage = (enum store_execution_stage)choice_at(s, 8, stages, EXECUTION_STAGES),
        .started_ms = number_at(s, 9),
        .stopped_ms = number_at(s, 10),
        .deadline_ms = number_at(s, 11),
        .definition_id = word_at(s, 12),
        .meta = word_at(s, 13),
        .error = text_at(s, 14),
        .cause = text_at(s, 15),
        .definition = text_at(s, 18),
    };

    e.input = bytes_at(s, 16, &e.input_bytes);
    e.output = bytes_at(s, 17, &e.output_bytes);
    return e;
}

static sqlite3_stmt *bind_query(struct execution_rows *x, const struct store_execution_query *q)
{
    bool is_one = q->key > 0, is_name = !is_one && q->name;
    enum execution_rows_statement which = is_one     ? EXECUTION_ROWS_READ_ONE
                                          : is_name  ? EXECUTION_ROWS_READ_NAME
                                          : q->alias ? EXECUTION_ROWS_LIST_ALIAS
                                                     : EXECUTION_ROWS_LIST;
    sqlite3_stmt *statement = x->statements[which];

    bind_number(statement, 1, q->has_data);
    bind_number(statement, 2, q->ended_after_ms);
    if (is_one) {
        bind_number(statement, 3, q->key);
        return statement;
    }
    bind_text(statement, 3, q->machine);
    if (is_name) {
        bind_text(statement, 4, q->name);
        return statement;
    }
    bind_number(statement, 4, q->before_key ? q->before_key : INT64_MAX);
    bind_number(statement, 5, (uint64_t)q->limit);
    bind_text(statement, 6, q->version);
    bind_text(statement, 7, q->status);
    if (q->alias)
        bind_text(statement, 8, q->alias);
    return statement;
}

static int read_all(struct execution_rows *x, struct job *job)
{
    sqlite3_stmt *statement = bind_query(x, &job->x->query);
    int r = SQLITE_ROW;

    while (r == SQLITE_ROW) {
        r = sqlite3_step(statement);
        if (r == SQLITE_ROW) {
            struct store_execution e = read_row(statement);
            if (job_add_found(job, &e) < 0)
                r = SQLITE_NOMEM;
        }
    }
    return end(statement, r);
}

/* ---- The whole ------------------------------------------------------------------------------- */

int execution_rows_do(struct execution_rows *x, struct job *job)
{
    sqlite3_stmt *statement;

    switch (job->kind) {
    case JOB_EXECUTION_PUT:
        return put(x, job);
    case JOB_EXECUTION_UPDATE:
        return update(x, &job->x->execution);
    case JOB_EXECUTION_DELETE:
        statement = x->statements[EXECUTION_ROWS_DELETE];
        bind_number(statement, 1, job->x->execution.key);
        return run_delete(x, statement);
    case JOB_EXECUTIONS_PRUNE:
        return prune(x, job->x->execution.stopped_ms);
    default:
        assert(job->kind == JOB_EXECUTIONS_READ);
        return read_all(x, job);
    }
}

/* Of a query without parameters that gives one number. */
static int number_now(sqlite3 *db, const char *sql, uint64_t *number)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (r == SQLITE_OK)
        r = sqlite3_step(statement);
    if (r == SQLITE_ROW) {
        *number = number_at(statement, 0);
        r = SQLITE_DONE;
    }
    (void)sqlite3_finalize(statement);
    return r == SQLITE_DONE ? SQLITE_OK : r;
}

int execution_rows_recount(struct execution_rows *x)
{
    return number_now(x->db, "SELECT count(*) FROM executions", &x->nr);
}

int execution_rows_last_key_now(sqlite3 *db, uint64_t *last_key)
{
    return number_now(db, "SELECT coalesce(max(key), 0) FROM executions", last_key);
}

int execution_rows_running_now(sqlite3 *db, store_each_execution *each, void *context)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(
        db, "SELECT " COLUMNS " FROM executions e WHERE e.status = 'RUNNING' ORDER BY e.key", -1,
        &statement, NULL);

    if (r == SQLITE_OK)
        (void)sqlite3_bind_int(statement, 1, 1);
    while (r == SQLITE_OK || r == SQLITE_ROW) {
        r = sqlite3_step(statement);
        if (r == SQLITE_ROW) {
            struct store_execution e = read_row(statement);
            each(context, &e);
        }
    }
    (void)sqlite3_finalize(statement);
    return r == SQLITE_DONE ? SQLITE_OK : r;
}
