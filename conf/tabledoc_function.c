/* Functions: what is said of one as a whole, its URLs, and around them its versions
 * (tabledoc_version.c) and aliases (tabledoc_alias.c).
 *
 *     $.functions.NAME              -> builder_function
 *     $.functions.NAME.versions.V   -> builder_version, builder_version_endpoint
 *     $.functions.NAME.aliases.A    -> builder_alias
 *
 * and the same below $.state_machines: a machine is a function with other keys of its own. */
#include "conf/tabledoc_function.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "conf/rows.h"
#include "conf/tabledoc_alias.h"
#include "conf/tabledoc_digest.h"
#include "conf/tabledoc_publish.h"
#include "conf/tabledoc_url.h"
#include "conf/tabledoc_version.h"
#include "conf/url.h"
#include "router/invoke.h"

enum { TAGS_MAX = 50, TAG_KEY_MAX = 128, TAG_VALUE_MAX = 256, URLS_MAX = 256 };

struct function_draft {
    const json_t *versions, *aliases, *tags, *urls, *preference; /* borrowed; NULL where absent */
    char *dead_letter, *auto_publish_alias;                      /* the rows' */
    uint32_t max_in_flight, concurrency;
    uint64_t last_version;
    unsigned type; /* of a machine */
};

static const char *check_dead_letter(const char *text);
static const char *check_auto_publish_alias(const char *text);
static const char *check_machine_publish_alias(const char *text);
static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base);

/* clang-format off */

#define DRAFT(member) .offset = offsetof(struct function_draft, member)

static const struct row function_list[] = {
    {.path = "versions", .type = ROWS_SPECIAL, DRAFT(versions), .expected = "an object of versions, {\"1\": {...}}"},
    {.path = "aliases", .type = ROWS_SPECIAL, DRAFT(aliases), .expected = "an object of aliases, {\"NAME\": {...}}"},
    {.path = "limits.max_in_flight", .type = ROWS_U32, DRAFT(max_in_flight), .min = 0, .max = UINT32_MAX,
     .default_text = "0"},
    {.path = "concurrency", .type = ROWS_U32, DRAFT(concurrency), .min = 0, .max = FUNCTION_NO_CONCURRENCY - 1,
     .default_text = "4294967295"},
    {.path = "last_version", .type = ROWS_U64, DRAFT(last_version), .min = 0, .max = 1000000000000000000,
     .default_text = "0"},
    {.path = "tags", .type = ROWS_SPECIAL, DRAFT(tags), .expected = "an object of texts, {\"team\": \"shop\"}"},
    {.path = "dead_letter", .type = ROWS_STRING, DRAFT(dead_letter), .min = 1, .max = 2048, .check = check_dead_letter,
     .expected = "a URL, or a function such as \"failed\" or \"failed:live\""},
    {.path = "auto_publish_alias", .type = ROWS_STRING, DRAFT(auto_publish_alias), .min = 1, .max = 128,
     .check = check_auto_publish_alias, .expected = "an alias, such as \"live\""},
    {.path = "deployment_preference", .type = ROWS_SPECIAL, DRAFT(preference),
     .expected = "an object such as {\"type\": \"Linear10PercentEvery2Minutes\"}"},
    {.path = "urls", .type = ROWS_SPECIAL, DRAFT(urls), .expected = "an object of URLs, {\"live\": {...}}"},
};

static const struct row machine_list[] = {
    {.path = "type", .type = ROWS_CHOICE, DRAFT(type), .choices = "STANDARD|EXPRESS", .default_text = "STANDARD"},
    {.path = "versions", .type = ROWS_SPECIAL, DRAFT(versions), .expected = "an object of versions, {\"1\": {...}}"},
    {.path = "aliases", .type = ROWS_SPECIAL, DRAFT(aliases), .expected = "an object of aliases, {\"NAME\": {...}}"},
    {.path = "last_version", .type = ROWS_U64, DRAFT(last_version), .min = 0, .max = 1000000000000000000,
     .default_text = "0"},
    {.path = "tags", .type = ROWS_SPECIAL, DRAFT(tags), .expected = "an object of texts, {\"team\": \"shop\"}"},
    {.path = "auto_publish_alias", .type = ROWS_STRING, DRAFT(auto_publish_alias), .min = 1, .max = 4 * MACHINE_ALIAS_MAX,
     .check = check_machine_publish_alias, .expected = "an alias, such as \"live\""},
    {.path = "deployment_preference", .type = ROWS_SPECIAL, DRAFT(preference),
     .expected = "an object such as {\"type\": \"Linear10PercentEvery2Minutes\"}"},
};

/* clang-format on */

static const struct rows machine_rows = {
    machine_list, (int)(sizeof(machine_list) / sizeof(machine_list[0])), read_special};
static const struct rows function_rows = {
    function_list, (int)(sizeof(function_list) / sizeof(function_list[0])), read_special};

static const char *check_dead_letter(const char *text)
{
    struct str function = str_until(str_of(text), ':');
    struct url url;

    if (strstr(text, "://")) {
        const char *wrong = url_parse(str_of(text), &url);
        return !wrong && url.is_srv ? "must begin with http:// or https://" : wrong;
    }
    if (!invoke_is_function_name(function))
        return "names no function";
    if (function.n == strlen(text) || invoke_is_alias_name(str_of(text + function.n + 1)) ||
        invoke_is_version_name(str_of(text + function.n + 1)))
        return NULL;
    return "has no alias or version behind the colon";
}

static const char *check_auto_publish_alias(const char *text)
{
    return invoke_is_alias_name(str_of(text)) ? NULL
                                              : "is no alias name; those have letters, digits, "
                                                "'-' or '_', and are no number";
}

static const char *check_machine_publish_alias(const char *text)
{
    return machine_is_alias_name(str_of(text)) ? NULL
                                               : "is no name of a state machine's alias; those "
                                                 "have letters, digits, '-', '_' or '.', and are "
                                                 "no number";
}

static json_t *unconst(const json_t *value)
{
    return (json_t *)(uintptr_t)value; /* jansson's iterators take no const */
}

static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base)
{
    if (jsondoc_is_object(doc, at, value, row->expected))
        memcpy((char *)base + row->offset, &value, sizeof(value));
}

static void check_function_name(struct jsondoc *doc, const struct place *at)
{
    if (at->skip > 0 ? machine_is_name(machine_bare(str_of(at->key)))
                     : invoke_is_function_name(str_of(at->key)))
        return;
    if (at->skip > 0)
        jsondoc_problem(doc, at, "bad_name",
                        "\"%.*s\" is no name of a state machine; those have 1 to 80 characters, no "
                        "white space and none of < > { } [ ] ? * \" # %% \\ ^ | ~ ` $ & , ; : /",
                        JSONDOC_QUOTE(at->key + at->skip));
    else
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

static void check_machine_alias_name(struct jsondoc *doc, const struct place *at)
{
    if (!machine_is_alias_name(str_of(at->key)))
        jsondoc_problem(doc, at, "bad_name",
                        "\"%.*s\" is no alias name; those of state machines have 1 to 80 letters, "
                        "digits, '-', '_' or '.', and not digits alone",
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
                        "a %s needs a version, such as {\"1\": {\"endpoints\": "
                        "[\"http://127.0.0.1:9001\"]}}",
                        at->parent->skip > 0 ? "state machine" : "function");
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
        if (at->parent->skip > 0)
            check_machine_alias_name(doc, &key);
        else
            check_alias_name(doc, &key);
        tabledoc_alias_read(doc, &key, json_object_iter_value(i), versions, out);
    }
}

static void check_tag(struct jsondoc *doc, const struct place *at, const json_t *value)
{
    size_t key = text_characters(str_of(at->key));

    if (key < 1 || key > TAG_KEY_MAX)
        jsondoc_problem(doc, at, "bad_name", "a tag's name has 1 to %d characters, not %zu",
                        TAG_KEY_MAX, key);
    if (jsondoc_is_string(doc, at, value, "a text") &&
        text_characters(str_of(json_string_value(value))) > TAG_VALUE_MAX)
        jsondoc_problem(doc, at, "out_of_range", "must have at most %d characters", TAG_VALUE_MAX);
}

static void check_tags(struct jsondoc *doc, const struct place *at, const json_t *tags)
{
    json_t *o = unconst(tags);

    if (json_object_size(tags) > TAGS_MAX)
        jsondoc_problem(doc, at, "too_many", "has %zu tags; a function has %d at most",
                        json_object_size(tags), TAGS_MAX);
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        struct place key = JSONDOC_KEY(at, json_object_iter_key(i));
        check_tag(doc, &key, json_object_iter_value(i));
    }
}

/* A URL is of something that there is. */
static void check_url_of(struct jsondoc *doc, const struct place *at,
                         const struct function_draft *draft)
{
    bool is_latest = strcmp(at->key, "$LATEST") == 0;
    struct jsondoc_text known = {0};

    if (json_object_get(is_latest ? draft->versions : draft->aliases, at->key))
        return;
    jsondoc_append_known(doc, &known, draft->aliases, at->key);
    jsondoc_problem(doc, at, "unknown_qualifier",
                    "a URL is of $LATEST or of an alias, and the function has no \"%.*s\" among "
                    "them%s",
                    JSONDOC_QUOTE(at->key), known.s);
}

/* How many were read into urls; all of them, unless there was a problem. */
static int read_urls(struct jsondoc *doc, const struct place *at,
                     const struct function_draft *draft, struct function_url *urls,
                     struct stash *stash)
{
    json_t *o = unconst(draft->urls);
    int nr = 0;

    if (json_object_size(o) > URLS_MAX) {
        jsondoc_problem(doc, at, "too_many", "has %zu URLs; a function has %d at most",
                        json_object_size(o), URLS_MAX);
        return 0;
    }
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        struct place key = JSONDOC_KEY(at, json_object_iter_key(i));
        check_url_of(doc, &key, draft);
        if (tabledoc_url_read(doc, &key, json_object_iter_value(i), stash, &urls[nr]))
            nr++;
    }
    return nr;
}

/* Where the dead letters go to a URL. */
static int add_letter_box(struct builder *builder, const char *dead_letter)
{
    struct tabledoc_endpoint_names names;
    struct endpoint_spec spec;
    struct url url;

    if (!dead_letter || !strstr(dead_letter, "://") || url_parse(str_of(dead_letter), &url))
        return 0;
    spec = tabledoc_version_endpoint(dead_letter, &url, &names);
    return builder_version_letter_box(builder, &spec);
}

static void read_own(struct jsondoc *doc, const struct place *at, struct function_draft *draft,
                     struct function_url *urls, struct tabledoc_out *out)
{
    struct place tags_at = JSONDOC_KEY(at, "tags"), urls_at = JSONDOC_KEY(at, "urls");
    char *tags = draft->tags ? jsondoc_dump_sorted(draft->tags) : NULL;
    char *preference = draft->preference ? jsondoc_dump_sorted(draft->preference) : NULL;
    const struct machine machine = {.is_express = draft->type == 1};
    struct stash stash = {0};
    struct function_spec spec = {.name = str_of(at->key),
                                 .max_in_flight = draft->max_in_flight,
                                 .concurrency = draft->concurrency,
                                 .last_version = draft->last_version,
                                 .tags = tags,
                                 .dead_letter = draft->dead_letter,
                                 .auto_publish_alias = draft->auto_publish_alias,
                                 .deployment_preference = preference,
                                 .urls = urls,
                                 .machine = at->skip > 0 ? &machine : NULL};

    if (draft->tags)
        check_tags(doc, &tags_at, draft->tags);
    if (draft->urls)
        spec.nr_urls = read_urls(doc, &urls_at, draft, urls, &stash);
    if ((draft->tags && !tags) || (draft->preference && !preference))
        jsondoc_no_memory(doc);
    if (!doc->is_bad && out->merge && tabledoc_merge_function(out->merge, &spec) < 0)
        jsondoc_no_memory(doc);
    for (int i = 0; i < spec.nr_urls && !doc->is_bad && out->merge; i++)
        if (tabledoc_merge_url(out->merge, spec.name, urls[i].qualifier,
                               tabledoc_digest_url(&urls[i])) < 0)
            jsondoc_no_memory(doc);
    if (!doc->is_bad && !out->is_dry &&
        (builder_function(out->builder, &spec) < 0 ||
         add_letter_box(out->builder, spec.dead_letter) < 0))
        jsondoc_no_memory(doc);
    for (int i = 0; i < spec.nr_urls; i++)
        free(urls[i].document);
    stash_fini(&stash);
    free(preference);
    free(tags);
}

static const struct rows *rows_of(const struct place *at)
{
    return at->skip > 0 ? &machine_rows : &function_rows;
}

static void read_parts(struct jsondoc *doc, const struct place *at, const json_t *value,
                       struct function_draft *draft, struct tabledoc_out *out)
{
    struct place versions_at = JSONDOC_KEY(at, "versions");
    struct place aliases_at = JSONDOC_KEY(at, "aliases");
    struct function_url urls[URLS_MAX];

    rows_read(rows_of(at), doc, at, value, draft);
    tabledoc_publish_check(doc, at, json_object_get(value, "auto_publish_alias") != NULL,
                           draft->preference);
    read_own(doc, at, draft, urls, out);
    if (!json_object_get(value, "versions"))
        jsondoc_problem(doc, at, "missing",
                        "\"versions\" is missing: an object of versions, such as {\"1\": "
                        "{\"endpoints\": [\"http://127.0.0.1:9001\"]}}");
    if (draft->versions)
        read_versions(doc, &versions_at, draft->versions, out);
    if (draft->aliases)
        read_aliases(doc, &aliases_at, draft->aliases, draft->versions, out);
    if (!doc->is_bad && out->merge && tabledoc_merge_function_end(out->merge, str_of(at->key)) < 0)
        jsondoc_no_memory(doc);
}

void tabledoc_function_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                            struct tabledoc_out *out)
{
    struct function_draft draft = {.concurrency = FUNCTION_NO_CONCURRENCY};

    check_function_name(doc, at);
    if (!jsondoc_is_object(doc, at, value, "an object such as {\"versions\": {...}}"))
        return;
    if (rows_init(rows_of(at), &draft) < 0)
        jsondoc_no_memory(doc);
    else
        read_parts(doc, at, value, &draft, out);
    rows_fini(rows_of(at), &draft);
}

struct place tabledoc_function_place(const struct place *section, const char *name)
{
    struct place at = JSONDOC_KEY(section, name);

    at.skip = machine_is(str_of(name)) ? MACHINE_PREFIX_BYTES : 0;
    return at;
}

/* ---- Writing --------------------------------------------------------------------------------- */

struct function_spec tabledoc_function_spec(const struct function *function)
{
    struct function_spec spec = {.name = function->name,
                                 .max_in_flight = function->max_in_flight,
                                 .concurrency = function->concurrency,
                                 .machine = function->machine};

    if (function->more) {
        spec.last_version = function->more->last_version;
        spec.tags = function->more->tags;
        spec.dead_letter = function->more->dead_letter;
        spec.auto_publish_alias = function->more->auto_publish_alias;
        spec.deployment_preference = function->more->deployment_preference;
    }
    return spec;
}

static int set_text(json_t *object, const char *key, const char *text)
{
    return text ? json_object_set_new(object, key, json_loads(text, 0, NULL)) : 0;
}

json_t *tabledoc_function_write_own(const struct function *function)
{
    struct function_spec spec = tabledoc_function_spec(function);
    struct function_draft draft = {
        .dead_letter = function->more ? function->more->dead_letter : NULL,
        .auto_publish_alias = function->more ? function->more->auto_publish_alias : NULL,
        .max_in_flight = spec.max_in_flight,
        .concurrency = spec.concurrency,
        .type = spec.machine && spec.machine->is_express,
    };
    const struct rows *rows = spec.machine ? &machine_rows : &function_rows;
    json_t *object = json_object();

    if (object && rows_write(rows, &draft, false, object) == 0 &&
        set_text(object, "tags", spec.tags) == 0 &&
        set_text(object, "deployment_preference", spec.deployment_preference) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static int write_urls(const struct function *function, json_t *object)
{
    uint32_t nr = function->more ? function->more->nr_urls : 0;
    json_t *urls;

    if (nr == 0)
        return 0;
    urls = json_object();
    if (!urls || json_object_set_new(object, "urls", urls) < 0)
        return -1;
    for (uint32_t i = 0; i < nr; i++) {
        const struct function_url *url = &function->more->urls[i];
        if (jsondoc_set_take(urls, url->qualifier, json_loads(url->document, 0, NULL)) < 0)
            return -1;
    }
    return 0;
}

static int write_versions(const struct function *function, json_t *object)
{
    json_t *versions = json_object();

    if (!versions || json_object_set_new(object, "versions", versions) < 0)
        return -1;
    for (int i = 0; i < function->nr_versions; i++) {
        const struct version *version = &function->versions[i];
        if (jsondoc_set_take(versions, version->name, tabledoc_version_write(version)) < 0)
            return -1;
    }
    return 0;
}

static int write_aliases(const struct table *table, const struct function *function, json_t *object)
{
    uint32_t nr, first = table_targets_of(table, function, &nr);
    json_t *aliases = NULL;

    for (uint32_t i = first + (uint32_t)function->nr_versions; i < first + nr; i++) {
        const struct target *target = table_target(table, i);
        if (!aliases) {
            aliases = json_object();
            if (!aliases || json_object_set_new(object, "aliases", aliases) < 0)
                return -1;
        }
        if (jsondoc_set_take(aliases, target->alias, tabledoc_alias_write(target)) < 0)
            return -1;
    }
    return 0;
}

static int write_last_version(const struct function *function, json_t *object)
{
    uint64_t last = function->more ? function->more->last_version : 0;

    return last > 0 ? json_object_set_new(object, "last_version", json_integer((json_int_t)last))
                    : 0;
}

json_t *tabledoc_function_write(const struct table *table, const struct function *function)
{
    json_t *object = tabledoc_function_write_own(function);

    if (object && write_last_version(function, object) == 0 && write_urls(function, object) == 0 &&
        write_versions(function, object) == 0 && write_aliases(table, function, object) == 0)
        return object;
    json_decref(object);
    return NULL;
}
