/* The alarms that the table's section "alarms" declares, and what they say of a deployment: figures
 * of its target version by its alias, since AllowTraffic began, over a window; or, of manual ones,
 * what somebody has set.
 *
 *     GET /alarms              {"alarms": {NAME: {"metric": ..., "state": "OK"}}}
 *     PUT /alarms/NAME         {"state": "ALARM"} or OK, of a manual one
 *
 * Control thread. */
#ifndef WEIR_CONTROL_ALARM_H
#define WEIR_CONTROL_ALARM_H

#include <stdbool.h>

#include "control/api.h"

struct deployment;

enum { ALARM_NAMES_MAX = 400, ALARM_REASON_MAX = 400 };

enum api_outcome alarm_handle(const struct api_hooks *hooks, const struct api_request *request,
                              struct api_waiter *waiter, struct api_response *response);

bool alarm_is_known(const struct api_hooks *hooks, const char *name);
/* Those that there are, for a message; "none" where there is none. Returns out. */
const char *alarm_names(const struct api_hooks *hooks, char out[ALARM_NAMES_MAX]);

enum alarm_verdict { ALARM_OK, ALARM_HOLDS, ALARM_FIRES };

/* What the alarms of a deployment say; each call may take a sample. is_begin: it has no traffic
 * yet. ALARM_FIRES with the alarm's name and figures in reason. */
enum alarm_verdict alarm_look(const struct api_hooks *hooks, struct deployment *deployment,
                              bool is_begin, char reason[ALARM_REASON_MAX]);

/* All of them, for weir_alarm_state: to be freed, NULL when out of memory. */
struct alarm_shown {
    char name[128];
    bool is_firing;
};
struct alarm_shown *alarm_list(const struct api_hooks *hooks, int *nr);

#endif
