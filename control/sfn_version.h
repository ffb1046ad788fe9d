/* Versions of state machines, in Step Functions' API. Control thread. */
#ifndef WEIR_CONTROL_SFN_VERSION_H
#define WEIR_CONTROL_SFN_VERSION_H

#include "control/sfn_call.h"

sfn_step sfn_version_publish, sfn_version_list, sfn_version_delete;

/* Publishes the document's current revision: the version of this revision that there is, or a new
 * one with this description (NULL: none). Its name goes into out; *is_new says which. 0, or -1. */
enum { SFN_VERSION_NAME = 24 };
int sfn_version_add(struct sfn_call *call, json_t *document, const char *description,
                    char out[SFN_VERSION_NAME], bool *is_new) __attribute__((warn_unused_result));

#endif
