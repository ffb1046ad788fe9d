/* One request of an execution, which a worker makes: an execution's input goes to a version of its
 * state machine, or to a function, and the answer comes back. At most once: there is no second try,
 * no other version and no time limit but the caller's, who stops it.
 *
 *     control/execution.h --run--> a worker --over--> control/execution.h
 *
 * A heap object that belongs to the caller but for the time between the hook run and over. */
#ifndef WEIR_CONTROL_RUN_H
#define WEIR_CONTROL_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/id.h"
#include "router/table.h"

/* RUN_BODY_MAX: of an answer that is kept whole. */
enum { RUN_BODY_MAX = 262144, RUN_TEXT_MAX = 256 };

enum run_end {
    RUN_ANSWERED,  /* status and body say how */
    RUN_NO_ANSWER, /* no connection, or it ended before the answer was whole: reason says more */
    RUN_TOO_LARGE, /* the answer has more than max_bytes */
    RUN_NO_ROOM,   /* nothing was sent, as a limit is reached: it may be begun again */
    RUN_REFUSED,   /* of a function: weir's own answer, by type and reason */
    RUN_CUT        /* the process ends: nobody knows */
};

struct run {
    STAILQ_ENTRY(run) link; /* of who has it */
    /* Where: an arm of this table, in which a reference is held; NULL: any version of a function,
     * by the table in force. */
    struct table *table;
    char *function, *qualifier, *version; /* qualifier: an alias, or "" */
    char *fields;                         /* further field lines, each with its CR LF */
    const char *content_type;             /* lives as long as the process */
    size_t max_bytes;                     /* of the answer */
    uint32_t limit_ms;                    /* until the answer begins; 0: any time */
    char id[ID_LENGTH + 1];               /* of the request */
    void *input;
    size_t input_bytes;
    _Atomic bool is_stopped; /* its connection is to be closed */
    void *home;              /* the worker's that has it */
    /* How it went. */
    enum run_end end;
    int status;
    bool is_function_error; /* the function says so */
    char type[RUN_TEXT_MAX], reason[RUN_TEXT_MAX];
    char *body; /* malloc'ed, terminated; NULL: none */
    size_t body_bytes;
    /* Never from within the hook. It is the caller's again. */
    void (*over)(struct run *run);
    void *context;
};

/* What it is made of is copied; NULL when out of memory. A reference to the table is taken. */
struct run_spec {
    struct table *table;
    const char *function, *qualifier, *version, *fields;
    const char *content_type; /* NULL: application/json */
    size_t max_bytes;         /* 0: RUN_BODY_MAX */
    uint32_t limit_ms;
    const void *input;
    size_t input_bytes;
    void (*over)(struct run *run);
    void *context;
};
struct run *run_make(const struct run_spec *spec);

/* Clears the pointer, which may point to NULL. */
void run_free(struct run **run);

#endif
