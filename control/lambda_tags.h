/* TagResource, UntagResource and ListTags: the tags of a function, whose whole ARN stands in the
 * path. Steps of struct lambda_operation. */
#ifndef WEIR_CONTROL_LAMBDA_TAGS_H
#define WEIR_CONTROL_LAMBDA_TAGS_H

#include "control/lambda_call.h"

lambda_step lambda_tags_add, lambda_tags_remove, lambda_tags_changed;
lambda_step lambda_tags_list;

/* Tags that a body gives; NULL is right. What is wrong is added to call->check. */
void lambda_tags_check(struct lambda_call *call, const json_t *tags);

#endif
