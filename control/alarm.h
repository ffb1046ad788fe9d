/* The alarms that the table's section "alarms" declares, and what they say. Control thread. */
#ifndef WEIR_CONTROL_ALARM_H
#define WEIR_CONTROL_ALARM_H

#include <stdbool.h>

#include "control/api.h"

enum { ALARM_NAMES_MAX = 400 };

bool alarm_is_known(const struct api_hooks *hooks, const char *name);
/* Those that there are, for a message; "none" where there is none. Returns out. */
const char *alarm_names(const struct api_hooks *hooks, char out[ALARM_NAMES_MAX]);

#endif
