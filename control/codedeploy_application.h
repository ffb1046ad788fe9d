/* Applications of CodeDeploy: names under which deployment groups stand. Control
 * thread. */
#ifndef WEIR_CONTROL_CODEDEPLOY_APPLICATION_H
#define WEIR_CONTROL_CODEDEPLOY_APPLICATION_H

#include "control/codedeploy_call.h"

codedeploy_step codedeploy_application_batch;
codedeploy_step codedeploy_application_create;
codedeploy_step codedeploy_application_delete;
codedeploy_step codedeploy_application_get;
codedeploy_step codedeploy_application_list;
codedeploy_step codedeploy_application_update;

#endif
