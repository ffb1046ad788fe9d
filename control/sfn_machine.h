/* State machines, in Step Functions' API. Control thread. */
#ifndef WEIR_CONTROL_SFN_MACHINE_H
#define WEIR_CONTROL_SFN_MACHINE_H

#include "control/sfn_call.h"

sfn_step sfn_machine_create, sfn_machine_update, sfn_machine_describe, sfn_machine_delete,
    sfn_machine_list, sfn_machine_validate;

#endif
