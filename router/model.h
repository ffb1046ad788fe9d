/* What a table is made of: functions, their versions with endpoints, targets and routes. Plain
 * structs, which a builder fills (router/builder.h), a skeleton keeps (router/skeleton.h) and a
 * table shows (router/table.h); all frozen but for what is _Atomic. */
#ifndef WEIR_ROUTER_MODEL_H
#define WEIR_ROUTER_MODEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/str.h"
#include "router/alias_terms.h"
#include "router/machine.h"
#include "router/origin.h"
#include "router/split.h"
#include "router/stickymap.h"
#include "router/url_terms.h"

/* Health and limits as a document gives them; a 0 or false means "off", limits of 0 mean "none". */
struct health_check {
    bool is_on;
    bool is_tcp; /* else HTTP */
    char *path;  /* for HTTP */
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

/* What is known of the addresses of an endpoint whose origin is a name; frozen. */
struct endpoint_places {
    struct qsbr_node retired;
    int nr;
    struct {
        uint32_t origin_id;
        struct endpoint_health *health; /* counted */
    } list[];
};

/* What is known of one endpoint's health, by all workers; lives on through reloads that keep the
 * endpoint. */
struct endpoint_health {
    _Atomic uint32_t refs;
    _Atomic bool is_down;                /* by active checks */
    _Atomic uint32_t consecutive_errors; /* by passive observation */
    _Atomic uint64_t ejected_until_ms;   /* clock_ms; 0: not ejected */
    _Atomic uint32_t ejections;          /* in a row; decides the pause */
    _Atomic uint64_t returned_at_ms;     /* for slow start; 0: long ago */
    _Atomic uint64_t nr_ejections;       /* ever */
    /* of its addresses; NULL where it is no name, or nothing counts (proxy/upstream/health.h) */
    _Atomic(struct endpoint_places *) places;
    /* how many checks had each result; NULL: none was begun (proxy/upstream/health.h) */
    _Atomic(_Atomic uint64_t *) checks;
    /* who sets is_down (proxy/upstream/health.h); NULL: nobody. Control thread */
    struct health_checker *checker;
};

struct study;
struct study_period;
struct version;
struct wards;

struct endpoint {
    struct origin *origin;
    char *url; /* as the document says it */
    uint32_t url_len;
    struct str base_path;           /* the URL's path, never empty: "/" at least, no query */
    struct endpoint_health *health; /* never NULL; shared by all where the version may not fail */
    struct version *version;
};

/* How an endpoint is spoken to. */
enum version_kind {
    VERSION_HTTP,   /* HTTP, forwarded as it is */
    VERSION_RIE,    /* the Lambda runtime interface emulator: one invocation at a time */
    VERSION_LAMBDA, /* Lambda's own Invoke */
    /* Only of state machines, whose executions (proxy/async/execution.h) speak for them: */
    VERSION_FUNCTION, /* a function of this table; no endpoints */
    VERSION_SFN       /* another server that speaks Step Functions' wire */
};

/* The fields that a version adds to requests, in place of the client's of the same names. */
struct version_headers {
    struct str lines; /* "name: value\r\n", one behind the other */
    int nr;
    struct version_header {
        struct str name, value; /* in lines */
    } list[];
};

/* In the order in which an invocation needs it: the first two cache lines are all that it reads. */
struct version {
    struct str name; /* "$LATEST" or decimal */
    struct function *function;
    struct endpoint *endpoints;
    char *host;       /* Host to send instead of the origin's authority, or NULL */
    int nr_endpoints; /* 1 or more; of kind function 0 */
    enum version_kind kind;
    bool preserve_host; /* send the client's Host */
    /* pass Upgrade (WebSocket) through; default true */
    bool allow_upgrade;
    bool has_names; /* the origin of an endpoint is a name */
    /* health checks or ejection are on: endpoint_health counts */
    bool may_fail;
    /* 0: none; per process, counted in in_flight */
    uint32_t max_in_flight;
    /* per endpoint and worker; 0: the settings' */
    uint32_t max_connections;
    uint32_t connect_ms, stream_idle_ms; /* 0: the settings' */
    /* how long a response may take to begin: the smaller one of timeout_ms and response_head_ms; 0:
     * the settings' */
    uint32_t head_wait_ms;
    struct version_headers *headers; /* NULL: none */
    uint32_t timeout_ms;             /* of the function; 0: none */
    uint32_t response_head_ms;       /* as the document says it */
    struct ejection ejection;
    /* shared with the same version of other tables; NULL where max_in_flight is 0 */
    struct gauge *in_flight;
    struct health_check health_check;
    char *configuration;       /* a JSON object that weir only shows; NULL: none */
    struct machine_task *task; /* NULL: nothing of it */
};

/* A counted number that outlives tables: invocations in flight of a version or a function. */
struct gauge {
    _Atomic uint32_t refs;
    _Atomic uint32_t value;
};

/* One more reference, for what outlives its table; any thread. */
static inline struct gauge *gauge_ref(struct gauge *gauge)
{
    atomic_fetch_add_explicit(&gauge->refs, 1, memory_order_relaxed);
    return gauge;
}

/* Ends a reference and clears the pointer, which may be NULL; the last one frees. Any thread. */
static inline void gauge_unref(struct gauge **gauge)
{
    struct gauge *g = *gauge;

    *gauge = NULL;
    if (g && atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) == 1)
        free(g);
}

/* One version as an alias (or nothing) names it, with the number of its counters: most arms of a
 * large table are never picked, so they get one when they are (table_series). */
struct arm {
    struct version *version;
    uint32_t weight; /* in billionths */
    /* from the series hook (router/registry.h); REGISTRY_NO_SERIES: none yet */
    _Atomic uint32_t series;
};

/* What a qualifier names: an alias, or directly a version (then alias is empty, split NULL, one
 * arm). */
struct target {
    struct str description;
    /* generation in which what is said of the alias last changed, or was last said through
     * table_with_alias */
    uint64_t since;
    /* versions of the function that have left the alias: what they are owed is kept */
    struct version **past;
    /* What the document says; NULL: nothing, or it is no sticky split. Counted, as the next. */
    struct stickymap *said_map;
    struct stickymap *map; /* of a sticky split, in force: its versions are the arms */
    _Atomic uint32_t refs;
    uint32_t index; /* its place in the table, the same in every table made by table_with_alias */
    /* What an invocation reads, in one or two cache lines: */
    struct function *function;
    struct str alias;
    struct split *split;       /* its arms are these, then the past ones with weight 0 */
    struct alias_terms *terms; /* counted; NULL for most */
    /* What is known of the alias, counted; NULL where nothing is to be told. And of its weights:
     * made with the first invocation (router/studied.h). */
    struct study *study;
    _Atomic(struct study_period *) period;
    struct wards *wards; /* router/ward.h; NULL: neither budget nor guard */
    uint16_t nr_arms;
    uint8_t nr_past;
    bool is_stashed;  /* its memory is the skeleton's */
    bool is_failover; /* on_unavailable: "failover" */
    /* a version is not of kind http: an invocation's payload is gathered before one is drawn */
    bool is_gathered;
    bool is_limited;          /* its function, or a version, has a limit of invocations at a time */
    enum split_mode mode : 8; /* of an alias */
    struct arm arms[];        /* in the document's order; the first is the primary version */
};

/* Parts of a table that no invocation reads: the text of each, a JSON object. */
enum model_section { MODEL_DEPLOYMENT_CONFIGS, MODEL_ALARMS, MODEL_SECTIONS };

enum { FUNCTION_NO_CONCURRENCY = UINT32_MAX };

/* The address of a function, or alias, that browsers and others call (Lambda's function URLs). */
struct function_url {
    struct str qualifier;          /* "$LATEST" or an alias */
    const struct url_terms *terms; /* auth_type, invoke_mode, cors */
    char *document;                /* all that the table document says of it, a JSON object */
};

/* What few functions have. */
struct function_more {
    uint64_t last_version;       /* numbers up to here are used up; 0: none is said */
    char *tags;                  /* a JSON object of strings; NULL: none */
    char *dead_letter;           /* a URL, or FUNCTION[:QUALIFIER]; NULL: none */
    char *auto_publish_alias;    /* that a new version is brought in to; NULL: none */
    char *deployment_preference; /* how, a JSON object; NULL: nothing is said */
    /* That URL, as a version of its own that nobody can name, and whose counters are nowhere; NULL
     * where it is none. */
    struct target *letter_box;
    uint32_t nr_urls;
    struct function_url *urls;
};

struct function {
    struct str name;
    uint32_t max_in_flight; /* 0: none */
    /* the smaller one of both limits, and 1 where none may run; 0: it has none */
    uint32_t limit;
    uint32_t concurrency;    /* 0: none may run; FUNCTION_NO_CONCURRENCY: no limit */
    struct gauge *in_flight; /* shared with the same function of other tables; never NULL */
    int nr_versions;
    struct version *versions;
    struct function_more *more;    /* NULL where there is nothing of it */
    const struct machine *machine; /* NULL: a function */
};

struct route {
    struct str host; /* "" any; "*.suffix"; or exact, in lower case */
    struct str path; /* prefix, begins with '/' */
    uint32_t target;
    bool strip_prefix;
    const struct url_terms *terms; /* NULL: requests are forwarded as they are */
    /* As the document says them, perhaps with stage variables; function is empty where it is the
     * target's. */
    struct str qualifier, function;
};

/* The health of every endpoint that nobody watches, because its version may not fail: it is well,
 * for ever. */
extern struct endpoint_health model_unwatched;

/* Not of model_unwatched. The second clears the pointer. Any thread. */
struct endpoint_health *model_ref_health(struct endpoint_health *health);
void model_unref_health(struct endpoint_health **health);

/* The function's version of this name, most likely the one in this place; NULL where there is
 * none. */
struct version *model_version(const struct function *function, struct str name, int place);

#endif
