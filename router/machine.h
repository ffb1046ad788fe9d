/* State machines. One is a function of the table whose name begins with "stateMachine:", which no
 * function's own name can: so versions, aliases, splits, rows and merges are those of functions.
 * Here stands what only machines have. Pure; any thread. */
#ifndef WEIR_ROUTER_MACHINE_H
#define WEIR_ROUTER_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/stash.h"
#include "base/str.h"

#define MACHINE_PREFIX "stateMachine:"
enum { MACHINE_PREFIX_BYTES = sizeof(MACHINE_PREFIX) - 1 };

/* In characters; in bytes, with the prefix. */
enum { MACHINE_NAME_MAX = 80, MACHINE_ALIAS_MAX = 80 };
enum { MACHINE_BYTES_MAX = MACHINE_PREFIX_BYTES + 4 * MACHINE_NAME_MAX };

struct machine {
    bool is_express;
};

/* What only a version of a state machine may have. */
struct machine_task {
    char *function, *qualifier; /* of kind function; the qualifier NULL: none is said */
    char *state_machine;        /* of kind sfn: the ARN at the endpoints */
    uint64_t execution_ms;      /* how long an execution may take; 0: as long as it likes */
};

/* Is it the name of a machine in the table? */
bool machine_is(struct str name);
/* The name as people know it, of functions too. */
struct str machine_bare(struct str name);
/* "stateMachine:NAME", terminated; false where it does not fit. */
bool machine_full(struct str bare, char out[MACHINE_BYTES_MAX + 1]);

/* The grammars of names, as Step Functions has them: of a machine without the prefix, which must be
 * UTF-8. */
bool machine_is_name(struct str bare);
bool machine_is_alias_name(struct str name);

/* Copies. from may be NULL, or say nothing: then *out is NULL. 0, or -1 when out of memory. */
int machine_copy(struct stash *stash, const struct machine *from, const struct machine **out)
    __attribute__((warn_unused_result));
int machine_task_copy(struct stash *stash, const struct machine_task *from,
                      struct machine_task **out) __attribute__((warn_unused_result));

#endif
