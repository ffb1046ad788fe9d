/* Aliases of state machines, in Step Functions' API. Control thread. */
#ifndef WEIR_CONTROL_SFN_ALIAS_H
#define WEIR_CONTROL_SFN_ALIAS_H

#include "control/sfn_call.h"

sfn_step sfn_alias_create, sfn_alias_update, sfn_alias_describe, sfn_alias_list, sfn_alias_delete;

#endif
