/* The table: all functions, versions, aliases and routes of one generation, frozen when built, and the two lookups on it.
 *
 *     route (host, path) ---------\
 *                                  >-- target (an alias, or one version) -- pick --> arm: version + series --> endpoint -> origin
 *     (function, qualifier) ------/
 *
 * A table is built on the control thread with table_builder_*, frozen by table_build, and from then on read by every
 * worker without locks. It is reference counted; the last reference is given back through the qsbr domain so that a worker never
 * pays for freeing a large table. What outlives tables is shared between them by reference: splits (their tickets), origins
 * (their connection pools) and series numbers (their counters).
 *
 * A change of one alias's weights does not rebuild anything: table_with_weights copies only the array of target pointers. */
#ifndef WEIR_ROUTER_TABLE_H
#define WEIR_ROUTER_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/qsbr.h"
#include "base/str.h"
#include "router/split.h"

enum { TABLE_NO_SERIES = UINT32_MAX };

/* How an endpoint is spoken to over TLS; strings are NULL where not set. Part of an origin's identity. */
struct origin_tls {
    bool verify;       /* default true */
    char *ca_file;     /* PEM; NULL: the system's store */
    char *server_name; /* SNI and the name verified; NULL: the URL's host */
    char *certificate; /* client certificate, PEM */
    char *key;         /* its key, PEM */
};

/* Where to connect: one per distinct scheme, host, port and TLS options, shared by every endpoint of every function and by
 * all tables. Workers keep their connection pools by id. */
struct origin {
    uint32_t id; /* small and dense; never used again for another origin in this process */
    bool is_tls;
    uint16_t port;
    char *host;      /* name or address, an IPv6 address without brackets */
    char *authority; /* as a Host header names it: port left out where it is the scheme's default, IPv6 in brackets */
    struct origin_tls tls;
    _Atomic uint32_t refs;
};

/* Health and limits as a document gives them; a 0 or false means "off", limits of 0 mean "none". */
struct health_check {
    bool is_on;
    bool is_tcp;       /* else HTTP */
    char *path;        /* for HTTP */
    uint32_t interval_ms, timeout_ms;
    uint16_t rise, fall;
    uint16_t status_min, status_max; /* what counts as healthy: 200 to 399 by default */
};
struct ejection {
    bool is_on;
    uint16_t consecutive_errors;
    uint32_t pause_ms, pause_max_ms; /* doubles from one to the other */
    uint32_t slow_start_ms;          /* a returning endpoint's share grows over this time */
};

/* What is known of one endpoint's health, by all workers; lives on through reloads that keep the endpoint. */
struct endpoint_health {
    _Atomic uint32_t refs;
    _Atomic bool is_down;               /* by active checks */
    _Atomic uint32_t consecutive_errors; /* by passive observation */
    _Atomic uint64_t ejected_until_ms;  /* clock_ms; 0: not ejected */
    _Atomic uint32_t ejections;         /* in a row; decides the pause */
    _Atomic uint64_t returned_at_ms;    /* for slow start; 0: long ago */
};

struct version;

struct endpoint {
    struct origin *origin;
    char *url;             /* as the document says it */
    struct str base_path;  /* the URL's path, never empty: "/" at least, no query */
    struct endpoint_health *health; /* never NULL */
    struct version *version;
};

enum version_kind { VERSION_HTTP };

struct version {
    struct str name; /* "$LATEST" or decimal */
    struct function *function;
    enum version_kind kind;
    int nr_endpoints; /* 1 or more */
    struct endpoint *endpoints;
    char *host;         /* Host to send instead of the origin's authority, or NULL */
    bool preserve_host; /* send the client's Host */
    bool allow_upgrade; /* pass Upgrade (WebSocket) through; default true */
    uint32_t max_in_flight;   /* 0: none; per process, counted in in_flight */
    uint32_t max_connections; /* per endpoint and worker; 0: the settings' */
    uint32_t connect_ms, response_head_ms, stream_idle_ms; /* 0: the settings' */
    struct health_check health_check;
    struct ejection ejection;
    struct gauge *in_flight; /* shared with the same version of other tables; never NULL */
};

/* A counted number that outlives tables: invocations in flight of a version or a function. */
struct gauge {
    _Atomic uint32_t refs;
    _Atomic uint32_t value;
};

/* One version as an alias (or nothing) names it, with the number of its counters. */
struct arm {
    struct version *version;
    uint32_t weight; /* in billionths */
    uint32_t series; /* from the series hook */
};

/* What a qualifier names: an alias, or directly a version (then alias is empty, split NULL, one arm). */
struct target {
    _Atomic uint32_t refs;
    struct function *function;
    struct str alias;
    struct str description;
    enum split_mode mode;
    bool is_failover; /* on_unavailable: "failover" */
    struct split *split;
    int nr_arms;
    struct arm arms[]; /* in the document's order; the first is the primary version */
};

struct function {
    struct str name;
    uint32_t max_in_flight; /* 0: none */
    struct gauge *in_flight;
    int nr_versions;
    struct version *versions;
};

struct route {
    struct str host; /* "" any; "*.suffix"; or exact, in lower case */
    struct str path; /* prefix, begins with '/' */
    struct str qualifier;
    uint32_t target;
    bool strip_prefix;
};

struct skeleton; /* functions, versions, routes and their indexes; shared by tables that differ in weights alone */

struct table {
    _Atomic uint32_t refs;
    struct qsbr_node retired;
    uint64_t generation; /* 1 for the first table put in force */
    struct skeleton *skeleton;
    uint32_t nr_targets;
    struct target **targets; /* by target index */
};

/* ---- Reading: any thread that holds a reference -------------------------------------------------------------------- */

/* What (function, qualifier) names, or NULL. An empty qualifier means $LATEST. *knows_function, if not NULL, says whether the
 * function exists at all, for the error text. */
struct target *table_find(const struct table *table, struct str function, struct str qualifier, bool *knows_function);

/* The most specific route for a request: exact host before the longest "*.suffix" before any host, then the longest path
 * prefix that ends on a segment boundary. host comes without port, in any case; path without query. NULL where none matches. */
const struct route *table_route(const struct table *table, struct str host, struct str path);

static inline struct target *table_target(const struct table *table, uint32_t index)
{
    return table->targets[index];
}

/* For listings: all functions and routes, in document order. Versions hang on the function; aliases are the targets with a
 * non-empty alias name. */
int table_functions(const struct table *table, struct function *const **functions);
int table_routes(const struct table *table, const struct route **routes);

struct table *table_ref(struct table *table);
/* Ends the reference and clears the pointer; any thread. The table is freed later, by qsbr_reclaim. */
void table_unref(struct table **table);

/* ---- Building: the control thread ---------------------------------------------------------------------------------- */

/* What lives longer than any table. One per process, made by main, on the control thread. */
struct registry;

/* Gives the number of the counters of (function, alias, version); the same names always give the same number.
 * TABLE_NO_SERIES when out of memory. release is called when the last table with it is gone. */
struct series_hooks {
    uint32_t (*get)(void *context, struct str function, struct str alias, struct str version);
    void (*release)(void *context, uint32_t series);
    void *context;
};

/* NULL when out of memory. domain must outlive it. Tables must all be gone before registry_free. */
struct registry *registry_make(struct qsbr *domain, struct series_hooks hooks);
void registry_free(struct registry **registry);

struct table_builder;

struct version_spec {
    struct str name;
    enum version_kind kind;
    const char *host;
    bool preserve_host, allow_upgrade;
    uint32_t max_in_flight, max_connections, connect_ms, response_head_ms, stream_idle_ms;
    struct health_check health_check; /* path is copied */
    struct ejection ejection;
    struct origin_tls tls; /* strings are copied; used for https endpoints */
};

struct endpoint_spec {
    struct str url; /* for messages */
    bool is_tls;
    struct str host;
    uint16_t port;
    struct str base_path;
};

struct arm_spec {
    struct str version;
    uint32_t weight; /* billionths */
};

struct alias_spec {
    struct str name;
    struct str description;
    enum split_mode mode;
    bool is_failover;
    int nr_arms;
    const struct arm_spec *arms;
};

/* The calls below copy all strings. They check what belongs to the table (names known, no duplicates) only by assertion:
 * conf has already told people what is wrong with their document. They return 0 or -1 when out of memory, after which only
 * table_builder_free is allowed. Order: function, then its versions each followed by its endpoints, then its aliases; routes last. */
struct table_builder *table_builder_make(struct registry *registry);
void table_builder_free(struct table_builder **builder);
int table_builder_function(struct table_builder *builder, struct str name, uint32_t max_in_flight);
int table_builder_version(struct table_builder *builder, const struct version_spec *spec);
int table_builder_endpoint(struct table_builder *builder, const struct endpoint_spec *spec);
int table_builder_alias(struct table_builder *builder, const struct alias_spec *spec);
int table_builder_route(struct table_builder *builder, struct str host, struct str path, struct str function,
                        struct str qualifier, bool strip_prefix);

/* Freezes what was added and ends the builder. previous is the table in force, or NULL: an alias with the same name, mode,
 * versions in the same order and weights keeps its split; a changed one gets a split that takes over the errors. Generation is
 * previous' plus one. Returns NULL when out of memory (the builder is then gone too). */
struct table *table_build(struct table_builder **builder, struct table *previous);

/* A copy of previous in which one alias has other weights or another mode: O(number of targets), no parsing. arms name versions
 * of the same function. NULL when out of memory. */
struct table *table_with_weights(struct registry *registry, struct table *previous, const struct target *changed,
                                 enum split_mode mode, int nr_arms, const struct arm_spec *arms);

/* After a table was published to the workers: opens the splits of all aliases that changed. Bounded work; workers that pick in
 * between open what they need themselves. 0, or -1 when out of memory (picks will try again). */
int table_open(struct table *table) __attribute__((warn_unused_result));

/* ---- Origins ------------------------------------------------------------------------------------------------------- */

/* Pools hold origins by counted reference; any thread. */
struct origin *origin_ref(struct origin *origin);
void origin_unref(struct origin **origin);

#endif
