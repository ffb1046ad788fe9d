/* Tags of applications and deployment groups. Control
 * thread. */
#ifndef WEIR_CONTROL_CODEDEPLOY_TAGS_H
#define WEIR_CONTROL_CODEDEPLOY_TAGS_H

#include "control/codedeploy_call.h"

codedeploy_step codedeploy_tags_add;
codedeploy_step codedeploy_tags_list;
codedeploy_step codedeploy_tags_remove;

/* The body's member tags as an object; NULL where it fails. A new reference, empty where there are
 * none. */
json_t *codedeploy_tags_read(struct codedeploy_call *call);

#endif
