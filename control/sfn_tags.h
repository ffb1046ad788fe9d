/* Tags of state machines, in Step Functions' API. Control thread. */
#ifndef WEIR_CONTROL_SFN_TAGS_H
#define WEIR_CONTROL_SFN_TAGS_H

#include "control/sfn_call.h"

sfn_step sfn_tags_list, sfn_tags_add, sfn_tags_remove;

/* Puts the body's tags, [{"key", "value"}], into an object of texts; false where it fails. */
bool sfn_tags_take(struct sfn_call *call, json_t *tags) __attribute__((warn_unused_result));

#endif
