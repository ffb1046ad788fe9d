/* Which version runs: request to target, target to arm. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_PICK_H
#define WEIR_PROXY_EXCHANGE_PICK_H

#include "proxy/exchange/assign.h"
#include "proxy/exchange/in_flight.h"
#include "proxy/exchange/request.h"
#include "proxy/http/head.h"
#include "proxy/worker/urlindex.h"
#include "proxy/worker/worker.h"
#include "router/invoke.h"
#include "router/table.h"

/* X-Amz-Invocation-Type. */
enum pick_type { PICK_SYNC, PICK_DRY_RUN, PICK_EVENT };

enum pick_result {
    PICK_REFUSED = -1,
    PICK_DONE,
    /* Nothing was drawn yet: the payload is to be gathered first, because it has to be JSON, or is
     * an event, or is signed. Pick again with it. */
    PICK_GATHER
};

/* What a request asks for. On refusal the answer's parts are set. */
struct choice {
    /* The caller's from now on, also after a refusal once a table was consulted; may be NULL. */
    struct lease *lease;
    struct target *target;
    struct arm *arm;
    /* path, query, prefix, is_invoke, function, qualifier are set; the rest is zero */
    struct request_options request;
    uint8_t type;          /* enum pick_type, of an Invoke */
    uint8_t operation;     /* enum invoke_operation, of an Invoke */
    uint8_t picked;        /* enum picked: how the arm was */
    bool is_pinned;        /* nothing was drawn: it is another attempt of a call that was counted */
    bool wants_log;        /* X-Amz-Log-Type: Tail */
    bool has_other_kind;   /* what an override or a pin asks for may be no HTTP */
    bool is_preflight;     /* refused, because weir answers it by terms->cors */
    struct str attempt_id; /* amz-sdk-invocation-id; empty: none, or it is not looked at */
    struct str trace;      /* X-Amzn-Trace-Id of an Invoke; empty: none */
    int status;            /* of a refusal; 204: a dry run that is right */
    const char *type_name; /* x-amzn-ErrorType */
    const char *reason;    /* of a 429 */
    enum metrics_rejection rejection;
    const struct url_terms *terms; /* of a route or a function's URL; NULL: none */
    /* Whose signature the request has; you set it before you pick. NULL: nobody's, as far as is
     * known. */
    const struct credentials_key *key;
    /* Who asks; likewise. */
    const struct request_caller *from;
    /* Likewise: where the invocation is counted as one of its function before its version is drawn,
     * so that one over the function's limit draws nothing. It lasts as the lease does. */
    struct in_flight *in_flight;
    struct caller caller; /* of a sticky split */
    struct issued issued; /* likewise */
    struct str unknown;   /* what an override names, and the function does not have */
    /* The alias that was asked, if it has terms of its own (router/alias_terms.h); else NULL. */
    const struct target *asked;
    char api_id[URLID_LENGTH + 1]; /* of a function's URL; "" for a route */
    struct invoke_address address; /* of an Invoke */
    char message[INVOKE_REASON_MAX];
};

/* Finds the target and draws its version, once. The strings of *out point into the head and *out,
 * or last as long as the process. is_gathered: the payload is complete. Fields of the head that
 * only weir may send are dropped from it. */
enum pick_result pick_version(struct choice *out, struct worker *w, struct head *head,
                              bool is_gathered) __attribute__((warn_unused_result));

/* Draws a version of what a name says in the table that is in force now. As pick_version, but for
 * request. */
enum pick_result pick_named(struct choice *out, struct worker *w, struct str function,
                            struct str qualifier) __attribute__((warn_unused_result));

/* The arm that a name, once drawn from, gave: the alias' own, or the version's where the alias has
 * moved on. As pick_named; PICK_REFUSED also where there is no such version any more; status is 429
 * where there is, and it is throttled. */
enum pick_result pick_again(struct choice *out, struct worker *w, struct str function,
                            struct str qualifier, struct str version)
    __attribute__((warn_unused_result));

/* The same in another table, which gets a user: of a version that it has. As pick_named. */
enum pick_result pick_pinned(struct choice *out, struct worker *w, struct table *table,
                             struct str function, struct str qualifier, struct str version)
    __attribute__((warn_unused_result));

/* Where the function's dead letters go, if that is a URL. As pick_named. */
enum pick_result pick_letter_box(struct choice *out, struct worker *w, struct str function)
    __attribute__((warn_unused_result));

/* A refusal with these words: PICK_REFUSED. */
enum pick_result pick_refuse(struct choice *out, int status, const char *type,
                             enum metrics_rejection why, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The refusal of who may not use a function URL: nobody is told why. PICK_REFUSED. */
enum pick_result pick_forbid(struct choice *out);

/* How long the payload of an invocation may be, in bytes. */
uint64_t pick_body_limit(const struct choice *choice, const struct settings *settings);

/* The refusal of a payload of so many bytes, or more: PICK_REFUSED. */
enum pick_result pick_refuse_size(struct choice *out, bool is_event, uint64_t bytes,
                                  uint64_t limit);

/* For an alias with failover: the arm with the largest weight, other than not_this, that has an
 * endpoint to use. NULL if none. */
struct arm *pick_other_arm(struct worker *w, struct target *target, const struct arm *not_this);

#endif
