/* The calls of the AWS Lambda API that the admin listener serves. Tools written for Lambda shift an
 * alias with them:
 *
 *     GET  /2015-03-31/functions/{FunctionName}/aliases/{Name}    GetAlias
 *     GET  /2015-03-31/functions/{FunctionName}/aliases           ListAliases
 *     PUT  /2015-03-31/functions/{FunctionName}/aliases/{Name}    UpdateAlias
 *
 * Shapes, error types, statuses and texts are Lambda's. One thing differs: an alias may have up to
 * SPLIT_ARMS_MAX versions. Control thread. */
#ifndef WEIR_CONTROL_LAMBDA_H
#define WEIR_CONTROL_LAMBDA_H

#include "control/api.h"

enum api_outcome lambda_handle(const struct api_hooks *hooks, const struct api_request *request,
                               struct api_waiter *waiter, struct api_response *response);

#endif
