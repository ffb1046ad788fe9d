/* Which requests the admin listener answers at all. It has no passwords: anybody who reaches its
 * address may use it. Web pages in an operator's browser reach it too; they are refused. Pure;
 * control thread. */
#ifndef WEIR_CONTROL_ACCESS_H
#define WEIR_CONTROL_ACCESS_H

#include "control/api.h"

/* True where the request must not be served, with the refusal filled in:
 *   403 where Host is neither an IP address, localhost, the host of admin.address nor one of
 *       admin.hosts;
 *   403 where Origin names another site, and for a request that changes something where there is an
 *       Origin at all;
 *   415 for one that changes something and has a Content-Type that forms of web pages can send.
 *       Clients of the Lambda API send none, or others. */
bool access_refuse(const struct settings *settings, const struct api_request *request,
                   struct api_response *response);

#endif
