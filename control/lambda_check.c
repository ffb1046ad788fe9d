/* The constraints of the Lambda API's model that weir's calls meet. */
#include "control/lambda_check.h"

#include <stdio.h>

#include "conf/jsondoc.h"
#include "control/answer.h"

static const char function_pattern[] =
    "Member must satisfy regular expression pattern: "
    "(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?"
    "(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?";
static const char alias_pattern[] =
    "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)";
static const char version_pattern[] =
    "Member must satisfy regular expression pattern: (\\$LATEST|[0-9]+)";
static const char key_constraint[] =
    "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member "
    "must have length greater than or equal to 1, Member must satisfy regular expression pattern: "
    "[0-9]+]";
static const char value_constraint[] =
    "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member "
    "must have value greater than or equal to 0.0, Member must not be null]";

enum { VALUE_MAX = 300 };

void lambda_check_add(struct lambda_check *check, struct str value, const char *member,
                      const char *constraint)
{
    size_t room = sizeof(check->text) - check->n;
    int n = snprintf(check->text + check->n, room,
                     "%sValue '%.*s' at '%s' failed to satisfy constraint: %s",
                     check->nr > 0 ? "; " : "", (int)(value.n < VALUE_MAX ? value.n : VALUE_MAX),
                     value.p ? value.p : "", member, constraint);

    check->n += (size_t)n < room ? (size_t)n : room - 1;
    check->nr++;
}

void lambda_check_names(struct lambda_check *check, struct str function, const struct str *segment,
                        struct invoke_address *address, char alias[INVOKE_QUALIFIER_MAX + 1])
{
    int n;

    if (segment) {
        n = invoke_decode(*segment, alias, INVOKE_QUALIFIER_MAX);
        alias[n > 0 ? n : 0] = '\0';
        if (n < 0 || !invoke_is_alias_name((struct str){alias, (size_t)n}))
            lambda_check_add(check, *segment, "name", alias_pattern);
    }
    if (invoke_parse_name(address, function))
        lambda_check_add(check, function, "functionName", function_pattern);
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
    if (!is_number(version) && !str_eq(version, STR("$LATEST")))
        lambda_check_add(check, version, "functionVersion", version_pattern);
}

void lambda_check_weights(struct lambda_check *check, const json_t *weights)
{
    const char *member = "routingConfig.additionalVersionWeights";
    json_t *o = (json_t *)(uintptr_t)weights; /* jansson's iterators take no const */

    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        const json_t *value = json_object_iter_value(i);
        double share = json_number_value(value);
        char text[VALUE_MAX + 1];
        struct str shown = {text, 0};

        snprintf(text, sizeof(text), json_is_number(value) ? "{%.200s=%.12g}" : "{%.200s=null}",
                 json_object_iter_key(i), share);
        shown.n = strlen(text);
        if (!is_number(str_of(json_object_iter_key(i))))
            lambda_check_add(check, shown, member, key_constraint);
        if (!json_is_number(value) || !(share >= 0 && share <= 1))
            lambda_check_add(check, shown, member, value_constraint);
    }
}

bool lambda_check_answer(const struct lambda_check *check, struct api_response *response)
{
    char message[sizeof(check->text) + 64];
    bool is_text;

    if (check->nr == 0)
        return false;
    snprintf(message, sizeof(message), "%d validation error%s detected: %s", check->nr,
             check->nr > 1 ? "s" : "", check->text);
    /* What was sent may be no text, or be cut in the middle of a character. */
    is_text = jsondoc_is_utf8(message);
    for (char *p = message; !is_text && *p; p++)
        if (*p & 0x80)
            *p = '?';
    answer_error(response, 400, "ValidationException", message);
    return true;
}
