/* The members of a fleet, as this one sees them (docs/fleet.md):
 *
 *     GET /fleet     who belongs to it, who leads, what the store says
 *
 * Control thread. */
#ifndef WEIR_CONTROL_FLEET_H
#define WEIR_CONTROL_FLEET_H

#include "control/api.h"

enum api_outcome fleet_handle(const struct api_hooks *hooks, const struct api_request *request,
                              struct api_waiter *waiter, struct api_response *response);

#endif
