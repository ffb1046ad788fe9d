/* Deployment groups of CodeDeploy: how deployments under this name are made. Control
 * thread. */
#ifndef WEIR_CONTROL_CODEDEPLOY_GROUP_H
#define WEIR_CONTROL_CODEDEPLOY_GROUP_H

#include "control/codedeploy_call.h"

codedeploy_step codedeploy_group_batch;
codedeploy_step codedeploy_group_create;
codedeploy_step codedeploy_group_delete;
codedeploy_step codedeploy_group_get;
codedeploy_step codedeploy_group_list;
codedeploy_step codedeploy_group_update;

/* The group as its documents have it, checked: members alarmConfiguration,
 * autoRollbackConfiguration, deploymentStyle and deploymentConfigName of the body replace those of
 * the document. Otherwise fails. */
void codedeploy_group_read(struct codedeploy_call *call, json_t *document);
/* Of an alarm or rollback configuration of the body; NULL where it is absent or fails. Borrowed. */
json_t *codedeploy_group_alarms(struct codedeploy_call *call, const char *member);
json_t *codedeploy_group_rollback(struct codedeploy_call *call);

#endif
