/* How the parts are cut, and what is said where they cannot be.
 *
 * Saying what is wrong with a text is left to jansson, which has to see it as a whole for that: its
 * lines and columns, and what came before. So that this takes no more memory than a good document
 * does, what is known to be well-formed is blanked first, line by line as it was. */
#include "conf/tabledoc_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "router/hash.h"

/* ---- Broken documents ------------------------------------------------------------------------ */

/* Puts a 0 in the place of each well-formed member of an object or array, until one is not. */
static void blank_members(char *copy, const char *text, struct str part)
{
    struct jsonscan_member member;
    struct jsonscan scan;

    if (!jsonscan_open(&scan, part))
        return;
    while (jsonscan_next(&scan, &member) == JSONSCAN_MEMBER) {
        size_t from = (size_t)(member.value.p - text);
        bool is_out;
        json_t *json = jsondoc_piece(member.value, NULL, &is_out);

        if (!json)
            return;
        json_decref(json);
        copy[from] = '0';
        for (size_t i = from + 1; i < from + member.value.n; i++)
            if (copy[i] != '\n')
                copy[i] = ' ';
    }
}

static void blank_parts(char *copy, struct str text)
{
    struct jsonscan_member member;
    struct jsonscan scan;
    enum jsonscan_step step = JSONSCAN_MEMBER;

    if (!jsonscan_open(&scan, text))
        return;
    while (step == JSONSCAN_MEMBER) {
        step = jsonscan_next(&scan, &member);
        if (str_eq(member.key, STR("\"functions\"")) || str_eq(member.key, STR("\"routes\"")))
            blank_members(copy, text.p, member.value);
    }
}

/* Takes back all problems of the document: that it is none is the only one. */
static void report_broken(struct tabledoc_parts *parts)
{
    char *copy = malloc(parts->text.n);

    parts->is_over = true;
    problems_cut(parts->doc->problems, parts->nr_problems, parts->nr_lost);
    if (!copy) {
        jsondoc_no_memory(parts->doc);
        return;
    }
    memcpy(copy, parts->text.p, parts->text.n);
    blank_parts(copy, parts->text);
    jsondoc_explain(parts->doc, (struct str){copy, parts->text.n});
    free(copy);
}

static void report_no_memory(struct tabledoc_parts *parts)
{
    parts->is_over = true;
    problems_cut(parts->doc->problems, parts->nr_problems, parts->nr_lost);
    jsondoc_no_memory(parts->doc);
}

/* NULL where the piece is not well-formed, which is then reported. */
static json_t *parse(struct tabledoc_parts *parts, struct str piece, struct jsonmem_pool *pool)
{
    bool is_out;
    json_t *json = jsondoc_piece(piece, pool, &is_out);

    if (is_out)
        report_no_memory(parts);
    else if (!json)
        report_broken(parts);
    return json;
}

/* ---- The top level --------------------------------------------------------------------------- */

/* What stands for a member at the top level. */
static json_t *stand_in(struct tabledoc_parts *parts, const char *key, struct str value)
{
    json_t *json;

    if (strcmp(key, "functions") == 0 && *value.p == '{') {
        json = json_object();
        parts->functions = value;
    } else if (strcmp(key, "routes") == 0 && *value.p == '[') {
        json = json_array();
        parts->routes = value;
    } else {
        return parse(parts, value, NULL);
    }
    if (!json)
        report_no_memory(parts);
    return json;
}

static int read_member(struct tabledoc_parts *parts, const struct jsonscan_member *member)
{
    json_t *key = parse(parts, member->key, NULL);
    json_t *value = NULL;
    const char *name;
    int result = -1;

    if (!key)
        return -1;
    name = json_string_value(key);
    if (json_object_get(parts->top, name))
        report_broken(parts);
    else
        value = stand_in(parts, name, member->value);
    if (value) {
        result = json_object_set_new(parts->top, name, value);
        if (result)
            report_no_memory(parts);
    }
    json_decref(key);
    return result;
}

int tabledoc_parts_open(struct tabledoc_parts *parts, struct jsondoc *doc, const char *text,
                        size_t length)
{
    struct jsonscan_member member;
    struct jsonscan scan;
    enum jsonscan_step step;

    *parts = (struct tabledoc_parts){.doc = doc,
                                     .text = {text, length},
                                     .nr_problems = doc->problems->nr,
                                     .nr_lost = doc->problems->nr_lost};
    if (!jsondoc_open(doc, &parts->text))
        return -1;
    if (!jsonscan_open(&scan, parts->text) || scan.closing != '}') {
        report_broken(parts);
        return -1;
    }
    parts->top = json_object();
    parts->pool = jsonmem_pool_make();
    if (!parts->top || !parts->pool) {
        report_no_memory(parts);
        return -1;
    }
    for (step = jsonscan_next(&scan, &member); step == JSONSCAN_MEMBER;
         step = jsonscan_next(&scan, &member))
        if (read_member(parts, &member))
            return -1;
    if (step == JSONSCAN_BROKEN || !jsonscan_is_all(&scan)) {
        report_broken(parts);
        return -1;
    }
    return 0;
}

void tabledoc_parts_close(struct tabledoc_parts *parts)
{
    jsonmem_pool_free(&parts->pool);
    json_decref(parts->top);
    free(parts->list);
    stash_fini(&parts->names);
    flathash_fini(&parts->by_name);
}

/* ---- Functions and routes -------------------------------------------------------------------- */

static uint32_t tag_of(struct str name)
{
    return (uint32_t)hash_str(name, 0);
}

/* The step of the member that is to be read now: false where there is none. */
static bool is_member(struct tabledoc_parts *parts, enum jsonscan_step step)
{
    if (step == JSONSCAN_MEMBER)
        return true;
    if (step == JSONSCAN_BROKEN)
        report_broken(parts);
    parts->scan.at = NULL;
    return false;
}

/* Is there something to be cut of functions or routes, which is part? */
static bool has_begun(struct tabledoc_parts *parts, struct str part)
{
    return !parts->is_over && (parts->scan.at || jsonscan_open(&parts->scan, part));
}

static void cut_ahead(struct tabledoc_parts *parts)
{
    while (!parts->is_all_cut && parts->nr_cut - parts->nr_taken < TABLEDOC_PARTS_AHEAD) {
        struct tabledoc_cut *cut = &parts->ahead[parts->nr_cut++ % TABLEDOC_PARTS_AHEAD];
        struct str key;

        cut->step = jsonscan_next(&parts->scan, &cut->member);
        parts->is_all_cut = cut->step != JSONSCAN_MEMBER;
        key = cut->member.key;
        if (!parts->is_all_cut)
            flathash_prefetch(&parts->by_name, tag_of((struct str){key.p + 1, key.n - 2}));
    }
}

/* The next function's. False at the end, or where the object of functions is broken. */
static bool cut_function(struct tabledoc_parts *parts, struct jsonscan_member *member)
{
    const struct tabledoc_cut *cut;

    if (!has_begun(parts, parts->functions))
        return false;
    cut_ahead(parts);
    cut = &parts->ahead[parts->nr_taken++ % TABLEDOC_PARTS_AHEAD];
    *member = cut->member;
    return is_member(parts, cut->step);
}

static bool cut_route(struct tabledoc_parts *parts, struct jsonscan_member *member)
{
    return has_begun(parts, parts->routes) && is_member(parts, jsonscan_next(&parts->scan, member));
}

/* A copy of the key without quotes and escapes; NULL where it is broken, or when out of memory. */
static const char *read_key(struct tabledoc_parts *parts, struct str key)
{
    struct str bare = {key.p + 1, key.n - 2};
    const char *name = NULL;
    json_t *json;
    bool is_plain = true;

    assert(key.n >= 2);
    for (size_t i = 0; i < bare.n; i++)
        is_plain &= bare.p[i] >= ' ' && bare.p[i] <= '~' && bare.p[i] != '\\';
    json = is_plain ? json_null() : parse(parts, key, NULL);
    if (!json)
        return NULL;
    name = stash_copy(&parts->names, is_plain ? bare : str_of(json_string_value(json)));
    if (!name)
        report_no_memory(parts);
    json_decref(json);
    return name;
}

static const struct tabledoc_function *find(const struct tabledoc_parts *parts, const char *name,
                                            uint32_t tag)
{
    uint32_t at;

    for (uint32_t n = flathash_first(&parts->by_name, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(&parts->by_name, tag, &at))
        if (strcmp(parts->list[n].name, name) == 0)
            return &parts->list[n];
    return NULL;
}

/* 0, or -1 where the name stands there already, or when out of memory: reported. */
static int remember(struct tabledoc_parts *parts, const char *name, const char *value)
{
    uint32_t tag = tag_of(str_of(name));
    uint32_t more = parts->capacity ? parts->capacity * 2 : 64;
    struct tabledoc_function *list = parts->list;

    if (find(parts, name, tag)) {
        report_broken(parts);
        return -1;
    }
    if (parts->nr == parts->capacity)
        list = reallocarray(list, more, sizeof(list[0]));
    if (list)
        parts->list = list;
    if (!list || flathash_add(&parts->by_name, tag, parts->nr)) {
        report_no_memory(parts);
        return -1;
    }
    parts->capacity = parts->nr == parts->capacity ? more : parts->capacity;
    list[parts->nr++] = (struct tabledoc_function){name, value};
    return 0;
}

const json_t *tabledoc_parts_function(struct tabledoc_parts *parts, const char **name)
{
    struct jsonscan_member member;

    if (!cut_function(parts, &member))
        return NULL;
    *name = read_key(parts, member.key);
    if (!*name || remember(parts, *name, member.value.p))
        return NULL;
    return parse(parts, member.value, parts->pool);
}

const json_t *tabledoc_parts_route(struct tabledoc_parts *parts, size_t *index)
{
    struct jsonscan_member member;

    if (!cut_route(parts, &member))
        return NULL;
    *index = parts->index++;
    return parse(parts, member.value, parts->pool);
}

json_t *tabledoc_parts_find(struct tabledoc_parts *parts, const char *name)
{
    const struct tabledoc_function *function = find(parts, name, tag_of(str_of(name)));
    const char *end = parts->functions.p + parts->functions.n;

    if (!function)
        return NULL;
    return parse(parts,
                 jsonscan_value((struct str){function->value, (size_t)(end - function->value)}),
                 NULL);
}

bool tabledoc_parts_has(const struct tabledoc_parts *parts, const char *name)
{
    return find(parts, name, tag_of(str_of(name))) != NULL;
}

void tabledoc_parts_append_known(const struct tabledoc_parts *parts, struct jsondoc_text *text,
                                 const char *word)
{
    const char *keys[JSONDOC_KNOWN_MAX];

    for (size_t i = 0; i < parts->nr && i < JSONDOC_KNOWN_MAX; i++)
        keys[i] = parts->list[i].name;
    jsondoc_append_keys(parts->doc, text, keys, parts->nr, word);
}
