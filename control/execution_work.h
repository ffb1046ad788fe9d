/* What the steps of an execution's life have in common. Private to control/execution*.c, which know
 * each other in this order: tell, work, snapshot, engine, run, start, and control/execution.c above
 * them all. Control thread. */
#ifndef WEIR_CONTROL_EXECUTION_WORK_H
#define WEIR_CONTROL_EXECUTION_WORK_H

#include "control/execution.h"
#include "control/execution_state.h"

/* When what ended earlier is forgotten, in ms since 1970. */
uint64_t execution_work_kept_since_ms(const struct executions *x);

uint64_t execution_work_now_ms(void); /* since 1970 */

/* After that time it goes on. */
void execution_work_set_again(struct execution *execution, uint32_t in_ms);
/* Has execution_turn called when the next of them is due. */
void execution_work_wake(struct executions *x);

/* ---- The index ---- */

uint32_t execution_work_name_hash(const char *machine, const char *name);
uint32_t execution_work_key_hash(uint64_t key);
struct execution *execution_work_by_name(struct executions *x, const char *machine,
                                         const char *name);
struct execution *execution_work_by_key(struct executions *x, uint64_t key);

/* ---- Objects ---- */

/* With a copy of the strings. NULL when out of memory. */
struct execution *execution_work_make(struct executions *x, const struct store_execution *record);
void execution_work_free(struct execution **execution);

/* It is in the store, and counts. */
void execution_work_count(struct execution *execution);

/* All executions, questions and both indices. Nobody is told. */
void execution_work_fini(struct executions *x);

/* ---- What it runs ---- */

/* The pinned version; NULL: there is none in its table. */
const struct version *execution_work_version(const struct execution *execution);
/* Does its version run in an engine? Its table is known. */
bool execution_work_has_engine(const struct execution *execution);
/* The draw came to nothing: the next start of that alias has it. */
void execution_work_give_back(struct execution *execution);

/* ---- The end ---- */

/* It ends so; takes the outcome over. */
void execution_work_finish_take(struct execution *execution, struct ending *outcome);
/* Stores how it has ended, and forgets it then; tried again where that fails. */
void execution_work_store_end(struct execution *execution);
/* Gives its place back, and lets the next one go on. */
void execution_work_leave_lane(struct execution *execution);
/* One in which nobody is. */
void execution_work_free_lane(struct execution_lane *lane);
/* Its request is no longer of interest; with is_stop its connection is closed. */
void execution_work_drop_run(struct execution *execution, bool is_stop);

/* ---- Waiting ---- */

/* Has one that is not in a list told by the store. */
enum execution_result
execution_work_look_up(struct executions *x, const struct store_execution_query *query,
                       struct execution_wait *wait,
                       void (*found)(struct execution_wait *wait,
                                     const struct store_execution *execution, const char *reason));

#endif
