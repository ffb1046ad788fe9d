/* State machines, in Step Functions' API. Control thread. */
#ifndef WEIR_CONTROL_SFN_MACHINE_H
#define WEIR_CONTROL_SFN_MACHINE_H

#include "control/sfn_call.h"

/* Of CreateStateMachine and UpdateStateMachine: an engine's definition goes there first. */
enum api_outcome sfn_machine_before(struct sfn_call *call, struct api_waiter *waiter,
                                    change_fn *turn);

sfn_step sfn_machine_create, sfn_machine_update, sfn_machine_describe, sfn_machine_delete,
    sfn_machine_list, sfn_machine_validate;

#endif
