/* What becomes of a deployment whose alias its budget or guard takes back: Stopped, ALARM_ACTIVE,
 * with the figures, in the same transaction. Control thread. */
#ifndef WEIR_CONTROL_SHIFT_TAKEBACK_H
#define WEIR_CONTROL_SHIFT_TAKEBACK_H

#include "control/shift.h"
#include "control/takeback.h"

/* shifts outlives it. */
struct takeback_listener shift_takeback_listener(struct shifts *shifts);

#endif
