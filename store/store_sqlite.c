/* The thread and its two queues: of jobs, which are told on the control loop, and of events, whose
 * memory is another thread's and who are told at once.
 *
 *     any thread -> waiting -> BEGIN ... COMMIT -> told
 *                              (the store's thread)
 *
 * While a transaction waits for the disk the next one's work gathers, so the slower the disk, the
 * more goes into one. */
#include "store/store_sqlite.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/database.h"
#include "store/execution_rows.h"
#include "store/job.h"
#include "store/mailbox.h"
#include "store/reason.h"
#include "store/records.h"

enum {
    /* in one transaction */
    BATCH_EVENTS = 4096,
    BATCH_BYTES = 32 << 20,
    /* so much may wait for the disk */
    WAITING_EVENTS = 100000,
    WAITING_BYTES = 128 << 20,
    /* pages in the write-ahead log, after which they go to the database */
    CHECKPOINT_PAGES = 1000
};

/* What the thread takes at once. */
struct batch {
    struct job *jobs;
    struct store_event_put *puts;
};

struct store_sqlite {
    struct store store; /* first */
    struct mailbox *mailbox;
    sqlite3 *db;
    struct records records; /* the thread's */
    struct execution_rows executions;
    pthread_t thread;

    _Atomic uint64_t next_key;
    uint64_t next_execution;               /* the control thread's */
    _Atomic uint64_t nr_events, oldest_ms; /* as of the last commit */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t news;
    struct job *jobs, **jobs_end;
    struct store_event_put *puts, **puts_end;
    size_t nr_waiting, bytes_waiting; /* events */
    bool is_closing;

    /* the thread's */
    int wal_pages;
    bool is_failing; /* the last transaction failed: it was logged */
    int64_t growth;  /* events that the transaction at hand adds */
    bool has_touched_events;
};

static struct store_sqlite *of(struct store *store)
{
    return (struct store_sqlite *)store;
}

static size_t bytes_of(const struct store_event_put *put)
{
    return put->event.payload_bytes + 1000;
}

/* ---- One transaction ------------------------------------------------------------------------- */

static int do_job(struct store_sqlite *s, struct job *job)
{
    int nr = 0, r;

    switch (job->kind) {
    case JOB_EVENT_FETCH:
    case JOB_EXECUTIONS_READ:
        return SQLITE_OK; /* has had its turn */
    case JOB_EXECUTION_PUT:
    case JOB_EXECUTION_UPDATE:
    case JOB_EXECUTION_DELETE:
    case JOB_EXECUTIONS_PRUNE:
        return execution_rows_do(&s->executions, job);
    case JOB_CHANGE:
        return records_change(&s->records, job);
    case JOB_EVENT_UPDATE:
        return records_event_update(&s->records, &job->event);
    case JOB_EVENT_DELETE:
    default:
        r = records_event_delete(&s->records, job->event.key, &nr);
        s->growth -= nr;
        s->has_touched_events |= nr > 0;
        return r;
    }
}

/* All of the batch, in the order of the calls; 0 or SQLite's code. */
static int do_all(struct store_sqlite *s, const struct batch *batch)
{
    int r = records_begin(&s->records);

    for (struct job *job = batch->jobs; job && r == SQLITE_OK; job = job->next)
        r = do_job(s, job);
    for (struct store_event_put *put = batch->puts; put && r == SQLITE_OK; put = put->next) {
        r = records_event_put(&s->records, &put->event);
        s->growth++;
        s->has_touched_events = true;
    }
    return r == SQLITE_OK ? records_commit(&s->records) : r;
}

/* Where the system could not say whether the last write reached the disk, neither can we: it is not
 * in force, but it might be found there at the next start. */
static enum store_outcome outcome_of(int r)
{
    if (r == SQLITE_OK)
        return STORE_DONE;
    return r == SQLITE_IOERR_FSYNC || r == SQLITE_IOERR_DIR_FSYNC ? STORE_UNKNOWN : STORE_FAILED;
}

static bool is_reading(const struct job *job)
{
    return job->kind == JOB_EVENT_FETCH || job->kind == JOB_EXECUTIONS_READ;
}

static bool needs_transaction(const struct batch *batch)
{
    if (batch->puts)
        return true;
    for (const struct job *job = batch->jobs; job; job = job->next)
        if (!is_reading(job))
            return true;
    return false;
}

/* Fetches read what was committed before. */
static void fetch_all(struct store_sqlite *s, const struct batch *batch)
{
    struct store_reason reason;
    int r;

    for (struct job *job = batch->jobs; job; job = job->next) {
        if (!is_reading(job))
            continue;
        r = job->x ? execution_rows_do(&s->executions, job) : records_event_fetch(&s->records, job);
        if (r != SQLITE_OK) {
            database_explain(s->db, &reason);
            job_fail(job, STORE_FAILED, "%s", reason.text);
        } else if (!job->x && !job->has_event) {
            job_fail(job, STORE_FAILED, "there is no such event");
        }
    }
}

/* One line when it begins, one when it is over. */
static void note_health(struct store_sqlite *s, int r, const struct store_reason *reason)
{
    if (r != SQLITE_OK && !s->is_failing)
        log_error("what the API changes, events and executions cannot be kept: %s", reason->text);
    else if (r == SQLITE_OK && s->is_failing)
        log_info("the store works again: %s", sqlite3_db_filename(s->db, "main"));
    s->is_failing = r != SQLITE_OK;
}

static void count_events(struct store_sqlite *s)
{
    uint64_t oldest_ms;

    if (!s->has_touched_events)
        return;
    atomic_fetch_add(&s->nr_events, (uint64_t)s->growth);
    if (records_event_oldest(&s->records, &oldest_ms) == SQLITE_OK)
        atomic_store(&s->oldest_ms, oldest_ms);
}

static void tell(struct store_sqlite *s, struct batch *batch, enum store_outcome outcome,
                 const struct store_reason *reason)
{
    while (batch->puts) {
        struct store_event_put *put = batch->puts;

        batch->puts = put->next;
        put->next = NULL;
        put->done(put, outcome, outcome == STORE_DONE ? "" : reason->text);
    }
    while (batch->jobs) {
        struct job *job = batch->jobs;

        batch->jobs = job->next;
        if (outcome != STORE_DONE && !is_reading(job))
            job_fail(job, outcome, "%s", reason->text);
        mailbox_post(s->mailbox, &job);
    }
}

static void work(struct store_sqlite *s, struct batch *batch)
{
    struct store_reason reason = {""};
    int r = SQLITE_OK;

    fetch_all(s, batch);
    s->growth = 0;
    s->has_touched_events = false;
    if (needs_transaction(batch)) {
        r = do_all(s, batch);
        if (r != SQLITE_OK) {
            database_explain(s->db, &reason);
            records_rollback(&s->records);
            (void)execution_rows_recount(&s->executions);
        } else {
            count_events(s);
        }
        note_health(s, r, &reason);
    }
    tell(s, batch, outcome_of(r), &reason);
}

/* ---- The thread ------------------------------------------------------------------------------ */

/* SQLite calls it after each commit. */
static int on_commit(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct store_sqlite *)context)->wal_pages = pages;
    return SQLITE_OK;
}

/* When nobody waits for an answer any more. Where it fails the log only grows on. */
static void checkpoint(struct store_sqlite *s)
{
    if (s->wal_pages < CHECKPOINT_PAGES)
        return;
    s->wal_pages = 0;
    (void)sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

/* The first of the waiting events, as many as one transaction is to have. Under the lock. */
static struct store_event_put *take_puts(struct store_sqlite *s)
{
    struct store_event_put *first = s->puts, **end = &s->puts;
    size_t nr = 0, bytes = 0;

    while (*end && nr < BATCH_EVENTS && bytes < BATCH_BYTES) {
        nr++;
        bytes += bytes_of(*end);
        end = &(*end)->next;
    }
    s->puts = *end;
    if (!s->puts)
        s->puts_end = &s->puts;
    *end = NULL;
    s->nr_waiting -= nr;
    s->bytes_waiting -= bytes;
    return nr > 0 ? first : NULL;
}

/* Waits for work; false: there will be none any more. */
static bool take_batch(struct store_sqlite *s, struct batch *batch)
{
    pthread_mutex_lock(&s->lock);
    while (!s->jobs && !s->puts && !s->is_closing)
        pthread_cond_wait(&s->news, &s->lock);
    batch->jobs = s->jobs;
    s->jobs = NULL;
    s->jobs_end = &s->jobs;
    batch->puts = s->puts ? take_puts(s) : NULL;
    pthread_mutex_unlock(&s->lock);
    return batch->jobs || batch->puts;
}

static void *run(void *context)
{
    struct store_sqlite *s = context;
    struct batch batch;

    while (take_batch(s, &batch)) {
        work(s, &batch);
        checkpoint(s);
    }
    return NULL;
}

/* Its signals are other threads'. */
static int start_thread(struct store_sqlite *s)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&s->thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0)
        (void)pthread_setname_np(s->thread, "weir-store");
    return r;
}

/* ---- Handing over ---------------------------------------------------------------------------- */

/* 0, or -1 where there is no job for want of memory, or the store is closing. */
static int hand_over(struct store_sqlite *s, struct job *job)
{
    bool is_closing;

    if (!job)
        return -1;
    job->next = NULL;
    pthread_mutex_lock(&s->lock);
    is_closing = s->is_closing;
    if (!is_closing) {
        *s->jobs_end = job;
        s->jobs_end = &job->next;
        pthread_cond_signal(&s->news);
    }
    pthread_mutex_unlock(&s->lock);
    if (!is_closing)
        return 0;
    job_free(&job);
    return -1;
}

static int change(struct store *store, const struct store_edit *edits, int nr, store_told *told,
                  void *context)
{
    return hand_over(of(store), job_change(edits, nr, told, context));
}

static int event_update(struct store *store, const struct store_event *event, store_told *told,
                        void *context)
{
    return hand_over(of(store), job_event(JOB_EVENT_UPDATE, event, told, context));
}

static int event_delete(struct store *store, uint64_t key, store_told *told, void *context)
{
    const struct store_event event = {.key = key};

    return hand_over(of(store), job_event(JOB_EVENT_DELETE, &event, told, context));
}

static int event_fetch(struct store *store, uint64_t key, store_event_told *told, void *context)
{
    return hand_over(of(store), job_fetch(key, told, context));
}

static const char *event_put(struct store *store, struct store_event_put *put)
{
    struct store_sqlite *s = of(store);
    const char *why = NULL;

    assert(put->done);
    put->next = NULL;
    put->event.key = atomic_fetch_add(&s->next_key, 1);
    pthread_mutex_lock(&s->lock);
    if (s->is_closing)
        why = "weir is ending";
    else if (s->nr_waiting >= WAITING_EVENTS || s->bytes_waiting >= WAITING_BYTES)
        why = "too many events wait for the disk";
    if (!why) {
        s->nr_waiting++;
        s->bytes_waiting += bytes_of(put);
        *s->puts_end = put;
        s->puts_end = &put->next;
        pthread_cond_signal(&s->news);
    }
    pthread_mutex_unlock(&s->lock);
    return why;
}

static uint64_t execution_key(struct store *store)
{
    return of(store)->next_execution++;
}

static int execution_put(struct store *store, const struct store_execution *execution, uint64_t max,
                         store_told *told, void *context)
{
    struct job *job = job_execution(JOB_EXECUTION_PUT, execution, told, context);

    assert(execution->key > 0);
    if (job)
        job->x->max = max;
    return hand_over(of(store), job);
}

static int execution_update(struct store *store, const struct store_execution *execution,
                            store_told *told, void *context)
{
    return hand_over(of(store), job_execution(JOB_EXECUTION_UPDATE, execution, told, context));
}

static int execution_delete(struct store *store, uint64_t key, store_told *told, void *context)
{
    const struct store_execution execution = {.key = key};

    return hand_over(of(store), job_execution(JOB_EXECUTION_DELETE, &execution, told, context));
}

static int executions_prune(struct store *store, uint64_t ended_before_ms, store_told *told,
                            void *context)
{
    const struct store_execution execution = {.stopped_ms = ended_before_ms};

    return hand_over(of(store), job_execution(JOB_EXECUTIONS_PRUNE, &execution, told, context));
}

static int executions_read(struct store *store, const struct store_execution_query *query,
                           store_executions_told *told, void *context)
{
    return hand_over(of(store), job_executions_read(query, told, context));
}

/* ---- At the start ---------------------------------------------------------------------------- */

static int explain(struct store_sqlite *s, int r, struct store_reason *reason)
{
    if (r == SQLITE_OK)
        return 0;
    database_explain(s->db, reason);
    return -1;
}

static int load_now(struct store *store, store_each_row *each, void *context,
                    struct store_reason *reason)
{
    return explain(of(store), records_load_now(of(store)->db, each, context), reason);
}

static int value_now(struct store *store, const char *name, char **text,
                     struct store_reason *reason)
{
    return explain(of(store), records_value_now(of(store)->db, name, text), reason);
}

static int events_now(struct store *store, store_each_event *each, void *context,
                      struct store_reason *reason)
{
    return explain(of(store), records_events_now(of(store)->db, each, context), reason);
}

static int executions_now(struct store *store, store_each_execution *each, void *context,
                          struct store_reason *reason)
{
    return explain(of(store), execution_rows_running_now(of(store)->db, each, context), reason);
}

static uint64_t nr_events(struct store *store)
{
    return atomic_load_explicit(&of(store)->nr_events, memory_order_relaxed);
}

static uint64_t oldest_event_ms(struct store *store)
{
    return atomic_load_explicit(&of(store)->oldest_ms, memory_order_relaxed);
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* The last connection that closes brings the log into the database and takes it away. */
static void close_sqlite(struct store **store)
{
    struct store_sqlite *s = of(*store);

    pthread_mutex_lock(&s->lock);
    s->is_closing = true;
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    mailbox_close(&s->mailbox);
    records_fini(&s->records);
    execution_rows_fini(&s->executions);
    database_close(&s->db);
    pthread_cond_destroy(&s->news);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *store = NULL;
}

static const struct store_ops ops = {
    .load_now = load_now,
    .value_now = value_now,
    .change = change,
    .events_now = events_now,
    .event_put = event_put,
    .event_update = event_update,
    .event_delete = event_delete,
    .event_fetch = event_fetch,
    .nr_events = nr_events,
    .oldest_event_ms = oldest_event_ms,
    .executions_now = executions_now,
    .execution_key = execution_key,
    .execution_put = execution_put,
    .execution_update = execution_update,
    .execution_delete = execution_delete,
    .executions_prune = executions_prune,
    .executions_read = executions_read,
    .close = close_sqlite,
};

/* Statements, and what is known of the events. */
static int look(struct store_sqlite *s, struct store_reason *reason)
{
    uint64_t nr, last_key, oldest_ms, last_execution = 0;
    int r = records_init(&s->records, s->db);

    if (r == SQLITE_OK)
        r = execution_rows_init(&s->executions, s->db);
    if (r == SQLITE_OK)
        r = execution_rows_last_key_now(s->db, &last_execution);
    if (r == SQLITE_OK)
        r = records_count_now(s->db, &nr, &last_key);
    if (r == SQLITE_OK)
        r = records_event_oldest(&s->records, &oldest_ms);
    if (r != SQLITE_OK)
        return explain(s, r, reason);
    atomic_init(&s->nr_events, nr);
    atomic_init(&s->next_key, last_key + 1);
    atomic_init(&s->oldest_ms, oldest_ms);
    s->next_execution = last_execution + 1;
    sqlite3_wal_hook(s->db, on_commit, s);
    return 0;
}

static int start(struct store_sqlite *s, const struct store_host *host, struct store_reason *reason)
{
    int r;

    if (look(s, reason) < 0)
        return -1;
    s->mailbox = mailbox_open(host);
    if (!s->mailbox)
        return reason_say(reason, "out of memory or descriptors");
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->news, NULL);
    r = start_thread(s);
    if (r == 0)
        return 0;
    pthread_cond_destroy(&s->news);
    pthread_mutex_destroy(&s->lock);
    mailbox_close(&s->mailbox);
    return reason_say(reason, "the store's thread cannot be started: %s", strerror(r));
}

struct store *store_sqlite_open(const struct store_host *host, const char *directory,
                                struct store_reason *reason)
{
    struct store_sqlite *s = calloc(1, sizeof(*s));

    if (!s) {
        reason_say(reason, "out of memory");
        return NULL;
    }
    s->store = (struct store){.ops = &ops, .is_durable = true};
    s->jobs_end = &s->jobs;
    s->puts_end = &s->puts;
    s->db = database_open(directory, reason);
    if (s->db && start(s, host, reason) == 0)
        return &s->store;
    records_fini(&s->records);
    execution_rows_fini(&s->executions);
    if (s->db)
        database_close(&s->db);
    free(s);
    return NULL;
}

int store_sqlite_look(const char *directory, store_each_row *each, void *context,
                      struct store_reason *reason)
{
    sqlite3 *db;
    int r = database_look(directory, &db, reason);

    if (r < 0 || !db)
        return r;
    if (records_load_now(db, each, context) != SQLITE_OK) {
        database_explain(db, reason);
        r = -1;
    }
    database_close(&db);
    return r;
}
