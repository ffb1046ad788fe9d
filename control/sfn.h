/* Step Functions' API, JSON 1.0: POST / with X-Amz-Target: AWSStepFunctions.OPERATION. Control
 * thread. */
#ifndef WEIR_CONTROL_SFN_H
#define WEIR_CONTROL_SFN_H

#include "control/api.h"

enum api_outcome sfn_handle(const struct api_hooks *hooks, const struct api_request *request,
                            struct api_waiter *waiter, struct api_response *response);

#endif
