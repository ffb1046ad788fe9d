/* Task tokens: by one somebody reports how an execution ends whose endpoint has only taken it.
 *
 *     weir-KEY-ID    the execution's key in the store, and an id of it that nobody can guess
 *
 * Pure. */
#ifndef WEIR_CONTROL_TASKTOKEN_H
#define WEIR_CONTROL_TASKTOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/str.h"

enum { TASKTOKEN_MAX = 5 + 20 + 1 + ID_LENGTH };

/* Terminated. */
void tasktoken_write(char out[TASKTOKEN_MAX + 1], uint64_t key, const char id[ID_LENGTH]);

/* Whether it has the form of one of weir's; *id points into it. */
bool tasktoken_read(struct str token, uint64_t *key, struct str *id);

/* Compares in a time that tells nothing. */
bool tasktoken_is(struct str id, const char *other);

#endif
