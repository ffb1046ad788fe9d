/* Telling those who wait for an execution. Private to control/execution*.c. Control thread. */
#ifndef WEIR_CONTROL_EXECUTION_TELL_H
#define WEIR_CONTROL_EXECUTION_TELL_H

#include "control/execution.h"
#include "control/execution_state.h"

/* Do two inputs say the same, as JSON? */
bool execution_tell_same_input(struct str a, struct str b);

/* What a start of this name and input is answered with, by what there is. */
enum execution_result execution_tell_compare(const struct store_execution *there, struct str input,
                                             bool is_retry);

/* Tells all in the list that, each by its input, and empties it. */
void execution_tell_compared(struct execution_waits *waits, const struct store_execution *there,
                             bool is_retry);
/* It was started: tells all who wait for that. */
void execution_tell_started(struct execution *execution);
/* Tells all in the list, and empties it. */
void execution_tell_all(struct execution_waits *waits, const struct execution_told *told);

/* Its record with input and definition, which stay its own. */
struct store_execution execution_tell_whole(const struct execution *execution);

#endif
