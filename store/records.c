/* The statements of SQL. All are prepared once; each is reset as soon as its result was read, so
 * that none keeps a transaction open. */
#include "store/records.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const char *const texts[RECORDS_NR] = {
    [RECORDS_BEGIN] = "BEGIN IMMEDIATE",
    [RECORDS_COMMIT] = "COMMIT",
    [RECORDS_ROLLBACK] = "ROLLBACK",
    [RECORDS_SAVE] = "SAVEPOINT change",
    [RECORDS_RELEASE] = "RELEASE change",
    [RECORDS_UNDO] = "ROLLBACK TO change",
    [RECORDS_REVISION] = "SELECT revision FROM resources WHERE kind = ?1 AND function = ?2 AND name = ?3",
    [RECORDS_PUT] = "INSERT OR REPLACE INTO resources (kind, function, name, revision, base, is_deleted, changed, document)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?7)",
    [RECORDS_DELETE] = "DELETE FROM resources WHERE kind = ?1 AND function = ?2 AND name = ?3",
    [RECORDS_SET] = "INSERT OR REPLACE INTO named_values (name, text) VALUES (?1, ?2)",
    [RECORDS_UNSET] = "DELETE FROM named_values WHERE name = ?1",
    [RECORDS_EVENT_PUT] = "INSERT INTO events (key, id, function, qualifier, version, accepted_ms, due_ms, attempts, error, meta, payload)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [RECORDS_EVENT_UPDATE] = "UPDATE events SET due_ms = ?2, attempts = ?3, error = ?4 WHERE key = ?1",
    [RECORDS_EVENT_DELETE] = "DELETE FROM events WHERE key = ?1",
    [RECORDS_EVENT_FETCH] = "SELECT id, function, qualifier, version, accepted_ms, due_ms, attempts, error, meta, payload"
                            " FROM events WHERE key = ?1",
    [RECORDS_EVENT_OLDEST] = "SELECT accepted_ms FROM events ORDER BY key LIMIT 1",
};
/* clang-format on */

int records_init(struct records *records, sqlite3 *db)
{
    *records = (struct records){.db = db};
    for (int i = 0; i < RECORDS_NR; i++) {
        int r = sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                   &records->statements[i], NULL);

        if (r != SQLITE_OK) {
            records_fini(records);
            return r;
        }
    }
    return SQLITE_OK;
}

void records_fini(struct records *records)
{
    for (int i = 0; i < RECORDS_NR; i++)
        (void)sqlite3_finalize(records->statements[i]);
    memset(records, 0, sizeof(*records));
}

/* ---- Running --------------------------------------------------------------------------------- */

/* Text that stays as it is until the statement is reset; NULL is the empty one. */
static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    (void)sqlite3_bind_text(statement, at, text ? text : "", -1, SQLITE_STATIC);
}

static void bind_number(sqlite3_stmt *statement, int at, uint64_t number)
{
    (void)sqlite3_bind_int64(statement, at, (sqlite3_int64)number);
}

/* Ends a statement whose result was read; r is what its last step said. */
static int end(sqlite3_stmt *statement, int r)
{
    (void)sqlite3_reset(statement);
    return r == SQLITE_DONE || r == SQLITE_ROW ? SQLITE_OK : r;
}

static int run(struct records *records, enum records_statement which)
{
    sqlite3_stmt *statement = records->statements[which];

    return end(statement, sqlite3_step(statement));
}

int records_begin(struct records *records)
{
    return run(records, RECORDS_BEGIN);
}

int records_commit(struct records *records)
{
    return run(records, RECORDS_COMMIT);
}

void records_rollback(struct records *records)
{
    if (!sqlite3_get_autocommit(records->db))
        (void)run(records, RECORDS_ROLLBACK);
}

/* ---- Changes --------------------------------------------------------------------------------- */

static sqlite3_stmt *of_row(struct records *records, enum records_statement which,
                            const struct store_row *row)
{
    sqlite3_stmt *statement = records->statements[which];

    bind_text(statement, 1, row->kind);
    bind_text(statement, 2, row->function);
    bind_text(statement, 3, row->name);
    return statement;
}

static int put_row(struct records *records, const struct store_row *row)
{
    sqlite3_stmt *statement = of_row(records, RECORDS_PUT, row);
    char base[24] = "absent";

    if (row->has_base)
        snprintf(base, sizeof(base), "%016llx", (unsigned long long)row->base);
    bind_text(statement, 4, row->revision);
    bind_text(statement, 5, base);
    bind_number(statement, 6, row->is_deleted);
    bind_text(statement, 7, row->document);
    return end(statement, sqlite3_step(statement));
}

/* *is_expected: the row is as the edit expects it. */
static int compare(struct records *records, const struct store_edit *edit, bool *is_expected)
{
    sqlite3_stmt *statement;
    const char *revision;
    int r;

    *is_expected = true;
    if (edit->kind == STORE_SET || edit->expected == STORE_ANY)
        return SQLITE_OK;
    statement = of_row(records, RECORDS_REVISION, &edit->row);
    r = sqlite3_step(statement);
    if (r == SQLITE_ROW) {
        revision = (const char *)sqlite3_column_text(statement, 0);
        *is_expected = revision && strcmp(revision, edit->expected) == 0;
    } else if (r == SQLITE_DONE) {
        *is_expected = strcmp(edit->expected, STORE_ABSENT) == 0;
    }
    return end(statement, r);
}

static int set_value(struct records *records, const struct store_edit *edit)
{
    sqlite3_stmt *statement = records->statements[edit->text ? RECORDS_SET : RECORDS_UNSET];

    bind_text(statement, 1, edit->name);
    if (edit->text)
        bind_text(statement, 2, edit->text);
    return end(statement, sqlite3_step(statement));
}

static int apply_edit(struct records *records, const struct store_edit *edit)
{
    sqlite3_stmt *statement;

    switch (edit->kind) {
    case STORE_PUT:
        return put_row(records, &edit->row);
    case STORE_SET:
        return set_value(records, edit);
    case STORE_DELETE:
    default:
        statement = of_row(records, RECORDS_DELETE, &edit->row);
        return end(statement, sqlite3_step(statement));
    }
}

int records_change(struct records *records, struct job *job)
{
    int r = run(records, RECORDS_SAVE);

    for (int i = 0; r == SQLITE_OK && i < job->nr_edits; i++) {
        const struct store_edit *edit = &job->edits[i];
        bool is_expected = true;

        r = compare(records, edit, &is_expected);
        if (!is_expected) {
            job_fail(job, STORE_CONFLICT, "the %s %s was changed meanwhile", edit->row.kind,
                     edit->row.name);
            r = run(records, RECORDS_UNDO);
            break;
        }
        if (r == SQLITE_OK)
            r = apply_edit(records, edit);
    }
    return r == SQLITE_OK ? run(records, RECORDS_RELEASE) : r;
}

/* ---- Events ---------------------------------------------------------------------------------- */

int records_event_put(struct records *records, const struct store_event *event)
{
    sqlite3_stmt *statement = records->statements[RECORDS_EVENT_PUT];

    bind_number(statement, 1, event->key);
    bind_text(statement, 2, event->id);
    bind_text(statement, 3, event->function);
    bind_text(statement, 4, event->qualifier);
    bind_text(statement, 5, event->version);
    bind_number(statement, 6, event->accepted_ms);
    bind_number(statement, 7, event->due_ms);
    bind_number(statement, 8, event->attempts);
    bind_text(statement, 9, event->error);
    bind_text(statement, 10, event->meta);
    /* A NULL would be no payload, not one of no bytes. */
    (void)sqlite3_bind_blob64(statement, 11, event->payload_bytes > 0 ? event->payload : "",
                              event->payload_bytes, SQLITE_STATIC);
    return end(statement, sqlite3_step(statement));
}

int records_event_update(struct records *records, const struct store_event *event)
{
    sqlite3_stmt *statement = records->statements[RECORDS_EVENT_UPDATE];

    bind_number(statement, 1, event->key);
    bind_number(statement, 2, event->due_ms);
    bind_number(statement, 3, event->attempts);
    bind_text(statement, 4, event->error);
    return end(statement, sqlite3_step(statement));
}

int records_event_delete(struct records *records, uint64_t key, int *nr)
{
    sqlite3_stmt *statement = records->statements[RECORDS_EVENT_DELETE];
    int r;

    bind_number(statement, 1, key);
    r = sqlite3_step(statement);
    *nr = r == SQLITE_DONE ? sqlite3_changes(records->db) : 0;
    return end(statement, r);
}

static uint64_t number_at(sqlite3_stmt *statement, int column)
{
    return (uint64_t)sqlite3_column_int64(statement, column);
}

/* Never NULL, where there was memory. */
static const char *text_at(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text ? text : "";
}

/* Copies the column and a terminator to *at, which moves on. */
static const char *keep(sqlite3_stmt *statement, int column, char **at)
{
    const void *bytes = sqlite3_column_blob(statement, column);
    size_t n = (size_t)sqlite3_column_bytes(statement, column);
    char *copy = *at;

    if (n > 0 && bytes)
        memcpy(copy, bytes, n);
    copy[n] = '\0';
    *at += n + 1;
    return copy;
}

/* 0, or -1 when out of memory. */
static int copy_event(sqlite3_stmt *statement, struct job *job)
{
    struct store_event *event = &job->event;
    size_t bytes = 0;
    char *at;

    for (int i = 0; i < 10; i++)
        bytes += (size_t)sqlite3_column_bytes(statement, i) + 1;
    at = malloc(bytes);
    if (!at)
        return -1;
    job->memory = at;
    event->accepted_ms = number_at(statement, 4);
    event->due_ms = number_at(statement, 5);
    event->attempts = (uint32_t)number_at(statement, 6);
    event->payload_bytes = (size_t)sqlite3_column_bytes(statement, 9);
    event->id = keep(statement, 0, &at);
    event->function = keep(statement, 1, &at);
    event->qualifier = keep(statement, 2, &at);
    event->version = keep(statement, 3, &at);
    event->error = keep(statement, 7, &at);
    event->meta = keep(statement, 8, &at);
    event->payload = keep(statement, 9, &at);
    job->has_event = true;
    return 0;
}

int records_event_fetch(struct records *records, struct job *job)
{
    sqlite3_stmt *statement = records->statements[RECORDS_EVENT_FETCH];
    int r;

    assert(job->kind == JOB_EVENT_FETCH && !job->memory);
    bind_number(statement, 1, job->event.key);
    r = sqlite3_step(statement);
    if (r == SQLITE_ROW && copy_event(statement, job) < 0)
        r = SQLITE_NOMEM;
    return end(statement, r);
}

int records_event_oldest(struct records *records, uint64_t *accepted_ms)
{
    sqlite3_stmt *statement = records->statements[RECORDS_EVENT_OLDEST];
    int r = sqlite3_step(statement);

    *accepted_ms = r == SQLITE_ROW ? number_at(statement, 0) : 0;
    return end(statement, r);
}

/* ---- At the start ---------------------------------------------------------------------------- */

static struct store_row row_of(sqlite3_stmt *statement)
{
    const char *base = text_at(statement, 4);

    return (struct store_row){.kind = text_at(statement, 0),
                              .function = text_at(statement, 1),
                              .name = text_at(statement, 2),
                              .revision = text_at(statement, 3),
                              .has_base = strcmp(base, "absent") != 0,
                              .base = strcmp(base, "absent") != 0 ? strtoull(base, NULL, 16) : 0,
                              .is_deleted = sqlite3_column_int(statement, 5) != 0,
                              .document = text_at(statement, 6)};
}

int records_load_now(sqlite3 *db, store_each_row *each, void *context)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(db,
                               "SELECT kind, function, name, revision, base, is_deleted, document"
                               " FROM resources",
                               -1, &statement, NULL);

    while (r == SQLITE_OK || r == SQLITE_ROW) {
        r = sqlite3_step(statement);
        if (r == SQLITE_ROW) {
            struct store_row row = row_of(statement);

            each(context, &row);
        }
    }
    (void)sqlite3_finalize(statement);
    return r == SQLITE_DONE ? SQLITE_OK : r;
}

int records_value_now(sqlite3 *db, const char *name, char **text)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(db, "SELECT text FROM named_values WHERE name = ?1", -1, &statement,
                               NULL);

    *text = NULL;
    if (r == SQLITE_OK) {
        bind_text(statement, 1, name);
        r = sqlite3_step(statement);
    }
    if (r == SQLITE_ROW) {
        *text = strdup(text_at(statement, 0));
        r = *text ? SQLITE_DONE : SQLITE_NOMEM;
    }
    (void)sqlite3_finalize(statement);
    return r == SQLITE_DONE ? SQLITE_OK : r;
}

int records_events_now(sqlite3 *db, store_each_event *each, void *context)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(db,
                               "SELECT key, id, function, qualifier, version, accepted_ms, due_ms,"
                               " attempts, error FROM events ORDER BY key",
                               -1, &statement, NULL);

    while (r == SQLITE_OK || r == SQLITE_ROW) {
        r = sqlite3_step(statement);
        if (r == SQLITE_ROW) {
            const struct store_event event = {.key = number_at(statement, 0),
                                              .id = text_at(statement, 1),
                                              .function = text_at(statement, 2),
                                              .qualifier = text_at(statement, 3),
                                              .version = text_at(statement, 4),
                                              .accepted_ms = number_at(statement, 5),
                                              .due_ms = number_at(statement, 6),
                                              .attempts = (uint32_t)number_at(statement, 7),
                                              .error = text_at(statement, 8)};

            each(context, &event);
        }
    }
    (void)sqlite3_finalize(statement);
    return r == SQLITE_DONE ? SQLITE_OK : r;
}

int records_count_now(sqlite3 *db, uint64_t *nr, uint64_t *last_key)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(db, "SELECT count(*), coalesce(max(key), 0) FROM events", -1,
                               &statement, NULL);

    if (r == SQLITE_OK)
        r = sqlite3_step(statement);
    if (r == SQLITE_ROW) {
        *nr = number_at(statement, 0);
        *last_key = number_at(statement, 1);
        r = SQLITE_DONE;
    }
    (void)sqlite3_finalize(statement);
    return r == SQLITE_DONE ? SQLITE_OK : r;
}
