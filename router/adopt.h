/* What goes from one skeleton to the next by name: gauges and health. */
#ifndef WEIR_ROUTER_ADOPT_H
#define WEIR_ROUTER_ADOPT_H

#include "router/skeleton.h"

/* Gives functions, versions and endpoints their gauges and health: those of the same names in
 * previous (NULL: none), which the caller holds, else new ones. Any thread. 0, or -1 when out of
 * memory. */
int adopt_all(struct skeleton *skeleton, const struct skeleton *previous)
    __attribute__((warn_unused_result));

#endif
