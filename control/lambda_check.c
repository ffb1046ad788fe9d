/* The constraints of the Lambda API's model that weir's calls meet. */
#include "control/lambda_check.h"

#include <stdio.h>

#include "base/text.h"
#include "conf/jsondoc.h"
#include "control/answer.h"

#define PATTERN "Member must satisfy regular expression pattern: "
#define NAME_BEFORE                                                                                \
    "(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?"    \
    "(\\d{12}:)?(function:)?"

static const char function_pattern[] =
    PATTERN NAME_BEFORE "([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?";
static const char alias_pattern[] = PATTERN "(?!^[0-9]+$)([a-zA-Z0-9-_]+)";
static const char qualifier_pattern[] = PATTERN "\\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";
static const char version_pattern[] = PATTERN "(\\$LATEST(\\.PUBLISHED)?|[0-9]+)";
static const char key_constraint[] =
    "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member "
    "must have length greater than or equal to 1, " PATTERN "[0-9]+]";
static const char value_constraint[] =
    "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member "
    "must have value greater than or equal to 0.0, Member must not be null]";

enum { VALUE_MAX = 600, CONSTRAINT_MAX = 256 };

/* snprintf behind what is there; what does not fit is cut. */
static void append(struct lambda_check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(struct lambda_check *check, const char *format, ...)
{
    size_t room = sizeof(check->text) - check->n;
    va_list arguments;

    va_start(arguments, format);
    size_t n = (size_t)vsnprintf(check->text + check->n, room, format, arguments);
    va_end(arguments);
    check->n += n < room ? n : room - 1;
}

void lambda_check_add(struct lambda_check *check, struct str value, const char *member,
                      const char *constraint)
{
    append(check, "%sValue ", check->nr > 0 ? "; " : "");
    if (value.p)
        append(check, "'%.*s'", (int)(value.n < VALUE_MAX ? value.n : VALUE_MAX), value.p);
    else
        append(check, "null");
    append(check, " at '%s' failed to satisfy constraint: %s", member, constraint);
    check->nr++;
}

/* ---- Names ----------------------------------------------------------------------------------- */

void lambda_check_function(struct lambda_check *check, const char *text, bool is_good,
                           size_t bytes_max)
{
    struct str value = str_of(text);
    char constraint[CONSTRAINT_MAX];

    if (value.n > bytes_max) {
        snprintf(constraint, sizeof(constraint),
                 "Member must have length less than or equal to %zu", bytes_max);
        lambda_check_add(check, value, "functionName", constraint);
    }
    if (!is_good)
        lambda_check_add(check, value, "functionName", function_pattern);
}

void lambda_check_alias(struct lambda_check *check, const char *name)
{
    struct str value = str_of(name);

    lambda_check_length(check, name, "name", 1, INVOKE_QUALIFIER_MAX);
    if (value.n <= INVOKE_QUALIFIER_MAX && !invoke_is_alias_name(value))
        lambda_check_add(check, value, "name", alias_pattern);
}

void lambda_check_qualifier(struct lambda_check *check, const char *qualifier)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_$";
    struct str value = str_of(qualifier);

    lambda_check_length(check, qualifier, "qualifier", 1, INVOKE_QUALIFIER_MAX);
    if (strspn(qualifier, allowed) < value.n && !str_eq(value, STR("$LATEST.PUBLISHED")))
        lambda_check_add(check, value, "qualifier", qualifier_pattern);
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0 && s.n <= 1024;
}

void lambda_check_version(struct lambda_check *check, struct str version)
{
    if (!is_number(version) && !str_eq(version, STR("$LATEST")) &&
        !str_eq(version, STR("$LATEST.PUBLISHED")))
        lambda_check_add(check, version, "functionVersion", version_pattern);
}

/* ---- Values ---------------------------------------------------------------------------------- */

void lambda_check_weights(struct lambda_check *check, const json_t *weights)
{
    const char *member = "routingConfig.additionalVersionWeights";
    json_t *o = (json_t *)(uintptr_t)weights; /* jansson's iterators take no const */

    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        const json_t *value = json_object_iter_value(i);
        double share = json_number_value(value);
        char text[VALUE_MAX + 1];
        struct str shown = {text, 0};

        if (!json_is_number(value))
            snprintf(text, sizeof(text), "{%.200s=null}", json_object_iter_key(i));
        else if (share == (double)(long long)share && share > -1e15 && share < 1e15)
            snprintf(text, sizeof(text), "{%.200s=%.1f}", json_object_iter_key(i), share);
        else
            snprintf(text, sizeof(text), "{%.200s=%.12g}", json_object_iter_key(i), share);
        shown.n = strlen(text);
        if (!is_number(str_of(json_object_iter_key(i))))
            lambda_check_add(check, shown, member, key_constraint);
        if (!json_is_number(value) || !(share >= 0 && share <= 1))
            lambda_check_add(check, shown, member, value_constraint);
    }
}

void lambda_check_length(struct lambda_check *check, const char *text, const char *member,
                         size_t min, size_t max)
{
    char constraint[CONSTRAINT_MAX];
    size_t n;

    if (!text)
        return;
    n = text_characters(str_of(text));
    if (n >= min && n <= max)
        return;
    snprintf(constraint, sizeof(constraint), "Member must have length %s than or equal to %zu",
             n < min ? "greater" : "less", n < min ? min : max);
    lambda_check_add(check, str_of(text), member, constraint);
}

void lambda_check_range(struct lambda_check *check, const json_t *number, const char *member,
                        json_int_t min, json_int_t max)
{
    char constraint[CONSTRAINT_MAX], text[32];
    json_int_t n = json_integer_value(number);

    if (!number || (n >= min && n <= max))
        return;
    snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, n);
    snprintf(constraint, sizeof(constraint),
             "Member must have value %s than or equal to %" JSON_INTEGER_FORMAT,
             n < min ? "greater" : "less", n < min ? min : max);
    lambda_check_add(check, str_of(text), member, constraint);
}

/* Is it one of "[A, B]"? */
static bool is_word(struct str words, struct str text)
{
    words.p++;
    words.n -= 2;
    while (words.n > 0) {
        struct str word = str_until(words, ',');
        size_t used = word.n < words.n ? word.n + 2 : word.n;

        if (str_eq(word, text))
            return true;
        words.p += used;
        words.n -= used;
    }
    return false;
}

void lambda_check_choice(struct lambda_check *check, const char *text, const char *member,
                         const char *words)
{
    char constraint[CONSTRAINT_MAX];

    if (!text || is_word(str_of(words), str_of(text)))
        return;
    snprintf(constraint, sizeof(constraint), "Member must satisfy enum value set: %s", words);
    lambda_check_add(check, str_of(text), member, constraint);
}

/* ---- The whole ------------------------------------------------------------------------------- */

void lambda_check_message(const struct lambda_check *check, char message[LAMBDA_CHECK_MESSAGE])
{
    bool is_text;

    snprintf(message, LAMBDA_CHECK_MESSAGE, "%d validation error%s detected: %s", check->nr,
             check->nr > 1 ? "s" : "", check->text);
    /* What was sent may be no text, or be cut in the middle of a character. */
    is_text = jsondoc_is_utf8(message);
    for (char *p = message; !is_text && *p; p++)
        if (*p & 0x80)
            *p = '?';
}

bool lambda_check_answer(const struct lambda_check *check, struct api_response *response)
{
    char message[LAMBDA_CHECK_MESSAGE];

    if (check->nr == 0)
        return false;
    lambda_check_message(check, message);
    answer_error(response, 400, "ValidationException", message);
    return true;
}
