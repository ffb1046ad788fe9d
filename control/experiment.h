/* What an alias' experiment shows (docs/experiments.md):
 *
 *     GET    /experiments/{F}/{A}      versions, differences, sample ratio mismatch, crossovers
 *     DELETE /experiments/{F}/{A}      begins anew: 204
 *
 * Control thread. */
#ifndef WEIR_CONTROL_EXPERIMENT_H
#define WEIR_CONTROL_EXPERIMENT_H

#include "control/api.h"

enum api_outcome experiment_handle(const struct api_hooks *hooks, const struct api_request *request,
                                   struct api_waiter *waiter, struct api_response *response);

#endif
