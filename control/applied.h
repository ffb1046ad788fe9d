/* What weir apply prints of an answer to PUT /table. */
#ifndef WEIR_CONTROL_APPLIED_H
#define WEIR_CONTROL_APPLIED_H

#include "base/str.h"

/* Prints what has changed to standard output, or what is wrong to standard error; the exit
 * status. */
int applied_print(int status, struct str body);

#endif
