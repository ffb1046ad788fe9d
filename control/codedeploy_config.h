/* Deployment configurations: the plans by name. Control
 * thread. */
#ifndef WEIR_CONTROL_CODEDEPLOY_CONFIG_H
#define WEIR_CONTROL_CODEDEPLOY_CONFIG_H

#include "control/codedeploy_call.h"

codedeploy_step codedeploy_config_create;
codedeploy_step codedeploy_config_delete;
codedeploy_step codedeploy_config_get;
codedeploy_step codedeploy_config_list;

/* The steps of the configuration of this name, [[weight in billionths, seconds], ...] without the
 * last: a new reference. NULL where there is none of this name. */
json_t *codedeploy_config_steps(const struct table *table, const char *name);

#endif
