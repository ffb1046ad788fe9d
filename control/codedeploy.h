/* AWS CodeDeploy's API for the platform Lambda: POST / with X-Amz-Target CodeDeploy_20141006.*,
 * JSON 1.1. Operations and differences: docs/shifts.md. Control thread. */
#ifndef WEIR_CONTROL_CODEDEPLOY_H
#define WEIR_CONTROL_CODEDEPLOY_H

#include "control/api.h"

enum api_outcome codedeploy_handle(const struct api_hooks *hooks, const struct api_request *request,
                                   struct api_waiter *waiter, struct api_response *response);

#endif
