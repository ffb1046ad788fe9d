/* Where lives what the API made, and what must survive a crash? One interface; nobody above it
 * knows which of the implementations is behind it:
 *
 *     store_memory.h   lasts as long as the process; keeps no events
 *     store_sqlite.h   weir.db in state.directory; told is durable
 *     store_etcd.h     rows that a fleet shares in etcd, all else in one of the others
 *
 * It holds rows (a function, a version, an alias ...: one row each), values (small texts by name),
 * the queue of events, and executions of state machines.
 *
 * Threads: store_event_put is any thread's. All else belongs to the control thread, whose loop the
 * store was opened with. What takes time is handed over: the call returns at once, and the result
 * is told later, on that loop, never from within the call. Calls whose name ends in _now wait for
 * the disk instead: they are for the start.
 *
 * Strings that are handed over are copied, but for an event's; strings that are told last as long
 * as the call that tells them. */
#ifndef WEIR_STORE_STORE_H
#define WEIR_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/execution_kept.h"

/* Why something could not be done: a sentence without full stop, for people. */
struct store_reason {
    char text[1024];
};

/* ---- Rows and values ------------------------------------------------------------------------- */

/* One thing that the API made or changed. (kind, function, name) tells it apart. */
struct store_row {
    const char *kind;     /* such as "function", "version", "alias" */
    const char *function; /* whose it is; "" where that says nothing */
    const char *name;
    const char *revision; /* its RevisionId, new with every change */
    /* What the table file said of it when the API changed it, as a digest; false: nothing. */
    bool has_base;
    uint64_t base;
    bool is_deleted;      /* the API took away what the file may still have */
    const char *document; /* JSON */
};

/* What an edit may expect of the row that it changes, other than a revision. A row that says
 * is_deleted is a row: STORE_ABSENT means that there is none. */
#define STORE_ANY    ((const char *)NULL)
#define STORE_ABSENT ""

enum store_edit_kind {
    STORE_PUT,    /* the row, in place of the one that is there */
    STORE_DELETE, /* no row any more; row's kind, function and name count. No row: nothing */
    STORE_SET     /* a value */
};

struct store_edit {
    enum store_edit_kind kind;
    struct store_row row;
    const char *expected; /* a revision, STORE_ANY or STORE_ABSENT */
    const char *name;     /* of a value */
    const char *text;     /* NULL: no value of this name any more */
};

enum store_outcome {
    STORE_DONE,     /* and durable, where the store is */
    STORE_CONFLICT, /* a row was not as expected; nothing was changed */
    STORE_FAILED,   /* nothing was changed; later changes may succeed */
    STORE_UNKNOWN   /* nobody can tell before the store is opened again */
};

/* reason says more where the outcome is not STORE_DONE; else it is "". */
typedef void store_told(void *context, enum store_outcome outcome, const char *reason);

typedef void store_each_row(void *context, const struct store_row *row);

/* Somebody else changed rows. Only stores that several processes share ever call it: edits
 * (STORE_PUT, STORE_DELETE) are what makes the rows of this generation of those that were taken
 * last; there may be none. Answer with store_take, at once or later: until then it is not called
 * again. The strings last as long as the call. */
struct store_watch {
    void (*changed)(void *context, const struct store_edit *edits, int nr, uint64_t generation);
    void *context;
};

/* ---- Events ---------------------------------------------------------------------------------- */

/* An invocation that was accepted and is still to run. */
struct store_event {
    uint64_t key;         /* given when it is put; grows, so it is the order of acceptance */
    const char *id;       /* the request's */
    const char *function; /* as is the rest, the caller's words; the store reads none of them */
    const char *qualifier;
    const char *version;
    const char *meta; /* what else belongs to it, as text */
    const void *payload;
    size_t payload_bytes;
    uint64_t accepted_ms, due_ms; /* since 1970 */
    uint32_t attempts;
    const char *error; /* the last one; "" before */
};

/* An event on its way into the queue. The caller's, with all that the event points to, until done
 * is called; the store allocates nothing for it. */
struct store_event_put {
    struct store_event event;
    /* On a thread of the store's, or that of the control loop: it must hand over and return. From
     * then on the store touches neither this nor the event. */
    void (*done)(struct store_event_put *put, enum store_outcome outcome, const char *reason);
    void *context;                /* the caller's */
    struct store_event_put *next; /* the store's */
};

/* payload and meta may be NULL where they were not asked for. event is NULL where there is none, or
 * it could not be read: the outcome is STORE_FAILED then. */
typedef void store_event_told(void *context, const struct store_event *event, const char *reason);

typedef void store_each_event(void *context, const struct store_event *event);

/* ---- Executions ------------------------------------------------------------------------------ */

/* nr of them, or -1 where they could not be read. */
typedef void store_executions_told(void *context, const struct store_execution *list, int nr,
                                   const char *reason);

typedef void store_each_execution(void *context, const struct store_execution *execution);

/* ---- Implementations ------------------------------------------------------------------------- */

struct store;

/* One function for each call below; the comments there hold. */
struct store_ops {
    int (*load_now)(struct store *store, store_each_row *each, void *context,
                    struct store_reason *reason);
    int (*value_now)(struct store *store, const char *name, char **text,
                     struct store_reason *reason);
    int (*change)(struct store *store, const struct store_edit *edits, int nr, store_told *told,
                  void *context);
    int (*events_now)(struct store *store, store_each_event *each, void *context,
                      struct store_reason *reason);
    const char *(*event_put)(struct store *store, struct store_event_put *put);
    int (*event_update)(struct store *store, const struct store_event *event, store_told *told,
                        void *context);
    int (*event_delete)(struct store *store, uint64_t key, store_told *told, void *context);
    int (*event_fetch)(struct store *store, uint64_t key, store_event_told *told, void *context);
    uint64_t (*nr_events)(struct store *store);
    uint64_t (*oldest_event_ms)(struct store *store);
    int (*executions_now)(struct store *store, store_each_execution *each, void *context,
                          struct store_reason *reason);
    uint64_t (*execution_key)(struct store *store);
    int (*execution_put)(struct store *store, const struct store_execution *execution, uint64_t max,
                         store_told *told, void *context);
    int (*execution_update)(struct store *store, const struct store_execution *execution,
                            store_told *told, void *context);
    int (*execution_delete)(struct store *store, uint64_t key, store_told *told, void *context);
    int (*executions_prune)(struct store *store, uint64_t ended_before_ms, store_told *told,
                            void *context);
    int (*executions_read)(struct store *store, const struct store_execution_query *query,
                           store_executions_told *told, void *context);
    void (*close)(struct store **store);
    /* Of a store that several processes share; else NULL. */
    void (*take)(struct store *store, bool is_right);
    void (*replace)(struct store *store);
    void (*lead)(struct store *store);
    int (*await)(struct store *store, uint64_t generation, store_told *told, void *context);
};

/* Each implementation begins with it. */
struct store {
    const struct store_ops *ops;
    bool is_durable; /* what was told outlives the process */
    bool is_shared;  /* by several processes */
    /* Of a shared store: which rows were taken last. A change builds on them: where the store has
     * others by now the outcome is STORE_CONFLICT, and the watch tells them. */
    uint64_t generation;
    /* Of a shared store: what it has is no table, or not right; only store_replace helps. */
    bool is_lost;
    struct store_watch watch;
};

/* What every implementation is opened with. */
struct store_host {
    struct uv_loop_s *loop; /* the control thread's */
    /* Called on the loop before anything is told; may be NULL. */
    void (*wake_up)(void *context);
    void *context;
};

/* ---- Calls ----------------------------------------------------------------------------------- */

/* Every row, in no order. 0, or -1 with a reason. Waits for the disk. */
static inline int store_load_now(struct store *store, store_each_row *each, void *context,
                                 struct store_reason *reason)
{
    return store->ops->load_now(store, each, context, reason);
}

/* *text becomes a copy for the caller to free, NULL where there is no such value. 0, or -1 with a
 * reason. Waits for the disk. */
static inline int store_value_now(struct store *store, const char *name, char **text,
                                  struct store_reason *reason)
{
    return store->ops->value_now(store, name, text, reason);
}

/* All of the edits or none, in one transaction; each row and each value in one of them at most.
 * Changes take place in the order of the calls. told may be NULL. 0: it will be told; -1: out of
 * memory, nothing was handed over and nothing will be told. */
__attribute__((warn_unused_result)) static inline int store_change(struct store *store,
                                                                   const struct store_edit *edits,
                                                                   int nr, store_told *told,
                                                                   void *context)
{
    return store->ops->change(store, edits, nr, told, context);
}

/* Replaces the watch; changed NULL: none. */
static inline void store_set_watch(struct store *store, struct store_watch watch)
{
    store->watch = watch;
}

/* Of a shared store: what the watch told last is in force; or it is no right table, which the store
 * then tells nobody again. */
static inline void store_take(struct store *store, bool is_right)
{
    store->ops->take(store, is_right);
}

/* Of a shared store, before store_change: where it is_lost the change replaces all that it has, by
 * the rows that were taken last and the change's, which may be none. */
static inline void store_replace(struct store *store)
{
    store->ops->replace(store);
}

/* Of a shared store, before store_change: the change is made only while this process leads those
 * that share it, by what the store itself knows when it makes it; else STORE_FAILED. */
static inline void store_lead(struct store *store)
{
    store->ops->lead(store);
}

/* Of a shared store: told once all processes that share it have this generation in force, or that
 * cannot be known (STORE_UNKNOWN). Results as of store_change. */
__attribute__((warn_unused_result)) static inline int
store_await(struct store *store, uint64_t generation, store_told *told, void *context)
{
    return store->ops->await(store, generation, told, context);
}

/* Every event that is queued, the oldest first, without meta and payload, which wait on the disk
 * until they are fetched. 0, or -1 with a reason. Waits for the disk. */
static inline int store_events_now(struct store *store, store_each_event *each, void *context,
                                   struct store_reason *reason)
{
    return store->ops->events_now(store, each, context, reason);
}

/* Any thread. Gives the event its key and hands it over: put->done says when it is durable. NULL,
 * or why the event was not taken (the store keeps none, or too much waits for the disk already):
 * then nothing will be told. */
__attribute__((warn_unused_result)) static inline const char *
store_event_put(struct store *store, struct store_event_put *put)
{
    return store->ops->event_put(store, put);
}

/* Of the event, by its key: attempts, due_ms and error become these. An event that is not there is
 * no error. Results as of store_change. */
__attribute__((warn_unused_result)) static inline int
store_event_update(struct store *store, const struct store_event *event, store_told *told,
                   void *context)
{
    return store->ops->event_update(store, event, told, context);
}

/* It is over. An event that is not there is no error. Results as of store_change. */
__attribute__((warn_unused_result)) static inline int
store_event_delete(struct store *store, uint64_t key, store_told *told, void *context)
{
    return store->ops->event_delete(store, key, told, context);
}

/* Tells the whole event. 0, or -1 when out of memory: nothing will be told. */
__attribute__((warn_unused_result)) static inline int
store_event_fetch(struct store *store, uint64_t key, store_event_told *told, void *context)
{
    return store->ops->event_fetch(store, key, told, context);
}

/* How many are queued, and when the oldest of them was accepted (0: there is none), as of the last
 * commit. Any thread. */
static inline uint64_t store_nr_events(struct store *store)
{
    return store->ops->nr_events(store);
}

static inline uint64_t store_oldest_event_ms(struct store *store)
{
    return store->ops->oldest_event_ms(store);
}

/* Every execution that runs, the oldest first, with all that belongs to it. 0, or -1 with a reason.
 * Waits for the disk. */
static inline int store_executions_now(struct store *store, store_each_execution *each,
                                       void *context, struct store_reason *reason)
{
    return store->ops->executions_now(store, each, context, reason);
}

/* A key for the next execution, higher than all before; 0 where the store keeps none. */
static inline uint64_t store_execution_key(struct store *store)
{
    return store->ops->execution_key(store);
}

/* Puts an execution that runs; one of the same machine and name that has ended goes. Where there
 * are more than max then, the oldest of those that have ended go. Its key comes from
 * store_execution_key. Results as of store_change; -1 also where the store keeps none. */
__attribute__((warn_unused_result)) static inline int
store_execution_put(struct store *store, const struct store_execution *execution, uint64_t max,
                    store_told *told, void *context)
{
    return store->ops->execution_put(store, execution, max, told, context);
}

/* Of the execution, by its key: status, stage, stopped_ms, meta (unless it is NULL), error, cause
 * and output become these. One that is not there is no error. Results as of store_change. */
__attribute__((warn_unused_result)) static inline int
store_execution_update(struct store *store, const struct store_execution *execution,
                       store_told *told, void *context)
{
    return store->ops->execution_update(store, execution, told, context);
}

/* Forgets it. Results as of store_change. */
__attribute__((warn_unused_result)) static inline int
store_execution_delete(struct store *store, uint64_t key, store_told *told, void *context)
{
    return store->ops->execution_delete(store, key, told, context);
}

/* Forgets those that ended before, and definitions that no execution has any more. Results as of
 * store_change. */
__attribute__((warn_unused_result)) static inline int
store_executions_prune(struct store *store, uint64_t ended_before_ms, store_told *told,
                       void *context)
{
    return store->ops->executions_prune(store, ended_before_ms, told, context);
}

/* Tells those that the query asks for, as of the last commit. 0, or -1 when out of memory: nothing
 * will be told. */
__attribute__((warn_unused_result)) static inline int
store_executions_read(struct store *store, const struct store_execution_query *query,
                      store_executions_told *told, void *context)
{
    return store->ops->executions_read(store, query, told, context);
}

/* Does all that was handed over, tells it all from within this call, and clears the pointer. What
 * is handed over from within those calls is refused (-1, or a sentence). No other thread uses the
 * store any more. The loop's next turn frees the rest. */
static inline void store_close(struct store **store)
{
    (*store)->ops->close(store);
}

#endif
