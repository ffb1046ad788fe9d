/* What the admin listener answers: metrics, health of the process, the table and settings in force, reload, and changes of alias weights. Knows
 * nothing of sockets: a request in, a response out. Control thread.
 *
 *     GET  /metrics /healthz /readyz /table /settings
 *     POST /reload
 *     GET  /functions/{F}/aliases/{A}      the alias as the table document writes it
 *     PUT  /functions/{F}/aliases/{A}      {"weights": {...}, "split": ...}: in force at once, until the table is next reloaded
 *     and of the AWS Lambda API: GetAlias, ListAliases, UpdateAlias (/2015-03-31/functions/{F}/aliases/{A}) */
#ifndef WEIR_CONTROL_API_H
#define WEIR_CONTROL_API_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "conf/problems.h"
#include "conf/settings.h"
#include "router/builder.h"
#include "router/table.h"

/* What the API can have done, filled in by the wiring (proxy/server.c). */
struct api_hooks {
    void *context;
    /* Reads the documents again; 0 or -1 with problems. */
    int (*reload)(void *context, struct problems *problems, struct problems *notes);
    /* The metrics page, to be freed; NULL when out of memory. */
    char *(*metrics)(void *context, size_t *length);
    bool (*is_ready)(void *context);
    bool (*is_draining)(void *context);
    /* In force now; borrowed for the call. */
    struct table *(*table)(void *context);
    const struct settings *(*settings)(void *context);
    /* Puts other weights of one alias in force (table_with_weights); 0 or -1 when out of memory. */
    int (*set_weights)(void *context, const struct target *target, enum split_mode mode, int nr_arms,
                       const struct arm_spec *arms);
};

struct api_request {
    struct str method, path, query; /* query without '?' */
    struct str host;                /* the Host field, or empty */
    struct str body;
};

struct api_response {
    int status;
    const char *content_type;
    const char *error_type; /* x-amzn-ErrorType, or NULL */
    const char *allow;      /* Allow of a 405, or NULL */
    char *body;             /* malloc'ed; the caller frees; may be NULL */
    size_t length;
};

/* Always fills in a response; when out of memory one with status 503 and no body. */
void api_handle(const struct api_hooks *hooks, const struct api_request *request, struct api_response *response);

#endif
