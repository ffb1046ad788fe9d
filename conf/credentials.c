/* Reading the credentials document. What is wrong with a secret is said without showing it: jansson
 * and conf/rows.c quote values, so neither reads one here. */
#include "conf/credentials.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/jsondoc.h"
#include "router/invoke.h"

/* ---- Secrets --------------------------------------------------------------------------------- */

void credentials_free_secret(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

/* Visible ASCII, no blank. */
static bool is_visible(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return true;
}

char *credentials_token(const char *text, size_t length, const char *file,
                        struct problems *problems)
{
    struct str token = {text, length};
    char *copy;

    while (token.n > 0 && strchr(" \t\r\n", token.p[0])) {
        token.p++;
        token.n--;
    }
    while (token.n > 0 && strchr(" \t\r\n", token.p[token.n - 1]))
        token.n--;
    if (token.n == 0 || token.n > CREDENTIALS_TOKEN_MAX || !is_visible(token)) {
        problems_add(problems, "bad_token", file, "$",
                     "must be one line with the token alone: 1 to %d visible ASCII characters, "
                     "such as `openssl rand -hex 32` prints",
                     CREDENTIALS_TOKEN_MAX);
        return NULL;
    }
    copy = strndup(token.p, token.n);
    if (!copy)
        problems_add(problems, "no_memory", file, "$", "out of memory");
    return copy;
}

/* ---- Freeing --------------------------------------------------------------------------------- */

static void key_fini(struct credentials_key *key)
{
    free(key->access_key_id);
    credentials_free_secret(&key->secret_access_key);
    credentials_free_secret(&key->session_token);
    for (int i = 0; i < key->nr_functions; i++)
        free(key->functions[i]);
    free(key->functions);
}

void credentials_free(struct credentials **credentials)
{
    struct credentials *c = *credentials;

    *credentials = NULL;
    if (!c)
        return;
    for (int i = 0; i < c->nr_keys; i++)
        key_fini(&c->keys[i]);
    free(c->keys);
    free(c);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static bool is_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr("/,;=\"", s.p[i]))
            return false;
    return s.n > 0 && s.n <= CREDENTIALS_ID_MAX && is_visible(s);
}

static char *copy_string(struct jsondoc *doc, const json_t *value)
{
    char *copy = strdup(json_string_value(value));

    if (!copy)
        jsondoc_no_memory(doc);
    return copy;
}

/* A secret, whose text no problem may show. */
static char *read_secret(struct jsondoc *doc, const struct place *at, const json_t *value,
                         size_t max)
{
    struct str s = {json_string_value(value), json_string_length(value)};

    if (!jsondoc_is_string(doc, at, value, "a string"))
        return NULL;
    if (s.n == 0 || s.n > max || !is_visible(s)) {
        jsondoc_problem(doc, at, "bad_value", "must be 1 to %zu visible ASCII characters", max);
        return NULL;
    }
    return copy_string(doc, value);
}

static void read_id(struct jsondoc *doc, const struct place *at, const json_t *value,
                    struct credentials_key *key)
{
    if (!jsondoc_is_string(doc, at, value, "a string such as \"AKIDWEIR\""))
        return;
    if (!is_id((struct str){json_string_value(value), json_string_length(value)})) {
        jsondoc_problem(doc, at, "bad_value",
                        "\"%.*s\" must be 1 to %d visible ASCII characters without / , ; = and \"",
                        JSONDOC_QUOTE(json_string_value(value)), CREDENTIALS_ID_MAX);
        return;
    }
    key->access_key_id = copy_string(doc, value);
}

static const struct {
    const char *name;
    enum credentials_right right;
} rights[] = {
    {"invoke", CREDENTIALS_INVOKE}, {"read", CREDENTIALS_READ}, {"write", CREDENTIALS_WRITE}};

static void read_allow(struct jsondoc *doc, const struct place *at, const json_t *value,
                       struct credentials_key *key)
{
    const char *expected = "an array of \"invoke\", \"read\" and \"write\"";

    if (!jsondoc_is_array(doc, at, value, expected))
        return;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        struct place item_at = JSONDOC_ITEM(at, i);
        const char *name = json_string_value(item);
        unsigned int found = 0;

        if (!jsondoc_is_string(doc, &item_at, item, "\"invoke\", \"read\" or \"write\""))
            continue;
        for (size_t k = 0; k < sizeof(rights) / sizeof(rights[0]); k++)
            if (strcmp(name, rights[k].name) == 0)
                found = rights[k].right;
        if (!found)
            jsondoc_problem(doc, &item_at, "bad_value",
                            "\"%.*s\" is no right; it must be \"invoke\", \"read\" or \"write\"",
                            JSONDOC_QUOTE(name));
        key->rights |= found;
    }
}

/* A function's name, or the beginning of names with "*" behind it. */
static bool is_pattern(struct str s)
{
    if (s.n == 1 && s.p[0] == '*')
        return true;
    if (s.n > 1 && s.p[s.n - 1] == '*')
        s.n--;
    return invoke_is_function_name(s);
}

static void read_functions(struct jsondoc *doc, const struct place *at, const json_t *value,
                           struct credentials_key *key)
{
    if (!jsondoc_is_array(doc, at, value, "an array of function names such as [\"shop-*\"]"))
        return;
    key->functions = calloc(json_array_size(value) + 1, sizeof(char *));
    if (!key->functions) {
        jsondoc_no_memory(doc);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        struct place item_at = JSONDOC_ITEM(at, i);

        if (!jsondoc_is_string(doc, &item_at, item, "a function name such as \"shop-*\""))
            continue;
        if (!is_pattern((struct str){json_string_value(item), json_string_length(item)}))
            jsondoc_problem(doc, &item_at, "bad_value",
                            "\"%.*s\" must be a function name, or the beginning of names and * as "
                            "the last character",
                            JSONDOC_QUOTE(json_string_value(item)));
        else if ((key->functions[key->nr_functions] = copy_string(doc, item)))
            key->nr_functions++;
    }
}

static void read_member(struct jsondoc *doc, const struct place *at, const json_t *value,
                        struct credentials_key *key)
{
    if (strcmp(at->key, "access_key_id") == 0)
        read_id(doc, at, value, key);
    else if (strcmp(at->key, "secret_access_key") == 0)
        key->secret_access_key = read_secret(doc, at, value, CREDENTIALS_SECRET_MAX);
    else if (strcmp(at->key, "session_token") == 0)
        key->session_token = read_secret(doc, at, value, CREDENTIALS_TOKEN_MAX);
    else if (strcmp(at->key, "allow") == 0)
        read_allow(doc, at, value, key);
    else if (strcmp(at->key, "functions") == 0)
        read_functions(doc, at, value, key);
    else
        jsondoc_problem(doc, at, "unknown_key",
                        "\"%.*s\" is not a known key (known here: access_key_id, "
                        "secret_access_key, session_token, allow, functions)",
                        JSONDOC_QUOTE(at->key));
}

static void check_is_there(struct jsondoc *doc, const struct place *at, const json_t *value,
                           const char *member, const char *means)
{
    if (!json_object_get(value, member))
        jsondoc_problem(doc, at, "missing", "\"%s\" is missing: %s", member, means);
}

static void read_key(struct jsondoc *doc, const struct place *at, const json_t *value,
                     struct credentials_key *key)
{
    json_t *o = (json_t *)(uintptr_t)value; /* jansson's iterators take no const */

    if (!jsondoc_is_object(doc, at, value, "an object with access_key_id and secret_access_key"))
        return;
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        struct place member = JSONDOC_KEY(at, json_object_iter_key(i));
        read_member(doc, &member, json_object_iter_value(i), key);
    }
    check_is_there(doc, at, value, "access_key_id", "the name of the key");
    check_is_there(doc, at, value, "secret_access_key", "what requests are signed with");
    check_is_there(doc, at, value, "allow", "an array of \"invoke\", \"read\" and \"write\"");
    check_is_there(doc, at, value, "functions", "an array of function names, or [\"*\"] for all");
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const struct credentials_key *)a)->access_key_id,
                  ((const struct credentials_key *)b)->access_key_id);
}

static void check_unique(struct jsondoc *doc, const struct place *at, const struct credentials *c)
{
    for (int i = 1; i < c->nr_keys; i++)
        if (compare_keys(&c->keys[i - 1], &c->keys[i]) == 0)
            jsondoc_problem(doc, at, "duplicate", "the access_key_id \"%.*s\" is there twice",
                            JSONDOC_QUOTE(c->keys[i].access_key_id));
}

static void read_keys(struct jsondoc *doc, const struct place *at, const json_t *value,
                      struct credentials *c)
{
    size_t nr = json_array_size(value);

    if (!jsondoc_is_array(doc, at, value, "an array of access keys"))
        return;
    if (nr == 0)
        jsondoc_problem(doc, at, "empty", "must have one access key at least");
    c->keys = calloc(nr + 1, sizeof(*c->keys));
    if (!c->keys) {
        jsondoc_no_memory(doc);
        return;
    }
    for (; (size_t)c->nr_keys < nr; c->nr_keys++) {
        struct place item = JSONDOC_ITEM(at, (size_t)c->nr_keys);
        read_key(doc, &item, json_array_get(value, (size_t)c->nr_keys), &c->keys[c->nr_keys]);
    }
    if (doc->is_bad)
        return;
    qsort(c->keys, nr, sizeof(*c->keys), compare_keys);
    check_unique(doc, at, c);
}

static void read_document(struct jsondoc *doc, const json_t *json, struct credentials *c)
{
    struct place root = JSONDOC_ROOT, keys = JSONDOC_KEY(&root, "keys");
    json_t *o = (json_t *)(uintptr_t)json;

    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        struct place at = JSONDOC_KEY(&root, json_object_iter_key(i));
        if (strcmp(at.key, "keys") != 0)
            jsondoc_problem(doc, &at, "unknown_key",
                            "\"%.*s\" is not a known key (known here: keys)",
                            JSONDOC_QUOTE(at.key));
    }
    if (json_object_get(json, "keys"))
        read_keys(doc, &keys, json_object_get(json, "keys"), c);
    else
        jsondoc_problem(doc, &root, "missing", "\"keys\" is missing: an array of access keys");
}

/* jansson shows the text around a slip of the pen, which here may be a secret. */
static json_t *load(struct jsondoc *doc, const char *text, size_t length)
{
    struct problems own = {0};
    struct jsondoc loading = {.file = doc->file, .problems = &own};
    struct place root = JSONDOC_ROOT;
    json_t *json = jsondoc_load(&loading, text, length);

    doc->is_bad |= loading.is_bad;
    for (size_t i = 0; i < own.nr; i++) {
        const char *message = own.list[i].message, *near = strstr(message, " near ");
        size_t n = near ? (size_t)(near - message) : strlen(message);
        jsondoc_problem(doc, &root, own.list[i].code, "%.*s", (int)n, message);
    }
    if (!json && own.nr == 0)
        jsondoc_no_memory(doc);
    problems_fini(&own);
    return json;
}

struct credentials *credentials_parse(const char *text, size_t length, const char *file,
                                      struct problems *problems)
{
    struct jsondoc doc = {.file = file, .problems = problems};
    struct credentials *c = calloc(1, sizeof(*c));
    json_t *json = load(&doc, text, length);

    if (!c)
        jsondoc_no_memory(&doc);
    if (json && c)
        read_document(&doc, json, c);
    json_decref(json);
    if (doc.is_bad)
        credentials_free(&c);
    return c;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

const struct credentials_key *credentials_find(const struct credentials *credentials, struct str id)
{
    int low = 0, high = credentials ? credentials->nr_keys : 0;

    while (low < high) {
        int middle = (low + high) / 2;
        const struct credentials_key *key = &credentials->keys[middle];
        struct str own = str_of(key->access_key_id);
        int r = memcmp(own.p, id.p, own.n < id.n ? own.n : id.n);

        if (r == 0 && own.n == id.n)
            return key;
        if (r < 0 || (r == 0 && own.n < id.n))
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool matches(const char *pattern, struct str name)
{
    struct str p = str_of(pattern);

    if (p.n == 0 || p.p[p.n - 1] != '*')
        return name.n > 0 && str_eq(p, name);
    p.n--;
    return name.n >= p.n && memcmp(name.n > 0 ? name.p : "", p.p, p.n) == 0;
}

bool credentials_allow(const struct credentials_key *key, enum credentials_right right,
                       struct str function)
{
    if (!(key->rights & right))
        return false;
    for (int i = 0; i < key->nr_functions; i++)
        if (matches(key->functions[i], function))
            return true;
    return false;
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_same_key(const struct credentials_key *a, const struct credentials_key *b)
{
    if (!is_same(a->access_key_id, b->access_key_id) ||
        !is_same(a->secret_access_key, b->secret_access_key) ||
        !is_same(a->session_token, b->session_token) || a->rights != b->rights ||
        a->nr_functions != b->nr_functions)
        return false;
    for (int i = 0; i < a->nr_functions; i++)
        if (!is_same(a->functions[i], b->functions[i]))
            return false;
    return true;
}

bool credentials_equal(const struct credentials *a, const struct credentials *b)
{
    if (!a || !b || a->nr_keys != b->nr_keys)
        return a == b;
    for (int i = 0; i < a->nr_keys; i++)
        if (!is_same_key(&a->keys[i], &b->keys[i]))
            return false;
    return true;
}
