/* Executions that another server runs: versions of kind sfn. What concerns one goes to the engine
 * that has it, by what was stored when it was started there. Control thread. */
#ifndef WEIR_CONTROL_EXECUTION_ENGINE_H
#define WEIR_CONTROL_EXECUTION_ENGINE_H

#include <jansson.h>

#include "control/execution.h"
#include "control/execution_state.h"

/* Starts it there; its waiters are told when the engine has answered. It has been stored. */
void execution_engine_start(struct execution *e);
/* The same of a synchronous one. */
void execution_engine_run(struct execution *e);
/* Asks how it stands, soon. */
void execution_engine_follow(struct execution *e);
/* The time has come that was set by any of these. */
void execution_engine_turn(struct execution *e);
/* It has ended here before it has there. */
void execution_engine_abandon(struct execution *e);

/* An answer of an engine: status 0: there was none, reason says why. body NULL: it is no JSON. */
struct engine_answer {
    int status;
    const char *reason;
    json_t *body;
};

/* Asks the engine of that version in the table; takes body. 0, and over is called, never from
 * within this call; or -1 when out of memory. */
int execution_engine_ask(struct executions *x, struct table *table, const char *machine,
                         const char *version, const char *operation, json_t *body,
                         void (*over)(void *context, const struct engine_answer *answer),
                         void *context) __attribute__((warn_unused_result));

/* Which engine has an execution, of a stored one: its ARN there (yours to free), and a reference to
 * a table that has its version. False: none has. */
bool execution_engine_of(struct executions *x, const struct store_execution *execution, char **arn,
                         struct table **table);

#endif
