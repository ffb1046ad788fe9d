/* Calls about executions that an engine has, passed on to it (control/execution_engine.h): ARNs are
 * rewritten in the members that hold them, never inside inputs, outputs or events' data. Control
 * thread. */
#ifndef WEIR_CONTROL_SFN_ENGINE_H
#define WEIR_CONTROL_SFN_ENGINE_H

#include "control/sfn_asked.h"

/* Each may be asked->go_on: true where the engine is asked; its answer is the call's. */
bool sfn_engine_describe(struct execution_asked *asked, const struct execution_told *told);
bool sfn_engine_history(struct execution_asked *asked, const struct execution_told *told);
bool sfn_engine_redrive(struct execution_asked *asked, const struct execution_told *told);

/* Offers a task's token that is not weir's to each engine, with the body of the call; the first
 * that takes it has the word, else the last. False: there is none, or no memory. */
bool sfn_engine_offer(struct execution_asked *asked, const char *operation, json_t *body);

#endif
