/* The table declares none yet. */
#include "control/alarm.h"

#include <stdio.h>

bool alarm_is_known(const struct api_hooks *hooks, const char *name)
{
    (void)hooks;
    (void)name;
    return false;
}

const char *alarm_names(const struct api_hooks *hooks, char out[ALARM_NAMES_MAX])
{
    (void)hooks;
    snprintf(out, ALARM_NAMES_MAX, "none");
    return out;
}
