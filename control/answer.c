/* Responses as JSON. */
#include "control/answer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/jsondoc.h"

/* What has a fraction is a share in billionths. */
enum { SHARE_DIGITS = 9 };

static void take(struct api_response *out, int status, const char *content_type, char *body)
{
    out->status = body ? status : 503;
    out->content_type = content_type;
    out->body = body;
    out->length = body ? strlen(body) : 0;
}

void answer_text(struct api_response *out, int status, const char *text)
{
    take(out, status, "text/plain; charset=utf-8", strdup(text));
}

void answer_document(struct api_response *out, char *text)
{
    take(out, 200, "application/json", text);
}

void answer_json(struct api_response *out, int status, json_t *root)
{
    take(out, status, "application/json", root ? jsondoc_dump_line(root, SHARE_DIGITS) : NULL);
    if (root)
        json_decref(root);
}

void answer_error(struct api_response *out, int status, const char *type, const char *message)
{
    const char *member =
        strcmp(type, "ResourceNotFoundException") == 0 || status >= 500 ? "Message" : "message";

    json_t *root = json_pack("{s:s}", member, message);

    if (root && strcmp(type, "ValidationException") != 0 &&
        json_object_set_new(root, "Type", json_string(status >= 500 ? "Service" : "User")) < 0) {
        json_decref(root);
        root = NULL;
    }
    answer_json(out, status, root);
    out->error_type = type;
}

void answer_not_allowed(struct api_response *out, const char *allow, const char *message)
{
    answer_error(out, 405, "MethodNotAllowedException", message);
    out->allow = allow;
}

json_t *answer_problem_list(const struct problems *problems)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < problems->nr; i++) {
        const struct problem *p = &problems->list[i];
        json_array_append_new(list, json_pack("{s:s, s:s?, s:s, s:s}", "code", p->code, "file",
                                              p->file, "path", p->path, "message", p->message));
    }
    return list;
}

void answer_problems(struct api_response *out, const struct problems *problems)
{
    answer_json(out, 400,
                json_pack("{s:s, s:o}", "message",
                          "The documents have problems; what was in force stays in force.",
                          "problems", answer_problem_list(problems)));
    out->error_type = "ValidationException";
}

void answer_field(struct api_response *response, const char *name, const char *value, ...)
{
    struct api_field *field = &response->fields[response->nr_fields];
    va_list arguments;

    assert(response->nr_fields < API_FIELDS_MAX);
    response->nr_fields++;
    field->name = name;
    va_start(arguments, value);
    vsnprintf(field->value, sizeof(field->value), value, arguments);
    va_end(arguments);
}
