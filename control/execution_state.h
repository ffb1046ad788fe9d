/* An execution that runs. Private to control/execution*.c. Control thread. */
#ifndef WEIR_CONTROL_EXECUTION_STATE_H
#define WEIR_CONTROL_EXECUTION_STATE_H

#include "control/execution.h"
#include "router/ward.h"

enum execution_at {
    EXECUTION_AT_LOOKING,
    EXECUTION_AT_PUTTING,
    EXECUTION_AT_QUEUED,
    EXECUTION_AT_MARKING,
    EXECUTION_AT_RUNNING,
    EXECUTION_AT_WAITING,
    EXECUTION_AT_CLOSING
};

struct execution_timer {
    struct wheel_node node; /* first */
    struct execution *execution;
    bool is_deadline;
};

struct execution {
    TAILQ_ENTRY(execution) link;
    struct executions *x;
    enum execution_at at;
    struct store_execution record; /* its strings are owned, but for input, output and definition */
    char *input;                   /* owned, until its request has gone out */
    size_t input_bytes;
    char *definition; /* owned, until it is stored; after a restart until it runs */
    struct str qualifier;
    char *qualifier_text; /* owned */
    bool is_sync, is_retry_name, is_stored, is_retrying;
    bool is_away;       /* its engine did not answer: who starts it again tries again */
    bool is_refused;    /* by its engine; it is being deleted */
    json_t *refusal;    /* what that has said; owned */
    bool is_over_there; /* in its engine, which need not be told */
    struct execution_waits starts, ends;
    struct table *table;       /* counted: of the draw; NULL: not drawn, or let go */
    const struct wards *wards; /* of the table, which is held while this is not NULL */
    struct ward *ward;
    struct execution_draw *draw; /* until it is stored */
    int arm;                     /* of wards */
    struct execution_lane *lane;
    bool is_in_lane; /* has a place; else it waits for one */
    TAILQ_ENTRY(execution) in_lane;
    struct run *run;                        /* out; NULL: none, or nobody is interested in it */
    struct execution_timer deadline, again; /* again: what could not be done is tried again */
    struct ending ending;
    struct expose_execution_counts *counts; /* once it counts */
};

/* A version that runs no more than so many at a time. */
struct execution_lane {
    LIST_ENTRY(execution_lane) link;
    char *machine, *version;
    uint32_t nr; /* that have a place */
    TAILQ_HEAD(, execution) waiting;
};

/* The time to try again what the store or a worker has refused. */
enum { EXECUTION_STORE_AGAIN_MS = 1000, EXECUTION_ROOM_AGAIN_MS = 100 };

/* Lets its request be sent, when there is room. */
void execution_run_advance(struct execution *execution);

#endif
