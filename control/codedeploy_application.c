/* Applications are documents of the ledger:
 *   {applicationId, applicationName, createTime, computePlatform, linkedToGitHub, tags} */
#include "control/codedeploy_application.h"

#include <stdio.h>
#include <string.h>

#include "control/codedeploy_tags.h"

/* ---- Reading --------------------------------------------------------------------------------- */

/* Without its tags. */
static json_t *show(const json_t *application)
{
    json_t *json = json_copy((json_t *)(uintptr_t)application);

    json_object_del(json, "tags");
    return json;
}

void codedeploy_application_get(struct codedeploy_call *call)
{
    const json_t *application = codedeploy_call_application(call);

    if (application)
        codedeploy_call_answer_take(call, json_pack("{s:o}", "application", show(application)));
}

void codedeploy_application_batch(struct codedeploy_call *call)
{
    json_t *names = codedeploy_call_texts(call, call->body, "applicationNames");
    json_t *list = json_array();

    if (json_array_size(names) == 0)
        codedeploy_call_fail(call, "ApplicationNameRequiredException",
                             "applicationNames is required.");
    if (json_array_size(names) > CODEDEPLOY_PAGE)
        codedeploy_call_fail(call, "BatchLimitExceededException",
                             "At most %d applications can be asked for at once.", CODEDEPLOY_PAGE);
    for (size_t i = 0; !call->is_over && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const json_t *application = ledger_application(call->ledger, name);

        if (application)
            json_array_append_new(list, show(application));
        else
            codedeploy_call_fail(call, "ApplicationDoesNotExistException",
                                 "No application found for name: %.120s", name);
    }
    if (call->is_over)
        json_decref(list);
    else
        codedeploy_call_answer_take(call, json_pack("{s:o}", "applicationsInfo", list));
}

void codedeploy_application_list(struct codedeploy_call *call)
{
    json_t *names = json_array(), *value;
    const char *key;

    json_object_foreach(call->ledger->applications, key, value)
    {
        json_array_append_new(names, json_string(key));
    }
    codedeploy_call_page_take(call, "applications", names, NULL);
}

/* ---- Writing --------------------------------------------------------------------------------- */

void codedeploy_application_create(struct codedeploy_call *call)
{
    const char *name =
        codedeploy_call_name(call, "applicationName", &codedeploy_call_kind_application);
    char id[ID_LENGTH + 1];
    json_t *tags;

    codedeploy_call_platform(call);
    tags = call->is_over ? NULL : codedeploy_tags_read(call);
    if (!call->is_over && ledger_application(call->ledger, name))
        codedeploy_call_fail(call, "ApplicationAlreadyExistsException",
                             "Application already exists with the given name: %s", name);
    if (call->is_over) {
        json_decref(tags);
        return;
    }
    ledger_new_uuid(call->ledger, id);
    ledger_edits_add(&call->edits, LEDGER_APPLICATION, name, "",
                     json_pack("{s:s, s:s, s:f, s:s, s:b, s:o}", "applicationId", id,
                               "applicationName", name, "createTime", codedeploy_call_now_s(),
                               "computePlatform", "Lambda", "linkedToGitHub", 0, "tags", tags));
    call->answer = json_pack("{s:s}", "applicationId", id);
    codedeploy_call_submit(call);
}

/* Its groups go with it, or move. */
static void edit_groups(struct codedeploy_call *call, const char *name, const char *new_name)
{
    json_t *groups = json_object_get(call->ledger->groups, name), *value;
    const char *key;

    json_object_foreach(groups, key, value)
    {
        ledger_edits_add(&call->edits, LEDGER_GROUP, name, key, NULL);
        if (new_name)
            ledger_edits_add(&call->edits, LEDGER_GROUP, new_name, key, json_deep_copy(value));
    }
}

/* One that is not there is gone already. Its deployments run on. */
void codedeploy_application_delete(struct codedeploy_call *call)
{
    const char *name =
        codedeploy_call_name(call, "applicationName", &codedeploy_call_kind_application);
    const json_t *application = name ? ledger_application(call->ledger, name) : NULL;

    if (call->is_over)
        return;
    if (!application) {
        codedeploy_call_answer_empty(call);
        return;
    }
    ledger_edits_add(&call->edits, LEDGER_APPLICATION, name, "", NULL);
    edit_groups(call, name, NULL);
    codedeploy_call_submit(call);
}

void codedeploy_application_update(struct codedeploy_call *call)
{
    json_t *application = codedeploy_call_application(call), *renamed;
    const char *name = json_string_value(json_object_get(application, "applicationName"));
    const char *new_name = application ? codedeploy_call_name(call, "newApplicationName",
                                                              &codedeploy_call_kind_application)
                                       : NULL;

    if (call->is_over)
        return;
    if (strcmp(name, new_name) == 0) {
        codedeploy_call_answer_empty(call);
        return;
    }
    if (ledger_application(call->ledger, new_name)) {
        codedeploy_call_fail(call, "ApplicationAlreadyExistsException",
                             "Application already exists with the given name: %s", new_name);
        return;
    }
    renamed = json_deep_copy(application);
    json_object_set_new(renamed, "applicationName", json_string(new_name));
    ledger_edits_add(&call->edits, LEDGER_APPLICATION, name, "", NULL);
    ledger_edits_add(&call->edits, LEDGER_APPLICATION, new_name, "", renamed);
    edit_groups(call, name, new_name);
    codedeploy_call_submit(call);
}
