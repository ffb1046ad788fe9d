/* X-Amzn-Trace-Id of the answer to an Invoke, "root=1-TIME-ID;sampled=0" as Lambda has it: the root
 * of the caller's own trace, or else one that is made of the second and the request's id, as in
 * events of function URLs. Pure. */
#ifndef WEIR_PROXY_HTTP_TRACEID_H
#define WEIR_PROXY_HTTP_TRACEID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* ROOT: 1-5e6a879e-5c0e4b2e9a530d6c1f0a9f11. LINE_MAX: what traceid_put writes. */
enum { TRACEID_ROOT = 35, TRACEID_SECOND = 8, TRACEID_LINE_MAX = 80 };

enum traceid_whose { TRACEID_NONE, TRACEID_OWN, TRACEID_CALLERS };

struct traceid {
    uint8_t whose; /* enum traceid_whose; NONE: the answer has no such field */
    bool is_sampled;
    char root[TRACEID_ROOT]; /* of the caller's */
};

/* An Invoke is answered: value is the caller's field, empty where there is none or it is not to be
 * looked at. A value without a root of that form is none. */
void traceid_begin(struct traceid *trace, struct str value);

/* Writes the line at p; returns its end. request_id is a UUID, second the Unix time in hex. */
char *traceid_put(char *p, const struct traceid *trace, const char *request_id,
                  const char second[TRACEID_SECOND]);

#endif
