/* Reads, writes, compares and copies structs by their rows.
 *
 * The set of known keys of any nested object is found from the rows' paths each time it is needed.
 * That is a loop over a few dozen rows per key, which costs less than parsing the key did, and
 * leaves the rows the only list there is. */
#include "conf/rows.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/network.h"
#include "base/text.h"
#include "conf/suggest.h"

enum { ROW_PATH_MAX = 96, KEYS_MAX = 64 };

/* ---- One value ------------------------------------------------------------------------------- */

/* The only place that knows where a row's member is; rows are made with offsetof, so it is
 * aligned. */
static void *member(const struct row *row, void *base)
{
    return (char *)base + row->offset;
}

static const void *const_member(const struct row *row, const void *base)
{
    return (const char *)base + row->offset;
}

static uint64_t get_number(const struct row *row, const void *base)
{
    const void *p = const_member(row, base);

    switch (row->type) {
    case ROWS_BOOL:
        return *(const bool *)p;
    case ROWS_U16:
        return *(const uint16_t *)p;
    case ROWS_U32:
        return *(const uint32_t *)p;
    case ROWS_CHOICE:
        return *(const unsigned *)p;
    case ROWS_U64:
        return *(const uint64_t *)p;
    default:
        return 0;
    }
}

static void set_number(const struct row *row, void *base, uint64_t value)
{
    void *p = member(row, base);

    switch (row->type) {
    case ROWS_BOOL:
        *(bool *)p = value != 0;
        break;
    case ROWS_U16:
        *(uint16_t *)p = (uint16_t)value;
        break;
    case ROWS_U32:
        *(uint32_t *)p = (uint32_t)value;
        break;
    case ROWS_CHOICE:
        *(unsigned *)p = (unsigned)value;
        break;
    case ROWS_U64:
        *(uint64_t *)p = value;
        break;
    default:
        break;
    }
}

static bool is_string(const struct row *row)
{
    return row->type == ROWS_STRING || row->type == ROWS_NETWORKS || row->type == ROWS_LIST;
}

static const char *get_string(const struct row *row, const void *base)
{
    return *(char *const *)const_member(row, base);
}

/* Replaces the owned string by a copy of text (or none). 0, or -1 when out of memory with nothing
 * changed. */
static int set_string(const struct row *row, void *base, const char *text)
{
    char **p = member(row, base);
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy)
        return -1;
    free(*p);
    *p = copy;
    return 0;
}

/* The index of a name in "one|two|three", or -1. */
static int find_choice(const char *choices, const char *name)
{
    size_t length = strlen(name);
    int index = 0;

    for (const char *p = choices;; index++) {
        size_t n = strcspn(p, "|");
        if (n == length && memcmp(p, name, n) == 0)
            return index;
        if (!p[n])
            return -1;
        p += n + 1;
    }
}

static struct jsondoc_text choice_name(const char *choices, uint64_t index)
{
    struct jsondoc_text text = {0};

    while (index-- > 0)
        choices += strcspn(choices, "|") + 1;
    jsondoc_append(&text, "%.*s", (int)strcspn(choices, "|"), choices);
    return text;
}

void rows_expected(const struct row *row, struct jsondoc_text *text)
{
    switch (row->type) {
    case ROWS_BOOL:
        jsondoc_append(text, "true or false");
        break;
    case ROWS_U16:
    case ROWS_U32:
    case ROWS_U64:
        jsondoc_append(text, "a whole number of %" PRIu64 " to %" PRIu64, row->min, row->max);
        break;
    case ROWS_CHOICE:
        for (const char *p = row->choices; *p; p++) {
            bool is_last = !strchr(p + 1, '|');
            if (p == row->choices)
                jsondoc_append(text, "\"");
            if (*p == '|')
                jsondoc_append(text, is_last ? "\" or \"" : "\", \"");
            else
                jsondoc_append(text, "%c", *p);
        }
        jsondoc_append(text, "\"");
        if (row->expected)
            jsondoc_append(text, " or %s", row->expected);
        break;
    case ROWS_NETWORKS:
        jsondoc_append(text, "true or false, or an array of networks such as "
                             "[\"10.0.0.0/8\"]");
        break;
    case ROWS_STRING:
    case ROWS_LIST:
    case ROWS_SPECIAL:
        jsondoc_append(text, "%s", row->expected);
        break;
    }
}

static void report(const struct row *row, struct jsondoc *doc, const struct place *at,
                   const char *code, const char *found)
{
    struct jsondoc_text expected = {0};

    rows_expected(row, &expected);
    jsondoc_problem(doc, at, code, "must be %s, not %s", expected.s, found);
}

/* Units as people write them, and how many of the row's own unit each is. */
struct unit {
    const char *row_ending, *name;
    uint64_t factor;
};

static const struct unit units[] = {
    {"_ms", "ms", 1},          {"_ms", "s", 1000},         {"_ms", "m", 60000},
    {"_ms", "min", 60000},     {"_ms", "h", 3600000},      {"_s", "s", 1},
    {"_s", "m", 60},           {"_s", "min", 60},          {"_s", "h", 3600},
    {"_s", "d", 86400},        {"_bytes", "b", 1},         {"_bytes", "k", 1 << 10},
    {"_bytes", "kb", 1 << 10}, {"_bytes", "kib", 1 << 10}, {"_bytes", "m", 1 << 20},
    {"_bytes", "mb", 1 << 20}, {"_bytes", "mib", 1 << 20}, {"_bytes", "g", 1 << 30},
    {"_bytes", "gb", 1 << 30}, {"_bytes", "gib", 1 << 30}, {"", "", 1},
};

static bool ends_in(const char *text, const char *ending)
{
    size_t n = strlen(text), k = strlen(ending);

    return n >= k && strcmp(text + n - k, ending) == 0;
}

/* Appends the number that a text such as "5", "2s" or "10m" stands for, where that is clear. */
static void append_meant(const struct row *row, const json_t *value, struct jsondoc_text *text)
{
    const char *s = json_string_value(value);
    char *end = NULL;
    unsigned long number;

    if (!s || !isdigit((unsigned char)s[0]) || strlen(s) > 9)
        return;
    number = strtoul(s, &end, 10);
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!ends_in(row->path, units[i].row_ending) || strcasecmp(end, units[i].name) != 0)
            continue;
        jsondoc_append(text, "; write %" PRIu64, number * units[i].factor);
        return;
    }
}

static void read_number(const struct row *row, struct jsondoc *doc, const struct place *at,
                        const json_t *value, void *base)
{
    json_int_t number = json_integer_value(value);
    struct jsondoc_text found = {0};
    char text[32];

    if (!json_is_integer(value)) {
        jsondoc_append(&found, "%s", jsondoc_kind(value));
        append_meant(row, value, &found);
        report(row, doc, at, "wrong_type", found.s);
    } else if (number < 0 || (uint64_t)number < row->min || (uint64_t)number > row->max) {
        snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, number);
        report(row, doc, at, "out_of_range", text);
    } else {
        set_number(row, base, (uint64_t)number);
    }
}

static void read_choice(const struct row *row, struct jsondoc *doc, const struct place *at,
                        const json_t *value, void *base)
{
    struct jsondoc_text found = {0};
    int index;

    if (!json_is_string(value)) {
        report(row, doc, at, "wrong_type", jsondoc_kind(value));
        return;
    }
    index = find_choice(row->choices, json_string_value(value));
    if (index >= 0) {
        set_number(row, base, (uint64_t)index);
        return;
    }
    jsondoc_append(&found, "\"%.*s\"", JSONDOC_QUOTE(json_string_value(value)));
    report(row, doc, at, "bad_value", found.s);
}

static void read_string(const struct row *row, struct jsondoc *doc, const struct place *at,
                        const json_t *value, void *base)
{
    const char *text = json_string_value(value);
    struct str s = {text, json_string_length(value)};
    const char *wrong = NULL;
    size_t length;

    if (!text) {
        report(row, doc, at, "wrong_type", jsondoc_kind(value));
        return;
    }
    length = row->is_prose ? text_characters(s) : s.n;
    if (length < row->min)
        wrong = "is too short";
    else if (length > row->max)
        wrong = "is too long";
    else if (row->check && *text)
        wrong = row->check(text);
    if (wrong && row->is_secret)
        jsondoc_problem(doc, at, "bad_value", "the value %s; it must be %s", wrong, row->expected);
    else if (wrong)
        jsondoc_problem(doc, at, "bad_value", "\"%.*s\" %s; it must be %s", JSONDOC_QUOTE(text),
                        wrong, row->expected);
    else if (set_string(row, base, text) < 0)
        jsondoc_no_memory(doc);
}

/* Networks with commas between, as text; NULL with a problem added. To be freed. */
static char *join_networks(const struct row *row, struct jsondoc *doc, const struct place *at,
                           const json_t *array)
{
    size_t nr = json_array_size(array), n = 0;
    char *text = malloc(nr * NETWORK_TEXT_MAX + 1);

    if (!text) {
        jsondoc_no_memory(doc);
        return NULL;
    }
    for (size_t i = 0; i < nr; i++) {
        struct place item = JSONDOC_ITEM(at, i);
        const json_t *value = json_array_get(array, i);
        struct network network;

        if (!jsondoc_is_string(doc, &item, value, "a network such as \"10.0.0.0/8\""))
            continue;
        if (!network_read(str_of(json_string_value(value)), &network)) {
            jsondoc_problem(doc, &item, "bad_value",
                            "\"%.*s\" is no network; it must be one such as 10.0.0.0/8, "
                            "2001:db8::/32 or 192.0.2.1, with no bits set behind the prefix",
                            JSONDOC_QUOTE(json_string_value(value)));
            continue;
        }
        if (n > 0)
            text[n++] = ',';
        n += (size_t)network_write(&network, text + n);
    }
    if (nr == 0)
        report(row, doc, at, "empty", "an empty array");
    text[n] = '\0';
    return text;
}

/* The array that a command line's commas stand for; NULL when out of memory. */
static json_t *split_networks(const char *text)
{
    json_t *array = json_array();

    for (const char *p = text; array; p += strcspn(p, ",") + 1) {
        if (json_array_append_new(array, json_stringn(p, strcspn(p, ","))) < 0) {
            json_decref(array);
            return NULL;
        }
        if (!p[strcspn(p, ",")])
            break;
    }
    return array;
}

static void read_networks(const struct row *row, struct jsondoc *doc, const struct place *at,
                          const json_t *value, void *base)
{
    size_t nr_before = doc->problems->nr;
    char *text;

    if (json_is_boolean(value)) {
        if (set_string(row, base, json_is_true(value) ? "true" : "false") < 0)
            jsondoc_no_memory(doc);
        return;
    }
    if (!json_is_array(value)) {
        report(row, doc, at, "wrong_type", jsondoc_kind(value));
        return;
    }
    text = join_networks(row, doc, at, value);
    if (text && doc->problems->nr == nr_before && set_string(row, base, text) < 0)
        jsondoc_no_memory(doc);
    free(text);
}

/* Adds one more of a list; false with a problem added. */
static bool join_one(const struct row *row, struct jsondoc *doc, const struct place *at,
                     const json_t *value, struct buffer *text)
{
    const char *one = json_string_value(value), *wrong;

    if (!jsondoc_is_string(doc, at, value, row->expected))
        return false;
    wrong = strchr(one, ',') ? "has a comma" : row->check ? row->check(one) : NULL;
    if (wrong) {
        jsondoc_problem(doc, at, "bad_value", "\"%.*s\" %s; it must be %s", JSONDOC_QUOTE(one),
                        wrong, row->expected);
        return false;
    }
    if (text->n > 0)
        buffer_char(text, ',');
    buffer_add(text, str_of(one));
    return true;
}

static void read_list(const struct row *row, struct jsondoc *doc, const struct place *at,
                      const json_t *value, void *base)
{
    struct buffer text = {0};
    bool is_right = true;

    if (!json_is_array(value)) {
        report(row, doc, at, "wrong_type", jsondoc_kind(value));
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct place item = JSONDOC_ITEM(at, i);
        is_right &= join_one(row, doc, &item, json_array_get(value, i), &text);
    }
    buffer_char(&text, '\0');
    if (is_right && (text.is_out || set_string(row, base, text.p) < 0))
        jsondoc_no_memory(doc);
    buffer_fini(&text);
}

static void read_value(const struct rows *rows, const struct row *row, struct jsondoc *doc,
                       const struct place *at, const json_t *value, void *base)
{
    switch (row->type) {
    case ROWS_BOOL:
        if (json_is_boolean(value))
            set_number(row, base, json_is_true(value));
        else
            report(row, doc, at, "wrong_type", jsondoc_kind(value));
        break;
    case ROWS_U16:
    case ROWS_U32:
    case ROWS_U64:
        read_number(row, doc, at, value, base);
        break;
    case ROWS_CHOICE:
        read_choice(row, doc, at, value, base);
        break;
    case ROWS_STRING:
        read_string(row, doc, at, value, base);
        break;
    case ROWS_NETWORKS:
        read_networks(row, doc, at, value, base);
        break;
    case ROWS_LIST:
        read_list(row, doc, at, value, base);
        break;
    case ROWS_SPECIAL:
        rows->special(doc, at, row, value, base);
        break;
    }
}

/* The JSON value that a command line's or a default's text means for a row; NULL when out of
 * memory. */
static json_t *value_of_text(const struct row *row, const char *text)
{
    bool is_number = row->type == ROWS_U16 || row->type == ROWS_U32 || row->type == ROWS_U64;
    size_t digits = strspn(text, "0123456789");

    bool is_truth = strcmp(text, "true") == 0 || strcmp(text, "false") == 0;

    if ((row->type == ROWS_BOOL || row->type == ROWS_NETWORKS) && is_truth)
        return json_boolean(strcmp(text, "true") == 0);
    if (row->type == ROWS_NETWORKS && strpbrk(text, ".:"))
        return split_networks(text);
    if (row->type == ROWS_LIST)
        return text[0] ? split_networks(text) : json_array();
    if (is_number && digits > 0 && digits <= 18 && !text[digits])
        return json_integer((json_int_t)strtoull(text, NULL, 10));
    return json_string(text);
}

static void set_text_at(const struct row *row, struct jsondoc *doc, const struct place *at,
                        const char *text, void *base)
{
    struct jsondoc_text found = {0};
    json_t *value = value_of_text(row, text);

    if (!value) {
        if (jsondoc_is_utf8(text))
            jsondoc_no_memory(doc);
        else
            jsondoc_problem(doc, at, "invalid_utf8", "the value is not UTF-8");
        return;
    }
    if (json_is_string(value) && row->type != ROWS_STRING && row->type != ROWS_CHOICE) {
        jsondoc_append(&found, "\"%.*s\"", JSONDOC_QUOTE(text));
        report(row, doc, at, "bad_value", found.s);
    } else {
        read_value(NULL, row, doc, at, value, base);
    }
    json_decref(value);
}

void rows_set_text(const struct row *row, struct jsondoc *doc, const char *text, void *base)
{
    const char *dot = strrchr(row->path, '.');
    char outer[ROW_PATH_MAX];
    struct place root = JSONDOC_ROOT;
    struct place middle = JSONDOC_KEY(&root, outer);
    struct place at = JSONDOC_KEY(dot ? &middle : &root, dot ? dot + 1 : row->path);

    snprintf(outer, sizeof(outer), "%.*s", dot ? (int)(dot - row->path) : 0, row->path);
    set_text_at(row, doc, &at, text, base);
}

/* ---- Keys of nested objects ------------------------------------------------------------------ */

/* If the row lies below the object with this prefix ("" or "timeouts."): its path from there. */
static const char *below(const struct row *row, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(row->path, prefix, n) == 0 ? row->path + n : NULL;
}

/* The distinct keys that an object may have, copied into words. */
static int known_keys(const struct rows *rows, const char *prefix,
                      char words[KEYS_MAX][ROW_PATH_MAX], const char *keys[KEYS_MAX])
{
    int nr = 0;

    for (int i = 0; i < rows->nr && nr < KEYS_MAX; i++) {
        const char *rest = below(&rows->list[i], prefix);
        if (!rest)
            continue;
        snprintf(words[nr], ROW_PATH_MAX, "%.*s", (int)strcspn(rest, "."), rest);
        if (nr > 0 && strcmp(words[nr], words[nr - 1]) == 0)
            continue; /* rows of one object stand together */
        keys[nr] = words[nr];
        nr++;
    }
    return nr;
}

/* The object in which a key of this name belongs, if one row only has it: people forget the level
 * in between. */
static const char *home_of_key(const struct rows *rows, const char *key)
{
    const char *home = NULL;

    for (int i = 0; i < rows->nr; i++) {
        const char *dot = strrchr(rows->list[i].path, '.');
        if (!dot || strcmp(dot + 1, key) != 0)
            continue;
        if (home)
            return NULL;
        home = rows->list[i].path;
    }
    return home;
}

static void report_unknown(const struct rows *rows, struct jsondoc *doc, const struct place *at,
                           const char *prefix)
{
    char words[KEYS_MAX][ROW_PATH_MAX];
    const char *keys[KEYS_MAX];
    int nr = known_keys(rows, prefix, words, keys);
    const char *nearest = suggest_nearest(at->key, keys, (size_t)nr);
    const char *home = home_of_key(rows, at->key);
    const char *known_better = doc->advise ? doc->advise(at) : NULL;
    struct jsondoc_text advice = {0};

    if (known_better)
        jsondoc_append(&advice, "; %s", known_better);
    else if (strchr(at->key, '.'))
        jsondoc_append(&advice, "; write one object in the other instead of dots");
    else if (home)
        jsondoc_append(&advice, "; it belongs in \"%.*s\"", (int)(strrchr(home, '.') - home), home);
    else if (nearest)
        jsondoc_append(&advice, "; did you mean \"%s\"?", nearest);
    else
        jsondoc_append(&advice, "; remove it");
    for (int i = 0; i < nr; i++)
        jsondoc_append(&advice, "%s%s", i == 0 ? " (known here: " : ", ", keys[i]);
    jsondoc_problem(doc, at, "unknown_key", "\"%.*s\" is not a known key%s)",
                    JSONDOC_QUOTE(at->key), advice.s);
}

static void read_object(const struct rows *rows, struct jsondoc *doc, const struct place *at,
                        const char *prefix, const json_t *object, void *base);

static void read_key(const struct rows *rows, struct jsondoc *doc, const struct place *at,
                     const char *prefix, const json_t *value, void *base)
{
    size_t key_length = strlen(at->key);
    char inner[ROW_PATH_MAX];

    for (int i = 0; i < rows->nr && !strchr(at->key, '.'); i++) {
        const char *rest = below(&rows->list[i], prefix);
        if (!rest || strncmp(rest, at->key, key_length) != 0)
            continue;
        if (!rest[key_length]) {
            read_value(rows, &rows->list[i], doc, at, value, base);
            return;
        }
        if (rest[key_length] != '.')
            continue;
        snprintf(inner, sizeof(inner), "%s%s.", prefix, at->key);
        if (jsondoc_is_object(doc, at, value, "an object, {...}"))
            read_object(rows, doc, at, inner, value, base);
        return;
    }
    report_unknown(rows, doc, at, prefix);
}

static void read_object(const struct rows *rows, struct jsondoc *doc, const struct place *at,
                        const char *prefix, const json_t *object, void *base)
{
    /* jansson's iterators take no const, but do not change anything. */
    json_t *o = (json_t *)(uintptr_t)object;

    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        struct place key = JSONDOC_KEY(at, json_object_iter_key(i));
        read_key(rows, doc, &key, prefix, json_object_iter_value(i), base);
    }
}

void rows_read(const struct rows *rows, struct jsondoc *doc, const struct place *at,
               const json_t *object, void *base)
{
    read_object(rows, doc, at, "", object, base);
}

/* ---- Whole structs --------------------------------------------------------------------------- */

/* Of a row that is no string and no special. Each version of a table starts with its defaults,
 * hence without strtoull. */
static uint64_t default_number(const struct row *row)
{
    uint64_t number = 0;

    if (row->type == ROWS_BOOL)
        return row->default_text[0] == 't';
    if (row->type == ROWS_CHOICE)
        return (uint64_t)find_choice(row->choices, row->default_text);
    for (const char *p = row->default_text; *p; p++)
        number = number * 10 + (uint64_t)(*p - '0');
    return number;
}

/* Of a row whose string is NULL. */
static int set_default(const struct row *row, void *base)
{
    if (row->type == ROWS_SPECIAL)
        return 0;
    if (is_string(row))
        return row->default_text ? set_string(row, base, row->default_text) : 0;
    set_number(row, base, default_number(row));
    return 0;
}

int rows_init(const struct rows *rows, void *base)
{
    int result = 0;

    for (int i = 0; i < rows->nr; i++)
        if (is_string(&rows->list[i]))
            *(char **)member(&rows->list[i], base) = NULL;
    for (int i = 0; i < rows->nr && result == 0; i++)
        result = set_default(&rows->list[i], base);
    return result;
}

void rows_fini(const struct rows *rows, void *base)
{
    for (int i = 0; i < rows->nr; i++)
        if (is_string(&rows->list[i]))
            (void)set_string(&rows->list[i], base, NULL); /* does not allocate */
}

static bool is_default(const struct row *row, const void *base)
{
    const char *text = is_string(row) ? get_string(row, base) : NULL;

    if (is_string(row))
        return text == row->default_text ||
               (text && row->default_text && strcmp(text, row->default_text) == 0);
    return get_number(row, base) == default_number(row);
}

static json_t *make_value(const struct row *row, const void *base)
{
    const char *text = is_string(row) ? get_string(row, base) : NULL;

    if (row->type == ROWS_STRING)
        return json_string(text);
    if (row->type == ROWS_NETWORKS)
        return value_of_text(row, text);
    if (row->type == ROWS_LIST)
        return text[0] ? split_networks(text) : json_array();
    if (row->type == ROWS_BOOL)
        return json_boolean(get_number(row, base));
    if (row->type == ROWS_CHOICE)
        return json_string(choice_name(row->choices, get_number(row, base)).s);
    return json_integer((json_int_t)get_number(row, base));
}

/* The object that holds the row, made where it is missing; *key becomes the row's key in it.
 * Borrowed. */
static json_t *make_home(json_t *object, const char *path, const char **key)
{
    const char *dot = strchr(path, '.');
    char word[ROW_PATH_MAX];

    for (; dot && object; dot = strchr(path, '.')) {
        json_t *inner;
        snprintf(word, sizeof(word), "%.*s", (int)(dot - path), path);
        inner = json_object_get(object, word);
        if (!inner) {
            inner = json_object();
            if (!inner || json_object_set_new(object, word, inner) < 0)
                return NULL;
        }
        object = inner;
        path = dot + 1;
    }
    *key = path;
    return object;
}

int rows_write(const struct rows *rows, const void *base, bool with_defaults, json_t *object)
{
    for (int i = 0; i < rows->nr; i++) {
        const struct row *row = &rows->list[i];
        const char *key = NULL;
        json_t *home, *value;

        if (row->type == ROWS_SPECIAL || (is_string(row) && !get_string(row, base)) ||
            (!with_defaults && is_default(row, base)))
            continue;
        home = make_home(object, row->path, &key);
        if (!home)
            return -1;
        value = make_value(row, base);
        if (!value || json_object_set_new(home, key, value) < 0)
            return -1;
    }
    return 0;
}

const struct row *rows_find(const struct rows *rows, const char *path)
{
    for (int i = 0; i < rows->nr; i++)
        if (strcmp(rows->list[i].path, path) == 0)
            return &rows->list[i];
    return NULL;
}

bool rows_equal(const struct row *row, const void *a, const void *b)
{
    const char *x, *y;

    if (!is_string(row))
        return get_number(row, a) == get_number(row, b);
    x = get_string(row, a);
    y = get_string(row, b);
    return x == y || (x && y && strcmp(x, y) == 0);
}

int rows_copy(const struct row *row, void *to, const void *from)
{
    if (is_string(row))
        return set_string(row, to, get_string(row, from));
    set_number(row, to, get_number(row, from));
    return 0;
}

void rows_value_text(const struct row *row, const void *base, char *out, size_t size)
{
    if (row->type == ROWS_STRING && !get_string(row, base))
        snprintf(out, size, "(none)");
    else if (row->type == ROWS_STRING)
        snprintf(out, size, "\"%.*s\"", JSONDOC_QUOTE(get_string(row, base)));
    else if (row->type == ROWS_NETWORKS)
        snprintf(out, size, "%s", get_string(row, base));
    else if (row->type == ROWS_BOOL)
        snprintf(out, size, "%s", get_number(row, base) ? "true" : "false");
    else if (row->type == ROWS_CHOICE)
        snprintf(out, size, "%s", choice_name(row->choices, get_number(row, base)).s);
    else
        snprintf(out, size, "%" PRIu64, get_number(row, base));
}
