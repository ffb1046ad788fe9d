/* Tags are a member of the machine's document. Versions and aliases have none. */
#include "control/sfn_tags.h"

#include <string.h>

#include "base/text.h"

enum { TAGS_MAX = 50, KEY_MAX = 128, VALUE_MAX = 256 };

static void take_tag(struct sfn_call *call, const json_t *tag, json_t *tags)
{
    const json_t *key = sfn_call_member(call, tag, "key", JSON_STRING);
    const json_t *value = sfn_call_member(call, tag, "value", JSON_STRING);
    const char *name = json_string_value(key), *text = json_string_value(value);

    lambda_check_length(&call->check, name, "tags.1.member.key", 1, KEY_MAX);
    lambda_check_length(&call->check, text, "tags.1.member.value", 0, VALUE_MAX);
    if (!call->is_over && !name)
        sfn_call_require(call, NULL, "tags.1.member.key");
    if (name && !call->is_over && call->check.nr == 0)
        json_object_set_new(tags, name, json_string(text ? text : ""));
}

bool sfn_tags_take(struct sfn_call *call, json_t *tags)
{
    const json_t *list = sfn_call_member(call, call->body, "tags", JSON_ARRAY);

    for (size_t i = 0; !call->is_over && i < json_array_size(list); i++) {
        if (json_is_object(json_array_get(list, i)))
            take_tag(call, json_array_get(list, i), tags);
        else
            sfn_call_fail(call, "SerializationException",
                          "A tag must be an object, {\"key\": ..., \"value\": ...}.");
    }
    if (json_object_size(tags) > TAGS_MAX)
        sfn_call_fail(call, "TooManyTags", "There are %zu tags; at most %d may be.",
                      json_object_size(tags), TAGS_MAX);
    return !sfn_call_is_wrong(call);
}

/* The machine of resourceArn; NULL: failed. */
static struct function *find(struct sfn_call *call)
{
    static const unsigned any = 1u << SFN_ARN_MACHINE | 1u << SFN_ARN_VERSION | 1u << SFN_ARN_ALIAS;
    struct function *machine = NULL;
    struct sfn_arn arn;

    if (!sfn_call_arn(call, "resourceArn", any, &arn))
        return NULL;
    if (arn.kind == SFN_ARN_MACHINE)
        machine = table_function(sfn_call_table(call), str_of(arn.function));
    if (!machine)
        sfn_call_fail(call, "ResourceNotFound", "Resource not found: '%.*s'", STR_ARG(arn.text));
    return machine;
}

void sfn_tags_list(struct sfn_call *call)
{
    struct function *machine = find(call);
    json_t *document = machine ? sfn_call_document(call, machine) : NULL;
    json_t *tags = json_object_get(document, "tags"), *list = json_array(), *value;
    const char *key;

    json_object_foreach(tags, key, value)
    {
        json_array_append_new(list, json_pack("{s:s, s:O}", "key", key, "value", value));
    }
    json_decref(document);
    if (call->is_over)
        json_decref(list);
    else
        sfn_call_answer_take(call, json_pack("{s:o}", "tags", list));
}

/* The object of tags of a document, made where it is missing; NULL when out of memory. */
static json_t *tags_of(json_t *document)
{
    json_t *tags = json_object_get(document, "tags");

    if (tags)
        return tags;
    tags = json_object();
    return json_object_set_new(document, "tags", tags) < 0 ? NULL : tags;
}

/* Takes the document. */
static void set_take(struct sfn_call *call, const struct function *machine, json_t *document)
{
    if (json_object_size(json_object_get(document, "tags")) == 0)
        json_object_del(document, "tags");
    sfn_call_submit_machine(call, machine->name, document);
}

void sfn_tags_add(struct sfn_call *call)
{
    struct function *machine;
    json_t *document, *tags;

    sfn_call_require(call, sfn_call_member(call, call->body, "tags", JSON_ARRAY), "tags");
    machine = find(call);
    document = machine ? sfn_call_document(call, machine) : NULL;
    if (!document)
        return;
    tags = tags_of(document);
    if (!tags)
        sfn_call_fail_memory(call);
    if (tags && sfn_tags_take(call, tags))
        set_take(call, machine, document);
    else
        json_decref(document);
}

void sfn_tags_remove(struct sfn_call *call)
{
    const json_t *keys = sfn_call_member(call, call->body, "tagKeys", JSON_ARRAY);
    struct function *machine;
    json_t *document;

    sfn_call_require(call, keys, "tagKeys");
    for (size_t i = 0; i < json_array_size(keys); i++)
        if (!json_is_string(json_array_get(keys, i)))
            sfn_call_fail(call, "SerializationException", "tagKeys must be a list of texts.");
    machine = find(call);
    document = machine ? sfn_call_document(call, machine) : NULL;
    if (!document)
        return;
    for (size_t i = 0; i < json_array_size(keys); i++)
        json_object_del(json_object_get(document, "tags"),
                        json_string_value(json_array_get(keys, i)));
    set_take(call, machine, document);
}
