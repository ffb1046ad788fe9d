/* What the admin listener answers: metrics, health of the process, the table and settings in force,
 * reload, and changes of alias weights. Knows nothing of sockets: a request in, a response out.
 * Control thread.
 *
 *     GET  / /page.css /page.js            a page for people (control/adminpage.h)
 *     GET  /metrics[?all=1] /healthz /readyz /table /settings
 *     POST /reload
 *     GET  /functions/{F}/aliases/{A}      the alias as the table document writes it
 *     PUT  /functions/{F}/aliases/{A}      {"weights": {...}, "split": ...}: in force at once,
 *                                          until the table file says something else of it
 *     GET  /fleet                          members, leader, store
 *     GET, DELETE /experiments/{F}/{A}     what an alias' experiment shows; begins it anew
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
#include "conf/tabledoc_edit.h"
#include "router/builder.h"
#include "router/table.h"

/* What came of a reload. */
struct api_reload {
    bool is_ok;
    const struct problems *problems; /* where it is not */
    const struct problems *notes;    /* what a reload cannot take over */
    const struct problems *changes;  /* what the table file changed */
};

/* A table to be built beside the control loop. */
struct api_build {
    struct table *previous; /* counted by who asks */
    /* Functions to be changed, or where text is not NULL a whole document. */
    const struct tabledoc_edit *edits;
    int nr_edits;
    const char *text;
    size_t length;
    const struct overlay *overlay; /* or all of it is this: a fleet's table; else NULL */
    struct problems *problems;
    struct table *table; /* what came of it, a reference; NULL: there are problems */
    /* Called for what came of it, on the thread that builds; -1 when out of memory. */
    int (*compare)(struct api_build *build);
    void *context; /* who asks */
};

struct api_hooks;
struct api_response;
struct sigv4_field;
struct change_work;
struct rowstore;
struct merge_said;
struct change_engine;
struct change_listener;
struct api_errand;
struct listing;
struct metrics_figures;
struct shifts;
struct takebacks;
struct executions;
struct fleetbook;
struct execution_asked;
struct sfn_enlisting;
struct run;
struct ward;

/* One request whose answer comes later; embedded in the connection it came on, which sets
 * answered. */
struct api_waiter {
    /* Takes over the response's body. */
    void (*answered)(struct api_waiter *waiter, struct api_response *response);
    const struct api_hooks *hooks; /* api_handle's */
    /* What it waits for (control/change.h, control/listing.h, control/sfn_execution.h); all NULL: a
     * reload. */
    struct change_work *change;
    struct listing *listing;
    struct sfn_enlisting *enlisting;
    struct execution_asked *execution;
    /* Of one that waits for a reload; link and round are the hooks'. */
    TAILQ_ENTRY(api_waiter) link;
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
    /* Prepares the metrics page: sets facts, free_facts and write. all: with what was never
     * invoked. 0, or -1 when out of memory. */
    int (*metrics)(void *context, bool all, struct listing *listing);
    bool (*is_ready)(void *context);
    bool (*is_draining)(void *context);
    /* In force now; borrowed for the call. */
    struct table *(*table)(void *context);
    const struct settings *(*settings)(void *context);
    /* What is in force with another alias in the place of target, which is one of it
     * (table_with_alias): a reference, NULL when out of memory. */
    struct table *(*with_alias)(void *context, const struct target *target,
                                const struct alias_spec *spec);
    /* What the table file says; NULL: nothing. */
    const struct merge_said *(*said)(void *context);
    /* Builds a table on another thread, and has change_engine_built called. Only while no reload is
     * running (is_reloading); none begins before. */
    void (*build)(void *context, struct api_build *build);
    bool (*is_reloading)(void *context);
    /* Puts a table in force; takes the reference. No table borrowed before may be used after it. */
    void (*put_table)(void *context, struct table *table);
    /* Between two changes: what was read from the table file meanwhile may come into force. */
    void (*between)(void *context);
    /* The first has change_engine_turn called, the other change_engine_settled once all workers
     * have the table that is in force now; never from within this call. */
    void (*soon)(void *context);
    void (*soon_on_all)(void *context);
    /* Begins a request of weir's own (control/errand.h): 0, and its over is called, never from
     * within this call; or -1 when out of memory. The other ends it without a word. */
    int (*errand)(void *context, struct api_errand *errand);
    void (*errand_forget)(void *context, struct api_errand *errand);
    /* Has listing_write called on another thread, then listing_written on this one, never from
     * within this call. 0, or -1 when out of memory: then neither is called. */
    int (*write)(void *context, struct listing *listing);
    /* What a version has been invoked for by its alias, since the process began. */
    void (*figures)(void *context, struct str function, struct str alias, struct str version,
                    struct metrics_figures *out);
    /* Has shift_turn called soon. */
    void (*shifts_soon)(void *context);
    /* Has a worker make the run; run->over is called, never from within this call. The other has
     * its connection closed, if it is not over. */
    void (*run)(void *context, struct run *run);
    void (*run_stop)(void *context, struct run *run);
    /* A table of its own of a document: a reference, NULL where it is none. It is never in force.
     * */
    struct table *(*table_of)(void *context, const char *text);
    /* Has executions_turn called in so many ms, in the place of a call that was asked for before.
     * */
    void (*executions_wake)(void *context, uint32_t in_ms);
    /* A canary's cause was set: it is to be taken back (control/takeback.h). */
    void (*recall)(void *context, struct ward *ward);
    struct executions *executions;          /* control/execution.h */
    struct shifts *shifts;                  /* control/shift.h */
    struct change_engine *changes;          /* control/change.h */
    const struct change_listener *listener; /* the same; NULL: none */
    struct takebacks *takebacks;            /* control/takeback.h */
    struct rowstore *rows;                  /* control/rowstore.h */
    struct fleetbook *book;                 /* control/fleetbook.h; NULL: there is no fleet */
};

struct api_request {
    struct str method, path, query;   /* query without '?' */
    struct str host;                  /* the Host field, or empty */
    struct str origin;                /* the Origin field; p NULL where there is none */
    struct str content_type;          /* the Content-Type field; p NULL where there is none */
    struct str target;                /* the X-Amz-Target field; p NULL where there is none */
    struct str if_match;              /* the If-Match field; p NULL where there is none */
    struct str if_none_match;         /* likewise */
    const struct sigv4_field *fields; /* all of them; gone once api_handle has returned */
    int nr_fields;
    bool has_certificate; /* the client showed one that admin.tls.client_ca vouches for */
    struct str body;
    char **body_owner; /* where the body's memory stands, to be taken over; or NULL */
};

enum { API_FIELDS_MAX = 6, API_FIELD_VALUE = 64 };

/* One more field of a response's head. */
struct api_field {
    const char *name; /* a literal */
    char value[API_FIELD_VALUE];
};

struct api_response {
    int status;
    const char *content_type;
    const char *error_type; /* x-amzn-ErrorType, or NULL */
    const char *allow;      /* Allow of a 405, or NULL */
    const char *policy;     /* Content-Security-Policy of a page for browsers, or NULL */
    char *body;             /* malloc'ed; the caller frees; may be NULL */
    size_t length;
    int nr_fields;
    struct api_field fields[API_FIELDS_MAX];
};

/* What became of a request in the hands of one resource's file. */
enum api_outcome {
    API_NOT_MINE, /* the path is another's */
    API_ANSWERED, /* response is filled in */
    API_LATER     /* the waiter is told */
};

/* True: response is filled in; when out of memory with status 503 and no body. False: the answer
 * comes later, by waiter->answered, never from within this call. Until then only api_forget ends
 * the wait. */
bool api_handle(const struct api_hooks *hooks, const struct api_request *request,
                struct api_waiter *waiter, struct api_response *response)
    __attribute__((warn_unused_result));

/* The waiter goes away: it will not be told. What it asked for goes on. */
void api_forget(struct api_waiter *waiter);

void api_answer_reload(const struct api_hooks *hooks, const struct api_reload *result,
                       struct api_response *response);

#endif
