/* The page at / of the admin listener: what a person looks at instead of reading metrics. Its files
 * are in the binary (control/page/, cmake/page.cmake) and hold no data: a browser that shows it
 * asks the API for that, as everybody does, with the token that its user types in.
 *
 *     GET /  /page.css  /page.js
 *
 * Any thread. */
#ifndef WEIR_CONTROL_ADMINPAGE_H
#define WEIR_CONTROL_ADMINPAGE_H

#include <stdbool.h>

#include "control/api.h"

/* Does the request want one of the files? Not where it names an operation in X-Amz-Target. */
bool adminpage_is_path(const struct api_request *request);

enum api_outcome adminpage_handle(const struct api_hooks *hooks, const struct api_request *request,
                                  struct api_waiter *waiter, struct api_response *response);

#endif
