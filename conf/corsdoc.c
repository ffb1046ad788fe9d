/* Lists of origins, methods and field names; names and limits are those of Lambda's API. */
#include "conf/corsdoc.h"

#include "conf/rows.h"

enum { ORIGIN_BYTES_MAX = 253, METHOD_BYTES_MAX = 6, HEADER_BYTES_MAX = 1024 };

struct draft {
    const json_t *allow_origins, *allow_methods, *allow_headers, *expose_headers;
    bool allow_credentials;
    uint32_t max_age_s;
};

static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base);

/* clang-format off */

#define LIST(path_, member, expected_) \
    {.path = path_, .type = ROWS_SPECIAL, .offset = offsetof(struct draft, member), .expected = expected_}

static const struct row list[] = {
    LIST("AllowOrigins", allow_origins, "an array of origins such as [\"https://www.example.com\"] or [\"*\"]"),
    LIST("AllowMethods", allow_methods, "an array of methods such as [\"GET\", \"POST\"] or [\"*\"]"),
    LIST("AllowHeaders", allow_headers, "an array of header names such as [\"content-type\"] or [\"*\"]"),
    LIST("ExposeHeaders", expose_headers, "an array of header names such as [\"x-custom\"] or [\"*\"]"),
    {.path = "AllowCredentials", .type = ROWS_BOOL, .offset = offsetof(struct draft, allow_credentials),
     .default_text = "false"},
    {.path = "MaxAge", .type = ROWS_U32, .offset = offsetof(struct draft, max_age_s), .min = 0,
     .max = CORSDOC_MAX_AGE_S, .default_text = "0"},
};

/* clang-format on */

static const struct rows rows = {list, (int)(sizeof(list) / sizeof(list[0])), read_special};

static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base)
{
    const json_t **member = (const json_t **)(void *)((char *)base + row->offset);

    *member = jsondoc_is_array(doc, at, value, row->expected) ? value : NULL;
}

/* NULL where it is right, else the end of a sentence that begins with the text. All of it stands in
 * a header some day. */
static const char *check_text(struct str s, size_t bytes_max)
{
    if (s.n == 0 || s.n > bytes_max)
        return "is empty or too long";
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f || s.p[i] == ',')
            return "has spaces, commas or characters beyond ASCII";
    return NULL;
}

static const char *check_origin(struct str s)
{
    const char *wrong = check_text(s, ORIGIN_BYTES_MAX);
    const char *star = wrong ? NULL : memchr(s.p, '*', s.n);

    if (star && memchr(star + 1, '*', (size_t)(s.p + s.n - star - 1)))
        return "has more than one '*'";
    return wrong;
}

static const char *check_method(struct str s)
{
    return check_text(s, METHOD_BYTES_MAX);
}

static const char *check_header(struct str s)
{
    return check_text(s, HEADER_BYTES_MAX);
}

/* Reads an array, which may be NULL, into items, which has room for max. */
static struct cors_list read_list(struct jsondoc *doc, const struct place *at, const json_t *array,
                                  struct str *items, size_t max, const char *(*check)(struct str))
{
    struct cors_list out = {items, 0};
    size_t bytes = 0;

    if (json_array_size(array) > max)
        jsondoc_problem(doc, at, "too_many", "has %zu entries; %zu are the most",
                        json_array_size(array), max);
    for (size_t i = 0; i < json_array_size(array) && i < max; i++) {
        const json_t *value = json_array_get(array, i);
        struct place item = JSONDOC_ITEM(at, i);
        struct str text = {json_string_value(value), json_string_length(value)};
        const char *wrong;

        if (!jsondoc_is_string(doc, &item, value, "a string"))
            continue;
        wrong = check(text);
        if (wrong)
            jsondoc_problem(doc, &item, "bad_value", "\"%.*s\" %s", JSONDOC_QUOTE(text.p), wrong);
        items[out.nr++] = text;
        bytes += text.n + 1;
    }
    if (bytes > CORSDOC_LIST_BYTES_MAX)
        jsondoc_problem(doc, at, "too_many", "has more than %d bytes in all",
                        CORSDOC_LIST_BYTES_MAX);
    return out;
}

void corsdoc_read(struct corsdoc *out, struct jsondoc *doc, const struct place *at,
                  const json_t *value)
{
    struct place origins_at = JSONDOC_KEY(at, "AllowOrigins");
    struct place methods_at = JSONDOC_KEY(at, "AllowMethods");
    struct place headers_at = JSONDOC_KEY(at, "AllowHeaders");
    struct place exposed_at = JSONDOC_KEY(at, "ExposeHeaders");
    struct draft draft = {0};

    out->cors = (struct cors){.has_max_age = false};
    if (!jsondoc_is_object(doc, at, value, "an object such as {\"AllowOrigins\": [\"*\"]}"))
        return;
    rows_read(&rows, doc, at, value, &draft);
    out->cors.allow_origins = read_list(doc, &origins_at, draft.allow_origins, out->origins,
                                        CORSDOC_ITEMS_MAX, check_origin);
    out->cors.allow_methods = read_list(doc, &methods_at, draft.allow_methods, out->methods,
                                        CORSDOC_METHODS_MAX, check_method);
    out->cors.allow_headers = read_list(doc, &headers_at, draft.allow_headers, out->headers,
                                        CORSDOC_ITEMS_MAX, check_header);
    out->cors.expose_headers = read_list(doc, &exposed_at, draft.expose_headers, out->exposed,
                                         CORSDOC_ITEMS_MAX, check_header);
    out->cors.allow_credentials = draft.allow_credentials;
    out->cors.has_max_age = json_object_get(value, "MaxAge") != NULL;
    out->cors.max_age_s = draft.max_age_s;
}

static int write_list(json_t *object, const char *key, struct cors_list from)
{
    json_t *array;

    if (from.nr == 0)
        return 0;
    array = json_array();
    if (!array || json_object_set_new(object, key, array) < 0)
        return -1;
    for (int i = 0; i < from.nr; i++)
        if (json_array_append_new(array, json_stringn(from.items[i].p, from.items[i].n)) < 0)
            return -1;
    return 0;
}

json_t *corsdoc_write(const struct cors *cors)
{
    json_t *object = json_object();

    if (!object || write_list(object, "AllowOrigins", cors->allow_origins) < 0 ||
        write_list(object, "AllowMethods", cors->allow_methods) < 0 ||
        write_list(object, "AllowHeaders", cors->allow_headers) < 0 ||
        write_list(object, "ExposeHeaders", cors->expose_headers) < 0 ||
        (cors->allow_credentials &&
         json_object_set_new(object, "AllowCredentials", json_true()) < 0) ||
        (cors->has_max_age &&
         json_object_set_new(object, "MaxAge", json_integer(cors->max_age_s)) < 0)) {
        json_decref(object);
        return NULL;
    }
    return object;
}
