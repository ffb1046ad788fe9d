/* The AWS Lambda API of the admin listener, but for Invoke: which operation a request means.
 * docs/lambda.md lists them, with what weir does otherwise. Shapes, error types, statuses and texts
 * are Lambda's. Control thread. */
#ifndef WEIR_CONTROL_LAMBDA_H
#define WEIR_CONTROL_LAMBDA_H

#include "control/api.h"

/* The operation that a request means, such as "CreateFunction"; NULL where it is none of weir's. */
const char *lambda_operation_name(struct str method, struct str path);

/* Paths below a date, as all of Lambda's are, are the Lambda API's, whether it is served or not. */
enum api_outcome lambda_handle(const struct api_hooks *hooks, const struct api_request *request,
                               struct api_waiter *waiter, struct api_response *response);

#endif
