/* What the admin listener answers: metrics, health of the process, the table and settings in force,
 * reload, and changes of alias weights. Knows nothing of sockets: a request in, a response out.
 * Control thread.
 *
 *     GET  /metrics[?all=1] /healthz /readyz /table /settings
 *     POST /reload
 *     GET  /functions/{F}/aliases/{A}      the alias as the table document writes it
 *     PUT  /functions/{F}/aliases/{A}      {"weights": {...}, "split": ...}: in force at once,
 *                                          until the table file says something else of it
 *     and of the AWS Lambda API: GetAlias, ListAliases, UpdateAlias
 *     (/2015-03-31/functions/{F}/aliases/{A}) */
#ifndef WEIR_CONTROL_API_H
#define WEIR_CONTROL_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/str.h"
#include "conf/problems.h"
#include "conf/settings.h"
#include "router/builder.h"
#include "router/table.h"

/* What came of a reload. */
struct api_reload {
    bool is_ok;
    const struct problems *problems; /* where it is not */
    const struct problems *notes;    /* what a reload cannot take over */
    const struct problems *changes;  /* what the table file changed */
};

/* One request that waits for a reload; embedded in the connection it came on. */
struct api_waiter {
    TAILQ_ENTRY(api_waiter) link; /* the hooks', as is round, while it waits */
    uint64_t round;
    void (*done)(struct api_waiter *waiter, const struct api_reload *result);
};

/* What the API can have done, filled in by the wiring (proxy/server/server.c). */
struct api_hooks {
    void *context;
    /* Reads the documents again, which may take seconds: waiter->done is called when the result is
     * there, never from within this call. forget: it no longer waits. */
    void (*reload)(void *context, struct api_waiter *waiter);
    void (*forget)(void *context, struct api_waiter *waiter);
    /* The metrics page, to be freed; NULL when out of memory. all: with what was never invoked. */
    char *(*metrics)(void *context, bool all, size_t *length);
    bool (*is_ready)(void *context);
    bool (*is_draining)(void *context);
    /* In force now; borrowed for the call. */
    struct table *(*table)(void *context);
    const struct settings *(*settings)(void *context);
    /* Puts another alias in force in the place of target, which is one of table's
     * (table_with_alias); 0 or -1 when out of memory. Neither target nor a table borrowed before
     * may be used after it. */
    int (*set_alias)(void *context, const struct target *target, const struct alias_spec *spec);
    uint64_t seed; /* random, of this process: RevisionIds are made with it */
};

struct api_request {
    struct str method, path, query; /* query without '?' */
    struct str host;                /* the Host field, or empty */
    struct str origin;              /* the Origin field; p NULL where there is none */
    struct str content_type;        /* the Content-Type field; p NULL where there is none */
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

/* True: response is filled in; when out of memory with status 503 and no body. False: the request
 * is a reload, waiter->done will be called, and api_answer_reload makes the response. Until then
 * only hooks->forget ends the wait. */
bool api_handle(const struct api_hooks *hooks, const struct api_request *request,
                struct api_waiter *waiter, struct api_response *response)
    __attribute__((warn_unused_result));

void api_answer_reload(const struct api_hooks *hooks, const struct api_reload *result,
                       struct api_response *response);

#endif
