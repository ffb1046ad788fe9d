/* The targets of deployments: each has one, its function's alias. Control
 * thread. */
#ifndef WEIR_CONTROL_CODEDEPLOY_TARGET_H
#define WEIR_CONTROL_CODEDEPLOY_TARGET_H

#include "control/codedeploy_call.h"

codedeploy_step codedeploy_target_batch;
codedeploy_step codedeploy_target_get;
codedeploy_step codedeploy_target_list;

#endif
