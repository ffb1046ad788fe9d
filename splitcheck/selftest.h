/* weir splitcheck --self-test: does the tool find what it should? Four faults are planted in a
 * server of its own and measured as any other, and two splits that have none. */
#ifndef WEIR_SPLITCHECK_SELFTEST_H
#define WEIR_SPLITCHECK_SELFTEST_H

#include <stdbool.h>
#include <stdio.h>

/* Prints a line for each fault, "found" or "missed", to out. True if all were found and nothing
 * else was. Blocks for some seconds. */
bool selftest_run(FILE *out);

#endif
