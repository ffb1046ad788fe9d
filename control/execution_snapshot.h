/* What an execution runs, as text that the store keeps with it: the version as the table document
 * writes it, and what the API says of the machine's revision. So it can be described, and sent
 * after a restart, whatever has become of the machine. Control thread. */
#ifndef WEIR_CONTROL_EXECUTION_SNAPSHOT_H
#define WEIR_CONTROL_EXECUTION_SNAPSHOT_H

#include <jansson.h>

#include "control/api.h"
#include "control/execution.h"
#include "store/execution_kept.h"

/* A JSON object in one line, and in *digest what tells it from others; both are yours. NULL when
 * out of memory, or where the table has no such version: then *digest is NULL, too. */
char *execution_snapshot(const struct api_hooks *hooks, struct table *table, const char *machine,
                         const char *version, char **digest);

/* A table in which the machine has that version, of such a text: a reference for you. The one in
 * force, where it still says the same. NULL with a line in the log. */
struct table *execution_snapshot_table(const struct api_hooks *hooks, const char *machine,
                                       const char *version, const char *digest, const char *text);

void execution_snapshot_fini(struct execution_snapshots *kept);

/* What DescribeStateMachineForExecution answers, of an execution that was read with its data: a new
 * object, NULL when out of memory. */
json_t *execution_snapshot_describe(const struct api_hooks *hooks,
                                    const struct store_execution *execution);

#endif
