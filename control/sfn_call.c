/* What all operations of Step Functions' API have in common. */
#include "control/sfn_call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "conf/jsondoc.h"
#include "conf/tabledoc_function.h"

/* Times in seconds with three places. */
enum { DIGITS = 15, MESSAGE_MAX = 8192, PAGE_DEFAULT = 100, PAGE_MAX = 1000, TOKEN_MAX = 1024 };

static const char content_type[] = "application/x-amz-json-1.0";
static const char token_head[] = "weir1:";

void sfn_call_fini(struct sfn_call *call)
{
    ledger_edits_fini(&call->edits);
    json_decref(call->body);
    json_decref(call->answer);
    json_decref(call->edit.document);
    free(call->enlisted);
}

double sfn_call_now_s(void)
{
    return (double)sfn_call_now_ms() / 1000;
}

json_int_t sfn_call_now_ms(void)
{
    return (json_int_t)(clock_unix_us() / 1000);
}

/* ---- Answers --------------------------------------------------------------------------------- */

void sfn_call_answer_take(struct sfn_call *call, json_t *answer)
{
    struct api_response *out = call->out;

    assert(!call->is_over);
    call->is_over = true;
    out->body = answer ? jsondoc_dump_line(answer, DIGITS) : NULL;
    json_decref(answer);
    out->status = out->body ? 200 : 503;
    out->length = out->body ? strlen(out->body) : 0;
    out->content_type = content_type;
}

void sfn_call_answer_empty(struct sfn_call *call)
{
    sfn_call_answer_take(call, json_object());
}

__attribute__((format(printf, 4, 0))) static void
fail(struct sfn_call *call, const char *type, const char *reason, const char *format, va_list args)
{
    char message[MESSAGE_MAX];
    json_t *answer;

    vsnprintf(message, sizeof(message), format, args);
    /* What was cut may end within a character. */
    answer =
        json_pack("{s:s, s:s}", "__type", type, "message",
                  jsondoc_is_utf8(message) ? message : "What is named is too long to be repeated.");
    if (answer && reason)
        json_object_set_new(answer, "reason", json_string(reason));
    sfn_call_answer_take(call, answer);
    if (call->out->status == 200)
        call->out->status = 400;
    call->out->error_type = type;
}

void sfn_call_fail(struct sfn_call *call, const char *type, const char *format, ...)
{
    va_list args;

    if (call->is_over)
        return;
    va_start(args, format);
    fail(call, type, NULL, format, args);
    va_end(args);
}

void sfn_call_fail_reason(struct sfn_call *call, const char *reason, const char *format, ...)
{
    va_list args;

    if (call->is_over)
        return;
    va_start(args, format);
    fail(call, "ValidationException", reason, format, args);
    va_end(args);
}

void sfn_call_fail_memory(struct sfn_call *call)
{
    if (!call->is_over)
        sfn_call_answer_take(call, NULL);
}

/* ---- Members --------------------------------------------------------------------------------- */

static const char *const types[] = {"an object", "a list",        "a text",        "a whole number",
                                    "a number",  "true or false", "true or false", "null"};

static bool is_type(const json_t *value, json_type type)
{
    if (type == JSON_TRUE)
        return json_is_boolean(value);
    if (type == JSON_REAL)
        return json_is_number(value);
    return json_typeof(value) == type;
}

json_t *sfn_call_member(struct sfn_call *call, const json_t *object, const char *name,
                        json_type type)
{
    json_t *value = json_object_get(object, name);

    if (!value || json_is_null(value) || call->is_over)
        return NULL;
    if (is_type(value, type))
        return value;
    sfn_call_fail(call, "SerializationException", "%s must be %s.", name, types[type]);
    return NULL;
}

const char *sfn_call_text(struct sfn_call *call, const char *name)
{
    const json_t *value = sfn_call_member(call, call->body, name, JSON_STRING);

    if (value && strlen(json_string_value(value)) != json_string_length(value)) {
        sfn_call_fail(call, "ValidationException", "%s must not contain U+0000.", name);
        return NULL;
    }
    return json_string_value(value);
}

void sfn_call_require(struct sfn_call *call, const void *value, const char *member)
{
    if (!value && !call->is_over)
        lambda_check_add(&call->check, (struct str){NULL, 0}, member, "Member must not be null");
}

bool sfn_call_is_wrong(struct sfn_call *call)
{
    char message[LAMBDA_CHECK_MESSAGE];

    if (!call->is_over && call->check.nr > 0) {
        lambda_check_message(&call->check, message);
        sfn_call_fail(call, "ValidationException", "%s", message);
    }
    return call->is_over;
}

static struct arn_home home_of(const struct sfn_call *call)
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);

    return (struct arn_home){str_of(settings->aws.region), str_of(settings->aws.account_id)};
}

/* What is wrong with it here; the text behind "Invalid Arn: '". */
static const char *look(const struct sfn_call *call, const char *text, unsigned kinds,
                        struct sfn_arn *out, struct str *what)
{
    struct arn_home home = home_of(call);
    const char *wrong = sfn_arn_parse(str_of(text), out);

    *what = out->text;
    if (wrong)
        return wrong;
    *what = out->type;
    if (out->kind != SFN_ARN_LABEL && !(kinds >> out->kind & 1))
        return "Resource type not valid in this context";
    *what = out->region;
    if (!str_eq(out->region, home.region))
        return "Region not valid in this context";
    *what = out->account;
    return str_eq(out->account, home.account) ? NULL : "Account not valid in this context";
}

bool sfn_call_arn(struct sfn_call *call, const char *member, unsigned kinds, struct sfn_arn *out)
{
    const char *text = sfn_call_text(call, member), *wrong;
    struct str what;

    sfn_call_require(call, text, member);
    lambda_check_length(&call->check, text, member, 1, SFN_ARN_TEXT_MAX);
    if (sfn_call_is_wrong(call))
        return false;
    wrong = look(call, text, kinds, out, &what);
    if (wrong)
        sfn_call_fail(call, "InvalidArn", "Invalid Arn: '%s: %.*s'", wrong, STR_ARG(what));
    else if (out->kind == SFN_ARN_LABEL)
        sfn_call_fail_reason(call, "API_DOES_NOT_SUPPORT_LABELED_ARNS",
                             "This operation does not support labeled ARNs: '%s'", text);
    return !call->is_over;
}

/* ---- What there is --------------------------------------------------------------------------- */

struct table *sfn_call_table(const struct sfn_call *call)
{
    return call->hooks->table(call->hooks->context);
}

static void fail_absent(struct sfn_call *call, const struct sfn_arn *arn)
{
    sfn_call_fail(call, "StateMachineDoesNotExist", "State Machine Does Not Exist: '%.*s'",
                  STR_ARG(arn->text));
}

struct function *sfn_call_machine(struct sfn_call *call, const struct sfn_arn *arn)
{
    struct function *machine = table_function(sfn_call_table(call), str_of(arn->function));

    if (!machine)
        fail_absent(call, arn);
    return machine;
}

/* $LATEST, or the highest number. */
static struct str current_name(const struct function *machine)
{
    struct str best = machine->versions[0].name;

    for (int i = 0; i < machine->nr_versions; i++) {
        struct str name = machine->versions[i].name;
        if (str_eq(name, STR("$LATEST")))
            return name;
        if (name.n > best.n || (name.n == best.n && memcmp(name.p, best.p, name.n) > 0))
            best = name;
    }
    return best;
}

struct target *sfn_call_current(const struct sfn_call *call, const struct function *machine)
{
    return table_find(sfn_call_table(call), machine->name, current_name(machine), NULL);
}

struct target *sfn_call_target(struct sfn_call *call, const struct sfn_arn *arn)
{
    const struct function *machine = sfn_call_machine(call, arn);
    struct target *target;

    if (!machine)
        return NULL;
    if (arn->kind == SFN_ARN_MACHINE)
        return sfn_call_current(call, machine);
    target = table_find(sfn_call_table(call), machine->name, arn->qualifier, NULL);
    if (target && (target->alias.n > 0) == (arn->kind == SFN_ARN_ALIAS))
        return target;
    fail_absent(call, arn);
    return NULL;
}

/* ---- Pages ----------------------------------------------------------------------------------- */

static void fail_token(struct sfn_call *call)
{
    sfn_call_fail(call, "InvalidToken", "Invalid Token: 'Invalid token'");
}

static void read_token(struct sfn_call *call, const char *token, struct sfn_page *page)
{
    size_t head = sizeof(token_head) - 1;
    char text[TOKEN_MAX + 4];
    long n = strlen(token) <= TOKEN_MAX ? (long)base64_read(text, str_of(token)) : -1;

    if (n > 0)
        text[n] = '\0';
    if (n <= (long)head || n > (long)(head + sizeof(page->after) - 1) ||
        memcmp(text, token_head, head) != 0)
        fail_token(call);
    else
        memcpy(page->after, text + head, (size_t)n - head + 1); /* its end as well */
}

void sfn_call_page(struct sfn_call *call, struct sfn_page *page)
{
    const json_t *max = sfn_call_member(call, call->body, "maxResults", JSON_INTEGER);
    const char *token = sfn_call_text(call, "nextToken");
    json_int_t n = json_integer_value(max);

    *page = (struct sfn_page){.max = n >= 1 && n <= PAGE_MAX ? (size_t)n : PAGE_DEFAULT};
    lambda_check_range(&call->check, max, "maxResults", 0, PAGE_MAX);
    lambda_check_length(&call->check, token, "nextToken", 1, TOKEN_MAX);
    if (token && !call->is_over && call->check.nr == 0)
        read_token(call, token, page);
}

static json_t *write_token(const char *name)
{
    char text[sizeof(token_head) + 512], token[TOKEN_MAX];
    int n = snprintf(text, sizeof(text), "%s%s", token_head, name);

    *base64_put(token, (struct str){text, (size_t)n}) = '\0';
    return json_string(token);
}

/* Where the page begins; false where the token's item is gone. */
static bool find_begin(const struct sfn_page *page, const json_t *names, size_t *begin)
{
    *begin = 0;
    if (!page->after[0])
        return true;
    for (size_t i = 0; i < json_array_size(names); i++) {
        if (strcmp(json_string_value(json_array_get(names, i)), page->after) == 0) {
            *begin = i + 1;
            return true;
        }
    }
    return false;
}

void sfn_call_page_take(struct sfn_call *call, const struct sfn_page *page, const char *member,
                        json_t *items, json_t *names)
{
    size_t nr = json_array_size(items), begin, end;
    json_t *list = json_array(), *answer = NULL;

    if (!find_begin(page, names, &begin))
        fail_token(call);
    end = nr - begin > page->max ? begin + page->max : nr;
    for (size_t i = begin; list && i < end; i++)
        json_array_append(list, json_array_get(items, i));
    if (items && names)
        answer = json_pack("{s:O}", member, list);
    if (answer && end < nr)
        json_object_set_new(answer, "nextToken",
                            write_token(json_string_value(json_array_get(names, end - 1))));
    json_decref(list);
    json_decref(items);
    json_decref(names);
    if (call->is_over)
        json_decref(answer);
    else
        sfn_call_answer_take(call, answer);
}

/* ---- Changing -------------------------------------------------------------------------------- */

json_t *sfn_call_document(struct sfn_call *call, const struct function *machine)
{
    json_t *document = tabledoc_function_write(sfn_call_table(call), machine);

    if (!document)
        sfn_call_fail_memory(call);
    return document;
}

/* The documents' rules said no: the first of what they said. */
static void fail_refused(struct sfn_call *call, const struct change_result *result)
{
    if (result->problems->nr > 0)
        sfn_call_fail(call, "ValidationException", "%s: %s", result->problems->list[0].path,
                      result->problems->list[0].message);
    else
        sfn_call_fail(call, "ValidationException", "The change was refused.");
}

static void done(struct change *change, const struct change_result *result)
{
    struct sfn_call *call = change->state;

    call->is_over = false;
    if (call->enlisted)
        json_object_del(call->ledger->enlisted, call->enlisted);
    switch (result->status) {
    case CHANGE_DONE:
        ledger_edits_apply(&call->edits, call->ledger);
        sfn_call_answer_take(call, call->answer ? json_incref(call->answer) : json_object());
        return;
    case CHANGE_REFUSED:
        fail_refused(call, result);
        return;
    case CHANGE_CONFLICT:
        sfn_call_fail(call, "ConflictException", "It was changed by another request meanwhile.");
        return;
    default:
        sfn_call_fail(call, "ServiceUnavailable", "%s",
                      result->reason ? result->reason : "The change could not be made.");
        call->out->status = 503;
    }
}

static void submit(struct sfn_call *call, json_t *document)
{
    if (call->is_over) {
        json_decref(document);
        return;
    }
    ledger_edits_keep(&call->edits, call->change);
    if (call->edits.is_short) {
        json_decref(document);
        sfn_call_fail_memory(call);
        return;
    }
    call->edit.document = document;
    change_submit(call->change, &call->edit, 1, done);
    call->edit.document = NULL; /* it took it */
}

void sfn_call_submit_machine(struct sfn_call *call, struct str function, json_t *document)
{
    snprintf(call->function, sizeof(call->function), "%.*s", STR_ARG(function));
    call->edit = (struct change_edit){.kind = CHANGE_FUNCTION, .function = call->function};
    submit(call, document);
}

void sfn_call_submit_alias(struct sfn_call *call, struct str function, const char *alias,
                           json_t *document)
{
    snprintf(call->function, sizeof(call->function), "%.*s", STR_ARG(function));
    snprintf(call->alias, sizeof(call->alias), "%s", alias);
    call->edit =
        (struct change_edit){.kind = CHANGE_ALIAS, .function = call->function, .name = call->alias};
    submit(call, document);
}
