/* A copy of a request that outlives the connection it came on. One thread. */
#ifndef WEIR_CONTROL_APICOPY_H
#define WEIR_CONTROL_APICOPY_H

#include "control/api.h"

/* The memory of a copy; zeroed is none. */
struct apicopy {
    char *strings;
    char *body; /* the request's own, where it was taken over */
};

/* Copies method, path, query, host, origin, content_type, target and body, which it takes over
 * where it may; fields stay behind. 0, or -1 when out of memory: nothing was taken. */
int apicopy_make(struct apicopy *memory, struct api_request *to, const struct api_request *from)
    __attribute__((warn_unused_result));
void apicopy_fini(struct apicopy *memory);

#endif
