/* Tags. */
#include "control/lambda_tags.h"

#include "conf/jsondoc.h"
#include "control/answer.h"
#include "control/lambda_shape.h"

enum { TAGS_MAX = 50, KEY_MAX = 128, VALUE_MAX = 256 };

static const char arn_pattern[] =
    "Member must satisfy regular expression pattern: "
    "arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:"
    "(function:[a-zA-Z0-9-_]+(:(\\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|"
    "code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-"
    "[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})";

void lambda_tags_check(struct lambda_call *call, const json_t *tags)
{
    json_t *o = (json_t *)(uintptr_t)tags; /* jansson's iterators take no const */

    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        const char *value = json_string_value(json_object_iter_value(i));
        if (!value && !call->wrong_type)
            call->wrong_type = "Tags";
        lambda_check_length(&call->check, json_object_iter_key(i), "tags", 1, KEY_MAX);
        lambda_check_length(&call->check, value, "tags", 0, VALUE_MAX);
    }
    if (json_object_size(tags) > TAGS_MAX)
        lambda_check_add(&call->check, STR("..."), "tags",
                         "Member must have length less than or equal to 50");
}

/* Reads the ARN, before anything else is checked. */
static void read_arn(struct lambda_call *call)
{
    char text[INVOKE_TEXT_MAX];

    lambda_call_decode(call->segments[0], text, sizeof(text));
    lambda_call_read_name(call, str_of(text), LAMBDA_NAME_BYTES);
    if (call->check.nr == 0 && strncmp(text, "arn:", 4) == 0 && call->name.region[0])
        return;
    call->check.nr = 0;
    call->check.n = 0;
    lambda_check_add(&call->check, str_of(text), "resource", arn_pattern);
}

/* Reads the function into call->document. False: answered. */
static bool open_function(struct lambda_call *call)
{
    if (lambda_call_is_wrong(call))
        return false;
    if (call->name.qualifier[0]) {
        lambda_call_fail_value(call, "Tags on function aliases and versions are not supported. "
                                     "Please specify a function ARN.");
        return false;
    }
    return lambda_call_load(call, "");
}

void lambda_tags_list(struct lambda_call *call)
{
    const json_t *tags;

    read_arn(call);
    if (!open_function(call))
        return;
    tags = json_object_get(call->document, "tags");
    answer_json(call->out, 200,
                tags ? json_pack("{s:O}", "Tags", tags) : json_pack("{s:{}}", "Tags"));
}

void lambda_tags_add(struct lambda_call *call)
{
    const json_t *given = lambda_call_member(call, call->body, "Tags", JSON_OBJECT);
    json_t *tags;

    read_arn(call);
    lambda_call_require(call, given, "tags");
    lambda_tags_check(call, given);
    if (!open_function(call))
        return;
    tags = json_object_get(call->document, "tags");
    if (!tags) {
        tags = json_object();
        json_object_set_new(call->document, "tags", tags);
    }
    if (!tags || json_object_update(tags, (json_t *)(uintptr_t)given) < 0)
        lambda_call_fail_memory(call);
    else if (json_object_size(tags) > TAGS_MAX)
        lambda_call_fail_value(call, "Number of tags exceeds resource tag limit.");
    else
        lambda_call_submit(call);
}

void lambda_tags_remove(struct lambda_call *call)
{
    char key[4 * KEY_MAX + 1];
    const char *next = NULL;
    json_t *tags;

    read_arn(call);
    if (!lambda_call_query(call, "tagKeys", key, sizeof(key), NULL))
        lambda_call_require(call, NULL, "tagKeys");
    if (!open_function(call))
        return;
    tags = json_object_get(call->document, "tags");
    while (lambda_call_query(call, "tagKeys", key, sizeof(key), &next))
        json_object_del(tags, key);
    if (json_object_size(tags) == 0)
        json_object_del(call->document, "tags");
    lambda_call_submit(call);
}

void lambda_tags_changed(struct lambda_call *call)
{
    lambda_call_answer_empty(call);
}
