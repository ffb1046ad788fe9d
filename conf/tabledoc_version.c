/* Versions: where one runs, how it is spoken to, its limits, and how its health is watched.
 *
 * The keys are rows; a draft holds what they say until the rules between keys are checked too. Only
 * then, and only while the document has no problem, the builder hears of it. */
#include "conf/tabledoc_version.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "conf/hostport.h"
#include "conf/rows.h"
#include "conf/settings_check.h"
#include "conf/tabledoc_digest.h"
#include "conf/url.h"
#include "router/invoke.h"

enum {
    ENDPOINTS_MAX = 64,
    HEADERS_MAX = 32,
    HOST_BYTES_MAX = TABLEDOC_HOST_MAX,
    DAY_MS = 86400000,
    FILE_NAME_MAX = 4095
};

/* 99999999 seconds, the longest TimeoutSeconds. */
#define EXECUTION_MAX_MS UINT64_C(99999999000)

struct health_draft {
    unsigned type; /* the index in "http|tcp" */
    struct health_check check;
};

struct version_draft {
    /* Values that have no plain type; NULL where absent. Borrowed. */
    const json_t *endpoints, *health_check, *ejection, *headers, *configuration;
    enum version_kind kind;
    uint32_t timeout_ms;
    char *host; /* strings are the rows' */
    bool preserve_host, allow_upgrade;
    uint32_t max_in_flight, max_connections, connect_ms, response_head_ms, stream_idle_ms;
    struct machine_task task;
    struct origin_tls tls;
    struct health_draft health;
    struct ejection passive;
};

static const char *check_function(const char *text);
static const char *check_qualifier(const char *text);
static const char *check_state_machine(const char *text);
static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base);

/* clang-format off */

#define DRAFT(member) .offset = offsetof(struct version_draft, member)
#define NUMBER(path_, member, min_, max_, default_) \
    {.path = path_, .type = ROWS_U32, DRAFT(member), .min = min_, .max = max_, .default_text = #default_}

static const struct row version_list[] = {
    {.path = "endpoints", .type = ROWS_SPECIAL, DRAFT(endpoints),
     .expected = "an array of URLs such as [\"http://127.0.0.1:9001\"]"},
    {.path = "kind", .type = ROWS_CHOICE, DRAFT(kind), .choices = "http|rie|lambda|function|sfn",
     .default_text = "http"},
    {.path = "host", .type = ROWS_STRING, DRAFT(host), .min = 1, .max = 300, .check = hostport_check_host,
     .expected = "a host, perhaps with a port, such as hello.default.example.com"},
    {.path = "preserve_host", .type = ROWS_BOOL, DRAFT(preserve_host), .default_text = "false"},
    {.path = "allow_upgrade", .type = ROWS_BOOL, DRAFT(allow_upgrade), .default_text = "true"},
    {.path = "headers", .type = ROWS_SPECIAL, DRAFT(headers), .expected = "an object such as {\"x-api-key\": \"secret\"}"},
    {.path = "function", .type = ROWS_STRING, DRAFT(task.function), .min = 1, .max = 64, .check = check_function,
     .expected = "the name of a function of this table"},
    {.path = "qualifier", .type = ROWS_STRING, DRAFT(task.qualifier), .min = 1, .max = 128, .check = check_qualifier,
     .expected = "an alias or a version of the function"},
    {.path = "state_machine", .type = ROWS_STRING, DRAFT(task.state_machine), .min = 1, .max = 2048,
     .check = check_state_machine,
     .expected = "an ARN such as arn:aws:states:us-east-1:000000000000:stateMachine:order"},
    NUMBER("timeout_ms", timeout_ms, 0, DAY_MS, 0),
    NUMBER("limits.max_in_flight", max_in_flight, 0, UINT32_MAX, 0),
    NUMBER("limits.max_connections", max_connections, 0, 1000000, 0),
    NUMBER("timeouts.connect_ms", connect_ms, 0, 7 * DAY_MS, 0),
    NUMBER("timeouts.response_head_ms", response_head_ms, 0, 7 * DAY_MS, 0),
    NUMBER("timeouts.stream_idle_ms", stream_idle_ms, 0, 7 * DAY_MS, 0),
    {.path = "timeouts.execution_ms", .type = ROWS_U64, DRAFT(task.execution_ms), .min = 0, .max = EXECUTION_MAX_MS,
     .default_text = "0"},
    {.path = "configuration", .type = ROWS_SPECIAL, DRAFT(configuration), .expected = "an object, {...}"},
    {.path = "health_check", .type = ROWS_SPECIAL, DRAFT(health_check), .expected = "an object, {...}"},
    {.path = "ejection", .type = ROWS_SPECIAL, DRAFT(ejection), .expected = "an object, {...}"},
    {.path = "tls.verify", .type = ROWS_BOOL, DRAFT(tls.verify), .default_text = "true"},
    {.path = "tls.ca_file", .type = ROWS_STRING, DRAFT(tls.ca_file), .min = 1, .max = FILE_NAME_MAX,
     .expected = "the name of a PEM file"},
    {.path = "tls.server_name", .type = ROWS_STRING, DRAFT(tls.server_name), .min = 1, .max = HOST_BYTES_MAX,
     .check = hostport_check_name, .expected = "a host name such as hello.example.com"},
    {.path = "tls.certificate", .type = ROWS_STRING, DRAFT(tls.certificate), .min = 1, .max = FILE_NAME_MAX,
     .expected = "the name of a PEM file"},
    {.path = "tls.key", .type = ROWS_STRING, DRAFT(tls.key), .min = 1, .max = FILE_NAME_MAX,
     .expected = "the name of a PEM file"},
};

static const struct row health_list[] = {
    {.path = "type", .type = ROWS_CHOICE, DRAFT(health.type), .choices = "http|tcp", .default_text = "http"},
    {.path = "path", .type = ROWS_STRING, DRAFT(health.check.path), .min = 1, .max = 1024, .default_text = "/",
     .check = url_check_target, .expected = "a path such as /healthz"},
    NUMBER("interval_ms", health.check.interval_ms, 100, DAY_MS, 5000),
    NUMBER("timeout_ms", health.check.timeout_ms, 1, DAY_MS, 2000),
    {.path = "rise", .type = ROWS_U16, DRAFT(health.check.rise), .min = 1, .max = 1000, .default_text = "2"},
    {.path = "fall", .type = ROWS_U16, DRAFT(health.check.fall), .min = 1, .max = 1000, .default_text = "3"},
    {.path = "status_min", .type = ROWS_U16, DRAFT(health.check.status_min), .min = 100, .max = 599,
     .default_text = "200"},
    {.path = "status_max", .type = ROWS_U16, DRAFT(health.check.status_max), .min = 100, .max = 599,
     .default_text = "399"},
};

static const struct row ejection_list[] = {
    {.path = "consecutive_errors", .type = ROWS_U16, DRAFT(passive.consecutive_errors), .min = 1, .max = 1000,
     .default_text = "5"},
    NUMBER("pause_ms", passive.pause_ms, 1, DAY_MS, 10000),
    NUMBER("pause_max_ms", passive.pause_max_ms, 1, DAY_MS, 300000),
    NUMBER("slow_start_ms", passive.slow_start_ms, 0, DAY_MS, 0),
};

/* clang-format on */

#define NR(list) (int)(sizeof(list) / sizeof((list)[0]))

static const struct rows version_rows = {version_list, NR(version_list), read_special};
static const struct rows health_rows = {health_list, NR(health_list), NULL};
static const struct rows ejection_rows = {ejection_list, NR(ejection_list), NULL};

static void draft_fini(struct version_draft *draft)
{
    rows_fini(&version_rows, draft);
    rows_fini(&health_rows, draft);
    rows_fini(&ejection_rows, draft);
}

/* The defaults of the version's own keys. Found once: a large table has millions of versions. No
 * string has a default, so a copy owns nothing. */
static struct version_draft defaults;

static void find_defaults(void)
{
    int result = rows_init(&version_rows, &defaults);

    assert(result == 0);
    (void)result;
}

static void draft_init(struct version_draft *draft)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, find_defaults);
    *draft = defaults;
}

/* ---- Names ----------------------------------------------------------------------------------- */

static const char *check_function(const char *text)
{
    return invoke_is_function_name(str_of(text)) ? NULL : "names no function";
}

static const char *check_qualifier(const char *text)
{
    return invoke_is_alias_name(str_of(text)) || invoke_is_version_name(str_of(text))
               ? NULL
               : "names no alias or version";
}

static const char *check_state_machine(const char *text)
{
    return strncmp(text, "arn:", 4) == 0 && strstr(text, ":stateMachine:")
               ? NULL
               : "is no ARN of a state machine";
}

/* ---- Values without a plain type ------------------------------------------------------------- */

static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base)
{
    struct version_draft *draft = base;

    if (strcmp(row->path, "endpoints") == 0)
        draft->endpoints = jsondoc_is_array(doc, at, value, row->expected) ? value : NULL;
    else if (strcmp(row->path, "configuration") == 0)
        draft->configuration = jsondoc_is_object(doc, at, value, row->expected) ? value : NULL;
    else if (strcmp(row->path, "headers") == 0)
        draft->headers = jsondoc_is_object(doc, at, value, row->expected) ? value : NULL;
    else if (strcmp(row->path, "health_check") == 0)
        draft->health_check = jsondoc_is_object(doc, at, value, row->expected) ? value : NULL;
    else
        draft->ejection = jsondoc_is_object(doc, at, value, row->expected) ? value : NULL;
}

static void read_health(struct jsondoc *doc, const struct place *at, struct version_draft *draft)
{
    struct health_check *check = &draft->health.check;

    if (rows_init(&health_rows, draft) < 0) {
        jsondoc_no_memory(doc);
        return;
    }
    rows_read(&health_rows, doc, at, draft->health_check, draft);
    check->is_on = true;
    check->is_tcp = draft->health.type == 1;
    if (check->is_tcp) {
        static const char *const http_only[] = {"path", "status_min", "status_max"};
        for (size_t i = 0; i < sizeof(http_only) / sizeof(http_only[0]); i++) {
            struct place key = JSONDOC_KEY(at, http_only[i]);
            if (json_object_get(draft->health_check, http_only[i]))
                jsondoc_problem(
                    doc, &key, "conflict",
                    "belongs to checks of type \"http\"; a \"tcp\" check only connects");
        }
    } else if (check->status_min > check->status_max) {
        jsondoc_problem(doc, at, "conflict",
                        "status_min, %u, is above status_max, %u: no answer could be healthy",
                        check->status_min, check->status_max);
    }
}

/* ---- Headers --------------------------------------------------------------------------------- */

/* Reads all of them into list; how many there are. Both strings are borrowed. */
static int read_headers(struct jsondoc *doc, const struct place *at, const json_t *object,
                        struct version_header *list)
{
    json_t *o = (json_t *)(uintptr_t)object; /* jansson's iterators take no const */
    int nr = 0;

    if (json_object_size(object) > HEADERS_MAX)
        jsondoc_problem(doc, at, "too_many", "has %zu headers; a version adds %d at most",
                        json_object_size(object), HEADERS_MAX);
    for (void *i = json_object_iter(o); i && nr < HEADERS_MAX; i = json_object_iter_next(o, i)) {
        const char *name = json_object_iter_key(i);
        const json_t *value = json_object_iter_value(i);
        struct place item = JSONDOC_KEY(at, name);
        const char *wrong = settings_check_added(name);

        if (wrong)
            jsondoc_problem(doc, &item, "bad_value",
                            "\"%.*s\" %s; a version adds fields such as x-api-key or authorization",
                            JSONDOC_QUOTE(name), wrong);
        if (!jsondoc_is_string(doc, &item, value, "a string such as \"secret\""))
            continue;
        wrong = settings_check_value(json_string_value(value));
        if (wrong)
            jsondoc_problem(doc, &item, "bad_value", "the value %s", wrong);
        list[nr++] = (struct version_header){str_of(name), str_of(json_string_value(value))};
    }
    return nr;
}

static void read_ejection(struct jsondoc *doc, const struct place *at, struct version_draft *draft)
{
    if (rows_init(&ejection_rows, draft) < 0) {
        jsondoc_no_memory(doc);
        return;
    }
    rows_read(&ejection_rows, doc, at, draft->ejection, draft);
    draft->passive.is_on = true;
    if (draft->passive.pause_ms > draft->passive.pause_max_ms)
        jsondoc_problem(doc, at, "conflict",
                        "pause_ms, %u, is above pause_max_ms, %u, up to which pauses grow",
                        draft->passive.pause_ms, draft->passive.pause_max_ms);
}

/* ---- Endpoints ------------------------------------------------------------------------------- */

static bool is_same_endpoint(const struct url *a, const struct url *b)
{
    return a->is_tls == b->is_tls && a->is_srv == b->is_srv && a->port == b->port &&
           str_ieq(a->host, b->host) && str_ieq(a->name, b->name) && str_eq(a->path, b->path);
}

/* Reads one into list[nr]; true if it is an endpoint. */
static bool read_endpoint(struct jsondoc *doc, const struct place *at, const json_t *value,
                          struct url *list, int nr)
{
    const char *text = json_string_value(value);
    const char *wrong;

    if (!jsondoc_is_string(doc, at, value, "a URL such as \"http://127.0.0.1:9001\""))
        return false;
    wrong = url_parse(str_of(text), &list[nr]);
    if (wrong) {
        jsondoc_problem(doc, at, "bad_url",
                        "\"%.*s\" %s; an endpoint is a URL such as http://127.0.0.1:9001 or "
                        "https://fn.example.com/base",
                        JSONDOC_QUOTE(text), wrong);
        return false;
    }
    for (int i = 0; i < nr; i++) {
        if (is_same_endpoint(&list[i], &list[nr])) {
            jsondoc_problem(doc, at, "duplicate_endpoint",
                            "\"%.*s\" stands in this list already; remove one of the two",
                            JSONDOC_QUOTE(text));
            return false;
        }
    }
    return true;
}

/* Returns how many were read; all of them, unless there was a problem. */
static int read_endpoints(struct jsondoc *doc, const struct place *at, const json_t *array,
                          struct url *list)
{
    size_t size = json_array_size(array);
    int nr = 0;

    if (size == 0)
        jsondoc_problem(doc, at, "empty",
                        "a version needs an endpoint, such as [\"http://127.0.0.1:9001\"]");
    if (size > ENDPOINTS_MAX)
        jsondoc_problem(doc, at, "too_many", "has %zu endpoints; a version has %d at most", size,
                        ENDPOINTS_MAX);
    for (size_t i = 0; i < size && i < ENDPOINTS_MAX; i++) {
        struct place item = JSONDOC_ITEM(at, i);
        nr += read_endpoint(doc, &item, json_array_get(array, i), list, nr);
    }
    return nr;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void check_tls(struct jsondoc *doc, const struct place *at, const json_t *tls,
                      const struct version_draft *draft, bool has_https)
{
    bool has_certificate = json_object_get(tls, "certificate") != NULL;
    bool has_key = json_object_get(tls, "key") != NULL;

    if (has_certificate != has_key)
        jsondoc_problem(doc, at, "missing",
                        "a client certificate needs both \"certificate\" and \"key\"; \"%s\" is "
                        "missing",
                        has_key ? "certificate" : "key");
    if (!draft->tls.verify && draft->tls.ca_file)
        jsondoc_problem(doc, at, "conflict",
                        "ca_file is not looked at where verify is false; remove one of the two");
    if (!has_https)
        jsondoc_problem(
            doc, at, "conflict",
            "no endpoint of this version is an https URL; remove tls or write https://");
}

static bool is_of_machine(const struct place *at)
{
    return machine_is(str_of(at->parent->parent->key));
}

/* A version says only what its kind can use. */
static void check_kind(struct jsondoc *doc, const struct place *at, const json_t *value,
                       const struct version_draft *draft)
{
    static const struct {
        const char *key;
        unsigned kinds; /* that have it */
        const char *owner;
    } keys[] = {
        {"function", 1u << VERSION_FUNCTION, "\"function\""},
        {"qualifier", 1u << VERSION_FUNCTION, "\"function\""},
        {"state_machine", 1u << VERSION_SFN, "\"sfn\""},
        {"endpoints", ~(1u << VERSION_FUNCTION), "\"http\" or \"sfn\""},
    };
    struct place kind_at = JSONDOC_KEY(at, "kind");
    bool is_machine = is_of_machine(at);
    bool is_task = draft->kind == VERSION_FUNCTION || draft->kind == VERSION_SFN;

    if (is_machine && (draft->kind == VERSION_RIE || draft->kind == VERSION_LAMBDA))
        jsondoc_problem(doc, &kind_at, "bad_value",
                        "a state machine's version is of kind \"http\", \"function\" or \"sfn\"");
    if (!is_machine && is_task)
        jsondoc_problem(doc, &kind_at, "bad_value",
                        "only versions of state machines are of kind \"function\" or \"sfn\"; a "
                        "function's is of kind \"http\", \"rie\" or \"lambda\"");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct place key = JSONDOC_KEY(at, keys[i].key);
        if (json_object_get(value, keys[i].key) && !(keys[i].kinds >> draft->kind & 1))
            jsondoc_problem(doc, &key, "conflict",
                            "belongs to versions of kind %s; remove it, or write that kind",
                            keys[i].owner);
    }
    if (!is_machine && draft->task.execution_ms > 0)
        jsondoc_problem(doc, at, "conflict",
                        "timeouts.execution_ms belongs to versions of state machines; a function's "
                        "is timeout_ms");
    if (draft->kind == VERSION_FUNCTION && !json_object_get(value, "function"))
        jsondoc_problem(doc, at, "missing",
                        "\"function\" is missing: the name of a function of this table");
    if (draft->kind == VERSION_SFN && !json_object_get(value, "state_machine"))
        jsondoc_problem(doc, at, "missing",
                        "\"state_machine\" is missing: its ARN at the endpoints, such as "
                        "arn:aws:states:us-east-1:000000000000:stateMachine:order");
}

/* Rules between the keys of a version. */
static void check_version(struct jsondoc *doc, const struct place *at, const json_t *value,
                          const struct version_draft *draft, const struct url *endpoints, int nr)
{
    const json_t *tls = json_object_get(value, "tls");
    struct place tls_at = JSONDOC_KEY(at, "tls");
    /* What could not be read may have been meant as https. */
    bool has_https = !draft->endpoints || (size_t)nr < json_array_size(draft->endpoints);

    for (int i = 0; i < nr; i++)
        has_https |= endpoints[i].is_tls;
    if (json_is_object(tls))
        check_tls(doc, &tls_at, tls, draft, has_https);
    if (draft->preserve_host && draft->host) {
        struct place host_at = JSONDOC_KEY(at, "host");
        jsondoc_problem(doc, &host_at, "conflict",
                        "host cannot be sent while preserve_host sends the client's; remove one");
    }
    if (draft->kind == VERSION_RIE && draft->health.check.is_on && !draft->health.check.is_tcp) {
        struct place health_at = JSONDOC_KEY(at, "health_check");
        jsondoc_problem(doc, &health_at, "conflict",
                        "a check of type \"http\" would invoke the function of a runtime interface "
                        "emulator, which has no other path; write \"type\": \"tcp\"");
    }
    check_kind(doc, at, value, draft);
    if (!json_object_get(value, "endpoints") && draft->kind != VERSION_FUNCTION)
        jsondoc_problem(doc, at, "missing",
                        "\"endpoints\" is missing: an array of URLs such as "
                        "[\"http://127.0.0.1:9001\"]");
}

/* The grammar of names bounds them by 254 bytes. */
static struct str lower(struct str from, char to[TABLEDOC_HOST_MAX + 1])
{
    assert(from.n <= HOST_BYTES_MAX);
    for (size_t i = 0; i < from.n; i++)
        to[i] = str_lower(from.p[i]);
    return (struct str){to, from.n};
}

struct endpoint_spec tabledoc_version_endpoint(const char *text, const struct url *url,
                                               struct tabledoc_endpoint_names *names)
{
    return (struct endpoint_spec){
        .url = str_of(text),
        .is_tls = url->is_tls,
        .is_srv = url->is_srv,
        .host = lower(url->host, names->host),
        .name = lower(url->name, names->name),
        .port = url->port,
        .base_path = url->path,
    };
}

static int add_endpoint(struct builder *builder, const char *text, const struct url *url)
{
    struct tabledoc_endpoint_names names;
    struct endpoint_spec spec = tabledoc_version_endpoint(text, url, &names);

    return builder_version_endpoint(builder, &spec);
}

static int merge_version(struct tabledoc_merge *merge, const struct place *at,
                         const struct version_draft *draft, const struct version_spec *spec, int nr)
{
    uint64_t digest = tabledoc_digest_version(spec);

    for (int i = 0; i < nr; i++) {
        const char *text = json_string_value(json_array_get(draft->endpoints, (size_t)i));
        digest = tabledoc_digest_endpoint(digest, str_of(text));
    }
    return tabledoc_merge_version(merge, str_of(at->parent->parent->key), spec->name, digest);
}

static int add_version(struct tabledoc_out *out, const struct place *at,
                       const struct version_draft *draft, const struct url *endpoints, int nr,
                       const struct version_header *headers, int nr_headers,
                       const char *configuration)
{
    struct version_spec spec = {
        .name = str_of(at->key),
        .configuration = configuration,
        .kind = draft->kind,
        .timeout_ms = draft->timeout_ms,
        .headers = headers,
        .nr_headers = nr_headers,
        .host = draft->host,
        .preserve_host = draft->preserve_host,
        .allow_upgrade = draft->allow_upgrade,
        .max_in_flight = draft->max_in_flight,
        .max_connections = draft->max_connections,
        .connect_ms = draft->connect_ms,
        .response_head_ms = draft->response_head_ms,
        .stream_idle_ms = draft->stream_idle_ms,
        .health_check = draft->health.check,
        .ejection = draft->passive,
        .tls = draft->tls,
        .task = draft->task,
    };

    if (!spec.health_check.is_on || spec.health_check.is_tcp)
        spec.health_check.path = NULL;
    if (out->merge && merge_version(out->merge, at, draft, &spec, nr) < 0)
        return -1;
    if (out->is_dry)
        return 0;
    if (builder_version(out->builder, &spec) < 0)
        return -1;
    for (int i = 0; i < nr; i++) {
        const char *text = json_string_value(json_array_get(draft->endpoints, (size_t)i));
        if (add_endpoint(out->builder, text, &endpoints[i]) < 0)
            return -1;
    }
    return 0;
}

static void read_parts(struct jsondoc *doc, const struct place *at, const json_t *value,
                       struct version_draft *draft, struct tabledoc_out *out)
{
    struct place endpoints_at = JSONDOC_KEY(at, "endpoints");
    struct place health_at = JSONDOC_KEY(at, "health_check");
    struct place ejection_at = JSONDOC_KEY(at, "ejection");
    struct place headers_at = JSONDOC_KEY(at, "headers");
    struct url endpoints[ENDPOINTS_MAX];
    struct version_header headers[HEADERS_MAX];
    char *configuration = NULL;
    int nr = 0, nr_headers = 0;

    rows_read(&version_rows, doc, at, value, draft);
    if (draft->endpoints)
        nr = read_endpoints(doc, &endpoints_at, draft->endpoints, endpoints);
    if (draft->headers)
        nr_headers = read_headers(doc, &headers_at, draft->headers, headers);
    if (draft->health_check)
        read_health(doc, &health_at, draft);
    if (draft->ejection)
        read_ejection(doc, &ejection_at, draft);
    check_version(doc, at, value, draft, endpoints, nr);
    if (draft->configuration) {
        configuration = jsondoc_dump_sorted(draft->configuration);
        if (!configuration)
            jsondoc_no_memory(doc);
    }
    if (!doc->is_bad &&
        add_version(out, at, draft, endpoints, nr, headers, nr_headers, configuration) < 0)
        jsondoc_no_memory(doc);
    free(configuration);
}

void tabledoc_version_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                           struct tabledoc_out *out)
{
    struct version_draft draft;

    if (!jsondoc_is_object(doc, at, value,
                           "an object such as {\"endpoints\": [\"http://127.0.0.1:9001\"]}"))
        return;
    draft_init(&draft);
    read_parts(doc, at, value, &draft, out);
    draft_fini(&draft);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Borrows the version's strings. */
static struct version_draft draft_of(const struct version *version)
{
    /* One connection is what a runtime interface emulator has without saying so. */
    bool is_usual = version->kind == VERSION_RIE && version->max_connections == 1;
    uint32_t max_connections = is_usual ? 0 : version->max_connections;
    struct version_draft draft = {
        .kind = version->kind,
        .timeout_ms = version->timeout_ms,
        .host = version->host,
        .preserve_host = version->preserve_host,
        .allow_upgrade = version->allow_upgrade,
        .max_in_flight = version->max_in_flight,
        .max_connections = max_connections,
        .connect_ms = version->connect_ms,
        .response_head_ms = version->response_head_ms,
        .stream_idle_ms = version->stream_idle_ms,
        .tls = {.verify = true},
        .health = {version->health_check.is_tcp, version->health_check},
        .passive = version->ejection,
    };

    if (version->task)
        draft.task = *version->task;

    for (int i = 0; i < version->nr_endpoints; i++)
        if (version->endpoints[i].origin->is_tls)
            draft.tls = version->endpoints[i].origin->tls;
    return draft;
}

/* Adds an object of rows under a key, and then takes away the keys that checks of type "tcp" do not
 * have. */
static int write_part(json_t *object, const char *key, const struct rows *rows,
                      const struct version_draft *draft)
{
    json_t *part = json_object();

    if (!part || json_object_set_new(object, key, part) < 0 ||
        rows_write(rows, draft, true, part) < 0)
        return -1;
    if (rows == &health_rows && draft->health.check.is_tcp) {
        json_object_del(part, "path");
        json_object_del(part, "status_min");
        json_object_del(part, "status_max");
    }
    return 0;
}

static int write_endpoints(const struct version *version, json_t *object)
{
    json_t *list;

    if (version->nr_endpoints == 0)
        return 0;
    list = json_array();
    if (!list || json_object_set_new(object, "endpoints", list) < 0)
        return -1;
    for (int i = 0; i < version->nr_endpoints; i++)
        if (json_array_append_new(list, json_string(version->endpoints[i].url)) < 0)
            return -1;
    return 0;
}

static int write_headers(const struct version *version, json_t *object)
{
    json_t *list = json_object();

    if (!list || json_object_set_new(object, "headers", list) < 0)
        return -1;
    for (int i = 0; i < version->headers->nr; i++) {
        const struct version_header *header = &version->headers->list[i];
        if (jsondoc_set_take(list, header->name, json_stringn(header->value.p, header->value.n)) <
            0)
            return -1;
    }
    return 0;
}

static int write_configuration(const struct version *version, json_t *object)
{
    if (!version->configuration)
        return 0;
    return json_object_set_new(object, "configuration",
                               json_loads(version->configuration, 0, NULL));
}

json_t *tabledoc_version_write(const struct version *version)
{
    struct version_draft draft = draft_of(version);
    json_t *object = json_object();

    if (!object || write_endpoints(version, object) < 0 ||
        rows_write(&version_rows, &draft, false, object) < 0 ||
        (version->headers && write_headers(version, object) < 0) ||
        write_configuration(version, object) < 0 ||
        (version->health_check.is_on &&
         write_part(object, "health_check", &health_rows, &draft) < 0) ||
        (version->ejection.is_on && write_part(object, "ejection", &ejection_rows, &draft) < 0)) {
        json_decref(object);
        return NULL;
    }
    return object;
}
