/* What of the AWS Lambda API the admin listener speaks, so that tools written for Lambda can shift
 * an alias:
 *
 *     GET  /2015-03-31/functions/{FunctionName}/aliases/{Name}    GetAlias
 *     GET  /2015-03-31/functions/{FunctionName}/aliases           ListAliases
 *     PUT  /2015-03-31/functions/{FunctionName}/aliases/{Name}    UpdateAlias
 *
 * Shapes, error types, statuses and texts are Lambda's, but for what weir has more of: an alias may
 * have up to SPLIT_ARMS_MAX versions. Control thread. */
#ifndef WEIR_CONTROL_LAMBDA_H
#define WEIR_CONTROL_LAMBDA_H

#include "control/api.h"

/* False where the path is another; else the response is filled in. */
bool lambda_handle(const struct api_hooks *hooks, const struct api_request *request,
                   struct api_response *response);

#endif
