/* The table document to a table.
 *
 *     $.functions.NAME.limits       -> builder_function
 *     $.functions.NAME.versions.V   -> builder_version, builder_endpoint
 *     $.functions.NAME.aliases.A    -> builder_alias
 *     $.routes[i]                   -> builder_route
 *
 * One pass checks everything and feeds the builder as it goes, in the builder's order, whatever the
 * order of the document's keys, and has only one function or route at a time in memory as a tree
 * (conf/tabledoc_parts.h). From the first problem on, the builder hears of nothing more, but the
 * checks go on, so that people see all problems at once. What a route refers to is looked up in the
 * builder, and where that no longer listens, in the document itself. */
#include "conf/tabledoc.h"

#include <stdio.h>
#include <string.h>

#include "conf/hostport.h"
#include "conf/rows.h"
#include "conf/tabledoc_alias.h"
#include "conf/tabledoc_digest.h"
#include "conf/tabledoc_parts.h"
#include "conf/tabledoc_version.h"
#include "conf/url.h"
#include "conf/weight.h"
#include "router/builder.h"
#include "router/invoke.h"

enum { HOST_BYTES_MAX = 255, PATH_BYTES_MAX = 2048 };

struct function_draft {
    const json_t *versions, *aliases;
    uint32_t max_in_flight;
};

struct route_draft {
    char *host, *path, *function, *qualifier; /* the rows' */
    bool strip_prefix;
};

static const char *check_route_host(const char *text);
static const char *check_route_path(const char *text);
static void read_table_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                               const json_t *value, void *base);
static void read_function_special(struct jsondoc *doc, const struct place *at,
                                  const struct row *row, const json_t *value, void *base);

/* clang-format off */

static const struct row table_list[] = {
    {.path = "functions", .type = ROWS_SPECIAL, .expected = "an object of functions, {\"NAME\": {...}}"},
    {.path = "routes", .type = ROWS_SPECIAL, .expected = "an array of routes, [{...}]"},
};

static const struct row function_list[] = {
    {.path = "versions", .type = ROWS_SPECIAL, .expected = "an object of versions, {\"1\": {...}}"},
    {.path = "aliases", .type = ROWS_SPECIAL, .expected = "an object of aliases, {\"NAME\": {...}}"},
    {.path = "limits.max_in_flight", .type = ROWS_U32, .offset = offsetof(struct function_draft, max_in_flight),
     .min = 0, .max = UINT32_MAX, .default_text = "0"},
};

static const struct row route_list[] = {
    {.path = "host", .type = ROWS_STRING, .offset = offsetof(struct route_draft, host), .min = 1, .max = HOST_BYTES_MAX,
     .check = check_route_host, .expected = "a host such as shop.example.com or *.example.com, without port"},
    {.path = "path", .type = ROWS_STRING, .offset = offsetof(struct route_draft, path), .min = 1, .max = PATH_BYTES_MAX,
     .check = check_route_path, .expected = "a path such as / or /hello"},
    {.path = "function", .type = ROWS_STRING, .offset = offsetof(struct route_draft, function), .min = 0, .max = 1024,
     .expected = "the name of a function"},
    {.path = "qualifier", .type = ROWS_STRING, .offset = offsetof(struct route_draft, qualifier), .min = 1, .max = 1024,
     .default_text = "$LATEST", .expected = "an alias or a version of the function"},
    {.path = "strip_prefix", .type = ROWS_BOOL, .offset = offsetof(struct route_draft, strip_prefix),
     .default_text = "false"},
};

/* clang-format on */

#define NR(list) (int)(sizeof(list) / sizeof((list)[0]))

static const struct rows table_rows = {table_list, NR(table_list), read_table_special};
static const struct rows function_rows = {function_list, NR(function_list), read_function_special};
static const struct rows route_rows = {route_list, NR(route_list), NULL};

static json_t *unconst(const json_t *value)
{
    return (json_t *)(uintptr_t)value; /* jansson's iterators take no const */
}

/* The members are stand-ins of the right type (conf/tabledoc_parts.h): only the type counts. */
static void read_table_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                               const json_t *value, void *base)
{
    (void)base;
    if (strcmp(row->path, "functions") == 0)
        (void)jsondoc_is_object(doc, at, value, row->expected);
    else
        (void)jsondoc_is_array(doc, at, value, row->expected);
}

static void read_function_special(struct jsondoc *doc, const struct place *at,
                                  const struct row *row, const json_t *value, void *base)
{
    struct function_draft *draft = base;
    const json_t *object = jsondoc_is_object(doc, at, value, row->expected) ? value : NULL;

    if (strcmp(row->path, "versions") == 0)
        draft->versions = object;
    else
        draft->aliases = object;
}

/* ---- Functions ------------------------------------------------------------------------------- */

static void check_function_name(struct jsondoc *doc, const struct place *at)
{
    if (!invoke_is_function_name(str_of(at->key)))
        jsondoc_problem(doc, at, "bad_name",
                        "\"%.*s\" is no function name; those have 1 to 64 letters, digits, '-' or "
                        "'_'",
                        JSONDOC_QUOTE(at->key));
}

static void check_version_name(struct jsondoc *doc, const struct place *at)
{
    if (!invoke_is_version_name(str_of(at->key)))
        jsondoc_problem(doc, at, "bad_name",
                        "\"%.*s\" is no version; versions are $LATEST and numbers such as 1, 2, 3 "
                        "without leading zeros",
                        JSONDOC_QUOTE(at->key));
}

static void check_alias_name(struct jsondoc *doc, const struct place *at)
{
    if (strspn(at->key, "0123456789") == strlen(at->key) && *at->key)
        jsondoc_problem(
            doc, at, "bad_name",
            "\"%.*s\" would be a version; an alias has a letter, '-' or '_' in its name",
            JSONDOC_QUOTE(at->key));
    else if (!invoke_is_alias_name(str_of(at->key)))
        jsondoc_problem(
            doc, at, "bad_name",
            "\"%.*s\" is no alias name; those have 1 to 128 letters, digits, '-' or '_'",
            JSONDOC_QUOTE(at->key));
}

static void read_versions(struct jsondoc *doc, const struct place *at, const json_t *versions,
                          struct tabledoc_out *out)
{
    json_t *o = unconst(versions);

    if (json_object_size(versions) == 0)
        jsondoc_problem(doc, at, "empty",
                        "a function needs a version, such as {\"1\": {\"endpoints\": "
                        "[\"http://127.0.0.1:9001\"]}}");
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        struct place key = JSONDOC_KEY(at, json_object_iter_key(i));
        check_version_name(doc, &key);
        tabledoc_version_read(doc, &key, json_object_iter_value(i), out);
    }
}

static void read_aliases(struct jsondoc *doc, const struct place *at, const json_t *aliases,
                         const json_t *versions, struct tabledoc_out *out)
{
    json_t *o = unconst(aliases);

    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        struct place key = JSONDOC_KEY(at, json_object_iter_key(i));
        check_alias_name(doc, &key);
        tabledoc_alias_read(doc, &key, json_object_iter_value(i), versions, out);
    }
}

static int add_function(struct tabledoc_out *out, struct str name, uint32_t max_in_flight)
{
    if (out->merge && tabledoc_merge_function(out->merge, name, max_in_flight) < 0)
        return -1;
    return builder_function(out->builder, name, max_in_flight);
}

static void read_function(struct jsondoc *doc, const struct place *at, const json_t *value,
                          struct tabledoc_out *out)
{
    struct function_draft draft = {0};
    struct place versions_at = JSONDOC_KEY(at, "versions");
    struct place aliases_at = JSONDOC_KEY(at, "aliases");

    check_function_name(doc, at);
    if (!jsondoc_is_object(doc, at, value, "an object such as {\"versions\": {...}}"))
        return;
    rows_read(&function_rows, doc, at, value, &draft);
    if (!doc->is_bad && add_function(out, str_of(at->key), draft.max_in_flight) < 0)
        jsondoc_no_memory(doc);
    if (!json_object_get(value, "versions"))
        jsondoc_problem(doc, at, "missing",
                        "\"versions\" is missing: an object of versions, such as {\"1\": "
                        "{\"endpoints\": [\"http://127.0.0.1:9001\"]}}");
    if (draft.versions)
        read_versions(doc, &versions_at, draft.versions, out);
    if (draft.aliases)
        read_aliases(doc, &aliases_at, draft.aliases, draft.versions, out);
}

static void read_functions(struct jsondoc *doc, const struct place *at,
                           struct tabledoc_parts *parts, struct tabledoc_out *out)
{
    const char *name;

    for (const json_t *value = tabledoc_parts_function(parts, &name); value;
         value = tabledoc_parts_function(parts, &name)) {
        struct place key = JSONDOC_KEY(at, name);
        read_function(doc, &key, value, out);
    }
    if (parts->nr == 0 && !parts->is_over)
        jsondoc_problem(doc, at, "empty",
                        "a table needs a function, such as {\"hello\": {\"versions\": {...}}}");
}

/* ---- Routes ---------------------------------------------------------------------------------- */

static const char *check_route_host(const char *text)
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

static const char *check_route_path(const char *text)
{
    return url_check_path(str_of(text));
}

/* The one form in which hosts are compared: in lower case, without the final dot. */
static void normalize(char *host)
{
    host[hostport_undotted(str_of(host)).n] = '\0';
    for (; *host; host++)
        *host = str_lower(*host);
}

/* Remembers (host, path) of a route, and reports that another has them. Host is in lower case
 * here. */
static void check_twin(struct jsondoc *doc, const struct place *at, const struct route_draft *draft,
                       json_t *seen)
{
    char key[HOST_BYTES_MAX + PATH_BYTES_MAX + 2];
    const json_t *twin;

    snprintf(key, sizeof(key), "%s %s", draft->host ? draft->host : "", draft->path);
    twin = json_object_get(seen, key);
    if (twin)
        jsondoc_problem(doc, at, "duplicate_route",
                        "routes[%" JSON_INTEGER_FORMAT
                        "] has the same host and path; remove one of the two",
                        json_integer_value(twin));
    else if (json_object_set_new(seen, key, json_integer((json_int_t)at->index)) < 0)
        jsondoc_no_memory(doc);
}

/* Does the builder know what the route leads to? It does, unless something is wrong. */
static bool is_aimed(const struct route_draft *draft, const struct jsondoc *doc,
                     const struct tabledoc_out *out)
{
    return !doc->is_bad && draft->qualifier &&
           builder_knows(out->builder, str_of(draft->function), str_of(draft->qualifier));
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
                      const struct route_draft *draft, struct tabledoc_parts *parts)
{
    json_t *function = tabledoc_parts_find(parts, draft->function);
    struct place key = JSONDOC_KEY(at, "function");
    struct jsondoc_text known = {0};

    if (json_is_object(function)) {
        check_qualifier(doc, at, function, draft->qualifier, !json_object_get(value, "qualifier"));
    } else if (!function && !parts->is_over) {
        tabledoc_parts_append_known(parts, &known, draft->function);
        jsondoc_problem(doc, &key, "unknown_function", "there is no function \"%.*s\"%s",
                        JSONDOC_QUOTE(draft->function), known.s);
    }
    json_decref(function);
}

static int add_route(struct tabledoc_out *out, const struct route_draft *draft)
{
    struct str host = draft->host ? str_of(draft->host) : STR("");
    struct str path = str_of(draft->path), function = str_of(draft->function);
    struct str qualifier = str_of(draft->qualifier);
    uint64_t digest = tabledoc_digest_route(function, qualifier, draft->strip_prefix);

    if (out->merge && tabledoc_merge_route(out->merge, host, path, digest) < 0)
        return -1;
    return builder_route(out->builder, host, path, function, qualifier, draft->strip_prefix);
}

static void read_route_parts(struct jsondoc *doc, const struct place *at, const json_t *value,
                             struct route_draft *draft, struct tabledoc_parts *parts, json_t *seen,
                             struct tabledoc_out *out)
{
    rows_read(&route_rows, doc, at, value, draft);
    if (!json_object_get(value, "path"))
        jsondoc_problem(doc, at, "missing", "\"path\" is missing: a path such as / or /hello");
    if (!json_object_get(value, "function"))
        jsondoc_problem(doc, at, "missing", "\"function\" is missing: the name of a function");
    if (draft->host)
        normalize(draft->host);
    if (draft->path)
        check_twin(doc, at, draft, seen);
    if (draft->function && !is_aimed(draft, doc, out))
        check_aim(doc, at, value, draft, parts);
    if (doc->is_bad)
        return;
    if (add_route(out, draft) < 0)
        jsondoc_no_memory(doc);
}

static void read_route(struct jsondoc *doc, const struct place *at, const json_t *value,
                       struct tabledoc_parts *parts, json_t *seen, struct tabledoc_out *out)
{
    struct route_draft draft = {0};

    if (!jsondoc_is_object(doc, at, value,
                           "an object such as {\"path\": \"/\", \"function\": \"hello\"}"))
        return;
    if (rows_init(&route_rows, &draft) < 0)
        jsondoc_no_memory(doc);
    else
        read_route_parts(doc, at, value, &draft, parts, seen, out);
    rows_fini(&route_rows, &draft);
}

static void read_routes(struct jsondoc *doc, const struct place *at, struct tabledoc_parts *parts,
                        struct tabledoc_out *out)
{
    json_t *seen = json_object();
    const json_t *value;
    size_t i;

    if (!seen) {
        jsondoc_no_memory(doc);
        return;
    }
    for (value = tabledoc_parts_route(parts, &i); value; value = tabledoc_parts_route(parts, &i)) {
        struct place item = JSONDOC_ITEM(at, i);
        read_route(doc, &item, value, parts, seen, out);
    }
    json_decref(seen);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void read_table(struct jsondoc *doc, struct tabledoc_parts *parts, struct tabledoc_out *out)
{
    struct place root = JSONDOC_ROOT;
    struct place functions_at = JSONDOC_KEY(&root, "functions");
    struct place routes_at = JSONDOC_KEY(&root, "routes");

    rows_read(&table_rows, doc, &root, parts->top, NULL);
    if (!json_object_get(parts->top, "functions"))
        jsondoc_problem(doc, &root, "missing",
                        "\"functions\" is missing: an object such as {\"hello\": {\"versions\": "
                        "{...}}}");
    if (parts->functions.n == 0)
        return;
    read_functions(doc, &functions_at, parts, out);
    if (parts->routes.n > 0 && !parts->is_over)
        read_routes(doc, &routes_at, parts, out);
}

/* Reads all of the document; 0, or -1 with problems added. */
static int read_all(struct jsondoc *doc, const char *text, size_t length, struct tabledoc_out *out)
{
    struct tabledoc_parts parts;

    if (out->merge && tabledoc_merge_begin(out->merge, text, length) < 0) {
        jsondoc_no_memory(doc);
        return -1;
    }
    if (tabledoc_parts_open(&parts, doc, text, length) == 0)
        read_table(doc, &parts, out);
    tabledoc_parts_close(&parts);
    if (!doc->is_bad && out->merge && tabledoc_merge_end(out->merge) < 0)
        jsondoc_no_memory(doc);
    return doc->is_bad ? -1 : 0;
}

struct table *tabledoc_take(struct registry *registry, struct table *previous,
                            struct tabledoc_merge *merge, const char *text, size_t length,
                            const char *file, struct problems *problems)
{
    struct jsondoc doc = {.file = file, .problems = problems};
    struct tabledoc_out out = {.merge = merge};
    struct table *table = NULL;

    if (merge && tabledoc_merge_is_same_text(merge, text, length))
        return table_ref(previous);
    out.builder = builder_make(registry);
    if (!out.builder) {
        jsondoc_no_memory(&doc);
        return NULL;
    }
    if (read_all(&doc, text, length, &out) == 0) {
        if (merge && previous && !merge->is_different) {
            table = table_ref(previous);
        } else {
            table = builder_freeze(&out.builder, previous);
            if (!table)
                jsondoc_no_memory(&doc);
        }
    }
    builder_free(&out.builder);
    return table;
}

struct table *tabledoc_build(struct registry *registry, struct table *previous, const char *text,
                             size_t length, const char *file, struct problems *problems)
{
    return tabledoc_take(registry, previous, NULL, text, length, file, problems);
}
