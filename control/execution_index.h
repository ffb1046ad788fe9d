/* Executions that run by machine and name, and by key: two hash tables. One thread. */
#ifndef WEIR_CONTROL_EXECUTION_INDEX_H
#define WEIR_CONTROL_EXECUTION_INDEX_H

#include <stdbool.h>
#include <stdint.h>

struct execution;
struct execution_index;

/* Whether this execution is the one that is looked for. */
typedef bool execution_index_is(const struct execution *execution, const void *wanted);

/* NULL when out of memory. */
struct execution_index *execution_index_make(void);
void execution_index_free(struct execution_index **index);

/* 0, or -1 when out of memory. */
int execution_index_add(struct execution_index *index, uint32_t hash, struct execution *execution)
    __attribute__((warn_unused_result));
/* One that is not there is fine. */
void execution_index_remove(struct execution_index *index, uint32_t hash,
                            struct execution *execution);
struct execution *execution_index_find(const struct execution_index *index, uint32_t hash,
                                       execution_index_is *is, const void *wanted);

#endif
