/* What was asked of a store, from the call that asks to the moment when the result is told. A copy
 * of all that the caller gave. Each job has one owner: the caller, the store's thread, the mailbox.
 */
#ifndef WEIR_STORE_JOB_H
#define WEIR_STORE_JOB_H

#include "store/store.h"

enum job_kind {
    JOB_CHANGE,
    JOB_EVENT_UPDATE,
    JOB_EVENT_DELETE,
    JOB_EVENT_FETCH,
    JOB_EXECUTION_PUT,
    JOB_EXECUTION_UPDATE,
    JOB_EXECUTION_DELETE,
    JOB_EXECUTIONS_PRUNE,
    JOB_EXECUTIONS_READ
};

/* What a job about executions has. */
struct job_execution {
    struct store_execution execution; /* of a prune its stopped_ms */
    uint64_t max;                     /* of a put */
    struct store_execution_query query;
    struct store_execution *found; /* of a read; malloc'ed, as is the memory of each */
    void **found_memory;
    int nr_found, room;
    store_executions_told *told;
};

struct job {
    struct job *next; /* its owner's */
    enum job_kind kind;
    int nr_edits; /* of a change */
    struct store_edit *edits;
    /* Of an update; a fetch fills it in. */
    struct store_event event;
    bool has_event; /* of a fetch: it was there */
    void *memory;   /* of what a fetch filled in */
    store_told *told;
    store_event_told *event_told; /* of a fetch */
    struct job_execution *x;      /* of one about executions, in the job's own memory; or NULL */
    void *context;
    enum store_outcome outcome; /* STORE_DONE at first */
    char *reason;               /* of another outcome; NULL: no memory for it */
};

/* NULL when out of memory. */
struct job *job_change(const struct store_edit *edits, int nr, store_told *told, void *context);
/* Of the event its key, and for an update attempts, due_ms and error. */
struct job *job_event(enum job_kind kind, const struct store_event *event, store_told *told,
                      void *context);
struct job *job_fetch(uint64_t key, store_event_told *told, void *context);

/* About an execution, or of a prune one with stopped_ms. */
struct job *job_execution(enum job_kind kind, const struct store_execution *execution,
                          store_told *told, void *context);
struct job *job_executions_read(const struct store_execution_query *query,
                                store_executions_told *told, void *context);
/* Adds one to what a read has found. Its strings are copied. 0, or -1 when out of memory. */
int job_add_found(struct job *job, const struct store_execution *execution)
    __attribute__((warn_unused_result));

/* The result is not STORE_DONE; the last call counts. */
void job_fail(struct job *job, enum store_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tells the result and frees the job. Control thread. */
void job_tell(struct job **job);

/* Frees it untold. */
void job_free(struct job **job);

#endif
