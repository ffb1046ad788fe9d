/* The members of FunctionConfiguration, in Lambda's order. */
#include "control/lambda_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "control/lambda_code.h"

/* Of versions that do not say it: those of the table file. */
#define LONG_AGO "1970-01-01T00:00:00.000+0000"
enum { TIMEOUT_MAX_S = 900 };

void lambda_shape_terminate(struct str s, char *out, size_t size)
{
    snprintf(out, size, "%.*s", STR_ARG(s));
}

void lambda_shape_date(uint64_t unix_us, bool is_url, char out[LAMBDA_SHAPE_DATE])
{
    time_t seconds = (time_t)(unix_us / 1000000);
    unsigned ms = (unsigned)(unix_us / 1000 % 1000);
    struct tm tm;
    size_t n;

    gmtime_r(&seconds, &tm);
    n = strftime(out, LAMBDA_SHAPE_DATE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, LAMBDA_SHAPE_DATE - n, ".%03u%s", ms % 1000, is_url ? "Z" : "+0000");
}

const json_t *lambda_shape_version(const json_t *document, const char *version)
{
    return json_object_get(json_object_get(document, "versions"), version);
}

const char *lambda_shape_main(const json_t *document)
{
    json_t *versions = json_object_get(document, "versions");
    const char *last = "$LATEST";
    unsigned long long highest = 0;

    if (json_object_get(versions, last))
        return last;
    for (void *i = json_object_iter(versions); i; i = json_object_iter_next(versions, i)) {
        unsigned long long number = strtoull(json_object_iter_key(i), NULL, 10);
        if (number >= highest) {
            highest = number;
            last = json_object_iter_key(i);
        }
    }
    return last;
}

/* ---- The members ----------------------------------------------------------------------------- */

/* An object that is written; is_out: out of memory meanwhile. */
struct writer {
    json_t *to;
    const json_t *version, *configuration;
    bool is_out;
};

static void set_take(struct writer *w, const char *name, json_t *value)
{
    w->is_out |= json_object_set_new(w->to, name, value) < 0;
}

static void set_text(struct writer *w, const char *name, const char *text)
{
    set_take(w, name, json_string(text));
}

static void set_json(struct writer *w, const char *name, const json_t *value)
{
    set_take(w, name, json_incref((json_t *)(uintptr_t)value));
}

/* What configuration says, if it does. */
static bool copy(struct writer *w, const char *name)
{
    const json_t *value = json_object_get(w->configuration, name);

    if (value)
        set_json(w, name, value);
    return value != NULL;
}

static void copy_or_take(struct writer *w, const char *name, json_t *otherwise)
{
    if (copy(w, name))
        json_decref(otherwise);
    else
        set_take(w, name, otherwise);
}

/* The members of the default that configuration says nothing of stay. */
static void copy_over_take(struct writer *w, const char *name, json_t *otherwise)
{
    json_t *said = json_object_get(w->configuration, name);

    w->is_out |= !otherwise || (said && json_object_update(otherwise, said) < 0);
    set_take(w, name, otherwise);
}

static void write_code(struct writer *w)
{
    char sha256[LAMBDA_CODE_SHA256], *uri = lambda_code_write(w->version);

    if (uri && lambda_code_sha256(uri, sha256))
        set_text(w, "CodeSha256", sha256);
    else
        w->is_out = true;
    free(uri);
}

/* Of a version without a limit of its own, the longest that Lambda has. */
static void write_timeout(struct writer *w)
{
    json_int_t ms = json_integer_value(json_object_get(w->version, "timeout_ms"));

    set_take(w, "Timeout", json_integer(ms > 0 ? (ms + 999) / 1000 : TIMEOUT_MAX_S));
}

static void write_layers(struct writer *w)
{
    const json_t *arns = json_object_get(w->configuration, "Layers");
    json_t *layers = json_array();

    for (size_t i = 0; i < json_array_size(arns); i++)
        w->is_out |=
            json_array_append_new(
                layers, json_pack("{s:O, s:i}", "Arn", json_array_get(arns, i), "CodeSize", 0)) < 0;
    set_take(w, "Layers", layers);
}

static void write_state(struct writer *w, const struct lambda_shape *shape)
{
    if (shape->is_listed)
        return;
    set_text(w, "State", shape->is_new ? "Pending" : "Active");
    if (shape->is_new) {
        set_text(w, "StateReason", "The function is being created.");
        set_text(w, "StateReasonCode", "Creating");
    }
    set_text(w, "LastUpdateStatus", "Successful");
}

static void write_head(struct writer *w, const struct lambda_call *call,
                       const struct lambda_shape *shape)
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);

    set_text(w, "FunctionName", shape->function);
    set_text(w, "FunctionArn", lambda_call_arn(call, shape->function, shape->qualifier).s);
    copy(w, "Runtime");
    copy_or_take(w, "Role", json_sprintf("arn:aws:iam::%s:role/weir", settings->aws.account_id));
    copy(w, "Handler");
    set_take(w, "CodeSize", json_integer(0));
    copy_or_take(w, "Description", json_string(""));
    write_timeout(w);
    copy_or_take(w, "MemorySize", json_integer(128));
    copy_or_take(w, "LastModified", json_string(LONG_AGO));
    write_code(w);
    set_text(w, "Version", shape->version);
}

/* Where only the table file says it, it is shown as Lambda would: the ARN of a function. */
static void write_dead_letter(struct writer *w, const struct lambda_call *call, const char *target)
{
    struct str function = str_until(str_of(target), ':');
    char name[LAMBDA_TEXT];

    if (copy(w, "DeadLetterConfig") || !target)
        return;
    lambda_shape_terminate(function, name, sizeof(name));
    set_take(w, "DeadLetterConfig",
             json_pack("{s:s}", "TargetArn",
                       strstr(target, "://")
                           ? target
                           : lambda_call_arn(call, name,
                                             target + function.n + (target[function.n] == ':'))
                                 .s));
}

static void write_tail(struct writer *w, const struct lambda_call *call,
                       const struct lambda_shape *shape)
{
    json_t *image = json_object_get(w->configuration, "ImageConfig");

    copy(w, "VpcConfig");
    write_dead_letter(w, call, json_string_value(json_object_get(shape->document, "dead_letter")));
    copy(w, "Environment");
    copy(w, "KMSKeyArn");
    copy_or_take(w, "TracingConfig", json_pack("{s:s}", "Mode", "PassThrough"));
    if (json_object_get(w->configuration, "Layers"))
        write_layers(w);
    write_state(w, shape);
    copy(w, "FileSystemConfigs");
    copy_or_take(w, "PackageType", json_string("Image"));
    if (image)
        set_take(w, "ImageConfigResponse", json_pack("{s:O}", "ImageConfig", image));
    copy_or_take(w, "Architectures", json_pack("[s]", "x86_64"));
    copy_or_take(w, "EphemeralStorage", json_pack("{s:i}", "Size", 512));
    copy_over_take(w, "SnapStart",
                   json_pack("{s:s, s:s}", "ApplyOn", "None", "OptimizationStatus", "Off"));
    copy_over_take(w, "LoggingConfig",
                   json_pack("{s:s, s:o}", "LogFormat", "Text", "LogGroup",
                             json_sprintf("/aws/lambda/%s", shape->function)));
}

json_t *lambda_shape_configuration(const struct lambda_call *call, const struct lambda_shape *shape)
{
    struct writer w = {.to = json_object(),
                       .version = lambda_shape_version(shape->document, shape->version)};
    char revision[CHANGE_REVISION_SIZE];

    w.configuration = json_object_get(w.version, "configuration");
    w.is_out |= change_revision(call->hooks, CHANGE_VERSION, str_of(shape->function),
                                str_of(shape->version), revision) < 0;
    write_head(&w, call, shape);
    if (!w.is_out)
        set_text(&w, "RevisionId", revision);
    write_tail(&w, call, shape);
    if (!w.is_out)
        return w.to;
    json_decref(w.to);
    return NULL;
}
