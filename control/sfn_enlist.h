/* Definitions that weir does not run itself, where the setting step_functions.engine names a server
 * that does: before the turn of the operation that brings one, the engine is asked to make a state
 * machine of it (CreateStateMachine), one for each revision, so that what runs there keeps its
 * definition. Its ARN stands in the ledger until the turn takes it. Control thread. */
#ifndef WEIR_CONTROL_SFN_ENLIST_H
#define WEIR_CONTROL_SFN_ENLIST_H

#include "control/sfn_call.h"
#include "control/sfn_definition.h"

/* Has the definition to go to the engine first? */
bool sfn_enlist_is_engines(const struct sfn_call *call, const struct sfn_definition *definition);

/* Asks the engine and, once it has answered, begins the change by handle; with its refusal, or 503
 * where it cannot be reached, the waiter is answered at once. The call has its body. name: the
 * machine's; definition, type and role: what it is made of. */
enum api_outcome sfn_enlist_begin(struct sfn_call *call, struct api_waiter *waiter,
                                  const char *name, const char *definition, change_fn *handle);

/* In the turn: the version that stands for the definition, {"kind": "sfn", ...}, a new reference;
 * NULL where the engine was not asked. revision: the one that it has there. */
json_t *sfn_enlist_take(struct sfn_call *call, const char *name, const char *definition,
                        char revision[ID_LENGTH + 1]);

/* For api_forget. */
void sfn_enlist_forget(struct api_waiter *waiter);

#endif
