/* The table and its functions, in the table document's own words:
 *
 *     GET    /table                the table in force, as a document
 *     PUT    /table                a whole document, as one change: what it does not name is
 *                                  deleted
 *     GET    /functions            {"functions": {...}}; ?max=N gives so many, in the order of
 *                                  their names, and "next": the ?after= of the next page
 *     GET    /functions/{F}        one function, with its versions and aliases
 *     PUT    /functions/{F}        makes it, or replaces all that is said of it
 *     DELETE /functions/{F}        204
 *
 * Control thread. */
#ifndef WEIR_CONTROL_RESOURCE_H
#define WEIR_CONTROL_RESOURCE_H

#include "control/api.h"

enum api_outcome resource_handle(const struct api_hooks *hooks, const struct api_request *request,
                                 struct api_waiter *waiter, struct api_response *response);

#endif
