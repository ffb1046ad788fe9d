/* Aliases in the table's own words, and changing them:
 *
 *     GET  /functions/{F}/aliases/{A}      the alias as the table document writes it
 *     PUT  /functions/{F}/aliases/{A}      the same members; those left out, but for weights,
 *                                          stay as they are; makes an alias that there is not
 *     DELETE                               204
 *
 * A change is in force when it is answered, until the table file says something else of the alias.
 * Control thread. */
#ifndef WEIR_CONTROL_ALIAS_H
#define WEIR_CONTROL_ALIAS_H

#include "control/api.h"

enum api_outcome alias_handle(const struct api_hooks *hooks, const struct api_request *request,
                              struct api_waiter *waiter, struct api_response *response);

#endif
