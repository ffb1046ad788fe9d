/* Where callers' keys come from, what they are hashed with, and who takes part. */
#include "conf/stickydoc.h"

#include <string.h>

#include "conf/hostport.h"
#include "conf/mapdoc.h"
#include "conf/percent.h"
#include "conf/rows.h"
#include "conf/settings_check.h"
#include "conf/weight.h"

enum { NAME_MAX_BYTES = 256, SALT_MAX = 512, AGE_MAX_S = 400 * 86400 };

static void take_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base)
{
    (void)doc;
    (void)at;
    *(const json_t **)(void *)((char *)base + row->offset) = value;
}

static const char *check_path(const char *text)
{
    if (text[0] != '/')
        return "does not begin with a '/'";
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == ';')
            return "has characters that a cookie's path cannot have";
    return NULL;
}

/* clang-format off */

#define STICKY(member)    .offset = offsetof(struct stickydoc, member)
#define SOURCE(member)    .offset = offsetof(struct stickydoc_source, member)
#define NR(list)          (int)(sizeof(list) / sizeof((list)[0]))

static const struct row sticky_list[] = {
    {.path = "key", .type = ROWS_SPECIAL, STICKY(key)},
    {.path = "salt", .type = ROWS_STRING, STICKY(salt), .min = 1, .max = SALT_MAX,
     .expected = "a text of 1 to 512 bytes"},
    {.path = "map", .type = ROWS_SPECIAL, STICKY(said_map)},
    {.path = "namespace", .type = ROWS_SPECIAL, STICKY(namespace)},
};
static const struct rows sticky_rows = {sticky_list, NR(sticky_list), take_special};

static const struct row namespace_list[] = {
    {.path = "salt", .type = ROWS_STRING, STICKY(namespace_salt), .min = 1, .max = SALT_MAX,
     .expected = "a text of 1 to 512 bytes"},
    {.path = "from", .type = ROWS_SPECIAL, STICKY(from)},
    {.path = "to", .type = ROWS_SPECIAL, STICKY(to)},
};
static const struct rows namespace_rows = {namespace_list, NR(namespace_list), take_special};

static const struct row source_list[] = {
    {.path = "header", .type = ROWS_STRING, SOURCE(header), .min = 1, .max = NAME_MAX_BYTES,
     .check = settings_check_token, .expected = "the name of a header such as x-user-id"},
    {.path = "cookie", .type = ROWS_STRING, SOURCE(cookie), .min = 1, .max = NAME_MAX_BYTES,
     .check = settings_check_token, .expected = "the name of a cookie such as uid"},
    {.path = "query", .type = ROWS_STRING, SOURCE(query), .min = 1, .max = NAME_MAX_BYTES,
     .expected = "the name of a query parameter such as user"},
    {.path = "client_address", .type = ROWS_SPECIAL, SOURCE(address)},
    {.path = "issue", .type = ROWS_SPECIAL, SOURCE(issue)},
};
static const struct rows source_rows = {source_list, NR(source_list), take_special};

static const struct row address_list[] = {
    {.path = "ipv4_bits", .type = ROWS_U32, SOURCE(ipv4_bits), .min = 1, .max = 32, .default_text = "32"},
    {.path = "ipv6_bits", .type = ROWS_U32, SOURCE(ipv6_bits), .min = 1, .max = 128, .default_text = "64"},
};
static const struct rows address_rows = {address_list, NR(address_list), NULL};

static const struct row issue_list[] = {
    {.path = "max_age_s", .type = ROWS_U32, SOURCE(max_age_s), .min = 1, .max = AGE_MAX_S, .default_text = "0"},
    {.path = "secure", .type = ROWS_BOOL, SOURCE(is_secure), .default_text = "true"},
    {.path = "http_only", .type = ROWS_BOOL, SOURCE(is_http_only), .default_text = "true"},
    {.path = "same_site", .type = ROWS_CHOICE, SOURCE(same_site), .choices = "Lax|Strict|None", .default_text = "Lax"},
    {.path = "path", .type = ROWS_STRING, SOURCE(path), .min = 1, .max = NAME_MAX_BYTES, .check = check_path,
     .default_text = "/", .expected = "a path such as /"},
    {.path = "domain", .type = ROWS_STRING, SOURCE(domain), .min = 1, .max = 253,
     .check = hostport_check_name, .expected = "a host name such as example.com"},
};
static const struct rows issue_rows = {issue_list, NR(issue_list), NULL};

/* clang-format on */

/* ---- Sources --------------------------------------------------------------------------------- */

#define SOURCE_EXAMPLE                                                                             \
    "a source such as {\"header\": \"x-user-id\"}, {\"cookie\": \"uid\"}, {\"query\": \"user\"} "  \
    "or {\"client_address\": {}}"

static void read_issue(struct jsondoc *doc, const struct place *at, struct stickydoc_source *text,
                       struct alias_issue *issue)
{
    struct place key = JSONDOC_KEY(at, "issue"), site = JSONDOC_KEY(&key, "same_site");

    if (!jsondoc_is_object(doc, &key, text->issue, "an object such as {\"max_age_s\": 86400}"))
        return;
    if (!text->cookie)
        jsondoc_problem(doc, &key, "conflict", "only a cookie can be issued; this source is none");
    rows_read(&issue_rows, doc, &key, text->issue, text);
    if (text->same_site == ALIAS_SAME_SITE_NONE && !text->is_secure)
        jsondoc_problem(doc, &site, "conflict",
                        "browsers drop a cookie with SameSite=None that is not Secure; leave "
                        "\"secure\" true");
    *issue = (struct alias_issue){.has_max_age = text->max_age_s > 0,
                                  .max_age_s = text->max_age_s,
                                  .is_secure = text->is_secure,
                                  .is_http_only = text->is_http_only,
                                  .same_site = (uint8_t)text->same_site,
                                  .path = str_of(text->path),
                                  .domain = str_of(text->domain)};
}

static void read_address(struct jsondoc *doc, const struct place *at, struct stickydoc_source *text)
{
    struct place key = JSONDOC_KEY(at, "client_address");

    if (jsondoc_is_object(doc, &key, text->address,
                          "an object such as {\"ipv4_bits\": 32, \"ipv6_bits\": 64}"))
        rows_read(&address_rows, doc, &key, text->address, text);
}

static void read_source(struct stickydoc *out, struct jsondoc *doc, const struct place *at,
                        const json_t *value)
{
    int nr = out->sticky.nr_sources++;
    struct stickydoc_source *text = &out->texts[nr];
    struct alias_source *source = &out->sources[nr];
    int kinds;

    if (!jsondoc_is_object(doc, at, value, SOURCE_EXAMPLE))
        return;
    if (rows_init(&source_rows, text) < 0 || rows_init(&address_rows, text) < 0 ||
        rows_init(&issue_rows, text) < 0) {
        jsondoc_no_memory(doc);
        return;
    }
    rows_read(&source_rows, doc, at, value, text);
    kinds = !!json_object_get(value, "header") + !!json_object_get(value, "cookie") +
            !!json_object_get(value, "query") + !!json_object_get(value, "client_address");
    if (kinds != 1)
        jsondoc_problem(doc, at, kinds ? "conflict" : "missing", "must be one source, %s",
                        "such as {\"header\": \"x-user-id\"}, {\"cookie\": \"uid\"}, {\"query\": "
                        "\"user\"} or {\"client_address\": {}}");
    if (text->address)
        read_address(doc, at, text);
    if (text->issue) {
        read_issue(doc, at, text, &out->issues[nr]);
        source->issue = &out->issues[nr];
    }
    source->kind = text->header   ? ALIAS_SOURCE_HEADER
                   : text->cookie ? ALIAS_SOURCE_COOKIE
                   : text->query  ? ALIAS_SOURCE_QUERY
                                  : ALIAS_SOURCE_CLIENT_ADDRESS;
    source->name = str_of(text->header ? text->header : text->cookie ? text->cookie : text->query);
    source->ipv4_bits = (uint8_t)text->ipv4_bits;
    source->ipv6_bits = (uint8_t)text->ipv6_bits;
}

static void read_sources(struct stickydoc *out, struct jsondoc *doc, const struct place *at)
{
    size_t nr = json_array_size(out->key);

    if (!jsondoc_is_array(doc, at, out->key,
                          "an array of sources such as [{\"header\": \"x-user-id\"}]"))
        return;
    if (nr == 0)
        jsondoc_problem(doc, at, "empty",
                        "a sticky split needs a source of the callers' keys, such as "
                        "[{\"header\": \"x-user-id\"}]");
    if (nr > ALIAS_TERMS_SOURCES_MAX)
        jsondoc_problem(doc, at, "too_many", "has %zu sources; a key has %d at most", nr,
                        ALIAS_TERMS_SOURCES_MAX);
    for (size_t i = 0; i < nr && i < ALIAS_TERMS_SOURCES_MAX; i++) {
        struct place item = JSONDOC_ITEM(at, i);
        read_source(out, doc, &item, json_array_get(out->key, i));
    }
}

/* ---- Namespaces ------------------------------------------------------------------------------ */

static void read_namespace(struct stickydoc *out, struct jsondoc *doc, const struct place *at)
{
    struct alias_sticky *sticky = &out->sticky;
    struct place from_at = JSONDOC_KEY(at, "from"), to_at = JSONDOC_KEY(at, "to");
    int64_t from = 0, to = WEIGHT_ONE;

    if (!jsondoc_is_object(doc, at, out->namespace,
                           "an object such as {\"salt\": \"pricing\", \"from\": 0, \"to\": 50}"))
        return;
    rows_read(&namespace_rows, doc, at, out->namespace, out);
    if (!json_object_get(out->namespace, "salt"))
        jsondoc_problem(doc, at, "missing",
                        "\"salt\" is missing: a text that all experiments which exclude one "
                        "another have in common");
    if (out->from)
        from = percent_read(doc, &from_at, out->from);
    if (out->to)
        to = percent_read(doc, &to_at, out->to);
    if (from < 0 || to < 0)
        return;
    if (from >= to)
        jsondoc_problem(doc, at, "conflict",
                        "from, %s, is not below to, %s: no caller would take part",
                        weight_text(from).s, weight_text(to).s);
    sticky->has_namespace = true;
    sticky->from = (uint32_t)from;
    sticky->to = (uint32_t)to;
    sticky->namespace_salt = str_of(out->namespace_salt);
}

/* ---- The whole ------------------------------------------------------------------------------- */

void stickydoc_read(struct stickydoc *out, struct jsondoc *doc, const struct place *at,
                    const json_t *value, const json_t *versions, struct str default_salt)
{
    struct place key = JSONDOC_KEY(at, "key"), map = JSONDOC_KEY(at, "map");
    struct place namespace = JSONDOC_KEY(at, "namespace");

    *out = (struct stickydoc){.map = NULL};
    if (!jsondoc_is_object(doc, at, value,
                           "an object such as {\"key\": [{\"header\": \"x-user-id\"}]}"))
        return;
    if (rows_init(&sticky_rows, out) < 0 || rows_init(&namespace_rows, out) < 0) {
        jsondoc_no_memory(doc);
        return;
    }
    rows_read(&sticky_rows, doc, at, value, out);
    if (!out->key)
        jsondoc_problem(doc, at, "missing",
                        "\"key\" is missing: where a caller's key is, such as [{\"header\": "
                        "\"x-user-id\"}]");
    else
        read_sources(out, doc, &key);
    if (out->said_map)
        out->map = mapdoc_read(doc, &map, out->said_map, versions);
    if (out->namespace)
        read_namespace(out, doc, &namespace);
    out->sticky.sources = out->sources;
    out->sticky.salt = out->salt ? str_of(out->salt) : default_salt;
}

void stickydoc_fini(struct stickydoc *out)
{
    for (int i = 0; i < out->sticky.nr_sources; i++) {
        rows_fini(&source_rows, &out->texts[i]);
        rows_fini(&issue_rows, &out->texts[i]);
    }
    rows_fini(&sticky_rows, out);
    rows_fini(&namespace_rows, out);
    stickymap_unref(&out->map);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* An object of rows as a member; 0, or -1 when out of memory. */
static int write_rows(json_t *object, const char *name, const struct rows *rows, const void *base)
{
    json_t *member = json_object();

    if (!member || rows_write(rows, base, false, member) < 0) {
        json_decref(member);
        return -1;
    }
    return json_object_set_new(object, name, member);
}

static json_t *write_source(const struct stickydoc_source *text)
{
    json_t *source = json_object();

    if (!source || rows_write(&source_rows, text, false, source) < 0 ||
        (text->address && write_rows(source, "client_address", &address_rows, text) < 0) ||
        (text->issue && write_rows(source, "issue", &issue_rows, text) < 0)) {
        json_decref(source);
        return NULL;
    }
    return source;
}

static int write_namespace(const struct stickydoc *read, json_t *object)
{
    const struct alias_sticky *sticky = &read->sticky;
    json_t *namespace = json_object();

    if (!sticky->has_namespace) {
        json_decref(namespace);
        return 0;
    }
    if (json_object_set_new(object, "namespace", namespace) < 0 ||
        rows_write(&namespace_rows, read, false, namespace) < 0 ||
        json_object_set_new(namespace, "from", percent_write(sticky->from)) < 0 ||
        json_object_set_new(namespace, "to", percent_write(sticky->to)) < 0)
        return -1;
    return 0;
}

json_t *stickydoc_write(const struct stickydoc *read)
{
    json_t *object = json_object(), *key = json_array();

    if (json_object_set_new(object, "key", key) < 0)
        goto failed;
    for (int i = 0; i < read->sticky.nr_sources; i++)
        if (json_array_append_new(key, write_source(&read->texts[i])) < 0)
            goto failed;
    if (rows_write(&sticky_rows, read, false, object) < 0 || write_namespace(read, object) < 0)
        goto failed;
    return object;
failed:
    json_decref(object);
    return NULL;
}
