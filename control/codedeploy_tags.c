/* Tags stand in the documents of applications and groups, under "tags", as an object. */
#include "control/codedeploy_tags.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { TAGS_MAX = 50, KEY_MAX = 128, VALUE_MAX = 256 };

/* ---- Lists of tags --------------------------------------------------------------------------- */

static void take_tag(struct codedeploy_call *call, const json_t *tag, json_t *tags)
{
    const char *key = codedeploy_call_text(call, tag, "Key");
    const char *value = codedeploy_call_text(call, tag, "Value");

    if (call->is_over)
        return;
    if (!key || !*key || text_characters(str_of(key)) > KEY_MAX ||
        (value && text_characters(str_of(value)) > VALUE_MAX))
        codedeploy_call_fail(call, "InvalidTagsToAddException",
                             "A tag has a Key of 1 to %d characters, and a Value of %d at most.",
                             KEY_MAX, VALUE_MAX);
    else
        json_object_set_new(tags, key, json_string(value ? value : ""));
}

/* Takes the list's tags into the object. */
static void take_tags(struct codedeploy_call *call, const json_t *list, json_t *tags)
{
    for (size_t i = 0; !call->is_over && i < json_array_size(list); i++) {
        if (json_is_object(json_array_get(list, i)))
            take_tag(call, json_array_get(list, i), tags);
        else
            codedeploy_call_fail(call, "SerializationException",
                                 "A tag must be an object, {\"Key\": ..., \"Value\": ...}.");
    }
    if (json_object_size(tags) > TAGS_MAX)
        codedeploy_call_fail(call, "InvalidTagsToAddException",
                             "There are %zu tags; at most %d may be.", json_object_size(tags),
                             TAGS_MAX);
}

json_t *codedeploy_tags_read(struct codedeploy_call *call)
{
    json_t *tags = json_object();

    take_tags(call, codedeploy_call_member(call, call->body, "tags", JSON_ARRAY), tags);
    if (!call->is_over)
        return tags;
    json_decref(tags);
    return NULL;
}

/* ---- Resources ------------------------------------------------------------------------------- */

/* What an ARN is of. */
struct resource {
    json_t *document; /* NULL: nothing, and it has failed */
    char application[CODEDEPLOY_NAME_MAX + 1], group[CODEDEPLOY_NAME_MAX + 1];
};

/* The part of the ARN behind five colons. */
static const char *resource_part(const char *arn)
{
    for (int i = 0; i < 5 && arn; i++) {
        arn = strchr(arn, ':');
        arn = arn ? arn + 1 : NULL;
    }
    return arn;
}

static void find_named(struct codedeploy_call *call, const char *name, bool is_group,
                       struct resource *out)
{
    const char *slash = is_group ? strchr(name, '/') : NULL;
    size_t n = slash ? (size_t)(slash - name) : strlen(name);

    if (n <= CODEDEPLOY_NAME_MAX && (!slash || strlen(slash + 1) <= CODEDEPLOY_NAME_MAX)) {
        snprintf(out->application, sizeof(out->application), "%.*s", (int)n, name);
        snprintf(out->group, sizeof(out->group), "%s", slash ? slash + 1 : "");
    }
    out->document = is_group ? ledger_group(call->ledger, out->application, out->group)
                             : ledger_application(call->ledger, out->application);
    if (!out->document)
        codedeploy_call_fail(call,
                             is_group ? "DeploymentGroupDoesNotExistException"
                                      : "ApplicationDoesNotExistException",
                             "There is none of the name %.220s.", name);
}

static struct resource find_resource(struct codedeploy_call *call)
{
    const char *arn = codedeploy_call_text(call, call->body, "ResourceArn");
    struct resource out = {.document = NULL};
    const char *part = arn ? resource_part(arn) : NULL;

    if (!arn || !*arn)
        codedeploy_call_fail(call, "ResourceArnRequiredException", "ResourceArn is required.");
    else if (strncmp(arn, "arn:", 4) != 0 || !part || !strstr(arn, ":codedeploy:"))
        codedeploy_call_fail(call, "InvalidArnException",
                             "ResourceArn must be such as "
                             "arn:aws:codedeploy:REGION:ACCOUNT:application:NAME.");
    else if (strncmp(part, "application:", 12) == 0)
        find_named(call, part + 12, false, &out);
    else if (strncmp(part, "deploymentgroup:", 16) == 0)
        find_named(call, part + 16, true, &out);
    else
        codedeploy_call_fail(call, "ArnNotSupportedException",
                             "Applications and deployment groups have tags; this is neither.");
    if (call->is_over)
        out.document = NULL;
    return out;
}

/* ---- Operations ------------------------------------------------------------------------------ */

void codedeploy_tags_list(struct codedeploy_call *call)
{
    struct resource resource = find_resource(call);
    json_t *list, *value;
    const char *key;

    if (!resource.document)
        return;
    list = json_array();
    json_object_foreach(json_object_get(resource.document, "tags"), key, value)
    {
        json_array_append_new(list, json_pack("{s:s, s:O}", "Key", key, "Value", value));
    }
    codedeploy_call_answer_take(call, json_pack("{s:o}", "Tags", list));
}

/* Submits the resource with these tags, which are taken. */
static void set_take(struct codedeploy_call *call, const struct resource *resource, json_t *tags)
{
    json_t *changed = json_deep_copy(resource->document);

    json_object_set_new(changed, "tags", tags);
    ledger_edits_add(&call->edits, resource->group[0] ? LEDGER_GROUP : LEDGER_APPLICATION,
                     resource->application, resource->group, changed);
    call->answer = json_object();
    codedeploy_call_submit(call);
}

void codedeploy_tags_add(struct codedeploy_call *call)
{
    struct resource resource = find_resource(call);
    const json_t *list = codedeploy_call_member(call, call->body, "Tags", JSON_ARRAY);
    json_t *tags;

    if (!call->is_over && json_array_size(list) == 0)
        codedeploy_call_fail(call, "TagRequiredException", "Tags is required.");
    if (call->is_over)
        return;
    tags = json_deep_copy(json_object_get(resource.document, "tags"));
    tags = tags ? tags : json_object();
    take_tags(call, list, tags);
    if (call->is_over)
        json_decref(tags);
    else
        set_take(call, &resource, tags);
}

void codedeploy_tags_remove(struct codedeploy_call *call)
{
    struct resource resource = find_resource(call);
    json_t *keys = codedeploy_call_texts(call, call->body, "TagKeys");
    json_t *tags;

    if (!call->is_over && json_array_size(keys) == 0)
        codedeploy_call_fail(call, "TagRequiredException", "TagKeys is required.");
    if (call->is_over)
        return;
    tags = json_deep_copy(json_object_get(resource.document, "tags"));
    for (size_t i = 0; i < json_array_size(keys); i++)
        json_object_del(tags, json_string_value(json_array_get(keys, i)));
    set_take(call, &resource, tags ? tags : json_object());
}
