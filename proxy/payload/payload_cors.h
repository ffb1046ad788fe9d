/* Cross-origin requests to a function URL (the Fetch standard's CORS protocol): what weir answers
 * to a preflight, and which fields it adds to responses, by the URL's configuration. Pure; any
 * thread. */
#ifndef WEIR_PROXY_PAYLOAD_PAYLOAD_CORS_H
#define WEIR_PROXY_PAYLOAD_PAYLOAD_CORS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/str.h"
#include "router/cors.h"

/* No answer is longer: what is asked for is echoed only where it is short, and a list of the
 * configuration has 4096 bytes at most. */
enum { PAYLOAD_CORS_MAX = 3 * 4096 };

/* What the browser asks; each may be empty. */
struct payload_cors {
    struct str origin;          /* Origin */
    struct str request_method;  /* Access-Control-Request-Method */
    struct str request_headers; /* Access-Control-Request-Headers */
};

/* Is a request with this method, asking so, a preflight? It never reaches a function whose URL has
 * CORS. */
bool payload_cors_is_preflight(struct str method, const struct payload_cors *asked);

/* Append field lines, "name: value\r\n" each: for the answer to a preflight, and for another
 * response. No Access-Control field where there is no origin, or one that is not allowed. */
void payload_cors_preflight(struct buffer *out, const struct cors *cors,
                            const struct payload_cors *asked);
void payload_cors_response(struct buffer *out, const struct cors *cors,
                           const struct payload_cors *asked);

/* Is it a field of a response that the URL's configuration decides, and not the function? */
bool payload_cors_is_own(struct str name);

#endif
