/* What was asked of a store, from the call that asks to the moment when the result is told. A copy
 * of all that the caller gave. Each job has one owner: the caller, the store's thread, the mailbox.
 */
#ifndef WEIR_STORE_JOB_H
#define WEIR_STORE_JOB_H

#include "store/store.h"

enum job_kind { JOB_CHANGE, JOB_EVENT_UPDATE, JOB_EVENT_DELETE, JOB_EVENT_FETCH };

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

/* The result is not STORE_DONE; the last call counts. */
void job_fail(struct job *job, enum store_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tells the result and frees the job. Control thread. */
void job_tell(struct job **job);

/* Frees it untold. */
void job_free(struct job **job);

#endif
