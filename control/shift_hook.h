/* Calling the hooks of a deployment. Control thread. */
#ifndef WEIR_CONTROL_SHIFT_HOOK_H
#define WEIR_CONTROL_SHIFT_HOOK_H

#include "control/shift.h"

/* Calls it under the id that the state has, once in this process: deployment->now says what comes
 * of it, and the driver is woken. */
void shift_hook_call(struct shifts *shifts, struct deployment *deployment, enum appspec_hook hook);

/* What is still called is not waited for. */
void shift_hook_forget(struct shifts *shifts, struct deployment *deployment);

#endif
