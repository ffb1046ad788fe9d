/* Routes: which requests, to which function and qualifier, and how HTTP reaches it.
 *
 * What a route refers to is looked up in the builder, and where that no longer listens, in the
 * document itself. function and qualifier may refer to the route's stage variables; the table shows
 * them as they were written. */
#include "conf/tabledoc_route.h"

#include <stdio.h>
#include <string.h>

#include "conf/corsdoc.h"
#include "conf/hostport.h"
#include "conf/rows.h"
#include "conf/stagevars.h"
#include "conf/tabledoc_digest.h"
#include "conf/url.h"
#include "router/builder.h"

enum {
    HOST_BYTES_MAX = TABLEDOC_ROUTE_HOST_MAX,
    PATH_BYTES_MAX = TABLEDOC_ROUTE_PATH_MAX,
    STAGE_BYTES_MAX = 128
};

struct route_draft {
    char *host, *path, *function, *qualifier, *stage; /* the rows' */
    bool strip_prefix, function_url;
    unsigned authorization,
        invoke_mode; /* the index in "none|aws_iam", "BUFFERED|RESPONSE_STREAM" */
    const json_t *stage_variables, *cors; /* borrowed; NULL where absent */
};

/* What a draft leads to, with the values of its variables. */
struct aim {
    const char *function, *qualifier;
    bool is_in_function; /* the qualifier is the function's variable's */
    char function_room[STAGEVARS_TEXT_MAX], qualifier_room[STAGEVARS_TEXT_MAX];
};

static const char *check_host(const char *text);
static const char *check_path(const char *text);
static const char *check_stage(const char *text);
static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base);

/* clang-format off */

#define DRAFT(member) .offset = offsetof(struct route_draft, member)

static const struct row route_list[] = {
    {.path = "host", .type = ROWS_STRING, DRAFT(host), .min = 1, .max = HOST_BYTES_MAX, .check = check_host,
     .expected = "a host such as shop.example.com or *.example.com, without port"},
    {.path = "path", .type = ROWS_STRING, DRAFT(path), .min = 1, .max = PATH_BYTES_MAX, .check = check_path,
     .expected = "a path such as / or /hello"},
    {.path = "function", .type = ROWS_STRING, DRAFT(function), .min = 0, .max = 1024,
     .expected = "the name of a function"},
    {.path = "qualifier", .type = ROWS_STRING, DRAFT(qualifier), .min = 1, .max = 1024,
     .default_text = "$LATEST", .expected = "an alias or a version of the function"},
    {.path = "strip_prefix", .type = ROWS_BOOL, DRAFT(strip_prefix), .default_text = "false"},
    {.path = "function_url", .type = ROWS_BOOL, DRAFT(function_url), .default_text = "false"},
    {.path = "authorization", .type = ROWS_CHOICE, DRAFT(authorization), .choices = "none|aws_iam",
     .default_text = "none"},
    {.path = "invoke_mode", .type = ROWS_CHOICE, DRAFT(invoke_mode), .choices = "BUFFERED|RESPONSE_STREAM",
     .default_text = "BUFFERED"},
    {.path = "stage", .type = ROWS_STRING, DRAFT(stage), .min = 1, .max = STAGE_BYTES_MAX, .check = check_stage,
     .expected = "the name of a stage such as prod"},
    {.path = "stage_variables", .type = ROWS_SPECIAL, DRAFT(stage_variables),
     .expected = "an object of names and texts such as {\"alias\": \"PROD\"}"},
    {.path = "cors", .type = ROWS_SPECIAL, DRAFT(cors), .expected = "an object such as {\"AllowOrigins\": [\"*\"]}"},
};

/* clang-format on */

static const struct rows route_rows = {
    route_list, (int)(sizeof(route_list) / sizeof(route_list[0])), read_special};

static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base)
{
    const json_t **member = (const json_t **)(void *)((char *)base + row->offset);

    *member = jsondoc_is_object(doc, at, value, row->expected) ? value : NULL;
}

/* ---- Host and path --------------------------------------------------------------------------- */

static const char *check_host(const char *text)
{
    struct hostport parsed;
    const char *wrong;

    if (strcmp(text, "*") == 0)
        return "is written by leaving host out";
    if (strncmp(text, "*.", 2) == 0)
        return hostport_is_name(str_of(text + 2)) ? NULL : "has no host name after \"*.\"";
    if (strchr(text, '*'))
        return "has a '*' elsewhere than in front, as in *.example.com";
    wrong = hostport_parse(str_of(text), &parsed);
    if (!wrong && parsed.has_port)
        wrong = "has a port, which is not compared";
    return wrong;
}

static const char *check_path(const char *text)
{
    return url_check_path(str_of(text));
}

static bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static const char *check_stage(const char *text)
{
    if (strcmp(text, "$default") == 0)
        return NULL;
    for (; *text; text++)
        if (!is_of_name(*text))
            return "may have letters, digits, '-' and '_' only, or be $default";
    return NULL;
}

/* The one form in which hosts are compared: in lower case, without the final dot. */
static void normalize(char *host)
{
    host[hostport_undotted(str_of(host)).n] = '\0';
    for (; *host; host++)
        *host = str_lower(*host);
}

bool tabledoc_route_name(const json_t *value, struct tabledoc_route_name *out)
{
    const char *host = json_string_value(json_object_get(value, "host"));
    const char *path = json_string_value(json_object_get(value, "path"));
    char room[HOST_BYTES_MAX + 1] = "";

    if (!path || path[0] != '/' || strlen(path) > PATH_BYTES_MAX ||
        (host && strlen(host) > HOST_BYTES_MAX))
        return false;
    if (host)
        memcpy(room, host, strlen(host) + 1);
    normalize(room);
    snprintf(out->text, sizeof(out->text), "%s%s", room, path);
    return true;
}

/* Remembers the name of a route, and reports that another has it. Host is in lower case here. */
static void check_twin(struct jsondoc *doc, const struct place *at, const struct route_draft *draft,
                       json_t *seen)
{
    char key[HOST_BYTES_MAX + PATH_BYTES_MAX + 2];
    const json_t *twin;

    snprintf(key, sizeof(key), "%s%s", draft->host ? draft->host : "", draft->path);
    twin = json_object_get(seen, key);
    if (twin)
        jsondoc_problem(doc, at, "duplicate_route",
                        "routes[%" JSON_INTEGER_FORMAT
                        "] has the same host and path; remove one of the two",
                        json_integer_value(twin));
    else if (json_object_set_new(seen, key, json_integer((json_int_t)at->index)) < 0)
        jsondoc_no_memory(doc);
}

/* ---- What it leads to ------------------------------------------------------------------------ */

/* The function's variable may name a qualifier too, as in "hello:PROD". */
static bool cut_qualifier(struct jsondoc *doc, const struct place *at, const json_t *value,
                          struct aim *aim)
{
    char *colon = strchr(aim->function_room, ':');
    struct place key = JSONDOC_KEY(at, "qualifier");

    if (!colon)
        return true;
    *colon = '\0';
    aim->is_in_function = !json_object_get(value, "qualifier");
    if (!aim->is_in_function && strcmp(aim->qualifier, colon + 1) != 0) {
        jsondoc_problem(doc, &key, "conflict",
                        "\"function\" already names the qualifier \"%.*s\"; remove one of the two",
                        JSONDOC_QUOTE(colon + 1));
        return false;
    }
    aim->qualifier = colon + 1;
    return true;
}

/* False where there is nothing to look for, with a problem added. */
static bool take_aim(struct jsondoc *doc, const struct place *at, const json_t *value,
                     const struct route_draft *draft, struct aim *aim)
{
    struct place function_at = JSONDOC_KEY(at, "function");
    struct place qualifier_at = JSONDOC_KEY(at, "qualifier");

    aim->function = draft->function;
    aim->qualifier = draft->qualifier;
    aim->is_in_function = false;
    if (!aim->function || !aim->qualifier)
        return false;
    if (stagevars_is_used(aim->qualifier)) {
        if (!stagevars_expand(aim->qualifier_room, doc, &qualifier_at, draft->qualifier,
                              draft->stage_variables))
            return false;
        aim->qualifier = aim->qualifier_room;
    }
    if (!stagevars_is_used(aim->function))
        return true;
    if (!stagevars_expand(aim->function_room, doc, &function_at, draft->function,
                          draft->stage_variables))
        return false;
    aim->function = aim->function_room;
    return cut_qualifier(doc, at, value, aim);
}

/* Does the builder know what the route leads to? It does, unless something is wrong. */
static bool is_aimed(const struct aim *aim, const struct jsondoc *doc,
                     const struct tabledoc_out *out)
{
    return !doc->is_bad && !machine_is(str_of(aim->function)) &&
           builder_knows(out->builder, str_of(aim->function), str_of(aim->qualifier));
}

/* Is there such a version or alias? */
static void check_qualifier(struct jsondoc *doc, const struct place *at, const json_t *function,
                            const char *qualifier, bool is_default)
{
    const json_t *versions = json_object_get(function, "versions");
    const json_t *aliases = json_object_get(function, "aliases");
    struct place key = JSONDOC_KEY(at, "qualifier");
    struct jsondoc_text known = {0};

    if (json_object_get(versions, qualifier) || json_object_get(aliases, qualifier))
        return;
    jsondoc_append_known(doc, &known, json_object_size(aliases) > 0 ? aliases : versions,
                         qualifier);
    if (is_default)
        jsondoc_problem(doc, at, "unknown_qualifier",
                        "without \"qualifier\" a route leads to $LATEST, which this function has "
                        "not; name an alias or version%s",
                        known.s);
    else
        jsondoc_problem(doc, &key, "unknown_qualifier",
                        "the function has no alias or version \"%.*s\"%s", JSONDOC_QUOTE(qualifier),
                        known.s);
}

static void check_aim(struct jsondoc *doc, const struct place *at, const json_t *value,
                      const struct aim *aim, struct tabledoc_parts *parts)
{
    json_t *function = tabledoc_parts_find(parts, aim->function);
    struct place key = JSONDOC_KEY(at, "function");
    struct jsondoc_text known = {0};
    bool is_default =
        !json_object_get(value, "qualifier") && strcmp(aim->qualifier, "$LATEST") == 0;

    if (json_is_object(function)) {
        check_qualifier(doc, at, function, aim->qualifier, is_default);
    } else if (!function && !parts->is_over) {
        tabledoc_parts_append_known(parts, &known, aim->function);
        jsondoc_problem(doc, &key, "unknown_function", "there is no function \"%.*s\"%s",
                        JSONDOC_QUOTE(aim->function), known.s);
    }
    json_decref(function);
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* What only means something where requests become events. */
static void check_terms(struct jsondoc *doc, const struct place *at, const json_t *value,
                        const struct route_draft *draft)
{
    static const char *const keys[] = {"invoke_mode", "stage", "cors"};

    if (draft->function_url)
        return;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct place key = JSONDOC_KEY(at, keys[i]);
        if (json_object_get(value, keys[i]))
            jsondoc_problem(doc, &key, "conflict", "belongs to routes with \"function_url\": true");
    }
}

static bool is_plain(const struct route_draft *draft)
{
    return !draft->function_url && draft->authorization == 0 && !draft->stage_variables;
}

static int add(struct tabledoc_out *out, const struct route_draft *draft, const struct aim *aim,
               const struct url_terms *terms)
{
    struct route_spec spec = {
        .host = draft->host ? str_of(draft->host) : STR(""),
        .path = str_of(draft->path),
        .function = str_of(aim->function),
        .qualifier = str_of(aim->qualifier),
        .said_function = str_of(draft->function),
        .said_qualifier = aim->is_in_function ? STR("") : str_of(draft->qualifier),
        .strip_prefix = draft->strip_prefix,
        .terms = is_plain(draft) ? NULL : terms,
    };

    if (out->merge &&
        tabledoc_merge_route(out->merge, spec.host, spec.path, tabledoc_digest_route(&spec)) < 0)
        return -1;
    return out->is_dry ? 0 : builder_route(out->builder, &spec);
}

static void read_parts(struct jsondoc *doc, const struct place *at, const json_t *value,
                       struct route_draft *draft, struct tabledoc_parts *parts, json_t *seen,
                       struct tabledoc_out *out)
{
    struct place variables_at = JSONDOC_KEY(at, "stage_variables"),
                 cors_at = JSONDOC_KEY(at, "cors");
    struct url_terms_variable variables[STAGEVARS_MAX];
    struct corsdoc cors;
    struct aim aim;
    struct url_terms terms = {.variables = variables};

    rows_read(&route_rows, doc, at, value, draft);
    if (!json_object_get(value, "path"))
        jsondoc_problem(doc, at, "missing", "\"path\" is missing: a path such as / or /hello");
    if (!json_object_get(value, "function"))
        jsondoc_problem(doc, at, "missing", "\"function\" is missing: the name of a function");
    if (draft->host)
        normalize(draft->host);
    if (draft->path)
        check_twin(doc, at, draft, seen);
    if (draft->stage_variables)
        terms.nr_variables = stagevars_read(variables, doc, &variables_at, draft->stage_variables);
    if (draft->cors) {
        corsdoc_read(&cors, doc, &cors_at, draft->cors);
        terms.cors = &cors.cors;
    }
    check_terms(doc, at, value, draft);
    if (take_aim(doc, at, value, draft, &aim) && !is_aimed(&aim, doc, out))
        check_aim(doc, at, value, &aim, parts);
    if (!doc->is_bad && !out->is_dry && !is_aimed(&aim, doc, out))
        jsondoc_problem(doc, at, "unknown_function",
                        "%.*s:%.*s, which the route leads to, has been deleted through the API",
                        JSONDOC_QUOTE(aim.function), JSONDOC_QUOTE(aim.qualifier));
    if (doc->is_bad)
        return;
    terms.is_event = draft->function_url;
    terms.is_iam = draft->authorization == 1;
    terms.is_streamed = draft->invoke_mode == 1;
    terms.stage = draft->stage ? str_of(draft->stage) : STR("");
    if (add(out, draft, &aim, &terms) < 0)
        jsondoc_no_memory(doc);
}

void tabledoc_route_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                         struct tabledoc_parts *parts, json_t *seen, struct tabledoc_out *out)
{
    struct route_draft draft = {0};

    if (!jsondoc_is_object(doc, at, value,
                           "an object such as {\"path\": \"/\", \"function\": \"hello\"}"))
        return;
    if (rows_init(&route_rows, &draft) < 0)
        jsondoc_no_memory(doc);
    else
        read_parts(doc, at, value, &draft, parts, seen, out);
    rows_fini(&route_rows, &draft);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static int set_text(json_t *object, const char *key, struct str text)
{
    return text.n > 0 ? json_object_set_new(object, key, json_stringn(text.p, text.n)) : 0;
}

static int write_terms(const struct url_terms *terms, json_t *object)
{
    struct route_draft draft = {
        .function_url = terms->is_event,
        .authorization = terms->is_iam,
        .invoke_mode = terms->is_streamed,
    };

    if (rows_write(&route_rows, &draft, false, object) < 0)
        return -1;
    if (set_text(object, "stage", terms->stage) < 0)
        return -1;
    if (terms->nr_variables > 0 &&
        json_object_set_new(object, "stage_variables", stagevars_write(terms)) < 0)
        return -1;
    return terms->cors ? json_object_set_new(object, "cors", corsdoc_write(terms->cors)) : 0;
}

json_t *tabledoc_route_write(const struct table *table, const struct route *route)
{
    json_t *object = json_object();
    struct str function = table_target(table, route->target)->function->name;

    if (!object || set_text(object, "host", route->host) < 0 ||
        set_text(object, "path", route->path) < 0 ||
        set_text(object, "function", route->function.n > 0 ? route->function : function) < 0 ||
        set_text(object, "qualifier", route->qualifier) < 0 ||
        (route->strip_prefix && json_object_set_new(object, "strip_prefix", json_true()) < 0) ||
        (route->terms && write_terms(route->terms, object) < 0)) {
        json_decref(object);
        return NULL;
    }
    return object;
}
