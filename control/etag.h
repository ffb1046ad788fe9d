/* ETags of weir's own addresses (the table, functions, aliases), and the conditions that a request
 * sets on them: If-Match and If-None-Match (RFC 9110, sections 13.1.1 and 13.1.2). Control thread.
 *
 * An ETag is another one after each change through the API, also where a later one takes it back,
 * and whenever the table file changes what is said. That of an alias is its RevisionId. */
#ifndef WEIR_CONTROL_ETAG_H
#define WEIR_CONTROL_ETAG_H

#include <stdbool.h>

#include "control/api.h"

/* With its quotes, as the field has it; "": the thing is not there. */
struct etag {
    char text[64];
};

/* 0, or -1 when out of memory. */
int etag_alias(const struct api_hooks *hooks, const struct target *target, struct etag *out)
    __attribute__((warn_unused_result));
/* Of a function with its versions, aliases and URLs. */
int etag_function(const struct api_hooks *hooks, struct str name, struct etag *out)
    __attribute__((warn_unused_result));
/* A process has no ETag of a table in common with another. */
struct etag etag_table(const struct api_hooks *hooks, const struct table *table);

/* Adds the fields ETag and, but for answers of changes, which have it in any case,
 * x-weir-generation. */
void etag_tell(struct api_response *response, const struct etag *etag);
void etag_tell_read(struct api_response *response, const struct etag *etag,
                    const struct table *table);

/* True: the thing is not as the request says that it must be, and the response is a 412. what:
 * for people, such as "the alias". Of a request that changes something. */
bool etag_refuse(const struct api_request *request, const char *what, const struct etag *etag,
                 struct api_response *response);

#endif
