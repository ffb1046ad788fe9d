/* Names and values have the forms that API Gateway's API allows. */
#include "conf/stagevars.h"

#include <string.h>

#define BEGIN "${stageVariables."

enum { NAME_MAX_BYTES = 64, VALUE_MAX_BYTES = 512 };

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (str_lower(c) >= 'a' && str_lower(c) <= 'z');
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alphanumeric(s.p[i]) && s.p[i] != '_')
            return false;
    return s.n > 0 && s.n <= NAME_MAX_BYTES;
}

static bool is_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alphanumeric(s.p[i]) && !memchr("-._~:/?#&=,", s.p[i], 11))
            return false;
    return s.n > 0 && s.n <= VALUE_MAX_BYTES;
}

int stagevars_read(struct url_terms_variable *list, struct jsondoc *doc, const struct place *at,
                   const json_t *value)
{
    json_t *o = (json_t *)(uintptr_t)value; /* jansson's iterators take no const */
    int nr = 0;

    if (json_object_size(value) > STAGEVARS_MAX)
        jsondoc_problem(doc, at, "too_many", "has %zu variables; a stage has %d at most",
                        json_object_size(value), STAGEVARS_MAX);
    for (void *i = json_object_iter(o); i && nr < STAGEVARS_MAX; i = json_object_iter_next(o, i)) {
        const char *name = json_object_iter_key(i);
        const json_t *item = json_object_iter_value(i);
        struct place item_at = JSONDOC_KEY(at, name);

        if (!is_name(str_of(name)))
            jsondoc_problem(doc, &item_at, "bad_name",
                            "\"%.*s\" is no name of a stage variable; those have 1 to %d letters, "
                            "digits or '_'",
                            JSONDOC_QUOTE(name), NAME_MAX_BYTES);
        if (!jsondoc_is_string(doc, &item_at, item, "a string such as \"PROD\""))
            continue;
        if (!is_value(str_of(json_string_value(item))))
            jsondoc_problem(doc, &item_at, "bad_value",
                            "must have 1 to %d letters, digits or characters of -._~:/?#&=,",
                            VALUE_MAX_BYTES);
        list[nr++] = (struct url_terms_variable){str_of(name), str_of(json_string_value(item))};
    }
    return nr;
}

bool stagevars_is_used(const char *text)
{
    return strstr(text, "${") != NULL;
}

/* The value of the variable that text begins with, of which *n bytes are its reference; NULL with a
 * problem added. */
static const char *look_up(struct jsondoc *doc, const struct place *at, const char *text,
                           const json_t *variables, size_t *n)
{
    const char *begin = text + sizeof(BEGIN) - 1, *end = strchr(text, '}');
    struct jsondoc_text known = {0};
    char name[NAME_MAX_BYTES + 1];
    const char *value;

    if (strncmp(text, BEGIN, sizeof(BEGIN) - 1) != 0 || !end ||
        !is_name((struct str){begin, (size_t)(end - begin)})) {
        jsondoc_problem(doc, at, "bad_value",
                        "\"%.*s\" refers to no stage variable; the form is " BEGIN "NAME}",
                        JSONDOC_QUOTE(text));
        return NULL;
    }
    memcpy(name, begin, (size_t)(end - begin));
    name[end - begin] = '\0';
    *n = (size_t)(end + 1 - text);
    value = json_string_value(json_object_get(variables, name));
    if (value)
        return value;
    jsondoc_append_known(doc, &known, variables, name);
    jsondoc_problem(doc, at, "unknown_variable",
                    "this route has no string \"%s\" among its stage_variables%s", name, known.s);
    return NULL;
}

bool stagevars_expand(char out[STAGEVARS_TEXT_MAX], struct jsondoc *doc, const struct place *at,
                      const char *text, const json_t *variables)
{
    size_t n = 0;

    while (*text) {
        const char *piece = text;
        size_t used = strcspn(text, "$"), bytes = used;

        if (used == 0 && text[1] != '{') {
            used = bytes = 1; /* a '$' of its own, as in $LATEST */
        } else if (used == 0) {
            piece = look_up(doc, at, text, variables, &used);
            if (!piece)
                return false;
            bytes = strlen(piece);
        }
        if (n + bytes >= STAGEVARS_TEXT_MAX) {
            jsondoc_problem(doc, at, "bad_value", "is too long with the variables' values");
            return false;
        }
        memcpy(out + n, piece, bytes);
        n += bytes;
        text += used;
    }
    out[n] = '\0';
    return true;
}

json_t *stagevars_write(const struct url_terms *terms)
{
    json_t *object = json_object();

    for (int i = 0; object && i < terms->nr_variables; i++) {
        const struct url_terms_variable *variable = &terms->variables[i];
        if (jsondoc_set_take(object, variable->name,
                             json_stringn(variable->value.p, variable->value.n)) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}
