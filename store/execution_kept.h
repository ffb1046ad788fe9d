/* An execution of a state machine, as the store keeps it: while it runs, and for a while after it
 * has ended. The store reads little of it; the words are the caller's. */
#ifndef WEIR_STORE_EXECUTION_KEPT_H
#define WEIR_STORE_EXECUTION_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the database as Step Functions writes them. The order is that of execution_rows_statuses. */
enum store_execution_status {
    EXECUTION_RUNNING,
    EXECUTION_SUCCEEDED,
    EXECUTION_FAILED,
    EXECUTION_TIMED_OUT,
    EXECUTION_ABORTED,
    EXECUTION_STATUSES
};

extern const char *const execution_rows_statuses[EXECUTION_STATUSES];

/* How far one that runs has come. */
enum store_execution_stage {
    EXECUTION_ACCEPTED, /* nothing was sent yet */
    EXECUTION_SENT,     /* its request is out, or may be */
    EXECUTION_WAITING,  /* its endpoint has taken it: somebody reports how it ends */
    EXECUTION_STAGES
};

struct store_execution {
    uint64_t key; /* given when it is put; grows, so it is the order of the starts */
    const char *machine;
    const char *name;    /* of a machine's STANDARD ones each other than the rest */
    const char *alias;   /* by which it was started; "" without */
    const char *version; /* decimal or $LATEST */
    const char *id;      /* a UUID of its own, which nobody can guess */
    bool is_express;
    enum store_execution_status status;
    enum store_execution_stage stage;
    uint64_t started_ms, stopped_ms, deadline_ms; /* since 1970; 0: not, or none */
    const char *definition_id;                    /* tells definitions apart */
    const char *definition;                       /* what runs, as text */
    const char *meta;                             /* what else belongs to it, as text */
    const char *error, *cause;                    /* NULL: none */
    const void *input, *output;                   /* output NULL: none */
    size_t input_bytes, output_bytes;
};

/* Which executions are to be read. */
struct store_execution_query {
    uint64_t key;        /* not 0: this one */
    const char *machine; /* else those of this machine, the newest first */
    const char *name;    /* only the STANDARD one of this name; NULL: a list of STANDARD ones */
    const char *alias, *version, *status; /* of a list: only these; NULL: any */
    uint64_t before_key;                  /* of a list: only older ones; 0: all */
    uint64_t ended_after_ms;              /* those that ended earlier are not there any more */
    int limit;                            /* of a list */
    bool has_data;                        /* definition, input and output are asked for, too */
};

#endif
