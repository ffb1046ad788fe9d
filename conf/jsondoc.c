/* Loads JSON text with jansson and turns its errors into sentences with line, column and advice.
 *
 * jansson knows the grammar and stops at the first syntax error; what it says is for programmers,
 * so each of its error codes has a sentence of ours here. What the parsed document means is for
 * settings.c and tabledoc.c. */
#include "conf/jsondoc.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/jsonplain.h"
#include "conf/suggest.h"

static const char byte_order_mark[] = "\xef\xbb\xbf";

struct advice {
    enum json_error_code jansson;
    const char *code;
    const char *text;
};

static const struct advice advices[] = {
    {json_error_stack_overflow, "too_deep",
     "objects or arrays are nested thousands deep; a document of weir needs fewer than ten levels"},
    {json_error_invalid_utf8, "invalid_utf8",
     "this is not UTF-8; save the file in the encoding UTF-8"},
    {json_error_premature_end_of_input, "syntax",
     "the document ends too early; a closing '}', ']' or '\"' is missing"},
    {json_error_end_of_input_expected, "trailing_text",
     "the document is complete here, but more text follows; remove it, or one '}' too many before "
     "it"},
    {json_error_null_character, "nul_character", "\\u0000 is not allowed in a string; remove it"},
    {json_error_null_byte_in_key, "nul_character", "\\u0000 is not allowed in a key; remove it"},
    {json_error_duplicate_key, "duplicate_key",
     "this key stands twice in the same object; remove or rename one of the two"},
    {json_error_numeric_overflow, "number_range", "this number is too large to be read"},
    {json_error_out_of_memory, "out_of_memory", "out of memory while reading the document"},
};

/* Is there an object or array before this place? */
static bool has_begun(const char *text, size_t place)
{
    return memchr(text, '{', place) || memchr(text, '[', place);
}

/* Common slips, told by the character at which the grammar broke. */
static const char *guess_slip(const char *text, size_t length, size_t position)
{
    size_t at = position > 0 ? position - 1 : 0; /* jansson counts the bytes it has read */
    size_t before = at;

    if (at >= length)
        return "";
    while (before > 0 && isspace((unsigned char)text[before - 1]))
        before--;
    if ((text[at] == '}' || text[at] == ']') && before > 0 && text[before - 1] == ',')
        return "; remove the comma before it";
    if (text[at] == '\'')
        return "; JSON wants double quotes";
    if (text[at] == '/' || text[at] == '#')
        return "; JSON has no comments";
    if (!has_begun(text, before))
        return "; a document begins with '{'";
    return "; look for a missing comma, colon or quote before this place";
}

static void report_syntax(struct jsondoc *doc, const json_error_t *error, const char *text,
                          size_t length)
{
    enum json_error_code code = json_error_code(error);
    struct place root = JSONDOC_ROOT;
    size_t nr = doc->problems->nr;

    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
        if (advices[i].jansson != code)
            continue;
        jsondoc_problem(doc, &root, advices[i].code, "line %d, column %d: %s", error->line,
                        error->column, advices[i].text);
        problems_point(doc->problems, nr, error->line, error->column);
        return;
    }
    if (!error->text[0]) { /* jansson says nothing where an allocation failed */
        jsondoc_no_memory(doc);
        return;
    }
    jsondoc_problem(doc, &root, "syntax", "line %d, column %d: not valid JSON, %s%s", error->line,
                    error->column, error->text, guess_slip(text, length, (size_t)error->position));
    problems_point(doc->problems, nr, error->line, error->column);
}

/* jansson takes a NUL byte for the end of the text and would report something else there. */
static bool has_nul(struct jsondoc *doc, const char *text, size_t length)
{
    const char *nul = memchr(text, '\0', length);
    struct place root = JSONDOC_ROOT;
    int line = 1, column = 1;
    size_t nr;

    if (!nul)
        return false;
    nr = doc->problems->nr;
    for (const char *p = text; p < nul; p++) {
        column = *p == '\n' ? 1 : column + 1;
        line += *p == '\n';
    }
    jsondoc_problem(doc, &root, "nul_character",
                    "line %d, column %d: there is a NUL byte; this is no text file, or it was "
                    "written while it was being read",
                    line, column);
    problems_point(doc->problems, nr, line, column);
    return true;
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!isspace((unsigned char)text[i]))
            return false;
    return true;
}

/* *is_out: memory ran out, which jansson need not have noticed. */
static json_t *load(struct str text, size_t flags, struct jsonmem_pool *pool, json_error_t *error,
                    bool *is_out)
{
    json_t *json;

    jsonmem_begin(pool);
    json = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | flags, error);
    *is_out = jsonmem_end();
    if (!*is_out)
        return json;
    if (!pool)
        json_decref(json);
    return NULL;
}

bool jsondoc_open(struct jsondoc *doc, struct str *text)
{
    struct place root = JSONDOC_ROOT;

    if (text->n >= 3 && memcmp(text->p, byte_order_mark, 3) == 0) {
        text->p += 3; /* RFC 8259 section 8.1 lets a reader ignore it */
        text->n -= 3;
    }
    if (has_nul(doc, text->p, text->n))
        return false;
    if (is_blank(text->p, text->n)) {
        jsondoc_problem(
            doc, &root, "empty",
            "the document is empty; the smallest table is {\"functions\": {}}, the smallest "
            "settings are {}");
        return false;
    }
    return true;
}

json_t *jsondoc_piece(struct str piece, struct jsonmem_pool *pool, bool *is_out)
{
    json_error_t error;
    json_t *json;

    jsonmem_begin(pool);
    json = jsonplain_read(piece);
    *is_out = jsonmem_end();
    if (!json && !*is_out)
        return load(piece, JSON_DECODE_ANY, pool, &error, is_out);
    assert(!json || !*is_out);
    return json;
}

/* The text is not blank. */
static json_t *load_object(struct jsondoc *doc, struct str text)
{
    struct place root = JSONDOC_ROOT;
    json_error_t error;
    json_t *json;
    bool is_out;

    memset(&error, 0, sizeof(error));
    json = load(text, 0, NULL, &error, &is_out);
    if (is_out) {
        jsondoc_no_memory(doc);
        return NULL;
    }
    if (!json) {
        report_syntax(doc, &error, text.p, text.n);
        return NULL;
    }
    if (!jsondoc_is_object(doc, &root, json, "an object, {...}")) {
        json_decref(json);
        return NULL;
    }
    return json;
}

void jsondoc_explain(struct jsondoc *doc, struct str text)
{
    struct place root = JSONDOC_ROOT;
    json_t *json = load_object(doc, text);

    if (json)
        jsondoc_problem(doc, &root, "syntax", "not valid JSON");
    json_decref(json);
}

json_t *jsondoc_load(struct jsondoc *doc, const char *text, size_t length)
{
    struct str all = {text, length};

    return jsondoc_open(doc, &all) ? load_object(doc, all) : NULL;
}

/* jansson's own json_dumps (2.14) loses keys unnoticed when memory runs out while its buffer grows.
 * Here the length is found first, and the buffer never grows. */
static char *dump(const json_t *json, size_t flags)
{
    size_t length = json_dumpb(json, NULL, 0, flags);
    char *text = length > 0 ? malloc(length + 2) : NULL;

    if (!text)
        return NULL;
    if (json_dumpb(json, text, length, flags) != length) {
        free(text);
        return NULL;
    }
    memcpy(text + length, "\n", 2);
    return text;
}

char *jsondoc_dump(const json_t *json, int digits)
{
    return dump(json, JSON_INDENT(2) | JSON_REAL_PRECISION(digits));
}

char *jsondoc_dump_line(const json_t *json, int digits)
{
    return dump(json, JSON_COMPACT | JSON_REAL_PRECISION(digits));
}

char *jsondoc_dump_sorted(const json_t *json)
{
    char *text = dump(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));

    if (text)
        text[strlen(text) - 1] = '\0';
    return text;
}

int jsondoc_set_take(json_t *object, struct str name, json_t *value)
{
    char key[512];

    assert(name.n < sizeof(key));
    memcpy(key, name.p, name.n);
    key[name.n] = '\0';
    return json_object_set_new(object, key, value);
}

void jsondoc_problem(struct jsondoc *doc, const struct place *at, const char *code,
                     const char *format, ...)
{
    char path[JSONDOC_PATH_MAX];
    va_list arguments;

    jsondoc_path(at, path);
    va_start(arguments, format);
    problems_addv(doc->problems, code, doc->file, path, format, arguments);
    va_end(arguments);
    doc->is_bad = true;
}

void jsondoc_no_memory(struct jsondoc *doc)
{
    struct place root = JSONDOC_ROOT;

    jsondoc_problem(doc, &root, "out_of_memory", "out of memory while reading the document");
}

static bool check_kind(struct jsondoc *doc, const struct place *at, const json_t *value,
                       json_type type, const char *expected)
{
    if (json_typeof(value) == type)
        return true;
    jsondoc_problem(doc, at, "wrong_type", "must be %s, not %s", expected, jsondoc_kind(value));
    return false;
}

bool jsondoc_is_object(struct jsondoc *doc, const struct place *at, const json_t *value,
                       const char *expected)
{
    return check_kind(doc, at, value, JSON_OBJECT, expected);
}

bool jsondoc_is_array(struct jsondoc *doc, const struct place *at, const json_t *value,
                      const char *expected)
{
    return check_kind(doc, at, value, JSON_ARRAY, expected);
}

bool jsondoc_is_string(struct jsondoc *doc, const struct place *at, const json_t *value,
                       const char *expected)
{
    return check_kind(doc, at, value, JSON_STRING, expected);
}

const char *jsondoc_kind(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_REAL:
        return "a number with a fraction or exponent";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

static bool is_plain_word(const char *key)
{
    for (const char *p = key; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_-$", *p))
            return false;
    return *key != '\0';
}

static void append_step(struct jsondoc_text *text, const struct place *at)
{
    const char *key = at->key ? at->key + at->skip : NULL;

    if (!key)
        jsondoc_append(text, "[%zu]", at->index);
    else if (is_plain_word(key))
        jsondoc_append(text, ".%.*s", JSONDOC_QUOTE(key));
    else
        jsondoc_append(text, "[\"%.*s\"]", JSONDOC_QUOTE(key));
}

void jsondoc_path(const struct place *at, char out[JSONDOC_PATH_MAX])
{
    const struct place *steps[16];
    struct jsondoc_text text = {0};
    int nr = 0;

    /* The documents' grammar ends before the steps do: nobody descends into what is not known. */
    for (; at->parent && nr < 16; at = at->parent)
        steps[nr++] = at;
    jsondoc_append(&text, "$");
    while (nr > 0)
        append_step(&text, steps[--nr]);
    snprintf(out, JSONDOC_PATH_MAX, "%s", text.s);
}

void jsondoc_append(struct jsondoc_text *text, const char *format, ...)
{
    size_t room = sizeof(text->s) - text->n;
    va_list arguments;
    int n;

    if (room <= 1)
        return;
    va_start(arguments, format);
    n = vsnprintf(text->s + text->n, room, format, arguments);
    va_end(arguments);
    if (n < 0)
        return;
    if ((size_t)n < room) {
        text->n += (size_t)n;
        return;
    }
    text->n = sizeof(text->s) - 1;
    memcpy(text->s + text->n - 3, "...", 3);
}

/* jansson's iterators take no const, but change nothing. */
static json_t *unconst(const json_t *object)
{
    return (json_t *)(uintptr_t)object;
}

void jsondoc_append_keys(const struct jsondoc *doc, struct jsondoc_text *text,
                         const char *const *keys, size_t nr, const char *word)
{
    enum { NAMED_MAX = 8 };
    size_t named = nr < NAMED_MAX ? nr : NAMED_MAX;
    const char *nearest;

    if (doc->problems->nr >= PROBLEMS_MAX)
        return;
    nearest = suggest_nearest(word, keys, nr < JSONDOC_KNOWN_MAX ? nr : JSONDOC_KNOWN_MAX);
    if (nearest)
        jsondoc_append(text, "; did you mean \"%.*s\"?", JSONDOC_QUOTE(nearest));
    for (size_t i = 0; i < named; i++)
        jsondoc_append(text, "%s%.*s", i == 0 ? " (known: " : ", ", JSONDOC_QUOTE(keys[i]));
    if (nr > named)
        jsondoc_append(text, " and %zu more)", nr - named);
    else
        jsondoc_append(text, nr > 0 ? ")" : " (none is known)");
}

void jsondoc_append_known(const struct jsondoc *doc, struct jsondoc_text *text,
                          const json_t *object, const char *word)
{
    const char *keys[JSONDOC_KNOWN_MAX];
    json_t *o = unconst(object);
    size_t nr = 0;

    for (void *i = json_object_iter(o); i && nr < JSONDOC_KNOWN_MAX;
         i = json_object_iter_next(o, i))
        keys[nr++] = json_object_iter_key(i);
    jsondoc_append_keys(doc, text, keys, json_object_size(object), word);
}

int jsondoc_quote_length(const char *s)
{
    size_t n = strnlen(s, JSONDOC_QUOTE_MAX + 1);

    if (n <= JSONDOC_QUOTE_MAX)
        return (int)n;
    n = JSONDOC_QUOTE_MAX;
    while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80) /* not in the middle of a character */
        n--;
    return (int)n;
}

bool jsondoc_is_utf8(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    while (*s) {
        int more = *s < 0x80   ? 0
                   : *s < 0xc2 ? -1
                   : *s < 0xe0 ? 1
                   : *s < 0xf0 ? 2
                   : *s < 0xf5 ? 3
                               : -1;
        unsigned low = *s == 0xe0 ? 0xa0 : *s == 0xf0 ? 0x90 : 0x80;
        unsigned high = *s == 0xed ? 0x9f : *s == 0xf4 ? 0x8f : 0xbf;
        if (more < 0)
            return false;
        for (s++; more > 0; more--, s++) { /* RFC 3629 section 4: the first one after is narrower */
            if (*s < low || *s > high)
                return false;
            low = 0x80;
            high = 0xbf;
        }
    }
    return true;
}
