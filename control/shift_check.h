/* May a deployment begin, and may it go on? What the table in force and the alarms say of it.
 * Control thread. */
#ifndef WEIR_CONTROL_SHIFT_CHECK_H
#define WEIR_CONTROL_SHIFT_CHECK_H

#include "control/shift.h"

/* Why not: a code of errorInformation, and what is wrong and how it is mended. */
struct shift_trouble {
    bool is_stop; /* an alarm: it is Stopped, not Failed */
    char code[DEPLOYMENT_CODE_MAX];
    char message[DEPLOYMENT_MESSAGE_MAX];
};

/* True where there is trouble. */
bool shift_check_begin(const struct shifts *shifts, struct deployment *deployment,
                       struct shift_trouble *trouble);
/* *is_held: an alarm wants no further step before it has data. */
bool shift_check_running(const struct shifts *shifts, struct deployment *deployment,
                         struct shift_trouble *trouble, bool *is_held);

/* Adds a problem for each version and each alarm that a deployment uses which has not ended, and
 * that is gone in the table which is to come; true where there is one. file: for messages, or
 * NULL. */
bool shift_check_versions(const struct shifts *shifts, const struct table *before,
                          const struct table *after, const char *file, struct problems *problems);

/* The documents' own check has refused to take a version from an alias that the API has changed:
 * says in its problems which deployment has, where one shifts that alias. */
void shift_check_name(const struct shifts *shifts, struct problems *problems);

#endif
