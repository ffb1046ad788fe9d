/* Executions of state machines that run: from the start that is asked for to the outcome that is
 * stored (docs/stepfunctions.md). What has ended is the store's alone.
 *
 *     start --> LOOKING (is there one of this name?) --> drawn --> PUTTING --> answered
 *        --> QUEUED (max_in_flight) --> MARKING (its request is about to be sent) --> RUNNING
 *        --> WAITING (202: somebody reports) --> CLOSING --> forgotten here
 *
 * Each arrow from PUTTING on waits for the store's commit, so that a crash at any moment loses no
 * execution that was answered, and sends none twice: what was not marked is sent after the next
 * start, what was is FAILED with Weir.Interrupted. An EXPRESS one is not marked and may run twice.
 *
 * Which version runs is drawn once, between the look-up of the name and the commit; from then on
 * the execution holds the table of that moment, until its request has gone out.
 *
 * Control thread. Nothing is told from within the call that asks for it, but for what fails at
 * once, which is returned. */
#ifndef WEIR_CONTROL_EXECUTION_H
#define WEIR_CONTROL_EXECUTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/prng.h"
#include "base/wheel.h"
#include "control/api.h"
#include "control/ending.h"
#include "control/execution_draws.h"
#include "control/execution_tally.h"
#include "control/run.h"
#include "store/store.h"

struct execution;
struct execution_lane;
struct execution_index;

/* What came of something that was asked for. */
enum execution_result {
    EXECUTION_OK,
    EXECUTION_EXISTS,     /* the name is taken by another start */
    EXECUTION_NO_MACHINE, /* there is no such machine, version or alias (any more) */
    EXECUTION_NONE,       /* there is no such execution */
    EXECUTION_TOO_MANY,   /* executions.max run */
    EXECUTION_NO_STORE,   /* there is no state.directory */
    EXECUTION_ENDED,      /* it has ended: nothing was changed */
    EXECUTION_BEATS,      /* of a heartbeat: it runs */
    EXECUTION_AWAY,       /* its engine does not answer: reason */
    EXECUTION_REFUSED,    /* by its engine: refusal */
    EXECUTION_BAD_TOKEN,
    EXECUTION_NOT_STORED, /* reason says why; nothing has happened, or will be tried again */
    EXECUTION_NO_MEMORY
};

struct execution_told {
    enum execution_result result;
    const char *reason;                      /* of EXECUTION_NOT_STORED */
    const struct store_execution *execution; /* NULL: none; valid for the call */
    int nr;                                  /* of a list */
    json_t *refusal;                         /* what the engine has answered; borrowed */
};

/* Who asked, and waits. Yours until told is called, or execution_work_forget. */
struct execution_wait {
    LIST_ENTRY(execution_wait) link;
    struct str input; /* of a start; valid until told */
    void (*told)(struct execution_wait *wait, const struct execution_told *told);
    struct execution_look *look; /* of control/execution_work.c; NULL where it stands in a list */
};

LIST_HEAD(execution_waits, execution_wait);

/* What versions were written as last (execution_snapshot.h). */
enum { EXECUTION_SNAPSHOTS = 16 };
struct execution_snapshots {
    struct {
        const struct version *version; /* of a table of this generation; not to be followed */
        uint64_t generation;
        char *text, *digest;
    } list[EXECUTION_SNAPSHOTS];
};

struct executions {
    const struct api_hooks *hooks;
    struct store *store;
    struct prng rng;
    struct wheel wheel;
    struct execution_index *names, *keys;
    TAILQ_HEAD(, execution) all; /* the oldest first */
    LIST_HEAD(, execution_lane) lanes;
    LIST_HEAD(, execution_look) looks;
    struct execution_draws draws;
    struct execution_tallies tallies;
    struct execution_snapshots snapshots;
    uint64_t nr; /* in the store that run */
    uint64_t prune_ms;
    /* One that an engine runs has ended here before it has there (control/execution_engine.h). */
    void (*abandon)(struct execution *execution);
    bool is_running; /* requests are sent */
    bool is_ending;  /* nothing is told any more */
};

/* hooks and store outlive it, and so do draws (control/execution_draws.h), which may be NULL. 0, or
 * -1 when out of memory. */
int execution_init(struct executions *x, const struct api_hooks *hooks, struct store *store,
                   void *draws) __attribute__((warn_unused_result));
/* Reads what the store keeps, once; it waits for the disk. A table is in force. 0, or -1 with a
 * line in the log. */
int execution_load(struct executions *x) __attribute__((warn_unused_result));
/* Requests are sent from now on. */
void execution_begin(struct executions *x);
/* No further request is sent. What runs goes on. */
void execution_drain(struct executions *x);
/* No worker runs any more. The store is closed next, then it is freed. */
void execution_end(struct executions *x);
void execution_fini(struct executions *x);

/* hooks->executions_wake asks for a call of it. */
void execution_turn(struct executions *x);

/* ---- Asking ---------------------------------------------------------------------------------- */

struct execution_start {
    struct str machine;   /* without prefix */
    struct str qualifier; /* a version or an alias; empty: what is not published */
    const char *name;     /* NULL: one is made */
    bool is_retry_name;   /* the name was made of the call: whoever asks again means that one */
    bool is_express;
    bool is_sync; /* EXPRESS: told when it has ended; the store does not hear of it */
    const char *meta;
};

/* EXECUTION_OK: it will be told: with the execution where it was started, runs already by an equal
 * start, or has ended (is_sync). Anything else: the answer. wait->input is JSON. */
enum execution_result execution_start_begin(struct executions *x,
                                            const struct execution_start *start,
                                            struct execution_wait *wait)
    __attribute__((warn_unused_result));

/* Ends it with ABORTED. Told with the execution as it ended, be it before. */
enum execution_result execution_stop(struct executions *x, const char *machine, const char *name,
                                     const char *error, const char *cause,
                                     struct execution_wait *wait)
    __attribute__((warn_unused_result));

enum execution_report { EXECUTION_SUCCESS, EXECUTION_FAILURE, EXECUTION_HEARTBEAT };

/* By its token: with this output, or error and cause. Told EXECUTION_ENDED, EXECUTION_NONE or
 * EXECUTION_OK. Returned: EXECUTION_BAD_TOKEN, it is none of weir's; EXECUTION_BEATS. */
enum execution_result execution_report(struct executions *x, enum execution_report report,
                                       struct str token, struct str output, const char *error,
                                       const char *cause, struct execution_wait *wait)
    __attribute__((warn_unused_result));

/* Its engine has not taken its start, and whoever started it was told so: it is kept for a retry,
 * and is shown to nobody. */
bool execution_is_unanswered(struct executions *x, uint64_t key);

/* The one of this name, from the store. Told EXECUTION_OK or EXECUTION_NONE, which may be returned,
 * too. */
enum execution_result execution_find(struct executions *x, const char *machine, const char *name,
                                     struct execution_wait *wait)
    __attribute__((warn_unused_result));

/* Those that the query asks for. Told EXECUTION_OK. */
enum execution_result execution_list(struct executions *x,
                                     const struct store_execution_query *query,
                                     struct execution_wait *wait)
    __attribute__((warn_unused_result));

/* One that has ended, as far as is known here, runs again in its engine: that is counted, and it is
 * followed from now on. */
void execution_reopen(struct executions *x, const struct store_execution *execution);

/* Nobody is told. NULL is fine, as is one that was told. */
void execution_work_forget(struct execution_wait *wait);

/* The ARN of an execution, and of an EXPRESS one, whose name has the UUID behind a colon. */
enum { EXECUTION_ARN_MAX = 1024 };
void execution_work_arn(const struct executions *x, const struct store_execution *execution,
                        char out[EXECUTION_ARN_MAX]);

void execution_work_machine_arn(const struct api_hooks *hooks, const char *machine,
                                char out[EXECUTION_ARN_MAX]);

#endif
