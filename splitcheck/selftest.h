/* weir splitcheck --self-test: does the tool find what it should? Four faults are planted in a
 * server of its own and measured as any other, and two splits that have none. */
#ifndef WEIR_SPLITCHECK_SELFTEST_H
#define WEIR_SPLITCHECK_SELFTEST_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* Prints a line for each fault, "found" or "missed", to out. True if all were found and nothing
 * else was. *document, the caller's from then on, gets the same as {"self_test": [{"planted",
 * "expected", "verdict", "found"}], "pass"}; NULL when out of memory. Blocks for some seconds. */
bool selftest_run(FILE *out, json_t **document);

#endif
