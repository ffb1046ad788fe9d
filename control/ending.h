/* How an execution ends, by the answer of what it ran (docs/stepfunctions.md). Pure but for its
 * memory.
 *
 *     an endpoint's 2xx          SUCCEEDED, with the body; one that is no JSON as a JSON string
 *     202                        it goes on until somebody reports (control/tasktoken.h)
 *     another status             FAILED, States.Http.StatusCode.N, the body as cause
 *     no answer                  FAILED, States.Http.Socket
 *     more than 262 144 bytes    FAILED, States.DataLimitExceeded
 *     a function's error         FAILED, its errorType, the body as cause */
#ifndef WEIR_CONTROL_ENDING_H
#define WEIR_CONTROL_ENDING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "control/run.h"
#include "store/execution_kept.h"

enum { ENDING_OUTPUT_MAX = RUN_BODY_MAX, ENDING_ERROR_MAX = 256, ENDING_CAUSE_MAX = 32768 };

struct ending {
    enum store_execution_status status; /* EXECUTION_RUNNING: it waits for a report */
    char *error, *cause;                /* owned; NULL: none */
    char *output;                       /* owned, terminated; NULL: none */
    size_t output_bytes;
    /* The version is to blame, as budgets and guards see it: no answer, 5xx, a time limit, a
     * function's error. */
    bool is_blamed;
    bool is_short; /* out of memory: error, cause or output are missing */
};

/* Of a run that was neither cut nor without room. Ended by ending_fini. */
void ending_of_run(struct ending *out, const struct run *run);

/* With these texts, which are copied and cut; each may be NULL. */
void ending_fail(struct ending *out, enum store_execution_status status, const char *error,
                 const char *cause);
/* With this output: one that is no JSON becomes a JSON string, one that is too long a failure. */
void ending_succeed(struct ending *out, struct str output);

void ending_fini(struct ending *out);

/* Is it one JSON text? */
bool ending_is_json(struct str text);

#endif
