/* Deployments of CodeDeploy as its API makes, shows and stops them. Control
 * thread. */
#ifndef WEIR_CONTROL_CODEDEPLOY_DEPLOYMENT_H
#define WEIR_CONTROL_CODEDEPLOY_DEPLOYMENT_H

#include "control/codedeploy_call.h"

codedeploy_step codedeploy_deployment_batch;
codedeploy_step codedeploy_deployment_continue;
codedeploy_step codedeploy_deployment_create;
codedeploy_step codedeploy_deployment_get;
codedeploy_step codedeploy_deployment_list;
codedeploy_step codedeploy_deployment_report;
codedeploy_step codedeploy_deployment_stop;

/* The deployment that the body names; NULL where it fails. */
struct deployment *codedeploy_deployment_named(struct codedeploy_call *call);

#endif
