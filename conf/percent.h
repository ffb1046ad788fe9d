/* Percentages of the table document: weights, and the ends of a map's pieces. */
#ifndef WEIR_CONF_PERCENT_H
#define WEIR_CONF_PERCENT_H

#include <stdint.h>

#include "conf/jsondoc.h"

/* A number of 0 to 100 with at most seven places after the point, in billionths of the whole; -1
 * with a problem added. */
int64_t percent_read(struct jsondoc *doc, const struct place *at, const json_t *value)
    __attribute__((warn_unused_result));

/* Whole percents as integers, so that they are not written as 95.0. NULL when out of memory. */
json_t *percent_write(uint32_t billionths);

#endif
