/* A new database is made under another name, whole, and then given its own, so that a file that is
 * there is never half made: an empty or cut one has come to harm, and nobody starts afresh in its
 * place. */
#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "store/reason.h"
#include "store/statedir.h"

/* So long weir waits for a person who writes to the database by hand. */
enum { BUSY_MS = 5000 };

#define QUOTE_(x) #x
#define QUOTE(x)  QUOTE_(x)

/* What brings the tables from version i to i + 1. Add to the end; change nothing that was released.
 */
static const char *const migrations[DATABASE_VERSION] = {
    "PRAGMA application_id = " QUOTE(
        0x77656972) ";"
                    /* What the API made or changed. base: what the table file said of it then. */
                    "CREATE TABLE resources ("
                    " kind TEXT NOT NULL, function TEXT NOT NULL, name TEXT NOT NULL,"
                    " revision TEXT NOT NULL, base TEXT NOT NULL DEFAULT 'absent',"
                    " is_deleted INTEGER NOT NULL DEFAULT 0, changed TEXT NOT NULL, document TEXT "
                    "NOT NULL,"
                    " PRIMARY KEY (kind, function, name));"
                    /* Small things that must be remembered. */
                    "CREATE TABLE named_values (name TEXT NOT NULL PRIMARY KEY, text TEXT NOT "
                    "NULL);"
                    /* Invocations that are still to run. What is long comes last. */
                    "CREATE TABLE events ("
                    " key INTEGER PRIMARY KEY, id TEXT NOT NULL,"
                    " function TEXT NOT NULL, qualifier TEXT NOT NULL, version TEXT NOT NULL,"
                    " accepted_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, attempts INTEGER NOT "
                    "NULL,"
                    " error TEXT NOT NULL, meta TEXT NOT NULL, payload BLOB NOT NULL);",
    /* What executions run. */
    "CREATE TABLE definitions (id TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL);"
    /* Executions of state machines, those that have ended too. What is long comes last. */
    "CREATE TABLE executions ("
    " key INTEGER PRIMARY KEY, machine TEXT NOT NULL, name TEXT NOT NULL,"
    " alias TEXT NOT NULL, version TEXT NOT NULL, id TEXT NOT NULL, is_express INTEGER NOT NULL,"
    " status TEXT NOT NULL, stage TEXT NOT NULL,"
    " started_ms INTEGER NOT NULL, stopped_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL,"
    " definition TEXT NOT NULL, meta TEXT NOT NULL, error TEXT, cause TEXT,"
    " input BLOB NOT NULL, output BLOB);"
    "CREATE UNIQUE INDEX executions_by_name ON executions (machine, name) WHERE is_express = 0;"
    "CREATE INDEX executions_by_machine ON executions (machine, key);"
    "CREATE INDEX executions_that_run ON executions (key) WHERE status = 'RUNNING';"
    "CREATE INDEX executions_by_end ON executions (stopped_ms) WHERE status <> 'RUNNING';"
    "CREATE INDEX executions_by_definition ON executions (definition);",
};

int database_run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* The system's error in a call for the write-ahead log or the database; 0: unknown. */
static int system_error(sqlite3 *db)
{
    sqlite3_file *log = NULL;
    int error = 0;

    (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log && log->pMethods)
        (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
    if (error == 0)
        (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
    return error;
}

void database_explain(sqlite3 *db, struct store_reason *reason)
{
    const char *file = sqlite3_db_filename(db, "main");
    int error = (sqlite3_errcode(db) & 0xff) == SQLITE_IOERR ? system_error(db) : 0;

    if (error != 0)
        reason_say(reason, "%s: %s (%s)", file, sqlite3_errmsg(db), strerror(error));
    else
        reason_say(reason, "%s: %s", file, sqlite3_errmsg(db));
}

void database_close(sqlite3 **db)
{
    /* Only with statements that nobody finalized could it refuse. */
    (void)sqlite3_close(*db);
    *db = NULL;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static sqlite3 *open_file(const char *file, struct store_reason *reason)
{
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) ==
        SQLITE_OK) {
        (void)sqlite3_extended_result_codes(db, 1);
        (void)sqlite3_busy_timeout(db, BUSY_MS);
        return db;
    }
    reason_say(reason, "%s cannot be opened: %s", file, db ? sqlite3_errmsg(db) : "out of memory");
    database_close(&db);
    return NULL;
}

/* The one number that a pragma gives. 0 or SQLite's code. */
static int pragma_number(sqlite3 *db, const char *sql, int *number)
{
    sqlite3_stmt *statement;
    int r = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (r != SQLITE_OK)
        return r;
    r = sqlite3_step(statement);
    if (r == SQLITE_ROW)
        *number = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return r == SQLITE_ROW ? SQLITE_OK : r;
}

static int migrate(sqlite3 *db, int version)
{
    char sql[64];
    int r = database_run(db, "BEGIN IMMEDIATE");

    for (; r == SQLITE_OK && version < DATABASE_VERSION; version++)
        r = database_run(db, migrations[version]);
    snprintf(sql, sizeof(sql), "PRAGMA user_version = %d; COMMIT", DATABASE_VERSION);
    if (r == SQLITE_OK)
        r = database_run(db, sql);
    return r;
}

static const char advice[] =
    "put a backup in its place, or move it away (with its -wal) to start without it";

static int refuse_damaged(sqlite3 *db, const char *file, struct store_reason *reason)
{
    int code = sqlite3_errcode(db) & 0xff;

    if (code == SQLITE_NOTADB)
        return reason_say(reason, "%s is no database, or is damaged at its beginning; %s", file,
                          advice);
    if (code == SQLITE_CORRUPT)
        return reason_say(reason, "%s is damaged: %s; %s", file, sqlite3_errmsg(db), advice);
    database_explain(db, reason);
    return -1;
}

/* Is it weir's, and of a version that this weir knows? */
static int check_origin(sqlite3 *db, const char *file, int *version, struct store_reason *reason)
{
    int application = 0;

    if (pragma_number(db, "PRAGMA application_id", &application) != SQLITE_OK ||
        pragma_number(db, "PRAGMA user_version", version) != SQLITE_OK)
        return refuse_damaged(db, file, reason);
    if (application != DATABASE_APPLICATION)
        return reason_say(reason,
                          "%s is a database of another program (application_id %d); weir leaves it "
                          "alone: give weir a folder of its own",
                          file, application);
    if (*version < 1 || *version > DATABASE_VERSION)
        return reason_say(reason,
                          "%s was written by a newer weir (its tables are of version %d, this weir "
                          "knows %d); start that one, or put a backup in its place",
                          file, *version, DATABASE_VERSION);
    return 0;
}

static int check_whole(sqlite3 *db, const char *file, struct store_reason *reason)
{
    sqlite3_stmt *statement;
    const char *word = NULL;
    int r = -1;

    if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL) != SQLITE_OK)
        return refuse_damaged(db, file, reason);
    if (sqlite3_step(statement) == SQLITE_ROW)
        word = (const char *)sqlite3_column_text(statement, 0);
    if (!word)
        refuse_damaged(db, file, reason);
    else if (strcmp(word, "ok") != 0)
        reason_say(reason, "%s is damaged: %s; %s", file, word, advice);
    else
        r = 0;
    (void)sqlite3_finalize(statement);
    return r;
}

/* Checkpoints are the store's: they come after what was committed is told. */
static const char pragmas[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                              "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;"
                              "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF";

static int take_up(sqlite3 *db, const char *file, struct store_reason *reason)
{
    int version = 0;

    if (check_origin(db, file, &version, reason) < 0 || check_whole(db, file, reason) < 0)
        return -1;
    if (database_run(db, pragmas) == SQLITE_OK &&
        (version == DATABASE_VERSION || migrate(db, version) == SQLITE_OK))
        return 0;
    return refuse_damaged(db, file, reason);
}

/* ---- Making ---------------------------------------------------------------------------------- */

static int create_empty(const char *file, struct store_reason *reason)
{
    int fd;

    (void)unlink(file); /* of a start that did not come to its end */
    fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return reason_say(reason, "%s cannot be made: %s", file, strerror(errno));
    close(fd);
    return 0;
}

/* A random number of this database's own, from which RevisionIds of what only the table file says
 * are made (control/rowstore.c): it is durable before anybody has read one, unlike what is written
 * once weir runs. */
static const char seed[] =
    "INSERT INTO named_values (name, text) VALUES ('" DATABASE_SEED "', lower(hex(randomblob(8))))";

/* Under this name, with its tables. */
static int make_as(const char *file, struct store_reason *reason)
{
    sqlite3 *db;
    int r;

    if (create_empty(file, reason) < 0)
        return -1;
    db = open_file(file, reason);
    if (!db)
        return -1;
    r = database_run(db, "PRAGMA synchronous = FULL");
    if (r == SQLITE_OK)
        r = migrate(db, 0);
    if (r == SQLITE_OK)
        r = database_run(db, seed);
    if (r != SQLITE_OK)
        database_explain(db, reason);
    database_close(&db);
    return r == SQLITE_OK ? 0 : -1;
}

static int make(const char *directory, const char *file, struct store_reason *reason)
{
    char *draft = statedir_file(directory, "weir.db.new");
    int r = draft ? make_as(draft, reason) : reason_say(reason, "out of memory");

    if (r == 0 && (rename(draft, file) < 0 || statedir_sync(directory) < 0))
        r = reason_say(reason, "%s cannot be made: %s", file, strerror(errno));
    if (r < 0 && draft)
        (void)unlink(draft);
    free(draft);
    return r;
}

/* What a database that was taken away has left behind would be taken for part of the new one. */
static int check_leftovers(const char *directory, const char *file, struct store_reason *reason)
{
    char *wal = statedir_file(directory, "weir.db-wal");
    int r = wal ? 0 : reason_say(reason, "out of memory");

    if (r == 0 && access(wal, F_OK) == 0)
        r = reason_say(
            reason,
            "%s is missing, but %s is there; put the database back, or move that away as "
            "well to start without it",
            file, wal);
    free(wal);
    return r;
}

/* So that it is there and not empty. */
static int prepare(const char *directory, const char *file, struct store_reason *reason)
{
    struct stat status;

    if (stat(file, &status) == 0) {
        if (status.st_size > 0)
            return 0;
        return reason_say(reason, "%s is damaged: it is empty; %s", file, advice);
    }
    if (errno != ENOENT)
        return reason_say(reason, "%s cannot be used: %s", file, strerror(errno));
    if (check_leftovers(directory, file, reason) < 0)
        return -1;
    return make(directory, file, reason);
}

/* ---- Looking --------------------------------------------------------------------------------- */

/* What has a meaning in a URI is escaped. */
static char *write_uri(const char *file)
{
    char *uri = malloc(3 * strlen(file) + 32), *p = uri;

    if (!uri)
        return NULL;
    p = text_lit(p, "file:");
    for (const char *c = file; *c; c++) {
        *p++ = strchr("%?#", *c) ? '%' : *c;
        if (p[-1] == '%')
            p = text_hex_fixed(p, (unsigned char)*c, 2);
    }
    p = text_lit(p, "?immutable=1");
    *p = '\0';
    return uri;
}

/* A file that nobody writes is read as it is: SQLite would make a log and shared memory beside it.
 * With a log it needs both, and they are there. */
static sqlite3 *open_to_look(const char *directory, const char *file, struct store_reason *reason)
{
    char *wal = statedir_file(directory, "weir.db-wal"), *uri = NULL;
    bool is_quiet = wal && access(wal, F_OK) < 0 && errno == ENOENT;
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX | (is_quiet ? SQLITE_OPEN_URI : 0);
    int r = SQLITE_NOMEM;
    sqlite3 *db = NULL;

    if (is_quiet)
        uri = write_uri(file);
    if (wal && (uri || !is_quiet))
        r = sqlite3_open_v2(is_quiet ? uri : file, &db, flags, NULL);
    free(uri);
    free(wal);
    if (r == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(db, 1);
        (void)sqlite3_busy_timeout(db, BUSY_MS);
        return db;
    }
    reason_say(reason, "%s cannot be opened: %s", file, db ? sqlite3_errmsg(db) : "out of memory");
    database_close(&db);
    return NULL;
}

static int look(const char *directory, const char *file, sqlite3 **db, struct store_reason *reason)
{
    struct stat status;
    int version = 0;

    if (stat(file, &status) < 0) {
        if (errno == ENOENT)
            return check_leftovers(directory, file, reason);
        return reason_say(reason, "%s cannot be used: %s", file, strerror(errno));
    }
    if (status.st_size == 0)
        return reason_say(reason, "%s is damaged: it is empty; %s", file, advice);
    *db = open_to_look(directory, file, reason);
    if (!*db)
        return -1;
    if (check_origin(*db, file, &version, reason) < 0 || check_whole(*db, file, reason) < 0) {
        database_close(db);
        return -1;
    }
    if (version < DATABASE_VERSION)
        database_close(db);
    return 0;
}

int database_look(const char *directory, sqlite3 **db, struct store_reason *reason)
{
    char *file = statedir_file(directory, "weir.db");
    int r;

    *db = NULL;
    r = file ? look(directory, file, db, reason) : reason_say(reason, "out of memory");
    free(file);
    return r;
}

/* ---- Taking up ------------------------------------------------------------------------------- */

sqlite3 *database_open(const char *directory, struct store_reason *reason)
{
    char *file = statedir_file(directory, "weir.db");
    sqlite3 *db = NULL;

    if (!file) {
        reason_say(reason, "out of memory");
        return NULL;
    }
    if (prepare(directory, file, reason) == 0)
        db = open_file(file, reason);
    if (db && take_up(db, file, reason) < 0)
        database_close(&db);
    free(file);
    return db;
}
